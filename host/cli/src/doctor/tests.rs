use super::*;
use std::fs;

const CONFIG: &str = "
app: shop
build: { run: no-such-program-here --release, artifacts: [target/release/shop] }
environments:
  production:
    target: { local: { listen: \"127.0.0.1:0\", command: COMMAND, health: /healthz } }
    strategy: direct
    env: { DATABASE_URL: { secret: DB } }
";

fn checkout(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("baepo.yml"), config).unwrap();
    folder
}

fn examine_with(config: &str, variables: &[(&str, &str)]) -> Vec<Check> {
    let folder = checkout(config);
    let surroundings = Surroundings {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    examine(
        &Args {
            config: None,
            output: Output::Text,
        },
        folder.path(),
        &surroundings,
    )
    .0
}

fn line(checks: &[Check], about: &str) -> String {
    let found: Vec<String> = checks
        .iter()
        .filter(|check| check.about == about)
        .map(Check::to_string)
        .collect();
    found.join("\n")
}

#[test]
fn what_is_missing_is_named_with_its_fix() {
    let checks = examine_with(&CONFIG.replace("COMMAND", "shop"), &[("PATH", "/bin")]);
    assert_eq!(
        line(&checks, "program"),
        "✗ program      `no-such-program-here` was not found; the plugin `command` runs it\n               help: install no-such-program-here, or add its folder to PATH"
    );
    assert_eq!(
        line(&checks, "production"),
        "✓ production   `shop` comes with the release\n✓ production   127.0.0.1:0 is free"
    );
    assert!(line(&checks, "secret").starts_with("· secret       DB is not set"));
    assert!(
        line(&checks, "git").starts_with("✗ git"),
        "{}",
        line(&checks, "git")
    );
    assert!(line(&checks, "config").starts_with("✓ config"));
}

#[test]
fn a_command_that_nobody_makes_is_found() {
    let checks = examine_with(&CONFIG.replace("COMMAND", "shopp"), &[("PATH", "/bin")]);
    assert!(
        line(&checks, "production").contains("the build makes: shop"),
        "{}",
        line(&checks, "production")
    );
    let checks = examine_with(&CONFIG.replace("COMMAND", "sh"), &[("PATH", "/bin")]);
    assert!(line(&checks, "production").starts_with("✓ production   `sh` is /bin/sh"));
}

#[test]
fn a_command_without_a_grant_is_found_before_it_is_denied() {
    let long =
        "build: [{ plugin: builtin:command, with: { run: [sh, build.sh], artifacts: [shop] } }]";
    let config = CONFIG.replace("COMMAND", "shop");
    let short = config
        .lines()
        .find(|line| line.starts_with("build:"))
        .unwrap();
    let checks = examine_with(&config.replace(short, long), &[("PATH", "/bin")]);
    assert!(
        line(&checks, "grant").contains("allow: { run: [sh] }"),
        "{}",
        line(&checks, "grant")
    );
}

#[test]
fn in_actions_secrets_and_variables_must_be_there() {
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", "x"),
        ("GITHUB_EVENT_PATH", "/nowhere/event.json"),
    ];
    let checks = examine_with(&CONFIG.replace("COMMAND", "shop"), &variables);
    assert!(
        line(&checks, "secret").contains("env: { DB: \"${{ secrets.DB }}\" }"),
        "{}",
        line(&checks, "secret")
    );
    assert!(
        line(&checks, "github")
            .contains("not set: GITHUB_REPOSITORY, GITHUB_REF, GITHUB_EVENT_NAME")
    );
    assert!(line(&checks, "github").contains("the event cannot be read"));
}

#[tokio::test]
async fn the_mistakes_of_the_configuration_are_shown_and_the_exit_code_is_2() {
    let folder = checkout("app: shop\nenvironment: {}\n");
    let mut out = Vec::new();
    let code = run(
        &Args {
            config: None,
            output: Output::Text,
        },
        folder.path(),
        &mut out,
    )
    .await
    .unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("did you mean `environments`?"), "{out}");
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
}

#[test]
fn a_checkout_without_a_configuration_is_sent_to_init() {
    let folder = tempfile::tempdir().unwrap();
    let (checks, _) = examine(
        &Args {
            config: None,
            output: Output::Text,
        },
        folder.path(),
        &Surroundings::default(),
    );
    assert!(line(&checks, "config").contains("`baepo init` writes a first one"));
}

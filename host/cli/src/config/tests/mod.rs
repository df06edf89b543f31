//! What people see when their file is wrong, and what a right file becomes.

use baepo_runtime::plugin::LimitKey;
use expect_test::{Expect, expect};

use super::*;

mod mistakes;
mod syntax;

fn check(source: &str, expected: Expect) {
    let shown = match parse("baepo.yml", source) {
        Ok(_) => "no findings\n".to_owned(),
        Err(findings) => findings.render(false),
    };
    expected.assert_eq(&shown);
}

/// A right file with one environment; `extra` is added to it.
fn with_environment(extra: &str) -> String {
    format!(
        "app: shop
environments:
  production:
    target: {{ local: {{ listen: \"127.0.0.1:8080\", command: [shop], instances: 4, health: /healthz }} }}
    strategy: canary
{extra}"
    )
}

const SMALLEST: &str = r#"
app: shop
build:  { run: cargo build --release, artifacts: [target/release/shop] }
test:   { run: cargo nextest run --profile ci, junit: target/nextest/ci/junit.xml }
environments:
  production:
    target: { local: { listen: "0.0.0.0:8080", command: [shop], instances: 4, health: /healthz } }
    strategy: canary
    monitors: [traffic]
"#;

const GROWN: &str = r#"
app: shop
build:
  - plugin: builtin:command
    with: { run: [cargo, build, --release], artifacts: [target/release/shop] }
    allow: { run: [cargo], write: [target] }
  - plugin: oci://ghcr.io/acme/sbom@sha256:3f1c
    allow: { read: [Cargo.lock, target/release/shop] }
test:
  - plugin: builtin:junit
    with: { run: [cargo, nextest, run, --profile, ci], reports: ["target/nextest/ci/junit.xml"] }
    allow: { run: [cargo], read: [target/nextest] }
release:
  files: [{ template: deploy/shop.toml.j2, to: shop.toml }]
  env:   { RUST_LOG: info }
environments:
  staging:
    target: { local: { ssh: { to: deploy@staging.acme.dev, key: { secret: DEPLOY_KEY } }, listen: "0.0.0.0:8080", command: [shop], instances: 2, health: /healthz } }
    strategy: direct
    env: { DATABASE_URL: { secret: STAGING_DATABASE_URL } }
  production:
    needs: staging
    target: { kubernetes: { namespace: shop, manifest: deploy/shop.yaml } }
    strategy:
      plugin: builtin:canary
      with: { steps: [1%, 5%, 25%, 50%], observe: 5m, hold-at: [25%], bake: 30m }
    limits: { max-exposure-unjudged: 5% }
    monitors:
      - traffic
      - plugin: builtin:prometheus
        with: { url: "https://prom.acme.dev", queries: { cpu: 'rate(cpu{revision="{{ revision }}"}[1m])' } }
        allow: { net: ["https://prom.acme.dev:443"], secrets: [PROM_TOKEN] }
      - plugin: ./plugins/checkout-rate.wasm
    on-cancel: abort
"#;

#[test]
fn the_smallest_file_becomes_a_whole_configuration() {
    let config = parse("baepo.yml", SMALLEST).unwrap();
    assert_eq!(config.app, "shop");
    expect![[r#"
        [
            PluginUse {
                name: "command",
                plugin: Builtin(
                    "command",
                ),
                sha256: None,
                with: Object {
                    "run": Array [
                        String("cargo"),
                        String("build"),
                        String("--release"),
                    ],
                    "artifacts": Array [
                        String("target/release/shop"),
                    ],
                },
                allow: Allow {
                    run: [
                        "cargo",
                    ],
                    net: [],
                    read: [
                        "target/release/shop",
                    ],
                    write: [
                        ".",
                    ],
                    env: [],
                    secrets: [],
                    socket: [],
                },
                limits: PluginLimits(
                    {},
                ),
                with_at: "build",
            },
        ]
    "#]]
    .assert_debug_eq(&config.build);
    let production = config.environment("production").unwrap();
    assert_eq!(production.instances, 4);
    let local = production.target.local().unwrap();
    assert_eq!(local.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(production.strategy.plugin.to_string(), "builtin:canary");
    assert_eq!(production.limits.max_surge, 4);
    assert_eq!(production.limits.max_unavailable, 0);
    assert_eq!(production.limits.max_exposure_unwatched.value(), 500);
    assert_eq!(config.plugins().count(), 5);
}

#[test]
fn environments_come_after_those_that_they_need() {
    let environment = |name: &str, port: u16, needs: &str| {
        format!(
            "  {name}: {{ needs: {needs}, target: {{ local: {{ listen: \"127.0.0.1:{port}\", command: shop, health: / }} }}, strategy: direct }}\n"
        )
    };
    let source = format!(
        "app: shop\nenvironments:\n{}{}{}",
        environment("production", 1, "[staging, preview]"),
        environment("staging", 2, "preview"),
        environment("preview", 3, "[]"),
    );
    let config = parse("baepo.yml", &source).unwrap();
    let names: Vec<&str> = config
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["preview", "staging", "production"]);
}

#[test]
fn values_of_variables_are_taken_as_they_are_written() {
    let source = with_environment(
        "    env: { VERSION: 1.10, DEBUG: true, ID: 007, EMPTY: '', MODE: 0x1F }\n",
    );
    let config = parse("baepo.yml", &source).unwrap();
    let text = |name: &str| match &config.environments[0].env[name] {
        Variable::Literal(text) => text.clone(),
        Variable::Secret(name) => panic!("{name}"),
    };
    assert_eq!(
        ["VERSION", "DEBUG", "ID", "EMPTY", "MODE"].map(text),
        ["1.10", "true", "007", "", "0x1F"]
    );
}

#[test]
fn keys_for_aliases_may_stand_at_the_top_level() {
    let source = with_environment("").replace(
        "app: shop",
        "x-canary: &canary { plugin: canary, with: { bake: 1m } }\napp: shop",
    );
    let source = source.replace("strategy: canary", "strategy: *canary");
    let config = parse("baepo.yml", &source).unwrap();
    assert_eq!(config.environments[0].strategy.with["bake"], "1m");
    assert!(
        parse(
            "baepo.yml",
            &source.replace("    strategy", "    x-a: 1\n    strategy")
        )
        .is_err()
    );
}

#[test]
fn limits_are_counts_of_n_rounded_to_the_safe_side() {
    let source = with_environment(
        "    limits: { max-surge: 30%, max-unavailable: 30%, max-exposure-unjudged: 0.5% }\n",
    );
    let limits = parse("baepo.yml", &source).unwrap().environments[0].limits;
    assert_eq!((limits.max_surge, limits.max_unavailable), (2, 1));
    assert_eq!(limits.max_exposure_unjudged.value(), 50);
}

#[test]
fn what_a_plugin_finds_in_its_settings_is_shown_at_its_line() {
    let source = with_environment("").replace(
        "strategy: canary",
        "strategy:\n      plugin: builtin:canary\n      with: { steps: [5%, 3%] }",
    );
    let config = parse("baepo.yml", &source).unwrap();
    let strategy = &config.environments[0].strategy;
    let problems = vec![
        config.locate_problem(
            strategy,
            "steps.1",
            "must be larger than the step before (5 %)",
        ),
        config.locate_problem(strategy, "bake.min", "is too short"),
    ];
    expect![[r#"
        error: 2 problems in baepo.yml

          baepo.yml:7:7
           7 │       with: { steps: [5%, 3%] }
             │       ^^^^ `bake.min` of `canary`: is too short

          baepo.yml:7:27
           7 │       with: { steps: [5%, 3%] }
             │                           ^^ `steps.1` of `canary`: must be larger than the step before (5 %)
    "#]].assert_eq(&config.findings(problems).render(false));
    assert_eq!(
        config.locate("production", "strategy.with.steps.1").column,
        27
    );
}

#[test]
fn files_that_the_configuration_names_must_be_there() {
    let checkout = tempfile::tempdir().unwrap();
    let source = with_environment("    monitors: [./plugins/a.wasm]\n").replace(
        "environments:",
        "release: { files: [{ template: a.j2, to: a }] }\nenvironments:",
    );
    std::fs::write(checkout.path().join("baepo.yml"), source).unwrap();
    let error = load(checkout.path(), None).unwrap_err();
    expect![[r#"
        error: 2 problems in baepo.yml

          baepo.yml:2:32
           2 │ release: { files: [{ template: a.j2, to: a }] }
             │                                ^^^^ there is no such file
          help: paths are relative to the checkout

          baepo.yml:7:16
           7 │     monitors: [./plugins/a.wasm]
             │                ^^^^^^^^^^^^^^^^ there is no component at `plugins/a.wasm`
          help: build the plugin first; paths are relative to the checkout"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn a_missing_file_says_where_it_was_looked_for() {
    let checkout = tempfile::tempdir().unwrap();
    let error = load(checkout.path(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no configuration: looked for .github/baepo.yml and baepo.yml"
    );
    assert!(error.help().contains("baepo init"));
}

#[test]
fn the_schema_and_the_parser_agree_on_every_required_key() {
    // A finding for every one-key removal of the smallest file that the schema
    // calls required, and none for the others.
    let without = |key: &str| {
        let lines: Vec<&str> = SMALLEST
            .lines()
            .filter(|line| !line.trim_start().starts_with(key))
            .collect();
        parse("baepo.yml", &lines.join("\n")).is_ok()
    };
    assert!(!without("app:") && !without("target:") && !without("strategy:"));
    assert!(without("build:") && without("test:") && without("monitors:"));
}

#[test]
fn every_key_of_the_file_sets_its_limit() {
    let source = "\
app: shop
build:
  - plugin: ./x.wasm
    limits:
      { cpu: 1ms, time: 2ms, memory: 3B, memories: 4, tables: 5, table-elements: 6, instances: 7,
        handles: 8, exchange: 9B, answer: 10B, log: 11B, log-lines: 12, file: 13B,
        http-requests: 14, http: 15B, http-headers: 16B, http-timeout: 17ms, random: 18B,
        component: 19B, compile: 20ms }
environments:
  production:
    target: { local: { listen: \"127.0.0.1:8080\", command: [shop], health: / } }
    strategy: direct
";
    let config = parse("baepo.yml", source).unwrap();
    let expected = LimitKey::ALL.into_iter().zip(1..).collect();
    assert_eq!(config.build[0].limits, PluginLimits(expected));
}

/// The YAML of the fenced blocks of a page.
fn yaml_blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn whole_configurations_in_the_documentation_have_no_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for page in ["README.md", "docs/configuration.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap_or_default();
        for block in yaml_blocks(&text)
            .into_iter()
            .filter(|block| block.contains("\nenvironments:"))
        {
            seen += 1;
            assert!(
                parse(page, block).is_ok(),
                "{}",
                parse(page, block).unwrap_err()
            );
        }
    }
    assert!(seen > 0, "no configuration was found in the documentation");
}

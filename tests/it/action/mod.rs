//! `uses: ./` in a real workflow, run by act without containers.

mod command;
mod events;
mod publish;
mod releases;
mod runner;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::github::Fake;
use crate::github::fake::JOB;

/// What every run of the workflow needs, unless a test says otherwise.
const INPUTS: [(&str, &str); 8] = [
    ("TEST_BINARY", ""),
    ("TEST_COMMAND", "run"),
    ("TEST_CONFIG", ".github/baepo.yml"),
    ("TEST_ENVIRONMENT", ""),
    ("TEST_MAX_WAIT", ""),
    ("TEST_PACK", ""),
    ("TEST_BUNDLE", ""),
    ("TEST_BUNDLE_DIGEST", ""),
];

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where act is, or nothing where a person runs the tests without it.
fn act() -> Result<Option<PathBuf>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(root().join("target/tools/bin"))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("act"))
        .find(|file| file.is_file());
    if found.is_none() && std::env::var_os("CI").is_some() {
        bail!("act is not on this machine: cargo xtask ci install");
    }
    Ok(found)
}

/// A repository that holds the action, the sample service and a workflow that uses both.
struct Repository(TempDir);

impl Repository {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let sources = [
            ("action.yml", "baepo/action.yml"),
            ("command/action.yml", "baepo/command/action.yml"),
            ("tell/action.yml", "baepo/tell/action.yml"),
            ("scripts/build.sh", "baepo/scripts/build.sh"),
            ("scripts/install.sh", "baepo/scripts/install.sh"),
            ("scripts/run.sh", "baepo/scripts/run.sh"),
            ("scripts/say.sh", "baepo/scripts/say.sh"),
            (
                "tests/workflows/uses-action.yml",
                ".github/workflows/deploy.yml",
            ),
            (
                "tests/workflows/uses-command.yml",
                ".github/workflows/commands.yml",
            ),
            (
                "tests/workflows/uses-events.yml",
                ".github/workflows/events.yml",
            ),
            (
                "tests/workflows/uses-tell.yml",
                ".github/workflows/tell.yml",
            ),
            ("tests/sample/Cargo.toml", "shop/Cargo.toml"),
        ];
        for (from, to) in sources {
            let to = folder.path().join("repository").join(to);
            fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            fs::copy(root().join(from), to).with_context(|| format!("cannot copy {from}"))?;
        }
        let repository = Self(folder);
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        repository.git(&["add", "."])?;
        repository.git(&["commit", "--quiet", "--message=Sell bread"])?;
        Ok(repository)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("repository")
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let status = Command::new("git")
            .args(["-c", "user.name=Baker", "-c", "user.email=baker@shop.test"])
            .args(arguments)
            .current_dir(self.path())
            .status()?;
        ensure!(status.success(), "git {arguments:?}: {status}");
        Ok(())
    }

    /// Runs the workflow as for a push, with these variables in its environment.
    fn push(&self, act: &Path, variables: &[(&str, &str)]) -> Result<Job> {
        self.push_as("dummy", act, variables)
    }

    /// The same with this token.
    fn push_as(&self, token: &str, act: &Path, variables: &[(&str, &str)]) -> Result<Job> {
        let event = ["push", "--workflows", ".github/workflows/deploy.yml"];
        self.run(&event, token, act, variables)
    }

    /// Runs a workflow as act is told to.
    fn run(
        &self,
        event: &[&str],
        token: &str,
        act: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Job> {
        let given = |name: &str| variables.iter().any(|(other, _)| *other == name);
        let defaults = INPUTS.iter().filter(|(name, _)| !given(name));
        let environment = defaults
            .chain(variables)
            .flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")]);
        let output = Command::new(act)
            .args(event)
            .args(["--platform", "ubuntu-latest=-self-hosted"])
            .args(["--container-daemon-socket", "-", "--action-offline-mode"])
            .args(["--secret", &format!("GITHUB_TOKEN={token}")])
            .args(environment)
            .current_dir(self.path())
            // act keeps its working copies below the home of its user, and must not copy those too.
            .env("HOME", self.0.path().join("home"))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        Ok(Job {
            succeeded: output.status.success(),
            text,
        })
    }
}

/// What a job printed and whether it succeeded.
struct Job {
    succeeded: bool,
    text: String,
}

impl Job {
    /// The lines that the steps themselves printed.
    fn lines(&self) -> Vec<&str> {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.split_once("]   | "));
        lines.map(|(_, line)| line.trim_end()).collect()
    }

    #[track_caller]
    fn shows(&self, wanted: &str) {
        assert!(
            self.lines().contains(&wanted),
            "no line `{wanted}` in\n{}",
            self.text
        );
    }
}

fn recorder() -> String {
    root()
        .join("tests/workflows/recorder.sh")
        .display()
        .to_string()
}

#[test]
fn the_inputs_arrive_as_they_were_written() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let repository = Repository::new()?;
    let job = repository.push(
        &act,
        &[
            ("TEST_BINARY", &recorder()),
            ("TEST_CONFIG", "deploy/the 'best' $(touch stolen).yml"),
            ("TEST_ENVIRONMENT", "production; exit 7"),
            ("TEST_MAX_WAIT", "5m"),
            ("TEST_BUNDLE", "a folder"),
            ("TEST_BUNDLE_DIGEST", "sha256:ab"),
        ],
    )?;
    ensure!(job.succeeded, "{}", job.text);
    let arguments: Vec<&str> = job
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("argument "))
        .collect();
    ensure!(
        arguments
            == [
                "argument <run>",
                "argument <--config>",
                "argument <deploy/the 'best' $(touch stolen).yml>",
                "argument <--environment>",
                "argument <production; exit 7>",
                "argument <--max-wait>",
                "argument <5m>",
                "argument <--bundle>",
                "argument <a folder>",
                "argument <--bundle-digest>",
                "argument <sha256:ab>",
            ],
        "{arguments:?}"
    );
    job.shows("token of 5 characters");
    ensure!(!job.text.contains("leaked"), "{}", job.text);
    Ok(())
}

#[test]
fn the_outputs_come_out_as_baepo_wrote_them() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let job = Repository::new()?.push(&act, &[("TEST_BINARY", &recorder())])?;
    job.shows(
        "outcome=<rolled-back> reason-code=<failing-verdict> \
         result=<{\"outcome\":\"rolled-back\",\"why\":\"a 'quoted' % word\"}> report-path=<.baepo/report.md>",
    );
    Ok(())
}

#[test]
fn the_step_becomes_baepo_so_that_signals_reach_it() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let job = Repository::new()?.push(&act, &[("TEST_BINARY", &recorder())])?;
    job.shows("started by act in shop");
    Ok(())
}

#[test]
fn the_exit_code_of_baepo_is_that_of_the_step() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let job = Repository::new()?.push(&act, &[("TEST_BINARY", &recorder()), ("TEST_EXIT", "4")])?;
    ensure!(!job.succeeded, "{}", job.text);
    ensure!(job.text.contains("exit status 4"), "{}", job.text);
    job.shows(
        "outcome=<rolled-back> reason-code=<failing-verdict> \
         result=<{\"outcome\":\"rolled-back\",\"why\":\"a 'quoted' % word\"}> report-path=<.baepo/report.md>",
    );
    Ok(())
}

#[test]
fn a_start_up_file_in_the_environment_is_not_read() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let repository = Repository::new()?;
    let start_up = repository.path().join("start-up.sh");
    fs::write(&start_up, "echo the start-up file was read\n")?;
    let start_up = start_up.display().to_string();
    let job = repository.push(
        &act,
        &[
            ("TEST_BINARY", &recorder()),
            ("BASH_ENV", &start_up),
            ("ENV", &start_up),
        ],
    )?;
    ensure!(job.succeeded, "{}", job.text);
    let read = job.lines().contains(&"the start-up file was read");
    // The workflow's own step, which takes any start-up file, shows that act handed it over.
    let before = job
        .text
        .split("show what came out")
        .next()
        .unwrap_or_default();
    ensure!(
        !before.contains("the start-up file was read"),
        "{}",
        job.text
    );
    ensure!(
        read,
        "act did not hand BASH_ENV over, so this test shows nothing\n{}",
        job.text
    );
    Ok(())
}

#[test]
fn what_is_not_a_program_is_named() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let repository = Repository::new()?;
    let text = repository.path().join("notes.txt");
    fs::write(&text, "not a program")?;
    fs::set_permissions(&text, fs::Permissions::from_mode(0o644))?;
    let text = text.display().to_string();
    let job = repository.push(&act, &[("TEST_BINARY", &text)])?;
    ensure!(!job.succeeded, "{}", job.text);
    ensure!(
        job.text
            .contains(&format!("binary-path is not a program: {text}")),
        "{}",
        job.text
    );
    Ok(())
}

#[test]
fn a_command_that_the_action_does_not_know_never_starts_baepo() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    // `answer` is for the action in `command/` alone.
    for command in ["agent", "answer"] {
        let job = Repository::new()?.push(
            &act,
            &[
                ("TEST_BINARY", &recorder()),
                ("TEST_COMMAND", command),
                ("BAEPO_COMMANDS", command),
            ],
        )?;
        ensure!(!job.succeeded, "{}", job.text);
        let refused = format!("the input command is run or plan, not {command}");
        ensure!(job.text.contains(&refused), "{}", job.text);
        ensure!(!job.text.contains("started by"), "{}", job.text);
    }
    Ok(())
}

/// What `scripts/run.sh` printed, and its exit code.
struct Said {
    code: Option<i32>,
    text: String,
}

/// Runs `scripts/run.sh` as its step does, with these variables and no others.
fn becomes(variables: &[(&str, &str)]) -> Result<Said> {
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-p", "-euo", "pipefail"])
        .arg(root().join("scripts/run.sh"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("ACTION_PATH", root())
        .envs(variables.iter().copied())
        .output()?;
    Ok(Said {
        code: output.status.code(),
        text: String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?,
    })
}

#[test]
fn an_input_cannot_be_a_command_for_the_runner() -> Result<()> {
    for (binary, command) in [
        ("/bin/true", "x\n::add-mask::100%"),
        ("none\r\n::add-mask::x", "run"),
    ] {
        let said = becomes(&[
            ("BAEPO_BINARY", binary),
            ("BAEPO_COMMAND", command),
            ("BAEPO_COMMANDS", "run plan"),
        ])?;
        let text = said.text;
        ensure!(said.code == Some(2), "{text}");
        ensure!(text.starts_with("::error title=baepo::"), "{text}");
        ensure!(text.lines().count() == 1 && !text.contains('\r'), "{text}");
    }
    Ok(())
}

#[test]
fn each_action_has_the_commands_that_it_writes_down() -> Result<()> {
    let outputs = tempfile::NamedTempFile::new()?;
    let ask = |commands: &str, command: &str, journal: &str| {
        becomes(&[
            ("BAEPO_BINARY", &recorder()),
            ("BAEPO_COMMANDS", commands),
            ("BAEPO_COMMAND", command),
            ("BAEPO_CONFIG", "shop.yml"),
            ("BAEPO_JOURNAL", journal),
            ("GITHUB_TOKEN", "dummy"),
            ("GITHUB_OUTPUT", &outputs.path().display().to_string()),
        ])
    };
    for (command, journal, arguments) in [
        (
            "answer",
            "",
            "argument <answer>\nargument <--config>\nargument <shop.yml>\ntoken",
        ),
        (
            "tell",
            "a b.jsonl",
            "argument <tell>\nargument <--config>\nargument <shop.yml>\nargument <a b.jsonl>\ntoken",
        ),
        (
            "tell",
            "--help",
            "argument <tell>\nargument <--config>\nargument <shop.yml>\nargument <./--help>\ntoken",
        ),
    ] {
        let said = ask(command, command, journal)?;
        ensure!(
            said.code == Some(0) && said.text.contains(arguments),
            "{}",
            said.text
        );
        ensure!(!said.text.contains("leaked"), "{}", said.text);
    }
    for (commands, command) in [
        ("run plan", "answer"),
        ("run plan", "tell"),
        ("run plan", "run plan"),
        ("run plan", ""),
        ("answer", "run"),
        ("tell", "tell"), // of no journal
    ] {
        let said = ask(commands, command, "")?;
        ensure!(said.code == Some(2), "{commands}, {command}: {}", said.text);
        ensure!(!said.text.contains("started by"), "{}", said.text);
    }
    Ok(())
}

/// The main job, whole, as a user has it: the real binary builds, tests,
/// releases and rolls out in a workflow, and GitHub is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_built_tested_and_rolled_out() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let github = Fake::start().await;
    let repository = Repository::new()?;
    let shop = repository.path().join("shop");
    fs::copy(crate::life::shop("v1"), shop.join("prebuilt"))?;
    let reports = r#"<testsuite name="s"><testcase name="adds up" time="0.01"/></testsuite>"#;
    fs::write(shop.join("tests.xml"), reports)?;
    fs::create_dir_all(shop.join(".github"))?;
    let port = crate::life::free_port();
    fs::write(shop.join(".github/baepo.yml"), whole_job(port))?;
    repository.git(&["add", "--force", "."])?;
    repository.git(&["commit", "--quiet", "--message=Deploy it"])?;
    let binary = crate::life::baepo().display().to_string();
    let url = github.url();
    let variables = [
        ("TEST_BINARY", binary.as_str()),
        ("GITHUB_API_URL", &url),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ];
    let job = repository.push_as(JOB.0, &act, &variables)?;
    ensure!(job.succeeded, "{}", job.text);
    {
        let state = github.state();
        ensure!(state.checks[0].fields["conclusion"] == "success");
        ensure!(state.deployments[0].state() == "success");
        ensure!(state.deployments[0].is_transient);
    }
    let outcome = "outcome=<succeeded> reason-code=<promoted> result=<{\"format\":\"baepo-report-1\",\"headline\":\"Live in preview: ";
    ensure!(
        job.lines().iter().any(|line| line.starts_with(outcome)),
        "{}",
        job.text
    );
    for shown in ["✓ build", "✓ test", "1 passed", "✓ release", "live after"] {
        ensure!(job.text.contains(shown), "no `{shown}` in\n{}", job.text);
    }
    Ok(())
}

/// An environment that lives no longer than its run, so that nothing is left.
fn whole_job(port: u16) -> String {
    format!(
        "app: shop\n\
         build: {{ run: cp prebuilt built, artifacts: [built] }}\n\
         test:\n  \
           - plugin: builtin:junit\n    \
             with: {{ reports: [tests.xml] }}\n    \
             allow: {{ read: [tests.xml] }}\n\
         environments:\n  \
           preview:\n    \
             ephemeral: true\n    \
             target: {{ local: {{ listen: \"127.0.0.1:{port}\", command: [built], instances: 2, health: /healthz }} }}\n    \
             strategy: direct\n    \
             first-bake: 1s\n"
    )
}

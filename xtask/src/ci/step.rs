//! The steps, and how one command of a step is run.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, bail};

use super::count::Count;
use super::{files, install};

/// One named check.
pub(crate) struct Step {
    /// What a person types after `cargo xtask ci`.
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) what: &'static str,
    /// What it does.
    pub(crate) action: Action,
}

/// What a step does.
pub(crate) enum Action {
    /// Installs what the other steps need.
    Install,
    /// Runs these commands from the root, all of them, words separated by blanks; one with `*` is
    /// all files that it matches.
    Commands(&'static [&'static str]),
}

const fn commands(
    name: &'static str,
    what: &'static str,
    commands: &'static [&'static str],
) -> Step {
    Step {
        name,
        what,
        action: Action::Commands(commands),
    }
}

/// All checks, in the order in which they run: first what is quick, then what builds on it.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "install",
        what: "what the other steps need is on this machine",
        action: Action::Install,
    },
    commands(
        "fmt",
        "all sources are formatted",
        &[
            "cargo fmt --all --check",
            "cargo fmt --manifest-path plugins/Cargo.toml --all --check",
            "cargo fmt --manifest-path tests/sample/Cargo.toml --check",
        ],
    ),
    commands(
        "lint-actions",
        "action, workflows and scripts are valid and safe",
        &[
            "target/tools/bin/shellcheck scripts/*.sh tests/workflows/*.sh .ci/run",
            "target/tools/bin/actionlint .github/workflows/*.yml docs/examples/*.yml tests/workflows/*.yml",
            "target/tools/bin/check-jsonschema --builtin-schema vendor.github-actions **/action.yml",
            "target/tools/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml docs/examples/*.yml tests/workflows/*.yml",
            "target/tools/bin/zizmor --offline --no-progress **/action.yml .github/workflows/*.yml docs/examples/*.yml tests/workflows/*.yml",
        ],
    ),
    commands(
        "build",
        "everything builds in the release profile",
        &["cargo build --release --locked --workspace --all-targets"],
    ),
    commands(
        "clippy",
        "no warning in the host",
        &["cargo clippy --release --locked --workspace --all-targets -- --deny warnings"],
    ),
    commands(
        "clippy-plugins",
        "no warning in the plugins and the sample service",
        &[
            "cargo clippy --manifest-path plugins/Cargo.toml --release --locked --workspace --all-targets -- --deny warnings",
            "cargo clippy --manifest-path tests/sample/Cargo.toml --release --locked --all-targets -- --deny warnings",
        ],
    ),
    commands(
        "test-plugins",
        "the plugins' own tests, natively",
        &["cargo test --manifest-path plugins/Cargo.toml --release --locked --workspace"],
    ),
    commands(
        "plugins",
        "the committed components are what their sources build into",
        &["cargo xtask plugins --check"],
    ),
    commands(
        "test-sample",
        "the sample service's own tests",
        &["cargo test --manifest-path tests/sample/Cargo.toml --release --locked"],
    ),
    commands(
        "doctest",
        "the examples in the documentation compile and hold",
        &["cargo test --release --locked --workspace --doc"],
    ),
    commands(
        "doc",
        "the documentation of the crates is made without a warning",
        &[
            "cargo doc --release --locked --workspace --no-deps",
            "cargo doc --release --locked --manifest-path plugins/Cargo.toml --workspace --no-deps",
        ],
    ),
    commands(
        "test",
        "unit, scenario, simulation, host and surface tests",
        &["cargo nextest run --release --locked --workspace --profile ci"],
    ),
];

/// Runs one command from the root, shows what it prints and counts its tests.
///
/// # Errors
/// When it cannot be started or does not succeed; the message is the command to run again.
pub(crate) fn run(command: &str, count: &mut Count) -> anyhow::Result<()> {
    let words = files::expand(command, crate::root()).with_context(|| command.to_owned())?;
    let command = words.join(" ");
    println!("$ {command}");
    let (program, arguments) = words.split_first().context("a command has a program")?;
    let mut child = crate::program(program)
        .args(arguments)
        .env("PATH", install::path())
        // So that a test whose tool is missing fails instead of stepping aside.
        .env("CI", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start: {command}"))?;
    let shared = Mutex::new(&mut *count);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| out.map(|out| show(out, &mut std::io::stdout(), &shared)));
        scope.spawn(|| err.map(|err| show(err, &mut std::io::stderr(), &shared)));
    });
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for: {command}"))?;
    if !status.success() {
        bail!("{command}   ({status})");
    }
    Ok(())
}

/// Copies lines as they come. What cannot be shown is still read, so that the child never blocks.
fn show(from: impl Read, to: &mut impl Write, count: &Mutex<&mut Count>) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let _ = writeln!(to, "{line}");
        if let Ok(mut count) = count.lock() {
            count.read(&line);
        }
    }
}

//! `cargo xtask faults`, `cargo xtask zero-loss` and `cargo xtask guests`: whole
//! suites of which the ordinary test run takes a sample.

use std::process::ExitCode;

use anyhow::{Context, ensure};

/// A suite, and how its tests are told how much of it is wanted.
pub(crate) struct Suite {
    variable: &'static str,
    tests: &'static str,
    /// How its output is shown: as it comes, or that of each test at its end.
    output: &'static str,
}

const AS_IT_COMES: &str = "--no-capture";

/// What is killed or upgraded at each message of a rollout: `all` cells, or
/// those that begin like `canary`, `*/upgrade` or `canary/run/after/17`.
pub(crate) const FAULTS: Suite = Suite {
    variable: "BAEPO_FAULTS",
    tests: "test(/^life::faults/)",
    output: AS_IT_COMES,
};

/// Rollouts under load, up to so many requests for each strategy.
pub(crate) const ZERO_LOSS: Suite = Suite {
    variable: "BAEPO_ZERO_LOSS",
    tests: "test(/^life::zero_loss/)",
    output: AS_IT_COMES,
};

/// Plugins that are made as authors make them: `all` of them.
const GUESTS: Suite = Suite {
    variable: "BAEPO_GUESTS",
    tests: "test(/^host::(made|bound)/)",
    output: "--no-fail-fast --success-output immediate",
};

/// Makes them, and compares what they cost.
///
/// # Errors
/// As [`run`]; a compiler that is missing is said by the tests.
pub(crate) fn guests() -> anyhow::Result<ExitCode> {
    for missing in super::ci::install::guests() {
        println!("{missing}");
    }
    if run(&GUESTS, "all")? == ExitCode::FAILURE {
        return Ok(ExitCode::FAILURE);
    }
    super::bench::run(&["guests".to_owned()])
}

/// Runs a suite.
///
/// # Errors
/// When cargo cannot be started or nothing can be built.
pub(crate) fn run(suite: &Suite, wanted: &str) -> anyhow::Result<ExitCode> {
    // The tests run the binaries as users do, and nextest builds only tests.
    let build = "build --release --workspace --all-targets";
    ensure!(cargo(build, suite, wanted)?, "it does not compile");
    let test = format!(
        "nextest run --release --workspace {} -E {}",
        suite.output, suite.tests
    );
    Ok(match cargo(&test, suite, wanted)? {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn cargo(arguments: &str, suite: &Suite, wanted: &str) -> anyhow::Result<bool> {
    let status = super::program("cargo")
        .args(arguments.split(' '))
        .env(suite.variable, wanted)
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

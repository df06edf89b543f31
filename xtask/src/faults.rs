//! `cargo xtask faults`: every cell of the fault matrix, of which the ordinary
//! test run takes a sample.

use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

/// Runs all cells, or one like `canary/run/after/17`.
///
/// # Errors
/// When cargo cannot be started or nothing can be built.
pub(crate) fn run(cells: &str) -> anyhow::Result<ExitCode> {
    // The tests run the binaries as users do, and nextest builds only tests.
    ensure!(
        cargo("build --release --workspace --all-targets", cells)?,
        "it does not compile"
    );
    let test = "nextest run --release --workspace --no-capture -E test(/^life::faults/)";
    Ok(match cargo(test, cells)? {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn cargo(arguments: &str, cells: &str) -> anyhow::Result<bool> {
    let status = Command::new("cargo")
        .args(arguments.split(' '))
        .current_dir(super::root())
        .env("BAEPO_FAULTS", cells)
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

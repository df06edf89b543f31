//! `cargo xtask fuzz`: the readers of what strangers write, under libFuzzer.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

/// Where the targets, their seeds and what was found are.
const FOLDER: &str = "tests/fuzz";

/// How long each target runs unless it is said, in seconds.
const SECONDS: u64 = 600;

/// Runs the named targets, or all there are, one after the other.
///
/// # Errors
/// When a name is unknown, or cargo-fuzz cannot be installed or started.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let known = known()?;
    let (mut seconds, mut chosen) = (SECONDS, Vec::new());
    for argument in arguments {
        match argument.strip_prefix("--seconds=") {
            Some(text) => seconds = text.parse().context("--seconds takes a whole number")?,
            None if known.contains(argument) => chosen.push(argument.clone()),
            None => bail!("no target `{argument}`; there are: {}", known.join(", ")),
        }
    }
    let chosen = if chosen.is_empty() { known } else { chosen };
    if !cargo(&["fuzz", "--version"]) && !cargo(&["install", "--locked", "cargo-fuzz"]) {
        bail!("cargo-fuzz cannot be installed");
    }
    let mut all_well = true;
    for name in &chosen {
        println!("── fuzz {name}: {seconds} s");
        let corpus = format!("{FOLDER}/corpus/{name}");
        fs::create_dir_all(super::root().join(&corpus)).with_context(|| corpus.clone())?;
        // Without a sanitizer the stable compiler is enough, and there is no
        // `unsafe` for one to look at.
        let time = format!("-max_total_time={seconds}");
        let seeds = format!("{FOLDER}/seeds/{name}");
        all_well &= cargo(&[
            "fuzz",
            "run",
            "--fuzz-dir",
            FOLDER,
            "--sanitizer",
            "none",
            name,
            &corpus,
            &seeds,
            "--",
            &time,
            "-max_len=65536",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
    }
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs cargo from the root; whether all was well.
fn cargo(arguments: &[&str]) -> bool {
    let status = super::program("cargo").args(arguments).status();
    status.is_ok_and(|status| status.success())
}

/// The names of the targets, sorted.
fn known() -> anyhow::Result<Vec<String>> {
    let folder = super::root().join(FOLDER).join("targets");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let file = entry?.file_name();
        names.extend(
            Path::new(&file)
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

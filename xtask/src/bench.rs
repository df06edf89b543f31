//! `cargo xtask bench`: the benchmarks in `tests/bench`, which print ratios and gate nothing.

use std::process::ExitCode;

use anyhow::{Context, bail};

/// Runs the named benchmarks, or all there are.
///
/// # Errors
/// When a name is unknown or a benchmark cannot be started.
pub(crate) fn run(names: &[String]) -> anyhow::Result<ExitCode> {
    let known = known()?;
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        bail!("no benchmark `{name}`; there are: {}", known.join(", "));
    }
    let chosen = if names.is_empty() { &known } else { names };
    let mut all_well = true;
    for name in chosen {
        println!("── bench {name}");
        // What is measured lies beside it: the binary itself, and for the host a
        // workspace of its own for the comparison with Extism.
        if matches!(name.as_str(), "host" | "judge") {
            all_well &= cargo("build --release --workspace --all-targets")?;
        }
        all_well &= cargo(&format!("bench --workspace --bench {name}"))?;
        if name == "host" {
            let extism = "tests/bench/extism/Cargo.toml";
            all_well &= cargo(&format!("run --release --locked --manifest-path {extism}"))?;
        }
    }
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs cargo from the root; whether all was well.
fn cargo(arguments: &str) -> anyhow::Result<bool> {
    let status = super::program("cargo")
        .args(arguments.split(' '))
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

/// The names of the files in `tests/bench`, sorted.
fn known() -> anyhow::Result<Vec<String>> {
    let folder = super::root().join("tests/bench");
    let mut names = Vec::new();
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

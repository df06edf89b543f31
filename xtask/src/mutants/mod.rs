//! `cargo xtask mutants`: the core with each guardrail dropped once. What the
//! simulator does not notice, it does not prove.

mod list;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use list::{MUTANTS, Mutant};

/// A mutant that makes the simulator run longer than this is noticed: it does
/// not end.
const LONGEST: Duration = Duration::from_secs(150);

/// What came of a core.
enum Seen {
    /// The simulator named a violation, or the core itself panicked.
    Noticed(String),
    Nothing(String),
}

/// Runs the named mutants, or all there are, and first the core as it is.
///
/// # Errors
/// When a name is unknown, a mutant no longer fits the core, or nothing can be
/// built.
pub(crate) fn run(names: &[String]) -> anyhow::Result<ExitCode> {
    for name in names {
        if !MUTANTS.iter().any(|mutant| mutant.name == name) {
            let known: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
            bail!("no mutant `{name}`; there are: {}", known.join(", "));
        }
    }
    let place = super::root().join("target/mutants");
    copy_workspace(&place)?;
    match simulate(&place)? {
        Seen::Nothing(line) => println!("the core as it is: {line}"),
        Seen::Noticed(line) => bail!("the core as it is breaks a promise: {line}"),
    }
    let is_chosen =
        |mutant: &&Mutant| names.is_empty() || names.iter().any(|name| name == mutant.name);
    let (mut noticed, mut survived) = (0, Vec::new());
    for mutant in MUTANTS.iter().filter(is_chosen) {
        let originals = mutate(&place, mutant)?;
        let seen = simulate(&place).with_context(|| format!("mutant {}", mutant.name))?;
        for (path, text) in originals {
            fs::write(path, text)?;
        }
        match seen {
            Seen::Noticed(line) => {
                noticed += 1;
                println!("{:<28} {line}", mutant.name);
            }
            Seen::Nothing(_) => {
                survived.push(mutant.name);
                println!("{:<28} GETS PAST: {}", mutant.name, mutant.what);
            }
        }
    }
    println!("{noticed} passed, {} failed", survived.len());
    Ok(match survived.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The core and the simulator as a workspace of their own: a mutant must not
/// touch the checkout.
fn copy_workspace(place: &Path) -> anyhow::Result<()> {
    let root = super::root();
    for folder in ["host/core", "tests/it/sim", "tests/mutants"] {
        let to = place.join(folder);
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        copy(&root.join(folder), &to)?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let lines: Vec<&str> = manifest
        .lines()
        .map(|line| match line.split(" = ").next() {
            Some("members") => r#"members = ["host/core", "tests/mutants"]"#,
            Some("default-members" | "exclude") => "",
            Some(_) | None => line,
        })
        .collect();
    fs::write(place.join("Cargo.toml"), lines.join("\n"))?;
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock"))?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = (entry?.path(), to);
        let name = name.join(entry.file_name().unwrap_or_default());
        match entry.is_dir() {
            true => copy(&entry, &name)?,
            false => drop(fs::copy(&entry, name)?),
        }
    }
    Ok(())
}

/// Makes the changes of a mutant; what the files held before.
fn mutate(place: &Path, mutant: &Mutant) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut originals: Vec<(PathBuf, String)> = Vec::new();
    for (file, find, instead) in mutant.edits {
        let path = place.join("host/core/src").join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        ensure!(
            text.matches(find).count() == 1,
            "mutant {}: `{find}` is not once in {file}; the list in xtask/src/mutants has to follow the core",
            mutant.name
        );
        fs::write(&path, text.replace(find, instead))?;
        originals.push((path, text));
    }
    // The last change of a file is undone first.
    originals.reverse();
    Ok(originals)
}

/// Builds the simulator and runs it.
fn simulate(place: &Path) -> anyhow::Result<Seen> {
    let built = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "baepo-mutants",
        ])
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env("RUSTFLAGS", "-A warnings")
        .current_dir(place)
        .status()
        .context("cannot start cargo")?;
    ensure!(built.success(), "it does not compile");
    let mut program = Command::new(place.join("target/release/baepo-mutants"))
        .env_remove("BAEPO_SIM")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the simulator")?;
    let until = Instant::now() + LONGEST;
    let status = loop {
        if let Some(status) = program.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            program.kill()?;
            program.wait()?;
            return Ok(Seen::Noticed("it does not end".into()));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut said = String::new();
    if let Some(mut stdout) = program.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    let said = said.trim().to_owned();
    Ok(match status.code() {
        Some(0) => Seen::Nothing(said),
        Some(1) => Seen::Noticed(said),
        Some(_) | None => Seen::Noticed(format!("it panicked; {said}")),
    })
}

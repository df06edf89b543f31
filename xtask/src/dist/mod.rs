//! `cargo xtask dist`: the archive of a release for this machine's platform.
//!
//! The bytes depend on the sources and on the tools alone: not on the folder,
//! on the user or on the time. So whoever doubts an archive builds it again.

mod build;
mod pack;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// Builds and packs this checkout into `target/dist`.
///
/// # Errors
/// When a tool is missing or does not succeed.
pub(crate) fn build() -> Result<()> {
    let made = make(crate::root())?;
    println!("{}", made.describe()?);
    Ok(())
}

/// Does it again in a clone elsewhere, and compares.
///
/// # Errors
/// When the bytes differ; the message says how to look.
pub(crate) fn check() -> Result<()> {
    let root = crate::root();
    let changed = output(root, "git", &["status", "--porcelain"])?;
    ensure!(
        changed.is_empty(),
        "a clone has committed files alone; commit or stash these first:\n{changed}"
    );
    let first = make(root)?;
    println!("{}", first.describe()?);

    let elsewhere = std::env::temp_dir().join(format!("baepo-dist-check-{}", std::process::id()));
    let clone = elsewhere.display().to_string();
    let from = root.display().to_string();
    run(Command::new("git").args(["clone", "--quiet", &from, &clone]))?;
    let second = make(&elsewhere)?;
    if fs::read(&first.archive)? != fs::read(&second.archive)? {
        bail!(
            "two builds differ, and both are kept:\n{}\n{}\nlook with\n  \
             cmp --verbose {first} {second} | head\n  diffoscope {first} {second}",
            first.describe()?,
            second.describe()?,
            first = first.binary.display(),
            second = second.binary.display(),
        );
    }
    fs::remove_dir_all(&elsewhere)
        .with_context(|| format!("cannot remove {}", elsewhere.display()))?;
    println!("byte for byte the same, built again in {clone}");
    Ok(())
}

/// What one build made.
struct Made {
    archive: PathBuf,
    /// The binary inside, as it lies unpacked.
    binary: PathBuf,
}

impl Made {
    fn describe(&self) -> Result<String> {
        let mut text = String::new();
        for path in [&self.archive, &self.binary] {
            let bytes = read(path)?;
            writeln!(
                text,
                "{}  {:>9} bytes  {}",
                checksum(&bytes),
                bytes.len(),
                path.display()
            )?;
        }
        write!(text, "{}", needs(&read(&self.binary)?))?;
        Ok(text)
    }
}

/// Builds, seals and packs the checkout at `root` into its `target/dist`.
fn make(root: &Path) -> Result<Made> {
    let name = format!("baepo-{}-{}", version(root)?, platform()?);
    let dist = root.join("target/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    // What will be packed, in a folder of its name.
    let stage = root.join("target/dist-build/stage");
    let tree = stage.join(&name);
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("cannot empty {}", stage.display()))?;
    }
    for folder in [&dist, &tree] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let binary = tree.join("baepo");
    copy(&build::binary(root)?, &binary)?;
    run(Command::new(&binary).arg("seal"))?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root.join(licence), &tree.join(licence))?;
    }
    let archive = dist.join(format!("{name}.tar.gz"));
    pack::pack(&stage, &name, &archive)?;
    let sums = format!(
        "{}  {name}.tar.gz\n{}  {name}/baepo\n",
        checksum(&read(&archive)?),
        checksum(&read(&binary)?),
    );
    let list = dist.join("SHA256SUMS");
    fs::write(&list, sums).with_context(|| format!("cannot write {}", list.display()))?;
    Ok(Made { archive, binary })
}

/// The version of the workspace.
fn version(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    manifest
        .lines()
        .skip_while(|line| *line != "[workspace.package]")
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .context("Cargo.toml has no version below [workspace.package]")
}

/// This machine, as runners name themselves.
fn platform() -> Result<&'static str> {
    match (std::env::consts::ARCH, cfg!(target_env = "gnu")) {
        ("x86_64", true) if cfg!(target_os = "linux") => Ok("linux-x64"),
        ("aarch64", true) if cfg!(target_os = "linux") => Ok("linux-arm64"),
        _ => bail!("there are archives for Linux with the GNU C library, on x86_64 and aarch64"),
    }
}

/// The newest C library that a symbol of the binary asks for.
fn needs(binary: &[u8]) -> String {
    const PREFIX: &[u8] = b"GLIBC_2.";
    let newest = binary
        .windows(PREFIX.len() + 2)
        .filter_map(|window| window.strip_prefix(PREFIX))
        .filter_map(|digits| {
            let digits = digits.split(|byte| !byte.is_ascii_digit()).next()?;
            std::str::from_utf8(digits).ok()?.parse::<u32>().ok()
        })
        .max();
    match newest {
        Some(newest) => format!("needs glibc 2.{newest}"),
        None => "needs no glibc".to_owned(),
    }
}

fn checksum(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Runs a program in the open.
fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    ensure!(
        status.success(),
        "{}: {status}",
        command.get_program().display()
    );
    Ok(())
}

/// What a program prints when it is run in this folder.
fn output(folder: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_workspace() {
        assert_eq!(
            version(crate::root()).unwrap(),
            env!("CARGO_PKG_VERSION"),
            "xtask takes its version from the workspace"
        );
    }

    #[test]
    fn the_newest_symbol_says_which_c_library_is_needed() {
        assert_eq!(
            needs(b"..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0"),
            "needs glibc 2.34"
        );
        assert_eq!(needs(b"nothing"), "needs no glibc");
    }
}

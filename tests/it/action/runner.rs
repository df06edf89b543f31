//! A runner that takes baepo from a release, as `scripts/install.sh` sees it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::root;

/// The name of the archive for the platform that the tests speak of.
pub(super) const NAME: &str = "baepo-1.2.3-linux-x64";

/// A released program, and the lines that a release has of it.
pub(super) struct Released {
    pub(super) archive: Vec<u8>,
    pub(super) list: String,
}

/// A release whose program is this script.
pub(super) fn released(script: &str) -> Result<Released> {
    released_as(NAME, script)
}

/// The same for another version or platform.
pub(super) fn released_as(name: &str, script: &str) -> Result<Released> {
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join(name);
    fs::create_dir(&tree)?;
    program(&tree.join("baepo"), script)?;
    fs::write(tree.join("LICENSE-MIT"), "as you like")?;
    let packed = Command::new("tar")
        .args(["--create", "--gzip", "--directory"])
        .arg(folder.path())
        .arg(name)
        .output()?;
    ensure!(packed.status.success());
    let list = format!(
        "# archives\n{}  {name}.tar.gz\n{}  {name}/baepo\n",
        digest(&packed.stdout),
        digest(&fs::read(tree.join("baepo"))?)
    );
    Ok(Released {
        archive: packed.stdout,
        list,
    })
}

pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn program(path: &Path, script: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A runner with the action on it, and a cargo that only says that it was called.
pub(super) struct Runner(TempDir);

impl Runner {
    pub(super) fn new(list: &str) -> Result<Self> {
        let runner = Self(tempfile::tempdir()?);
        for folder in ["action/scripts", "bin", "temp", "built/release"] {
            fs::create_dir_all(runner.at(folder))?;
        }
        for script in ["say.sh", "install.sh", "build.sh"] {
            let to = runner.at("action/scripts").join(script);
            fs::copy(root().join("scripts").join(script), to)?;
        }
        fs::write(runner.at("action/scripts/SHA256SUMS"), list)?;
        runner.is_version("1.2.3")?;
        program(&runner.at("built/release/baepo"), "echo \"sealed: $1\"")?;
        program(
            &runner.at("bin/cargo"),
            &format!(
                "echo \"cargo $1\" >&2\n[ $1 != metadata ] || echo '{{\"target_directory\":\"{}\"}}'",
                runner.at("built").display()
            ),
        )?;
        Ok(runner)
    }

    pub(super) fn is_version(&self, version: &str) -> Result<()> {
        let manifest = format!(
            "[workspace]\nversion = \"9\"\n\n[workspace.package]\nversion = \"{version}\"\n\n\
             [workspace.dependencies]\nversion = \"8\"\n"
        );
        Ok(fs::write(self.at("action/Cargo.toml"), manifest)?)
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Where the entry of the tool cache is.
    pub(super) fn entry(&self) -> PathBuf {
        self.at("tools/baepo/1.2.3/x64")
    }

    /// The step, with what it writes to its outputs in a file of this name.
    pub(super) fn step(&self, server: &str, outputs: &str) -> Command {
        let mut step = Command::new("bash");
        step.args(["--noprofile", "--norc", "-p", "-euo", "pipefail"])
            .arg(self.at("action/scripts/install.sh"))
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.at("bin").display()),
            )
            .env("ACTION_PATH", self.at("action"))
            .env("ACTION_REPOSITORY", "acme/baepo")
            .env("GITHUB_SERVER_URL", server)
            .env("GITHUB_OUTPUT", self.at(outputs))
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .env("RUNNER_TEMP", self.at("temp"))
            .env("RUNNER_TOOL_CACHE", self.at("tools"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        step
    }

    pub(super) fn install(&self, server: &str) -> Result<Installed> {
        self.install_with(server, &[])
    }

    pub(super) fn install_with(
        &self,
        server: &str,
        variables: &[(&str, &str)],
    ) -> Result<Installed> {
        let _ = fs::remove_file(self.at("outputs"));
        let mut step = self.step(server, "outputs");
        self.look(step.envs(variables.iter().copied()).output()?, "outputs")
    }

    pub(super) fn look(&self, output: std::process::Output, outputs: &str) -> Result<Installed> {
        let outputs = fs::read_to_string(self.at(outputs)).unwrap_or_default();
        Ok(Installed {
            code: output.status.code().context("the step ends by itself")?,
            text: String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?,
            path: outputs
                .strip_prefix("path=")
                .map(|path| PathBuf::from(path.trim_end())),
        })
    }

    /// All files below the tool cache and the folder for temporary files.
    pub(super) fn kept(&self) -> Result<Vec<String>> {
        let listed = Command::new("find")
            .args(["tools", "temp", "!", "-type", "d"])
            .current_dir(self.0.path())
            .output()?;
        let mut files: Vec<String> = String::from_utf8(listed.stdout)?
            .lines()
            .map(str::to_owned)
            .collect();
        files.sort();
        Ok(files)
    }
}

/// What came of the step.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) code: i32,
    pub(super) text: String,
    pub(super) path: Option<PathBuf>,
}

impl Installed {
    #[track_caller]
    pub(super) fn is_from(&self, path: &Path, how: &str) {
        assert_eq!(self.code, 0, "{}", self.text);
        assert_eq!(self.path.as_deref(), Some(path), "{}", self.text);
        let line = format!("baepo 1.2.3 for linux-x64, {how}");
        assert!(self.text.starts_with(&line), "{}", self.text);
        assert_eq!(self.text.lines().count(), 1, "{}", self.text);
    }

    /// Built, and the one notice says why.
    #[track_caller]
    pub(super) fn is_built(&self, runner: &Runner, why: &str) {
        assert_eq!(self.code, 0, "{}", self.text);
        let path = runner.at("built/release/baepo");
        assert_eq!(self.path, Some(path), "{}", self.text);
        let start = format!("::notice title=baepo::baepo is built from its sources: {why}");
        assert!(self.text.starts_with(&start), "{start} in\n{}", self.text);
        for shown in ["cargo build\n", "sealed: seal\n"] {
            assert!(self.text.contains(shown), "{shown} in\n{}", self.text);
        }
    }

    #[track_caller]
    pub(super) fn is_refused(&self, why: &str) {
        assert_eq!((self.code, &self.path), (2, &None), "{}", self.text);
        assert!(
            self.text.starts_with("::error title=baepo::"),
            "{}",
            self.text
        );
        assert!(self.text.contains(why), "{why} in\n{}", self.text);
        assert_eq!(self.text.lines().count(), 1, "{}", self.text);
    }
}

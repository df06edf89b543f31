//! The code of a pull request, beside the checkout whose configuration is
//! trusted.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use baepo_runtime::capability::secrets::SecretValue;

/// Gives git the token of the job without it being in a file or an argument.
const CREDENTIALS: &str = "credential.helper=!f() { echo username=x-access-token; echo \"password=$BAEPO_GIT_TOKEN\"; }; f";

/// A commit in a folder of its own, which goes away with this.
pub(super) struct Checkout {
    root: PathBuf,
    path: PathBuf,
}

impl Checkout {
    /// Fetch a commit from where the checkout in `root` came from, unless it is
    /// here, and lay it out.
    ///
    /// # Errors
    /// If git cannot.
    pub(super) fn of(
        root: &Path,
        commit: &str,
        token: Option<&SecretValue>,
    ) -> anyhow::Result<Checkout> {
        ensure!(
            commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "`{commit}` is no commit"
        );
        let there = format!("{commit}^{{commit}}");
        if git(root, &["cat-file", "-e", &there], None).is_err() {
            fetch(root, commit, token)
                .with_context(|| format!("the commit {commit} cannot be fetched"))?;
        }
        let checkout = Checkout {
            root: root.to_owned(),
            path: root.join(".baepo/checkouts").join(commit),
        };
        // A job that was killed may have left it.
        checkout.remove();
        let path = checkout.path.display().to_string();
        git(
            root,
            &[
                "worktree", "add", "--quiet", "--force", "--detach", &path, commit,
            ],
            None,
        )?;
        Ok(checkout)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        let path = self.path.display().to_string();
        // It may not be there, and is only in the way where it stays.
        let _ = git(&self.root, &["worktree", "remove", "--force", &path], None);
        let _ = std::fs::remove_dir_all(&self.path);
        let _ = git(&self.root, &["worktree", "prune"], None);
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.remove();
    }
}

fn fetch(root: &Path, commit: &str, token: Option<&SecretValue>) -> anyhow::Result<()> {
    let shallow = git(root, &["rev-parse", "--is-shallow-repository"], None)?;
    let mut arguments = vec!["-c", "credential.helper="];
    if token.is_some() {
        arguments.extend(["-c", CREDENTIALS]);
    }
    arguments.extend(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]);
    if shallow.trim() == "true" {
        arguments.push("--depth=1");
    }
    arguments.extend(["origin", commit]);
    git(root, &arguments, token)?;
    Ok(())
}

fn git(root: &Path, arguments: &[&str], token: Option<&SecretValue>) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command
        // What a checkout brings along is not run.
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(root);
    if let Some(token) = token {
        command.env("BAEPO_GIT_TOKEN", token.expose());
    }
    let output = command
        .output()
        .context("git is needed, and could not be started")?;
    let named = arguments
        .iter()
        .find(|argument| !argument.starts_with('-') && !argument.contains('='));
    ensure!(
        output.status.success(),
        "git {}: {}",
        named.unwrap_or(&""),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

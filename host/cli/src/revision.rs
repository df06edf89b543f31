//! Which commit is being deployed, as git tells.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use baepo_core::release::Revision;
use baepo_core::time::Time;

/// The commit that is checked out here.
///
/// # Errors
/// If this is no git checkout, or git is not there.
pub(crate) fn of_checkout(root: &Path) -> anyhow::Result<Revision> {
    if head(root).is_none() && git(root, &["rev-parse", "--git-dir"]).is_ok() {
        bail!("there is no commit yet, and what is rolled out is named after one: git commit");
    }
    let shown = git(
        root,
        &[
            "log",
            "-1",
            "--no-show-signature",
            "--format=%H%x00%ct%x00%s",
        ],
    )?;
    let mut fields = shown.trim_end().split('\0');
    let (Some(commit), Some(seconds), Some(summary)) =
        (fields.next(), fields.next(), fields.next())
    else {
        bail!("git did not name a commit: `{shown}`");
    };
    let reference = std::env::var("GITHUB_REF")
        .ok()
        .filter(|name| !name.is_empty());
    let ref_name = match reference {
        Some(name) => name,
        None => git(root, &["symbolic-ref", "--quiet", "HEAD"])
            .map_or_else(|_| commit.to_owned(), |name| name.trim().to_owned()),
    };
    let seconds: u64 = seconds.parse().context("git's commit time is no number")?;
    Ok(Revision {
        commit: commit.to_owned(),
        ref_name,
        summary: summary.to_owned(),
        committed_at: Time(seconds * 1000),
    })
}

/// The commit that is checked out here; `None` where git cannot tell.
pub(crate) fn head(root: &Path) -> Option<String> {
    let shown = git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).ok()?;
    Some(shown.trim().to_owned())
}

/// The files of the checkout that git knows and that are not as the commit has
/// them; none where git cannot tell.
pub(crate) fn uncommitted(root: &Path) -> Vec<String> {
    let changed = git(root, &["diff", "--name-only", "-z", "HEAD", "--"]);
    let changed = changed.unwrap_or_default();
    let names = changed.split('\0').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Whether a commit is `tip` or an ancestor of it; not where git cannot tell.
pub(crate) fn is_part_of(root: &Path, commit: &str, tip: &str) -> bool {
    let tip = format!("{tip}^{{commit}}");
    git(root, &["merge-base", "--is-ancestor", "--", commit, &tip]).is_ok()
}

/// Whether `older` is an ancestor of `newer`, and another commit. `None` where
/// git cannot tell, as in a shallow clone.
pub(crate) fn is_ancestor(root: &Path, older: &str, newer: &str) -> Option<bool> {
    if older == newer {
        return Some(false);
    }
    let status = Command::new("git")
        .args(["merge-base", "--is-ancestor", older, newer])
        .current_dir(root)
        .output()
        .ok()?
        .status;
    match status.code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        Some(_) | None => None,
    }
}

/// What a file held in a commit; `None` where it was not there.
///
/// # Errors
/// If the commit is not here, or git is not.
pub(crate) fn file_at(root: &Path, commit: &str, file: &Path) -> anyhow::Result<Option<String>> {
    anyhow::ensure!(
        commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "`{commit}` is no commit"
    );
    git(root, &["cat-file", "-e", &format!("{commit}^{{commit}}")])?;
    let named = format!("{commit}:./{}", file.display());
    Ok(git(root, &["show", "--no-textconv", &named]).ok())
}

fn git(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(root)
        .output()
        .context("git is needed to name the revision, and could not be started")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}", args.join(" "), why.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

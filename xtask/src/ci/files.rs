//! Files for a check, found by where they are: nobody has to list a new one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The words of a command, with each pattern (`scripts/*.sh`, `**/action.yml`) replaced by the
/// files of the repository that it matches, tracked or new.
///
/// # Errors
/// When a pattern matches nothing: a check of no files would always succeed.
pub(super) fn expand(command: &str, root: &Path) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for word in command.split(' ') {
        if word.contains('*') {
            words.extend(matching(word, root)?);
        } else {
            words.push(word.to_owned());
        }
    }
    Ok(words)
}

fn matching(pattern: &str, root: &Path) -> Result<Vec<String>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .args(["--", &format!(":(glob){pattern}")])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    ensure!(
        listing.status.success(),
        "git lists no files: {}",
        String::from_utf8_lossy(&listing.stderr)
    );
    let files: Vec<String> = String::from_utf8(listing.stdout)?
        .lines()
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect();
    ensure!(!files.is_empty(), "no file matches {pattern}");
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_the_files_of_its_folder() {
        let words = expand(
            "lint -x scripts/ru*.sh **/action.yml .ci/run",
            crate::root(),
        )
        .unwrap();
        let (options, files) = words.split_at(3);
        assert_eq!(options, ["lint", "-x", "scripts/run.sh"]);
        assert!(files.starts_with(&["action.yml".to_owned()]), "{files:?}");
        assert!(
            files.contains(&"command/action.yml".to_owned()),
            "{files:?}"
        );
        assert_eq!(files.last().unwrap(), ".ci/run");
    }

    #[test]
    fn a_pattern_without_files_is_an_error() {
        let error = expand("lint scripts/*.pl", crate::root()).unwrap_err();
        assert_eq!(error.to_string(), "no file matches scripts/*.pl");
    }
}

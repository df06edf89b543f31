//! Whether a job that has secrets works on a checkout of its own repository.
//!
//! Some events give the secrets of a repository to a job that a stranger has
//! caused. GitHub then checks out the repository's own branch, unless the
//! workflow asks for the stranger's commit: configuration and plugins would be
//! the stranger's, and so would be the secrets.

use std::path::Path;

use serde_json::Value;

use crate::revision;

/// Why the checkout is not used, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{event}` gives this job the secrets of the repository, though a stranger may have caused it, and {commit} is not a commit of the repository's own branches"
)]
pub(crate) struct Untrusted {
    event: String,
    commit: String,
}

impl Untrusted {
    /// What to do instead.
    pub(crate) const HELP: &str = "leave out `ref` of actions/checkout; what a pull request brings \
        is built for `pull_request`, and told by `baepo tell` where it comes from a fork";
}

/// Look at the checkout in `root`. Outside of a job, and in jobs that strangers
/// do not get secrets by, every checkout is fine.
///
/// # Errors
/// If a stranger may have caused the job, and what is checked out may be theirs.
pub(crate) fn check(
    root: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    payload: &Value,
) -> Result<(), Untrusted> {
    let Some(event) = variable("GITHUB_EVENT_NAME").filter(|event| gives_secrets(event, payload))
    else {
        return Ok(());
    };
    let commit = revision::head(root);
    let is_ours = commit.as_deref().is_some_and(|head| {
        // GitHub names the tip of the repository's branch for these events.
        let given = variable("GITHUB_SHA");
        let branches = ["/repository/default_branch", "/pull_request/base/ref"];
        let branches = branches
            .iter()
            .filter_map(|path| payload.pointer(path)?.as_str())
            .map(|branch| format!("refs/remotes/origin/{branch}"));
        given
            .into_iter()
            .chain(branches)
            .any(|tip| revision::is_part_of(root, head, &tip))
    });
    match is_ours {
        true => Ok(()),
        false => Err(Untrusted {
            event,
            commit: commit.map_or_else(
                || "what is checked out".to_owned(),
                |commit| commit.chars().take(7).collect(),
            ),
        }),
    }
}

/// Whether a job of this event has secrets although a stranger may be its cause.
fn gives_secrets(event: &str, payload: &Value) -> bool {
    let name = |path: &str| payload.pointer(path).and_then(Value::as_str);
    let own = name("/repository/full_name");
    match event {
        // Anybody may write one.
        "issue_comment" => true,
        // A fork that was deleted has no name.
        "pull_request_target" => own != name("/pull_request/head/repo/full_name"),
        "workflow_run" => own != name("/workflow_run/head_repository/full_name"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;

    struct Checkout(tempfile::TempDir);

    impl Checkout {
        /// Two commits of the repository's, of which the first is checked out,
        /// and a stranger's beside the second.
        fn new() -> (Checkout, [String; 3]) {
            let checkout = Checkout(tempfile::tempdir().unwrap());
            checkout.git(&["init", "--quiet", "--initial-branch=main"]);
            let commits = ["one", "two", "strange"].map(|name| {
                if name == "strange" {
                    checkout.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
                    checkout.git(&["checkout", "--quiet", "--detach", "HEAD~"]);
                }
                let message = format!("--message={name}");
                checkout.git(&["commit", "--quiet", "--allow-empty", &message]);
                checkout.git(&["rev-parse", "HEAD"])
            });
            checkout.git(&["checkout", "--quiet", &commits[0]]);
            (checkout, commits)
        }

        fn git(&self, arguments: &[&str]) -> String {
            let output = Command::new("git")
                .args(["-c", "user.name=Baker", "-c", "user.email=baker@shop.test"])
                .args(arguments)
                .current_dir(self.0.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{arguments:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        fn is_fine(&self, event: &str, given: &str, payload: &Value) -> bool {
            let variable = |name: &str| match name {
                "GITHUB_EVENT_NAME" => Some(event.to_owned()),
                "GITHUB_SHA" => Some(given.to_owned()),
                _ => None,
            };
            check(self.0.path(), &variable, payload).is_ok()
        }
    }

    fn by(head: Value) -> Value {
        json!({
            "repository": { "full_name": "acme/shop", "default_branch": "main" },
            "pull_request": { "head": { "repo": head }, "base": { "ref": "main" } },
            "workflow_run": { "head_repository": head },
        })
    }

    #[test]
    fn a_stranger_gets_no_secrets_for_a_commit_of_theirs() {
        let (checkout, [one, two, strange]) = Checkout::new();
        let events = ["pull_request_target", "workflow_run", "issue_comment"];
        let fork = by(json!({ "full_name": "somebody/shop" }));
        for event in events {
            for payload in [&fork, &by(Value::Null)] {
                // The tip that GitHub names, one before it, one that came later.
                for (head, given) in [(&one, &one), (&one, &two), (&two, &one)] {
                    checkout.git(&["checkout", "--quiet", head]);
                    assert!(checkout.is_fine(event, given, payload), "{event} {head}");
                }
                checkout.git(&["checkout", "--quiet", &strange]);
                assert!(!checkout.is_fine(event, &two, payload), "{event}");
            }
        }
    }

    #[test]
    fn what_the_repositorys_own_people_bring_is_used() {
        let (checkout, [_, two, strange]) = Checkout::new();
        checkout.git(&["checkout", "--quiet", &strange]);
        let own = by(json!({ "full_name": "acme/shop" }));
        assert!(checkout.is_fine("pull_request_target", &two, &own));
        assert!(checkout.is_fine("workflow_run", &two, &own));
        // Its token may only read, and it has no secrets.
        let fork = by(json!({ "full_name": "somebody/shop" }));
        assert!(checkout.is_fine("pull_request", &two, &fork));
    }

    #[test]
    fn where_git_cannot_tell_nothing_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Checkout(folder);
        let fork = by(json!({ "full_name": "somebody/shop" }));
        assert!(!checkout.is_fine("workflow_run", &"1".repeat(40), &fork));
    }
}

//! Where a command came from, and where its answer goes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::Mark;
use crate::github::api::{Api, ApiError};
use crate::github::comment::Sticky;
use crate::github::place::Place;

/// A comment by a person at a pull request, just written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The number of the pull request.
    pub(super) pull_request: u64,
    /// The number of the comment.
    pub(super) comment: u64,
    /// Who wrote it.
    pub(super) login: String,
    /// What it says.
    pub(super) body: String,
}

impl Asked {
    /// From the event of a job. A comment that was edited asks for nothing: it
    /// may have been understood before. Bots do not ask; otherwise our own
    /// answers might.
    pub(super) fn of(event: Option<&str>, payload: &Value) -> Option<Asked> {
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
        let number = |path: &str| payload.pointer(path).and_then(Value::as_u64);
        let is_new = event == Some("issue_comment") && text("/action") == Some("created");
        let is_of_person = text("/comment/user/type") == Some("User");
        let login = text("/comment/user/login")?;
        let is_login = login
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_new || !is_of_person || !is_login {
            return None;
        }
        payload.pointer("/issue/pull_request")?.as_object()?;
        Some(Asked {
            pull_request: number("/issue/number")?,
            comment: number("/comment/id")?,
            login: login.to_owned(),
            body: text("/comment/body")?.to_owned(),
        })
    }
}

/// A pull request as far as commands need it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pull {
    /// `open` or `closed`.
    pub(super) state: String,
    #[serde(default)]
    pub(super) merged: bool,
    #[serde(default)]
    pub(super) merge_commit_sha: Option<String>,
    pub(super) head: Head,
}

/// The branch that a pull request brings.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Head {
    pub(super) sha: String,
    /// Absent where the repository was deleted.
    #[serde(default)]
    pub(super) repo: Option<Repository>,
}

/// A repository.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repository {
    pub(super) full_name: String,
}

/// The newest status of a name at a commit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    context: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) target_url: Option<String>,
}

/// Where a command came from, and where its answer goes.
pub(super) struct Desk {
    pub(super) api: Api,
    pub(super) place: Place,
    pub(super) asked: Asked,
    /// Names the comment with the answer.
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
struct Reaction {
    id: u64,
}

impl Desk {
    /// Put a reaction at the comment; its number.
    pub(super) async fn react(&self, mark: Mark) -> Result<u64, ApiError> {
        let path = format!("{}/reactions", self.comment_path());
        // GitHub keeps one of a kind, so that it can be sent again.
        let again = async || Ok(None);
        let body = json!({ "content": mark.reaction() });
        let reaction: Reaction = self.api.post(&path, &body, again).await?;
        Ok(reaction.id)
    }

    /// Take a reaction away.
    pub(super) async fn unreact(&self, reaction: u64) -> Result<(), ApiError> {
        let path = format!("{}/reactions/{reaction}", self.comment_path());
        self.api.delete(&path).await
    }

    fn comment_path(&self) -> String {
        let comment = self.asked.comment;
        self.place.path(&format!("/issues/comments/{comment}"))
    }

    /// The answer as the last comment of the page, in the place of the one
    /// before; its number.
    pub(super) async fn reply(&self, text: &str) -> Result<u64, ApiError> {
        let pull_request = self.asked.pull_request;
        let mut comment = Sticky::new(&self.api, &self.place, pull_request, &self.name);
        Ok(comment.renew(text).await?.id())
    }

    /// The pull request as it is now.
    pub(super) async fn pull(&self) -> Result<Pull, ApiError> {
        let path = format!("/pulls/{}", self.asked.pull_request);
        self.api.get(&self.place.path(&path)).await
    }

    /// The newest status of this name at a commit.
    pub(super) async fn status(
        &self,
        commit: &str,
        context: &str,
    ) -> Result<Option<Status>, ApiError> {
        let path = self.place.path(&format!("/commits/{commit}/statuses"));
        let all: Vec<Status> = self.api.list(&path, "", None).await?;
        // The newest first, as GitHub lists them.
        Ok(all.into_iter().find(|status| status.context == context))
    }

    /// Run again what failed in a run of a workflow.
    pub(super) async fn rerun(&self, run: u64) -> Result<(), ApiError> {
        let path = self.place.path(&format!("/actions/runs/{run}"));
        let look = async || {
            let now: Value = self.api.get(&path).await?;
            let is_under_way = now["status"] != "completed";
            Ok(is_under_way.then_some(json!({})))
        };
        let again = format!("{path}/rerun-failed-jobs");
        let _: Value = self.api.post(&again, &json!({}), look).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Value {
        json!({
            "action": "created",
            "issue": { "number": 12, "pull_request": { "url": "x" } },
            "comment": { "id": 7, "body": "/baepo help", "user": { "login": "baker", "type": "User" } },
        })
    }

    #[test]
    fn only_a_new_comment_of_a_person_at_a_pull_request_asks() {
        let asks = |payload: &Value| Asked::of(Some("issue_comment"), payload).is_some();
        assert!(asks(&payload()));
        assert_eq!(Asked::of(Some("push"), &payload()), None);
        for (path, value) in [
            ("/action", json!("edited")),
            ("/issue/pull_request", json!(null)),
            ("/comment/user/type", json!("Bot")),
            ("/comment/user/login", json!("../baker")),
        ] {
            let mut other = payload();
            *other.pointer_mut(path).unwrap() = value;
            assert!(!asks(&other), "{path}");
        }
    }
}

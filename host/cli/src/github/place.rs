//! Where a run is at GitHub: which repository, which commit, which job.

use serde_json::Value;

/// A run and its attempt, of which later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// GitHub's number of the run; they grow.
    pub run: u64,
    /// From 1, greater each time that the run is started again.
    pub attempt: u32,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `acme/shop`.
    pub repository: String,
    /// The run and its attempt.
    pub turn: Turn,
    /// The commit that checks and statuses are shown at: the head of a pull
    /// request, never the merge that GitHub makes for a test.
    pub head: String,
    /// `https://github.com`.
    pub server_url: String,
}

impl Place {
    /// From the variables of a job and its event; nothing outside of a job.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>, payload: &Value) -> Option<Place> {
        let repository = variable("GITHUB_REPOSITORY")?;
        let is_name = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        let (owner, name) = repository.split_once('/')?;
        if !is_name(owner) || !is_name(name) {
            return None;
        }
        let head = payload
            .pointer("/pull_request/head/sha")
            .and_then(Value::as_str);
        let head = head.map(str::to_owned).or_else(|| variable("GITHUB_SHA"))?;
        Some(Place {
            turn: Turn {
                run: variable("GITHUB_RUN_ID")?.parse().ok()?,
                attempt: variable("GITHUB_RUN_ATTEMPT")
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(1),
            },
            head: head
                .chars()
                .all(|c| c.is_ascii_hexdigit())
                .then_some(head)?,
            server_url: variable("GITHUB_SERVER_URL")
                .unwrap_or_else(|| "https://github.com".into())
                .trim_end_matches('/')
                .to_owned(),
            repository,
        })
    }

    /// The path of something of this repository in the API.
    pub fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.repository)
    }

    /// The page of this run.
    pub fn run_url(&self) -> String {
        let Place {
            repository,
            server_url,
            turn,
            ..
        } = self;
        format!(
            "{server_url}/{repository}/actions/runs/{}/attempts/{}",
            turn.run, turn.attempt
        )
    }

    /// The page of a commit.
    pub fn commit_url(&self, commit: &str) -> String {
        format!("{}/{}/commit/{commit}", self.server_url, self.repository)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(payload: Value, changes: &[(&str, &str)]) -> Option<Place> {
        let variable = |name: &str| {
            let changed = changes.iter().find(|(key, _)| *key == name);
            let value = changed.map(|(_, value)| *value).or(match name {
                "GITHUB_REPOSITORY" => Some("acme/shop"),
                "GITHUB_RUN_ID" => Some("12"),
                "GITHUB_SHA" => Some("abc"),
                _ => None,
            });
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        Place::of(&variable, &payload)
    }

    #[test]
    fn a_pull_request_is_judged_at_its_head() {
        let payload = json!({ "pull_request": { "head": { "sha": "def" } } });
        assert_eq!(place(payload, &[]).unwrap().head, "def");
        assert_eq!(place(json!({}), &[]).unwrap().head, "abc");
    }

    #[test]
    fn outside_of_a_job_there_is_no_place() {
        assert_eq!(place(json!({}), &[("GITHUB_REPOSITORY", "")]), None);
        assert_eq!(
            place(json!({}), &[("GITHUB_REPOSITORY", "acme/../x")]),
            None
        );
        assert_eq!(place(json!({}), &[("GITHUB_SHA", "main?x=1")]), None);
        let url = place(json!({}), &[("GITHUB_RUN_ATTEMPT", "2")])
            .unwrap()
            .run_url();
        assert_eq!(
            url,
            "https://github.com/acme/shop/actions/runs/12/attempts/2"
        );
    }
}

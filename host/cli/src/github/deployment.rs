//! Deployments: what GitHub shows at an environment, and in the history of a
//! pull request.
//!
//! There is one for each environment and commit, whoever made it: a job with
//! `environment:` has one by GitHub, which is then kept up to date, and a run
//! that goes on with a rollout uses the one of the run before.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, ApiError};
use super::place::Place;
use super::status::described;

/// How many earlier deployments are looked at when they are to be closed.
const MOST_CLOSED: usize = 3;

/// How it stands, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    InProgress,
    /// It serves.
    Success,
    /// It does not, and what was before serves.
    Failure,
    /// A person must look.
    Error,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::InProgress => "in_progress",
            State::Success => "success",
            State::Failure => "failure",
            State::Error => "error",
        }
    }
}

/// What is deployed where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The environment.
    pub environment: String,
    /// The commit.
    pub commit: String,
    /// The digest of the release.
    pub release: String,
    /// Where people see it.
    pub url: Option<String>,
    /// Whether it goes away by itself.
    pub is_transient: bool,
}

/// The deployment of one environment.
pub struct Deployment<'a> {
    api: &'a Api,
    place: Place,
    deployed: Deployed,
    /// Its number, once it is there, and those that were there before it.
    known: Option<(u64, Vec<u64>)>,
    said: Option<(State, String)>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    sha: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Debug, Deserialize)]
struct ListedStatus {
    state: String,
    #[serde(default)]
    description: Option<String>,
}

impl<'a> Deployment<'a> {
    /// The deployment; nothing is asked yet.
    pub fn new(api: &'a Api, place: Place, deployed: Deployed) -> Deployment<'a> {
        Deployment {
            api,
            place,
            deployed,
            known: None,
            said: None,
        }
    }

    /// Its number, once it is there.
    pub fn id(&self) -> Option<u64> {
        self.known.as_ref().map(|(id, _)| *id)
    }

    /// Say how it stands. What was said already is not said again.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn say(&mut self, state: State, description: &str) -> Result<(), ApiError> {
        let description = described(description);
        let said = Some((state, description.clone()));
        if self.said == said {
            return Ok(());
        }
        let (id, before) = match self.known.take() {
            Some(known) => known,
            None => self.find_or_create().await?,
        };
        self.known = Some((id, before.clone()));
        let mut body = json!({
            "state": state.word(),
            "description": description,
            "log_url": self.place.run_url(),
            "environment": self.deployed.environment,
        });
        if let Some(url) = &self.deployed.url {
            body["environment_url"] = json!(url);
        }
        self.post_status(id, &body).await?;
        self.said = said;
        if state == State::Success {
            self.close(&before).await?;
        }
        Ok(())
    }

    async fn find_or_create(&self) -> Result<(u64, Vec<u64>), ApiError> {
        let mut listed = self.listed().await?;
        // The newest first, as GitHub lists them.
        let same = listed
            .iter()
            .position(|one| one.sha == self.deployed.commit);
        let found = same.map(|index| listed.remove(index));
        let before = listed.iter().map(|one| one.id).collect();
        let id = match found {
            Some(found) => found.id,
            None => self.create().await?,
        };
        Ok((id, before))
    }

    async fn listed(&self) -> Result<Vec<Listed>, ApiError> {
        let environment = encoded(&self.deployed.environment);
        let path = self.place.path("/deployments");
        self.api
            .get(&format!("{path}?environment={environment}&per_page=10"))
            .await
    }

    async fn create(&self) -> Result<u64, ApiError> {
        let Deployed {
            environment,
            commit,
            release,
            is_transient,
            ..
        } = &self.deployed;
        let body = json!({
            "ref": commit,
            "environment": environment,
            "description": described(&format!("baepo rolls out {}", commit.get(..7).unwrap_or(commit))),
            // GitHub would merge the default branch and make no deployment.
            "auto_merge": false,
            // The check of this very job is not finished yet.
            "required_contexts": [],
            "transient_environment": is_transient,
            "production_environment": environment == "production",
            "payload": { "baepo": { "release": release, "run": self.place.turn.run } },
        });
        let look = async || {
            let listed = self.listed().await?;
            let ours = |one: &Listed| {
                one.sha == *commit && payload(&one.payload)["baepo"]["release"] == json!(release)
            };
            let found = listed.into_iter().find(ours);
            Ok(found.map(|found| json!({ "id": found.id })))
        };
        let answer: Value = self
            .api
            .post(&self.place.path("/deployments"), &body, look)
            .await?;
        // 202 has a message instead.
        answer["id"].as_u64().ok_or_else(|| {
            let message = answer["message"]
                .as_str()
                .unwrap_or("no deployment was made");
            ApiError::Strange(message.to_owned())
        })
    }

    async fn post_status(&self, id: u64, body: &Value) -> Result<(), ApiError> {
        let path = self.place.path(&format!("/deployments/{id}/statuses"));
        let look = async || {
            let newest = self.newest_status(id).await?;
            Ok(newest.filter(|newest| {
                body["state"] == newest.state.as_str()
                    && body["description"].as_str() == newest.description.as_deref()
            }))
        };
        let _: ListedStatus = self.api.post(&path, body, look).await?;
        Ok(())
    }

    async fn newest_status(&self, id: u64) -> Result<Option<ListedStatus>, ApiError> {
        let path = self.place.path(&format!("/deployments/{id}/statuses"));
        let statuses: Vec<ListedStatus> = self.api.get(&format!("{path}?per_page=1")).await?;
        Ok(statuses.into_iter().next())
    }

    /// Close what was there before: GitHub does that by itself, but not for
    /// production, and not for what a killed run left going on.
    async fn close(&self, before: &[u64]) -> Result<(), ApiError> {
        for id in before.iter().take(MOST_CLOSED) {
            let state = self.newest_status(*id).await?.map(|status| status.state);
            let is_open = match state.as_deref() {
                Some("success" | "in_progress" | "queued" | "pending") => true,
                Some(_) | None => false,
            };
            if is_open {
                let description = format!(
                    "{} took its place",
                    self.deployed.commit.get(..7).unwrap_or_default()
                );
                let body = json!({
                    "state": "inactive",
                    "description": description,
                    "log_url": self.place.run_url(),
                });
                self.post_status(*id, &body).await?;
            }
            // Whatever is before one that served was closed when that came.
            if state.as_deref() == Some("success") {
                break;
            }
        }
        Ok(())
    }
}

/// GitHub gives a payload back as it was given, or as text.
fn payload(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        value => value.clone(),
    }
}

/// A value of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_add_to_a_query() {
        assert_eq!(encoded("eu west/1&ref=x"), "eu%20west%2F1%26ref%3Dx");
    }

    #[test]
    fn a_payload_is_found_in_both_forms() {
        let inner = json!({ "baepo": { "release": "sha256:ab" } });
        assert_eq!(payload(&inner), inner);
        assert_eq!(payload(&Value::String(inner.to_string())), inner);
    }
}

//! Commit statuses: what a branch rule can require, at the head of a change.

use serde::Deserialize;
use serde_json::json;

use super::api::{Api, ApiError};
use super::place::Place;

/// The most characters of a description, here and at deployments. Source:
/// docs.github.com/rest/deployments/statuses; it is not in the description of
/// the API.
pub const LONGEST_DESCRIPTION: usize = 140;

/// How it stands, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Pending,
    /// Fine.
    Success,
    /// Not fine.
    Failure,
    /// A person must look.
    Error,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Success => "success",
            State::Failure => "failure",
            State::Error => "error",
        }
    }
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    context: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

/// Say at a commit how it stands; `context` names the status.
///
/// # Errors
/// See [`ApiError`].
pub async fn set(
    api: &Api,
    place: &Place,
    context: &str,
    state: State,
    description: &str,
) -> Result<(), ApiError> {
    let description = described(description);
    let target = place.run_url();
    let body = json!({
        "state": state.word(),
        "context": context,
        "description": description,
        "target_url": target,
    });
    let list = place.path(&format!("/commits/{}/statuses", place.head));
    let look = async || {
        let statuses: Vec<Status> = api.get(&format!("{list}?per_page=100")).await?;
        let newest = statuses
            .into_iter()
            .find(|status| status.context == context);
        Ok(newest.filter(|status| {
            status.state == state.word()
                && status.description.as_deref() == Some(description.as_str())
                && status.target_url.as_deref() == Some(target.as_str())
        }))
    };
    let path = place.path(&format!("/statuses/{}", place.head));
    let _: Status = api.post(&path, &body, look).await?;
    Ok(())
}

/// A description that GitHub takes.
pub fn described(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match text.char_indices().nth(LONGEST_DESCRIPTION) {
        Some(_) => {
            let cut: String = text.chars().take(LONGEST_DESCRIPTION - 1).collect();
            format!("{}…", cut.trim_end())
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_of_at_most_140_characters() {
        assert_eq!(described("fine\nhere"), "fine here");
        let long = described(&"ü".repeat(141));
        assert_eq!(long.chars().count(), 140);
        assert!(long.ends_with('…'));
        assert_eq!(described(&"ü".repeat(140)).chars().count(), 140);
    }
}

//! Which pull request a commit came from.

use serde::Deserialize;

use super::api::{Api, ApiError};
use super::deployment::encoded;
use super::place::Place;

#[derive(Debug, Deserialize)]
struct Pull {
    number: u64,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    head: Head,
}

#[derive(Debug, Deserialize)]
struct Head {
    sha: String,
}

/// The pull request that a commit belongs to: first one whose merge made it,
/// then a merged one that it is part of, then one whose head it is. Nothing
/// where it was pushed directly.
///
/// # Errors
/// See [`ApiError`].
pub async fn of_commit(api: &Api, place: &Place, commit: &str) -> Result<Option<u64>, ApiError> {
    let path = place.path(&format!("/commits/{commit}/pulls"));
    let pulls: Vec<Pull> = match api.list(&path, "", None).await {
        Ok(pulls) => pulls,
        // A commit that GitHub does not have belongs to no pull request.
        Err(ApiError::Missing { .. } | ApiError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(best(&pulls, commit))
}

/// The open pull request whose head is this commit, at the end of a branch that
/// may be a fork's. The same branch may be in several, which go to different
/// branches: then the one that is `likely`, or the oldest. Nothing where the
/// branch has moved on.
///
/// # Errors
/// See [`ApiError`].
pub async fn of_branch(
    api: &Api,
    place: &Place,
    owner: &str,
    branch: &str,
    likely: Option<u64>,
) -> Result<Option<u64>, ApiError> {
    let path = place.path("/pulls");
    let head = encoded(&format!("{owner}:{branch}"));
    let pulls: Vec<Pull> = api
        .list(&path, &format!("&state=open&head={head}"), None)
        .await?;
    let numbers: Vec<u64> = pulls
        .iter()
        // GitHub forgets the condition where it does not like its form.
        .filter(|pull| pull.head.sha == place.head)
        .map(|pull| pull.number)
        .collect();
    let is_there = likely.filter(|number| numbers.contains(number));
    Ok(is_there.or(numbers.into_iter().min()))
}

fn best(pulls: &[Pull], commit: &str) -> Option<u64> {
    let rank = |pull: &Pull| {
        let is_merged = pull.merged_at.is_some();
        match (is_merged, pull.merge_commit_sha.as_deref() == Some(commit)) {
            (true, true) => Some(0),
            (true, false) => Some(1),
            (false, _) if pull.head.sha == commit => Some(2),
            (false, _) => None,
        }
    };
    let ranked = pulls
        .iter()
        .filter_map(|pull| Some((rank(pull)?, pull.number)));
    ranked.min().map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(number: u64, merged: bool, merge: &str, head: &str) -> Pull {
        Pull {
            number,
            merged_at: merged.then(|| "2026-11-23T14:00:00Z".into()),
            merge_commit_sha: Some(merge.into()),
            head: Head { sha: head.into() },
        }
    }

    #[test]
    fn the_one_whose_merge_made_the_commit_comes_first() {
        let open = pull(1, false, "x", "c");
        let part = pull(2, true, "y", "d");
        let made = pull(3, true, "c", "e");
        let all = [open, part, made];
        assert_eq!(best(&all, "c"), Some(3));
        assert_eq!(best(&all[..2], "c"), Some(2));
        assert_eq!(best(&all[..1], "c"), Some(1));
        assert_eq!(best(&[pull(4, false, "c", "f")], "c"), None);
        assert_eq!(best(&[], "c"), None);
    }
}

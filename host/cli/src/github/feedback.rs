//! What people said about a rollout at its pull request: reactions to our
//! comment, comments after it, and issues that report a regression.
//!
//! Issues are those of this repository that mention the pull request, as its
//! timeline has them, and that have one of the labels. An issue that mentions
//! the commit alone is not in it, and searching for one would need another
//! limit of requests.

use baepo_core::hook::Signal;
use baepo_core::time::Time;
use serde_json::Value;

use super::api::{Api, ApiError};
use super::comment::Marker;
use super::place::Place;

/// How many pages of each list are read, of 100 items.
const MOST_PAGES: usize = 2;
/// How many signals there are at most; the newest are kept.
const MOST_SIGNALS: usize = 100;
/// The most of a text that is kept, in characters.
const LONGEST_TEXT: usize = 1_000;

/// Where people say something.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The number of the pull request.
    pub pull_request: u64,
    /// Our comment at it, where there is one.
    pub comment: Option<u64>,
    /// Labels of issues that report a regression.
    pub labels: &'a [String],
}

/// What people said, oldest first, and what could not be asked.
pub async fn collect(
    api: &Api,
    place: &Place,
    asked: &Asked<'_>,
) -> (Vec<Signal>, Result<(), ApiError>) {
    let mut signals = Vec::new();
    let mut result = Ok(());
    let mut add = |found: Result<Vec<Signal>, ApiError>| match found {
        Ok(found) => signals.extend(found),
        Err(error) => result = Err(error),
    };
    if let Some(comment) = asked.comment {
        let path = place.path(&format!("/issues/comments/{comment}/reactions"));
        let list = api.list_beginning(&path, MOST_PAGES).await;
        add(list.map(|list| list.iter().filter_map(reaction).collect()));
        let path = place.path(&format!("/issues/{}/comments", asked.pull_request));
        let list = api.list_beginning(&path, MOST_PAGES).await;
        let is_after = |said: &&Value| said["id"].as_u64() > Some(comment);
        add(list.map(|list| list.iter().filter(is_after).filter_map(reply).collect()));
    }
    if !asked.labels.is_empty() {
        let path = place.path(&format!("/issues/{}/timeline", asked.pull_request));
        let list = api.list_beginning(&path, MOST_PAGES).await;
        let issue = |event: &Value| regression(event, place, asked.labels);
        add(list.map(|list| list.iter().filter_map(issue).collect()));
    }
    signals.sort_by_key(|signal| signal.at);
    let surplus = signals.len().saturating_sub(MOST_SIGNALS);
    signals.drain(..surplus);
    (signals, result)
}

/// A person with a name; bots say nothing here.
fn person(user: &Value) -> Option<String> {
    let login = user["login"].as_str()?;
    (user["type"] != "Bot").then(|| login.to_owned())
}

fn reaction(said: &Value) -> Option<Signal> {
    let text = match said["content"].as_str()? {
        "+1" => "👍",
        "-1" => "👎",
        "laugh" => "😄",
        "hooray" => "🎉",
        "confused" => "😕",
        "heart" => "❤️",
        "rocket" => "🚀",
        "eyes" => "👀",
        _ => return None,
    };
    signal(
        "reaction",
        person(&said["user"])?,
        text,
        &said["created_at"],
    )
}

fn reply(said: &Value) -> Option<Signal> {
    let text = said["body"].as_str()?.trim();
    if text.is_empty() || Marker::parse(text).is_some() {
        return None;
    }
    let kind = match text.starts_with("/baepo") {
        true => "command",
        false => "comment",
    };
    signal(kind, person(&said["user"])?, text, &said["created_at"])
}

fn regression(event: &Value, place: &Place, labels: &[String]) -> Option<Signal> {
    let issue = &event["source"]["issue"];
    if event["event"] != "cross-referenced" || issue.get("pull_request").is_some() {
        return None;
    }
    let repository = issue["repository_url"].as_str()?;
    if !repository.ends_with(&place.path("")) {
        return None;
    }
    let mut of_issue = issue["labels"].as_array()?.iter();
    let is_regression = of_issue.any(|label| {
        let name = label["name"].as_str().or(label.as_str());
        name.is_some_and(|name| {
            labels
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(name))
        })
    });
    if !is_regression {
        return None;
    }
    let text = format!("#{} {}", issue["number"], issue["title"].as_str()?);
    signal(
        "issue",
        person(&issue["user"])?,
        &text,
        &event["created_at"],
    )
}

fn signal(kind: &str, author: String, text: &str, at: &Value) -> Option<Signal> {
    Some(Signal {
        kind: kind.into(),
        author,
        text: text.chars().take(LONGEST_TEXT).collect(),
        at: at.as_str().and_then(time).unwrap_or(Time(0)),
    })
}

/// `2026-11-23T14:15:06Z`. Source: the days-from-civil algorithm of H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms".
fn time(text: &str) -> Option<Time> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let parts: Result<Vec<u64>, _> = text.split(by).map(str::parse).collect();
        parts.ok()?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hours, minutes, seconds] = numbers(clock, ':')?;
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let (era, of_era) = (year / 400, year % 400);
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    Some(Time(
        (days * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1_000,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_those_that_are_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-23T14:15:06Z",
        ] {
            assert_eq!(time(text).unwrap().rfc3339(), text);
        }
        assert_eq!(time("yesterday"), None);
        assert_eq!(time("2026-13-01T00:00:00Z"), None);
    }

    #[test]
    fn bots_and_our_own_comments_are_nobody() {
        let said = |kind: &str, body: &str| json!({ "body": body, "user": { "login": "a", "type": kind }, "created_at": "" });
        assert_eq!(reply(&said("Bot", "hello")), None);
        assert_eq!(
            reply(&said("User", "/baepo status")).unwrap().kind,
            "command"
        );
        let long = reply(&said("User", &"é".repeat(5_000))).unwrap();
        assert_eq!(
            (long.kind.as_str(), long.text.chars().count()),
            ("comment", LONGEST_TEXT)
        );
    }
}

//! What people say: reactions at comments, and issues that mention a pull
//! request.

use serde_json::{Value, json};

use super::answer::Answer;
use super::routes::Asked;
use super::shapes::{API, THEN, WEB, user};
use super::{Issue, PERSON, State, commands};

/// The answer where the path is one of these.
pub(super) fn answer(state: &State, asked: &Asked) -> Option<Answer> {
    let parts: Vec<&str> = asked.path.split('/').skip(4).collect();
    let items = match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["issues", "comments", comment, "reactions"]) => {
            let at = |reaction: &&super::Reaction| reaction.comment.to_string() == *comment;
            state
                .reactions
                .iter()
                .filter(at)
                .map(commands::shown)
                .collect()
        }
        ("GET", ["issues", number, "timeline"]) => {
            let at = |issue: &&Issue| issue.mentions.to_string() == *number;
            state.issues.iter().filter(at).map(mentioned).collect()
        }
        _ => return None,
    };
    Some(Answer::page(&asked.path, &asked.query, items, None))
}

fn mentioned(issue: &Issue) -> Value {
    json!({
        "event": "cross-referenced",
        "actor": user(PERSON.1),
        "created_at": THEN,
        "updated_at": THEN,
        "source": { "type": "issue", "issue": shown(issue) },
    })
}

fn shown(issue: &Issue) -> Value {
    let number = issue.number;
    let url = format!("{API}/issues/{number}");
    let label = json!({
        "id": 1, "node_id": "LA_1", "url": format!("{API}/labels/1"), "name": issue.label,
        "description": null, "color": "f29513", "default": false,
    });
    json!({
        "id": number, "node_id": "I_1", "number": number, "url": url,
        "repository_url": API,
        "html_url": format!("{WEB}/issues/{number}"),
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "state": "open", "locked": false, "title": issue.title, "body": null, "comments": 0,
        "user": user(PERSON.1), "labels": [label], "assignee": null, "milestone": null,
        "author_association": "NONE", "closed_at": null, "created_at": THEN, "updated_at": THEN,
    })
}

//! What commands in comments need: reactions, who may do what, one pull
//! request, and runs that are run again.

use serde_json::{Value, json};

use super::answer::Answer;
use super::routes::Asked;
use super::{Actor, PERSON, Pull, Reaction, State, shapes};

/// The answer where the path is one of these.
pub(super) fn answer(state: &mut State, asked: &Asked, actor: Actor) -> Option<Answer> {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    Some(match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["orgs", "acme", "teams", team, "memberships", login]) => {
            if !state.tells_members {
                return Some(Answer::error(403, "Resource not accessible by integration"));
            }
            let is_in = |(of, who): &(String, String)| of == team && who == login;
            match state.members.iter().any(is_in) {
                true => Answer::ok(json!({
                    "role": "member", "state": "active",
                    "url": format!("https://api.github.com/teams/1/memberships/{login}"),
                })),
                false => Answer::error(404, "Not Found"),
            }
        }
        (_, ["repos", "acme", "shop", rest @ ..]) => of_repository(state, asked, actor, rest)?,
        _ => return None,
    })
}

fn of_repository(state: &mut State, asked: &Asked, actor: Actor, parts: &[&str]) -> Option<Answer> {
    Some(match (asked.method.as_str(), parts) {
        ("GET", ["collaborators", login, "permission"]) => match state.permissions.get(*login) {
            Some(permission) => {
                let mut user = shapes::user(PERSON.1);
                user["login"] = json!(login);
                user["role_name"] = json!(permission);
                Answer::ok(
                    json!({ "permission": permission, "role_name": permission, "user": user }),
                )
            }
            None => Answer::error(404, &format!("{login} is not a user")),
        },
        ("GET", ["pulls"]) => {
            let asks = |pair: &str| asked.query.split('&').any(|asked| asked == pair);
            let open = state.pulls.iter().filter(|pull| !pull.is_merged);
            let found = open.filter(|pull| {
                let owner = if pull.is_of_fork { "somebody" } else { "acme" };
                asks("state=open") && asks(&format!("head={owner}%3Abread"))
            });
            let items = found.map(|pull| shapes::pull(pull, PERSON.1)).collect();
            Answer::page(&asked.path, &asked.query, items, None)
        }
        ("GET", ["pulls", number]) => {
            let found = state
                .pulls
                .iter()
                .find(|pull| pull.number.to_string() == *number);
            match found {
                Some(pull) => Answer::ok(whole_pull(pull)),
                None => Answer::error(404, "Not Found"),
            }
        }
        ("POST", ["issues", "comments", comment, "reactions"]) => {
            react(state, &asked.body, actor, comment)
        }
        ("DELETE", ["issues", "comments", comment, "reactions", id]) => {
            let is_it = |reaction: &Reaction| {
                reaction.id.to_string() == *id && reaction.comment.to_string() == *comment
            };
            match state.reactions.iter().position(is_it) {
                Some(index) => {
                    state.reactions.remove(index);
                    Answer::empty()
                }
                None => Answer::error(404, "Not Found"),
            }
        }
        ("POST", ["actions", "runs", run, "rerun-failed-jobs"]) => {
            state.run_again.push((*run).to_owned());
            Answer::created(json!({}))
        }
        _ => return None,
    })
}

fn react(state: &mut State, body: &Value, actor: Actor, comment: &str) -> Answer {
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let Some(comment) = state.comments.iter().find(|c| c.id.to_string() == comment) else {
        return Answer::error(404, "Not Found");
    };
    let comment = comment.id;
    let same = |r: &&Reaction| r.comment == comment && r.content == content && r.actor == actor;
    if let Some(there) = state.reactions.iter().find(same) {
        return Answer::ok(shown(there));
    }
    let reaction = Reaction {
        id: state.id(),
        comment,
        content,
        actor,
    };
    let answer = Answer::created(shown(&reaction));
    state.reacted.push(reaction.content.clone());
    state.reactions.push(reaction);
    answer
}

pub(super) fn shown(reaction: &Reaction) -> Value {
    json!({
        "id": reaction.id,
        "node_id": "R_1",
        "user": shapes::user(reaction.actor),
        "content": reaction.content,
        "created_at": "2026-11-23T14:00:00Z",
    })
}

/// One pull request has more fields than one of a list.
fn whole_pull(pull: &Pull) -> Value {
    let mut whole = shapes::pull(pull, PERSON.1);
    let more = json!({
        "additions": 1, "changed_files": 1, "comments": 1, "commits": 1, "deletions": 1,
        "mergeable": true, "mergeable_state": "clean", "merged": pull.is_merged,
        "maintainer_can_modify": false, "merged_by": null, "review_comments": 0,
    });
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    if pull.is_of_fork {
        whole["head"]["repo"]["full_name"] = json!("somebody/shop");
    }
    whole
}

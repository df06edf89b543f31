//! Which path does what.

use serde_json::{Value, json};

use super::answer::Answer;
use super::{Actor, CheckRun, Comment, Deployment, State, shapes};

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Value,
    pub(super) actor: Option<Actor>,
}

const MOST_IN_COMMENT: usize = 65_536;
const MOST_IN_DESCRIPTION: usize = 140;

pub(super) fn answer(state: &mut State, asked: &Asked) -> Answer {
    let Some(actor) = asked.actor else {
        return Answer::error(401, "Bad credentials");
    };
    if asked.path == "/graphql" {
        return match state.hides_viewer {
            true => Answer::ok(json!({ "data": null, "errors": [{ "message": "no" }] })),
            false => Answer::ok(json!({ "data": { "viewer": { "databaseId": actor.id } } })),
        };
    }
    if asked.path == "/user" {
        return match actor.is_bot {
            true => Answer::error(403, "Resource not accessible by integration"),
            false => Answer::ok(shapes::public_user(actor)),
        };
    }
    let rest = asked.path.strip_prefix("/repos/acme/shop/");
    let parts: Vec<&str> = rest.unwrap_or_default().split('/').collect();
    if state.is_read_only && asked.method != "GET" {
        let kind = match parts[0] {
            "issues" => "pull_requests=write",
            "check-runs" => "checks=write",
            "statuses" => "statuses=write",
            _ => "deployments=write",
        };
        return Answer::error(403, "Resource not accessible by integration")
            .with("x-accepted-github-permissions", kind);
    }
    if let Some(answer) = super::commands::answer(state, asked, actor) {
        return answer;
    }
    if let Some(answer) = super::feedback::answer(state, asked) {
        return answer;
    }
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["issues", issue, "comments"]) => {
            let on_issue = state
                .comments
                .iter()
                .filter(|c| c.issue.to_string() == *issue);
            let items = on_issue.map(shapes::comment).collect();
            Answer::page(&asked.path, &asked.query, items, None)
        }
        ("POST", ["issues", issue, "comments"]) => create_comment(state, asked, actor, issue),
        (method, ["issues", "comments", id]) => one_comment(state, asked, method, id),
        ("POST", ["check-runs"]) => create_check(state, &asked.body),
        ("GET", ["check-runs", id]) => match check(state, id) {
            Some(check) => Answer::ok(shapes::check_run(check)),
            None => Answer::error(404, "Not Found"),
        },
        ("PATCH", ["check-runs", id]) => change_check(state, &asked.body, id),
        ("GET", ["commits", sha, "check-runs"]) => {
            let checks = state
                .checks
                .iter()
                .rev()
                .filter(|c| c.fields["head_sha"] == *sha);
            let items = checks.map(shapes::check_run).collect();
            Answer::page(&asked.path, &asked.query, items, Some("check_runs"))
        }
        ("GET", ["commits", sha, "statuses"]) => {
            let statuses = state.statuses.iter().rev().filter(|(of, _)| of == sha);
            let items = statuses
                .map(|(sha, fields)| shapes::status(sha, fields, actor))
                .collect();
            Answer::page(&asked.path, &asked.query, items, None)
        }
        ("POST", ["statuses", sha]) => create_status(state, &asked.body, sha, actor),
        ("GET", ["commits", sha, "pulls"]) => {
            let belongs = |commits: &[String]| commits.iter().any(|commit| commit == sha);
            let pulls = state.pulls.iter().filter(|pull| belongs(&pull.commits));
            let items = pulls.map(|pull| shapes::pull(pull, actor)).collect();
            Answer::page(&asked.path, &asked.query, items, None)
        }
        ("GET", ["deployments"]) => {
            let is_asked = |deployment: &&Deployment| {
                let wanted = format!("environment={}", deployment.environment);
                asked
                    .query
                    .split('&')
                    .any(|pair| pair.replace("%20", " ") == wanted)
            };
            let found = state.deployments.iter().rev().filter(is_asked);
            let items = found
                .map(|found| shapes::deployment(found, actor))
                .collect();
            Answer::page(&asked.path, &asked.query, items, None)
        }
        ("POST", ["deployments"]) => create_deployment(state, &asked.body, actor),
        ("GET", ["deployments", id, "statuses"]) => match deployment(state, id) {
            Some(found) => {
                let statuses = found.statuses.iter().rev();
                let items = statuses.map(|s| shapes::deployment_status(found.id, s, actor));
                Answer::page(&asked.path, &asked.query, items.collect(), None)
            }
            None => Answer::error(404, "Not Found"),
        },
        ("POST", ["deployments", id, "statuses"]) => {
            create_deployment_status(state, &asked.body, id, actor)
        }
        _ => Answer::error(404, "Not Found"),
    }
}

fn is_too_long(body: &Value, key: &str, most: usize) -> bool {
    body[key]
        .as_str()
        .is_some_and(|text| text.chars().count() > most)
}

fn create_comment(state: &mut State, asked: &Asked, actor: Actor, issue: &str) -> Answer {
    if is_too_long(&asked.body, "body", MOST_IN_COMMENT) {
        return Answer::invalid("Body is too long (maximum is 65536 characters)");
    }
    if let Some(mut first) = state.race.take() {
        first.id = state.id();
        state.comments.push(first);
    }
    let comment = Comment {
        id: state.id(),
        issue: issue.parse().unwrap_or_default(),
        author: actor,
        body: asked.body["body"].as_str().unwrap_or_default().to_owned(),
    };
    let answer = Answer::created(shapes::comment(&comment));
    state.pages.push(comment.body.clone());
    state.comments.push(comment);
    answer
}

fn one_comment(state: &mut State, asked: &Asked, method: &str, id: &str) -> Answer {
    let index = state.comments.iter().position(|c| c.id.to_string() == id);
    let Some(index) = index else {
        return Answer::error(404, "Not Found");
    };
    match method {
        "GET" => Answer::ok(shapes::comment(&state.comments[index])),
        "DELETE" => {
            state.comments.remove(index);
            Answer::empty()
        }
        "PATCH" if is_too_long(&asked.body, "body", MOST_IN_COMMENT) => {
            Answer::invalid("Body is too long (maximum is 65536 characters)")
        }
        "PATCH" => {
            let body = asked.body["body"].as_str().unwrap_or_default();
            body.clone_into(&mut state.comments[index].body);
            state.pages.push(body.to_owned());
            Answer::ok(shapes::comment(&state.comments[index]))
        }
        _ => Answer::error(404, "Not Found"),
    }
}

fn check<'a>(state: &'a mut State, id: &str) -> Option<&'a mut CheckRun> {
    state
        .checks
        .iter_mut()
        .find(|check| check.id.to_string() == id)
}

fn create_check(state: &mut State, body: &Value) -> Answer {
    let id = state.id();
    state.checks.push(CheckRun {
        id,
        fields: json!({ "status": "queued", "conclusion": null }),
        batches: Vec::new(),
        annotations: Vec::new(),
    });
    match change(state, body, &id.to_string()) {
        Ok(check) => Answer::created(check),
        Err(wrong) => {
            state.checks.retain(|check| check.id != id);
            Answer::invalid(wrong)
        }
    }
}

fn change_check(state: &mut State, body: &Value, id: &str) -> Answer {
    if check(state, id).is_none() {
        return Answer::error(404, "Not Found");
    }
    match change(state, body, id) {
        Ok(check) => Answer::ok(check),
        Err(wrong) => Answer::invalid(wrong),
    }
}

fn change(state: &mut State, body: &Value, id: &str) -> Result<Value, &'static str> {
    let check = check(state, id).ok_or("there is no such check")?;
    let (status, conclusion) = (&body["status"], &body["conclusion"]);
    if status == "completed" && conclusion.is_null() {
        return Err("conclusion is required when status is completed");
    }
    if !conclusion.is_null() && status != "completed" && !status.is_null() {
        return Err("status must be completed where there is a conclusion");
    }
    let added = body["output"]["annotations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if added.len() > 50 {
        return Err("at most 50 annotations");
    }
    for (key, value) in body.as_object().into_iter().flatten() {
        check.fields[key] = value.clone();
    }
    if !added.is_empty() {
        check.batches.push(added.len());
    }
    check.annotations.extend(added);
    Ok(shapes::check_run(check))
}

fn create_status(state: &mut State, body: &Value, sha: &str, actor: Actor) -> Answer {
    if is_too_long(body, "description", MOST_IN_DESCRIPTION) {
        return Answer::invalid("description is too long (maximum is 140 characters)");
    }
    if sha.len() != 40 {
        return Answer::invalid("No commit found for SHA");
    }
    state.statuses.push((sha.to_owned(), body.clone()));
    Answer::created(shapes::status(sha, body, actor))
}

fn deployment<'a>(state: &'a mut State, id: &str) -> Option<&'a mut Deployment> {
    state
        .deployments
        .iter_mut()
        .find(|deployment| deployment.id.to_string() == id)
}

fn create_deployment(state: &mut State, body: &Value, actor: Actor) -> Answer {
    if body["auto_merge"] != false {
        return Answer::of(
            202,
            json!({ "message": "Auto-merged main into bread on deployment." }),
        );
    }
    if body["required_contexts"] != json!([]) {
        return Answer::error(409, "Conflict: Commit status checks failed for bread.");
    }
    if is_too_long(body, "description", MOST_IN_DESCRIPTION) {
        return Answer::invalid("description is too long (maximum is 140 characters)");
    }
    let deployment = Deployment {
        id: state.id(),
        sha: body["ref"].as_str().unwrap_or_default().to_owned(),
        environment: body["environment"]
            .as_str()
            .unwrap_or("production")
            .to_owned(),
        payload: body["payload"].clone(),
        is_transient: body["transient_environment"] == true,
        is_production: body["production_environment"] == true,
        statuses: Vec::new(),
    };
    let answer = Answer::created(shapes::deployment(&deployment, actor));
    state.deployments.push(deployment);
    answer
}

fn create_deployment_status(state: &mut State, body: &Value, id: &str, actor: Actor) -> Answer {
    if is_too_long(body, "description", MOST_IN_DESCRIPTION) {
        return Answer::invalid("description is too long (maximum is 140 characters)");
    }
    let Some(found) = deployment(state, id) else {
        return Answer::error(404, "Not Found");
    };
    found.statuses.push(body.clone());
    let (own, environment) = (found.id, found.environment.clone());
    if body["state"] == "success" && body["auto_inactive"] != false {
        for other in &mut state.deployments {
            let closes = other.id < own
                && other.environment == environment
                && other.state() == "success"
                && !other.is_transient
                && !other.is_production;
            if closes {
                other
                    .statuses
                    .push(json!({ "state": "inactive", "log_url": body["log_url"] }));
            }
        }
    }
    Answer::created(shapes::deployment_status(own, body, actor))
}

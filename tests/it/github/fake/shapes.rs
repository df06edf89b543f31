//! Things as GitHub describes them, with every field that it promises.

use serde_json::{Value, json};

use super::{Actor, CheckRun, Comment, Deployment, Pull};

pub(super) const API: &str = "https://api.github.com/repos/acme/shop";
pub(super) const WEB: &str = "https://github.com/acme/shop";
pub(super) const THEN: &str = "2026-11-23T14:00:00Z";

pub(super) fn user(actor: Actor) -> Value {
    let login = actor.login;
    let url = format!(
        "https://api.github.com/users/{}",
        login.replace(['[', ']'], "-")
    );
    json!({
        "login": login,
        "id": actor.id,
        "node_id": "U_1",
        "avatar_url": "https://avatars.githubusercontent.com/u/1",
        "gravatar_id": "",
        "url": url,
        "html_url": "https://github.com/someone",
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following"),
        "gists_url": format!("{url}/gists"),
        "starred_url": format!("{url}/starred"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"),
        "received_events_url": format!("{url}/received_events"),
        "type": if actor.is_bot { "Bot" } else { "User" },
        "site_admin": false,
    })
}

/// The user that a token belongs to, which has more fields.
pub(super) fn public_user(actor: Actor) -> Value {
    let mut user = user(actor);
    let more = json!({
        "user_view_type": "public",
        "bio": null, "blog": null, "company": null, "email": null, "hireable": null,
        "location": null, "name": null, "followers": 0, "following": 0, "public_gists": 0,
        "public_repos": 0, "created_at": THEN, "updated_at": THEN,
    });
    if let (Value::Object(user), Value::Object(more)) = (&mut user, more) {
        user.extend(more);
    }
    user
}

pub(super) fn comment(comment: &Comment) -> Value {
    let Comment { id, issue, .. } = comment;
    json!({
        "id": id,
        "node_id": "IC_1",
        "url": format!("{API}/issues/comments/{id}"),
        "html_url": format!("{WEB}/pull/{issue}#issuecomment-{id}"),
        "issue_url": format!("{API}/issues/{issue}"),
        "body": comment.body,
        "user": user(comment.author),
        "created_at": THEN,
        "updated_at": THEN,
        "author_association": "NONE",
    })
}

pub(super) fn check_run(check: &CheckRun) -> Value {
    let id = check.id;
    let field = |name: &str| check.fields[name].clone();
    let output = |name: &str| check.fields["output"][name].clone();
    let is_completed = check.fields["status"] == "completed";
    json!({
        "id": id,
        "node_id": "CR_1",
        "head_sha": field("head_sha"),
        "name": field("name"),
        "external_id": field("external_id"),
        "url": format!("{API}/check-runs/{id}"),
        "html_url": format!("{WEB}/runs/{id}"),
        "details_url": field("details_url"),
        "status": field("status"),
        "conclusion": field("conclusion"),
        "started_at": THEN,
        "completed_at": is_completed.then_some(THEN),
        "check_suite": { "id": 1 },
        "app": null,
        "pull_requests": [],
        "output": {
            "title": output("title"),
            "summary": output("summary"),
            "text": output("text"),
            "annotations_count": check.annotations.len(),
            "annotations_url": format!("{API}/check-runs/{id}/annotations"),
        },
    })
}

pub(super) fn status(sha: &str, fields: &Value, creator: Actor) -> Value {
    json!({
        "id": 1,
        "node_id": "S_1",
        "url": format!("{API}/statuses/{sha}"),
        "avatar_url": null,
        "state": fields["state"],
        "context": fields["context"],
        "description": fields["description"],
        "target_url": fields["target_url"],
        "created_at": THEN,
        "updated_at": THEN,
        "creator": user(creator),
    })
}

pub(super) fn deployment(deployment: &Deployment, creator: Actor) -> Value {
    let id = deployment.id;
    json!({
        "id": id,
        "node_id": "D_1",
        "url": format!("{API}/deployments/{id}"),
        "sha": deployment.sha,
        "ref": deployment.sha,
        "task": "deploy",
        "payload": deployment.payload,
        "environment": deployment.environment,
        "original_environment": deployment.environment,
        "transient_environment": deployment.is_transient,
        "production_environment": deployment.is_production,
        "description": "x",
        "creator": user(creator),
        "statuses_url": format!("{API}/deployments/{id}/statuses"),
        "repository_url": API,
        "created_at": THEN,
        "updated_at": THEN,
    })
}

pub(super) fn deployment_status(id: u64, fields: &Value, creator: Actor) -> Value {
    let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let mut status = json!({
        "id": 1,
        "node_id": "DS_1",
        "url": format!("{API}/deployments/{id}/statuses/1"),
        "state": fields["state"],
        "description": text("description"),
        "environment": text("environment"),
        "target_url": text("log_url"),
        "deployment_url": format!("{API}/deployments/{id}"),
        "repository_url": API,
        "creator": user(creator),
        "created_at": THEN,
        "updated_at": THEN,
    });
    for name in ["environment_url", "log_url"] {
        if fields[name].is_string() {
            status[name] = fields[name].clone();
        }
    }
    status
}

pub(super) fn pull(pull: &Pull, author: Actor) -> Value {
    let number = pull.number;
    let url = format!("{API}/pulls/{number}");
    let issue = format!("{API}/issues/{number}");
    let web = format!("{WEB}/pull/{number}");
    let end = |name: &str, sha: &str| json!({ "label": name, "ref": name, "sha": sha, "user": user(author), "repo": repository() });
    let link = |url: &str| json!({ "href": url });
    json!({
        "id": number,
        "node_id": "PR_1",
        "number": number,
        "url": url,
        "html_url": web,
        "diff_url": format!("{web}.diff"),
        "patch_url": format!("{web}.patch"),
        "issue_url": issue,
        "commits_url": format!("{url}/commits"),
        "comments_url": format!("{issue}/comments"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{url}/comments/1"),
        "statuses_url": format!("{API}/statuses/{}", pull.head),
        "state": if pull.is_merged { "closed" } else { "open" },
        "locked": false,
        "title": "Sell bread",
        "body": null,
        "labels": [],
        "milestone": null,
        "assignee": null,
        "auto_merge": null,
        "user": user(author),
        "author_association": "OWNER",
        "created_at": THEN,
        "updated_at": THEN,
        "closed_at": pull.is_merged.then_some(THEN),
        "merged_at": pull.is_merged.then_some(THEN),
        "merge_commit_sha": pull.merge_commit,
        "head": end("bread", &pull.head),
        "base": end("main", "0000000000000000000000000000000000000000"),
        "_links": {
            "self": link(&url), "html": link(&web), "issue": link(&issue), "comments": link(&issue),
            "review_comments": link(&url), "review_comment": link(&url), "commits": link(&url),
            "statuses": link(&url),
        },
    })
}

fn repository() -> Value {
    let mut all = json!({
        "id": 1, "node_id": "R_1", "name": "shop", "full_name": "acme/shop", "owner": user(super::PERSON.1),
        "private": true, "fork": false, "archived": false, "disabled": false, "description": null,
        "homepage": null, "language": null, "mirror_url": null, "license": null, "size": 1,
        "default_branch": "main", "pushed_at": THEN, "created_at": THEN, "updated_at": THEN,
        "url": API, "html_url": WEB, "svn_url": WEB, "git_url": "git:github.com/acme/shop.git",
        "ssh_url": "git@github.com:acme/shop.git", "clone_url": format!("{WEB}.git"),
    });
    let urls = [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
    ];
    for name in urls {
        all[format!("{name}_url")] = json!(format!("{API}/{name}"));
    }
    for name in [
        "forks",
        "forks_count",
        "open_issues",
        "open_issues_count",
        "stargazers_count",
        "watchers",
        "watchers_count",
    ] {
        all[name] = json!(0);
    }
    for name in [
        "has_downloads",
        "has_issues",
        "has_projects",
        "has_wiki",
        "has_pages",
    ] {
        all[name] = json!(true);
    }
    all
}

//! `uses: ./command` in a workflow of `issue_comment`, with the real binary.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Job, Repository, act};
use crate::github::Fake;
use crate::github::fake::{JOB, PERSON};

const CONFIG: &str = "app: shop
build: { run: [cp, prebuilt, out/shop], artifacts: [out/shop] }
environments:
  production:
    target: { local: { listen: 127.0.0.1:1, command: [shop], health: /healthz } }
    strategy: direct
    monitors: [traffic]
";

/// A job for this comment; at a pull request, or at an issue.
async fn comment(body: &str, at_pull: bool) -> Result<Option<(Job, Fake)>> {
    let Some(act) = act()? else { return Ok(None) };
    let github = Fake::start().await;
    let id = {
        let mut state = github.state();
        state.permissions.insert(PERSON.1.login.into(), "write");
        state.say(12, PERSON.1, body)
    };
    let repository = Repository::new()?;
    let shop = repository.path().join("shop");
    fs::write(shop.join("baepo.yml"), CONFIG)?;
    repository.git(&["add", "--force", "."])?;
    repository.git(&["commit", "--quiet", "--message=Deploy it"])?;
    let mut issue = json!({ "number": 12 });
    if at_pull {
        issue["pull_request"] = json!({ "url": "https://api.github.com/repos/acme/shop/pulls/12" });
    }
    let event = json!({
        "action": "created",
        "issue": issue,
        "comment": { "id": id, "body": body, "user": { "login": PERSON.1.login, "type": "User" } },
        "repository": { "default_branch": "main", "full_name": "acme/shop" },
    });
    let file = repository.path().join("event.json");
    fs::write(&file, event.to_string())?;
    let file = file.display().to_string();
    let binary = crate::life::baepo().display().to_string();
    let url = github.url();
    let graphql = format!("{url}/graphql");
    let job = repository.run(
        &[
            "issue_comment",
            "--workflows",
            ".github/workflows/commands.yml",
            "--eventpath",
            &file,
        ],
        JOB.0,
        &act,
        &[
            ("TEST_BINARY", &binary),
            ("TEST_CONFIG", "baepo.yml"),
            ("GITHUB_API_URL", &url),
            ("GITHUB_GRAPHQL_URL", &graphql),
            ("GITHUB_REPOSITORY", "acme/shop"),
        ],
    )?;
    Ok(Some((job, github)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_answered_in_a_workflow() -> Result<()> {
    let Some((job, github)) = comment("/baepo help", true).await? else {
        return Ok(());
    };
    ensure!(job.succeeded, "{}", job.text);
    job.shows("command=<help> outcome=<succeeded> reason-code=<done>");
    let state = github.state();
    ensure!(state.reacted == ["eyes", "rocket"], "{:?}", state.reacted);
    let answer = &state.comments.last().map(|comment| comment.body.as_str());
    ensure!(
        answer
            .is_some_and(|text| text.contains("| `/baepo lock [environment] [for 2h] [reason]` |")),
        "{answer:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_answer_fails_the_job_and_is_named() -> Result<()> {
    let Some((job, github)) = comment("/baepo lock", true).await? else {
        return Ok(());
    };
    ensure!(!job.succeeded, "{}", job.text);
    job.shows("command=<lock> outcome=<failed> reason-code=<target>");
    let state = github.state();
    ensure!(state.reacted == ["eyes", "-1"], "{:?}", state.reacted);
    let answer = &state.comments.last().map(|comment| comment.body.as_str());
    ensure!(
        answer.is_some_and(|text| text.contains("baepo agent --environment production")),
        "{answer:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_baepo_starts_nothing() -> Result<()> {
    for (body, at_pull) in [("nice", true), ("/baepo help", false)] {
        let Some((job, github)) = comment(body, at_pull).await? else {
            return Ok(());
        };
        ensure!(job.succeeded, "{}", job.text);
        let state = github.state();
        ensure!(state.requests.is_empty(), "{:?}", state.requests);
    }
    Ok(())
}

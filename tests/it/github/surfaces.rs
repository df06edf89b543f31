//! Check, status and deployments by themselves, and all surfaces of one run.

use baepo::github::check::{Check, Conclusion, MOST_ANNOTATIONS, Page};
use baepo::github::deployment::{self, Deployed, Deployment};
use baepo::github::pull_request;
use baepo_core::hook::Annotation;
use baepo_core::verdict::Level;
use serde_json::json;

use super::fake::{Pull, State};
use super::{Client, Fake, HEAD, place};

/// A remark at a line.
pub(crate) fn remark(line: u32, level: Level) -> Annotation {
    Annotation {
        path: "src/main.rs".into(),
        start_line: line,
        end_line: line,
        level,
        title: "unused".into(),
        message: format!("line {line}"),
    }
}

fn remarks(many: u32) -> Vec<Annotation> {
    let level = |line| match line % 3 {
        0 => Level::Notice,
        1 => Level::Warning,
        _ => Level::Failure,
    };
    (1..=many).map(|line| remark(line, level(line))).collect()
}

#[tokio::test]
async fn annotations_are_handed_over_by_fifty_the_worst_first() {
    for (many, batches) in [
        (0, vec![]),
        (1, vec![1]),
        (50, vec![50]),
        (51, vec![50, 1]),
        (201, vec![50, 50, 50, 50]),
    ] {
        let github = Fake::start().await;
        let client = Client::of_job(&github);
        let mut check = Check::new(&client.api, place(5, 1), "shop");
        let page = Page {
            title: "It failed".into(),
            summary: "Because.".into(),
        };
        check.show(&page).await.unwrap();
        check
            .end(&page, Conclusion::Failure, &remarks(many))
            .await
            .unwrap();
        let state = github.state();
        let run = &state.checks[0];
        assert_eq!(run.batches, batches);
        assert_eq!(run.fields["conclusion"], "failure");
        assert_eq!(run.fields["head_sha"], HEAD);
        // One to make it, one to end it, one for each further batch.
        assert_eq!(state.requests.len(), 1 + batches.len().max(1));
        let rank = |level: &serde_json::Value| match level.as_str().unwrap() {
            "failure" => 0,
            "warning" => 1,
            _ => 2,
        };
        let ranks = run
            .annotations
            .iter()
            .map(|one| rank(&one["annotation_level"]));
        assert!(ranks.is_sorted(), "{many}");
        let summary = run.fields["output"]["summary"].as_str().unwrap();
        let more = (many as usize).saturating_sub(MOST_ANNOTATIONS);
        assert_eq!(summary.contains("+1 more"), more == 1, "{summary}");
    }
}

fn deployed(commit: &str, environment: &str) -> Deployed {
    Deployed {
        environment: environment.into(),
        commit: commit.into(),
        release: format!("sha256:{commit}"),
        url: Some("https://shop.acme.dev".into()),
        is_transient: false,
    }
}

fn states(state: &State) -> Vec<String> {
    let deployments = state.deployments.iter();
    deployments
        .map(|one| format!("{} {}", &one.sha[..4], one.state()))
        .collect()
}

const FIRST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECOND: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[tokio::test]
async fn what_served_production_is_closed_by_the_next_that_serves_and_by_nothing_else() {
    let github = Fake::start().await;
    let client = Client::of_job(&github);
    let say = async |commit: &str, state| {
        let mut deployment =
            Deployment::new(&client.api, place(5, 1), deployed(commit, "production"));
        deployment
            .say(deployment::State::InProgress, "canary goes on")
            .await
            .unwrap();
        deployment.say(state, "how it ended").await.unwrap();
    };
    say(FIRST, deployment::State::Success).await;
    say(SECOND, deployment::State::Failure).await;
    assert_eq!(states(&github.state()), ["aaaa success", "bbbb failure"]);
    let third = "c".repeat(40);
    say(&third, deployment::State::Success).await;
    assert_eq!(
        states(&github.state()),
        ["aaaa inactive", "bbbb failure", "cccc success"]
    );
    let newest = github.state().deployments[2].clone();
    assert_eq!(
        newest.payload["baepo"]["release"],
        format!("sha256:{third}")
    );
    let status = newest.statuses.last().unwrap().clone();
    assert_eq!(status["environment_url"], "https://shop.acme.dev");
    assert_eq!(
        status["log_url"],
        "https://github.com/acme/shop/actions/runs/5/attempts/1"
    );
}

#[tokio::test]
async fn a_run_that_goes_on_uses_the_deployment_of_the_one_before() {
    let github = Fake::start().await;
    let client = Client::of_job(&github);
    for run in [5, 6] {
        let mut deployment =
            Deployment::new(&client.api, place(run, 1), deployed(FIRST, "eu west"));
        deployment
            .say(deployment::State::InProgress, &format!("by run {run}"))
            .await
            .unwrap();
        // The same again is not said.
        deployment
            .say(deployment::State::InProgress, &format!("by run {run}"))
            .await
            .unwrap();
    }
    let state = github.state();
    assert_eq!(state.deployments.len(), 1);
    assert_eq!(state.deployments[0].statuses.len(), 2);
}

#[tokio::test]
async fn the_deployment_of_a_job_with_an_environment_is_used_and_not_doubled() {
    let github = Fake::start().await;
    let id = github.state().id();
    github.state().deployments.push(super::fake::Deployment {
        id,
        sha: FIRST.into(),
        environment: "production".into(),
        payload: json!(""),
        is_transient: false,
        is_production: false,
        statuses: vec![json!({ "state": "in_progress" })],
    });
    let client = Client::of_job(&github);
    let mut deployment = Deployment::new(&client.api, place(5, 1), deployed(FIRST, "production"));
    deployment
        .say(deployment::State::Success, "live")
        .await
        .unwrap();
    assert_eq!(deployment.id(), Some(id));
    assert_eq!(states(&github.state()), ["aaaa success"]);
}

#[tokio::test]
async fn what_a_killed_run_left_going_on_is_healed_by_the_next_that_serves() {
    let github = Fake::start().await;
    let client = Client::of_job(&github);
    let mut killed = Deployment::new(&client.api, place(5, 1), deployed(FIRST, "production"));
    killed
        .say(deployment::State::InProgress, "canary goes on")
        .await
        .unwrap();
    let mut next = Deployment::new(&client.api, place(6, 1), deployed(SECOND, "production"));
    next.say(deployment::State::Success, "live").await.unwrap();
    assert_eq!(states(&github.state()), ["aaaa inactive", "bbbb success"]);
}

#[tokio::test]
async fn a_deployment_that_github_does_not_make_is_said() {
    let github = Fake::start().await;
    let conflict = super::fake::Trouble::status(409, false);
    github
        .state()
        .troubles
        .push(("POST /repos/acme/shop/deployments", conflict, 1));
    let client = Client::of_job(&github);
    let mut deployment = Deployment::new(&client.api, place(5, 1), deployed(FIRST, "production"));
    let error = deployment
        .say(deployment::State::InProgress, "x")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub does not accept it (409): trouble"
    );
    // 202: merged instead.
    let merged = super::fake::Trouble::Says {
        status: 202,
        headers: Vec::new(),
        message: "Auto-merged main into bread on deployment.",
        is_done: false,
    };
    github
        .state()
        .troubles
        .push(("POST /repos/acme/shop/deployments", merged, 1));
    let error = deployment
        .say(deployment::State::InProgress, "x")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Auto-merged main"), "{error}");
}

#[tokio::test]
async fn a_commit_finds_its_pull_request_however_it_was_merged() {
    let github = Fake::start().await;
    let commit = |letter: &str| letter.repeat(40);
    let pull = |number, commits: &[&str], merge: &str| Pull {
        number,
        commits: commits.iter().map(|letter| commit(letter)).collect(),
        head: commit("f"),
        merge_commit: Some(commit(merge)),
        is_merged: true,
        is_of_fork: false,
    };
    // A merge commit; a squashed one; the last of two that were rebased.
    github.state().pulls = vec![
        pull(1, &["a"], "a"),
        pull(2, &["b"], "b"),
        pull(3, &["c", "d"], "d"),
    ];
    let client = Client::of_job(&github);
    let found = async |letter: &str| {
        let commit = commit(letter);
        pull_request::of_commit(&client.api, &place(5, 1), &commit)
            .await
            .unwrap()
    };
    assert_eq!(found("a").await, Some(1));
    assert_eq!(found("b").await, Some(2));
    assert_eq!((found("c").await, found("d").await), (Some(3), Some(3)));
    // Pushed directly.
    assert_eq!(found("e").await, None);
}

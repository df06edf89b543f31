//! Real runs, and both sides of what they and GitHub say to each other held to
//! GitHub's own description of its API.

use std::path::Path;
use std::time::Duration;

use baepo::github::api::ApiError;
use serde_json::{Value, json};

use super::fake::{JOB, State};
use super::npm::{Prism, modules, node};
use super::{Client, Fake, answer, cases};

/// Violations that show that one would be noticed.
const ON_PURPOSE: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case_of_a_run_keeps_to_githubs_description_of_its_api() {
    let github = Fake::start().await;
    let Some(modules) = modules() else {
        cases::every_case(&github, &github.url()).await;
        github.state().forget();
        answer::every_command(&github, &github.url());
        return;
    };
    let prism = Prism::before(&modules, &github.url());
    it_would_be_noticed(&github, &prism).await;
    *github.state() = State::default();
    let mut pages = cases::every_case(&github, &prism.url()).await;
    github.state().forget();
    answer::every_command(&github, &prism.url());
    let violations = prism.violations();
    assert_eq!(violations.len(), ON_PURPOSE, "{violations:#?}");
    pages.extend(github.state().pages.clone());
    every_diagram_is_drawn(&modules, &pages);
    super::page::keep(&modules, &github.state().pages);
    for page in &pages {
        super::page::is_balanced(page);
    }
}

/// A request and an answer that break the description: [`ON_PURPOSE`].
async fn it_would_be_noticed(github: &Fake, prism: &Prism) {
    let client = Client::with(&prism.url(), JOB.0, Duration::ZERO);
    let nothing = async || Ok(None);
    let (path, body) = ("/repos/acme/shop/issues/1/comments", json!({}));
    let wrong = client.api.post::<Value>(path, &body, nothing).await;
    assert!(
        matches!(wrong, Err(ApiError::Refused { status: 422, .. })),
        "{wrong:?}"
    );
    let strange = super::fake::Trouble::Says {
        status: 200,
        headers: Vec::new(),
        message: "no list of comments",
        is_done: false,
    };
    github
        .state()
        .troubles
        .push(("GET /repos/acme/shop/issues/1/comments", strange, 1));
    let list = client.api.list::<Value>(path, "", None).await;
    assert!(list.is_err());
}

fn every_diagram_is_drawn(modules: &Path, pages: &[String]) {
    let input = serde_json::to_string(pages).unwrap();
    let output = node(modules, "mermaid.mjs", &[], &input);
    let result: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(result["wrong"], json!([]));
    for kind in ["flowchart-v2", "gantt", "xychart"] {
        assert!(result["kinds"][kind].as_u64() > Some(1), "{result}");
    }
}

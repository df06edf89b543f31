//! Pull requests from forks: their jobs may not write, and what they say is
//! passed on as what it is.

use std::path::PathBuf;

use baepo_core::time::Time;
use serde_json::{Value, json};

use super::Fake;
use super::fake::{Comment, JOB, Pull};
use super::job::{Done, PULL, Site};

const STRANGE: &str = "somebody/shop";

impl Site<'_> {
    /// The pull request of a fork is open, with what is checked out as its head.
    fn open_of_fork(&self) {
        self.github.state().pulls = vec![Pull {
            number: PULL,
            commits: Vec::new(),
            head: self.checkout.head(),
            merge_commit: None,
            is_merged: false,
            is_of_fork: true,
        }];
    }

    /// The job of a pull request from a fork; its journal, as it was uploaded.
    fn fork_job(&mut self) -> (Done, PathBuf) {
        let head = self.checkout.head();
        let payload = json!({
            "pull_request": {
                "number": PULL,
                "head": { "sha": head, "repo": { "full_name": STRANGE } },
                "base": { "sha": head, "ref": "main" },
            },
            "repository": { "default_branch": "main", "full_name": "acme/shop" },
        });
        self.github.state().is_read_only = true;
        let output = self.command_of("pull_request", &["run"], &payload).output();
        self.github.state().is_read_only = false;
        let done = self.done(output.unwrap());
        let journal = self.checkout.path().join(done.value("report-path"));
        (done, journal)
    }

    /// The job of `workflow_run` that comes after it.
    fn tell(&mut self, journal: &std::path::Path, run: u64, head: &str) -> Done {
        let journal = journal.display().to_string();
        let payload = json!({
            "action": "completed",
            "repository": { "default_branch": "main", "full_name": "acme/shop" },
            "workflow_run": {
                "event": "pull_request", "id": run, "run_attempt": 1, "head_sha": head,
                "head_branch": "bread", "actor": { "login": "somebody" },
                "head_repository": { "full_name": STRANGE, "owner": { "login": "somebody" } },
            },
        });
        let mut job = self.command_of("workflow_run", &["tell", &journal], &payload);
        let output = job.output().unwrap();
        self.done(output)
    }

    /// What was passed on, in the one comment of that name.
    #[track_caller]
    fn passed_on(&self) -> Comment {
        let state = self.github.state();
        let comments = state.comments.iter();
        let is_it = |c: &&Comment| c.author == JOB.1 && c.body.contains("id=shop/fork ");
        let all: Vec<&Comment> = comments.filter(is_it).collect();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].clone()
    }

    /// How often something was written that others rely on.
    fn vouched(&self) -> usize {
        let state = self.github.state();
        state.statuses.len() + state.checks.len() + state.deployments.len()
    }
}

/// A pull request of a fork, and what its job says of itself: through the proxy
/// of the conformance test too.
pub(super) fn passed_on(site: &mut Site<'_>) {
    site.open_of_fork();
    let (done, journal) = site.fork_job();
    done.shows(0, &["⚠ comment not told"]);
    let (vouched, head) = (site.vouched(), site.checkout.head());
    let told = site.tell(&journal, 7, &head);
    told.shows(0, &["told at pull request 12"]);
    let comment = site.passed_on();
    assert_eq!(told.value("comment-id"), comment.id.to_string());
    for wanted in [
        "### ⚪ From a fork: ",
        "The job of a fork says this of itself",
        "https://github.com/acme/shop/actions/runs/7/attempts/1",
        "Plan for production: canary",
    ] {
        assert!(
            comment.body.contains(wanted),
            "`{wanted}` is not in: {}",
            comment.body
        );
    }
    assert!(
        told.summary.contains("### ⚪ From a fork: "),
        "{}",
        told.summary
    );
    assert_eq!(site.vouched(), vouched);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_fork_says_is_one_comment_and_nothing_more() {
    let github = Fake::start().await;
    let mut site = Site::new(&github, &github.url(), 900);
    passed_on(&mut site);
    let (_, journal) = site.fork_job();
    let head = site.checkout.head();
    assert_eq!(site.vouched(), 0);
    // An older one has not the last word; a newer one has.
    site.tell(&journal, 6, &head)
        .shows(0, &["a newer run was told"]);
    site.tell(&journal, 8, &head).shows(0, &["told at"]);
    assert!(site.passed_on().body.contains(" run=8 "));
    // The branch has moved on.
    let before = site.requests();
    site.tell(&journal, 9, &"e".repeat(40))
        .shows(0, &["no open pull request has this commit"]);
    assert!(site.passed_on().body.contains(" run=8 "));
    assert_eq!(site.requests(), before + 1);
    // No journal at all, and what is none.
    site.tell(&journal.with_file_name("absent.jsonl"), 10, &head)
        .shows(2, &["cannot read"]);
    site.checkout
        .write("strange.jsonl", "{\"at\":1}\n{\"at\":2}\n");
    let strange = site.checkout.path().join("strange.jsonl");
    site.tell(&strange, 10, &head).shows(2, &["strange.jsonl"]);
    assert!(site.passed_on().body.contains(" run=8 "));
}

/// A job says that it rolled everything out, at another pull request, in words
/// that would be commands, at times that are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fork_cannot_say_that_something_is_live() {
    let github = Fake::start().await;
    let mut site = Site::new(&github, &github.url(), 950);
    let settings = "    strategy: direct\n";
    site.merge("v1", "hello", settings);
    let done = site.job("push", &["run"]);
    done.shows(0, &[]);
    let path = site.checkout.path().join(done.value("report-path"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<String> = text.lines().map(hostile).collect();
    site.checkout.write("hostile.jsonl", &lines.join("\n"));
    let hostile = site.checkout.path().join("hostile.jsonl");
    site.github.state().forget();
    site.open_of_fork();
    let head = site.checkout.head();
    site.tell(&hostile, 7, &head)
        .shows(0, &["told at pull request 12"]);
    let body = site.passed_on().body;
    for word in [
        "Live in",
        "🟢",
        "🔴",
        "@acme",
        "://evil.dev",
        "<img",
        "666",
        "All traffic",
    ] {
        assert!(!body.contains(word), "`{word}` is in: {body}");
    }
    super::page::is_balanced(&body);
    assert_eq!(site.vouched(), 0);
    let state = site.github.state();
    assert!(state.comments.iter().all(|comment| comment.issue == PULL));
}

/// A line of a journal as somebody may write it who means harm.
fn hostile(line: &str) -> String {
    let mut entry: Value = serde_json::from_str(line).unwrap();
    entry["at"] = json!(Time(u64::MAX));
    fn walk(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "pull-request" => *value = json!(666),
                        "summary" | "reason" | "ref-name" => {
                            *value = json!("@acme\n![x](https://evil.dev) <img src=x> </details>");
                        }
                        _ => walk(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut entry);
    entry.to_string()
}

/// Jobs that have secrets although a stranger has caused them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_strangers_checkout_is_not_used_where_there_are_secrets() {
    let github = Fake::start().await;
    let mut site = Site::new(&github, &github.url(), 970);
    let ours = site.checkout.head();
    site.checkout
        .git(&["checkout", "--quiet", "-B", "strangers"]);
    let config = site.checkout.config("stolen", "    strategy: direct\n");
    site.checkout.commit("v2", &config);
    let theirs = site.checkout.head();
    let payload = json!({
        "pull_request": {
            "number": PULL,
            "head": { "sha": theirs, "repo": { "full_name": STRANGE } },
            "base": { "sha": ours, "ref": "main" },
        },
        "workflow_run": { "head_repository": { "full_name": STRANGE } },
        "issue": { "number": PULL, "pull_request": { "url": "x" } },
        "comment": { "id": 7, "body": "/baepo help", "user": { "login": "baker", "type": "User" } },
        "action": "created",
        "repository": { "default_branch": "main", "full_name": "acme/shop" },
    });
    let jobs: [(&str, &[&str]); 5] = [
        ("pull_request_target", &["run"]),
        ("pull_request_target", &["plan"]),
        ("workflow_run", &["run"]),
        ("workflow_run", &["tell", "x.jsonl"]),
        ("issue_comment", &["answer"]),
    ];
    for (event, arguments) in jobs {
        let mut job = site.command_of(event, arguments, &payload);
        let output = job.env("GITHUB_SHA", &ours).output().unwrap();
        let done = site.done(output);
        done.shows(3, &["is not a commit of the repository's own branches"]);
        assert!(!done.log().contains("stolen"), "{}", done.log());
    }
    // What is checked out by itself says nothing of the pull request: only the
    // plan of the base is shown.
    site.checkout.git(&["checkout", "--quiet", "main"]);
    let mut job = site.command_of("pull_request_target", &["run"], &payload);
    let output = job.output().unwrap();
    site.done(output)
        .shows(0, &["deploys nothing; this is the plan"]);
    assert_eq!(site.requests(), 0);
}

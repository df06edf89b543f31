//! Which events roll out where, and in which order.

use std::process::{Child, Output, Stdio};

use super::waiting::PATIENT;
use super::{Checkout, DIRECT, free_port, said};

/// `baepo run` in a job of this event, on this ref.
fn job(checkout: &Checkout, event: &str, reference: &str, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let payload = folder.path().join("event.json");
    let text = r#"{"repository": {"default_branch": "main"}, "pull_request": {"number": 7}}"#;
    std::fs::write(&payload, text).unwrap();
    let mut command = checkout.baepo(&[&["run"], args].concat());
    command
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_EVENT_PATH", payload)
        .env("GITHUB_REF", reference);
    command.output().unwrap()
}

#[track_caller]
fn ended(output: &Output, code: i32, words: &str) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "`{words}` is not in: {text}");
}

/// v1 serves, and v2 is checked out.
fn two_revisions(settings: &str) -> (Checkout, String) {
    let mut checkout = Checkout::new();
    let settings = format!("{DIRECT}{settings}");
    checkout.commit("v1", &checkout.config("zero", &settings));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    let first = checkout.head();
    checkout.commit("v2", &checkout.config("one", &settings));
    (checkout, first)
}

const NAMED: &[&str] = &["--environment", "production"];

#[test]
fn naming_an_environment_lets_no_event_deploy_that_may_not() {
    let (checkout, first) = two_revisions("");
    let plan = "this is the plan";
    for (event, reference, args, words) in [
        (
            "pull_request",
            "refs/pull/7/merge",
            NAMED,
            "`pull_request` does not deploy to `production`: it is not under its `on:`",
        ),
        ("push", "refs/heads/feature", NAMED, plan),
        ("release", "refs/tags/v1", NAMED, plan),
        (
            "pull_request",
            "refs/pull/7/merge",
            &[],
            "nothing to roll out",
        ),
    ] {
        ended(&job(&checkout, event, reference, args), 0, words);
        assert_eq!(checkout.serves_wholly(), Some(first.clone()), "{event}");
    }
    ended(&job(&checkout, "push", "refs/heads/main", NAMED), 0, "Live");
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

#[test]
fn an_environment_says_which_events_deploy_there() {
    let (checkout, first) = two_revisions("    on: [workflow_dispatch, pull_request]\n");
    let output = job(&checkout, "push", "refs/heads/main", &[]);
    ended(
        &output,
        0,
        "by their `on:`, `push` deploys to no environment; this is the plan",
    );
    assert_eq!(checkout.serves_wholly(), Some(first));
    ended(
        &job(&checkout, "pull_request", "refs/pull/7/merge", &[]),
        0,
        "Live",
    );
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    let output = job(&checkout, "workflow_dispatch", "refs/heads/main", &[]);
    ended(&output, 0, "Already serving");
}

/// A configuration in which production needs staging, whose strategy is this.
fn two_environments(checkout: &Checkout, port: u16, greeting: &str, staging: &str) -> String {
    let config = checkout.config(greeting, &format!("{DIRECT}    needs: staging\n"));
    let other = checkout.config(greeting, staging);
    let (_, other) = other.split_once("  production:\n").unwrap();
    let other = other.replace(&checkout.port.to_string(), &port.to_string());
    format!("{config}  staging:\n{other}")
}

/// The agent of one of several environments; ends with the test, and its
/// instances with it.
struct Agent<'a> {
    checkout: &'a Checkout,
    environment: &'static str,
    process: Child,
}

impl Agent<'_> {
    fn start<'a>(checkout: &'a Checkout, environment: &'static str) -> Agent<'a> {
        let mut command = checkout.baepo(&["agent"]);
        command.args(of(environment)).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        checkout.wait_until("its agent answers", |checkout| {
            let mut status = checkout.baepo(&["status"]);
            status
                .args(of(environment))
                .output()
                .unwrap()
                .status
                .success()
        });
        Agent {
            checkout,
            environment,
            process,
        }
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let mut stop = self.checkout.baepo(&["agent", "--stop"]);
        let _ = stop.args(of(self.environment)).output();
        let _ = self.process.wait();
    }
}

fn of(environment: &str) -> [&str; 4] {
    ["--environment", environment, "--config", "good.yml"]
}

/// The commit that is stable there.
fn serves(checkout: &Checkout, environment: &str) -> String {
    let args = ["status", "--environment", environment, "--output", "json"];
    let output = checkout.run(&args);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let commit = status["state"]["stable"]["revision"]["commit"].as_str();
    commit.unwrap_or_default().to_owned()
}

#[test]
fn an_environment_whose_turn_has_not_come_is_left_alone() {
    let checkout = Checkout::new();
    let port = free_port();
    let config = |greeting: &str| two_environments(&checkout, port, greeting, DIRECT);
    let runs = |environment: &str, code: i32, words: &[&str]| {
        checkout.runs(&["run", "--environment", environment], code, words)
    };
    checkout.commit("v1", &config("zero"));
    let _production = Agent::start(&checkout, "production");
    // From here the order cannot be seen, as in a job on another machine.
    runs("production", 0, &["Live", "whether `staging` serves"]);
    let first = checkout.head();

    let _staging = Agent::start(&checkout, "staging");
    checkout.commit("v2", &config("one"));
    let nothing = "production needs staging, where nothing serves and not";
    runs("production", 8, &[nothing, "Roll it out there first."]);
    assert_eq!(serves(&checkout, "production"), first);
    checkout.runs(&["run"], 0, &[]);
    let second = checkout.head();
    assert_eq!(serves(&checkout, "staging"), second);
    assert_eq!(serves(&checkout, "production"), second);

    checkout.commit("v3", &config("two"));
    let other = format!("where {} serves and not", &second[..7]);
    runs("production", 8, &[&other]);
    runs("staging", 0, &[]);
    runs("production", 0, &[]);
    assert_eq!(serves(&checkout, "production"), checkout.head());
}

#[test]
fn what_waited_for_another_environment_is_rolled_out_when_its_turn_comes() {
    let checkout = Checkout::new();
    let port = free_port();
    let config = |greeting: &str| two_environments(&checkout, port, greeting, PATIENT);
    checkout.commit("v1", &config("zero"));
    let _agents = ["production", "staging"].map(|name| Agent::start(&checkout, name));
    checkout.runs(&["run"], 0, &[]);
    let first = checkout.head();

    checkout.commit("v2", &config("one"));
    let second = checkout.head();
    checkout.runs(&["run", "--max-wait", "0s"], 75, &[]);
    assert_eq!(serves(&checkout, "production"), first);
    let tick = || job(&checkout, "schedule", "refs/heads/main", &[]);
    let next = format!(
        "next: production, for what is needed there serves {}",
        &second[..7]
    );
    ended(&tick(), 0, &next);
    for environment in ["staging", "production"] {
        assert_eq!(serves(&checkout, environment), second, "{environment}");
    }

    // Whoever goes back is not overruled by a timer.
    checkout.runs(&["rollback", "--environment", "production"], 0, &[]);
    ended(&tick(), 0, "");
    assert_eq!(serves(&checkout, "production"), first);
}

/// `fetch-depth: 1` has no history by which a revision could be found older.
#[test]
fn a_checkout_without_history_says_what_it_cannot_know() {
    let (checkout, first) = two_revisions("");
    checkout.runs(&["run"], 0, &[]);
    let second = checkout.head();
    checkout.git(&["checkout", "--quiet", &first]);
    checkout.runs(&["run"], 8, &["is older than"]);
    let shallow = checkout.path().join(".git/shallow");
    std::fs::write(shallow, format!("{first}\n")).unwrap();
    checkout.git(&["branch", "--quiet", "--force", "main", &first]);
    checkout.git(&["reflog", "expire", "--expire=now", "--all"]);
    checkout.git(&["gc", "--quiet", "--prune=now"]);
    let unknown = format!("{} cannot be told", &second[..7]);
    checkout.runs(&["run"], 0, &[&unknown, "fetch-depth: 0"]);
}

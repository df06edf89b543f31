//! Which events roll out where, and in which order.

use std::process::{Child, Output, Stdio};

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

/// The agent of one of several environments; ends with the test.
struct Agent(Child);

impl Agent {
    fn start(checkout: &Checkout, environment: &str) -> Agent {
        let of = ["--environment", environment, "--config", "good.yml"];
        let mut command = checkout.baepo(&[&["agent"], &of[..]].concat());
        let agent = command.stderr(Stdio::null()).spawn();
        let agent = Agent(agent.unwrap());
        checkout.wait_until("its agent answers", |checkout| {
            let status = checkout.run(&[&["status"], &of[..]].concat());
            status.status.success()
        });
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let config = |greeting: &str| {
        let config = checkout.config(greeting, &format!("{DIRECT}    needs: staging\n"));
        let (_, production) = config.split_once("  production:\n").unwrap();
        let staging = production.replace(&checkout.port.to_string(), &port.to_string());
        let staging = staging.replace("    needs: staging\n", "");
        format!("{config}  staging:\n{staging}")
    };
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

//! A rollout needs no running process: a run ends as waiting, a later one goes
//! on.

use baepo_runtime::load::{Load, LoadOptions};
use serde_json::Value;

use super::{Checkout, said};

pub(super) const PATIENT: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [5%], observe: { min: 2s, max: 4s }, max-observe: 4s, bake: 1s }\n    on-no-evidence: continue-on-health\n";

/// A checkout where v1 serves and a second revision wants to.
fn two_revisions() -> (Checkout, String) {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", PATIENT));
    checkout.start_agent();
    let output = checkout.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let first = checkout.head();
    checkout.commit("v2", &checkout.config("other", PATIENT));
    (checkout, first)
}

fn document(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn share(checkout: &Checkout) -> Vec<u64> {
    let status = checkout.status();
    let route = status["fleet"]["route"].as_array().unwrap();
    route
        .iter()
        .map(|share| share["weight"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_run_that_may_wait_no_longer_leaves_and_a_timer_brings_it_to_its_end() {
    let (checkout, _) = two_revisions();
    let output = checkout.run(&["run", "--max-wait", "0s", "--output", "json"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    let report = document(&output);
    assert_eq!(report["ended"]["outcome"], "waiting");
    assert_eq!(report["ended"]["cause"], "max-wait");
    assert!(report["ended"]["resume-at"].as_u64().is_some(), "{report}");
    assert_eq!(share(&checkout), [9_500, 500]);

    // What `schedule` does, with nothing built and nothing but the configuration.
    std::fs::remove_dir_all(checkout.path().join(".baepo")).unwrap();
    std::fs::remove_file(checkout.path().join("prebuilt")).unwrap();
    let timer = |name: &str| {
        let mut command = checkout.baepo(&["run", "--output", "json"]);
        command
            .env("GITHUB_EVENT_NAME", "schedule")
            .env("GITHUB_RUN_ID", name)
            .output()
            .unwrap()
    };
    let output = timer("8");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(document(&output)["stages"].as_array().unwrap().len(), 1);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));

    let output = timer("9");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = document(&output);
    let reason = report["ended"]["reason"].as_str().unwrap();
    assert!(reason.contains("nothing is on its way"), "{report}");
}

#[test]
fn inside_a_job_waiting_is_success_and_the_outputs_say_so() {
    let (checkout, first) = two_revisions();
    let outputs = checkout.path().join("outputs");
    let output = checkout
        .baepo(&["run", "--max-wait", "0s"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", &outputs)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let outputs = std::fs::read_to_string(outputs).unwrap();
    assert!(outputs.contains("\nwaiting\n"), "{outputs}");
    assert!(outputs.contains("\nmax-wait\n"), "{outputs}");
    // Nobody is there, and a person acts.
    let output = checkout.run(&["abort"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert_eq!(checkout.serves_wholly(), Some(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_follows_its_plan() {
    let (checkout, _) = two_revisions();
    // The plan is of a healthy candidate, and only traffic can show that it is.
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(2_000.0);
    let load = Load::start(options);
    let plan = document(&checkout.run(&["plan", "--output", "json"]));
    let output = checkout.run(&["run", "--output", "json"]);
    assert_eq!(load.stop().await.lost.total(), 0);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let directives =
        |steps: &[&Value]| -> Vec<String> { steps.iter().map(|step| step.to_string()).collect() };
    let planned: Vec<&Value> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["directive"])
        .collect();
    let report = document(&output);
    let done: Vec<&Value> = report["rollouts"][0]["story"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|record| record.pointer("/entry/decision/directive"))
        .collect();
    assert!(planned.len() >= 6, "{plan}");
    assert_eq!(directives(&done), directives(&planned));
}

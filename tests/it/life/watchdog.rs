//! No run is alive, and the agent looks after the environment by itself.

use std::time::{Duration, Instant};

use baepo_runtime::load::{Load, LoadOptions};
use serde_json::Value;

use super::{Checkout, said};

const CANARY: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [5%], observe: { min: 20s, max: 40s }, max-observe: 40s, bake: 1s }\n    on-no-evidence: continue-on-health\n";

/// An environment that is patient for so long, where v1 serves and another
/// revision wants to.
fn before(revision: &str, watchdog: &'static str, strategy: &str) -> (Checkout, String) {
    let mut checkout = Checkout::new();
    checkout.watchdog = Some(watchdog);
    let (first, second) = (
        checkout.config("hello", strategy),
        checkout.config("other", strategy),
    );
    checkout.commit("v1", &first);
    checkout.start_agent();
    let output = checkout.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let head = checkout.head();
    checkout.commit(revision, &second);
    (checkout, head)
}

fn candidate_share(status: &Value) -> u64 {
    let shares = status["fleet"]["route"].as_array().unwrap();
    let candidate = shares
        .iter()
        .find(|share| share["digest"] != status["state"]["stable"]["digest"]);
    candidate.map_or(0, |share| share["weight"].as_u64().unwrap())
}

fn wait_until_back(checkout: &Checkout, first: &String) {
    checkout.wait_until("traffic is back and that is recorded", |checkout| {
        checkout.serves_wholly().as_ref() == Some(first)
            && last_rollout(checkout)["step"]["step"] == "over"
    });
}

fn last_rollout(checkout: &Checkout) -> Value {
    checkout.status()["state"]["rollout"].clone()
}

#[test]
fn after_a_run_that_was_killed_traffic_goes_back_and_the_release_is_not_to_blame() {
    let (checkout, first) = before("v2", "{ after-crash: 1s }", CANARY);
    let mut run = checkout.baepo(&["run"]).spawn().unwrap();
    checkout.wait_until("the candidate has traffic", |checkout| {
        candidate_share(&checkout.status()) == 500
    });
    run.kill().unwrap();
    run.wait().unwrap();
    let killed = Instant::now();
    wait_until_back(&checkout, &first);
    // The lease lasts ten seconds after its last renewal.
    assert!(killed.elapsed() > Duration::from_secs(5));
    let rollout = last_rollout(&checkout);
    assert_eq!(rollout["step"]["outcome"], "rolled-back", "{rollout}");
    assert_eq!(rollout["step"]["cause"], "unwatched", "{rollout}");
    let output = checkout.run(&["run", "--max-wait", "0s"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
}

#[test]
fn where_nobody_resumes_a_rollout_traffic_goes_back() {
    let strategy = CANARY.replace("20s", "1s").replace("40s", "2s");
    let (checkout, first) = before("v2", "{ after-wait: 2s }", &strategy);
    let output = checkout.run(&["run", "--max-wait", "0s"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert_eq!(candidate_share(&checkout.status()), 500);
    wait_until_back(&checkout, &first);
    let rollout = last_rollout(&checkout);
    assert_eq!(rollout["step"]["cause"], "unwatched", "{rollout}");
    let reason = rollout["reason"].as_str().unwrap();
    assert!(reason.contains("no run came back by"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_turns_bad_while_no_run_is_there_loses_its_traffic() {
    let (checkout, first) = before("v3", "{ after-wait: 1h }", CANARY);
    let output = checkout.run(&["run", "--max-wait", "0s"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(1_000.0);
    let load = Load::start(options);
    wait_until_back(&checkout, &first);
    assert_eq!(load.stop().await.lost.total(), 0);
    let rollout = last_rollout(&checkout);
    assert_eq!(rollout["step"]["cause"], "verdict-failing", "{rollout}");
    let reason = rollout["reason"].as_str().unwrap();
    assert!(reason.contains("failed while no run was there"), "{reason}");
    // That one needs a person's word to come again.
    let output = checkout.run(&["run", "--max-wait", "0s"]);
    assert_eq!(output.status.code(), Some(8), "{}", said(&output));
}

#[test]
fn what_is_due_is_done_though_no_run_comes() {
    let strategy = "    strategy:\n      plugin: builtin:blue-green\n      with: { preview: 1s, bake: 1s, max-observe: 2s, keep-warm: 3s }\n    on-no-evidence: continue-on-health\n";
    let (checkout, _) = before("v2", "{ after-wait: 1h }", strategy);
    let output = checkout.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(checkout.living_below_state(), 4, "what served is warm");
    checkout.wait_until("what was warm is gone", |checkout| {
        checkout.living_below_state() == 2
    });
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

//! Nobody who uses the service notices a healthy rollout: release after
//! release under load of every kind, with each strategy that promises it.
//! Users of a WebSocket are told to close and come back.
//!
//! `cargo xtask zero-loss` goes on to 200,000 requests for each strategy.

pub(crate) mod socket;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions, LoadStats};

use super::{Checkout, said};
use crate::service::PROGRAM;
use socket::Users;

/// Requests for each strategy in the ordinary test run.
const SAMPLE: u64 = 10_000;

/// Clients of one kind: kept connections, or one for each request. They send
/// bodies, read streams and wait for slow answers in turns.
fn clients(checkout: &Checkout, keeps_alive: bool, rate: f64) -> Load {
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(rate);
    options.keeps_alive = keeps_alive;
    options.max_duration = Duration::from_secs(1_800);
    options.mix = vec![
        Exchange::get("/"),
        Exchange::echo("/cart", "bread ".repeat(400)),
        Exchange::get("/chunks"),
        Exchange::get("/slow?ms=30"),
    ];
    Load::start(options)
}

/// A few whose every answer takes almost as long as instances may drain.
fn patient_clients(checkout: &Checkout) -> Load {
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.connections = 4;
    options.max_duration = Duration::from_secs(1_800);
    options.mix = vec![Exchange::get("/slow?ms=4000")];
    Load::start(options)
}

async fn releases_lose_nothing(strategy: &str, with: &str) {
    let wanted = std::env::var("BAEPO_ZERO_LOSS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SAMPLE);
    let settings = format!(
        "    strategy:\n      plugin: builtin:{strategy}\n      with: {with}\n    on-no-evidence: continue-on-health\n"
    );
    let mut checkout = Checkout::new();
    let program = Path::new(PROGRAM);
    checkout.commit_program(program, "v1", &checkout.config("greeting0", &settings));
    checkout.start_agent();
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let kept = clients(&checkout, true, 1_500.0);
    let anew = clients(&checkout, false, 400.0);
    let patient = patient_clients(&checkout);
    let users = Users::start(&format!("127.0.0.1:{}", checkout.port), 20);
    let mut releases = 0;
    while kept.stats().requests + anew.stats().requests < wanted || releases < 2 {
        releases += 1;
        let revision = if releases % 2 == 1 { "v2" } else { "v1" };
        let config = checkout.config(&format!("greeting{releases}"), &settings);
        checkout.commit_program(program, revision, &config);
        // On a thread of its own, so that the clients go on.
        let mut command = checkout.baepo(&["run"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        // What served before may still be draining.
        checkout.wait_until("the new release alone serves", |checkout| {
            checkout.serves_wholly() == Some(checkout.head())
        });
    }
    let (kept, anew) = (kept.stop().await, anew.stop().await);
    let (patient, users) = (patient.stop().await, users.stop().await);
    let [words, told, cut] =
        [&users.words, &users.told, &users.cut].map(|count| count.load(Ordering::Relaxed));
    let lost = |stats: &LoadStats| stats.lost.total();
    #[allow(clippy::print_stdout, reason = "the count is what one runs this for")]
    {
        println!(
            "{strategy}: {releases} releases, {} requests on kept connections, {} on new ones, \
             {} of four seconds, {words} words over sockets that were told to close {told} times: \
             {} lost, {cut} cut",
            kept.requests,
            anew.requests,
            patient.requests,
            lost(&kept) + lost(&anew) + lost(&patient)
        );
    }
    assert_eq!(cut, 0);
    assert!(
        words > 100 && told >= 20,
        "{words} words, told {told} times"
    );
    for stats in [&kept, &anew, &patient] {
        assert_eq!(lost(stats), 0, "{:?}", stats.losses);
        let failures: u64 = stats.by_revision.values().map(|seen| seen.failures).sum();
        assert_eq!(failures, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_loses_nothing() {
    releases_lose_nothing("direct", "{ bake: 1s, max-observe: 2s }").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blue_green_loses_nothing() {
    let with = "{ preview: 1s, bake: 1s, max-observe: 2s, keep-warm: 0s }";
    releases_lose_nothing("blue-green", with).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canary_loses_nothing() {
    let with = "{ steps: [5%, 50%], observe: { min: 1s, max: 2s }, max-observe: 2s, bake: 1s }";
    releases_lose_nothing("canary", with).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_loses_nothing() {
    let with = "{ max-surge: 1, min-ready: 1s, max-observe: 2s, bake: 1s }";
    releases_lose_nothing("rolling", with).await;
}

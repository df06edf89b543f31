//! Rollouts that made plugins decide.

use std::path::Path;

use baepo_runtime::load::{Exchange, Load, LoadOptions};

use crate::life::{Checkout, said};

const TRAFFIC: &str = "    monitors: [traffic]\n";

/// A strategy alone: without requests only the health of instances can be judged.
pub(super) async fn decided_by(strategy: &Path, with: &str) {
    let mut checkout = Checkout::new();
    std::fs::copy(strategy, checkout.path().join("mine.wasm")).unwrap();
    let settings = format!("    strategy: {{ plugin: ./mine.wasm, with: {{ {with} }} }}\n");
    let config = |checkout: &Checkout, greeting: &str| {
        let config = checkout.config(greeting, &settings);
        config.replace(TRAFFIC, "")
    };
    checkout.commit("v1", &config(&checkout, "one"));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.commit("v2", &config(&checkout, "two"));
    checkout.runs(&["run"], 0, &["letting 50 % of users in", "live after"]);
}

/// What users write for the strategy and the monitor of a language, so that a
/// rollout is short.
fn settings(language: &str) -> (&'static str, &'static str) {
    match language {
        "rust" => ("share: 50%, watch: 2s", "limit: 5%, least: 50"),
        _ => ("share: 50, watch: 2", "limit: 5, least: 50"),
    }
}

/// A good revision goes live by a strategy and a monitor, and a bad one is taken
/// back by that monitor alone.
pub(super) async fn judged_by(language: &str, strategy: &Path, monitor: &Path) {
    let mut checkout = Checkout::new();
    std::fs::copy(strategy, checkout.path().join("steps.wasm")).unwrap();
    std::fs::copy(monitor, checkout.path().join("judge.wasm")).unwrap();
    let (steps, judge) = settings(language);
    let strategy = format!("    strategy: {{ plugin: ./steps.wasm, with: {{ {steps} }} }}\n");
    let monitors = format!("    monitors: [{{ plugin: ./judge.wasm, with: {{ {judge} }} }}]\n");
    let config = |checkout: &Checkout, greeting: &str| {
        let config = checkout.config(greeting, &strategy);
        config.replace(TRAFFIC, &monitors)
    };
    checkout.commit("v1", &checkout.config("zero", ""));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);

    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(300.0);
    options.mix = vec![Exchange::get("/")];
    let load = Load::start(options);
    for (revision, greeting, code) in [("v2", "one", 0), ("v3", "two", 4)] {
        checkout.commit(revision, &config(&checkout, greeting));
        let mut command = checkout.baepo(&["run"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{language}: {text}");
        assert!(text.contains("judge"), "{language}: {text}");
    }
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{language}: {:?}", stats.losses);
}

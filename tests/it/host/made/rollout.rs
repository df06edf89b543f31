//! Rollouts that made plugins decide.

use std::path::Path;

use baepo_runtime::load::{Exchange, Load, LoadOptions};

use super::control::{Control, PASSWORD, SECRET};
use crate::life::elsewhere::{self, Elsewhere};
use crate::life::{Checkout, DIRECT, baepo, said};

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
fn settings(language: &str) -> [&'static str; 2] {
    match language {
        "rust" => [
            "with: { share: 50%, watch: 2s }",
            "with: { limit: 5%, least: 50 }",
        ],
        "javascript" => [
            "with: { first: 50, watch: 2 }",
            "with: { path: \"/env?STATE\" }, allow: { net: [endpoints] }",
        ],
        "python" => [
            "with: { steps: [{ share: 50% }], watch: 4s }",
            "with: { url: \"/env?STATE\", path: queue.oldest-seconds, max: 30 }, allow: { net: [endpoints] }",
        ],
        _ => [
            "with: { share: 50, watch: 2 }",
            "with: { limit: 5, least: 50 }",
        ],
    }
}

/// What instances of a revision are started with: they say how they are at
/// `/env?STATE`, and one of them fails.
const GOOD: &str = r#"STATE: '{"status": "ok", "queue": {"oldest-seconds": 3}}', REVISION: v2"#;
const BAD: &str =
    r#"STATE: '{"status": "ill", "queue": {"oldest-seconds": 300}}', FAIL_EVERY: "3""#;

/// A good revision goes live by a strategy and a monitor, and a bad one is taken
/// back by that monitor alone.
pub(super) async fn judged_by(language: &str, strategy: &Path, monitor: &Path) {
    let mut checkout = Checkout::new();
    let service = baepo().parent().unwrap().join("test-app");
    let [steps, judge] = settings(language);
    let strategy_at = format!("    strategy: {{ plugin: ./steps.wasm, {steps} }}\n");
    let settings = format!("{strategy_at}    limits: {{ max-exposure-unjudged: 100% }}\n");
    let monitors = format!("    monitors: [{{ plugin: ./judge.wasm, {judge} }}]\n");
    let first = checkout.config("first", DIRECT);
    checkout.commit_program(&service, "v1", &first);
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);

    std::fs::copy(strategy, checkout.path().join("steps.wasm")).unwrap();
    std::fs::copy(monitor, checkout.path().join("judge.wasm")).unwrap();
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(300.0);
    options.mix = vec![Exchange::get("/")];
    let load = Load::start(options);
    for (revision, env, code, words) in [
        ("v2", GOOD, 0, "live after"),
        ("v3", BAD, 4, "turning back, verdict-failing"),
    ] {
        let config = checkout.config("other", &settings);
        let config = config.replace("GREETING: other", env);
        checkout.commit_program(&service, revision, &config.replace(TRAFFIC, &monitors));
        let mut command = checkout.baepo(&["run"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{language}: {text}");
        assert!(text.contains(words), "{language}: {text}");
    }
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{language}: {:?}", stats.losses);
}

/// A target that speaks the control API of its README puts instances there, also
/// when that API is away for a while.
pub(super) async fn driven_by(target: &Path) {
    let mut there = Elsewhere::new().await;
    there.checkout.variables.push((SECRET, PASSWORD));
    std::fs::copy(target, there.checkout.path().join("place.wasm")).unwrap();
    let control = Control::start(there.control());
    let url = control.url();
    let plugin = format!(
        "        plugin: ./place.wasm\n        \
         with: {{ url: \"{url}\", secret: {SECRET} }}\n        \
         allow: {{ net: [\"{url}\"], secrets: [{SECRET}] }}\n"
    );
    elsewhere::goes_live_and_is_taken_back(&there, &plugin).await;
    control.was_asked_for_all();
}

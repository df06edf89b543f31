//! `baepo demo` keeps its promises, with every strategy.

use serde_json::Value;

use super::{baepo, said};

fn demo(strategy: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(baepo())
        .args(["demo", "--output", "json", "--strategy", strategy, "--keep"])
        .arg(folder.path())
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one document on one line: {text}");
    let report = folder.path().join(format!("report-{strategy}-v3.md"));
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.starts_with("### 🔴 Rolled back in production"),
        "{report}"
    );
    assert!(report.contains("| command | run | `cargo` |"), "{report}");
    let because = report
        .lines()
        .find(|line| line.starts_with("Rolled back at "));
    let because = because.expect("it says why");
    let parts = [
        " % because failures came to ",
        " and a limit of 1 %: E = ",
        " (traffic), ",
        " after that share was in force.",
    ];
    for part in parts {
        assert!(because.contains(part), "{because}");
    }
    let picture = "title \"failures in % (candidate red, stable blue, limit grey)\"";
    // The others are sent back by their first looks, which are no curve.
    assert!(report.contains(picture) || strategy != "canary", "{report}");
    serde_json::from_str(&text).unwrap()
}

fn check(strategy: &str) {
    let document = demo(strategy);
    assert_eq!(document["strategy"], strategy);
    assert_eq!(document["outcome"], "as-promised", "{document}");
    assert_eq!(document["lost"], 0);
    assert!(
        document["requests-per-second"].as_u64().unwrap() >= 1_500,
        "{document}"
    );
    assert_eq!(document["failures-by-revision"]["v1"], 0);
    assert_eq!(document["failures-by-revision"]["v2"], 0);
    assert!(
        document["failures-by-revision"]["v3"].as_u64().unwrap() > 0,
        "v3 is bad: {document}"
    );
    let outcomes: Vec<&Value> = document["rollouts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rollout| &rollout["outcome"])
        .collect();
    assert_eq!(outcomes, ["succeeded", "succeeded", "rolled-back"]);
    for rollout in document["rollouts"].as_array().unwrap() {
        let share = rollout["max-share-basis-points"].as_u64().unwrap();
        let asked = rollout["asked-share-basis-points"].as_u64().unwrap();
        assert!(share <= asked + 100, "{rollout}");
    }
}

#[test]
fn a_canary_meets_few_users_and_goes_back_on_evidence() {
    check("canary");
}

#[test]
fn blue_green_switches_and_returns() {
    check("blue-green");
}

#[test]
fn direct_is_undone() {
    check("direct");
}

#[test]
fn rolling_replaces_and_returns_group_by_group() {
    check("rolling");
}

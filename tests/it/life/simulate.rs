//! A configuration against named scenarios: what people and programs are told,
//! and that nothing is touched for it.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use super::{Checkout, said};

const CANARY: &str = "    strategy: canary\n    limits: { max-exposure-unjudged: 5% }\n";

/// A checkout with nothing but a configuration in it.
fn checkout(settings: &str) -> Checkout {
    let checkout = Checkout::new();
    checkout.write("baepo.yml", &checkout.config("hello", settings));
    checkout.git(&["add", "--all"]);
    checkout.git(&["commit", "--quiet", "--message", "first"]);
    checkout
}

fn simulate(checkout: &Checkout, args: &[&str]) -> Output {
    let output = checkout.run(&[&["simulate"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    output
}

/// The documents of some scenarios, in the order asked.
fn documents(checkout: &Checkout, args: &[&str]) -> Vec<Value> {
    let output = simulate(checkout, &[&["--output", "json"], args].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text.lines().map(|line| serde_json::from_str(line).unwrap());
    documents.collect()
}

fn one(checkout: &Checkout, scenario: &str) -> Value {
    let mut documents = documents(checkout, &["--scenario", scenario]);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

#[test]
fn errors_are_taken_back_at_the_first_step_and_a_good_release_gets_through() {
    let checkout = checkout(CANARY);
    let good = one(&checkout, "healthy");
    assert_eq!(good["format"], "baepo-simulation-1");
    assert_eq!(good["outcome"], "succeeded", "{good}");
    assert_eq!(good["largest-exposure-basis-points"], 10_000);
    assert_eq!(good["failed-because-of-candidate"], 0);

    let errors = one(&checkout, "errors");
    assert_eq!(errors["outcome"], "rolled-back", "{errors}");
    assert_eq!(errors["reason-code"], "verdict-failing");
    assert_eq!(errors["largest-exposure-basis-points"], 100);
    let failed = errors["failed-because-of-candidate"].as_u64().unwrap();
    let requests = errors["candidate-requests"].as_u64().unwrap();
    assert!(failed > 0 && failed < requests, "{errors}");
    let (noticed, back) = (&errors["time-to-abort-ms"], &errors["time-to-back-ms"]);
    assert!(noticed.as_u64().unwrap() <= back.as_u64().unwrap());
}

#[test]
fn a_crash_loop_never_gets_traffic() {
    let crashing = one(&checkout(CANARY), "crash-loop");
    assert_eq!(crashing["reason-code"], "unhealthy", "{crashing}");
    assert_eq!(crashing["largest-exposure-basis-points"], 0);
    assert_eq!(crashing["candidate-requests"], 0);
    assert_eq!(crashing["shares"].as_array().unwrap().len(), 1);
}

#[test]
fn without_evidence_it_ends_as_the_configuration_says() {
    for (policy, outcome, reason) in [
        ("hold", "rolled-back", "hold-expired"),
        ("abort", "rolled-back", "strategy"),
        ("continue-on-health", "succeeded", "promoted"),
    ] {
        let checkout = checkout(&format!("{CANARY}    on-no-evidence: {policy}\n"));
        for scenario in ["no-traffic", "metrics-down"] {
            let ended = one(&checkout, scenario);
            assert_eq!(ended["outcome"], outcome, "{policy}, {scenario}: {ended}");
            assert_eq!(ended["reason-code"], reason, "{policy}, {scenario}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let checkout = checkout(CANARY);
    let seeded = |seed| {
        let args = ["--output", "json", "--seed", seed, "--svg", "picture.svg"];
        let printed = simulate(&checkout, &args).stdout;
        let picture = std::fs::read(checkout.path().join("picture.svg")).unwrap();
        (printed, picture)
    };
    let first = seeded("1");
    assert!(first == seeded("1"), "the same seed gave other bytes");
    assert!(first != seeded("2"), "the seed changes nothing");
}

#[test]
fn the_table_has_a_line_for_each_scenario_and_answers_first() {
    let output = simulate(&checkout(CANARY), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let answer = lines.next().unwrap();
    assert!(answer.contains("production · canary:"), "{text}");
    assert!(lines.next().unwrap().starts_with("  next: "), "{text}");
    for scenario in [
        "healthy",
        "slow",
        "errors",
        "crash-loop",
        "flapping",
        "no-traffic",
        "metrics-down",
    ] {
        let named = format!("  {scenario} ");
        let count = text.lines().filter(|line| line.starts_with(&named)).count();
        assert_eq!(count, 1, "{scenario}: {text}");
    }
}

/// The names of the elements of a picture, if each that is opened is closed.
fn elements(picture: &str) -> Result<BTreeSet<String>, String> {
    let (mut open, mut seen) = (Vec::new(), BTreeSet::new());
    let mut rest = picture;
    while let Some((text, after)) = rest.split_once('<') {
        if text.contains(['>', '\u{7}']) {
            return Err(format!("raw text: {text}"));
        }
        let (tag, after) = after.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("{name} is closed out of turn"));
            }
        } else {
            let name = tag.split([' ', '/', '\n']).next().unwrap_or_default();
            seen.insert(name.to_owned());
            if tag.matches('"').count() % 2 != 0 {
                return Err(format!("an attribute without an end: {tag}"));
            }
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    match open.as_slice() {
        [] => Ok(seen),
        left => Err(format!("never closed: {left:?}")),
    }
}

#[test]
fn the_picture_is_well_formed_and_scales() {
    let checkout = checkout(CANARY);
    simulate(&checkout, &["--svg", "picture.svg"]);
    let picture = std::fs::read_to_string(checkout.path().join("picture.svg")).unwrap();
    let seen = elements(&picture).unwrap();
    for name in ["svg", "title", "desc", "path", "rect", "text", "line"] {
        assert!(seen.contains(name), "{name} is not in {seen:?}");
    }
    assert!(picture.contains("viewBox=") && !picture.contains("<script"));
    for broken in ["<svg><g></svg>", "<svg a=\"></svg>", "<svg>"] {
        assert!(elements(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_monitor_that_reaches_outside_is_not_asked_and_that_is_said_once() {
    let settings = format!(
        "{CANARY}    monitors: [{{ plugin: builtin:traffic, allow: {{ net: [\"https://prom.acme.dev\"] }} }}]\n"
    );
    let config = Checkout::new().config("hello", &settings);
    let checkout = checkout(CANARY);
    checkout.write(
        "baepo.yml",
        &config.replacen("    monitors: [traffic]\n", "", 1),
    );
    let output = simulate(&checkout, &["--scenario", "healthy"]);
    let text = said(&output);
    assert_eq!(text.matches("Not asked").count(), 1, "{text}");
    assert!(text.contains("two holds in a row expired"), "{text}");
    let document = one(&checkout, "healthy");
    assert_eq!(document["monitors-not-asked"][0], "traffic");
}

#[test]
fn mistakes_end_with_two_and_their_place() {
    let checkout = checkout(CANARY);
    for (args, word) in [
        (["--scenario", "thunder"], "crash-loop"),
        (["--environment", "prod"], "no environment `prod`"),
        (["--requests-per-second", "10001"], "10001"),
        (["--svg", "missing/picture.svg"], "missing/picture.svg"),
    ] {
        let output = checkout.run(&["simulate", args[0], args[1]]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    let settings = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [5%, 3%] }\n";
    checkout.write("baepo.yml", &checkout.config("hello", settings));
    let output = checkout.run(&["simulate"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("3%") && text.contains("baepo.yml"), "{text}");
}

#[test]
fn nothing_is_touched() {
    let checkout = checkout(CANARY);
    // Made by the test itself.
    std::fs::create_dir_all(checkout.path().join("out")).unwrap();
    let names = || -> BTreeSet<_> {
        let entries = std::fs::read_dir(checkout.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    let before = names();
    simulate(&checkout, &[]);
    assert_eq!(names(), before);
}

//! What a run says of what is in its way, and what is said before one.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use super::waiting::PATIENT;
use super::{Checkout, DIRECT, said, within};

#[test]
fn a_target_that_goes_away_and_comes_back_is_told_of() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", PATIENT));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.commit("v2", &checkout.config("one", PATIENT));
    let mut run = checkout.baepo(&["run"]).spawn().unwrap();
    let has_share = within(Duration::from_secs(30), || {
        checkout.status()["state"]["rollout"]["weight"] == 500
    });
    assert!(has_share, "{}", checkout.status());
    checkout.kill_agent();
    let mut lines = BufReader::new(run.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let is_away = |line: &String| line.contains("it is asked again until it answers");
    let before: Vec<String> = lines.by_ref().take_while(|line| !is_away(line)).collect();
    checkout.start_agent();
    let rest: Vec<String> = lines.collect();
    let rest = rest.join("\n");
    assert!(run.wait().unwrap().success(), "{before:?}\n{rest}");
    let back = rest.matches("production: it answers again").count();
    let away = rest.matches("it is asked again").count();
    assert_eq!((back, away), (1, 0), "{rest}");
}

#[test]
fn what_keeps_instances_from_being_ready_is_told_and_how_it_is_repaired() {
    let mut checkout = Checkout::new();
    let settings = format!("{DIRECT}    progress-deadline: 8s\n");
    let config = checkout.config("zero", &settings);
    checkout.commit("v1", &config.replace("/healthz", "/nothing"));
    checkout.start_agent();
    let output = checkout.run(&["run"]);
    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    let told = "production: 0 of 2 instances are ready: health /nothing answered 404";
    assert_eq!(text.matches(told).count(), 1, "{text}");
}

#[test]
fn what_is_in_no_commit_is_told() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.write("baepo.yml", &checkout.config("one", DIRECT));
    let head = &checkout.head()[..7];
    let changed = format!("baepo.yml changed since {head}: what is built has changes");
    checkout.runs(&["run"], 0, &[&changed]);
    checkout.commit("v2", &checkout.config("two", DIRECT));
    let text = checkout.runs(&["run"], 0, &[]);
    assert!(!text.contains("changed since"), "{text}");
}

#[test]
fn an_environment_that_there_is_not_is_told_by_every_command() {
    let checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    let meant = ["no environment `productoin`", "did you mean `production`?"];
    for command in [
        "plan", "run", "status", "simulate", "agent", "abort", "lock",
    ] {
        checkout.runs(&[command, "--environment", "productoin"], 2, &meant);
    }
}

#[test]
fn a_wrong_configuration_is_shown_in_the_same_way_by_every_command() {
    let checkout = Checkout::new();
    let config = checkout.config("zero", DIRECT);
    checkout.commit("v1", &config.replace("app:", "ap:"));
    for command in ["plan", "status", "abort", "rollback"] {
        let text = checkout.runs(&[command], 2, &["did you mean `app`?"]);
        assert!(!text.contains("error: error"), "{command}: {text}");
    }
    // What is only known once a plugin is loaded.
    let missing = config.replace("[traffic]", "[./missing.wasm]");
    checkout.commit("v1", &missing);
    checkout.runs(&["plan"], 2, &["missing.wasm"]);
}

#[test]
fn a_plan_tells_what_plugins_may_do_and_doctor_whether_the_agent_answers() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    let may = [
        "What plugins may do outside of their sandbox:",
        "  command   run: [cp]",
    ];
    checkout.runs(&["plan"], 0, &may);
    checkout.runs(
        &["doctor"],
        0,
        &["does not answer here", "nothing is wrong;"],
    );
    checkout.start_agent();
    checkout.runs(&["doctor"], 0, &["that of production answers"]);
}

#[test]
fn a_run_of_the_past_is_found_by_how_its_name_begins() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.runs(&["history", "20"], 0, &["live after", "100 %"]);
    checkout.runs(
        &["history", "19"],
        2,
        &["no run in .baepo/journal is called `19`"],
    );
    checkout.runs(&["run"], 0, &[]);
    checkout.runs(&["history", "20"], 2, &["`20` may be one of 20"]);
}

//! What pages show of commands that are in no guide is what these commands say.

use std::io::Write as _;
use std::process::Stdio;

use super::{Checkout, DIRECT, said};

const README: &str = include_str!("../../../README.md");
const SIMULATE: &str = include_str!("../../../docs/simulate.md");
const JUDGE: &str = include_str!("../../../docs/judge.md");
const FEEDBACK: &str = include_str!("../../../docs/feedback.md");

/// What stands on a page between two texts.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(begin).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn a_simulation_of_the_smallest_configuration_says_what_the_page_shows() {
    let checkout = Checkout::new();
    let smallest = between(
        README,
        "# .github/baepo.yml, the smallest useful file\n",
        "```",
    );
    checkout.commit("v1", smallest);
    let shown = between(SIMULATE, "$ baepo simulate\n", "```");
    let output = checkout.run(&["simulate"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), shown.trim());
}

#[test]
fn the_judge_answers_the_case_of_its_page() {
    let checkout = Checkout::new();
    let case = between(JUDGE, "```json\n", "```");
    let shown = between(JUDGE, "```json\n{\"id\":\"a\",", "…");
    checkout.write("cases.jsonl", case);
    let text = checkout.runs(&["judge", "cases.jsonl"], 0, &[shown.trim()]);
    let mut command = checkout.baepo(&["judge", "-"]);
    let mut judge = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = judge.stdin.take().unwrap();
    stdin.write_all(case.as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(said(&judge.wait_with_output().unwrap()), text);
}

#[test]
fn the_measures_of_a_checkout_are_shown_as_the_page_says() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    let commands = between(FEEDBACK, "```sh\n", "```");
    let commands = commands.lines().map(|line| {
        let line = line.split('#').next().unwrap_or(line);
        line.split_whitespace().skip(1).collect::<Vec<&str>>()
    });
    let mut seen = 0;
    for arguments in commands {
        // A first install is a release that came to serve.
        let text = checkout.runs(&arguments, 0, &[]);
        assert!(text.contains('1'), "{arguments:?}: {text}");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

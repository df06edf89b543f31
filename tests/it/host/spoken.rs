//! What a plugin says is text, wherever it is shown.

use anyhow::Result;

use super::guest::{self, names};
use crate::life::{Checkout, said};

/// A run in a GitHub job whose build plugin says workflow commands and Markdown.
#[test]
fn in_a_job_no_word_of_a_plugin_is_a_command_for_the_runner() -> Result<()> {
    let checkout = Checkout::new();
    let config = checkout.config("hello", "    strategy: direct\n").replace(
        "build: { run: [cp, prebuilt, out/shop], artifacts: [out/shop] }",
        "build: [./loud.wasm]",
    );
    let component = guest::component(names::SPEAKS_COMMANDS)?;
    std::fs::write(checkout.path().join("loud.wasm"), component)?;
    checkout.commit("v1", &config);
    let summary = checkout.path().join("summary.md");
    let outputs = checkout.path().join("outputs");
    let output = checkout
        .baepo(&["run"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "push")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("GITHUB_OUTPUT", &outputs)
        .output()?;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(6), "{text}");
    assert!(
        text.contains("set-output name=sha"),
        "it said nothing: {text}"
    );
    let ours = [
        "::group::",
        "::stop-commands::",
        "::baepo-",
        "::endgroup::",
        "::error title=baepo",
    ];
    let mut groups = 0;
    for line in String::from_utf8(output.stderr)?.lines() {
        let line = line.trim_start();
        let is_ours = ours.iter().any(|command| line.starts_with(command));
        assert!(is_ours || !line.starts_with("::"), "{line}");
        assert!(!line.contains("##["), "{line}");
        groups += i32::from(line.starts_with("::group::")) - i32::from(line == "::endgroup::");
    }
    assert_eq!(groups, 0, "a group was ended by another: {text}");
    let summary = std::fs::read_to_string(summary)?;
    // In a block of code nothing is interpreted, and it ends where we end it.
    let (before, rest) = summary.split_once("\n```text\n").unwrap();
    let (printed, after) = rest.split_once("\n```\n").unwrap();
    assert!(
        printed.contains("@team") && !printed.contains("```"),
        "{printed}"
    );
    // A bracket behind a backslash is a character like any other.
    let summary = format!("{before}{after}").replace("\\]", "");
    for word in ["@team", "<!--", "](javascript"] {
        assert!(!summary.contains(word), "{word}: {summary}");
    }
    let outputs = std::fs::read_to_string(outputs)?;
    assert!(
        !outputs.lines().any(|line| line.starts_with("sha=")),
        "{outputs}"
    );
    Ok(())
}

//! `baepo plugin check`: first-party plugins keep what it asks for, and those
//! that do not are told so.

use std::process::{Command, Output};

use anyhow::Result;

use super::guest::{self, names};
use crate::life::baepo;

fn check(arguments: &[&str]) -> Output {
    check_under(None, arguments)
}

/// The same where an organisation bounds what plugins get.
fn check_under(policy: Option<&str>, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yml");
    let mut command = Command::new(baepo());
    command.env_remove("BAEPO_POLICY");
    if let Some(policy) = policy {
        std::fs::write(&path, policy).unwrap();
        command.env("BAEPO_POLICY", &path);
    }
    command
        .args(["plugin", "check"])
        .args(arguments)
        .current_dir(folder.path())
        .env("BAEPO_CACHE", folder.path().join("cache"))
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.as_slice(), err].concat()).into_owned()
}

#[test]
fn every_strategy_that_comes_with_baepo_passes() {
    for name in ["direct", "blue-green", "canary", "rolling"] {
        let checked = check(&[&format!("builtin:{name}"), "--rollouts", "400"]);
        let said = text(&checked);
        assert_eq!(checked.status.code(), Some(0), "{name}: {said}");
        assert!(
            said.contains("✓ rollouts       400 simulated, 0 refused"),
            "{said}"
        );
        assert!(
            said.contains("✓ same           same view, same decision (1,000"),
            "{said}"
        );
        assert!(said.contains("an unknown key is refused"), "{said}");
    }
}

#[test]
fn the_other_plugins_pass_too() {
    let with = r#"{"run": ["cargo", "build"], "artifacts": ["shop"]}"#;
    for (name, config) in [
        ("traffic", "{}"),
        ("http", "{}"),
        ("logs", "{}"),
        ("prometheus", "{}"),
        ("command", with),
        ("junit", r#"{"reports": ["junit.xml"]}"#),
        ("digest", "{}"),
        ("programs", "{}"),
    ] {
        let checked = check(&[&format!("builtin:{name}"), "--with", config]);
        let said = text(&checked);
        assert_eq!(checked.status.code(), Some(0), "{name}: {said}");
        assert!(said.contains("an unknown key is refused"), "{name}: {said}");
    }
}

#[test]
fn what_breaks_its_promises_is_told_what_to_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(format!("{name}.wasm"));
    for (name, guest) in [("guesses", names::GUESSES), ("gives-up", names::GIVES_UP)] {
        std::fs::write(path(name), guest::component(guest)?)?;
    }
    let file = path("guesses");
    let checked = check(&[file.to_str().unwrap(), "--rollouts", "20"]);
    let said = text(&checked);
    assert_eq!(checked.status.code(), Some(7), "{said}");
    assert!(said.contains("✗ "), "{said}");
    assert!(said.contains("help: "), "{said}");

    let file = path("gives-up");
    let checked = check(&[file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(7), "{}", text(&checked));
    Ok(())
}

#[test]
fn what_it_is_asked_is_looked_at_first() {
    let checked = check(&["builtin:canary", "--with", "[1]"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(text(&checked).contains("--with is not a JSON object"));
    let checked = check(&["builtin:command"]);
    let said = text(&checked);
    assert_eq!(checked.status.code(), Some(7), "{said}");
    assert!(said.contains("say the one that it needs: --with"), "{said}");
    let checked = check(&["builtin:nothing"]);
    assert_eq!(checked.status.code(), Some(2), "{}", text(&checked));
}

#[test]
fn what_is_granted_for_a_check_is_used_and_stays_within_the_policy() {
    let arguments = [
        "builtin:command",
        "--with",
        r#"{"run": ["touch", "made"], "artifacts": ["made"]}"#,
        "--allow",
        r#"{"run": ["touch"], "read": ["made"], "write": ["."]}"#,
    ];
    let free = text(&check(&arguments));
    assert!(free.contains("✓ build          it answers"), "{free}");
    let policy = "version: 1\ngrants: { run: [cargo] }\n";
    let bound = text(&check_under(Some(policy), &arguments));
    assert!(
        bound.contains("it needs run: touch, which is not granted"),
        "{bound}"
    );
    let wrong = check(&["builtin:command", "--allow", r#"{"rum": []}"#]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong).contains("did you mean `run`?"),
        "{}",
        text(&wrong)
    );
}

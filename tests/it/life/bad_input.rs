//! Whatever is wrong: one clear message with the next step, the right exit
//! code, and what was serving still serves.

use std::os::unix::fs::PermissionsExt;

use super::{Checkout, said};

const DIRECT: &str = "    strategy:\n      plugin: builtin:direct\n      with: { bake: 1s, max-observe: 2s }\n    on-no-evidence: continue-on-health\n    progress-deadline: 5s\n";

/// A checkout where v1 serves.
fn serving() -> Checkout {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    checkout.start_agent();
    let output = checkout.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    checkout
}

/// Run and check: exit code, words of the message, and that `commit` serves.
fn check(checkout: &Checkout, args: &[&str], code: i32, words: &[&str], serves: &str) {
    let output = checkout.run(args);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(checkout.serves_wholly().as_deref(), Some(serves), "{text}");
}

#[test]
fn without_a_configuration_the_next_step_is_init() {
    let checkout = Checkout::new();
    let output = checkout.run(&["run"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("baepo init"), "{text}");
}

#[test]
fn mistakes_in_the_configuration_are_told_all_at_once() {
    let checkout = serving();
    let head = checkout.head();
    let config = checkout
        .config("hello", DIRECT)
        .replace("monitors:", "monitor:")
        .replace("instances: 2", "instances: two");
    checkout.write("baepo.yml", &config);
    let words = [
        "2 problems",
        "monitor",
        "did you mean `monitors`",
        "instances",
    ];
    check(&checkout, &["run"], 2, &words, &head);
}

#[test]
fn what_a_strategy_says_of_its_settings_is_shown_at_their_line() {
    let checkout = serving();
    let head = checkout.head();
    let settings = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [5%, 3%] }\n";
    checkout.write("baepo.yml", &checkout.config("hello", settings));
    check(&checkout, &["run"], 2, &["steps", "3%"], &head);
}

#[test]
fn a_plugin_file_that_is_no_component_is_refused() {
    let checkout = serving();
    let head = checkout.head();
    checkout.write("strategy.wasm", "this is not a component");
    let settings = "    strategy: ./strategy.wasm\n";
    checkout.write("baepo.yml", &checkout.config("hello", settings));
    check(
        &checkout,
        &["run"],
        2,
        &["strategy", "not WebAssembly"],
        &head,
    );
}

#[test]
fn a_component_with_another_digest_is_refused_before_it_is_read() {
    let checkout = serving();
    let head = checkout.head();
    checkout.write("strategy.wasm", "this is not a component");
    let pin = "a".repeat(64);
    let settings = format!("    strategy:\n      plugin: ./strategy.wasm\n      sha256: {pin}\n");
    checkout.write("baepo.yml", &checkout.config("hello", &settings));
    let words = ["strategy", "sha256:aaaaaaaaaaaa", "digest"];
    check(&checkout, &["run"], 2, &words, &head);
    let settings = settings.replace(&pin, "abc");
    checkout.write("baepo.yml", &checkout.config("hello", &settings));
    check(&checkout, &["run"], 2, &["must be a SHA-256"], &head);
}

#[test]
fn a_component_of_the_wrong_world_is_refused() {
    let checkout = serving();
    let head = checkout.head();
    let traffic =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/traffic.wasm");
    std::fs::copy(traffic, checkout.path().join("strategy.wasm")).unwrap();
    checkout.write(
        "baepo.yml",
        &checkout.config("hello", "    strategy: ./strategy.wasm\n"),
    );
    check(&checkout, &["run"], 2, &["strategy", "monitor"], &head);
}

#[test]
fn a_build_that_fails_ends_the_run_before_anything_is_changed() {
    let checkout = serving();
    let head = checkout.head();
    let config = checkout
        .config("other", DIRECT)
        .replace("[cp, prebuilt, out/shop]", "[cp, missing, out/shop]");
    checkout.write("baepo.yml", &config);
    check(&checkout, &["run"], 6, &["Build failed", "missing"], &head);
}

/// Whether a program of this name was started by the process, or by what it
/// started.
fn has_descendant(pid: u32, name: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let children = threads.map(|thread| thread.path().join("children"));
    let children = children.filter_map(|list| std::fs::read_to_string(list).ok());
    let pids: Vec<u32> = children
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.into_iter().any(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|text| text.trim() == name)
            || has_descendant(pid, name)
    })
}

#[test]
fn a_run_that_is_cancelled_while_it_builds_changes_nothing() {
    let checkout = serving();
    let head = checkout.head();
    let config = checkout
        .config("other", DIRECT)
        .replace("[cp, prebuilt, out/shop]", "[sleep, '60']");
    checkout.write("baepo.yml", &config);
    let run = checkout.baepo(&["run"]).spawn().unwrap();
    checkout.wait_until("its build runs", |_| has_descendant(run.id(), "sleep"));
    let pid = run.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.unwrap().success());
    let output = run.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("Nothing was changed"), "{text}");
    assert_eq!(checkout.serves_wholly(), Some(head));
}

#[test]
fn tests_that_fail_end_the_run_before_anything_is_changed() {
    let checkout = serving();
    let head = checkout.head();
    checkout.write(
        "junit.xml",
        r#"<testsuite name="s"><testcase name="adds up" file="src/sum.rs" line="3"><failure message="2 is not 3"/></testcase></testsuite>"#,
    );
    let config = checkout.config("other", DIRECT)
        + "test:\n  - plugin: builtin:junit\n    with: { reports: [junit.xml] }\n    allow: { read: [junit.xml] }\n";
    checkout.write("baepo.yml", &config);
    check(&checkout, &["run"], 6, &["Test failed", "adds up"], &head);
}

#[test]
fn a_service_that_never_becomes_healthy_is_taken_back() {
    let checkout = serving();
    let head = checkout.head();
    let config = checkout
        .config("other", DIRECT)
        .replace("path: /healthz", "path: /nowhere");
    checkout.write("baepo.yml", &config);
    check(&checkout, &["run"], 4, &["0 of 2", "404"], &head);
}

#[test]
fn a_service_that_cannot_start_is_taken_back_with_its_last_words() {
    let checkout = serving();
    let head = checkout.head();
    let script = checkout.path().join("prebuilt");
    std::fs::write(
        &script,
        "#!/bin/sh\necho cannot open the till >&2\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    checkout.write("baepo.yml", &checkout.config("other", DIRECT));
    check(&checkout, &["run"], 4, &["cannot open the till"], &head);
}

#[test]
fn a_port_in_use_stops_the_agent_with_a_clear_message() {
    let mut checkout = Checkout::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    checkout.port = taken.local_addr().unwrap().port();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    let output = checkout.run(&["agent", "--environment", "production"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(
        text.contains("in use") && text.contains(&checkout.port.to_string()),
        "{text}"
    );
}

#[test]
fn an_agent_that_is_gone_is_named_with_the_command_that_starts_it() {
    let mut checkout = serving();
    let head = checkout.head();
    checkout.kill_agent();
    checkout.write("baepo.yml", &checkout.config("other", DIRECT));
    let output = checkout.run(&["run"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(
        text.contains("baepo agent --environment production"),
        "{text}"
    );
    checkout.start_agent();
    checkout.wait_until("instances are adopted", |checkout| {
        checkout.serves_wholly().is_some()
    });
    assert_eq!(checkout.serves_wholly(), Some(head));
}

#[test]
fn a_journal_that_cannot_be_written_does_not_stop_a_rollout() {
    let checkout = serving();
    checkout.commit("v2", &checkout.config("other", DIRECT));
    std::fs::remove_dir_all(checkout.path().join(".baepo/journal")).unwrap();
    // Every write to it says that the disk is full.
    std::fs::create_dir_all(checkout.path().join(".baepo/journal")).unwrap();
    std::os::unix::fs::symlink(
        "/dev/full",
        checkout.path().join(".baepo/journal/7-1.jsonl"),
    )
    .unwrap();
    let output = checkout
        .baepo(&["run"])
        .env("GITHUB_RUN_ID", "7")
        .env("GITHUB_RUN_ATTEMPT", "1")
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("cannot be written"), "{text}");
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

#[test]
fn an_unknown_environment_is_named() {
    let checkout = serving();
    let head = checkout.head();
    check(
        &checkout,
        &["run", "--environment", "prod"],
        2,
        &["no environment `prod`"],
        &head,
    );
}

//! A person at the terminal of a run says by keys what `baepo promote` and its
//! like say from elsewhere.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Checkout, DIRECT, baepo, said};

const SLOW: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [5%, 50%], observe: { min: 60s, max: 120s }, max-observe: 120s, bake: 1s }\n    on-no-evidence: continue-on-health\n";

/// A run at a terminal, and after it what the terminal is set to.
fn at_terminal(checkout: &Checkout) -> Child {
    let run = checkout.baepo(&["run"]);
    let and_then = format!("'{}' run; code=$?; stty -a; exit $code", baepo().display());
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &and_then, "/dev/null"])
        .current_dir(checkout.path())
        .env("TERM", "xterm")
        .env("USER", "ann")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.spawn().unwrap()
}

fn rollout(checkout: &Checkout) -> Value {
    checkout.status()["state"]["rollout"].clone()
}

#[test]
fn a_rollout_is_steered_by_keys_and_the_terminal_is_as_it_was() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", DIRECT));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.commit("v2", &checkout.config("one", SLOW));
    let mut run = at_terminal(&checkout);
    let mut keyboard = run.stdin.take().unwrap();
    let mut press = |keys: &str| {
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    };
    checkout.wait_until("it observes", |checkout| {
        rollout(checkout)["weight"] == 500 && rollout(checkout)["window"] != Value::Null
    });
    // A key that means nothing, and one that is not pressed twice.
    press("xap");
    checkout.wait_until("it is promoted", |checkout| {
        rollout(checkout)["weight"] == 5_000
    });
    press(" ");
    checkout.wait_until("a pause is heard", |checkout| {
        rollout(checkout)["pause"] == true
    });
    press(" ");
    checkout.wait_until("the pause is over", |checkout| {
        rollout(checkout)["pause"] == false
    });
    press("aa");
    let output = run.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    for words in [
        "[p]romote  [a]bort  [space] pause",
        "production: press a once more to take all traffic back",
        "production: you said promote",
        "production: you said pause",
        "production: you said resume",
        "production: you said abort",
        "aborted by ann",
        " icanon ",
        " echo ",
    ] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
}

//! An environment that lives no longer than its run leaves nothing behind,
//! however the run ends.

use std::net::TcpStream;
use std::process::Stdio;

use super::Checkout;

#[test]
fn a_run_that_is_killed_takes_its_own_agent_and_instances_with_it() {
    let checkout = Checkout::new();
    let settings = "    ephemeral: true\n    strategy: direct\n";
    let config = checkout.config("hello", settings);
    let config = config.replace("first-bake: 1s", "first-bake: 60s");
    checkout.commit("v1", &config);
    let mut run = checkout
        .baepo(&["run"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let answers = |checkout: &Checkout| TcpStream::connect(("127.0.0.1", checkout.port)).is_ok();
    checkout.wait_until("its router answers", answers);
    checkout.wait_until("its instances are there", |checkout| {
        checkout.living_below_state() > 0
    });
    run.kill().unwrap();
    run.wait().unwrap();
    checkout.wait_until("its router is gone", |checkout| !answers(checkout));
    checkout.wait_until("its instances are gone", |checkout| {
        checkout.living_below_state() == 0
    });
}

#[test]
fn the_next_run_finds_nothing_of_the_one_before() {
    let checkout = Checkout::new();
    let settings = "    ephemeral: true\n    strategy: direct\n";
    checkout.commit("v1", &checkout.config("hello", settings));
    for _ in 0..2 {
        // The same release: were it remembered, it would be serving already.
        let said = checkout.runs(&["run"], 0, &["live after"]);
        assert!(!said.contains("already serving"), "{said}");
        assert_eq!(checkout.living_below_state(), 0);
    }
}

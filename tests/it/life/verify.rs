//! Tests of the candidate while it runs and nobody has met it.

use baepo_runtime::load::{Load, LoadOptions};

use super::{Checkout, DIRECT, within};

/// Asks each instance and, to compare, the router, and writes down what they
/// said. It fails where there is a file `broken`.
const SMOKE: &str = r#"#!/bin/sh
for endpoint in $BAEPO_ENDPOINTS; do
    said="$said candidate says $(curl --silent "$endpoint/")"
done
echo "$said; users get $(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:PORT/)" >> out/smoke.log
while [ -e out/slow ]; do sleep 0.05; done
failure=''
[ -e broken ] && failure='<failure message="no bread"/>'
echo "<testsuite name=\"smoke\"><testcase classname=\"shop\" name=\"sells\" file=\"src/bread.rs\" line=\"3\">$failure</testcase></testsuite>" > out/smoke.xml
[ ! -e broken ]
"#;

fn config(checkout: &Checkout, greeting: &str) -> String {
    let verify = "verify: { run: [./smoke], junit: out/smoke.xml }\n";
    let config = checkout.config(greeting, DIRECT);
    config.replace("release:", &format!("{verify}release:"))
}

/// A checkout where v1 serves, after its tests.
fn serving() -> Checkout {
    use std::os::unix::fs::PermissionsExt as _;
    let mut checkout = Checkout::new();
    checkout.write("smoke", &SMOKE.replace("PORT", &checkout.port.to_string()));
    let smoke = checkout.path().join("smoke");
    std::fs::set_permissions(smoke, std::fs::Permissions::from_mode(0o755)).unwrap();
    checkout.commit("v1", &config(&checkout, "zero"));
    checkout.start_agent();
    checkout.runs(&["plan"], 0, &["the tests of junit"]);
    checkout.runs(&["run"], 0, &["`junit` passed 1 case"]);
    checkout
}

fn log(checkout: &Checkout) -> String {
    std::fs::read_to_string(checkout.path().join("out/smoke.log")).unwrap_or_default()
}

#[test]
fn a_candidate_is_tested_before_anybody_meets_it() {
    let checkout = serving();
    let seen = log(&checkout);
    let said = seen.matches("\"greeting\":\"zero\"").count();
    assert_eq!(said, 2, "each instance was asked: {seen}");
    assert!(seen.ends_with("; users get 503\n"), "{seen}");

    checkout.commit("v2", &config(&checkout, "one"));
    checkout.runs(&["run"], 0, &[]);
    let seen = log(&checkout);
    let last = seen.lines().last().unwrap();
    assert!(last.contains("\"greeting\":\"one\""), "{last}");
    assert!(last.ends_with("; users get 200"), "{last}");
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_meets_one_that_fails() {
    let checkout = serving();
    let good = checkout.head();
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(300.0);
    let load = Load::start(options);
    checkout.write("broken", "");
    checkout.commit("v2", &config(&checkout, "one"));
    let mut command = checkout.baepo(&["run", "--output", "json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = super::said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rollout = &report["rollouts"][0];
    assert_eq!(
        (&rollout["cause"], &rollout["peak"]),
        (&"verify-failed".into(), &0.into())
    );
    let failures = &rollout["verified"][0]["failures"];
    assert_eq!(*failures, serde_json::json!([["shop sells", "no bread"]]));
    // Where it says which line of code that is, it is said there.
    let remarks = report["stages"].as_array().unwrap().iter();
    let remarks: Vec<_> = remarks
        .flat_map(|stage| stage["annotations"].as_array().cloned().unwrap_or_default())
        .collect();
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert_eq!(
        (&remarks[0]["path"], &remarks[0]["message"]),
        (&"src/bread.rs".into(), &"no bread".into())
    );
    checkout.wait_until("the good one alone is there", |checkout| {
        checkout.serves_wholly() == Some(good.clone())
    });
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    let revisions: Vec<&String> = stats.by_revision.keys().collect();
    assert_eq!(revisions.len(), 1, "{revisions:?}");
}

#[test]
fn a_run_that_is_killed_meanwhile_tests_again() {
    let checkout = serving();
    checkout.write("out/slow", "");
    checkout.commit("v2", &config(&checkout, "one"));
    let before = log(&checkout).lines().count();
    let mut run = checkout.baepo(&["run"]).spawn().unwrap();
    let is_tested = within(std::time::Duration::from_secs(30), || {
        log(&checkout).lines().count() > before
    });
    assert!(is_tested, "{}", log(&checkout));
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::remove_file(checkout.path().join("out/slow")).unwrap();
    checkout.runs(&["run"], 0, &["`junit` passed 1 case"]);
    let tested = log(&checkout).lines().count();
    assert_eq!(tested, before + 2, "{}", log(&checkout));
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

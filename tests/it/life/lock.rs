//! A person locks an environment, and nothing new is rolled out to it.

use super::{Checkout, DIRECT, said};

#[test]
fn a_locked_environment_takes_nothing_new_until_it_is_unlocked() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    checkout.start_agent();
    let check = |args: &[&str], code, words: &[&str]| checkout.runs(args, code, words);
    check(&["run"], 0, &[]);
    let first = checkout.head();
    checkout.commit("v2", &checkout.config("other", DIRECT));
    check(&["run"], 0, &[]);
    let second = checkout.head();
    check(
        &["lock", "--reason", "the database moves"],
        0,
        &["production: locked by", "the database moves"],
    );
    check(&["lock"], 8, &["the database moves", "that one was kept"]);
    check(
        &["status"],
        0,
        &["locked by", "baepo unlock --environment production"],
    );
    checkout.commit("v1", &checkout.config("third", DIRECT));
    let report = check(&["run", "--output", "json"], 8, &["the database moves"]);
    assert!(report.contains("\"cause\":\"locked\""), "{report}");
    assert_eq!(checkout.serves_wholly(), Some(second));
    // A person may still go back.
    check(&["rollback"], 0, &["succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(first));
    check(&["unlock"], 0, &["unlocked; it was locked by"]);
    check(&["unlock"], 0, &["was not locked"]);
    check(&["run"], 0, &[]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

#[test]
fn a_person_goes_back_without_git_and_without_a_place_for_a_journal() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    checkout.start_agent();
    assert_eq!(checkout.run(&["run"]).status.code(), Some(0));
    let first = checkout.head();
    checkout.commit("v2", &checkout.config("other", DIRECT));
    assert_eq!(checkout.run(&["run"]).status.code(), Some(0));
    let elsewhere = tempfile::tempdir().unwrap();
    let config = checkout.config("other", DIRECT);
    std::fs::write(elsewhere.path().join("baepo.yml"), config).unwrap();
    std::fs::write(elsewhere.path().join(".baepo"), "in the way").unwrap();
    let mut command = checkout.baepo(&["rollback"]);
    let output = command.current_dir(elsewhere.path()).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("the journal is in"), "{text}");
    assert_eq!(checkout.serves_wholly(), Some(first));
}

//! A person approves of a release before any of it runs.

use super::{Checkout, said};

const QUICK: &str = "    approve: true\n    strategy:\n      plugin: builtin:direct\n      with: { bake: 1s, max-observe: 2s }\n    on-no-evidence: continue-on-health\n";

fn check(checkout: &Checkout, args: &[&str], code: i32, words: &[&str]) {
    let output = checkout.run(args);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn nothing_of_a_release_runs_before_a_person_has_approved_of_it() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", QUICK));
    checkout.start_agent();
    check(&checkout, &["plan"], 0, &["a person to approve of it"]);
    let wanted = [
        "Needs approval in production",
        "nothing of it runs yet",
        "`baepo approve` lets it be rolled out",
    ];
    check(&checkout, &["run"], 75, &wanted);
    let waits = ["is ready and waits until", "next: baepo approve | abort"];
    check(&checkout, &["status"], 0, &waits);
    let nothing_runs = |checkout: &Checkout| checkout.living_below_state() == 0;
    assert!(nothing_runs(&checkout));
    // Neither the clock nor another word is an approval.
    check(&checkout, &["run", "--resume"], 75, &["Needs approval"]);
    check(&checkout, &["promote"], 75, &["no run is alive"]);
    assert!(nothing_runs(&checkout));
    check(&checkout, &["approve"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    check(&checkout, &["approve"], 2, &["there is nothing to approve"]);
    let first = checkout.head();
    // A no leaves everything as it is.
    checkout.commit("v2", &checkout.config("other", QUICK));
    check(&checkout, &["run"], 75, &["Needs approval in production"]);
    check(&checkout, &["abort"], 4, &["aborted by"]);
    assert_eq!(checkout.serves_wholly(), Some(first.clone()));
    // A newer revision is another release.
    checkout.commit("v2", &checkout.config("third", QUICK));
    check(&checkout, &["run"], 75, &[]);
    checkout.commit("v2", &checkout.config("fourth", QUICK));
    check(&checkout, &["run"], 75, &["Needs approval in production"]);
    check(&checkout, &["approve"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    check(&checkout, &["rollback"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(first));
}

//! A person approves of a release before any of it runs.

use super::{Checkout, DIRECT};

#[test]
fn nothing_of_a_release_runs_before_a_person_has_approved_of_it() {
    let mut checkout = Checkout::new();
    let settings = format!("    approve: true\n{DIRECT}");
    checkout.commit("v1", &checkout.config("hello", &settings));
    checkout.start_agent();
    checkout.runs(&["plan"], 0, &["a person to approve of it"]);
    let wanted = [
        "Needs approval in production",
        "nothing of it runs yet",
        "`baepo approve` lets it be rolled out",
    ];
    checkout.runs(&["run"], 75, &wanted);
    let waits = ["is ready and waits until", "next: baepo approve | abort"];
    checkout.runs(&["status"], 0, &waits);
    let nothing_runs = |checkout: &Checkout| checkout.living_below_state() == 0;
    assert!(nothing_runs(&checkout));
    // Neither the clock nor another word is an approval.
    checkout.runs(&["run", "--resume"], 75, &["Needs approval"]);
    checkout.runs(&["promote"], 75, &["no run is alive"]);
    assert!(nothing_runs(&checkout));
    checkout.runs(&["approve"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    checkout.runs(&["approve"], 2, &["there is nothing to approve"]);
    let first = checkout.head();
    // A no leaves everything as it is.
    checkout.commit("v2", &checkout.config("other", &settings));
    checkout.runs(&["run"], 75, &["Needs approval in production"]);
    checkout.runs(&["abort"], 4, &["aborted by"]);
    assert_eq!(checkout.serves_wholly(), Some(first.clone()));
    // A newer revision is another release.
    checkout.commit("v2", &checkout.config("third", &settings));
    checkout.runs(&["run"], 75, &[]);
    checkout.commit("v2", &checkout.config("fourth", &settings));
    checkout.runs(&["run"], 75, &["Needs approval in production"]);
    checkout.runs(&["approve"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    checkout.runs(&["rollback"], 0, &["production: succeeded"]);
    assert_eq!(checkout.serves_wholly(), Some(first));
}

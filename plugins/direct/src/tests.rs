use baepo_plugin::HookError;
use baepo_plugin::rehearsal::{End, Person, Rehearsal};
use baepo_plugin::strategy::{Ending, OnNoEvidence};
use expect_test::{Expect, expect};

use super::*;

fn refused(rehearsal: &mut Rehearsal, expected: Expect) {
    match rehearsal.run::<Direct>() {
        End::Refused(HookError::InvalidConfig(problems)) => {
            let lines: Vec<String> = problems
                .iter()
                .map(|p| format!("{}: {}\n", p.path, p.message))
                .collect();
            expected.assert_eq(&lines.concat());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_starts_everything_switches_watches_and_finishes() {
    for n in 1..=7 {
        let mut rehearsal = Rehearsal::new(n, "{}");
        assert_eq!(rehearsal.run::<Direct>(), End::Finished);
        let first = format!("scale {n} + {n}");
        assert_eq!(
            rehearsal.transcript,
            [
                &first,
                "route 100 %",
                "observe 30s to 30s",
                "finish, warm for 0s"
            ]
        );
    }
}

#[test]
fn recreate_stops_the_old_ones_first_and_only_with_downtime_allowed() {
    let mut rehearsal = Rehearsal::new(2, r#"{"mode": "recreate", "bake": "5s"}"#);
    refused(
        &mut rehearsal,
        expect![[r#"
        mode: `recreate` stops the service for a moment, which needs `allow-downtime: true` in the environment's limits
    "#]],
    );
    rehearsal.view.limits.allow_downtime = true;
    assert_eq!(rehearsal.run::<Direct>(), End::Finished);
    assert_eq!(
        rehearsal.transcript,
        [
            "scale 0 + 0",
            "scale 0 + 2",
            "route 100 %",
            "observe 5s to 5s",
            "finish, warm for 0s"
        ]
    );
}

#[test]
fn an_environment_that_limits_unjudged_exposure_or_surge_refuses_it() {
    let mut rehearsal = Rehearsal::new(4, "{}");
    rehearsal.view.limits.max_exposure_unjudged_basis_points = 500;
    refused(
        &mut rehearsal,
        expect![[r#"
        : sends 100 % at once to what nobody has judged, but the environment's `max-exposure-unjudged` is 5 %; raise it or use `canary` or `blue-green`
    "#]],
    );
    let mut rehearsal = Rehearsal::new(4, "{}");
    rehearsal.view.limits.max_surge = 1;
    refused(
        &mut rehearsal,
        expect![[r#"
        : needs 4 instances beside the 4 that serve, but the environment's `max-surge` allows 1; raise it or use `rolling`
    "#]],
    );
}

#[test]
fn without_evidence_it_watches_on_and_then_does_what_the_environment_says() {
    let run = |policy: OnNoEvidence, people: &[Person]| {
        let mut rehearsal = Rehearsal::new(2, r#"{"bake": "20s", "max-observe": "50s"}"#);
        rehearsal.view.on_no_evidence = policy;
        rehearsal.verdict = Box::new(|_, _| Ending::Inconclusive);
        rehearsal.people = people.iter().copied().collect();
        (rehearsal.run::<Direct>(), rehearsal.transcript.split_off(2))
    };
    let watches = [
        "observe 20s to 20s",
        "observe 0s to 20s",
        "observe 0s to 10s",
    ];
    let why = "no clear verdict on 100 % after 50s (as the script says)";

    let (end, transcript) = run(OnNoEvidence::Abort, &[]);
    assert_eq!(end, End::Aborted(why.into()));
    assert_eq!(transcript, [&watches[..], &["abort"]].concat());

    let (end, transcript) = run(OnNoEvidence::ContinueOnHealth, &[]);
    assert_eq!(end, End::Finished);
    assert_eq!(
        transcript,
        [&watches[..], &["finish, warm for 0s"]].concat()
    );

    let (end, transcript) = run(OnNoEvidence::Hold, &[Person::Sleeps]);
    assert_eq!(
        end,
        End::Held(format!(
            "{why}: promote it, let it be watched again, or abort"
        ))
    );
    assert_eq!(transcript, [&watches[..], &["hold", "hold"]].concat());

    let (end, transcript) = run(OnNoEvidence::Hold, &[Person::Resumes, Person::Promotes]);
    assert_eq!(end, End::Finished);
    let again = [
        &watches[..],
        &["hold"],
        &watches[..],
        &["hold", "finish, warm for 0s"],
    ]
    .concat();
    assert_eq!(transcript, again);
}

#[test]
fn all_mistakes_in_the_configuration_are_told_at_once() {
    refused(
        &mut Rehearsal::new(
            1,
            r#"{"mode": "recreate", "bake": "0s", "keep-warm": "1m", "moed": 1}"#,
        ),
        expect![[r#"
            bake: must be at least 1s: a release is not finished without a look at it
            keep-warm: there is nothing to keep warm after `recreate`
            moed: unknown key, did you mean `mode`?
        "#]],
    );
}

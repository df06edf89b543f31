use baepo_plugin::Verdict;
use baepo_plugin::rehearsal::{End, Person, Rehearsal};
use baepo_plugin::strategy::{Ending, OnNoEvidence};

use super::*;

#[test]
fn it_previews_switches_bakes_and_keeps_the_old_one_warm() {
    for n in 1..=7 {
        let mut rehearsal = Rehearsal::new(n, "{}");
        assert_eq!(rehearsal.run::<BlueGreen>(), End::Finished);
        let first = format!("scale {n} + {n}");
        assert_eq!(
            rehearsal.transcript,
            [
                &first,
                "observe 1m to 1m",
                "route 100 %",
                "observe 5m to 5m",
                "finish, warm for 10m"
            ]
        );
    }
}

#[test]
fn a_hold_before_the_switch_waits_for_a_person() {
    let config = r#"{"hold": true}"#;
    assert_eq!(
        Rehearsal::new(2, config).run::<BlueGreen>(),
        End::Held("the preview is ready to be looked at; promote to switch".into())
    );
    for person in [Person::Resumes, Person::Promotes] {
        let mut rehearsal = Rehearsal::new(2, config);
        rehearsal.people = [Person::Sleeps, person].into();
        assert_eq!(rehearsal.run::<BlueGreen>(), End::Finished);
        assert_eq!(rehearsal.transcript[2..5], ["hold", "hold", "route 100 %"]);
    }
}

#[test]
fn a_preview_that_nothing_can_judge_goes_on_with_healthy_instances_and_says_so() {
    let mut rehearsal = Rehearsal::new(3, "{}");
    rehearsal.verdict = Box::new(|weight, _| {
        if weight == 0 {
            Ending::Inconclusive
        } else {
            Ending::Healthy
        }
    });
    assert_eq!(rehearsal.run::<BlueGreen>(), End::Finished);
    assert_eq!(
        rehearsal.reasons[2],
        "all instances of the preview were healthy for 1m, and nothing else can judge without traffic; \
         switching all traffic"
    );
}

#[test]
fn a_preview_without_a_verdict_waits_where_unjudged_exposure_is_limited_or_health_unknown() {
    let mut limited = Rehearsal::new(3, r#"{"max-observe": "2m"}"#);
    limited.verdict = Box::new(|_, _| Ending::Inconclusive);
    limited.view.limits.max_exposure_unjudged_basis_points = 500;
    let mut unknown = Rehearsal::new(3, r#"{"max-observe": "2m"}"#);
    unknown.verdict = Box::new(|_, _| Ending::Inconclusive);
    unknown.health = Verdict::Inconclusive;
    for rehearsal in [&mut limited, &mut unknown] {
        assert!(matches!(rehearsal.run::<BlueGreen>(), End::Held(_)));
        assert_eq!(
            rehearsal.transcript[1..],
            ["observe 1m to 1m", "observe 0s to 1m", "hold"]
        );
        assert_eq!(rehearsal.largest_share, 0);
    }
}

#[test]
fn without_evidence_after_the_switch_the_environment_decides() {
    for (policy, end) in [
        (
            OnNoEvidence::Abort,
            End::Aborted("no clear verdict on 100 % after 30m (as the script says)".into()),
        ),
        (OnNoEvidence::ContinueOnHealth, End::Finished),
    ] {
        let mut rehearsal = Rehearsal::new(2, "{}");
        rehearsal.verdict = Box::new(|_, _| Ending::Inconclusive);
        rehearsal.view.on_no_evidence = policy;
        assert_eq!(rehearsal.run::<BlueGreen>(), end);
    }
}

#[test]
fn a_person_who_wants_all_traffic_skips_the_preview_but_not_the_bake() {
    let mut rehearsal = Rehearsal::new(2, r#"{"hold": true}"#);
    rehearsal.promote_full_at = Some(2);
    assert_eq!(rehearsal.run::<BlueGreen>(), End::Finished);
    assert_eq!(
        rehearsal.transcript,
        [
            "scale 2 + 2",
            "observe 1m to 1m",
            "route 100 %",
            "observe 5m to 5m",
            "finish, warm for 10m"
        ]
    );
}

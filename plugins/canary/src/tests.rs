use baepo_plugin::Verdict;
use baepo_plugin::rehearsal::{End, Person, Rehearsal};
use baepo_plugin::strategy::{Ending, OnNoEvidence};
use expect_test::{Expect, expect};

use super::*;

fn transcript(rehearsal: &mut Rehearsal, end: End, expected: Expect) {
    assert_eq!(
        rehearsal.run::<Canary>(),
        end,
        "{:#?}",
        rehearsal.transcript
    );
    expected.assert_eq(&(rehearsal.transcript.join("\n") + "\n"));
}

fn problems(rehearsal: &mut Rehearsal, expected: Expect) {
    match rehearsal.run::<Canary>() {
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
fn a_healthy_candidate_climbs_all_steps() {
    transcript(
        &mut Rehearsal::new(4, ""),
        End::Finished,
        expect![[r#"
        scale 4 + 1
        route 1 %
        observe 30s to 2m
        route 5 %
        observe 30s to 2m
        route 25 %
        observe 30s to 2m
        scale 4 + 2
        route 50 %
        observe 30s to 2m
        scale 4 + 4
        route 100 %
        observe 5m to 5m
        finish, warm for 0s
    "#]],
    );
}

#[test]
fn people_read_why_each_step_is_taken() {
    let mut rehearsal = Rehearsal::new(4, r#"{"steps": ["5%", "25%"], "observe": "1m"}"#);
    assert_eq!(rehearsal.run::<Canary>(), End::Finished);
    expect![[r#"
        next 5 %, for which the candidate gets 1 instance
        next 5 %
        watching 5 % for 1m
        5 % was healthy for 1m; next 25 %
        watching 25 % for 1m
        25 % was healthy for 1m; next 100 %, for which the candidate gets 4 instances
        next 100 %
        watching all traffic for 5m
        100 % was healthy for 5m; the candidate is stable
    "#]]
    .assert_eq(&(rehearsal.reasons.join("\n") + "\n"));
}

#[test]
fn every_number_of_instances_gets_to_the_end_with_exactly_the_asked_shares() {
    for n in 1..=7 {
        for scale in ["match-weight", "full"] {
            let mut rehearsal = Rehearsal::new(n, &format!(r#"{{"scale": "{scale}"}}"#));
            let mut shares = Vec::new();
            assert_eq!(rehearsal.run::<Canary>(), End::Finished);
            shares.extend(
                rehearsal
                    .transcript
                    .iter()
                    .filter(|line| line.starts_with("route"))
                    .cloned(),
            );
            assert_eq!(
                shares,
                [
                    "route 1 %",
                    "route 5 %",
                    "route 25 %",
                    "route 50 %",
                    "route 100 %"
                ]
            );
            let last_scale = rehearsal
                .transcript
                .iter()
                .rfind(|line| line.starts_with("scale"))
                .unwrap();
            assert_eq!(last_scale, &format!("scale {n} + {n}"));
        }
    }
}

#[test]
fn a_share_gets_the_instances_that_it_needs_and_never_none() {
    for (share, n, candidates) in [
        (1, 4, 1),
        (2_500, 4, 1),
        (2_501, 4, 2),
        (5_000, 5, 3),
        (10_000, 7, 7),
    ] {
        assert_eq!(candidates_for(Percent(share), n), candidates);
    }
}

#[test]
fn a_step_without_a_verdict_is_watched_on_and_then_held() {
    let mut rehearsal = Rehearsal::new(3, r#"{"steps": ["10%"], "max-observe": "5m"}"#);
    rehearsal.verdict = Box::new(|_, _| Ending::Inconclusive);
    let why = "no clear verdict on 10 % after 5m (as the script says)";
    transcript(
        &mut rehearsal,
        End::Held(format!(
            "{why}: promote it, let it be watched again, or abort"
        )),
        expect![[r#"
            scale 3 + 1
            route 10 %
            observe 30s to 2m
            observe 0s to 2m
            observe 0s to 1m
            hold
        "#]],
    );
}

#[test]
fn a_person_promotes_one_step_at_a_time() {
    let mut rehearsal = Rehearsal::new(3, r#"{"steps": ["10%", "50%"], "max-observe": "2m"}"#);
    rehearsal.verdict = Box::new(|weight, _| {
        if weight == 1_000 {
            Ending::Inconclusive
        } else {
            Ending::Healthy
        }
    });
    rehearsal.people = [Person::Promotes].into();
    assert_eq!(rehearsal.run::<Canary>(), End::Finished);
    let during: Vec<&str> = rehearsal
        .transcript
        .iter()
        .map(String::as_str)
        .skip(3)
        .take(3)
        .collect();
    assert_eq!(during, ["hold", "scale 3 + 2", "route 50 %"]);
}

#[test]
fn a_watch_that_a_person_promotes_goes_one_step_on() {
    let mut rehearsal = Rehearsal::new(3, r#"{"steps": ["10%", "50%"]}"#);
    rehearsal.verdict = Box::new(|weight, _| {
        if weight == 1_000 {
            Ending::Promoted
        } else {
            Ending::Healthy
        }
    });
    assert_eq!(rehearsal.run::<Canary>(), End::Finished);
    assert_eq!(
        rehearsal.reasons[3],
        "10 % was promoted by a person; next 50 %, for which the candidate gets 2 instances"
    );
}

#[test]
fn patience_ends_as_the_environment_says() {
    for (policy, health, expected) in [
        (OnNoEvidence::Abort, Verdict::Healthy, "abort"),
        (
            OnNoEvidence::ContinueOnHealth,
            Verdict::Healthy,
            "finish, warm for 0s",
        ),
        (
            OnNoEvidence::ContinueOnHealth,
            Verdict::Inconclusive,
            "hold",
        ),
        (OnNoEvidence::Hold, Verdict::Healthy, "hold"),
    ] {
        let mut rehearsal = Rehearsal::new(2, "");
        rehearsal.verdict = Box::new(|_, _| Ending::Inconclusive);
        rehearsal.view.on_no_evidence = policy;
        rehearsal.health = health;
        rehearsal.run::<Canary>();
        assert_eq!(rehearsal.transcript.last().unwrap(), expected);
    }
}

#[test]
fn hold_at_waits_for_a_person_after_the_verdict() {
    let mut rehearsal = Rehearsal::new(
        2,
        r#"{"steps": ["5%", "50%"], "hold-at": ["50%"], "observe": "10s"}"#,
    );
    rehearsal.people = [Person::Sleeps, Person::Resumes].into();
    transcript(
        &mut rehearsal,
        End::Finished,
        expect![[r#"
        scale 2 + 1
        route 5 %
        observe 10s to 10s
        route 50 %
        observe 10s to 10s
        hold
        hold
        scale 2 + 2
        route 100 %
        observe 5m to 5m
        finish, warm for 0s
    "#]],
    );
}

#[test]
fn a_person_who_wants_all_traffic_skips_the_steps_but_not_the_bake() {
    let mut rehearsal = Rehearsal::new(4, "");
    rehearsal.promote_full_at = Some(3);
    transcript(
        &mut rehearsal,
        End::Finished,
        expect![[r#"
        scale 4 + 1
        route 1 %
        observe 30s to 2m
        scale 4 + 4
        route 100 %
        observe 5m to 5m
        finish, warm for 0s
    "#]],
    );
}

#[test]
fn auto_fits_the_target_and_the_environment() {
    for (unjudged, grain, expected) in [
        (10_000, 1, vec![100, 500, 2_500, 5_000]),
        (50, 1, vec![50, 100, 500, 2_500, 5_000]),
        (10_000, 2_500, vec![2_500, 5_000]),
        (2_500, 1_000, vec![1_000, 3_000, 5_000]),
    ] {
        let mut rehearsal = Rehearsal::new(4, r#"{"steps": "auto"}"#);
        rehearsal.view.limits.max_exposure_unjudged_basis_points = unjudged;
        rehearsal.view.limits.weight_granularity_basis_points = grain;
        let steps = config::read_for_tests(&rehearsal.view).unwrap();
        assert_eq!(steps, expected.into_iter().map(Percent).collect::<Vec<_>>());
        assert_eq!(rehearsal.run::<Canary>(), End::Finished);
    }
}

#[test]
fn what_the_environment_or_the_target_does_not_allow_is_refused_with_both_numbers() {
    let mut rehearsal = Rehearsal::new(4, r#"{"steps": ["10%", "33%"]}"#);
    rehearsal.view.limits.max_exposure_unjudged_basis_points = 500;
    rehearsal.view.limits.weight_granularity_basis_points = 1_000;
    rehearsal.view.limits.max_surge = 2;
    problems(
        &mut rehearsal,
        expect![[r#"
        : needs 4 instances beside the 4 that serve, but the environment's `max-surge` allows 2; raise it or use `rolling`
        steps.1: 33 % cannot be made: the target's shares are multiples of 10 %; `steps: auto` fits them
        steps.0: 10 % is more than the environment's `max-exposure-unjudged` of 5 %
    "#]],
    );
    let mut rehearsal = Rehearsal::new(4, r#"{"steps": "auto"}"#);
    rehearsal.view.limits.max_exposure_unjudged_basis_points = 500;
    rehearsal.view.limits.weight_granularity_basis_points = 2_500;
    problems(
        &mut rehearsal,
        expect![[r#"
        steps: the target's smallest share is 25 %, but the environment's `max-exposure-unjudged` is 5 %
    "#]],
    );
}

#[test]
fn all_mistakes_in_the_configuration_are_told_at_once() {
    let config = r#"{"steps": ["5%", "3%", "100%"], "hold-at": ["7%"], "observe": {"min": "5m", "max": "1m", "mx": 1},
                     "scale": "fulll", "bake": 30, "max-obsreve": "1m"}"#;
    problems(
        &mut Rehearsal::new(1, config),
        expect![[r#"
        observe.mx: unknown key, did you mean `max`?
        observe: min (5m) is longer than max (1m)
        scale: `fulll` is unknown, expected `match-weight` or `full`
        bake: `30` is not a duration, expected for example `30s`, `5m` or `1h30m`
        steps.1: must be larger than the step before (5 %)
        steps.2: 100 % comes by itself after the last step
        hold-at.0: 7 % is not one of the steps
        max-obsreve: unknown key, did you mean `max-observe`?
    "#]],
    );
    problems(
        &mut Rehearsal::new(1, r#"{"steps": [], "observe": "0s"}"#),
        expect![[r#"
        steps: is empty; leave it out for 1 %, 5 %, 25 %, 50 %, or use `direct`
        observe: must be at least 1s: a step is not done without a look at it
    "#]],
    );
    problems(
        &mut Rehearsal::new(1, r#"{"steps": ["1%", 5, "x%"]}"#),
        expect![[r#"
        steps.1: `5` is not a share, expected for example `25%` or `0.5%`
        steps.2: `x%` is not a share, expected for example `25%` or `0.5%`
    "#]],
    );
    problems(
        &mut Rehearsal::new(1, r#"{"steps": "1%"}"#),
        expect![[r#"
        steps: must be a list of shares like `[1%, 25%]`, or `auto`
    "#]],
    );
}

#[test]
fn a_foreign_memory_is_an_error_and_not_a_guess() {
    let mut rehearsal = Rehearsal::new(1, "");
    rehearsal.view.memory = b"{}".to_vec();
    assert!(matches!(
        rehearsal.run::<Canary>(),
        End::Refused(HookError::Failed(_))
    ));
}

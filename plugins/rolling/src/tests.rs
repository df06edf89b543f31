use baepo_plugin::Verdict;
use baepo_plugin::rehearsal::{End, Person, Rehearsal};
use baepo_plugin::strategy::{Ending, OnNoEvidence};
use baepo_plugin::units::CountOrPercent;
use expect_test::{Expect, expect};

use super::*;

fn transcript(rehearsal: &mut Rehearsal, end: End, expected: Expect) {
    assert_eq!(
        rehearsal.run::<Rolling>(),
        end,
        "{:#?}",
        rehearsal.transcript
    );
    expected.assert_eq(&(rehearsal.transcript.join("\n") + "\n"));
}

fn problems(rehearsal: &mut Rehearsal, expected: Expect) {
    match rehearsal.run::<Rolling>() {
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
fn the_arithmetic_is_that_of_kubernetes() {
    // n, surge, unavailable, least available, most in all at 25 % and 25 %.
    let quarter = CountOrPercent::Percent(Percent(2_500));
    for (n, surge, unavailable, least, most) in [
        (1, 1, 0, 1, 2),
        (2, 1, 0, 2, 3),
        (3, 1, 0, 3, 4),
        (4, 1, 1, 3, 5),
        (5, 2, 1, 4, 7),
        (10, 3, 2, 8, 13),
        (15, 4, 3, 12, 19),
        (20, 5, 5, 15, 25),
    ] {
        let bounds = Bounds::new(quarter, quarter, n);
        assert_eq!(
            (bounds.surge, bounds.unavailable),
            (surge, unavailable),
            "n = {n}"
        );
        assert_eq!((bounds.floor, n + bounds.surge), (least, most), "n = {n}");
    }
    let none = CountOrPercent::Count(0);
    let share = CountOrPercent::Percent(Percent(3_900));
    for (surge, unavailable, expected) in [
        (none, none, (0, 1)),
        (share, share, (4, 3)),
        (none, share, (0, 3)),
        (share, none, (4, 0)),
    ] {
        let bounds = Bounds::new(surge, unavailable, 10);
        assert_eq!((bounds.surge, bounds.unavailable), expected);
    }
}

#[test]
fn four_instances_are_replaced_one_by_one() {
    transcript(
        &mut Rehearsal::new(4, ""),
        End::Finished,
        expect![[r#"
        scale 4 + 1
        observe 10s to 1m
        route 25 %
        scale 3 + 1
        observe 1s to 1s
        scale 3 + 2
        observe 10s to 1m
        route 50 %
        scale 2 + 2
        observe 1s to 1s
        scale 2 + 3
        observe 10s to 1m
        route 75 %
        scale 1 + 3
        observe 1s to 1s
        scale 1 + 4
        observe 10s to 1m
        route 100 %
        scale 0 + 4
        observe 1m to 1m
        finish, warm for 0s
    "#]],
    );
}

#[test]
fn without_surge_one_is_missing_at_a_time() {
    let mut rehearsal = Rehearsal::new(3, r#"{"max-surge": 0}"#);
    rehearsal.view.limits.max_unavailable = 1;
    transcript(
        &mut rehearsal,
        End::Finished,
        expect![[r#"
        scale 2 + 0
        observe 1s to 1s
        scale 2 + 1
        observe 10s to 1m
        route 50 %
        scale 1 + 1
        observe 1s to 1s
        scale 1 + 2
        observe 10s to 1m
        route 100 %
        scale 0 + 2
        observe 1s to 1s
        scale 0 + 3
        observe 10s to 1m
        observe 1m to 1m
        finish, warm for 0s
    "#]],
    );
}

#[test]
fn people_read_why_each_move_is_made() {
    let mut rehearsal = Rehearsal::new(2, "");
    assert_eq!(rehearsal.run::<Rolling>(), End::Finished);
    expect![[r#"
        starting 1 instance of the new release
        watching the first group for 10s
        the first group was healthy for 10s; 1 instance can carry 50 %
        1 instance of the old release can stop
        waiting for 1 instance to drain
        starting 1 instance of the new release
        watching the group at 50 % for 10s
        the group at 50 % was healthy for 10s; 2 instances can carry 100 %
        1 instance of the old release can stop
        all instances are new; watching them for 1m
        100 % was healthy for 1m; the new release is stable
    "#]]
    .assert_eq(&(rehearsal.reasons.join("\n") + "\n"));
}

#[test]
fn every_fleet_that_is_allowed_gets_to_the_end_within_its_bounds() {
    let mut rollouts = 0;
    for n in 1..=7 {
        for surge in 0..=n {
            for unavailable in 0..=n {
                if surge == 0 && (unavailable == 0 || n == 1) {
                    continue;
                }
                let config =
                    format!(r#"{{"max-surge": {surge}, "max-unavailable": {unavailable}}}"#);
                let mut rehearsal = Rehearsal::new(n, &config);
                rehearsal.view.limits.max_surge = surge;
                rehearsal.view.limits.max_unavailable = unavailable;
                assert_eq!(
                    rehearsal.run::<Rolling>(),
                    End::Finished,
                    "n = {n}, {config}"
                );
                assert!(
                    rehearsal.transcript.len() <= 12 * n as usize,
                    "{:#?}",
                    rehearsal.transcript
                );
                rollouts += 1;
            }
        }
    }
    assert_eq!(rollouts, 195);
}

#[test]
fn a_group_without_a_verdict_is_watched_on_and_then_held() {
    let mut rehearsal = Rehearsal::new(4, r#"{"max-observe": "3m"}"#);
    rehearsal.verdict = Box::new(|weight, _| {
        if weight == 0 {
            Ending::Healthy
        } else {
            Ending::Inconclusive
        }
    });
    let end = rehearsal.run::<Rolling>();
    assert!(
        matches!(&end, End::Held(why) if why.contains("the group at 25 %")),
        "{end:?}"
    );
    assert_eq!(rehearsal.largest_share, 2_500);

    rehearsal = Rehearsal::new(4, r#"{"max-observe": "3m"}"#);
    rehearsal.verdict = Box::new(|weight, _| {
        if weight == 0 {
            Ending::Healthy
        } else {
            Ending::Inconclusive
        }
    });
    rehearsal.people = [Person::Promotes; 8].into();
    assert_eq!(rehearsal.run::<Rolling>(), End::Finished);
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
        rehearsal.run::<Rolling>();
        assert_eq!(rehearsal.transcript.last().unwrap(), expected);
    }
}

#[test]
fn a_person_who_wants_all_traffic_skips_the_groups_but_not_the_bake() {
    let mut rehearsal = Rehearsal::new(4, "");
    rehearsal.promote_full_at = Some(2);
    assert_eq!(rehearsal.run::<Rolling>(), End::Finished);
    let watches: Vec<&str> = rehearsal
        .transcript
        .iter()
        .filter(|l| l.starts_with("observe"))
        .map(String::as_str)
        .collect();
    assert_eq!(watches.last(), Some(&"observe 1m to 1m"));
    assert!(!watches[1..].contains(&"observe 10s to 1m"), "{watches:?}");
}

#[test]
fn it_goes_on_from_a_fleet_that_has_lost_instances() {
    let mut rehearsal = Rehearsal::new(4, "");
    let mut view = rehearsal.view.clone();
    view.memory = br#"{"v":1,"at":"moving","watched-ms":0,"proven":3,"drain-waits":0}"#.to_vec();
    view.weight_basis_points = 7_500;
    view.fleet.stable = RoleFleet {
        asked: 1,
        ready: 1,
        starting: 0,
        draining: 0,
        restarts: 0,
    };
    view.fleet.candidate = RoleFleet {
        asked: 3,
        ready: 2,
        starting: 1,
        draining: 0,
        restarts: 1,
    };
    rehearsal.view = view;
    assert_eq!(rehearsal.run::<Rolling>(), End::Finished);
    assert_eq!(rehearsal.transcript[0], "scale 1 + 4");
}

#[test]
fn what_the_environment_does_not_allow_is_refused_with_both_numbers() {
    let mut rehearsal = Rehearsal::new(4, r#"{"max-surge": "75%", "max-unavailable": "50%"}"#);
    rehearsal.view.limits.max_surge = 2;
    rehearsal.view.limits.max_unavailable = 1;
    rehearsal.view.limits.weight_granularity_basis_points = 1_000;
    problems(
        &mut rehearsal,
        expect![[r#"
        max-surge: 75 % of 4 is 3, but the environment's `max-surge` allows 2
        max-unavailable: 50 % of 4 is 2, but the environment's `max-unavailable` allows 1
    "#]],
    );
    problems(
        &mut Rehearsal::new(3, r#"{"max-surge": 0}"#),
        expect![[r#"
        max-surge: without surge one instance must be missing at a time, but the environment's `max-unavailable` allows 0
    "#]],
    );
    let mut rehearsal = Rehearsal::new(1, r#"{"max-surge": 0}"#);
    rehearsal.view.limits.max_unavailable = 1;
    problems(
        &mut rehearsal,
        expect![[r#"
        max-surge: a single instance cannot be replaced without a second one beside it
    "#]],
    );
    let mut rehearsal = Rehearsal::new(4, "");
    rehearsal.view.limits.weight_granularity_basis_points = 1_000;
    problems(
        &mut rehearsal,
        expect![[r#"
        : 4 instances move in shares of 25 %, but the target's shares are multiples of 10 %
    "#]],
    );
    problems(
        &mut Rehearsal::new(
            4,
            r#"{"max-surge": "lots", "min-ready": 0, "max-serge": 1}"#,
        ),
        expect![[r#"
        max-surge: `lots` is neither a number of instances nor a share like `25%`
        min-ready: must be at least 1s: nothing goes on without a look at it
        max-serge: unknown key, did you mean `max-surge`?
    "#]],
    );
}

#[test]
fn a_default_surge_is_cut_to_what_the_environment_allows() {
    let mut rehearsal = Rehearsal::new(20, "");
    rehearsal.view.limits.max_surge = 2;
    assert_eq!(rehearsal.run::<Rolling>(), End::Finished);
    assert_eq!(rehearsal.transcript[0], "scale 20 + 2");
}

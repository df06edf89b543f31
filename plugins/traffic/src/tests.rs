use baepo_plugin::config;
use baepo_plugin::monitor::{Histogram, Side};
use baepo_plugin::{Release, Revision};

use super::*;
use crate::latency::percentile_ms;

/// Bounds as the router has them, of which each is at most a tenth above the one
/// before.
fn bounds_us() -> Vec<u64> {
    let mut bounds = vec![100];
    while bounds.len() < 100 {
        let last = bounds[bounds.len() - 1];
        bounds.push(last + last / 10);
    }
    bounds
}

/// All of them took as long: about 21 ms, or as many buckets more.
fn telemetry_slower(requests: u64, failures: u64, buckets: usize) -> Telemetry {
    let bounds_us = bounds_us();
    let mut counts = vec![0; bounds_us.len() + 1];
    counts[56 + buckets] = requests;
    let latency = Histogram { bounds_us, counts };
    Telemetry {
        requests,
        failures,
        latency,
    }
}

fn telemetry(requests: u64, failures: u64) -> Telemetry {
    telemetry_slower(requests, failures, 0)
}

fn side(telemetry: Option<Telemetry>) -> Side {
    let revision = Revision {
        commit: "c".into(),
        ref_name: "r".into(),
        summary: "s".into(),
        committed_at_ms: 0,
    };
    let release = Release {
        digest: "sha256:0".into(),
        revision,
        artifacts: Vec::new(),
    };
    Side {
        release,
        endpoints: Vec::new(),
        telemetry,
    }
}

fn request(phase: Phase, stable: (u64, u64), candidate: (u64, u64)) -> ObserveRequest {
    ObserveRequest {
        config: "{}".into(),
        memory: Vec::new(),
        phase,
        window: 1,
        window_elapsed_ms: 5_000,
        since_last_look_ms: 5_000,
        last_look: false,
        weight_basis_points: None,
        stable: Some(side(Some(telemetry(stable.0, stable.1)))),
        candidate: side(Some(telemetry(candidate.0, candidate.1))),
        stable_before: Some(telemetry(100_000, 200)),
        now_ms: 0,
    }
}

fn observe(request: &ObserveRequest) -> Observation {
    Traffic::observe(config::parse(&request.config).unwrap(), request).unwrap()
}

#[test]
fn a_bad_candidate_fails_with_both_rates_and_the_evidence() {
    let observation = observe(&request(Phase::Ramp, (6_091, 12), (203, 10)));
    assert_eq!(observation.verdict, Verdict::Failing);
    assert_eq!(
        observation.reason,
        "errors 4.9 % against 0.2 % (E = 2,837,952, limit 200)"
    );
    assert_eq!(
        observation.measurements[0].evidence,
        "E = 2,837,952, limit 200"
    );
    assert_eq!(observation.measurements[0].limit, Some(1.0));
}

#[test]
fn above_the_limit_alone_fails_and_names_it() {
    let mut first = request(Phase::Bake, (0, 0), (1_000, 60));
    (first.stable, first.stable_before) = (None, None);
    let observation = observe(&first);
    assert_eq!(observation.verdict, Verdict::Failing);
    assert_eq!(
        observation.reason,
        "errors 6 %, limit 1 % (E = over 1,000,000,000, limit 100)"
    );
}

#[test]
fn a_bake_is_marked_as_compared_with_earlier_requests() {
    let observation = observe(&request(Phase::Bake, (0, 0), (10_000, 21)));
    assert_eq!(observation.verdict, Verdict::Healthy);
    assert_eq!(
        observation.reason,
        "errors 0.21 % against 0.2 % before the switch, 10,000 requests"
    );
    assert!(
        observation.measurements[0]
            .evidence
            .ends_with("stable not concurrent")
    );
}

#[test]
fn evidence_adds_up_over_looks_and_windows() {
    let mut memory = Vec::new();
    let mut verdicts = Vec::new();
    for window in 1..=4 {
        let mut look = request(Phase::Ramp, (200, 0), (150, 0));
        (look.window, look.memory) = (window, memory);
        let observation = observe(&look);
        assert!(observation.memory.len() <= baepo_judge::STATE_BYTES + 2);
        memory = observation.memory;
        verdicts.push(observation.verdict);
    }
    let (unknown, healthy) = (Verdict::Inconclusive, Verdict::Healthy);
    assert_eq!(verdicts, [unknown, unknown, healthy, healthy]);
}

#[test]
fn without_data_it_is_inconclusive_and_says_why() {
    let mut cases = Vec::new();
    let mut look = |request: ObserveRequest| {
        let observation = observe(&request);
        assert_eq!(observation.verdict, Verdict::Inconclusive);
        cases.push(observation.reason);
    };
    look(request(Phase::Ramp, (500, 0), (0, 0)));
    look(request(Phase::Ramp, (500, 0), (10, 0)));
    look(request(Phase::Ramp, (500, 0), (100, 0)));
    look(request(Phase::Ramp, (0, 0), (1_000, 0)));
    look(request(Phase::Preview, (500, 0), (500, 0)));
    let unmeasured = ObserveRequest {
        candidate: side(None),
        ..request(Phase::Ramp, (1, 0), (0, 0))
    };
    look(unmeasured);
    assert_eq!(
        cases,
        [
            "no request has reached the candidate yet",
            "errors 0 % against 0 %; 10 of at least 30 requests in this window",
            "errors 0 % against 0 %; not enough evidence after 100 requests (E = 2.1, limit 20)",
            "errors 0 %; stable got no request to compare with",
            "a preview has no traffic to judge",
            "the target measures no requests",
        ]
    );
}

#[test]
fn a_window_that_looks_worse_than_the_ones_before_says_so() {
    let before = observe(&request(Phase::Ramp, (50_000, 50), (50_000, 50)));
    assert_eq!(before.verdict, Verdict::Healthy);
    let mut look = request(Phase::Ramp, (100, 0), (100, 5));
    (look.window, look.memory) = (2, before.memory);
    let observation = observe(&look);
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(
        observation.reason,
        "errors 0.11 % against 0.1 %; this window alone looks worse than that"
    );
}

#[test]
fn what_stable_does_not_keep_either_is_a_finding() {
    let mut look = request(Phase::Ramp, (5_000, 250), (5_000, 250));
    look.stable_before = Some(telemetry(50_000, 2_500));
    let observation = observe(&look);
    assert_eq!(observation.verdict, Verdict::Healthy);
    assert_eq!(
        observation.findings[0].title,
        "both releases fail more than 1 % of their requests"
    );
}

/// Looks of a minute each, with so many requests and failures of stable and of
/// the candidate.
fn burning(minutes: u64, stable: (u64, u64), candidate: (u64, u64)) -> Observation {
    let mut memory = Vec::new();
    for minute in 1..=minutes {
        let mut look = request(Phase::Ramp, stable, candidate);
        look.config = r#"{"slo": "99.9%", "max-failure-rate": "off", "latency": "off"}"#.into();
        look.stable_before = None;
        (look.memory, look.now_ms, look.since_last_look_ms) = (memory, minute * 60_000, 60_000);
        let observation = observe(&look);
        assert!(observation.memory.len() < 6_000);
        memory = observation.memory.clone();
        if minute == minutes {
            return observation;
        }
    }
    panic!("no look")
}

#[test]
fn a_budget_that_burns_fails_the_candidate_unless_stable_burns_too() {
    // Hardly more than stable, so that comparing alone would not fail it.
    let alone = burning(10, (40, 0), (400, 8));
    assert_eq!(alone.verdict, Verdict::Failing, "{}", alone.reason);
    assert_eq!(
        alone.reason,
        "the error budget is used up 20 times as fast as it may be, limit 6 over 6h and 30m \
         (E = over 1,000,000,000); errors 2 % against 0 %"
    );
    let number = alone.measurements.last().unwrap();
    assert_eq!(
        (&*number.name, number.limit, number.verdict),
        ("burn rate", Some(6.0), Verdict::Failing)
    );
    let both = burning(10, (400, 8), (400, 8));
    assert_eq!(both.verdict, Verdict::Inconclusive, "{}", both.reason);
    assert!(
        both.reason
            .contains(", and so it is with stable; errors 2 %"),
        "{}",
        both.reason
    );
    let neither = burning(60, (4_000, 1), (4_000, 1));
    assert_eq!(neither.verdict, Verdict::Healthy, "{}", neither.reason);
    assert_eq!(neither.measurements.last().unwrap().candidate, Some(0.25));
}

#[test]
fn what_answers_nothing_but_errors_is_never_healthy_whatever_stable_does() {
    let mut memory = Vec::new();
    for window in 1..=20 {
        let mut look = request(Phase::Ramp, (5_000, 5_000), (5_000, 5_000));
        look.stable_before = Some(telemetry(100_000, 100_000));
        (look.window, look.memory) = (window, memory);
        let observation = observe(&look);
        assert_eq!(observation.verdict, Verdict::Inconclusive);
        assert_eq!(
            observation.reason,
            "errors 100 % against 100 %; most requests of this window failed, which is not healthy"
        );
        memory = observation.memory;
    }
}

#[test]
fn what_is_slower_by_less_than_matters_is_said_to_be() {
    let mut look = request(Phase::Ramp, (2_000, 0), (2_000, 0));
    look.candidate = side(Some(telemetry_slower(2_000, 0, 2)));
    let observation = observe(&look);
    let latency = &observation.measurements[2];
    assert_eq!(latency.verdict, Verdict::Healthy, "{}", observation.reason);
    assert!(
        latency
            .evidence
            .ends_with("; less than 5ms (latency-floor) does not matter"),
        "{}",
        latency.evidence
    );
}

#[test]
fn a_percentile_lies_within_its_bucket() {
    let histogram = Histogram {
        bounds_us: vec![1_000, 2_000],
        counts: vec![90, 10, 0],
    };
    assert_eq!(percentile_ms(&histogram, 0.95), Some(1.5));
    assert_eq!(percentile_ms(&histogram, 0.5), Some(1.0 * 50.0 / 90.0));
    let last = Histogram {
        bounds_us: vec![1_000, 2_000],
        counts: vec![0, 0, 5],
    };
    assert_eq!(percentile_ms(&last, 0.95), Some(2.0));
    let empty = Histogram {
        bounds_us: vec![1_000],
        counts: vec![0, 0],
    };
    assert_eq!(percentile_ms(&empty, 0.95), None);
}

#[test]
fn all_mistakes_in_the_configuration_are_told_at_once() {
    let problems = |json| match config::parse::<Traffic>(json) {
        Err(HookError::InvalidConfig(problems)) => problems
            .into_iter()
            .map(|p| format!("{}: {}", p.path, p.message))
            .collect::<Vec<_>>(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    };
    assert_eq!(problems(r#"{"max-failure-rate": "off"}"#), [""; 0]);
    assert_eq!(
        problems(r#"{"max-failure-rate": "100%", "min-requests": 0, "max-failures": 1, "slo": 1}"#),
        [
            "max-failure-rate: 100 % can never be judged; use a share in between, or `off`",
            "min-requests: must be at least 1: nothing is healthy without a request",
            "slo: `1` is not a share, expected for example `25%` or `0.5%`",
            "max-failures: unknown key, did you mean `max-failure-rate`?",
        ]
    );
}

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::super::directive::{Directive, Ending, Progress};
use super::super::entry::{Cause, Outcome};
use super::super::fixture::{begin, release};
use super::super::settings::PinnedMonitor;
use super::*;
use crate::telemetry::Telemetry;
use crate::verdict::Phase;

const PACE: Pace = Pace {
    start: Millis(4_000),
    drain: Millis(1_000),
};
const HOUR: Time = Time(3_600_000);

/// 5 %, 50 %, 100 %, each watched; what is not clear is held.
fn decide(view: &View) -> Decision {
    let share = |weight| Directive::Route(BasisPoints::saturating(weight));
    let observe = Directive::Observe {
        min: Millis::from_secs(30),
        max: Millis::from_secs(60),
    };
    let hold = Directive::Hold {
        reason: "nobody knows".into(),
        timeout: Millis::from_secs(3_600),
    };
    let scale = Directive::Scale {
        stable: 4,
        candidate: 4,
    };
    let finish = Directive::Finish {
        keep_warm: Millis::ZERO,
    };
    let directive = match view.last.as_ref().map(|l| (&l.directive, l.ending)) {
        None => scale,
        Some((Directive::Scale { .. }, _)) => share(500),
        Some((Directive::Route(_), _)) => observe,
        Some((Directive::Observe { .. }, Ending::Inconclusive)) => hold,
        Some((Directive::Hold { .. }, Ending::HoldExpired)) => hold,
        Some(_) if view.weight == BasisPoints::saturating(500) => share(5_000),
        Some(_) if view.weight == BasisPoints::saturating(5_000) => share(10_000),
        Some(_) => finish,
    };
    Decision {
        memory: Vec::new(),
        directive,
        progress: Progress::default(),
        reason: String::new(),
    }
}

/// Healthy with 100 requests, failing above one failure in a hundred of them.
fn judge(request: &LookRequest) -> Verdict {
    let Some(Telemetry {
        requests, failures, ..
    }) = request.candidate.telemetry
    else {
        return Verdict::Inconclusive;
    };
    let so_far = request.memory.as_slice();
    let read = |at: usize| {
        let word: Option<[u8; 8]> = so_far.get(at..at + 8).and_then(|b| b.try_into().ok());
        word.map_or(0, u64::from_le_bytes)
    };
    match (read(0) + requests, read(8) + failures) {
        (all, bad) if all >= 100 && bad * 100 > all => Verdict::Failing,
        (100.., _) => Verdict::Healthy,
        _ => Verdict::Inconclusive,
    }
}

fn observe(monitor: String, request: &LookRequest) -> (String, Result<Observation, String>) {
    let mut memory = request.memory.clone();
    memory.resize(16, 0);
    let telemetry = request.candidate.telemetry.clone().unwrap_or_default();
    for (at, more) in [(0, telemetry.requests), (8, telemetry.failures)] {
        let mut word = [0; 8];
        word.copy_from_slice(&memory[at..at + 8]);
        let sum = u64::from_le_bytes(word) + more;
        memory[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    }
    let judged = Judged {
        monitor: monitor.clone(),
        verdict: judge(request),
        reason: "as counted".into(),
        measurements: Vec::new(),
        findings: Vec::new(),
    };
    (monitor, Ok(Observation { memory, judged }))
}

fn simulate(scenario: Scenario, seed: u64) -> (Forecast, Done) {
    let mut begin = begin(2);
    begin.settings.monitors.push(PinnedMonitor {
        plugin: begin.settings.strategy.clone(),
        phases: [Phase::Ramp, Phase::Bake].into(),
    });
    let traffic = scenario.traffic(Traffic {
        requests_per_second: 200,
        seed,
        is_measured: true,
    });
    let model = Model::serving(PACE, release(1).digest, 4)
        .with_conduct(release(2).digest, scenario.conduct())
        .with_traffic(traffic, HOUR);
    let env = Environment {
        stable: Some(release(1)),
        ..Environment::default()
    };
    let mut forecast = Forecast::new(env, *begin, model, Evidence::Asked, HOUR);
    loop {
        match forecast.proceed() {
            Ask::Decide(view) => forecast.answer(Ok(decide(&view))),
            Ask::Judge(requests) => {
                let said = requests.into_iter().map(|(name, r)| observe(name, &r));
                forecast.observed(said.collect());
            }
            Ask::Done(done) => return (forecast, done),
        }
    }
}

fn check(scenario: Scenario, expected: Expect) {
    let (forecast, done) = simulate(scenario, 1);
    let toll = forecast.toll();
    let shown = |time: Option<Millis>| time.map_or("-".into(), |time| alloc::format!("{time}"));
    let text = alloc::format!(
        "{}, {} ({})\nexposure {}, trouble {}, abort {}, back {}\n{} of {} failed, {} rescued, decisions: {}, in {}\n",
        done.outcome,
        done.cause,
        done.reason,
        toll.largest_exposure,
        shown(toll.first_trouble),
        shown(toll.time_to_abort()),
        shown(toll.time_to_back()),
        toll.failed,
        toll.requests,
        toll.rescued,
        toll.decisions,
        toll.took,
    );
    expected.assert_eq(&text);
}

#[test]
fn a_good_candidate_comes_to_serve_and_costs_nothing() {
    check(
        Scenario::Healthy,
        expect![[r#"
            succeeded, promoted ()
            exposure 100 %, trouble -, abort -, back -
            0 of 19000 failed, 0 rescued, decisions: 8, in 1m 34s
        "#]],
    );
}

#[test]
fn a_candidate_that_fails_requests_is_taken_back_at_its_first_step() {
    check(
        Scenario::Errors,
        expect![[r#"
            rolled-back, verdict-failing (as counted)
            exposure 5 %, trouble 12s, abort 3.2s, back 3.2s
            2 of 3400 failed, 0 rescued, decisions: 3, in 17s
        "#]],
    );
}

#[test]
fn a_crash_loop_never_gets_traffic() {
    let (forecast, done) = simulate(Scenario::CrashLoop, 1);
    assert_eq!(
        (done.outcome, done.cause),
        (Outcome::RolledBack, Cause::Unhealthy)
    );
    assert!(
        forecast
            .moments()
            .iter()
            .all(|m| m.weight == BasisPoints::ZERO)
    );
    check(
        Scenario::CrashLoop,
        expect![[r#"
            rolled-back, unhealthy (its instances crashed 4 times: exit code 1 before the first health check)
            exposure 0 %, trouble 4s, abort 0s, back 0s
            0 of 1000 failed, 0 rescued, decisions: 1, in 5s
        "#]],
    );
}

#[test]
fn without_evidence_nobody_comes_and_it_goes_back_after_two_holds() {
    check(
        Scenario::NoTraffic,
        expect![[r#"
            rolled-back, hold-expired (two holds in a row expired and nobody said go on)
            exposure 5 %, trouble -, abort -, back -
            0 of 0 failed, 0 rescued, decisions: 5, in 2h 1m
        "#]],
    );
    check(
        Scenario::MetricsDown,
        expect![[r#"
            rolled-back, hold-expired (two holds in a row expired and nobody said go on)
            exposure 5 %, trouble -, abort -, back -
            0 of 1453000 failed, 0 rescued, decisions: 5, in 2h 1m
        "#]],
    );
}

#[test]
fn the_same_seed_gives_the_same_moments_and_another_one_others() {
    let moments = |seed| simulate(Scenario::Errors, seed).0.moments().to_vec();
    assert_eq!(moments(1), moments(1));
    assert_ne!(moments(1), moments(2));
}

#[test]
fn assumed_verdicts_are_not_asked_for() {
    let env = Environment {
        stable: Some(release(1)),
        ..Environment::default()
    };
    let model = Model::serving(PACE, release(1).digest, 4);
    let evidence = Evidence::FailingAt(BasisPoints::saturating(5_000));
    let mut begun: Box<Begin> = begin(2);
    begun.settings.monitors.push(PinnedMonitor {
        plugin: begun.settings.strategy.clone(),
        phases: [Phase::Ramp].into(),
    });
    let mut forecast = Forecast::new(env, *begun, model, evidence, Time(0));
    let done = loop {
        match forecast.proceed() {
            Ask::Decide(view) => forecast.answer(Ok(decide(&view))),
            Ask::Judge(requests) => panic!("{requests:?}"),
            Ask::Done(done) => break done,
        }
    };
    assert_eq!(done.cause, Cause::VerdictFailing);
    assert_eq!(
        forecast.toll().largest_exposure,
        BasisPoints::saturating(5_000)
    );
}

extern crate std;

mod latency;
mod reference;
mod reference_latency;
mod series;

use std::vec::Vec;

use super::*;

fn counts(requests: u64, failures: u64) -> Counts {
    Counts { requests, failures }
}

fn ramp(window: u32, stable: Counts, candidate: Counts) -> Look<'static> {
    Look {
        phase: Phase::Ramp,
        window,
        seconds: 60.0,
        stable: Some(stable),
        candidate,
        recorded: None,
        latency: None,
    }
}

fn once(settings: &Settings, look: Look) -> Judgement {
    State::new().look(settings, &look)
}

const COMPARISON: Settings = Settings {
    alpha: 0.01,
    beta: 0.05,
    max_failure_rate: None,
    min_requests: 30,
    compares_latency: true,
    latency_floor: 0.0,
    max_latency: None,
    other_gates: 0,
};

/// xorshift64*, so that each run draws the same numbers.
/// Source: Vigna, "An experimental exploration of Marsaglia's xorshift
/// generators, scrambled", 2016.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many events there are where `mean` are expected.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (end, mut product, mut events) = (libm::exp(-mean), self.next(), 0);
        while product > end {
            product *= self.next();
            events += 1;
        }
        events
    }
}

/// Rollouts of 60 looks, a new window each ten; in which look, counted from 1,
/// each got this verdict first.
fn simulate(
    runs: u64,
    settings: &Settings,
    per_look: (u64, u64),
    rates: (f64, f64),
    wanted: Verdict,
) -> Vec<u32> {
    let mut found = Vec::new();
    for seed in 1..=runs {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut state = State::new();
        for number in 0..60 {
            let stable = counts(per_look.0, dice.poisson(per_look.0 as f64 * rates.0));
            let candidate = counts(per_look.1, dice.poisson(per_look.1 as f64 * rates.1));
            let judgement = state.look(settings, &ramp(number / 10, stable, candidate));
            if judgement.verdict == wanted {
                found.push(number + 1);
                break;
            }
        }
    }
    found
}

fn median(mut looks: Vec<u32>) -> u32 {
    looks.sort_unstable();
    looks[looks.len() / 2]
}

#[test]
fn a_few_failures_of_the_candidate_alone_are_enough() {
    // Equal split, none of stable's requests failed. The published rule of
    // thumb, without noise, is the ninth.
    assert_eq!(
        once(&COMPARISON, ramp(1, counts(5_000, 0), counts(5_000, 9))).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        once(&COMPARISON, ramp(1, counts(5_000, 0), counts(5_000, 11))).verdict,
        Verdict::Failing
    );
}

#[test]
fn many_clean_requests_are_healthy_few_or_none_are_not() {
    let settings = Settings::default();
    for (requests, expected) in [
        (1_000, Verdict::Healthy),
        (400, Verdict::Healthy),
        (10, Verdict::Inconclusive),
        (0, Verdict::Inconclusive),
    ] {
        let clean = counts(requests, 0);
        assert_eq!(
            once(&settings, ramp(1, clean, clean)).verdict,
            expected,
            "{requests}"
        );
    }
}

#[test]
fn data_of_one_side_alone_is_never_healthy_on_the_ramp() {
    let settings = Settings::default();
    let (some, none) = (counts(100_000, 0), counts(0, 0));
    assert_eq!(
        once(&settings, ramp(1, some, none)).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        once(&settings, ramp(1, none, some)).verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn a_window_needs_requests_of_its_own() {
    let settings = Settings::default();
    let mut state = State::new();
    let clean = counts(10_000, 0);
    assert_eq!(
        state.look(&settings, &ramp(1, clean, clean)).verdict,
        Verdict::Healthy
    );
    assert_eq!(
        state
            .look(&settings, &ramp(2, counts(29, 0), counts(29, 0)))
            .verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        state
            .look(&settings, &ramp(2, counts(1, 0), counts(1, 0)))
            .verdict,
        Verdict::Healthy
    );
}

#[test]
fn a_candidate_that_breaks_late_fails_although_it_was_fine_for_long() {
    let settings = Settings::default();
    let mut state = State::new();
    for window in 1..=4 {
        let judgement = state.look(
            &settings,
            &ramp(window, counts(50_000, 50), counts(50_000, 50)),
        );
        assert_eq!(judgement.verdict, Verdict::Healthy);
    }
    // 5 % of 100 requests at once: not healthy any more, and soon failing.
    let mut verdicts = Vec::new();
    for _ in 0..10 {
        verdicts.push(
            state
                .look(&settings, &ramp(5, counts(100, 0), counts(100, 5)))
                .verdict,
        );
    }
    assert_ne!(verdicts[0], Verdict::Healthy);
    assert!(verdicts[..5].contains(&Verdict::Failing), "{verdicts:?}");
}

#[test]
fn above_the_limit_fails_only_where_stable_keeps_it() {
    let settings = Settings::default();
    let bad = counts(2_000, 80);
    let alone = Look {
        phase: Phase::Bake,
        window: 1,
        seconds: 60.0,
        stable: None,
        candidate: bad,
        recorded: None,
        latency: None,
    };
    assert_eq!(once(&settings, alone).verdict, Verdict::Failing);

    let both = once(&settings, ramp(1, bad, bad));
    assert!(both.stable_is_above_limit);
    assert_ne!(both.verdict, Verdict::Failing);

    let recorded = once(
        &settings,
        Look {
            recorded: Some(counts(20_000, 800)),
            ..alone
        },
    );
    assert!(recorded.stable_is_above_limit);
    assert_ne!(recorded.verdict, Verdict::Failing);

    let fine_before = once(
        &settings,
        Look {
            recorded: Some(counts(20_000, 10)),
            ..alone
        },
    );
    assert_eq!(fine_before.verdict, Verdict::Failing);
}

#[test]
fn a_bake_is_compared_with_the_record() {
    let bake = |candidate, record| {
        let look = Look {
            phase: Phase::Bake,
            window: 1,
            seconds: 60.0,
            stable: Some(counts(0, 0)),
            candidate,
            recorded: Some(record),
            latency: None,
        };
        once(&COMPARISON, look)
    };
    let record = counts(20_000, 20);
    let worse = bake(counts(20_000, 100), record);
    assert_eq!(worse.verdict, Verdict::Failing);
    assert!(worse.is_against_record);
    assert_eq!(
        bake(counts(20_000, 24), record).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        bake(counts(100_000, 100), counts(100_000, 100)).verdict,
        Verdict::Healthy
    );
    // A record without failures bounds the rate, it does not make it zero.
    assert_ne!(
        bake(counts(1_000, 1), counts(1_000, 0)).verdict,
        Verdict::Failing
    );
    assert!(!bake(counts(1_000, 1), counts(0, 0)).is_against_record);
}

#[test]
fn more_failures_of_the_candidate_never_help() {
    let order = |verdict| match verdict {
        Verdict::Healthy => 0,
        Verdict::Inconclusive => 1,
        Verdict::Failing => 2,
    };
    let mut compared = 0;
    for settings in [Settings::default(), COMPARISON] {
        for stable in [
            counts(0, 0),
            counts(300, 0),
            counts(3_000, 3),
            counts(3_000, 90),
            counts(90_000, 90),
        ] {
            for requests in [50, 500, 5_000] {
                for phase in [Phase::Ramp, Phase::Bake] {
                    let mut before = 0;
                    for failures in 0..=50 {
                        let mut state = State::new();
                        let look = |window, failures| Look {
                            phase,
                            window,
                            seconds: 60.0,
                            stable: Some(stable),
                            candidate: counts(requests, failures),
                            recorded: Some(stable),
                            latency: None,
                        };
                        state.look(&settings, &look(1, failures / 2));
                        let verdict = state.look(&settings, &look(2, failures)).verdict;
                        assert!(
                            order(verdict) >= before,
                            "{stable:?} {requests} {phase:?} {failures}"
                        );
                        before = order(verdict);
                        compared += 1;
                    }
                }
            }
        }
    }
    assert_eq!(compared, 2 * 5 * 3 * 2 * 51);
}

#[test]
fn the_comparison_is_symmetric_and_does_not_care_about_scale() {
    for (s, c) in [
        ((900, 9), (100, 4)),
        ((5_000, 1), (5_000, 7)),
        ((10, 3), (2_000, 3)),
    ] {
        let evidence = |factor: u64, (n_s, f_s): (u64, u64), (n_c, f_c): (u64, u64)| {
            let mut comparison = comparative::Comparison::default();
            comparison.add(
                counts(n_s * factor, f_s),
                counts(n_c * factor, f_c),
                0.0,
                60.0,
            );
            comparison
        };
        // Only the ratio of requests counts, not how many there were.
        let (small, large) = (evidence(1, s, c), evidence(10_000_000, s, c));
        assert!((small.log_fail() - large.log_fail()).abs() < 1e-9);
        assert!((small.log_pass() - large.log_pass()).abs() < 1e-9);
        // With arms swapped, a ratio r is a ratio 1/r.
        let (forth, back) = (evidence(1, s, c), evidence(1, c, s));
        assert!((forth.log_low() - back.log_fail()).abs() < 1e-9);
        assert!((forth.log_fail() - back.log_low()).abs() < 1e-9);
    }
}

#[test]
fn looking_often_raises_no_false_alarm() {
    // Base rates of 0.1 %, 1 % and 5 %, an even split and one tenth. The limit
    // is where the candidate is, the worst place for the absolute test.
    for (rate, per_look) in [
        (0.001, (1_000, 1_000)),
        (0.001, (1_000, 100)),
        (0.01, (300, 300)),
        (0.01, (900, 100)),
        (0.05, (100, 100)),
    ] {
        let settings = Settings {
            max_failure_rate: Some(rate),
            ..Settings::default()
        };
        let failed = simulate(2_000, &settings, per_look, (rate, rate), Verdict::Failing).len();
        assert!(failed <= 20, "{failed} of 2000 at {rate} {per_look:?}");
    }
}

#[test]
fn a_regression_is_found_in_minutes() {
    // One failure a minute before; looks each minute.
    for (ratio, per_look, most) in [
        (3.0, (1_000, 1_000), 11),
        (5.0, (1_000, 1_000), 4),
        (10.0, (1_000, 1_000), 2),
        (3.0, (10_000, 1_000), 11),
    ] {
        let found = simulate(
            500,
            &COMPARISON,
            per_look,
            (0.001, 0.001 * ratio),
            Verdict::Failing,
        );
        assert!(found.len() >= 490, "{} of 500 at {ratio}", found.len());
        let median = median(found);
        assert!(median <= most, "{median} looks at {ratio}");
    }
}

#[test]
fn a_candidate_twice_as_bad_or_at_the_limit_seldom_passes() {
    let passed = simulate(
        1_000,
        &COMPARISON,
        (1_000, 1_000),
        (0.001, 0.002),
        Verdict::Healthy,
    )
    .len();
    assert!(passed <= 50, "{passed} of 1000 by comparison");
    let at_limit = Settings {
        max_failure_rate: Some(0.01),
        ..Settings::default()
    };
    let passed = simulate(1_000, &at_limit, (1, 500), (0.0, 0.01), Verdict::Healthy).len();
    assert!(passed <= 50, "{passed} of 1000 at the limit");
}

#[test]
fn a_good_candidate_passes() {
    let settings = Settings::default();
    let passed = simulate(
        500,
        &settings,
        (1_000, 1_000),
        (0.001, 0.001),
        Verdict::Healthy,
    );
    assert!(passed.len() >= 495, "{} of 500", passed.len());
    assert!(median(passed) <= 2);
}

#[test]
fn a_state_survives_as_bytes_and_goes_on_as_it_was() {
    let settings = Settings::default();
    let (mut state, mut again) = (State::new(), State::new());
    for number in 0..7 {
        let look = ramp(
            number / 3,
            counts(900, 3),
            counts(100, u64::from(number % 2)),
        );
        let judgement = state.look(&settings, &look);
        assert_eq!(again.look(&settings, &look), judgement);
        let bytes = state.to_bytes();
        assert_eq!(*bytes, *again.to_bytes());
        again = State::from_bytes(&bytes).unwrap();
        let most = if number < 3 { 700 } else { 1_100 };
        assert!(bytes.len() < most, "{} bytes", bytes.len());
        for cut in [0, 8, bytes.len() - 1] {
            assert_eq!(State::from_bytes(&bytes[..cut]), None);
        }
    }
    assert_eq!(State::from_bytes(&[0; STATE_BYTES]), None);
}

#[test]
fn nonsense_counts_do_no_harm() {
    let settings = Settings::default();
    let more_failures_than_requests = counts(10, 90);
    let judgement = once(
        &settings,
        ramp(1, more_failures_than_requests, more_failures_than_requests),
    );
    assert_eq!(judgement.candidate.failures, 10);
    let huge = counts(u64::MAX, u64::MAX / 2);
    let mut state = State::new();
    for _ in 0..3 {
        let judgement = state.look(&settings, &ramp(1, huge, huge));
        assert!(!judgement.comparative_fail.0.is_nan() && !judgement.comparative_pass.0.is_nan());
        assert_ne!(judgement.verdict, Verdict::Failing);
    }
}

//! Latency: what is slower is found, what does not matter is not, and what
//! cannot be told is not told.

use super::std::vec::Vec;

use super::*;

const PER_LOOK: u64 = 1_000;

/// Bounds from 1 on that grow by this factor.
fn bounds(growth: f64) -> Vec<f64> {
    let mut bounds = Vec::from([1.0]);
    while bounds[bounds.len() - 1] < 2_000.0 {
        bounds.push(bounds[bounds.len() - 1] * growth);
    }
    bounds
}

impl Dice {
    fn normal(&mut self) -> f64 {
        // Twelve of them have a variance of one.
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    /// Requests of a service whose median is 50, log-normal with σ 0.5.
    fn requests(&mut self, bounds: &[f64], slower: f64, many: u64) -> Vec<u64> {
        let mut counts = super::std::vec![0; bounds.len() + 1];
        for _ in 0..many {
            let took = 50.0 * slower * libm::exp(0.5 * self.normal());
            counts[bounds.partition_point(|bound| *bound < took)] += 1;
        }
        counts
    }
}

fn look<'a>(bounds: &'a [f64], stable: &'a [u64], candidate: &'a [u64], phase: Phase) -> Look<'a> {
    let histogram = |counts| Histogram { bounds, counts };
    let total = |counts: &[u64]| super::counts(counts.iter().sum(), 0);
    let is_ramp = phase == Phase::Ramp;
    Look {
        phase,
        window: 1,
        seconds: 60.0,
        stable: is_ramp.then(|| total(stable)),
        candidate: total(candidate),
        recorded: Some(total(stable)),
        latency: Some(Latencies {
            stable: is_ramp.then(|| histogram(stable)),
            candidate: histogram(candidate),
            recorded: Some(histogram(stable)),
        }),
    }
}

/// In which look, if in any of these many, it failed first; and its last verdict.
fn follow(
    seed: u64,
    growth: f64,
    slower: f64,
    looks: u32,
    settings: &Settings,
) -> (Option<u32>, Verdict) {
    let bounds = bounds(growth);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut state = State::new();
    let mut last = Verdict::Inconclusive;
    for number in 1..=looks {
        let stable = dice.requests(&bounds, 1.0, PER_LOOK);
        let candidate = dice.requests(&bounds, slower, PER_LOOK);
        last = state
            .look(settings, &look(&bounds, &stable, &candidate, Phase::Ramp))
            .verdict;
        if last == Verdict::Failing {
            return (Some(number), last);
        }
    }
    (None, last)
}

#[test]
fn a_fifth_slower_is_found_in_minutes_and_three_thousandths_are_not() {
    let settings = Settings::default();
    for growth in [1.05, 1.1] {
        let mut found: Vec<u32> = (1..=100)
            .filter_map(|seed| follow(seed, growth, 1.2, 20, &settings).0)
            .collect();
        found.sort_unstable();
        assert!(found.len() >= 99, "{} of 100", found.len());
        assert!(found[50] <= 5, "{} looks", found[50]);
    }
    let harmless = (1..=100).filter(|seed| follow(*seed, 1.1, 1.003, 20, &settings).0.is_some());
    assert_eq!(harmless.count(), 0);
}

#[test]
fn what_is_as_fast_passes_and_coarse_buckets_tell_nothing() {
    let settings = Settings::default();
    assert_eq!(follow(1, 1.1, 1.0, 5, &settings), (None, Verdict::Healthy));
    // Faster is fine.
    assert_eq!(follow(1, 1.1, 0.8, 5, &settings), (None, Verdict::Healthy));
    assert_eq!(
        follow(1, 1.5, 1.0, 5, &settings),
        (None, Verdict::Inconclusive)
    );
}

#[test]
fn what_is_below_the_floor_does_not_matter() {
    let settings = Settings {
        latency_floor: 30.0,
        ..Settings::default()
    };
    assert_eq!(follow(1, 1.1, 1.2, 20, &settings), (None, Verdict::Healthy));
    assert!(follow(1, 1.1, 3.0, 20, &settings).0.is_some());
}

#[test]
fn a_bake_is_compared_with_what_stable_took_before() {
    let bounds = bounds(1.1);
    let mut dice = Dice(7);
    let record = dice.requests(&bounds, 1.0, 20_000);
    let mut verdict = |slower: f64| {
        let mut state = State::new();
        let mut verdicts = Vec::new();
        for _ in 0..10 {
            let candidate = dice.requests(&bounds, slower, PER_LOOK);
            let look = look(&bounds, &record, &candidate, Phase::Bake);
            verdicts.push(state.look(&Settings::default(), &look).verdict);
        }
        verdicts
    };
    assert!(verdict(1.4).contains(&Verdict::Failing));
    let same = verdict(1.0);
    assert!(!same.contains(&Verdict::Failing), "{same:?}");
    assert_eq!(same[9], Verdict::Healthy, "{same:?}");
}

#[test]
fn a_limit_is_for_the_candidate_while_stable_keeps_it() {
    let settings = Settings {
        max_latency: Some((0.95, 130.0)),
        ..Settings::default()
    };
    // The 95th percentile is 114, and 171 with half as much more.
    let (bounds, mut dice) = (bounds(1.1), Dice(3));
    let mut judge = |stable: f64, candidate: f64| {
        let mut state = State::new();
        let mut last = None;
        for _ in 0..5 {
            let s = dice.requests(&bounds, stable, PER_LOOK);
            let c = dice.requests(&bounds, candidate, PER_LOOK);
            let judgement = state.look(&settings, &look(&bounds, &s, &c, Phase::Ramp));
            last = judgement.max_latency;
        }
        last.unwrap()
    };
    assert_eq!(judge(0.8, 0.8).verdict, Verdict::Healthy);
    assert_eq!(judge(0.8, 1.5).verdict, Verdict::Failing);
    let both = judge(1.5, 1.5);
    assert!(both.stable_is_above_limit && both.verdict != Verdict::Failing);
}

#[test]
fn a_state_with_all_there_is_survives_as_bytes() {
    let (bounds, mut dice) = (bounds(1.1), Dice(5));
    let settings = Settings {
        max_latency: Some((0.95, 130.0)),
        ..Settings::default()
    };
    let mut state = State::new();
    for window in 1..=3 {
        let s = dice.requests(&bounds, 1.0, PER_LOOK);
        let c = dice.requests(&bounds, 1.1, PER_LOOK);
        let look = Look {
            window,
            ..look(&bounds, &s, &c, Phase::Ramp)
        };
        state.look(&settings, &look);
    }
    let bytes = state.to_bytes();
    assert_eq!(bytes.len(), STATE_BYTES);
    let again = State::from_bytes(&bytes).unwrap();
    assert_eq!(*again.to_bytes(), *bytes);
}

#[test]
fn the_unit_of_time_does_not_matter() {
    let (one, mut dice) = (bounds(1.1), Dice(11));
    let s = dice.requests(&one, 1.0, PER_LOOK);
    let c = dice.requests(&one, 1.2, PER_LOOK);
    let judge = |scale: f64| {
        let bounds: Vec<f64> = one.iter().map(|bound| bound * scale).collect();
        once(&Settings::default(), look(&bounds, &s, &c, Phase::Ramp)).latency
    };
    for scale in [1e-7, 1e-3, 1e3, 1e7] {
        let (one, other) = (judge(1.0).unwrap(), judge(scale).unwrap());
        assert_eq!((one.verdict, one.fail), (other.verdict, other.fail));
    }
}

#[test]
fn histograms_that_make_no_sense_do_no_harm() {
    let bounds = [1.0, 2.0, 1.5];
    for counts in [&[1, 2][..], &[u64::MAX; 4][..], &[][..]] {
        let mut state = State::new();
        let judgement = state.look(
            &Settings::default(),
            &look(&bounds, counts, counts, Phase::Ramp),
        );
        assert_ne!(judgement.verdict, Verdict::Failing);
        assert_ne!(
            judgement.latency.map(|gate| gate.verdict),
            Some(Verdict::Healthy)
        );
    }
}

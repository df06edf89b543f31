//! Does the candidate fail more often than stable?
//!
//! Failures are rare events of two streams. Given that one happened during a
//! look, it is the candidate's with probability θ(r) = n_c·r / (n_s + n_c·r),
//! where r is the ratio of failure rates and n are the requests of that look.
//! The likelihood ratio of θ(r) against θ(r₀), multiplied over looks, is a
//! martingale if r₀ is true; so is its mean over several r, and it reaches 1/α
//! with probability at most α (Ville's inequality). Each look has its own
//! exposure, so a growing weight does no harm.
//!
//! That is for streams whose ratio is steady. It is not, so both likelihoods
//! are those of a ratio with noise (module `noise`), and the test is valid for
//! two equal releases whose rates wander by a fifth each.
//!
//! Source: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count
//! Data", NeurIPS 2022, section on time-inhomogeneous Poisson streams.

use crate::noise::{Belief, Likelihoods, Model, Moves};
use crate::saved::{Rest, Saved};
use crate::{Counts, log_mean_exp};

/// The ratios of failure rates that are looked for.
pub const WORSE: [f64; 4] = [1.5, 3.0, 6.0, 15.0];

/// The smallest ratio that is bad: a candidate passes when this is refuted.
pub const BAD_RATIO: f64 = 2.0;

/// The ratios that a good candidate may have.
pub const FINE: [f64; 3] = [1.0, 1.0 / 1.5, 1.0 / 3.0];

/// As good, worse, better.
const MODEL: Model<9> = Model {
    ratios: [
        1.0,
        WORSE[0],
        WORSE[1],
        WORSE[2],
        WORSE[3],
        1.0 / WORSE[0],
        1.0 / WORSE[1],
        1.0 / WORSE[2],
        1.0 / WORSE[3],
    ],
    // A fifth for each rate by itself is √2 times that for their ratio; the rest
    // is for the noise that lasts longer than the chain thinks.
    deviation: 0.46,
};
const EQUAL: usize = 0;

/// Bad, and what is fine. Less noise than above: to pass is no end, a candidate
/// that has passed may still fail.
const REFUTED: Model<4> = Model {
    ratios: [BAD_RATIO, FINE[0], FINE[1], FINE[2]],
    deviation: 0.2,
};

/// What part of the bet is on each of [`WORSE`]: most on what is bad enough to
/// be found soon, and not so bad that it would be found anyway.
const WEIGHTS: [f64; 4] = [0.05, 0.70, 0.2, 0.05];

fn log_weighted(belief: &Belief<9>, ratios: [usize; 4]) -> f64 {
    let weighted: [f64; 4] =
        core::array::from_fn(|i| belief.log(ratios[i]) + libm::log(4.0 * WEIGHTS[i]));
    log_mean_exp(&weighted)
}

/// What the failures so far say of each ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    asked: Belief<9>,
    refuted: Belief<4>,
}

impl Default for Comparison {
    fn default() -> Comparison {
        Comparison {
            asked: Belief::new(),
            refuted: Belief::new(),
        }
    }
}

/// One look, ready to be added to several comparisons.
pub(crate) struct Seen(Likelihoods<9>, Likelihoods<4>);

impl Seen {
    /// `before` is how many failures there were before it. Nothing where one
    /// side had no requests: that says nothing.
    pub(crate) fn of(stable: Counts, candidate: Counts, before: f64) -> Option<Seen> {
        let both = |counts: Counts| (counts.split().1, counts.requests as f64);
        let (stable, candidate) = (both(stable), both(candidate));
        Some(Seen(
            MODEL.likelihoods(stable, candidate, before)?,
            REFUTED.likelihoods(stable, candidate, before)?,
        ))
    }
}

impl Comparison {
    /// Adds one look, so many failures and so many seconds after the first one.
    pub fn add(&mut self, stable: Counts, candidate: Counts, before: f64, seconds: f64) {
        if let Some(seen) = Seen::of(stable, candidate, before) {
            self.take(&seen, &Moves::within(seconds));
        }
    }

    pub(crate) fn take(&mut self, seen: &Seen, moves: &Moves) {
        self.asked.add(&seen.0, moves);
        self.refuted.add(&seen.1, moves);
    }

    /// ln E against "the candidate fails no more often than stable".
    pub fn log_fail(&self) -> f64 {
        log_weighted(&self.asked, [1, 2, 3, 4]) - self.asked.log(EQUAL)
    }

    /// ln E against "stable fails no more often than the candidate".
    pub fn log_low(&self) -> f64 {
        log_weighted(&self.asked, [5, 6, 7, 8]) - self.asked.log(EQUAL)
    }

    /// ln E against "it fails at least [`BAD_RATIO`] times as often".
    pub fn log_pass(&self) -> f64 {
        log_mean_exp(&[1, 2, 3].map(|fine| self.refuted.log(fine))) - self.refuted.log(0)
    }

    /// Saves it; without what nobody asks of a window alone.
    pub(crate) fn save(&self, out: &mut Saved, is_window: bool) {
        self.asked.save(out);
        if !is_window {
            self.refuted.save(out);
        }
    }

    pub(crate) fn read(rest: &mut Rest, is_window: bool) -> Option<Comparison> {
        Some(Comparison {
            asked: Belief::read(rest)?,
            refuted: match is_window {
                true => Belief::new(),
                false => Belief::read(rest)?,
            },
        })
    }
}

/// The candidate against what stable measured earlier.
///
/// A record has an end, so it cannot be part of a martingale. Instead stable's
/// rate is bounded by the record (half of α, or of β) and the candidate's own
/// requests are tested against the bound (the other half).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorded {
    /// ln E against "no more often than stable did".
    pub log_fail: f64,
    /// ln E against "at least [`BAD_RATIO`] times as often as stable did".
    pub log_pass: f64,
}

/// Tests the candidate's requests so far against a record; `None` where the
/// record is empty.
pub fn against_record(
    record: Counts,
    candidate: Counts,
    alpha: f64,
    beta: f64,
) -> Option<Recorded> {
    record_against(record, candidate, alpha, beta, &WORSE)
}

/// The same, where these ratios are looked for.
pub(crate) fn record_against<const N: usize>(
    record: Counts,
    candidate: Counts,
    alpha: f64,
    beta: f64,
    worse: &[f64; N],
) -> Option<Recorded> {
    if record.requests == 0 {
        return None;
    }
    let half = libm::log(2.0);
    let (ok, bad) = candidate.split();
    let most = bound(record, libm::log(2.0 / alpha), true);
    let log_fail = match most < 1.0 {
        true => log_mean_exp(&worse.map(|r| likelihood(ok, bad, most, worse_rate(most, r)))) - half,
        false => 0.0,
    };
    let least = bound(record, libm::log(2.0 / beta), false) * BAD_RATIO;
    let log_pass = match least > 0.0 && least < 1.0 {
        true => {
            log_mean_exp(&FINE.map(|r| likelihood(ok, bad, least, least * r / BAD_RATIO))) - half
        }
        false => 0.0,
    };
    Some(Recorded { log_fail, log_pass })
}

/// r times a rate, but never at or above 1.
pub(crate) fn worse_rate(rate: f64, r: f64) -> f64 {
    (rate * r).min((1.0 + rate) / 2.0)
}

/// ln of the likelihood ratio of rate `q` against rate `p`.
pub(crate) fn likelihood(ok: f64, bad: f64, p: f64, q: f64) -> f64 {
    ok * libm::log((1.0 - q) / (1.0 - p)) + bad * libm::log(q / p)
}

/// The rate above (or below) the measured one at which the record would be as
/// unlikely as e^−`nats`: Chernoff's bound, by bisection.
fn bound(record: Counts, nats: f64, above: bool) -> f64 {
    let (ok, bad) = record.split();
    let measured = bad / (ok + bad);
    let divergence = |p: f64| {
        let part = |count: f64, share: f64, p: f64| match count > 0.0 {
            true => count * libm::log(share / p),
            false => 0.0,
        };
        part(bad, measured, p) + part(ok, 1.0 - measured, 1.0 - p)
    };
    let (mut near, mut far) = (measured, if above { 1.0 } else { 0.0 });
    for _ in 0..60 {
        let middle = (near + far) / 2.0;
        if divergence(middle) < nats {
            near = middle
        } else {
            far = middle
        }
    }
    // The far end, so that the bound holds.
    far
}

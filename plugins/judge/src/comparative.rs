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
//! Source: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count
//! Data", NeurIPS 2022, section on time-inhomogeneous Poisson streams.

use crate::{Counts, log_mean_exp};

/// The ratios of failure rates that are looked for.
pub const WORSE: [f64; 6] = [1.5, 2.0, 3.0, 5.0, 10.0, 20.0];

/// The smallest ratio that is bad: a candidate passes when this is refuted.
pub const BAD_RATIO: f64 = 2.0;

/// The ratios that a good candidate may have.
pub const FINE: [f64; 3] = [1.0, 0.8, 0.5];

/// ln of the likelihood ratios so far, one per alternative.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comparison {
    pub(crate) worse: [f64; 6],
    pub(crate) fine: [f64; 3],
}

impl Comparison {
    /// Adds one look. A look in which one side had no requests says nothing.
    pub fn add(&mut self, stable: Counts, candidate: Counts) {
        if stable.requests == 0 || candidate.requests == 0 {
            return;
        }
        let (n_s, n_c) = (stable.requests as f64, candidate.requests as f64);
        let (_, f_s) = stable.split();
        let (_, f_c) = candidate.split();
        // ln θ(r)/θ(r₀) = ln r/r₀ + ln (n_s + n_c·r₀)/(n_s + n_c·r), and without
        // the first term for stable's failures.
        let ratio = |r: f64, r0: f64| {
            f_c * libm::log(r / r0) + (f_c + f_s) * libm::log((n_s + n_c * r0) / (n_s + n_c * r))
        };
        for (sum, r) in self.worse.iter_mut().zip(WORSE) {
            *sum += ratio(r, 1.0);
        }
        for (sum, r) in self.fine.iter_mut().zip(FINE) {
            *sum += ratio(r, BAD_RATIO);
        }
    }

    /// ln E against "the candidate fails no more often than stable".
    pub fn log_fail(&self) -> f64 {
        log_mean_exp(&self.worse)
    }

    /// ln E against "it fails at least [`BAD_RATIO`] times as often".
    pub fn log_pass(&self) -> f64 {
        log_mean_exp(&self.fine)
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
    if record.requests == 0 {
        return None;
    }
    let half = libm::log(2.0);
    let (ok, bad) = candidate.split();
    let most = bound(record, libm::log(2.0 / alpha), true);
    let log_fail = match most < 1.0 {
        true => log_mean_exp(&WORSE.map(|r| likelihood(ok, bad, most, worse_rate(most, r)))) - half,
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

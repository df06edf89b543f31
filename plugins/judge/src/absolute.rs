//! Does it fail more often than it may?
//!
//! Each request is a coin; the likelihood ratio of rate q against the limit p
//! over all requests so far is a martingale if p is true, and a supermartingale
//! if the truth is on the far side of p from q.
//!
//! A release whose rate wanders around the limit keeps to it, so the test
//! against the candidate has noise in both rates (module `noise`).
//!
//! Source: Wald, "Sequential Tests of Statistical Hypotheses", 1945; mixtures
//! as in Robbins, "Statistical Methods Related to the Law of the Iterated
//! Logarithm", 1970.

use crate::comparative::{likelihood, worse_rate};
use crate::noise::{Belief, Likelihoods, Moves, Rates};
use crate::saved::{Rest, Saved};
use crate::{Counts, log_mean_exp};

/// The rates below the limit that a good candidate may have, as parts of it.
pub const BELOW: [f64; 3] = [0.05, 0.2, 0.5];

/// How much the logarithm of a rate wanders: a fifth, and what chance leaves.
const NOISE: f64 = 0.50;

/// ln E against "it fails at most at the limit".
pub fn log_fail(counts: Counts, limit: f64) -> f64 {
    let (ok, bad) = counts.split();
    log_mean_exp(&BELOW.map(|part| likelihood(ok, bad, limit, worse_rate(limit, 1.0 / part))))
}

/// ln E against "it fails at least at the limit".
pub fn log_pass(counts: Counts, limit: f64) -> f64 {
    let (ok, bad) = counts.split();
    log_mean_exp(&BELOW.map(|part| likelihood(ok, bad, limit, limit * part)))
}

/// The candidate's evidence of failing more often than it may, with noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Above(Belief<4>);

/// One look, ready to be added.
pub(crate) struct Seen(Likelihoods<4>);

impl Seen {
    /// `before` is how many requests there were before it.
    pub(crate) fn of(counts: Counts, limit: f64, before: u64) -> Seen {
        let model = Rates {
            rates: [
                limit,
                worse_rate(limit, 1.0 / BELOW[2]),
                worse_rate(limit, 1.0 / BELOW[1]),
                worse_rate(limit, 1.0 / BELOW[0]),
            ],
            deviation: NOISE,
        };
        let (ok, bad) = counts.split();
        let expected = (before.saturating_add(counts.requests)) as f64 * limit;
        Seen(model.likelihoods(ok, bad, expected))
    }
}

impl Above {
    pub(crate) fn new() -> Above {
        Above(Belief::new())
    }

    pub(crate) fn take(&mut self, seen: &Seen, moves: &Moves) {
        self.0.add(&seen.0, moves);
    }

    /// ln E against "it fails at most at the limit".
    pub(crate) fn log_fail(&self) -> f64 {
        log_mean_exp(&[1, 2, 3].map(|worse| self.0.log(worse))) - self.0.log(0)
    }

    pub(crate) fn save(&self, out: &mut Saved) {
        self.0.save(out);
    }

    pub(crate) fn read(rest: &mut Rest) -> Option<Above> {
        Belief::read(rest).map(Above)
    }
}

//! Does it fail more often than it may?
//!
//! Each request is a coin; the likelihood ratio of rate q against the limit p
//! over all requests so far is a martingale if p is true, and a supermartingale
//! if the truth is on the far side of p from q.
//!
//! Source: Wald, "Sequential Tests of Statistical Hypotheses", 1945; mixtures
//! as in Robbins, "Statistical Methods Related to the Law of the Iterated
//! Logarithm", 1970.

use crate::comparative::{likelihood, worse_rate};
use crate::{Counts, log_mean_exp};

/// The rates below the limit that a good candidate may have, as parts of it.
pub const BELOW: [f64; 3] = [0.05, 0.2, 0.5];

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

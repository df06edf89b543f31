//! Is a number of the candidate higher or lower than that of stable?
//!
//! For what is sampled and not counted: memory, queue lengths, requests per
//! second. Such numbers remember: a point says little that the one before has
//! not said. So points are taken together in blocks of [`BLOCK`], the first
//! [`APART`] of each block are left out to keep blocks apart, and the means of
//! the blocks are tested. How much they spread is learned from them, so that
//! neither the size nor the unit of the number matters.
//!
//! The test is the Bayes factor of a t-test: of an effect that is normal with
//! [`EFFECT`] as its variance in units of the spread, against none. With the
//! right Haar prior for the spread it is an e-process, at any time and for any
//! spread.
//!
//! Failing takes a difference of more than [`MARGIN`] of the number itself,
//! healthy that one of [`BAD`] is refuted.
//!
//! Sources: Rouder et al., "Bayesian t tests for accepting and rejecting the
//! null hypothesis", 2009, and for a normal effect Gönen et al., "The Bayesian
//! two-sample t test", 2005; Hendriksen, de Heide and Grünwald, "Optional
//! Stopping with Bayes Factors", Bayesian Analysis 2021, for looking often;
//! Schmeiser, "Batch Size Effects in the Analysis of Simulation Output", 1982,
//! for blocks.

use crate::mixture::Evidence;
use crate::{Settings, Verdict};

/// Points of a block.
pub const BLOCK: u32 = 5;

/// Points between two blocks, which are part of none.
pub const APART: u32 = 2;

/// The variance of the effect that is looked for, in units of the spread of
/// blocks.
pub const EFFECT: f64 = 4.0;

/// A difference below this part of the number does not matter.
pub const MARGIN: f64 = 0.05;

/// The smallest difference that is bad, as a part of the number.
pub const BAD: f64 = 0.25;

/// Which way is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher is worse.
    Increase,
    /// Lower is worse.
    Decrease,
    /// Any difference is.
    Either,
}

/// Which way the candidate differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It is higher.
    High,
    /// It is lower.
    Low,
}

/// What one series comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesJudgement {
    /// What it comes to.
    pub verdict: Verdict,
    /// Against "it is no worse", in the bad direction; failing at 1/level.
    pub fail: Evidence,
    /// Against "it is bad"; fine at 1/β.
    pub pass: Evidence,
    /// Which way it differs for certain, if it does.
    pub side: Option<Side>,
    /// Points with both numbers.
    pub points: u32,
}

/// All that is known of a series so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Series {
    /// Points with both numbers, and without.
    points: u32,
    missing: u32,
    /// Sums of the present block.
    block: [f64; 4],
    /// By how much it is higher than stable and the margin, lower than that,
    /// lower than what is bad, and higher than that.
    higher: Spread,
    lower: Spread,
    not_high: Spread,
    not_low: Spread,
}

impl Series {
    /// Nothing was seen.
    pub fn new() -> Series {
        Series::default()
    }

    /// Takes a point in. One that has not both numbers says nothing.
    pub fn add(&mut self, stable: Option<f64>, candidate: Option<f64>) {
        let (Some(s), Some(c)) = (finite(stable), finite(candidate)) else {
            self.missing = self.missing.saturating_add(1);
            return;
        };
        let place = self.points % BLOCK;
        self.points = self.points.saturating_add(1);
        if place >= APART {
            let (up, down) = (s + MARGIN * s.abs(), c + MARGIN * c.abs());
            let (bad_up, bad_down) = (s + BAD * s.abs(), c + BAD * c.abs());
            let seen = [c - up, s - down, bad_up - c, bad_down - s];
            for (sum, seen) in self.block.iter_mut().zip(seen) {
                *sum += seen;
            }
        }
        if place + 1 == BLOCK {
            let means = self.block.map(|sum| sum / f64::from(BLOCK - APART));
            let spreads = [
                &mut self.higher,
                &mut self.lower,
                &mut self.not_high,
                &mut self.not_low,
            ];
            for (spread, mean) in spreads.into_iter().zip(means) {
                spread.add(mean);
            }
            self.block = [0.0; 4];
        }
    }

    /// What it comes to, where each gate has this part of α.
    pub fn judge(&self, settings: &Settings, direction: Direction, level: f64) -> SeriesJudgement {
        let (high, low) = (self.higher.log_positive(), self.lower.log_positive());
        let (not_high, not_low) = (self.not_high.log_positive(), self.not_low.log_positive());
        // Two ways to fail share what there is.
        let both = libm::log(2.0);
        let (fail, pass) = match direction {
            Direction::Increase => (high, not_high),
            Direction::Decrease => (low, not_low),
            Direction::Either => (high.max(low) - both, not_high.min(not_low)),
        };
        let (fail, pass) = (Evidence(fail), Evidence(pass));
        let side = match (
            Evidence(high - both).refutes(level),
            Evidence(low - both).refutes(level),
        ) {
            (true, _) => Some(Side::High),
            (false, true) => Some(Side::Low),
            (false, false) => None,
        };
        // Where most points are missing, nobody knows what they would have said.
        let has_enough = self.points >= self.missing;
        let verdict = match (fail.refutes(level), pass.refutes(settings.beta)) {
            (true, _) => Verdict::Failing,
            (false, true) if has_enough => Verdict::Healthy,
            (false, _) => Verdict::Inconclusive,
        };
        SeriesJudgement {
            verdict,
            fail,
            pass,
            side,
            points: self.points,
        }
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Mean and spread of numbers, in one pass.
/// Source: Welford, "Note on a Method for Calculating Corrected Sums of Squares
/// and Products", 1962.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let away = value - self.mean;
        self.mean += away / self.count;
        self.squares += away * (value - self.mean);
    }

    /// ln E against "the mean is not above zero".
    fn log_positive(&self) -> f64 {
        let k = self.count;
        // One number has no spread.
        if k < 2.0 || self.mean <= 0.0 {
            return 0.0;
        }
        let freedom = k - 1.0;
        let weight = 1.0 + k * EFFECT;
        // t²/ν is k·mean²/squares. Both terms are divided by it, so that no
        // spread at all is no division by zero.
        let inverse = self.squares / (k * self.mean * self.mean);
        let quotient = (inverse + 1.0) / (inverse + 1.0 / weight);
        (freedom + 1.0) / 2.0 * libm::log(quotient) - libm::log(weight) / 2.0
    }
}

/// ln E of the t-test of these numbers.
#[cfg(test)]
pub(crate) fn log_t_test(values: &[f64]) -> f64 {
    let mut spread = Spread::default();
    values.iter().for_each(|value| spread.add(*value));
    spread.log_positive()
}

//! The statistics behind a verdict on failures, anytime-valid: look as often as
//! you like and stop when the evidence is there; false alarms stay below α
//! over the whole rollout, not per look.
//!
//! In the order in which one meets them:
//!
//! - [`Counts`] – requests and failures of one role since the last look
//! - [`Settings`] – α, β, the largest failure rate, the least number of requests
//! - [`State`] – the evidence of one rollout so far; small, and the same bytes
//!   wherever it is computed
//! - [`Judgement`] – the verdict and the numbers that decided
//!
//! ```
//! use baepo_judge::{Counts, Look, Phase, Settings, State, Verdict};
//!
//! let settings = Settings::default();
//! let mut state = State::new();
//! let clean = Counts { requests: 1_000, failures: 0 };
//! let look = Look {
//!     phase: Phase::Ramp,
//!     window: 1,
//!     seconds: 60.0,
//!     stable: Some(clean),
//!     candidate: clean,
//!     recorded: None,
//!     latency: None,
//! };
//! assert_eq!(state.look(&settings, &look).verdict, Verdict::Healthy);
//! ```
//!
//! # What is tested
//!
//! Two roads lead to failing. *Comparative*: the candidate fails more often
//! than stable does at the same time ([`comparative`]). *Absolute*: it fails
//! more often than `max-failure-rate` ([`absolute`]), which counts only while
//! stable keeps that limit, because going back would not help otherwise.
//!
//! Two roads lead to healthy, the mirrors of these; either is enough, so that
//! a service without any failure can pass.
//!
//! Evidence is that of the whole rollout so far. Because a candidate that was
//! fine at 1 % may break at 50 %, each window is also tested by itself: a
//! fixed part of α is set aside for that, and no window is healthy that has too
//! few requests of its own or that alone speaks against the candidate.
//!
//! Everything is closed-form: no randomness, and logarithms come from `libm`,
//! so a component and the host agree bit for bit.

#![no_std]

pub mod absolute;
pub mod comparative;
pub mod latency;
mod mixture;
mod noise;
mod saved;
pub mod series;
mod state;

pub use latency::Histogram;
pub use mixture::Evidence;
pub use saved::{STATE_BYTES, Saved};
pub use state::{Gate, Judgement, Latencies, Look, Phase, State, Verdict};

/// Requests that ended and, of them, those that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Failed ones; what is above `requests` is ignored.
    pub failures: u64,
}

impl Counts {
    /// Both kinds, never more failures than requests.
    fn split(self) -> (f64, f64) {
        let failures = self.failures.min(self.requests);
        ((self.requests - failures) as f64, failures as f64)
    }

    /// The share that failed, 0 to 1; `None` without requests.
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.failures.min(self.requests) as f64 / self.requests as f64)
    }

    fn save(self, out: &mut Saved) {
        out.u64(self.requests);
        out.u64(self.failures);
    }

    fn read(rest: &mut saved::Rest) -> Option<Counts> {
        Some(Counts {
            requests: rest.u64()?,
            failures: rest.u64()?,
        })
    }

    fn add(&mut self, more: Counts) {
        self.requests = self.requests.saturating_add(more.requests);
        self.failures = self
            .failures
            .saturating_add(more.failures.min(more.requests));
    }
}

/// What counts as enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The chance of failing a candidate that is as good as stable, over all
    /// looks of a rollout and all that is judged in it: each of m gates fails at
    /// E ≥ m/α.
    pub alpha: f64,
    /// The chance of passing a candidate that is at the limit or fails
    /// [`comparative::BAD_RATIO`] times as often: passing at E ≥ 1/β.
    pub beta: f64,
    /// The largest share of requests that may fail, above 0 and below 1;
    /// `None` judges by comparison alone.
    pub max_failure_rate: Option<f64>,
    /// How many requests of the candidate a window needs to be healthy.
    pub min_requests: u64,
    /// Whether the candidate's latency is compared with stable's, where it was
    /// measured.
    pub compares_latency: bool,
    /// Differences in latency below this do not matter, in the unit of the
    /// histograms.
    pub latency_floor: f64,
    /// A quantile, and what it may be at most, in the unit of the histograms.
    pub max_latency: Option<(f64, f64)>,
    /// How many other gates share α.
    pub other_gates: u32,
}

impl Default for Settings {
    /// α 0.01, β 0.05, at most 1 % failures, at least 30 requests, any
    /// difference in latency, no limit to it, no other gates.
    fn default() -> Settings {
        Settings {
            alpha: 0.01,
            beta: 0.05,
            max_failure_rate: Some(0.01),
            min_requests: 30,
            compares_latency: true,
            latency_floor: 0.0,
            max_latency: None,
            other_gates: 0,
        }
    }
}

/// ln of the mean of e^x over `logs`, without overflow.
fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    let sum: f64 = logs.iter().map(|log| libm::exp(log - most)).sum();
    most + libm::log(sum / logs.len() as f64)
}

#[cfg(test)]
mod tests;

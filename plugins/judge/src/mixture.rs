//! Evidence of a whole rollout and of its windows in one number.

use crate::log_mean_exp;
use crate::saved::{Rest, Saved};

/// What part of α is for the whole rollout; the rest is for windows alone.
const WHOLE: f64 = 0.9;

/// How strongly the data speak against a hypothesis: E, as its logarithm.
///
/// E is what a bet of 1 against the hypothesis would have come to. It is at
/// most 1 in expectation, at any time, if the hypothesis is true.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Evidence(pub f64);

impl Evidence {
    /// E itself; infinite where it is beyond what a number can hold.
    pub fn value(self) -> f64 {
        libm::exp(self.0)
    }

    /// Whether it refutes the hypothesis at this level, 0.01 for example.
    pub fn refutes(self, level: f64) -> bool {
        self.0 >= -libm::log(level)
    }
}

/// A weighted mean of the test that began with the rollout and those that
/// began with each window. A window's test stops at the window's end, which
/// leaves it valid; weights sum to 1, so the mean is valid too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mixture {
    /// ln of the weighted sum over windows that are over.
    past: f64,
}

impl Mixture {
    pub(crate) const NEW: Mixture = Mixture {
        past: f64::NEG_INFINITY,
    };

    pub(crate) fn save(self, out: &mut Saved) {
        out.f64(self.past);
    }

    pub(crate) fn read(rest: &mut Rest) -> Option<Mixture> {
        rest.f64().map(|past| Mixture { past })
    }

    /// E of everything: `whole` and `window` are ln E of the two tests that
    /// run, `number` counts windows from 1.
    pub(crate) fn total(self, whole: f64, window: f64, number: u32) -> Evidence {
        // The first window's test is that of the whole rollout.
        let current = match number {
            0 | 1 => f64::NEG_INFINITY,
            number => window + libm::log(weight(number)),
        };
        let parts = [whole + libm::log(WHOLE), current, self.past];
        Evidence(log_mean_exp(&parts) + libm::log(parts.len() as f64))
    }

    /// The window is over.
    pub(crate) fn close(&mut self, window: f64, number: u32) {
        if number >= 2 {
            let parts = [self.past, window + libm::log(weight(number))];
            self.past = log_mean_exp(&parts) + libm::log(2.0);
        }
    }
}

/// 1/(j·(j − 1)) sums to 1 over j = 2, 3, ….
fn weight(number: u32) -> f64 {
    let j = f64::from(number);
    (1.0 - WHOLE) / (j * (j - 1.0))
}

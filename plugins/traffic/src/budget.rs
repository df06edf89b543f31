//! The guard of an error budget: `slo`.

use baepo_judge::{Judgement, absolute};
use baepo_limits::{Burn, Minutes, read};
use baepo_plugin::Verdict;
use baepo_plugin::config::Fields;

/// The share of requests that may fail in the long run, above 0.
#[derive(Clone, Copy)]
pub(crate) struct Budget(f64);

/// What the guard says.
#[derive(Clone, Copy)]
pub(crate) struct Guarded {
    pub(crate) burn: Option<Burn>,
    /// How fast the budget is used up, over the last hour.
    pub(crate) speed: Option<f64>,
    /// Whether stable burns as fast, so that going back would not help.
    pub(crate) is_excused: bool,
}

impl Budget {
    pub(crate) fn read(fields: &mut Fields) -> Option<Budget> {
        read::error_budget(fields).map(Budget)
    }

    /// Its part of α is that of any other gate.
    pub(crate) fn guard(self, minutes: &Minutes, now_ms: u64, judgement: &Judgement) -> Guarded {
        let nats = (1.0 / judgement.level).ln();
        let burn = minutes.burning(now_ms, self.0, nats);
        let is_excused = burn
            .is_some_and(|burn| absolute::log_fail(judgement.stable, burn.factor * self.0) >= nats);
        Guarded {
            burn,
            speed: minutes.latest_speed(self.0),
            is_excused,
        }
    }
}

impl Guarded {
    pub(crate) fn verdict(self) -> Verdict {
        match (self.burn, self.is_excused) {
            (None, _) => Verdict::Healthy,
            (Some(_), true) => Verdict::Inconclusive,
            (Some(_), false) => Verdict::Failing,
        }
    }
}

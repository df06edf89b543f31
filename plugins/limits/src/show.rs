//! A guard as people want it.

use baepo_plugin::Verdict;
use baepo_plugin::monitor::{Measurement, Sample};
use baepo_plugin::text::{evidence, number};
use baepo_plugin::units::Millis;

use crate::budget::{BURNS, Burn};

/// The number of a guarded error budget: how many times as fast as it may be it
/// is used up. `speed` is that of the last hour; `is_excused` where stable burns
/// as fast, so that going back would not help.
pub fn burn_rate(
    burn: Option<Burn>,
    speed: Option<f64>,
    is_excused: bool,
    at_ms: u64,
) -> Measurement {
    let candidate = burn.map(|burn| burn.speed).or(speed);
    Measurement {
        name: "burn rate".into(),
        unit: String::new(),
        stable: None,
        candidate,
        limit: Some(burn.map_or(BURNS[0].0, |burn| burn.factor)),
        verdict: match (burn, is_excused) {
            (Some(_), false) => Verdict::Failing,
            (Some(_), true) => Verdict::Inconclusive,
            (None, _) => Verdict::Healthy,
        },
        evidence: match burn {
            Some(burn) => format!("E = {}", evidence(burn.log_e.exp())),
            None => "a guard: it fails, and proves nothing by keeping quiet".into(),
        },
        samples: vec![Sample {
            at_ms,
            stable: None,
            candidate: speed,
        }],
    }
}

/// `the error budget is used up 50 times as fast as it may be, …`.
pub fn burning(burn: &Burn) -> String {
    let (long, short) = burn.windows;
    format!(
        "the error budget is used up {} times as fast as it may be, limit {} over {} and {} \
         (E = {})",
        number(burn.speed),
        number(burn.factor),
        Millis::minutes(long),
        Millis::minutes(short),
        evidence(burn.log_e.exp()),
    )
}

//! Growth of known errors: the one place that asks the judge.

use baepo_judge::{Counts, Evidence, Look, Phase, Settings, State};

/// The comparison is of ratios; so large a unit keeps failures far below it.
const UNIT: u64 = 1_000;

/// What one role did and what became of it, since the last look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    /// Requests, or milliseconds.
    pub(crate) exposure: u64,
    /// Failures of kinds that stable has.
    pub(crate) failures: u64,
}

/// What the comparison says so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    /// Against "the candidate writes them no more often than stable".
    pub(crate) evidence: Evidence,
    /// Whether that is refuted.
    pub(crate) is_failing: bool,
    /// Whether this window alone speaks against the candidate, not loudly
    /// enough to fail it.
    pub(crate) is_doubtful: bool,
}

/// The chance of failing a candidate that is as good as stable.
pub(crate) fn alpha() -> f64 {
    Settings::default().alpha
}

/// Adds one look, so many milliseconds after the one before.
pub(crate) fn look(
    state: &mut State,
    window: u32,
    since_ms: u64,
    stable: Part,
    candidate: Part,
) -> Growth {
    let counts = |part: Part| Counts {
        requests: part.exposure.saturating_mul(UNIT),
        failures: part.failures,
    };
    let settings = Settings {
        max_failure_rate: None,
        ..Settings::default()
    };
    let look = Look {
        phase: Phase::Ramp,
        window,
        seconds: since_ms as f64 / 1_000.0,
        stable: Some(counts(stable)),
        candidate: counts(candidate),
        recorded: None,
        latency: None,
    };
    let judgement = state.look(&settings, &look);
    Growth {
        evidence: judgement.comparative_fail,
        is_failing: judgement.comparative_fail.refutes(settings.alpha),
        is_doubtful: judgement.is_doubtful,
    }
}

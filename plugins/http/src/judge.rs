//! From counts of probes to a verdict.
//!
//! α is shared by the gates (failures, latency, SLO). Half of a gate's part is
//! for the probes of the whole rollout; the other half is for those of each
//! window alone, 1/(j·(j + 1)) of it for the j-th, which sums to 1, so that a
//! candidate that breaks at 50 % is found as fast as one that was always broken.
//! By the union bound all false alarms of a rollout together stay below α.
//! α for the SLO is a guard's: its windows slide, so its evidence is a
//! floor under the burn rate, not a promise.

use baepo_judge::{Counts, absolute};
use baepo_limits::Burn;
use baepo_plugin::Verdict;

use crate::config::Http;
use crate::memory::{Memory, Part};

/// False alarms of a whole rollout, at most.
const ALPHA: f64 = 0.01;

/// Candidates at the limit that pass, at most.
const BETA: f64 = 0.05;

/// A window that alone speaks against the candidate with this E, by chance at
/// most once in five, is not healthy.
const DOUBT: f64 = 5.0;

/// What all gates come to.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) failures: Gate,
    /// Absent without `max-latency`.
    pub(crate) latency: Option<Gate>,
    /// Absent without `slo`, or where nothing burns.
    pub(crate) burn: Option<Burn>,
    /// Whether stable burns as fast, so that it does not count.
    pub(crate) is_burn_excused: bool,
    /// Fewer probes in this window than one look is to have.
    pub(crate) is_young: bool,
}

/// One limit on a share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) verdict: Verdict,
    pub(crate) limit: f64,
    /// The evidence that decided, or is nearest to it, and what it takes.
    pub(crate) log_e: f64,
    pub(crate) needed: f64,
    pub(crate) candidate: Counts,
    pub(crate) stable: Counts,
    /// Above the limit, as stable is.
    pub(crate) is_excused: bool,
    pub(crate) is_doubtful: bool,
}

pub(crate) fn judge(config: &Http, memory: &Memory, window: u32, now_ms: u64) -> Judgement {
    let gates = 1 + u32::from(config.latency.is_some()) + u32::from(config.error_budget.is_some());
    let alpha = ALPHA / f64::from(gates);
    let gate = |limit, of: fn(&Part) -> Counts| {
        let parts = [&memory.candidate.whole, &memory.candidate.window];
        check(limit, alpha, window, parts.map(of), of(&memory.stable))
    };
    let failures = gate(config.max_failure_rate, Part::failures);
    let latency = config
        .latency
        .map(|latency| gate(latency.may_be_slow, Part::slowness));
    let nats = (1.0 / alpha).ln();
    let burn = config
        .error_budget
        .and_then(|budget| memory.minutes.burning(now_ms, budget, nats));
    let is_burn_excused = match (burn, config.error_budget) {
        (Some(burn), Some(budget)) => {
            absolute::log_fail(memory.stable.failures(), burn.factor * budget) >= nats
        }
        _ => false,
    };
    let is_young = memory.candidate.window.asked < config.probes;
    let mut verdicts = vec![failures.verdict];
    verdicts.extend(latency.map(|gate| gate.verdict));
    verdicts.extend(burn.map(|_| match is_burn_excused {
        true => Verdict::Inconclusive,
        false => Verdict::Failing,
    }));
    verdicts.extend(is_young.then_some(Verdict::Inconclusive));
    Judgement {
        verdict: worst(&verdicts),
        failures,
        latency,
        burn,
        is_burn_excused,
        is_young,
    }
}

fn check(
    limit: f64,
    alpha: f64,
    window: u32,
    [whole, current]: [Counts; 2],
    stable: Counts,
) -> Gate {
    let j = f64::from(window.max(1));
    let of_whole = absolute::log_fail(whole, limit);
    let of_window = absolute::log_fail(current, limit);
    let needs = [(2.0 / alpha).ln(), (2.0 * j * (j + 1.0) / alpha).ln()];
    let is_above = of_whole >= needs[0] || of_window >= needs[1];
    let is_excused = is_above && absolute::log_fail(stable, limit) >= (1.0 / alpha).ln();
    let pass = absolute::log_pass(whole, limit);
    let needed_to_pass = (1.0 / BETA).ln();
    let is_doubtful = of_window >= DOUBT.ln();
    let verdict = match (is_above, pass >= needed_to_pass) {
        (true, _) if !is_excused => Verdict::Failing,
        (false, true) if !is_doubtful => Verdict::Healthy,
        _ => Verdict::Inconclusive,
    };
    // Of two tests the one that is nearer to its end is told.
    let (log_e, needed) = match verdict {
        Verdict::Failing if of_window - needs[1] > of_whole - needs[0] => (of_window, needs[1]),
        Verdict::Failing => (of_whole, needs[0]),
        _ => (pass, needed_to_pass),
    };
    Gate {
        verdict,
        limit,
        log_e,
        needed,
        candidate: whole,
        stable,
        is_excused,
        is_doubtful,
    }
}

/// Failing before inconclusive before healthy.
fn worst(verdicts: &[Verdict]) -> Verdict {
    let has = |wanted| verdicts.contains(&wanted);
    if has(Verdict::Failing) {
        Verdict::Failing
    } else if has(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Healthy
    }
}

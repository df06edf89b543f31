//! Whether a simulation ended as one would want, and what to do where not.

use baepo_core::rollout::forecast::Scenario;
use baepo_core::rollout::{Cause, OnNoEvidence, Outcome};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;

use super::{Setting, Simulation};

/// How a simulation ended, for whoever wrote the configuration.
pub(super) enum Assessment {
    /// As it should.
    Good(String),
    /// As the configuration says; worth knowing.
    Notable(String),
    /// Not as anybody would want: what to change.
    Bad(String),
}

impl Assessment {
    /// What to do, or why there is nothing to do.
    pub(super) fn advice(&self) -> &str {
        let (Assessment::Good(advice) | Assessment::Notable(advice) | Assessment::Bad(advice)) =
            self;
        advice
    }

    /// Whether something should be changed.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Assessment::Bad(_))
    }
}

/// What to think of it.
pub(super) fn assess(setting: &Setting, simulation: &Simulation) -> Assessment {
    let Simulation { scenario, done, .. } = simulation;
    let is_held = done.cause == Cause::HoldExpired;
    match (scenario, done.outcome) {
        (Scenario::Healthy, Outcome::Succeeded) => {
            Assessment::Good("nothing to do; a good release gets through".into())
        }
        (Scenario::Healthy, _) => Assessment::Bad(stopped(setting, is_held)),
        (Scenario::NoTraffic | Scenario::MetricsDown, Outcome::Succeeded) => {
            Assessment::Notable(unjudged(setting))
        }
        (Scenario::NoTraffic | Scenario::MetricsDown, _) if is_held => {
            Assessment::Notable(held(setting))
        }
        (_, Outcome::Succeeded) => Assessment::Bad(unnoticed(setting, *scenario)),
        (_, Outcome::RolledBack) if is_held => Assessment::Notable(held(setting)),
        (_, Outcome::RolledBack) if simulation.toll.largest_exposure == BasisPoints::FULL => {
            Assessment::Notable("it is taken back, but had all of the traffic before".into())
        }
        (_, Outcome::RolledBack) => {
            Assessment::Good("nothing to do; it is found and taken back".into())
        }
        (_, _) => Assessment::Bad("see why with: baepo plan".into()),
    }
}

/// A good release does not get through.
fn stopped(setting: &Setting, is_held: bool) -> String {
    if let Some((name, key)) = setting.not_asked.first() {
        return format!(
            "`{name}` is not asked here (it has `allow: {{ {key}: … }}`) and so nobody knows; in a real run it may well"
        );
    }
    if is_held {
        return "more requests, a larger first step or a longer `max-observe` give a verdict"
            .into();
    }
    "look at what stopped it: a good release should get through".into()
}

/// Nobody knew, and nobody came.
fn held(setting: &Setting) -> String {
    let days = Millis(setting.hold.0.saturating_mul(2));
    format!(
        "a person is waited for, {days} in all; `on-no-evidence: abort` goes back by itself, `hold-timeout` waits for less"
    )
}

fn unjudged(setting: &Setting) -> String {
    if setting.monitors.is_empty() {
        return "no monitor is configured, so the health of instances is enough; `monitors: [traffic]` asks for more"
            .into();
    }
    match setting.on_no_evidence {
        OnNoEvidence::ContinueOnHealth => {
            "the health of instances is enough, as `on-no-evidence: continue-on-health` says".into()
        }
        OnNoEvidence::Hold | OnNoEvidence::Abort => {
            "the monitors here need no request and no metric".into()
        }
    }
}

/// A bad release came to serve.
fn unnoticed(setting: &Setting, scenario: Scenario) -> String {
    let named = setting.monitors.join("`, `");
    match scenario {
        Scenario::Slow if setting.has_own_monitor => {
            format!("neither of `{named}` minds answers that take four times as long")
        }
        Scenario::Slow if setting.monitors.is_empty() => {
            "add `monitors: [traffic]`, which compares latency; without it only the health of instances is judged".into()
        }
        Scenario::Slow => {
            format!("`{named}` did not find it: `latency: off`, a `latency-floor` above the difference, or too few requests in a window")
        }
        _ if setting.monitors.is_empty() => {
            "add `monitors: [traffic]`; without it only the health of instances is judged".into()
        }
        Scenario::Flapping => {
            "watch for longer, at least 15s at each step, so that a window sees it".into()
        }
        Scenario::Healthy
        | Scenario::Errors
        | Scenario::CrashLoop
        | Scenario::NoTraffic
        | Scenario::MetricsDown => {
            format!("`{named}` did not find it; a smaller `max-failure-rate` or longer windows may")
        }
    }
}

/// Monitors that could not be asked, said once.
pub(super) fn not_asked(setting: &Setting) -> Option<String> {
    let named: Vec<String> = setting
        .not_asked
        .iter()
        .map(|(name, key)| format!("`{name}` (`allow: {{ {key}: … }}`)"))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "Not asked, because it reaches outside, and taken as inconclusive: {}.",
            named.join(", ")
        )
    })
}

/// What the first trouble of a scenario is, for people.
pub(super) fn trouble_of(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Slow => "slow answer",
        Scenario::CrashLoop => "crash",
        Scenario::Flapping => "lapse",
        Scenario::Healthy | Scenario::Errors | Scenario::NoTraffic | Scenario::MetricsDown => {
            "bad request"
        }
    }
}

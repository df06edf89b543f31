//! A simulation for programs.

use baepo_core::rollout::forecast::Moment;
use baepo_core::verdict::Verdict;
use serde_json::{Value, json};

use super::timeline::{looks, shares, timeline};
use super::{Setting, Simulation};
use crate::render::verdict_word;

/// The name and version of the form. A change that could break a reader gets a
/// new version.
const FORMAT: &str = "baepo-simulation-1";

/// One simulation as a line of JSON.
pub(super) fn line(setting: &Setting, simulation: &Simulation) -> String {
    let Simulation {
        scenario,
        done,
        toll,
        moments,
        ..
    } = simulation;
    let traffic = scenario.traffic(simulation.traffic);
    let steps: Vec<Value> = timeline(moments)
        .rows
        .iter()
        .map(|row| {
            json!({
                "at-ms": row.at.0,
                "weight-basis-points": row.weight.value(),
                "candidate": row.candidate,
                "stable": row.stable,
                "what": row.what,
            })
        })
        .collect();
    let not_asked: Vec<&str> = setting
        .not_asked
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    json!({
        "format": FORMAT,
        "environment": setting.environment,
        "strategy": setting.strategy,
        "instances": setting.instances,
        "scenario": scenario.name(),
        "seed": traffic.seed,
        "requests-per-second": traffic.requests_per_second,
        "outcome": done.outcome.to_string(),
        "reason-code": done.cause.to_string(),
        "reason": done.reason,
        "largest-exposure-basis-points": toll.largest_exposure.value(),
        "first-trouble-ms": toll.first_trouble.map(|time| time.0),
        "time-to-abort-ms": toll.time_to_abort().map(|time| time.0),
        "time-to-back-ms": toll.time_to_back().map(|time| time.0),
        "requests": toll.requests,
        "candidate-requests": toll.candidate_requests,
        "failed-because-of-candidate": toll.failed,
        "answered-by-stable-instead": toll.rescued,
        "took-ms": toll.took.0,
        "decisions": toll.decisions,
        "monitors-not-asked": not_asked,
        "timeline": steps,
        "shares": shares_of(moments),
        "verdicts": verdicts_of(moments),
    })
    .to_string()
}

/// Whenever the share changed.
fn shares_of(moments: &[Moment]) -> Vec<Value> {
    let shares = shares(moments).into_iter();
    shares
        .map(|(at, share)| json!({ "at-ms": at.0, "weight-basis-points": share.value() }))
        .collect()
}

/// Whenever the verdict changed.
fn verdicts_of(moments: &[Moment]) -> Vec<Value> {
    let mut last: Option<Verdict> = None;
    let changes = looks(moments).filter(|(_, verdict)| last.replace(*verdict) != Some(*verdict));
    changes
        .map(|(at, verdict)| json!({ "at-ms": at.0, "verdict": verdict_word(verdict) }))
        .collect()
}

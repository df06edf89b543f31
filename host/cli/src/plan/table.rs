//! A plan as a table for people, and as JSON for programs.

use std::collections::BTreeMap;

use baepo_core::pipeline::{PlannedStep, RolloutPlan};
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::forecast::Moment;
use baepo_core::rollout::{Directive, Entry};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;
use serde_json::json;

use super::{Plan, directive};
use crate::config::Environment;

/// What is before everything else, where the environment wants it.
const APPROVAL: &str = "a person to approve of it";

/// `production · canary · 4 instances · 1a2b3c4 → 9f31c2e` and its timeline.
pub(super) fn text(
    environment: &Environment,
    plan: &Plan,
    revision: &Revision,
    serves: Option<&Release>,
    is_watched: bool,
) -> String {
    let before = serves.map_or("what serves then", |release| release.revision.short());
    let mut lines = vec![
        format!(
            "{} · {} · {} instances · {before} → {}",
            environment.name,
            environment.strategy.name,
            environment.instances,
            revision.short()
        ),
        String::new(),
        "  at         share   candidate   stable   waits for".into(),
    ];
    if environment.approve {
        lines.push(format!(
            "  {:<9} {:>6}   {:>9}   {:>6}   {APPROVAL}",
            "before", "0 %", 0, environment.instances
        ));
    }
    lines.extend(rows(plan));
    lines.push(String::new());
    lines.extend(risks(environment, plan, before, is_watched));
    if serves.is_none() {
        lines.push(
            "If nothing serves yet, the first install is the host's own: start, health, all traffic, a short bake."
                .into(),
        );
    }
    let name = &environment.name;
    lines.push(format!(
        "Nothing has been changed. Run it with: baepo run --environment {name}"
    ));
    lines.push(String::new());
    lines.join("\n")
}

fn rows(plan: &Plan) -> Vec<String> {
    let mut rows = Vec::new();
    for moment in &plan.moments {
        let (fleet, weight) = (moment.fleet, moment.weight);
        let (mut candidate, mut stable) = (
            fleet.candidate.asked.to_string(),
            fleet.stable.asked.to_string(),
        );
        let waits = match directive(moment) {
            Some(Directive::Scale {
                stable: s,
                candidate: c,
            }) => {
                if *c != fleet.candidate.asked {
                    candidate = format!("{} → {c}", fleet.candidate.asked);
                }
                if *s != fleet.stable.asked {
                    stable = format!("{} → {s}", fleet.stable.asked);
                }
                waits_for(&Directive::Scale {
                    stable: *s,
                    candidate: *c,
                })
                .unwrap_or_default()
            }
            Some(_) | None => match wait(moment) {
                Some(waits) => waits,
                None => continue,
            },
        };
        rows.push(format!(
            "  {:<9} {:>6}   {candidate:>9}   {stable:>6}   {waits}",
            moment.at.to_string(),
            weight.to_string()
        ));
    }
    rows
}

/// What is waited for at a moment of the plan, if anything.
fn wait(moment: &Moment) -> Option<String> {
    if let Entry::Verified { verified } = &moment.record.entry {
        let names: Vec<&str> = verified.iter().map(|v| v.name.as_str()).collect();
        return Some(format!("the tests of {}", names.join(" and ")));
    }
    waits_for(directive(moment)?)
}

/// What a directive waits for; nothing for one that is over at once.
fn waits_for(directive: &Directive) -> Option<String> {
    Some(match directive {
        Directive::Scale { .. } => "health".into(),
        Directive::Observe { min, max } if min == max => format!("{min} of evidence"),
        Directive::Observe { min, max } => format!("{min} to {max} of evidence"),
        Directive::Hold { reason, .. } => format!("a person: {reason}"),
        Directive::Finish { keep_warm } if keep_warm.0 > 0 => {
            format!("finish; the old instances stay {keep_warm} for an instant way back")
        }
        Directive::Finish { .. } => "finish; the release before stays staged for rollback".into(),
        Directive::Abort { reason } => format!("going back: {reason}"),
        Directive::Route(_) => return None,
    })
}

/// The same as an entry of a journal.
pub(super) fn entry(
    environment: &Environment,
    plan: &Plan,
    revision: &Revision,
    serves: Option<&Release>,
) -> RolloutPlan {
    let steps = plan.moments.iter().filter_map(|moment| {
        Some(PlannedStep {
            at: moment.at,
            weight: moment.weight,
            waits_for: wait(moment)?,
        })
    });
    let approval = environment.approve.then(|| PlannedStep {
        at: Millis::ZERO,
        weight: BasisPoints::ZERO,
        waits_for: APPROVAL.into(),
    });
    RolloutPlan {
        environment: environment.name.clone(),
        strategy: environment.strategy.name.clone(),
        instances: environment.instances,
        candidate: revision.clone(),
        stable: serves.map(|release| release.revision.clone()),
        steps: approval.into_iter().chain(steps).collect(),
        way_back: plan.way_back,
    }
}

/// What plugins may do outside of their sandbox.
pub(super) fn granted(granted: &BTreeMap<String, String>) -> String {
    if granted.is_empty() {
        return "No plugin may do anything outside of its sandbox.\n".into();
    }
    let width = granted.keys().map(String::len).max().unwrap_or_default();
    let mut lines = vec!["What plugins may do outside of their sandbox:".to_owned()];
    lines.extend(
        granted
            .iter()
            .map(|(name, allow)| format!("  {name:<width$}   {allow}")),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// What could go wrong, and how far.
fn risks(environment: &Environment, plan: &Plan, before: &str, is_watched: bool) -> Vec<String> {
    let first = plan
        .moments
        .iter()
        .map(|m| m.weight)
        .find(|weight| *weight > BasisPoints::ZERO);
    let mut lines = Vec::new();
    if let Some(first) = first {
        lines.push(format!(
            "At most {first} of requests meet the candidate before it has been judged once."
        ));
    }
    if let Some((share, took)) = plan.way_back {
        let took = took.0.div_ceil(1000).max(1);
        lines.push(format!(
            "If it fails at {share}, everyone is back on {before} within {took}s of the verdict."
        ));
    }
    if !is_watched {
        lines.push(format!(
            "Nobody watches while no run is alive: one that could wait stays while the candidate has more than {} of the traffic.",
            environment.limits.max_exposure_unwatched
        ));
    }
    if environment.monitors.is_empty() {
        lines.push(
            "No monitor is configured: only the health of instances is judged (`monitors: [traffic]` judges requests)."
                .into(),
        );
    }
    lines
}

/// The same for programs.
pub(super) fn json(environment: &Environment, plan: &Plan) -> String {
    let steps: Vec<serde_json::Value> = plan
        .moments
        .iter()
        .filter_map(|moment| {
            Some(json!({
                "at-ms": moment.at.0,
                "weight-basis-points": moment.weight.value(),
                "candidate": moment.fleet.candidate.asked,
                "stable": moment.fleet.stable.asked,
                "directive": directive(moment)?,
            }))
        })
        .collect();
    json!({
        "format": "baepo-plan-1",
        "environment": environment.name,
        "strategy": environment.strategy.name,
        "instances": environment.instances,
        "steps": steps,
        "way-back": plan.way_back.map(|(share, took)| {
            json!({ "at-basis-points": share.value(), "took-ms": took.0 })
        }),
    })
    .to_string()
}

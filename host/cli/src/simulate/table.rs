//! Several scenarios of one environment, a line each.

use baepo_core::rollout::Outcome;
use baepo_core::rollout::forecast::Scenario;
use baepo_core::time::Millis;

use super::assess::{Assessment, assess, not_asked};
use super::timeline::outcome_word;
use super::{Setting, Simulation};
use crate::render::grouped;
use crate::render::terminal::Paint;

/// The answer, what to do, and the table.
pub(super) fn text(setting: &Setting, simulations: &[Simulation], paint: Paint) -> String {
    let assessed: Vec<(&Simulation, Assessment)> = simulations
        .iter()
        .map(|simulation| (simulation, assess(setting, simulation)))
        .collect();
    let mut lines = vec![answer(setting, &assessed, paint)];
    let unwanted = advices(&assessed, Assessment::is_bad);
    if unwanted.is_empty() {
        lines.push("  next: nothing to do".into());
    }
    for (names, advice) in unwanted {
        lines.push(format!("  next: {names}: {advice}"));
    }
    lines.push(String::new());
    let head = [
        (
            "scenario",
            "outcome",
            "largest",
            "time to",
            "failed because",
            "took",
        ),
        ("", "", "exposure", "abort", "of it, of all", ""),
    ];
    for (name, outcome, largest, time, failed, took) in head {
        let line =
            format!("  {name:<13} {outcome:<11} {largest:>8} {time:>8} {failed:>19} {took:>9}");
        lines.push(paint.dim(line.trim_end()));
    }
    for (simulation, assessed) in &assessed {
        lines.push(row(simulation, assessed, paint));
    }
    lines.push(String::new());
    for (names, advice) in advices(&assessed, |a| matches!(a, Assessment::Notable(_))) {
        lines.push(format!("{names}: {advice}."));
    }
    lines.extend(not_asked(setting));
    lines.push(footer(setting, simulations));
    lines.push(String::new());
    lines.join("\n")
}

/// What is to be said of some of them, each thing once with all that it is
/// about.
fn advices<'a>(
    assessed: &'a [(&Simulation, Assessment)],
    is_wanted: impl Fn(&Assessment) -> bool,
) -> Vec<(String, &'a str)> {
    let mut advices: Vec<(String, &str)> = Vec::new();
    for (simulation, assessed) in assessed.iter().filter(|(_, a)| is_wanted(a)) {
        let (name, advice) = (simulation.scenario.name(), assessed.advice());
        match advices.iter_mut().find(|(_, known)| *known == advice) {
            Some((names, _)) => names.push_str(&format!(", {name}")),
            None => advices.push((name.into(), advice)),
        }
    }
    advices
}

fn answer(setting: &Setting, assessed: &[(&Simulation, Assessment)], paint: Paint) -> String {
    let Setting {
        environment,
        strategy,
        ..
    } = setting;
    let (mark, what) = match summed(assessed) {
        (true, what) => (paint.good("✓"), what),
        (false, what) => (paint.bad("✗"), what),
    };
    format!("{mark} {} · {strategy}: {what}", paint.bold(environment))
}

/// Whether all is well, and how the scenarios ended in one sentence.
fn summed(assessed: &[(&Simulation, Assessment)]) -> (bool, String) {
    let good = assessed
        .iter()
        .find(|(simulation, _)| simulation.scenario == Scenario::Healthy);
    if let Some((_, Assessment::Bad(_))) = good {
        return (false, "a good release does not get through".into());
    }
    let bad: Vec<&(&Simulation, Assessment)> = assessed
        .iter()
        .filter(|(simulation, _)| simulation.scenario.is_bad())
        .collect();
    let missed: Vec<&str> = bad
        .iter()
        .filter(|(_, assessed)| assessed.is_bad())
        .map(|(simulation, _)| simulation.scenario.name())
        .collect();
    let is_through = good.map_or("", |_| "a good release gets through, and ");
    let (all, found) = (bad.len(), bad.len() - missed.len());
    if !missed.is_empty() {
        let missed = missed.join(", ");
        return (
            false,
            format!("{found} of {all} bad releases are taken back; not noticed: {missed}"),
        );
    }
    if bad.is_empty() {
        let ended: Vec<String> = assessed
            .iter()
            .map(|(s, _)| format!("{} {}", s.scenario.name(), outcome_word(s.done.outcome)))
            .collect();
        return (assessed.iter().all(|(_, a)| !a.is_bad()), ended.join(", "));
    }
    let largest = bad.iter().map(|(s, _)| s.toll.largest_exposure).max();
    let largest = largest.unwrap_or_default();
    (
        true,
        format!("{is_through}each bad one is taken back, with {largest} of the traffic at most"),
    )
}

fn row(simulation: &Simulation, assessed: &Assessment, paint: Paint) -> String {
    let Simulation {
        scenario,
        done,
        toll,
        ..
    } = simulation;
    let outcome = format!("{:<11}", outcome_word(done.outcome));
    let outcome = match (assessed, done.outcome) {
        (Assessment::Bad(_), _) => paint.bad(&outcome),
        (Assessment::Notable(_), _) => paint.busy(&outcome),
        (Assessment::Good(_), Outcome::Succeeded | Outcome::RolledBack) => paint.good(&outcome),
        (Assessment::Good(_), _) => outcome,
    };
    format!(
        "  {:<13} {outcome} {:>8} {:>8} {:>19} {:>9}",
        scenario.name(),
        toll.largest_exposure.to_string(),
        or_dash(toll.time_to_abort()),
        format!("{} of {}", grouped(toll.failed), grouped(toll.requests)),
        toll.took.to_string(),
    )
}

/// A time, or `-` where there is none.
fn or_dash(time: Option<Millis>) -> String {
    time.map_or("-".into(), |time| time.to_string())
}

fn footer(setting: &Setting, simulations: &[Simulation]) -> String {
    let chosen = simulations
        .iter()
        .find(|simulation| simulation.scenario == Scenario::Errors)
        .or(simulations.first());
    let name = chosen.map_or("errors", |simulation| simulation.scenario.name());
    format!(
        "Nothing outside was touched. See one of them: baepo simulate --environment {} --scenario {name}",
        setting.environment
    )
}

//! One scenario in detail: the answer, what to do, timeline, plot, numbers.

use baepo_core::rollout::Outcome;
use baepo_core::time::Millis;

use super::assess::{Assessment, assess, not_asked, trouble_of};
use super::timeline::{Timeline, outcome_word, timeline};
use super::{Setting, Simulation, plot};
use crate::render::grouped;
use crate::render::terminal::Paint;

/// How many lines of a timeline are shown, at its beginning and at its end.
const SHOWN: (usize, usize) = (24, 12);

/// The whole story.
pub(super) fn text(setting: &Setting, simulation: &Simulation, paint: Paint) -> String {
    let assessed = assess(setting, simulation);
    let mut lines = vec![
        answer(setting, simulation, &assessed, paint),
        format!("  next: {}", assessed.advice()),
        String::new(),
        paint.dim(&format!(
            "  {} · {} instances · {}",
            setting.strategy,
            setting.instances,
            simulation.scenario.about()
        )),
        String::new(),
    ];
    lines.extend(table(&timeline(&simulation.moments), paint));
    lines.push(String::new());
    lines.extend(plot::lines(simulation, paint));
    lines.push(String::new());
    lines.extend(numbers(simulation));
    lines.push(String::new());
    lines.extend(not_asked(setting));
    let traffic = simulation.scenario.traffic(simulation.traffic);
    lines.push(format!(
        "Nothing outside was touched. The model: {} requests a second, seed {}, 4s until an instance is ready.",
        grouped(traffic.requests_per_second.into()),
        traffic.seed,
    ));
    lines.push(String::new());
    lines.join("\n")
}

fn answer(
    setting: &Setting,
    simulation: &Simulation,
    assessed: &Assessment,
    paint: Paint,
) -> String {
    let Simulation {
        scenario,
        done,
        toll,
        ..
    } = simulation;
    let mark = match assessed {
        Assessment::Good(_) => paint.good("✓"),
        Assessment::Notable(_) => paint.busy("●"),
        Assessment::Bad(_) => paint.bad("✗"),
    };
    let how = match (done.outcome, toll.time_to_abort()) {
        (Outcome::Succeeded, _) => format!("succeeded after {}", toll.took),
        (outcome, Some(time)) => format!(
            "{} {time} after the first {}, having had {} of the traffic: {}",
            outcome_word(outcome),
            trouble_of(*scenario),
            toll.largest_exposure,
            done.reason
        ),
        (outcome, None) => format!(
            "{} after {}, having had {} of the traffic: {}",
            outcome_word(outcome),
            toll.took,
            toll.largest_exposure,
            done.reason
        ),
    };
    let environment = paint.bold(&setting.environment);
    format!("{mark} {environment} · {}: {how}", scenario.name())
}

fn table(timeline: &Timeline, paint: Paint) -> Vec<String> {
    let mut lines = vec![paint.dim("  at         share   candidate   stable   what happened")];
    let rows: Vec<String> = timeline
        .rows
        .iter()
        .map(|row| {
            format!(
                "  {:<9} {:>6}   {:>9}   {:>6}   {}",
                row.at.to_string(),
                row.weight.to_string(),
                row.candidate,
                row.stable,
                row.what
            )
        })
        .collect();
    let (first, last) = SHOWN;
    match rows.len().checked_sub(first + last) {
        Some(hidden) if hidden > 0 => {
            lines.extend_from_slice(&rows[..first]);
            lines.push(paint.dim(&format!(
                "  … {hidden} lines more; --output json has them all"
            )));
            lines.extend_from_slice(&rows[rows.len() - last..]);
        }
        Some(_) | None => lines.extend(rows),
    }
    if timeline.untold > 0 {
        lines.push(paint.dim(&format!(
            "  Instances and traffic went and came back {} times more.",
            grouped(timeline.untold as u64)
        )));
    }
    lines
}

fn numbers(simulation: &Simulation) -> Vec<String> {
    let Simulation {
        scenario,
        done,
        toll,
        ..
    } = simulation;
    let mut lines = Vec::new();
    let mut line = |what: &str, value: String| lines.push(format!("  {what:<26} {value}"));
    line(
        "outcome",
        format!("{}, {}", outcome_word(done.outcome), done.cause),
    );
    line(
        "largest exposure",
        format!("{} of the traffic", toll.largest_exposure),
    );
    let trouble = trouble_of(*scenario);
    let after = |time: Option<Millis>| match time {
        Some(time) => format!("{time} after the first {trouble}"),
        None => "-".into(),
    };
    if let Some(first) = toll.first_trouble {
        line(
            &format!("first {trouble}"),
            format!("{first} after the rollout began"),
        );
        line("decision to go back", after(toll.time_to_abort()));
        line("all traffic back", after(toll.time_to_back()));
    } else if let Some(turned) = toll.turned_back {
        line(
            "decision to go back",
            format!("{turned} after the rollout began"),
        );
    }
    line(
        "failed because of it",
        format!(
            "{} of {} requests ({} were the candidate's)",
            grouped(toll.failed),
            grouped(toll.requests),
            grouped(toll.candidate_requests)
        ),
    );
    if toll.rescued > 0 {
        line(
            "answered by stable",
            format!(
                "{} found no ready instance of the candidate, and count as its failures",
                grouped(toll.rescued)
            ),
        );
    }
    let decisions = match toll.decisions {
        1 => "1 decision".into(),
        many => format!("{many} decisions"),
    };
    line("took", format!("{}, with {decisions}", toll.took));
    lines
}

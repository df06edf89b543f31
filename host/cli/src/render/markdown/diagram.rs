//! Pictures, in Mermaid: GitHub draws it, mail and the app show its source, so
//! that each has a table or a line of text beside it.
//!
//! A label is ASCII in quotes and of few kinds of letters: GitHub lags behind
//! the library, and shows a red box where it cannot read something.

use baepo_core::pipeline::{Stage, StageResult};
use baepo_core::report::{Course, Report, RolloutReport, StageReport};
use baepo_core::rollout::Outcome;
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::Measurement;
use baepo_core::weight::BasisPoints;

use crate::render::evidence;

/// How many points a curve has.
const POINTS: usize = 13;
/// The most bars of a timeline.
const MOST_BARS: usize = 30;

/// Of lines, on a light ground and on a dark one.
const RED: &str = "#cf222e";
const BLUE: &str = "#218bff";
const GREY: &str = "#8c959f";

const CLASSES: &str = "  classDef ok fill:#1a7f37,stroke:#1a7f37,color:#ffffff
  classDef bad fill:#cf222e,stroke:#cf222e,color:#ffffff
  classDef run fill:#9a6700,stroke:#9a6700,color:#ffffff
  classDef todo fill:#6e7781,stroke:#6e7781,color:#ffffff";

/// Letters that mean nothing to Mermaid, in any kind of diagram.
fn label(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '%' | '/' | '-') => c,
        _ => ' ',
    });
    let plain: String = plain.collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let text: String = words.join(" ").replace("--", "-").replace("%%", "%");
    let text: String = text.chars().take(40).collect();
    // `end` closes a block wherever it is a word of its own.
    match text.trim() {
        "" => "-".into(),
        word if word.eq_ignore_ascii_case("end") => "end.".into(),
        text => text.to_owned(),
    }
}

/// The stages and the steps of the rollouts, as they stand.
pub(super) fn flow(report: &Report) -> Option<String> {
    let mut nodes: Vec<(String, &str)> = Vec::new();
    for stage in &report.stages {
        let rollout = match &stage.stage {
            Stage::Rollout(name) => report.rollouts.iter().rfind(|r| r.environment == *name),
            Stage::Build(_) | Stage::Test(_) | Stage::Release => None,
        };
        match rollout {
            Some(rollout) => nodes.extend(steps(rollout)),
            None => nodes.push((label(&title(stage)), class(stage.result))),
        }
    }
    if nodes.is_empty() {
        return None;
    }
    let nodes = nodes.iter().enumerate();
    let nodes = nodes.map(|(index, (text, class))| format!("S{index}[\"{text}\"]:::{class}"));
    let nodes: Vec<String> = nodes.collect();
    Some(fenced(&format!(
        "flowchart LR\n  {}\n{CLASSES}",
        nodes.join(" --> ")
    )))
}

fn title(stage: &StageReport) -> String {
    let took = match (stage.began, stage.ended) {
        (Some(began), Some(ended)) => format!(" {}", ended.since(began)),
        (Some(_) | None, Some(_) | None) => String::new(),
    };
    format!("{}{took}", stage.stage.title())
}

fn class(result: Option<StageResult>) -> &'static str {
    match result {
        Some(StageResult::Passed) => "ok",
        Some(StageResult::Failed) => "bad",
        Some(StageResult::Skipped) => "todo",
        Some(StageResult::Waiting) | None => "run",
    }
}

/// The shares that a rollout has been at, and what is to come.
fn steps(rollout: &RolloutReport) -> Vec<(String, &'static str)> {
    let turned = rollout.turned_back.is_some();
    let mut shares: Vec<BasisPoints> = Vec::new();
    for (at, weight) in &rollout.weights {
        let is_forward = rollout.turned_back.is_none_or(|turned| *at <= turned);
        if is_forward && *weight > shares.last().copied().unwrap_or_default() {
            shares.push(*weight);
        }
    }
    let environment = &rollout.environment;
    let mut nodes = vec![(label(&format!("{environment} {}", rollout.strategy)), "ok")];
    nodes.extend(shares.iter().map(|share| (label(&share.to_string()), "ok")));
    let last = nodes.len() - 1;
    match rollout.outcome {
        Some(Outcome::Succeeded) => {}
        Some(_) => nodes[last].1 = "bad",
        None if turned => nodes[last].1 = "bad",
        None => nodes[last].1 = "run",
    }
    if rollout.went_back.is_some()
        && let Some(stable) = &rollout.stable
    {
        nodes.push((label(&format!("back on {}", stable.short())), "ok"));
    } else if turned {
        nodes.push(("going back".into(), "run"));
    } else if rollout.outcome.is_none()
        && let Some(more @ 1..) = rollout.progress.of.checked_sub(rollout.progress.step)
    {
        let plural = if more == 1 { "" } else { "s" };
        nodes.push((format!("{more} more step{plural}"), "todo"));
    }
    nodes
}

/// When which stage and share was, as bars.
pub(super) fn timeline(report: &Report) -> Option<String> {
    let mut text = String::from("gantt\n  dateFormat YYYY-MM-DDTHH:mm:ss\n  axisFormat %H:%M:%S\n");
    let mut bars = 0;
    let mut bar = |text: &mut String, name: &str, kind: &str, from: Time, to: Time| {
        if bars < MOST_BARS {
            bars += 1;
            // A bar of no length is not drawn.
            let to = to.max(from + Millis::from_secs(1));
            let (from, to) = (stamp(from), stamp(to));
            text.push_str(&format!("  {} :{kind}b{bars}, {from}, {to}\n", label(name)));
        }
    };
    let before: Vec<&StageReport> = report
        .stages
        .iter()
        .filter(|stage| !matches!(stage.stage, Stage::Rollout(_)) && stage.began.is_some())
        .collect();
    if !before.is_empty() {
        text.push_str("  section before\n");
    }
    for stage in before {
        let began = stage.began.unwrap_or(report.started);
        let kind = match stage.result {
            Some(StageResult::Failed) => "crit, ",
            Some(_) => "done, ",
            None => "active, ",
        };
        let ended = stage.ended.unwrap_or(report.updated);
        bar(&mut text, stage.stage.title(), kind, began, ended);
    }
    for rollout in &report.rollouts {
        text.push_str(&format!("  section {}\n", label(&rollout.environment)));
        let end = rollout.ended.unwrap_or(report.updated);
        let mut from = (rollout.began, None);
        let mut shares: Vec<(Time, Time, Option<BasisPoints>)> = Vec::new();
        for (at, weight) in &rollout.weights {
            shares.push((from.0, *at, from.1));
            from = (*at, Some(*weight));
        }
        shares.push((from.0, end, from.1));
        let last = shares.len() - 1;
        for (index, (from, to, share)) in shares.into_iter().enumerate() {
            let is_back = rollout.turned_back.is_some_and(|turned| from >= turned);
            let name = match share {
                None => "starting".to_owned(),
                Some(BasisPoints::ZERO) if is_back => "back".into(),
                Some(share) => share.to_string(),
            };
            let failed_here = rollout
                .turned_back
                .is_some_and(|turned| from <= turned && turned <= to);
            let kind = match () {
                () if failed_here => "crit, ",
                () if index == last && rollout.ended.is_none() => "active, ",
                () => "done, ",
            };
            bar(&mut text, &name, kind, from, to);
        }
    }
    (bars > 1).then(|| fenced(text.trim_end()))
}

/// `2026-11-23T14:15:06`, without the letter for UTC that Mermaid would take
/// for its own zone.
fn stamp(at: Time) -> String {
    at.rfc3339().trim_end_matches('Z').to_owned()
}

/// The candidate's share in the course of time, and the same in one line.
pub(super) fn share(rollout: &RolloutReport, now: Time) -> Option<(String, String)> {
    let end = rollout.ended.unwrap_or(now);
    let all = end.since(rollout.began).0;
    if rollout.weights.len() < 2 || all == 0 {
        return None;
    }
    let at = |time: Time| {
        let before = rollout.weights.iter().rfind(|(at, _)| *at <= time);
        before.map_or(BasisPoints::ZERO, |(_, weight)| *weight)
    };
    let steps = (POINTS - 1) as u64;
    let points = (0..=steps).map(|n| at(rollout.began + Millis(all * n / steps)));
    let shares: Vec<String> = points
        .map(|share| format!("{}", f64::from(share.value()) / 100.0))
        .collect();
    let (unit, length) = axis(all);
    // Times as labels would have to differ from each other. The first series
    // is too pale to be seen alone, so that it is drawn twice.
    let shares = shares.join(", ");
    let picture = format!(
        "xychart-beta\n  title \"Share of {} in percent\"\n  x-axis \"{unit} since {} UTC\" 0 --> {:.1}\n  y-axis \"percent\" 0 --> 100\n  bar [{shares}]\n  line [{shares}]",
        label(rollout.candidate.short()),
        rollout.began.clock(),
        all as f64 / length,
    );
    let text: Vec<String> = rollout
        .weights
        .iter()
        .map(|(at, weight)| format!("{} {weight}", at.clock()))
        .collect();
    Some((fenced(&picture), text.join(" · ")))
}

/// In what a stretch of time is told, and how many milliseconds that is.
fn axis(span_ms: u64) -> (&'static str, f64) {
    match span_ms {
        0..180_000 => ("seconds", 1e3),
        180_000..10_800_000 => ("minutes", 6e4),
        _ => ("hours", 3.6e6),
    }
}

/// What a gate measured, candidate and stable and the limit; `None` where
/// there is too little to draw.
pub(super) fn course(course: &Course, measurement: &Measurement) -> Option<String> {
    let parts = course.binned(2 * POINTS);
    let (first, last) = (course.points.first()?.at, course.points.last()?.at);
    let span = last.since(first).0;
    if parts.len() < 3 || span == 0 {
        return None;
    }
    let candidate: Vec<Option<f64>> = parts.iter().map(|(.., candidate)| *candidate).collect();
    let stable: Vec<Option<f64>> = parts.iter().map(|(_, stable, _)| *stable).collect();
    let candidate = evidence::filled(&candidate)?;
    let stable = evidence::filled(&stable);
    let drawn = candidate.iter().chain(stable.iter().flatten()).copied();
    let (low, high) = evidence::scale(drawn)?;
    // One far away would make a straight line of all else.
    let limit = measurement.limit.filter(|limit| {
        let room = (high - low).max(high.abs());
        limit.is_finite() && (low - room..=high + 3.0 * room).contains(limit)
    });
    let (low, high) = match limit {
        Some(limit) => (low.min(limit), high.max(limit)),
        None => (low, high),
    };
    let high = if high > low {
        high + 0.05 * (high - low)
    } else {
        low + 1.0
    };
    let mut series = vec![("red", "candidate", RED, Some(candidate))];
    series.push(("blue", "stable", BLUE, stable));
    let straight = limit.map(|limit| vec![limit; parts.len()]);
    series.push(("grey", "limit", GREY, straight));
    series.retain(|(.., values)| values.is_some());
    let legend: Vec<String> = series
        .iter()
        .map(|(colour, what, ..)| format!("{what} {colour}"))
        .collect();
    let palette: Vec<&str> = series.iter().map(|(_, _, code, _)| *code).collect();
    let lines: String = series
        .iter()
        .flat_map(|(.., values)| values)
        .map(|values| {
            let values: Vec<String> = values.iter().map(|value| plain(*value)).collect();
            format!("\n  line [{}]", values.join(", "))
        })
        .collect();
    let unit = match measurement.unit.trim() {
        "" => String::new(),
        unit => format!(" in {}", label(unit)),
    };
    let (time, length) = axis(span);
    Some(fenced(&format!(
        "%%{{init: {{\"xyChart\": {{\"width\": 640, \"height\": 260}}, \"themeVariables\": {{\"xyChart\": {{\"plotColorPalette\": \"{}\"}}}}}}}}%%\nxychart-beta\n  title \"{}{unit} ({})\"\n  x-axis \"{time} since {} UTC\" 0 --> {:.1}\n  y-axis {} --> {}{lines}",
        palette.join(", "),
        label(&measurement.name),
        legend.join(", "),
        first.clock(),
        span as f64 / length,
        plain(low),
        plain(high),
    )))
}

/// A number as Mermaid reads it, without an exponent.
fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".into(),
        text => text.to_owned(),
    }
}

fn fenced(diagram: &str) -> String {
    format!("```mermaid\n{diagram}\n```")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_means_nothing_to_mermaid() {
        assert_eq!(label("a\"]:::x --> b; %%{init}"), "a x - b % init");
        assert_eq!(label("end"), "end.");
        assert_eq!(label("배포"), "-");
        assert_eq!(label("12.5 %"), "12.5 %");
    }
}

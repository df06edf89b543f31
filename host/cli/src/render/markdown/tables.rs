//! The tables of a report, each as head and rows.

use baepo_core::pipeline::{RolloutPlan, StageOutput, StageResult};
use baepo_core::report::{ChangedWishes, Course, Report, RolloutReport, StageReport, Used};
use baepo_core::rollout::{Ending, Entry};
use baepo_core::time::Time;
use baepo_core::verdict::{Level, Measurement, Verdict};

use super::escape::{brief, code, escape, shorten};
use crate::render::evidence;
use crate::render::words::{output_of, plugin_of};

/// Most targets of one capability, and wishes of one plugin, that are named.
const MOST_TARGETS: usize = 20;
/// Rows of what one gate measured.
const MOST_STEPS: usize = 12;
/// The most characters of one cell that came from a plugin.
const LONGEST_CELL: usize = 300;

fn mark(measurement: &Measurement) -> &'static str {
    match measurement.verdict {
        // What has no limit cannot come to one.
        Verdict::Inconclusive if measurement.limit.is_none() => "shown",
        Verdict::Healthy => "✅ healthy",
        Verdict::Failing => "❌ failing",
        Verdict::Inconclusive => "❔ inconclusive",
    }
}

/// How a window ended, in words.
pub(super) fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Reached => "reached",
        Ending::Healthy => "healthy",
        Ending::Inconclusive => "inconclusive",
        Ending::Resumed => "resumed by a person",
        Ending::Promoted => "promoted by a person",
        Ending::HoldExpired => "nobody came",
    }
}

/// The numbers behind the newest judgement, what fails first.
pub(super) fn gates(rollout: &RolloutReport) -> Option<(String, Vec<String>)> {
    let mut measured: Vec<(&str, &Measurement)> = rollout
        .judged
        .iter()
        .flat_map(|judged| {
            judged
                .measurements
                .iter()
                .map(|m| (judged.monitor.as_str(), m))
        })
        .collect();
    if measured.is_empty() {
        return None;
    }
    measured.sort_by_key(|(_, m)| std::cmp::Reverse(m.verdict));
    let stable = rollout
        .stable
        .as_ref()
        .map_or("before", |revision| revision.short());
    // How it went is a column where there is anything to see in it.
    let courses: Vec<String> = measured
        .iter()
        .map(|(monitor, m)| {
            let course = rollout.course(monitor, &m.name);
            let candidate = course.and_then(|course| evidence::sparklines(course).0);
            candidate.unwrap_or_default()
        })
        .collect();
    let has_courses = courses.iter().any(|course| !course.is_empty());
    let (title, line) = match has_courses {
        true => (" Course |", "---|"),
        false => ("", ""),
    };
    let head = format!(
        "| Gate | Stable {} | Candidate {} | Limit |{title} | Evidence |\n|---|---:|---:|---:|{line}---|---|",
        code(stable),
        code(rollout.candidate.short())
    );
    let rows = measured
        .into_iter()
        .zip(courses)
        .map(|((monitor, m), course)| {
            let course = match has_courses {
                true => format!(" {course} |"),
                false => String::new(),
            };
            format!(
                "| {} ({}) | {} | {} | {} |{course} {} | {} |",
                brief(&m.name, 60),
                brief(monitor, 60),
                value(m.stable, &m.unit),
                value(m.candidate, &m.unit),
                value(m.limit, &m.unit),
                mark(m),
                brief(&m.evidence, LONGEST_CELL)
            )
        });
    Some((head, rows.collect()))
}

fn value(value: Option<f64>, unit: &str) -> String {
    match value {
        Some(value) => evidence::amount(value, &brief(unit, 20)),
        None => "n/a".into(),
    }
}

pub(super) const COURSE: &str = "| Time (UTC) | Stable | Candidate |\n|---|---:|---:|";

/// What one gate measured, in a few steps.
pub(super) fn course(course: &Course, unit: &str) -> Vec<String> {
    let row = |(at, stable, candidate): (Time, Option<f64>, Option<f64>)| {
        let (stable, candidate) = (value(stable, unit), value(candidate, unit));
        format!("| {} | {stable} | {candidate} |", at.clock())
    };
    let steps = course.binned(MOST_STEPS).into_iter();
    // Nobody looked at that time.
    let steps = steps.filter(|(_, stable, candidate)| stable.is_some() || candidate.is_some());
    steps.map(row).collect()
}

/// What monitors saw beside the numbers, the worst first.
pub(super) fn findings(rollout: &RolloutReport) -> Vec<String> {
    let mut all: Vec<_> = rollout
        .judged
        .iter()
        .flat_map(|judged| &judged.findings)
        .collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    all.into_iter()
        .map(|finding| {
            format!(
                "- {}**{}**: {}",
                level(finding.level),
                brief(&finding.title, 120),
                brief(&finding.message, LONGEST_CELL)
            )
        })
        .collect()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Notice => "",
        Level::Warning => "⚠️ ",
        Level::Failure => "❌ ",
    }
}

pub(super) const TIMELINE: &str = "| Time | Share | What |\n|---|---:|---|";

/// What happened in a rollout, and when.
pub(super) fn timeline(rollout: &RolloutReport) -> Vec<String> {
    let began = format!("began: {}", brief(&rollout.strategy, 60));
    let mut events: Vec<(Time, String, String)> = vec![(rollout.began, "0 %".into(), began)];
    for (at, weight) in &rollout.weights {
        events.push((*at, weight.to_string(), "share in force".into()));
    }
    for window in &rollout.windows {
        let what = format!(
            "{} after {}: {}",
            ending_word(window.ending),
            window.took,
            brief(&window.reason, LONGEST_CELL)
        );
        events.push((window.ended, window.weight.to_string(), what));
    }
    for record in &rollout.story {
        if let Entry::Verified { verified } = &record.entry
            && verified.iter().all(|found| found.objection().is_none())
        {
            let what = format!("tested: {}", brief(&record.in_words(), LONGEST_CELL));
            events.push((record.at, "0 %".into(), what));
        }
    }
    if let Some(at) = rollout.turned_back {
        let what = format!("turned back: {}", brief(&rollout.reason, LONGEST_CELL));
        events.push((at, String::new(), what));
    }
    if let Some(at) = rollout.went_back {
        events.push((at, "0 %".into(), "all traffic is back".into()));
    }
    if let Some(at) = rollout.ended {
        let outcome = rollout
            .outcome
            .map_or(String::new(), |outcome| outcome.to_string());
        events.push((at, rollout.weight.to_string(), outcome));
    }
    events.sort_by_key(|(at, ..)| *at);
    let row = |(at, share, what): (Time, String, String)| {
        format!("| {} | {share} | {what} |", at.clock())
    };
    events.into_iter().map(row).collect()
}

pub(super) const STAGES: &str = "| Stage | Result | Took | Plugin | |\n|---|---|---:|---|---|";

/// Each stage of the run.
pub(super) fn stages(report: &Report) -> Vec<String> {
    let row = |stage: &StageReport| {
        let result = match stage.result {
            Some(StageResult::Passed) => "✅ passed",
            Some(StageResult::Failed) => "❌ failed",
            Some(StageResult::Waiting) => "🟡 waiting",
            Some(StageResult::Skipped) => "⚪ skipped",
            None => "🟡 running",
        };
        let took = match (stage.began, stage.ended) {
            (Some(began), Some(ended)) => ended.since(began).to_string(),
            (Some(_) | None, Some(_) | None) => String::new(),
        };
        format!(
            "| {} | {result} | {took} | {} | {} |",
            brief(stage.stage.title(), 60),
            brief(plugin_of(&stage.stage), 60),
            brief(&output_of(stage), LONGEST_CELL)
        )
    };
    report.stages.iter().map(row).collect()
}

pub(super) const PLAN: &str = "| At | Share | Waits for |\n|---:|---:|---|";

/// The steps of a plan.
pub(super) fn plan(plan: &RolloutPlan) -> Vec<String> {
    let steps = plan.steps.iter();
    let row = |step: &baepo_core::pipeline::PlannedStep| {
        format!(
            "| {} | {} | {} |",
            step.at,
            step.weight,
            brief(&step.waits_for, LONGEST_CELL)
        )
    };
    steps.map(row).collect()
}

/// What plugins want that they did not want before.
pub(super) fn wishes(all: &[ChangedWishes]) -> Vec<String> {
    let mut rows = Vec::new();
    for changed in all {
        rows.push(format!("\n- {}", code(&shorten(&changed.plugin, 200))));
        for line in changed.lines.iter().take(MOST_TARGETS) {
            rows.push(format!("  - {}", code(&shorten(line, LONGEST_CELL))));
        }
        if let Some(more @ 1..) = changed.lines.len().checked_sub(MOST_TARGETS) {
            rows.push(format!("  - and {more} more"));
        }
    }
    rows
}

pub(super) const USED: &str = "| Plugin | Capability | Used |\n|---|---|---|";

/// What each plugin used, a row for each capability.
pub(super) fn used(all: &[Used]) -> Vec<String> {
    let mut rows: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for used in all {
        let known = rows.iter_mut().find(|(plugin, capability, _)| {
            *plugin == used.plugin && *capability == used.capability
        });
        let target = code(&shorten(&used.target, 100));
        match known {
            Some((.., targets)) => targets.push(target),
            None => rows.push((&used.plugin, &used.capability, vec![target])),
        }
    }
    let row = |(plugin, capability, targets): (&str, &str, Vec<String>)| {
        let more = match targets.len().saturating_sub(MOST_TARGETS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<_> = targets.into_iter().take(MOST_TARGETS).collect();
        format!(
            "| {} | {} | {}{more} |",
            brief(plugin, 60),
            escape(capability),
            shown.join(", ")
        )
    };
    rows.into_iter().map(row).collect()
}

pub(super) const FAILURES: &str = "| Where | What |\n|---|---|";

/// Failed tests, and remarks on the code, the worst first.
pub(super) fn failures(report: &Report) -> Vec<String> {
    let mut failed: Vec<&(String, String)> = Vec::new();
    let mut remarks = Vec::new();
    for stage in &report.stages {
        if let Some(StageOutput::Tests { failures, .. }) = &stage.output {
            failed.extend(failures);
        }
        remarks.extend(&stage.annotations);
    }
    let verified = report.rollouts.iter().flat_map(|rollout| &rollout.verified);
    failed.extend(verified.flat_map(|verified| &verified.failures));
    let row = |(name, message): &(String, String)| {
        let (name, message) = (code(&shorten(name, 120)), brief(message, LONGEST_CELL));
        format!("| ❌ {name} | {message} |")
    };
    let mut rows: Vec<String> = failed.into_iter().map(row).collect();
    remarks.sort_by_key(|annotation| std::cmp::Reverse(annotation.level));
    rows.extend(remarks.into_iter().map(|annotation| {
        let place = format!(
            "{}:{}",
            shorten(&annotation.path, 200),
            annotation.start_line
        );
        let title = match annotation.title.trim() {
            "" => String::new(),
            title => format!("**{}** ", brief(title, 120)),
        };
        format!(
            "| {}{} | {title}{} |",
            level(annotation.level),
            code(&place),
            brief(&annotation.message, LONGEST_CELL)
        )
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plugins_used_is_a_row_for_each_capability() {
        let one = |plugin: &str, capability: &str, target: String| Used {
            plugin: plugin.into(),
            capability: capability.into(),
            target,
        };
        let mut all = vec![
            one("command", "run", "cargo".into()),
            one("ask", "net", "https://a.dev|@team".into()),
        ];
        all.extend((0..22).map(|number| one("command", "read", format!("f{number}"))));
        let rows = used(&all);
        assert_eq!(rows[0], "| command | run | `cargo` |");
        assert_eq!(rows[1], "| ask | net | `https://a.dev @team` |");
        assert!(rows[2].ends_with("`f19` and 2 more |"), "{}", rows[2]);
        assert_eq!(rows.len(), 3);
    }
}

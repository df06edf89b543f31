//! A report for people on GitHub: the comment of a pull request and, longer,
//! the summary of a job.
//!
//! Everything that did not come from baepo itself goes through [`escape`]:
//! commit messages, test names and what plugins say cannot mention people,
//! link issues, break tables or imitate a marker.

use baepo_core::pipeline::{StageOutput, StageResult};
use baepo_core::report::{ChangedWishes, Report, RolloutReport, StageReport, Used, WindowReport};
use baepo_core::rollout::{Ending, Outcome};
use baepo_core::verdict::{Measurement, Verdict};

use super::words::{self, output_of, plugin_of};
use super::{grouped, headline, next_step, percent};

/// Most targets of one capability, and wishes of one plugin, that are named.
const MOST_TARGETS: usize = 20;

/// Plain text as Markdown that shows just that text, on one line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width joiner keeps mentions and links to issues from
            // working and cannot be seen.
            '@' | '#' => {
                out.push(c);
                out.push('\u{2060}');
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '~' | '|' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Text as inline code: nothing in it is interpreted.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let text = text.replace(['\n', '\r', '|'], " ");
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn light(report: &Report) -> &'static str {
    match report.ended.as_ref().map(|end| end.outcome) {
        Some(Outcome::Succeeded) => "🟢",
        Some(Outcome::RolledBack | Outcome::Failed | Outcome::Stuck) => "🔴",
        Some(Outcome::Cancelled | Outcome::Refused) => "⚪",
        Some(Outcome::Waiting) | None => "🟡",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "✅ healthy",
        Verdict::Failing => "❌ failing",
        Verdict::Inconclusive => "❔ inconclusive",
    }
}

/// The comment: at most two screens, details folded.
pub fn comment(report: &Report) -> String {
    let mut parts = vec![format!(
        "### {} {}",
        light(report),
        escape(&headline(report))
    )];
    parts.push(format!(
        "**{}** · {} · {}",
        next_step(report),
        code(report.revision.short()),
        escape(&report.revision.summary)
    ));
    parts.push(flow(report));
    for rollout in &report.rollouts {
        parts.extend(rollout_sections(rollout));
    }
    parts.push(folded("Stages", &stages(report)));
    if let Some(failures) = failures(report) {
        parts.push(failures);
    }
    if !report.wishes.is_empty() {
        parts.push(wishes(&report.wishes));
    }
    if !report.used.is_empty() {
        parts.push(folded(
            "What plugins used of what they may",
            &used(&report.used),
        ));
    }
    for (_, note) in &report.notes {
        parts.push(format!("> {}", escape(note)));
    }
    parts.push(format!(
        "<sub>Updated {} UTC by run {}. {}</sub>",
        report.updated.clock(),
        code(&report.run),
        commands(report)
    ));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

/// The summary of a job: the comment, and every window and step under it.
pub fn summary(report: &Report) -> String {
    let mut text = comment(report);
    for rollout in &report.rollouts {
        text.push_str(&format!(
            "\n## {}: every window\n\n",
            escape(&rollout.environment)
        ));
        text.push_str("| Ended (UTC) | Asked | Measured | Took | Result | Why |\n|---|---:|---:|---:|---|---|\n");
        for window in &rollout.windows {
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                window.ended.clock(),
                window.weight,
                measured(window),
                window.took,
                ending_word(window.ending),
                escape(&window.reason)
            ));
        }
        text.push_str(&format!("\n{} decisions were made.\n", rollout.decisions));
    }
    text
}

/// The share of the requests that were counted, and of how many.
fn measured(window: &WindowReport) -> String {
    match (window.measured(), window.served) {
        (Some(share), Some((stable, candidate))) => {
            let all = grouped(stable.requests + candidate.requests);
            format!("{share} of {all}")
        }
        _ => "n/a".into(),
    }
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Reached => "reached",
        Ending::Healthy => "healthy",
        Ending::Inconclusive => "inconclusive",
        Ending::Resumed => "resumed by a person",
        Ending::Promoted => "promoted by a person",
        Ending::HoldExpired => "nobody came",
    }
}

/// The stages as a picture, with the same as text for where pictures are not
/// drawn.
fn flow(report: &Report) -> String {
    let mut nodes = Vec::new();
    for (index, stage) in report.stages.iter().enumerate() {
        let class = match stage.result {
            Some(StageResult::Passed) => "ok",
            Some(StageResult::Failed) => "bad",
            Some(StageResult::Skipped) => "todo",
            Some(StageResult::Waiting) | None => "run",
        };
        let title: String = stage
            .stage
            .title()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
            .collect();
        nodes.push(format!("S{index}[\"{}\"]:::{class}", title.trim()));
    }
    if nodes.is_empty() {
        return String::new();
    }
    format!(
        "```mermaid\nflowchart LR\n  {}\n  classDef ok fill:#1a7f37,color:#ffffff\n  classDef bad fill:#cf222e,color:#ffffff\n  classDef run fill:#9a6700,color:#ffffff\n  classDef todo fill:#6e7781,color:#ffffff\n```",
        nodes.join(" --> ")
    )
}

fn rollout_sections(rollout: &RolloutReport) -> Vec<String> {
    let mut parts = vec![gates(rollout)];
    if let Some((stable, candidate)) = rollout.served
        && candidate.requests > 0
    {
        parts.push(format!(
            "{} of {} requests were answered by {} ({} failed), the largest share was {}.",
            grouped(candidate.requests),
            grouped(candidate.requests + stable.requests),
            code(rollout.candidate.short()),
            percent(candidate),
            rollout.peak
        ));
    }
    let cut = rollout.served.and_then(|(old, new)| words::cut(old, new));
    parts.extend(cut);
    for judged in &rollout.judged {
        for finding in judged.findings.iter().take(5) {
            parts.push(format!(
                "**{}**: {}",
                escape(&finding.title),
                escape(&finding.message)
            ));
        }
    }
    parts.push(folded(
        &format!("Timeline of {} (UTC)", escape(&rollout.environment)),
        &timeline(rollout),
    ));
    parts
}

/// The numbers behind the newest judgement.
fn gates(rollout: &RolloutReport) -> String {
    let measurements: Vec<(&str, &Measurement)> = rollout
        .judged
        .iter()
        .flat_map(|judged| {
            judged
                .measurements
                .iter()
                .map(|m| (judged.monitor.as_str(), m))
        })
        .collect();
    if measurements.is_empty() {
        return String::new();
    }
    let stable = rollout
        .stable
        .as_ref()
        .map_or("before", |revision| revision.short());
    let mut text = format!(
        "| Gate | Stable {} | Candidate {} | Limit | | Evidence |\n|---|---:|---:|---:|---|---|\n",
        code(stable),
        code(rollout.candidate.short())
    );
    for (monitor, m) in measurements {
        text.push_str(&format!(
            "| {} ({}) | {} | {} | {} | {} | {} |\n",
            escape(&m.name),
            escape(monitor),
            value(m.stable, &m.unit),
            value(m.candidate, &m.unit),
            value(m.limit, &m.unit),
            mark(m.verdict),
            escape(&m.evidence)
        ));
    }
    text.trim_end().to_owned()
}

fn value(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else {
        return "n/a".into();
    };
    let number = if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        grouped(value as u64)
    } else {
        format!("{value:.2}")
    };
    format!("{number} {}", escape(unit)).trim_end().to_owned()
}

fn timeline(rollout: &RolloutReport) -> String {
    let mut text = String::from("| Time | Share | What |\n|---|---:|---|\n");
    let mut row = |at: baepo_core::time::Time, share: String, what: String| {
        text.push_str(&format!("| {} | {share} | {what} |\n", at.clock()));
    };
    row(
        rollout.began,
        "0 %".into(),
        format!("began: {}", escape(&rollout.strategy)),
    );
    let mut events: Vec<(baepo_core::time::Time, String, String)> = Vec::new();
    for (at, weight) in &rollout.weights {
        events.push((*at, weight.to_string(), "share in force".into()));
    }
    for window in &rollout.windows {
        let what = format!(
            "{} after {}: {}",
            ending_word(window.ending),
            window.took,
            escape(&window.reason)
        );
        events.push((window.ended, window.weight.to_string(), what));
    }
    if let Some(at) = rollout.turned_back {
        events.push((
            at,
            String::new(),
            format!("turned back: {}", escape(&rollout.reason)),
        ));
    }
    if let Some(at) = rollout.ended {
        let outcome = rollout
            .outcome
            .map_or(String::new(), |outcome| outcome.to_string());
        events.push((at, rollout.weight.to_string(), outcome));
    }
    events.sort_by_key(|(at, ..)| *at);
    for (at, share, what) in events {
        row(at, share, what);
    }
    text
}

fn stages(report: &Report) -> String {
    let mut text = String::from("| Stage | Result | Took | Plugin | |\n|---|---|---:|---|---|\n");
    for stage in &report.stages {
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
        text.push_str(&format!(
            "| {} | {result} | {took} | {} | {} |\n",
            escape(stage.stage.title()),
            escape(plugin_of(&stage.stage)),
            escape(&output_of(stage))
        ));
    }
    text
}

/// What plugins want that they did not want before; not folded, because a
/// reviewer has to decide on it.
fn wishes(all: &[ChangedWishes]) -> String {
    let mut text = String::from("**Plugins want something else than before**\n");
    for changed in all {
        text.push_str(&format!("\n- {}\n", code(&shorten(&changed.plugin, 200))));
        for line in changed.lines.iter().take(MOST_TARGETS) {
            text.push_str(&format!("  - {}\n", code(&shorten(line, 300))));
        }
        if let Some(more @ 1..) = changed.lines.len().checked_sub(MOST_TARGETS) {
            text.push_str(&format!("  - and {more} more\n"));
        }
    }
    text
}

/// What each plugin used, a row for each capability.
fn used(all: &[Used]) -> String {
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
    let mut text = String::from("| Plugin | Capability | Used |\n|---|---|---|\n");
    for (plugin, capability, targets) in rows {
        let more = match targets.len().saturating_sub(MOST_TARGETS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<_> = targets.into_iter().take(MOST_TARGETS).collect();
        text.push_str(&format!(
            "| {} | {} | {}{more} |\n",
            escape(plugin),
            escape(capability),
            shown.join(", ")
        ));
    }
    text
}

/// Failed tests and remarks on the code, folded.
fn failures(report: &Report) -> Option<String> {
    let mut rows = Vec::new();
    for stage in &report.stages {
        if let Some(StageOutput::Tests { failures, .. }) = &stage.output {
            for (name, message) in failures.iter().take(10) {
                rows.push(format!(
                    "| {} | {} |",
                    code(name),
                    escape(&shorten(message, 300))
                ));
            }
        }
        rows.extend(remarks(stage));
    }
    (!rows.is_empty()).then(|| {
        folded(
            "Failures and remarks",
            &format!("| Where | What |\n|---|---|\n{}\n", rows.join("\n")),
        )
    })
}

fn remarks(stage: &StageReport) -> impl Iterator<Item = String> {
    stage.annotations.iter().take(20).map(|annotation| {
        format!(
            "| {} | {} |",
            code(&format!("{}:{}", annotation.path, annotation.start_line)),
            escape(&shorten(&annotation.message, 300))
        )
    })
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn folded(title: &str, body: &str) -> String {
    format!(
        "<details><summary>{title}</summary>\n\n{}\n\n</details>",
        body.trim_end()
    )
}

/// The commands that work now, not all that exist.
fn commands(report: &Report) -> &'static str {
    let holding = report
        .rollouts
        .last()
        .is_some_and(|rollout| rollout.holding.is_some());
    match report.ended.as_ref().map(|end| end.outcome) {
        None if holding => "You can say: `baepo promote`, `baepo resume`, `baepo abort`.",
        None => "You can say: `baepo pause`, `baepo promote`, `baepo abort`.",
        Some(Outcome::Succeeded) => "You can say: `baepo rollback`, `baepo status`.",
        Some(Outcome::RolledBack | Outcome::Failed) => {
            "You can say: `baepo retry`, `baepo status`."
        }
        Some(Outcome::Stuck) => "You can say: `baepo abort`, `baepo status`.",
        Some(Outcome::Waiting | Outcome::Refused | Outcome::Cancelled) => {
            "You can say: `baepo status`."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_mention_link_or_break_out() {
        let text = escape("@team see #12 <!-- baepo --> | `x` [a](b)\n# big");
        assert!(!text.contains("@team") && !text.contains("#12") && !text.contains("<!--"));
        assert!(!text.contains('\n') && !text.contains(" | "));
        assert!(text.contains("\\[a\\](b)"));
    }

    #[test]
    fn code_keeps_its_own_backticks_inside() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a `` b"), "``` a `` b ```");
    }

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
        let text = used(&all);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(rows[0], "| command | run | `cargo` |");
        assert_eq!(rows[1], "| ask | net | `https://a.dev @team` |");
        assert!(rows[2].ends_with("`f19` and 2 more |"), "{}", rows[2]);
        assert_eq!(rows.len(), 3);
    }
}

//! A report on a terminal: the first line answers, the next says what to do.

use baepo_core::hook::Section;
use baepo_core::pipeline::{StageOutput, StageResult};
use baepo_core::report::{Course, Report, RolloutReport, StageReport};
use baepo_core::rollout::Outcome;
use baepo_core::time::Time;
use baepo_core::verdict::Measurement;
use baepo_core::weight::BasisPoints;

use super::evidence::{self, amount};
use super::markdown::escape::shorten;
use super::words::{self, at_turning, failure_of, output_of, plugin_of};
use super::{grouped, headline, next_step, percent, verdict_word};

/// How much of what a feedback plugin says is shown: lines, and characters.
const MOST_LINES: usize = 40;
const LONGEST_LINE: usize = 400;
const LONGEST_TITLE: usize = 120;

/// How many failed tests are shown, and how many lines of what each says.
const MOST_FAILURES: usize = 5;
const MOST_SAID: usize = 12;

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.into()
        }
    }
    /// For what is fine.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }
    /// For what is not.
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }
    /// For what is going on or waits.
    pub fn busy(self, text: &str) -> String {
        self.with("33", text)
    }
    /// For what matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    /// For what matters more.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

/// `✓ build     command   1m 12s   shop 4.1 MB`.
pub fn stage_line(stage: &StageReport, paint: Paint) -> String {
    let took = match (stage.began, stage.ended) {
        (Some(began), Some(ended)) => ended.since(began).to_string(),
        (Some(_) | None, Some(_) | None) => String::new(),
    };
    let (mark, text) = match stage.result {
        Some(StageResult::Passed) => (paint.good("✓"), output_of(stage)),
        Some(StageResult::Failed) => (paint.bad("✗"), failure_of(stage)),
        Some(StageResult::Waiting) => (paint.busy("●"), output_of(stage)),
        Some(StageResult::Skipped) => (paint.dim("-"), "skipped".into()),
        None => (paint.busy("●"), String::new()),
    };
    let (title, plugin) = (stage.stage.title(), plugin_of(&stage.stage));
    let line = format!("{mark} {title:<10} {plugin:<10} {took:>8}   {text}");
    let mut lines = vec![line.trim_end().to_owned()];
    if let Some(StageOutput::Tests { counts, failures }) = &stage.output {
        lines.extend(failed_lines(failures, paint));
        let more = (counts.failed as usize).saturating_sub(MOST_FAILURES);
        if more > 0 && failures.len() >= MOST_FAILURES {
            lines.push(format!("    and {more} more, in the report"));
        }
    }
    lines.join("\n")
}

/// What failed in tests, and the beginning of what each says of it.
fn failed_lines(failures: &[(String, String)], paint: Paint) -> Vec<String> {
    let plain = |line: &str| -> String { line.chars().filter(|c| !c.is_control()).collect() };
    let mut lines = Vec::new();
    for (name, message) in failures.iter().take(MOST_FAILURES) {
        lines.push(format!(
            "  {} {}",
            paint.bad("✗"),
            shorten(&plain(name), LONGEST_TITLE)
        ));
        let said = message.trim_end().lines();
        let all = said.clone().count();
        let said = said.take(MOST_SAID);
        lines.extend(said.map(|line| format!("    {}", shorten(&plain(line), LONGEST_LINE))));
        if all > MOST_SAID {
            lines.push(format!(
                "    {}",
                paint.dim(&format!("and {} more lines", all - MOST_SAID))
            ));
        }
    }
    lines
}

/// `━━━━━╸━━━━━━━━━━━━━━` for a share.
pub fn bar(weight: BasisPoints, width: usize, paint: Paint) -> String {
    let filled = (weight.value() as usize * width).div_ceil(10_000);
    let (full, rest) = ("━".repeat(filled), "━".repeat(width - filled));
    if paint.0 {
        format!("{}{}", paint.good(&full), paint.dim(&rest))
    } else {
        format!("{full}{}", "·".repeat(width - filled))
    }
}

/// How a rollout that goes on stands: `● production canary 25 %  ━━━━━──────
/// 9f31c2e healthy`, and under it the numbers behind the newest judgement, the
/// candidate's first: `requests 20,377 (61,204) · failures 0.24 % (0.21)`.
pub fn rollout_lines(rollout: &RolloutReport, paint: Paint) -> String {
    let mark = if rollout.turned_back.is_some() {
        paint.bad("●")
    } else {
        paint.busy("●")
    };
    let verdict = rollout
        .judgement
        .as_ref()
        .map_or("", |judgement| verdict_word(judgement.verdict));
    let line = format!(
        "{mark} {} {} {:>6}  {}  {} {verdict}",
        paint.bold(&rollout.environment),
        rollout.strategy,
        rollout.weight.to_string(),
        bar(rollout.weight, 20, paint),
        rollout.candidate.short(),
    );
    let measured = rollout
        .judged
        .iter()
        .flat_map(|judged| &judged.measurements);
    let numbers: Vec<String> = measured.filter_map(both_sides).take(4).collect();
    match numbers.as_slice() {
        [] => line,
        numbers => format!("{line}\n  {}", numbers.join(" · ")),
    }
}

/// `failures 0.24 % (0.21)`: the candidate's value, and stable's.
fn both_sides(measurement: &Measurement) -> Option<String> {
    let (name, unit) = (&measurement.name, &measurement.unit);
    let candidate = amount(measurement.candidate?, unit);
    let stable = measurement
        .stable
        .map_or(String::new(), |stable| format!(" ({})", amount(stable, "")));
    Some(format!("{name} {candidate}{stable}"))
}

/// What comes next, under the line of a rollout.
pub fn next_line(rollout: &RolloutReport, now: Time, paint: Paint) -> String {
    let text = if let Some((reason, until)) = &rollout.holding {
        format!(
            "waits for a person for up to {}: {reason}; say: baepo promote | resume | abort",
            until.since(now)
        )
    } else if rollout.turned_back.is_some() {
        format!("going back: {}", rollout.reason)
    } else if let Some((_, until)) = rollout.observing {
        format!("{} (decides within {})", rollout.reason, until.since(now))
    } else {
        rollout.reason.clone()
    };
    format!("  {}", paint.dim(&text))
}

/// The keys that are of use now, on a line of their own; none on the way back.
pub fn keys_line(rollout: &RolloutReport, paint: Paint) -> String {
    let keys = match &rollout.holding {
        _ if rollout.turned_back.is_some() => return String::new(),
        Some(_) => "[p]romote  [a]bort  [space] resume",
        None => "[p]romote  [a]bort  [space] pause",
    };
    format!("\n  {}", paint.dim(keys))
}

/// The last lines of a rollout: the story.
pub fn rollout_story(rollout: &RolloutReport, paint: Paint) -> String {
    let took = rollout.ended.unwrap_or(rollout.began).since(rollout.began);
    let revision = rollout.candidate.short();
    let environment = &rollout.environment;
    let mut lines = Vec::new();
    match rollout.outcome {
        Some(Outcome::Succeeded) => {
            let how = &rollout.strategy;
            lines.push(format!(
                "{} {} {how}, live after {took}: {revision} serves 100 %",
                paint.good("✓"),
                paint.bold(environment)
            ));
        }
        Some(Outcome::RolledBack) => {
            let turned = rollout.turned_back.unwrap_or(rollout.began);
            lines.push(format!(
                "{} {} rolled back at {} after {}: {}",
                paint.bad("✗"),
                paint.bold(environment),
                at_turning(rollout),
                turned.since(rollout.began),
                rollout.reason
            ));
            lines.extend(failing_lines(rollout, paint));
            if let (Some(stable), Some(back)) = (&rollout.stable, rollout.went_back) {
                let (stable, took) = (stable.short(), back.since(turned));
                lines.push(format!(
                    "  All traffic is on {stable} since {} ({took} after the decision).",
                    back.clock()
                ));
            }
        }
        Some(outcome) => lines.push(format!(
            "{} {} {outcome} after {took}: {}",
            paint.bad("✗"),
            paint.bold(environment),
            rollout.reason
        )),
        // The run is over before its rollout: it was cancelled, and others tidy up.
        None if rollout.turned_back.is_some() => {
            lines.push(format!(
                "{} {} turned back at {}: {}",
                paint.bad("✗"),
                paint.bold(environment),
                at_turning(rollout),
                rollout.reason
            ));
            if let Some(stable) = rollout
                .stable
                .as_ref()
                .filter(|_| rollout.weight.value() == 0)
            {
                lines.push(format!("  All traffic is on {}.", stable.short()));
            }
        }
        None => lines.push(rollout_lines(rollout, paint)),
    }
    if let Some((stable, candidate)) = rollout.served
        && candidate.requests > 0
    {
        let all = stable.requests + candidate.requests;
        lines.push(format!(
            "  {} of {} requests were answered by {revision}; {} of them failed ({}).",
            grouped(candidate.requests),
            grouped(all),
            grouped(candidate.failures),
            percent(candidate)
        ));
    }
    let cut = rollout.served.and_then(|(old, new)| words::cut(old, new));
    lines.extend(cut.map(|cut| format!("  {cut}")));
    for judged in &rollout.judged {
        for finding in judged.findings.iter().take(3) {
            lines.push(format!("  {}: {}", finding.title, finding.message));
        }
    }
    lines.join("\n")
}

/// `  failures 4.93 % ▁▁▂▅█, stable 0.21 % ▁▁▁▁▁, limit 1 %` for each number that
/// fails.
fn failing_lines(rollout: &RolloutReport, paint: Paint) -> Vec<String> {
    let line = |(m, course): (&Measurement, Option<&Course>)| {
        let (candidate, stable) = course.map(evidence::sparklines).unwrap_or_default();
        let part = |what: &str, value: Option<f64>, curve: Option<String>| {
            let value = amount(value?, &m.unit);
            let curve = curve.map_or(String::new(), |curve| format!(" {curve}"));
            Some(format!("{what} {value}{curve}"))
        };
        let parts = [
            part(&paint.bold(&m.name), m.candidate, candidate),
            part("stable", m.stable, stable),
            part("limit", m.limit, None),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("  {}", parts.join(", "))
    };
    evidence::failing(rollout).into_iter().map(line).collect()
}

/// What a feedback plugin adds: text of a stranger, so without what could
/// steer a terminal.
pub fn section(section: &Section) -> String {
    let plain = |line: &str| -> String { line.chars().filter(|c| !c.is_control()).collect() };
    let mut text = format!("  {}", shorten(&plain(&section.title), LONGEST_TITLE));
    let lines = section.body.lines().take(MOST_LINES);
    let lines: Vec<String> = lines
        .map(|line| shorten(&plain(line).replace("**", ""), LONGEST_LINE))
        .collect();
    for line in aligned(&lines) {
        text.push_str("\n    ");
        text.push_str(&line);
    }
    text
}

/// Lines of Markdown whose tables have columns of one width, and no marks.
fn aligned(lines: &[String]) -> Vec<String> {
    let cells = |line: &String| -> Option<Vec<String>> {
        let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(
            inside
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect(),
        )
    };
    let is_rule = |row: &Vec<String>| {
        row.iter()
            .all(|cell| !cell.is_empty() && cell.chars().all(|c| "-: ".contains(c)))
    };
    let mut out = Vec::new();
    let mut table: Vec<Vec<String>> = Vec::new();
    let end_table = |table: &mut Vec<Vec<String>>, out: &mut Vec<String>| {
        let columns = table.iter().map(Vec::len).max().unwrap_or_default();
        let width_of = |column: usize| {
            let cells = table.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        for row in table.drain(..) {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            out.push(cells.join("   ").trim_end().to_owned());
        }
    };
    for line in lines {
        match cells(line) {
            Some(row) if is_rule(&row) => {}
            Some(row) => table.push(row),
            None => {
                end_table(&mut table, &mut out);
                out.push(line.clone());
            }
        }
    }
    end_table(&mut table, &mut out);
    out
}

/// The end of a run: what happened and what to do.
pub fn ending(report: &Report, paint: Paint) -> String {
    let outcome = report.ended.as_ref().map(|end| end.outcome);
    let line = headline(report);
    let line = match outcome {
        Some(Outcome::Succeeded) => paint.good(&line),
        Some(Outcome::Waiting) | None => paint.busy(&line),
        Some(_) => paint.bad(&line),
    };
    format!("{line}\n  next: {}", next_step(report))
}

#[cfg(test)]
mod tests {
    use baepo_core::hook::TestCounts;
    use baepo_core::pipeline::Stage;
    use expect_test::expect;

    use super::*;

    #[test]
    fn tables_of_sections_have_columns() {
        let section = Section {
            title: "How delivery goes".into(),
            body: "One line.\n\n| Measure | Value |\n|---|---:|\n| Failed | **2** of 3 |\n| Time | 1m |\nAnd | not a table."
                .into(),
        };
        let text = super::section(&section);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let expected = [
            "  How delivery goes",
            "    One line.",
            "",
            "    Measure   Value",
            "    Failed    2 of 3",
            "    Time      1m",
            "    And | not a table.",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn failed_tests_say_why_and_not_too_much() {
        let said = (1..=14).map(|n| format!("line {n}\u{1b}[2J\n"));
        let stage = StageReport {
            stage: Stage::Test("junit".into()),
            began: Some(Time(1_000)),
            ended: Some(Time(2_500)),
            result: Some(StageResult::Failed),
            output: Some(StageOutput::Tests {
                counts: TestCounts {
                    passed: 3,
                    failed: 7,
                    skipped: 0,
                },
                failures: (1..=7)
                    .map(|n| {
                        (
                            format!("cart case {n}"),
                            if n == 1 {
                                said.clone().collect()
                            } else {
                                String::new()
                            },
                        )
                    })
                    .collect(),
            }),
            annotations: Vec::new(),
        };
        let text = stage_line(&stage, Paint(false));
        assert!(!text.contains('\u{1b}'), "{text}");
        expect![[r#"
            ✗ test       junit          1.5s   7 of 10 tests failed: cart case 1
              ✗ cart case 1
                line 1[2J
                line 2[2J
                line 3[2J
                line 4[2J
                line 5[2J
                line 6[2J
                line 7[2J
                line 8[2J
                line 9[2J
                line 10[2J
                line 11[2J
                line 12[2J
                and 2 more lines
              ✗ cart case 2
              ✗ cart case 3
              ✗ cart case 4
              ✗ cart case 5
                and 2 more, in the report"#]]
        .assert_eq(&text);
    }
}

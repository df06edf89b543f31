//! A report for people on GitHub: the comment of a pull request and, longer,
//! the summary of a job.
//!
//! Everything that did not come from baepo itself goes through
//! [`escape::escape`] or [`escape::code`]: commit messages, test names and what
//! plugins say cannot mention people, link issues, break tables or imitate a
//! marker.

mod diagram;
pub mod escape;
mod foreign;
mod hearsay;
mod pictures;
mod section;
mod tables;

use std::collections::BTreeMap;

use baepo_core::pipeline::{RolloutPlan, RunCause, Stage, StageOutput, StageResult};
use baepo_core::report::{Report, RolloutReport, StageReport, WindowReport};
use baepo_core::rollout::{Cause, Outcome};

use super::evidence;
use super::words::{self, at_turning};
use super::{grouped, headline, next_step, percent};
use escape::{brief, code, html, link};
pub use hearsay::hearsay;
use section::{Room, Section, fit};

/// The longest headline: it holds a reason, which may be a plugin's.
const LONGEST_HEADLINE: usize = 300;

/// How many lines are shown of what a failed program printed, and how many
/// characters of each.
const MOST_PRINTED: usize = 30;
const LONGEST_PRINTED: usize = 300;
/// The longest summary of a job, in bytes: 1 MiB is the limit for all that a
/// step hands over, and a plugin's own text may be in it already.
const LARGEST_SUMMARY: usize = 1_000_000;
/// The longest answer to a command, in characters; far from what a comment
/// takes.
const LONGEST_ANSWER: usize = 20_000;

/// What a page knows beside the report: where things are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The page of the run.
    pub run: Option<String>,
    /// The page of the check.
    pub check: Option<String>,
    /// The page of the commit.
    pub commit: Option<String>,
    /// Where people see an environment, by its name.
    pub environments: BTreeMap<String, String>,
    /// Commands can be said in comments.
    pub speaks: bool,
    /// Which surfaces of GitHub got the report, and which did not and why;
    /// Markdown, one line.
    pub delivery: Option<String>,
}

fn light(report: &Report) -> &'static str {
    let is_locked = |cause| cause == RunCause::Rollout(Cause::Locked);
    let is_holding = words::awaits_approval(report)
        || report
            .rollouts
            .last()
            .is_some_and(|rollout| rollout.holding.is_some() && rollout.outcome.is_none());
    match report.ended.as_ref().map(|end| (end.outcome, end.cause)) {
        Some((Outcome::Succeeded, _)) => "🟢",
        Some((Outcome::RolledBack | Outcome::Failed | Outcome::Stuck, _)) => "🔴",
        Some((Outcome::Refused, cause)) if is_locked(cause) => "🔒",
        Some((Outcome::Cancelled | Outcome::Refused, _)) => "⚪",
        Some((Outcome::Waiting, _)) | None if is_holding => "🟣",
        Some((Outcome::Waiting, _)) | None => "🟡",
    }
}

/// The comment: at most two screens, details folded, and never longer than
/// `most_characters`.
pub fn comment(report: &Report, links: &Links, most_characters: usize) -> String {
    let whole = match &links.run {
        Some(url) => link("the summary of the run", url),
        None => None,
    };
    let whole = whole.unwrap_or_else(|| "the summary of the run".into());
    let said = |names: &str| {
        format!("> This is shortened to fit into a comment ({names}). All of it is in {whole}.")
    };
    let sections = sections(report, links, true);
    fit(&sections, Room::Characters(most_characters), &said)
}

/// The summary of a job: the comment, and every window and step under it.
pub fn summary(report: &Report, links: &Links) -> String {
    let mut sections = sections(report, links, true);
    for rollout in &report.rollouts {
        sections.push(windows(rollout));
    }
    if let Some(delivery) = &links.delivery {
        sections.push(Section::fixed(format!("**Delivery:** {delivery}")));
    }
    let said = |names: &str| {
        format!("> This is shortened to what GitHub takes ({names}). All of it is in the journal.")
    };
    fit(&sections, Room::Bytes(LARGEST_SUMMARY), &said)
}

/// What a check says: the same without pictures, of which nobody promises that
/// they are drawn there. Markdown of at most `most_characters`.
pub fn check(report: &Report, links: &Links, most_characters: usize) -> String {
    let mut sections = sections(
        report,
        &Links {
            check: None,
            ..links.clone()
        },
        false,
    );
    // Its title is the headline already.
    sections.remove(0);
    let said = |names: &str| {
        format!("> This is shortened ({names}). All of it is in the summary of the run.")
    };
    fit(&sections, Room::Characters(most_characters), &said)
}

fn sections(report: &Report, links: &Links, with_pictures: bool) -> Vec<Section> {
    let mut all = vec![Section::fixed(format!(
        "### {} {}",
        light(report),
        brief(&headline(report), LONGEST_HEADLINE)
    ))];
    all.push(Section::fixed(second_line(report, links)));
    if with_pictures {
        all.extend(diagram::flow(report).map(|flow| whole("picture", 5, flow)));
    }
    all.extend(report.stages.iter().filter_map(printed));
    for rollout in &report.rollouts {
        all.extend(rollout_sections(rollout));
    }
    for plan in &report.plans {
        all.push(planned(plan));
    }
    if !report.wishes.is_empty() {
        // Not folded, because a reviewer has to decide on it.
        let head = "**Plugins want something else than before**";
        all.push(Section::open(
            "wishes of plugins",
            2,
            head,
            tables::wishes(&report.wishes),
        ));
    }
    let failures = tables::failures(report);
    if !failures.is_empty() {
        let title = format!("Failures and remarks ({})", grouped(failures.len() as u64));
        all.push(Section::folded(
            "failures and remarks",
            3,
            &title,
            tables::FAILURES,
            failures,
        ));
    }
    all.extend(feedback(report));
    if with_pictures {
        for rollout in &report.rollouts {
            all.extend(pictures::courses(rollout));
            all.extend(pictures::share(rollout, report));
        }
    }
    all.extend(pictures::timelines(report, with_pictures));
    if !report.stages.is_empty() {
        all.push(Section::folded(
            "stages",
            4,
            "Stages",
            tables::STAGES,
            tables::stages(report),
        ));
    }
    if !report.used.is_empty() {
        let title = "What plugins used of what they may";
        all.push(Section::folded(
            "used capabilities",
            6,
            title,
            tables::USED,
            tables::used(&report.used),
        ));
    }
    if !report.notes.is_empty() {
        let notes = report
            .notes
            .iter()
            .map(|(_, note)| format!("> {}\n>", brief(note, 600)));
        all.push(Section::open("notes", 4, "", notes.collect()));
    }
    all.push(Section::fixed(last_line(report, links)));
    all
}

/// What feedback plugins add, each folded under its own title.
fn feedback(report: &Report) -> impl Iterator<Item = Section> {
    let sections = report.feedback.iter().flat_map(|said| &said.sections);
    sections.map(|section| {
        let title = html(&section.title, 160);
        let lines = foreign::lines(&section.body);
        Section::folded("feedback", 4, &title, "", lines)
    })
}

/// A section of one piece, kept wholly or left out.
fn whole(name: &'static str, rank: u8, text: String) -> Section {
    Section::open(name, rank, &text, Vec::new())
}

/// What to do, and where to look.
fn second_line(report: &Report, links: &Links) -> String {
    let next = spoken(&next_step(report), report, links);
    let mut parts = vec![format!("**{next}**")];
    let going_on = report.rollouts.last().filter(|_| report.ended.is_none());
    if let Some(rollout) = going_on {
        if let Some((since, until)) = rollout.observing {
            parts[0].push_str(&format!(
                " Watched since {}, decided by {} UTC at the latest.",
                since.clock(),
                until.clock()
            ));
        }
        if let Some((_, until)) = &rollout.holding {
            parts[0].push_str(&format!(
                " Nobody is waited for after {} UTC.",
                until.clock()
            ));
        }
    }
    let of = |title: &str, url: &Option<String>| url.as_ref().and_then(|url| link(title, url));
    parts.extend(of("Run", &links.run));
    parts.extend(of("Check", &links.check));
    for (name, url) in &links.environments {
        if report
            .rollouts
            .iter()
            .any(|rollout| rollout.environment == *name)
        {
            parts.extend(link(&brief(name, 60), url));
        }
    }
    let revision = code(report.revision.short());
    let revision = links
        .commit
        .as_ref()
        .and_then(|url| link(&revision, url))
        .unwrap_or(revision);
    parts.push(format!(
        "{revision} {}",
        brief(&report.revision.summary, 100)
    ));
    parts.join(" · ")
}

fn rollout_sections(rollout: &RolloutReport) -> Vec<Section> {
    let mut all = Vec::new();
    if let Some(what) = what_happened(rollout) {
        all.push(Section::fixed(what));
    }
    if let Some((head, rows)) = tables::gates(rollout) {
        all.push(Section::open("gates", 1, &head, rows));
    }
    let mut findings = tables::findings(rollout);
    if !findings.is_empty() {
        let rest = findings.split_off(findings.len().min(5));
        all.push(Section::open("findings", 2, "", findings));
        if !rest.is_empty() {
            let title = format!("{} more findings", rest.len());
            all.push(Section::folded("findings", 3, &title, "", rest));
        }
    }
    all
}

/// The way back, and who has noticed: what people ask first.
fn what_happened(rollout: &RolloutReport) -> Option<String> {
    let mut lines = Vec::new();
    lines.extend(evidence::because(rollout, &|text| brief(text, 200)));
    if let (Some(turned), Some(stable)) = (rollout.turned_back, &rollout.stable) {
        let share = at_turning(rollout);
        lines.push(match rollout.went_back {
            Some(back) => format!(
                "All traffic is on {} since {} UTC, {} after the decision at {share}.",
                code(stable.short()),
                back.clock(),
                back.since(turned)
            ),
            None => format!(
                "Traffic goes back to {} since {} UTC.",
                code(stable.short()),
                turned.clock()
            ),
        });
    }
    if let Some((stable, candidate)) = rollout.served
        && candidate.requests > 0
    {
        lines.push(format!(
            "{} of {} requests were answered by {}; {} of them failed ({}). The largest share was {}.",
            grouped(candidate.requests),
            grouped(candidate.requests + stable.requests),
            code(rollout.candidate.short()),
            grouped(candidate.failures),
            percent(candidate),
            rollout.peak
        ));
    }
    let cut = rollout.served.and_then(|(old, new)| words::cut(old, new));
    lines.extend(cut);
    (!lines.is_empty()).then(|| lines.join(" "))
}

/// Plans alone, as an answer to whoever asks.
pub fn plans(plans: &[RolloutPlan]) -> String {
    let sections: Vec<Section> = plans.iter().map(planned).collect();
    let said = |names: &str| format!("> This is shortened ({names}).");
    fit(&sections, Room::Characters(LONGEST_ANSWER), &said)
}

fn planned(plan: &RolloutPlan) -> Section {
    let before = match &plan.stable {
        Some(stable) => html(stable.short(), 40),
        None => "what serves then".into(),
    };
    let first = plan
        .steps
        .iter()
        .map(|step| step.weight)
        .find(|weight| weight.value() > 0);
    let mut risk = match first {
        Some(first) => {
            format!("At most {first} of requests meet it before it has been judged once.")
        }
        None => String::new(),
    };
    if let Some((share, took)) = plan.way_back {
        let seconds = took.0.div_ceil(1000).max(1);
        risk.push_str(&format!(
            " If it fails at {share}, everyone is back on {before} within {seconds} s of the verdict."
        ));
    }
    let last = plan
        .steps
        .last()
        .map(|step| step.at.to_string())
        .unwrap_or_default();
    let title = format!(
        "Plan for {}: {}, {before} → {} in {last}",
        html(&plan.environment, 60),
        html(&plan.strategy, 60),
        html(plan.candidate.short(), 40),
    );
    let head = format!("{risk}\n\n{}", tables::PLAN);
    Section::folded("plan", 3, &title, &head, tables::plan(plan))
}

fn windows(rollout: &RolloutReport) -> Section {
    let decisions = match rollout.decisions {
        1 => "1 decision was made".into(),
        n => format!("{n} decisions were made"),
    };
    let head = format!(
        "## {}: every window\n\n{}.\n\n| Ended (UTC) | Asked | Measured | Took | Result | Why |\n|---|---:|---:|---:|---|---|",
        brief(&rollout.environment, 60),
        decisions
    );
    let rows = rollout.windows.iter().map(|window| {
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            window.ended.clock(),
            window.weight,
            measured(window),
            window.took,
            tables::ending_word(window.ending),
            brief(&window.reason, 1_000)
        )
    });
    Section::open("windows", 1, &head, rows.collect())
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

fn last_line(report: &Report, links: &Links) -> String {
    let run = code(&report.run);
    let run = links
        .run
        .as_ref()
        .and_then(|url| link(&run, url))
        .unwrap_or(run);
    format!(
        "<sub>{} Updated {} UTC by run {run}.</sub>",
        spoken(commands(report), report, links),
        report.updated.clock()
    )
}

/// What a program printed whose failure made a stage fail: the end of it.
fn printed(stage: &StageReport) -> Option<Section> {
    let failed = (stage.result, &stage.output);
    let (Some(StageResult::Failed), Some(StageOutput::Nothing { reason })) = failed else {
        return None;
    };
    let mut lines: Vec<&str> = reason.trim().lines().skip(1).collect();
    let surplus = lines.len().saturating_sub(MOST_PRINTED);
    lines.drain(..surplus);
    let lines: Vec<String> = lines
        .iter()
        .map(|line| escape::shorten(line, LONGEST_PRINTED))
        .collect();
    (!lines.is_empty()).then(|| Section::fixed(escape::block(&lines.join("\n"))))
}

/// Our own words, in which commands are those of a terminal; those of comments
/// where they are answered.
fn spoken(text: &str, report: &Report, links: &Links) -> String {
    if !links.speaks {
        return text.to_owned();
    }
    let of_rollout = report.rollouts.last().map(|rollout| &rollout.environment);
    let of_stage = || {
        report
            .stages
            .iter()
            .rev()
            .find_map(|stage| match &stage.stage {
                Stage::Rollout(name) => Some(name),
                Stage::Build(_) | Stage::Test(_) | Stage::Release => None,
            })
    };
    let mut text = text.replace("`baepo ", "`/baepo ");
    let Some(environment) = of_rollout.or_else(of_stage) else {
        return text;
    };
    for word in [
        "approve", "promote", "resume", "abort", "pause", "rollback", "retry", "unlock",
    ] {
        let alone = format!("`/baepo {word}`");
        text = text.replace(&alone, &code(&format!("/baepo {word} {environment}")));
    }
    text
}

/// The commands that work now, not all that exist.
fn commands(report: &Report) -> &'static str {
    let holding = report
        .rollouts
        .last()
        .is_some_and(|rollout| rollout.holding.is_some());
    match report.ended.as_ref().map(|end| end.outcome) {
        _ if report.rollouts.is_empty() => "You can say: `baepo status`.",
        None | Some(Outcome::Waiting) if words::awaits_approval(report) => {
            "You can say: `baepo approve`, `baepo abort`."
        }
        None | Some(Outcome::Waiting) if holding => {
            "You can say: `baepo promote`, `baepo resume`, `baepo abort`."
        }
        None | Some(Outcome::Waiting) => {
            "You can say: `baepo pause`, `baepo promote`, `baepo abort`."
        }
        Some(Outcome::Succeeded) => "You can say: `baepo rollback`, `baepo status`.",
        Some(Outcome::RolledBack | Outcome::Failed) => {
            "You can say: `baepo retry`, `baepo status`."
        }
        Some(Outcome::Stuck) => "You can say: `baepo abort`, `baepo status`.",
        Some(Outcome::Refused | Outcome::Cancelled) => "You can say: `baepo status`.",
    }
}

//! The sentences that all renderers share.

use baepo_core::pipeline::{RunCause, Served, Stage, StageOutput, StageResult};
use baepo_core::report::{Report, RolloutReport, StageReport};
use baepo_core::rollout::{Cause, Outcome};
use baepo_core::verdict::Verdict;

/// `20,377`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `4.1 MB`; decimal units, as download pages have them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// `0.24 %` of failures among requests; two digits, none for zero.
pub fn percent(served: Served) -> String {
    match (served.failures, served.requests) {
        (0, _) => "0 %".into(),
        (failures, requests) => {
            format!("{:.2} %", failures as f64 * 100.0 / requests.max(1) as f64)
        }
    }
}

/// What was cut at drain deadlines while a rollout went on, if anything.
pub(super) fn cut(stable: Served, candidate: Served) -> Option<String> {
    let count = match stable.cut + candidate.cut {
        0 => return None,
        1 => "1 request".to_owned(),
        more => format!("{} requests", grouped(more)),
    };
    Some(format!(
        "{count} took longer than the drain deadline of an instance that was stopped, and were cut: allow more with `drain:`."
    ))
}

/// `healthy`, `failing`, `inconclusive`.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Failing => "failing",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// How the whole run stands, in one line without decoration: is it fine?
pub fn headline(report: &Report) -> String {
    if let Some(rollout) = report.rollouts.last() {
        // A run can end before its rollout does: it may wait no longer, or what
        // became of the rollout cannot be written down.
        let early = report.ended.as_ref().filter(|_| rollout.outcome.is_none());
        if awaits_approval(report) {
            return approval_headline(rollout);
        }
        let how = match early.map(|end| end.outcome) {
            // Whom it waits for says more than that it does.
            Some(Outcome::Waiting) if rollout.holding.is_none() => "Waiting",
            Some(Outcome::Stuck) => "STUCK",
            Some(Outcome::Failed) => "Failed",
            // Its last steps were those of another run.
            Some(Outcome::RolledBack) => "Rolled back",
            _ => return rollout_headline(rollout),
        };
        let environment = &rollout.environment;
        // Where it is back already, how far it had come says more.
        let weight = match early.map(|end| end.outcome) {
            Some(Outcome::RolledBack) if rollout.weight.value() == 0 => rollout.peak,
            _ => rollout.weight,
        };
        let reason = early.map_or("", |end| end.reason.as_str());
        return format!("{how} at {weight} in {environment}: {reason}");
    }
    if let Some(end) = &report.ended
        && end.outcome == Outcome::Cancelled
    {
        return capital(&end.reason);
    }
    if let Some(failed) = report
        .stages
        .iter()
        .find(|s| s.result == Some(StageResult::Failed))
    {
        if let Some(StageOutput::Rollout {
            outcome: Outcome::Refused,
            reason,
            ..
        }) = &failed.output
        {
            return format!("Not rolled out to {}: {reason}", failed.stage.title());
        }
        return format!(
            "{} failed: {}",
            capital(failed.stage.title()),
            first_line(&failure_of(failed))
        );
    }
    match &report.ended {
        Some(end) => capital(&end.reason),
        None => match report.stages.iter().find(|stage| stage.result.is_none()) {
            Some(stage) => format!("{} is running", capital(stage.stage.title())),
            None => "Just begun".into(),
        },
    }
}

/// How one rollout stands, in one line.
pub fn rollout_headline(rollout: &RolloutReport) -> String {
    let (environment, revision) = (&rollout.environment, rollout.candidate.short());
    match rollout.outcome {
        Some(Outcome::Succeeded) => format!("Live in {environment}: {revision} serves 100 %"),
        Some(Outcome::RolledBack) => {
            format!(
                "Rolled back in {environment} at {}: {}",
                at_turning(rollout),
                rollout.reason
            )
        }
        Some(Outcome::Failed) => format!("Failed in {environment}: {}", rollout.reason),
        Some(Outcome::Stuck) => format!("STUCK in {environment}: {}", rollout.reason),
        Some(Outcome::Waiting | Outcome::Refused | Outcome::Cancelled) => {
            format!("Not rolled out to {environment}: {}", rollout.reason)
        }
        None if rollout.turned_back.is_some() => {
            format!("Going back in {environment}: {}", rollout.reason)
        }
        None => match &rollout.holding {
            Some(_) if rollout.awaits_approval => approval_headline(rollout),
            Some((reason, _)) => {
                format!("Waiting at {} in {environment}: {reason}", rollout.weight)
            }
            None => {
                let verdict = rollout
                    .judgement
                    .as_ref()
                    .map_or("", |j| verdict_word(j.verdict));
                let comma = if verdict.is_empty() { "" } else { ", " };
                format!(
                    "{} at {} in {environment}{comma}{verdict}",
                    capital(&rollout.strategy),
                    rollout.weight
                )
            }
        },
    }
}

/// The share at the time of turning back, which is not the share now.
pub(super) fn at_turning(rollout: &RolloutReport) -> baepo_core::weight::BasisPoints {
    let turned = rollout.turned_back.unwrap_or(rollout.began);
    let before = rollout.weights.iter().rfind(|(at, _)| *at <= turned);
    before.map_or(baepo_core::weight::BasisPoints::ZERO, |(_, weight)| *weight)
}

/// What people should do now, in one sentence.
pub fn next_step(report: &Report) -> String {
    let outcome = report.ended.as_ref().map(|end| end.outcome);
    let holding = report
        .rollouts
        .last()
        .is_some_and(|rollout| rollout.holding.is_some());
    match outcome {
        Some(Outcome::Waiting) | None if awaits_approval(report) => {
            "It waits for you: `baepo approve` lets it be rolled out, `baepo abort` does not.".into()
        }
        Some(Outcome::Succeeded) => "Nothing to do.".into(),
        Some(Outcome::RolledBack) if is_caused(report, Cause::Superseded) => {
            "Nothing to do: a newer revision takes its place.".into()
        }
        Some(Outcome::RolledBack)
            if is_caused(report, Cause::Cancelled) || is_caused(report, Cause::Unwatched) =>
        {
            "What served before serves again. Nothing speaks against it: run it again when it may go on.".into()
        }
        Some(Outcome::RolledBack) => {
            "What served before serves again. Fix it and push, or try it again with `baepo retry`.".into()
        }
        Some(Outcome::Stuck) if is_caused(report, Cause::Target) => {
            "See that the target answers: on one machine, that `baepo agent` runs. Then `baepo abort` tries the way back again.".into()
        }
        Some(Outcome::Stuck) => {
            "A person must look: `baepo status` shows the fleet, `baepo abort` tries the way back again.".into()
        }
        Some(Outcome::Failed) if is_caused(report, Cause::Target) => {
            "See that the target is well (`baepo status`), and run it again.".into()
        }
        Some(Outcome::Failed) if has_failed(report, &Stage::Release) => {
            "Put that right and run it again.".into()
        }
        Some(Outcome::Failed) => "Fix it and push.".into(),
        Some(Outcome::Waiting) if holding => {
            "It waits for you: `baepo promote`, `baepo resume` or `baepo abort`.".into()
        }
        Some(Outcome::Waiting) => match report.ended.as_ref().and_then(|end| end.resume_at) {
            Some(at) => format!(
                "Nothing to do: the next run after {} UTC goes on with it.",
                at.clock()
            ),
            None => "Nothing to do: the next run goes on with it.".into(),
        },
        Some(Outcome::Refused) if is_caused(report, Cause::Locked) => {
            "Nothing was changed. `baepo unlock` lets it be rolled out, where that is all right.".into()
        }
        Some(Outcome::Refused) if is_caused(report, Cause::RolledBackBefore) => {
            "Nothing was changed. Fix it and push, or try it again with `baepo retry`.".into()
        }
        Some(Outcome::Refused) if is_caused(report, Cause::OutOfOrder) => {
            "Nothing was changed. Roll it out there first.".into()
        }
        Some(Outcome::Refused) => "Nothing was changed.".into(),
        Some(Outcome::Cancelled) if report.rollouts.is_empty() => "Nothing was changed.".into(),
        Some(Outcome::Cancelled) => "The next run brings it back wholly, if it is not back yet.".into(),
        None if holding => "It waits for you: `baepo promote`, `baepo resume` or `baepo abort`.".into(),
        None => "Nothing to do; it goes on by itself.".into(),
    }
}

/// Whether a person is to approve of what the report is about.
pub(super) fn awaits_approval(report: &Report) -> bool {
    let last = report.rollouts.last();
    let holds = last.is_some_and(|rollout| rollout.awaits_approval && rollout.holding.is_some());
    holds || is_caused(report, Cause::NeedsApproval)
}

fn approval_headline(rollout: &RolloutReport) -> String {
    let (environment, revision) = (&rollout.environment, rollout.candidate.short());
    format!("Needs approval in {environment}: {revision} is ready, and nothing of it runs yet")
}

fn has_failed(report: &Report, stage: &Stage) -> bool {
    let failed = |known: &StageReport| known.result == Some(StageResult::Failed);
    report
        .stages
        .iter()
        .any(|known| known.stage == *stage && failed(known))
}

fn is_caused(report: &Report, cause: Cause) -> bool {
    let ended = report.ended.as_ref().map(|end| end.cause);
    ended == Some(RunCause::Rollout(cause))
}

/// Why a stage failed, in a few words.
pub(super) fn failure_of(stage: &StageReport) -> String {
    match &stage.output {
        Some(StageOutput::Tests { counts, failures }) => {
            let first = failures.first().map(|(name, _)| format!(": {name}"));
            format!(
                "{} of {} tests failed{}",
                counts.failed,
                counts.failed + counts.passed,
                first.unwrap_or_default()
            )
        }
        Some(StageOutput::Nothing { reason } | StageOutput::Rollout { reason, .. }) => {
            reason.clone()
        }
        Some(StageOutput::Files { .. } | StageOutput::Release { .. }) | None => {
            "no reason given".into()
        }
    }
}

/// The beginning of a message that goes on with what a program printed.
pub(crate) fn first_line(text: &str) -> &str {
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.trim_end_matches(':')
}

/// What came out of a stage, in a few words.
pub(super) fn output_of(stage: &StageReport) -> String {
    match &stage.output {
        Some(StageOutput::Files { files }) => {
            let shown: Vec<String> = files
                .iter()
                .take(3)
                .map(|(name, bytes)| format!("{name} {}", size(*bytes)))
                .collect();
            let more = files.len().saturating_sub(3);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{}{more}", shown.join(", "))
        }
        Some(StageOutput::Tests { counts, .. }) => {
            let mut text = format!("{} passed", counts.passed);
            if counts.failed > 0 {
                text = format!("{} failed, {text}", counts.failed);
            }
            if counts.skipped > 0 {
                text.push_str(&format!(", {} skipped", counts.skipped));
            }
            text
        }
        Some(StageOutput::Release { release }) => {
            format!(
                "{}, sha256:{}",
                counted(release.artifacts.len(), "file"),
                release.digest.short()
            )
        }
        Some(StageOutput::Rollout { reason, .. } | StageOutput::Nothing { reason }) => {
            reason.clone()
        }
        None => String::new(),
    }
}

/// `1 file`, `2 files`.
fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The plugin or name that a stage line shows.
pub(super) fn plugin_of(stage: &Stage) -> &str {
    match stage {
        Stage::Build(name) | Stage::Test(name) => name,
        Stage::Release | Stage::Rollout(_) => "",
    }
}

/// The first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let shown: Vec<String> = [0, 999, 1000, 20_377, 1_234_567].map(grouped).into();
        assert_eq!(shown, ["0", "999", "1,000", "20,377", "1,234,567"]);
        assert_eq!(size(4_100_000), "4.1 MB");
        assert_eq!(
            percent(Served {
                requests: 1000,
                failures: 49,
                cut: 0
            }),
            "4.90 %"
        );
    }
}

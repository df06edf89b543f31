//! `logs`: judges the error lines that both releases write.
//!
//! Two questions are asked. *New*: does the candidate write an error that
//! stable was never seen to write? *Growth*: does it write errors that stable
//! has as well, only more often? Errors are told apart by the words of their
//! messages, with numbers, ids, paths and quoted text masked.
//!
//! A new error is a warning unless `on-new: fail`. Releases reword their
//! messages, and a log cannot tell a new text from a new fault; what makes
//! requests fail is counted by `traffic`. Even then it fails only on evidence:
//! seen by the candidate alone, look after look, while stable had traffic too.
//!
//! Growth fails by the count test of `baepo-judge`. Its unit is a failure, not
//! a line: errors of different kinds in a row are taken for one failure that
//! was told several times.
//!
//! Healthy needs a file of the candidate that could be read, one of stable
//! where there is a stable, and exposure. A service that writes nothing is fine.

mod config;
mod growth;
mod journal;
mod json;
mod level;
mod memory;
mod prints;
mod records;
mod redact;
mod shown;
mod sources;
mod template;

use std::collections::BTreeSet;

use baepo_plugin::monitor::{
    Capability, Monitor, Observation, ObserveRequest, Phase, Side, Telemetry,
};
use baepo_plugin::{HookError, Verdict};

use config::{Consequence, Logs};
use growth::{Growth, Part};
use memory::{Memory, Tally};
use prints::Prints;
use records::Record;
use sources::{Begin, Files, Gathered, Source, Workspace};
use template::Template;

/// Kinds of errors in a row that may be one failure told several times.
const MOST_OF_FAILURE: usize = 8;

/// One look in which only the candidate writes a kind is no better evidence than
/// a share of traffic this small.
const LEAST_SHARE: f64 = 0.05;

impl Monitor for Logs {
    type Config = Logs;

    fn describe(_: Logs) -> Result<Capability, HookError> {
        Ok(Capability {
            phases: vec![Phase::Preview, Phase::Ramp, Phase::Bake],
        })
    }

    fn observe(config: Logs, request: &ObserveRequest) -> Result<Observation, HookError> {
        observe(&config, request, &Workspace)
    }
}

baepo_plugin::export_monitor!(Logs);

/// One look.
fn observe(
    config: &Logs,
    request: &ObserveRequest,
    files: &dyn Files,
) -> Result<Observation, HookError> {
    let mut memory = match request.memory.as_slice() {
        [] => Memory::new(),
        bytes => Memory::from_bytes(bytes)
            .ok_or_else(|| HookError::Failed("the memory is not of this monitor".into()))?,
    };
    let is_first = memory.looks == 0;
    let exposure = Exposure::of(request);
    let candidate = config.gather(
        files,
        "candidate",
        &request.candidate,
        is_first,
        &mut memory.candidate,
    );
    let stable = match &request.stable {
        Some(side) => config.gather(files, "stable", side, is_first, &mut memory.stable),
        None => Gathered::default(),
    };
    memory.candidate.is_readable |= candidate.files > 0;
    memory.stable.is_readable |= stable.files > 0;

    // What was written before the first look has no exposure, and what was
    // passed over no count.
    let is_compared = !is_first
        && request.phase != Phase::Preview
        && !candidate.is_partial
        && !stable.is_partial
        && stable.files > 0;
    let failures = take(config, &mut memory, &candidate.records, &stable.records);
    let growth = compare(
        &mut memory,
        request,
        exposure.filter(|_| is_compared),
        &failures,
    );

    if memory.window != request.window {
        (memory.window, memory.in_window) = (request.window, 0);
    }
    let seen = exposure.map_or(0, |exposure| exposure.candidate);
    memory.in_window = memory.in_window.saturating_add(seen);
    memory.looks = memory.looks.saturating_add(1);
    let shown = shown::Shown {
        config,
        request,
        memory: &memory,
        growth,
        exposure,
        is_partial: candidate.is_partial || stable.is_partial,
        trouble: candidate.trouble.or(stable.trouble),
    };
    Ok(Observation {
        memory: memory.to_bytes(),
        verdict: shown.verdict(),
        reason: shown.reason(),
        measurements: shown.measurements(),
        findings: shown.findings(),
    })
}

/// How much each role had to do since the last look, in the same unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Exposure {
    stable: u64,
    candidate: u64,
    /// Whether it is requests; else milliseconds.
    is_requests: bool,
}

impl Exposure {
    /// Requests where the target measures them, else the share of traffic, else
    /// the time of all instances; `None` where nothing was done at all.
    fn of(request: &ObserveRequest) -> Option<Exposure> {
        let measured = |side: &Side| side.telemetry.as_ref().map(|t: &Telemetry| t.requests);
        let stable = request.stable.as_ref();
        let ms = request.since_last_look_ms;
        let time = |side: &Side| ms.saturating_mul(side.endpoints.len() as u64);
        let exposure = match (measured(&request.candidate), stable.map(measured)) {
            (Some(candidate), None | Some(Some(_))) => Exposure {
                stable: stable.and_then(measured).unwrap_or(0),
                candidate,
                is_requests: true,
            },
            _ => match request.weight_basis_points {
                Some(weight) if stable.is_some() => Exposure {
                    stable: ms.saturating_mul(10_000 - u64::from(weight.min(10_000))) / 10_000,
                    candidate: ms.saturating_mul(u64::from(weight.min(10_000))) / 10_000,
                    is_requests: false,
                },
                _ => Exposure {
                    stable: stable.map_or(0, time),
                    candidate: time(&request.candidate),
                    is_requests: false,
                },
            },
        };
        (exposure.stable > 0 || exposure.candidate > 0).then_some(exposure)
    }
}

impl Logs {
    /// What one role has written since the last look.
    fn gather(
        &self,
        files: &dyn Files,
        role: &str,
        side: &Side,
        is_first: bool,
        tally: &mut Tally,
    ) -> Gathered {
        let mut sources: Vec<Source> = Vec::new();
        let mut trouble = None;
        for pattern in &self.files {
            let begin = match (is_first, role) {
                (false, _) => Begin::Start,
                (true, "stable") => Begin::Before,
                // What a release has written is all its own; a file of the
                // role may hold what another candidate wrote.
                (true, _) if pattern.is_of_release() => Begin::Start,
                (true, _) => Begin::End,
            };
            match files.list(&pattern.path(role, side)) {
                Ok(found) => sources.extend(found.into_iter().map(|(path, size)| Source {
                    path,
                    size,
                    begin,
                })),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources.dedup_by(|a, b| a.path == b.path);
        let mut gathered = sources::gather(files, &sources, &mut tally.cursors, self.format);
        gathered.trouble = trouble.or(gathered.trouble);
        gathered
    }

    fn is_counted(&self, record: &Record) -> bool {
        record.level >= self.level && !self.ignore.iter().any(|text| record.text.contains(text))
    }
}

/// What one look added.
struct Failures {
    stable: u64,
    candidate: u64,
    /// Kinds that the candidate wrote in this look.
    written: BTreeSet<usize>,
}

/// Takes the records in. For the comparison only kinds count that stable was
/// known to have before this look: what is counted must not depend on it.
fn take(config: &Logs, memory: &mut Memory, candidate: &[Record], stable: &[Record]) -> Failures {
    let before = memory.prints.clone();
    let is_known = |prints: &Prints, seen: prints::Seen, template: &Template| match seen.is_placed {
        true => prints
            .list
            .get(usize::from(seen.place))
            .is_some_and(|print| !print.is_new()),
        false => prints.is_beyond(template),
    };
    let mut written = BTreeSet::new();
    let mut failures = [0, 0];
    for (role, records) in [candidate, stable].into_iter().enumerate() {
        let is_stable = role == 1;
        let tally = match is_stable {
            true => &mut memory.stable,
            false => &mut memory.candidate,
        };
        tally.records = tally.records.saturating_add(records.len() as u64);
        for record in records.iter().filter(|record| config.is_counted(record)) {
            tally.errors = tally.errors.saturating_add(1);
            let template = Template::of(&record.text);
            let seen = match is_stable {
                true => memory.prints.see_stable(&template),
                false => memory.prints.see_candidate(&template, &record.text),
            };
            if !is_stable && seen.is_placed {
                written.insert(usize::from(seen.place));
            }
            if !is_known(&before, seen, &template) {
                continue;
            }
            let failure = &mut tally.failure;
            let is_another = failure.is_empty()
                || failure.len() >= MOST_OF_FAILURE
                || failure.contains(&seen.place);
            if is_another {
                failures[role] += 1;
                failure.clear();
            }
            failure.insert(seen.place);
        }
    }
    Failures {
        stable: failures[1],
        candidate: failures[0],
        written,
    }
}

/// Adds a look to both tests.
fn compare(
    memory: &mut Memory,
    request: &ObserveRequest,
    exposure: Option<Exposure>,
    failures: &Failures,
) -> Growth {
    let (mut stable, mut candidate) = (Part::default(), Part::default());
    if let Some(exposure) = exposure.filter(|both| both.stable > 0 && both.candidate > 0) {
        stable = Part {
            exposure: exposure.stable,
            failures: failures.stable,
        };
        candidate = Part {
            exposure: exposure.candidate,
            failures: failures.candidate,
        };
        for (tally, part) in [
            (&mut memory.stable, stable),
            (&mut memory.candidate, candidate),
        ] {
            tally.exposure = tally.exposure.saturating_add(part.exposure);
            tally.failures = tally.failures.saturating_add(part.failures);
        }
        let all = exposure.stable as f64 + exposure.candidate as f64;
        let share = (exposure.candidate as f64 / all).max(LEAST_SHARE);
        for place in &failures.written {
            let print = &mut memory.prints.list[*place];
            if print.is_new() {
                print.evidence -= share.ln() as f32;
            }
        }
    }
    let since_ms = request.since_last_look_ms;
    growth::look(
        &mut memory.growth,
        request.window,
        since_ms,
        stable,
        candidate,
    )
}

impl Logs {
    /// Whether a kind is new, by enough evidence to fail the candidate: below α
    /// over all kinds that it may ever be the first to write.
    fn is_proven(&self, print: &prints::Print) -> bool {
        let order = f64::from(print.order.max(1));
        let level = growth::alpha() / (order * (order + 1.0));
        self.on_new == Consequence::Fail
            && self.is_told(print)
            && f64::from(print.evidence) >= -level.ln()
    }

    /// Whether a kind is new and was seen often enough to be told.
    fn is_told(&self, print: &prints::Print) -> bool {
        print.order > 0 && print.is_new() && print.candidate >= self.min_new
    }
}

fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Healthy => 0,
        Verdict::Inconclusive => 1,
        Verdict::Failing => 2,
    };
    verdicts
        .into_iter()
        .max_by_key(rank)
        .unwrap_or(Verdict::Inconclusive)
}

#[cfg(test)]
mod tests;

//! The state of one environment: a fold over its journal entries.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::entry::{Cause, Counted, Due, DueItem, Entry, Outcome, Record};
use super::past::MOST_PAST;
use super::settings::Kind;
use super::state::Rollout;
use super::step::Step;
use crate::digest::Digest;
use crate::hook::PastRollout;
use crate::release::Release;
use crate::telemetry::Histogram;
use crate::time::{Millis, Time};

/// How many releases that served stay staged for `rollback`, stable included.
pub const KEPT_RELEASES: usize = 5;

/// How many of the newest entries travel with the state document, so that
/// whoever resumes can tell the story without the journal file.
pub const TAIL: usize = 24;

/// How many digests that were rolled back are remembered.
const REMEMBERED: usize = 16;

/// How many due items are kept. More are there only where a target refuses to
/// forget releases for months; the oldest of those are given up.
const MOST_DUE: usize = 32;

/// How long a release that did not come to serve stays staged, for a retry and
/// for its logs. A rollout of another release does not wait for it.
const KEEP_REJECTED: Millis = Millis::from_secs(24 * 3600);

/// Everything that must outlive a run: kept by the target, saved whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Environment {
    /// The number of the newest entry.
    pub seq: u64,
    /// What serves.
    pub stable: Option<Release>,
    /// Releases that are staged and served, newest first, without stable.
    pub served: Vec<Release>,
    /// Digests that were rolled back and need a `retry`.
    pub rolled_back: Vec<Digest>,
    /// What is being rolled out, or was last.
    pub rollout: Option<Rollout>,
    /// What is to be done later.
    pub due: Vec<Due>,
    /// The newest entries, without what is bulky: the journal has it all.
    pub tail: Vec<Record>,
    /// Rollouts that are over, newest first: a checkout that is made for each
    /// run has no journals of earlier ones.
    #[serde(default)]
    pub past: Vec<PastRollout>,
}

impl Environment {
    /// The rollout that is not over, if there is one.
    pub fn active(&self) -> Option<&Rollout> {
        self.rollout.as_ref().filter(|rollout| !rollout.is_over())
    }

    /// What `rollback` would go back to: the newest staged release that served.
    pub fn previous(&self) -> Option<&Release> {
        self.served
            .iter()
            .find(|release| !self.rolled_back.contains(&release.digest))
    }

    /// Take one entry in. Live and replay both come through here.
    pub fn apply(&mut self, record: &Record) {
        self.seq = record.seq;
        if self.tail.len() == TAIL {
            self.tail.remove(0);
        }
        self.tail.push(slim(record));
        let at = record.at;
        match &record.entry {
            Entry::Began {
                begin,
                program,
                stable,
            } => {
                let (begin, stable) = ((**begin).clone(), stable.clone());
                self.rolled_back
                    .retain(|digest| *digest != begin.candidate.digest);
                self.rollout = Some(Rollout::new(begin, *program, stable, at));
            }
            Entry::Finished { keep_warm, reason } => self.apply_finished(at, *keep_warm, reason),
            Entry::Closed {
                outcome,
                cause,
                reason,
            } => {
                self.apply_closed(at, *outcome, *cause, reason);
            }
            Entry::DueDone { item } => {
                self.due.retain(|due| due.item != *item);
                if let DueItem::Discard(digest) = item {
                    self.served.retain(|release| release.digest != *digest);
                }
            }
            entry => {
                if let Some(rollout) = &mut self.rollout {
                    rollout.apply(at, entry);
                }
            }
        }
    }

    /// One change of the mapping: candidate becomes stable.
    fn apply_finished(&mut self, at: Time, keep_warm: Millis, reason: &str) {
        let Some(rollout) = &mut self.rollout else {
            return;
        };
        let (outcome, cause) = (Outcome::Succeeded, Cause::Promoted);
        rollout.step = Step::Over { at, outcome, cause };
        let (candidate, kind) = (rollout.begin.candidate.clone(), rollout.kind);
        let digest = candidate.digest;
        if self.stable.as_ref().is_some_and(|s| s.digest == digest) {
            return;
        }
        let past = rollout.remembered(at, outcome, cause, reason);
        remember(&mut self.past, past);
        self.served.retain(|release| release.digest != digest);
        self.due.retain(|due| due.item.digest() != digest);
        if let Some(stable) = self.stable.replace(candidate) {
            self.add_due(at + keep_warm, DueItem::Retire(stable.digest));
            if kind == Kind::Rollback {
                self.remember_rolled_back(stable.digest);
            }
            self.served.insert(0, stable);
        }
        let surplus = self.served.len().min(KEPT_RELEASES - 1);
        for release in self.served.split_off(surplus) {
            self.add_due(at, DueItem::Discard(release.digest));
        }
    }

    fn apply_closed(&mut self, at: Time, outcome: Outcome, cause: Cause, reason: &str) {
        let Some(rollout) = &mut self.rollout else {
            return;
        };
        rollout.step = Step::Over { at, outcome, cause };
        let past = rollout.remembered(at, outcome, cause, reason);
        remember(&mut self.past, past);
        if outcome == Outcome::Stuck {
            // Why it turned back stays, for whoever takes the way back up.
            return;
        }
        rollout.reason = reason.into();
        let (digest, kind) = (rollout.candidate(), rollout.kind);
        let served = self.served.iter().any(|release| release.digest == digest);
        if !served && kind != Kind::Rollback {
            self.add_due(at + KEEP_REJECTED, DueItem::Discard(digest));
        }
        let blameless = matches!(
            cause,
            Cause::Superseded | Cause::Cancelled | Cause::Fenced | Cause::State | Cause::Unwatched
        );
        if outcome == Outcome::RolledBack && !blameless {
            self.remember_rolled_back(digest);
        }
    }

    fn remember_rolled_back(&mut self, digest: Digest) {
        self.rolled_back.retain(|known| *known != digest);
        self.rolled_back.push(digest);
        let excess = self.rolled_back.len().saturating_sub(REMEMBERED);
        self.rolled_back.drain(..excess);
    }

    fn add_due(&mut self, at: Time, item: DueItem) {
        self.due.retain(|due| due.item != item);
        self.due.push(Due { at, item });
        let excess = self.due.len().saturating_sub(MOST_DUE);
        self.due.drain(..excess);
    }
}

/// One that was stuck ends again when its way back is taken up: what counts is
/// its last end.
fn remember(all: &mut Vec<PastRollout>, past: PastRollout) {
    all.retain(|known| known.started != past.started);
    all.insert(0, past);
    all.truncate(MOST_PAST);
}

/// The entry as it travels in the tail: what people read stays, what only the
/// fold needs (it has been folded in already) does not.
pub(super) fn slim(record: &Record) -> Record {
    let mut record = record.clone();
    match &mut record.entry {
        Entry::Began { begin, stable, .. } => {
            begin.candidate.artifacts.clear();
            if let Some(stable) = stable {
                stable.artifacts.clear();
            }
        }
        Entry::Baseline {
            stable, candidate, ..
        } => {
            for telemetry in [stable, candidate].into_iter().flatten() {
                telemetry.latency = Histogram::default();
            }
        }
        Entry::Decided { decision } => decision.memory.clear(),
        Entry::Looked {
            judged,
            memories,
            counted,
            ..
        } => {
            memories.clear();
            let Counted { stable, candidate } = counted;
            for telemetry in [stable, candidate].into_iter().flatten() {
                telemetry.latency = Histogram::default();
            }
            for judged in judged {
                judged.findings.clear();
                judged.measurements.clear();
            }
        }
        Entry::Staged
        | Entry::Refused { .. }
        | Entry::Asked { .. }
        | Entry::Weighed { .. }
        | Entry::WindowBegan { .. }
        | Entry::Flapped
        | Entry::Verified { .. }
        | Entry::Ended { .. }
        | Entry::Holding { .. }
        | Entry::Unpaused
        | Entry::Signalled { .. }
        | Entry::TurnedBack { .. }
        | Entry::WentBack
        | Entry::Finished { .. }
        | Entry::Closed { .. }
        | Entry::DueDone { .. } => {}
    }
    record
}

#[cfg(test)]
mod tests {
    use super::super::directive::Judgement;
    use super::super::fixture::{apply, begin, begun, digest, release};
    use super::super::settings::Begin;
    use super::*;
    use crate::telemetry::{Telemetry, latency_bounds_us};
    use crate::verdict::{Judged, Measurement, Sample, Verdict};
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::string::{String, ToString};
    use alloc::vec;

    fn roll_out(env: &mut Environment, begin: Box<Begin>, program: Kind) {
        let stable = env.stable.clone();
        let entry = Entry::Began {
            begin,
            program,
            stable,
        };
        apply(env, 0, entry);
        let entry = Entry::Finished {
            keep_warm: Millis(0),
            reason: "good".to_string(),
        };
        apply(env, 1, entry);
    }

    #[test]
    fn five_releases_stay_staged_and_the_sixth_is_due_to_be_forgotten() {
        let mut env = Environment::default();
        for number in 1..=7 {
            roll_out(&mut env, begin(number), Kind::Strategy);
        }
        let kept: Vec<Digest> = env.served.iter().map(|release| release.digest).collect();
        assert_eq!(kept, [digest(6), digest(5), digest(4), digest(3)]);
        let forgotten: Vec<DueItem> = env.due.iter().map(|due| due.item).collect();
        assert!(forgotten.contains(&DueItem::Discard(digest(1))));
        assert!(forgotten.contains(&DueItem::Discard(digest(2))));
        assert!(!forgotten.contains(&DueItem::Discard(digest(3))));
        apply(
            &mut env,
            2,
            Entry::DueDone {
                item: DueItem::Discard(digest(1)),
            },
        );
        assert!(
            !env.due
                .iter()
                .any(|due| due.item == DueItem::Discard(digest(1)))
        );
    }

    #[test]
    fn a_release_that_comes_back_is_neither_retired_nor_forgotten() {
        let mut env = Environment::default();
        for number in [1, 2, 1] {
            roll_out(&mut env, begin(number), Kind::Strategy);
        }
        assert_eq!(env.stable, Some(release(1)));
        assert!(env.due.iter().all(|due| due.item.digest() != digest(1)));
        assert_eq!(env.previous(), Some(&release(2)));
    }

    #[test]
    fn a_rollback_remembers_what_was_left_and_does_not_offer_it_again() {
        let mut env = Environment::default();
        for number in [1, 2] {
            roll_out(&mut env, begin(number), Kind::Strategy);
        }
        roll_out(&mut env, begin(1), Kind::Rollback);
        assert_eq!(env.rolled_back, [digest(2)]);
        assert_eq!(env.previous(), None);
    }

    #[test]
    fn only_the_blame_of_the_release_is_remembered() {
        for (cause, blamed) in [(Cause::VerdictFailing, true), (Cause::Superseded, false)] {
            let mut env = begun();
            let (outcome, reason) = (Outcome::RolledBack, "why".to_string());
            apply(
                &mut env,
                1,
                Entry::Closed {
                    outcome,
                    cause,
                    reason,
                },
            );
            assert_eq!(env.rolled_back.contains(&digest(2)), blamed);
            let later = env
                .due
                .iter()
                .find(|due| due.item == DueItem::Discard(digest(2)));
            assert_eq!(later.map(|due| due.at), Some(Time(1) + KEEP_REJECTED));
        }
    }

    /// A look with full histograms, all the memory that is allowed, and plots.
    fn bulky_look(at: u64) -> Entry {
        let bounds_us = latency_bounds_us();
        let counts = vec![1_234_567; bounds_us.len() + 1];
        let telemetry = Telemetry {
            requests: u64::MAX,
            failures: 0,
            latency: Histogram { bounds_us, counts },
            cut: u64::MAX,
        };
        let sample = Sample {
            at: Millis(at),
            stable: Some(0.123_456),
            candidate: Some(0.123_456),
        };
        let measurement = Measurement {
            name: "failures".to_string(),
            unit: "%".to_string(),
            stable: Some(0.1),
            candidate: Some(0.2),
            limit: Some(1.0),
            verdict: Verdict::Healthy,
            evidence: "E = 1240, limit 100".to_string(),
            samples: vec![sample; 60],
        };
        let judged = |number: u32| Judged {
            monitor: number.to_string(),
            verdict: Verdict::Healthy,
            reason: "x".repeat(500),
            measurements: vec![measurement.clone(); 2],
            findings: Vec::new(),
        };
        let memory = |number: u32| (number.to_string(), vec![0; super::super::MOST_MEMORY]);
        Entry::Looked {
            judgement: Judgement {
                verdict: Verdict::Healthy,
                health: Verdict::Healthy,
                reason: "x".repeat(500),
            },
            judged: (0..4).map(judged).collect(),
            memories: (0..4).map(memory).collect::<BTreeMap<_, _>>(),
            counted: Counted {
                stable: Some(telemetry.clone()),
                candidate: Some(telemetry),
            },
            measured: Time(at),
            last_look: false,
        }
    }

    #[test]
    fn what_is_over_is_remembered_newest_first_and_by_its_last_end() {
        let mut env = Environment::default();
        let end = |env: &mut Environment, outcome, cause| {
            let reason = "why".to_string();
            apply(
                env,
                2,
                Entry::Closed {
                    outcome,
                    cause,
                    reason,
                },
            );
        };
        roll_out(&mut env, begin(1), Kind::Strategy);
        let started = |env: &Environment| env.past.iter().map(|past| past.started.0).collect();
        let outcomes = |env: &Environment| -> Vec<String> {
            env.past.iter().map(|past| past.outcome.clone()).collect()
        };
        assert_eq!(outcomes(&env), ["succeeded"]);
        let entry = Entry::Began {
            begin: begin(2),
            program: Kind::Strategy,
            stable: env.stable.clone(),
        };
        apply(&mut env, 1, entry);
        end(&mut env, Outcome::Stuck, Cause::Target);
        assert_eq!(outcomes(&env), ["stuck", "succeeded"]);
        end(&mut env, Outcome::RolledBack, Cause::VerdictFailing);
        assert_eq!(outcomes(&env), ["rolled-back", "succeeded"]);
        let started: Vec<u64> = started(&env);
        assert_eq!(started, [1, 0]);
        assert_eq!(env.past[0].environment, "production");
    }

    #[test]
    fn a_document_from_before_there_was_a_past_is_read() {
        let mut old = serde_json::to_value(begun()).unwrap_or_default();
        let removed = old.as_object_mut().and_then(|old| old.remove("past"));
        assert_eq!(removed, Some(serde_json::json!([])));
        assert_eq!(
            serde_json::from_value::<Environment>(old).ok(),
            Some(begun())
        );
    }

    #[test]
    fn the_document_stays_small_and_survives_being_written() {
        let mut env = begun();
        for at in 1..100 {
            apply(&mut env, at, bulky_look(at));
        }
        let mut past = env.active().expect("it goes on").remembered(
            Time(0),
            Outcome::RolledBack,
            Cause::VerdictFailing,
            &"x".repeat(1_000),
        );
        past.revision.summary = "x".repeat(80);
        past.revision.ref_name = "x".repeat(80);
        for number in 0..MOST_PAST as u64 + 1 {
            past.started = Time(number);
            remember(&mut env.past, past.clone());
        }
        assert_eq!(env.past.len(), MOST_PAST);
        assert_eq!(env.past[0].started, Time(MOST_PAST as u64));
        let text = serde_json::to_string(&env).unwrap_or_default();
        assert!(text.len() < 256 * 1024, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Environment>(&text).ok(), Some(env));
    }
}

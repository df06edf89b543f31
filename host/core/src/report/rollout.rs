//! What people are told of one rollout: a fold over its entries.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::evidence::{self, Course};
use crate::digest::Digest;
use crate::hook::PastRollout;
use crate::pipeline::Served;
use crate::release::{Release, Revision};
use crate::rollout::{
    Begin, Cause, Counted, Directive, Ending, Entry, Judgement, Kind, Outcome, Over, Progress,
    Record, Verified,
};
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::Judged;
use crate::weight::BasisPoints;

/// What a way back that a person asked for is called instead of a strategy.
const RETURN: &str = "rollback";

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RolloutReport {
    /// The environment.
    pub environment: String,
    /// The strategy's name; `first install` or `rollback` for the host's own.
    pub strategy: String,
    /// What is rolled out.
    pub candidate: Revision,
    /// The digest of what is rolled out.
    pub release: Digest,
    /// What served before.
    pub stable: Option<Revision>,
    /// The pull request that is told.
    #[serde(default)]
    pub pull_request: Option<u64>,
    /// The environments that the run was for, where it was for some alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_as: Vec<String>,
    /// n.
    pub instances: u32,
    /// When it began.
    pub began: Time,
    /// When it ended; absent while it goes on.
    pub ended: Option<Time>,
    /// How; absent while it goes on.
    pub outcome: Option<Outcome>,
    /// Which kind of reason; the reason for turning back while on the way.
    pub cause: Option<Cause>,
    /// The newest reason, one sentence.
    pub reason: String,
    /// When the way back began.
    pub turned_back: Option<Time>,
    /// When no traffic went to the candidate any more.
    pub went_back: Option<Time>,
    /// The share now, as observed.
    pub weight: BasisPoints,
    /// The largest share, as observed.
    pub peak: BasisPoints,
    /// The share in the course of time, as observed.
    pub weights: Vec<(Time, BasisPoints)>,
    /// Where it stands.
    pub progress: Progress,
    /// How many decisions were made.
    pub decisions: u32,
    /// Each window that ended.
    pub windows: Vec<WindowReport>,
    /// What is being observed now, if anything: since when, and until when at
    /// the latest.
    pub observing: Option<(Time, Time)>,
    /// Whether a person is still to approve of the release.
    #[serde(default)]
    pub awaits_approval: bool,
    /// What a person is waited for, if anybody, and until when.
    pub holding: Option<(String, Time)>,
    /// The newest judgement.
    pub judgement: Option<Judgement>,
    /// What each monitor said at the newest look.
    pub judged: Vec<Judged>,
    /// What tests of the candidate found before it got traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<Verified>,
    /// The numbers of the gates from look to look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub courses: Vec<Course>,
    /// Who answered how many requests while it went on: stable, candidate.
    pub served: Option<(Served, Served)>,
    /// Its entries that people want to read.
    pub story: Vec<Record>,
    /// Counters at the first and at the newest look of the present window.
    #[serde(skip)]
    looks: Option<(Counted, Counted)>,
    /// When the present window began.
    #[serde(skip)]
    window_began: Option<Time>,
}

/// One window of observation that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WindowReport {
    /// The candidate's share.
    pub weight: BasisPoints,
    /// When it ended.
    pub ended: Time,
    /// How long it took.
    pub took: Millis,
    /// How it ended.
    pub ending: Ending,
    /// In one sentence.
    pub reason: String,
    /// Who answered how many requests between its first look and its last:
    /// stable, candidate. Absent where it looked only once, or where the
    /// target does not count.
    #[serde(default)]
    pub served: Option<(Served, Served)>,
}

impl WindowReport {
    /// The candidate's share of the requests, as counted.
    pub fn measured(&self) -> Option<BasisPoints> {
        let (stable, candidate) = self.served?;
        let all = stable.requests + candidate.requests;
        let share = (candidate.requests * 10_000 + all / 2).checked_div(all)?;
        Some(BasisPoints::saturating(share))
    }
}

impl RolloutReport {
    /// This rollout as later ones remember it; `None` while it goes on.
    pub fn remembered(&self) -> Option<PastRollout> {
        let over = Over {
            revision: &self.candidate,
            environment: &self.environment,
            is_return: self.strategy == RETURN,
            outcome: self.outcome?,
            cause: self.cause?,
            peak: self.peak,
            reason: &self.reason,
            started: self.began,
            ended: self.ended?,
        };
        Some(over.remembered())
    }

    pub(super) fn new(
        environment: &str,
        begin: &Begin,
        program: Kind,
        stable: Option<&Release>,
        began: Time,
    ) -> RolloutReport {
        RolloutReport {
            environment: environment.into(),
            strategy: match program {
                Kind::Strategy => begin.settings.strategy.name.clone(),
                Kind::FirstInstall => "first install".into(),
                Kind::Rollback => RETURN.into(),
            },
            candidate: begin.candidate.revision.clone(),
            release: begin.candidate.digest,
            stable: stable.map(|release| release.revision.clone()),
            pull_request: begin.pull_request,
            told_as: begin.told_as.clone(),
            instances: begin.settings.instances,
            began,
            ended: None,
            outcome: None,
            cause: None,
            reason: String::new(),
            turned_back: None,
            went_back: None,
            weight: BasisPoints::ZERO,
            peak: BasisPoints::ZERO,
            weights: Vec::new(),
            progress: Progress::default(),
            decisions: 0,
            windows: Vec::new(),
            observing: None,
            awaits_approval: begin.settings.needs_approval && program != Kind::Rollback,
            holding: None,
            judgement: None,
            judged: Vec::new(),
            verified: Vec::new(),
            courses: Vec::new(),
            served: None,
            story: Vec::new(),
            looks: None,
            window_began: None,
        }
    }

    pub(super) fn apply(&mut self, record: &Record) {
        let at = record.at;
        if !matches!(
            record.entry,
            Entry::Looked { .. } | Entry::Baseline { .. } | Entry::Asked { .. }
        ) {
            self.story.push(record.clone());
        }
        match &record.entry {
            Entry::Decided { decision } => {
                self.awaits_approval = false;
                self.decisions += 1;
                self.progress = decision.progress;
                self.reason.clone_from(&decision.reason);
                self.observing = match decision.directive {
                    Directive::Observe { max, .. } => Some((at, at + max)),
                    Directive::Scale { .. }
                    | Directive::Route(_)
                    | Directive::Hold { .. }
                    | Directive::Finish { .. }
                    | Directive::Abort { .. } => None,
                };
                self.holding = None;
            }
            Entry::Weighed { weight } => {
                self.weight = *weight;
                self.peak = self.peak.max(*weight);
                self.weights.push((at, *weight));
            }
            Entry::Looked {
                judgement,
                judged,
                counted,
                ..
            } => {
                let first = self.looks.take().map(|(first, _)| first);
                self.looks = Some((first.unwrap_or_else(|| counted.clone()), counted.clone()));
                self.judgement = Some(judgement.clone());
                self.judged.clone_from(judged);
                let began = self.window_began.unwrap_or(at);
                evidence::follow(&mut self.courses, began, at, judged);
            }
            Entry::Verified { verified } => self.verified.clone_from(verified),
            Entry::Ended { ended } => {
                if let Directive::Observe { .. } = ended.directive {
                    let reason = self.judgement.as_ref().map(|j| j.reason.clone());
                    self.windows.push(WindowReport {
                        weight: self.weight,
                        ended: at,
                        took: ended.took,
                        ending: ended.ending,
                        reason: reason.unwrap_or_default(),
                        served: self.looks.take().and_then(served_between),
                    });
                }
                self.observing = None;
                self.holding = None;
            }
            Entry::WindowBegan { .. } => {
                self.looks = None;
                self.window_began = Some(at);
            }
            Entry::Holding { reason, until, .. } => self.holding = Some((reason.clone(), *until)),
            Entry::Unpaused => self.holding = None,
            Entry::Signalled { signal } => {
                self.awaits_approval &= !signal.approves(self.release);
            }
            Entry::TurnedBack { cause, reason } => {
                self.awaits_approval = false;
                self.turned_back = Some(at);
                self.cause = Some(*cause);
                self.reason.clone_from(reason);
                self.observing = None;
                self.holding = None;
            }
            Entry::WentBack => self.went_back = Some(at),
            Entry::Finished { reason, .. } => {
                self.ended = Some(at);
                self.outcome = Some(Outcome::Succeeded);
                self.cause = Some(Cause::Promoted);
                self.reason.clone_from(reason);
            }
            Entry::Closed {
                outcome,
                cause,
                reason,
            } => {
                self.ended = Some(at);
                self.outcome = Some(*outcome);
                self.cause = Some(*cause);
                self.reason.clone_from(reason);
            }
            Entry::Began { .. }
            | Entry::Staged
            | Entry::Baseline { .. }
            | Entry::Refused { .. }
            | Entry::Asked { .. }
            | Entry::Flapped
            | Entry::DueDone { .. } => {}
        }
    }
}

/// What was counted between two looks at one window.
fn served_between((first, last): (Counted, Counted)) -> Option<(Served, Served)> {
    let between = |first: Option<Telemetry>, last: Option<Telemetry>| {
        let since = last?.since(&first?);
        Some(Served {
            requests: since.requests,
            failures: since.failures,
            cut: since.cut,
        })
    };
    let candidate = between(first.candidate, last.candidate)?;
    let stable = between(first.stable, last.stable).unwrap_or_default();
    (stable.requests + candidate.requests > 0).then_some((stable, candidate))
}

//! The state of one rollout: a fold over its journal entries.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::directive::{Decision, Directive, Ended, Ending, Judgement, OnNoEvidence, Progress};
use super::entry::{Cause, Command, Counted, Entry, Outcome, Signal};
use super::guardrail::Standing;
use super::memory;
use super::settings::{Begin, Kind};
use super::step::{Pending, Step, Window};
use super::verification::Verified;
use crate::digest::Digest;
use crate::release::Release;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Phase, Verdict};
use crate::weight::BasisPoints;

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rollout {
    /// What is wanted, fixed at the beginning.
    pub begin: Begin,
    /// Who decides.
    pub kind: Kind,
    /// What served when it began.
    pub stable: Option<Release>,
    /// When it began.
    pub started: Time,
    /// What it is doing.
    pub step: Step,
    /// The candidate's share as last observed.
    pub weight: BasisPoints,
    /// The candidate's share as last asked for by a directive.
    pub asked: BasisPoints,
    /// The largest share observed.
    pub peak: BasisPoints,
    /// The largest share at which a window ended healthy.
    pub judged_share: BasisPoints,
    /// The strategy's memory.
    #[serde(with = "memory")]
    pub memory: Vec<u8>,
    /// How many decisions were made.
    pub decisions: u32,
    /// The last directive that ended.
    pub last: Option<Ended>,
    /// Where it stands, for people.
    pub progress: Progress,
    /// Why, for people.
    pub reason: String,
    /// What the guardrails may count on.
    pub standing: Standing,
    /// The newest judgement.
    pub judgement: Option<Judgement>,
    /// What each monitor said at the newest look.
    pub judged: Vec<Judged>,
    /// What each monitor wants to be handed again.
    #[serde(with = "memory::each")]
    pub memories: BTreeMap<String, Vec<u8>>,
    /// Counters at the newest look.
    pub counted: Counted,
    /// Stable's counters before the candidate got traffic.
    pub stable_before: Option<Telemetry>,
    /// Restarts before the rollout, of stable and candidate.
    pub restarts_before: (u64, u64),
    /// The present window, or the last one; an `observe` begins its own.
    pub window: Option<Window>,
    /// How many windows there were.
    pub windows: u32,
    /// The longest `min` of an `observe` so far.
    #[serde(default)]
    pub longest_watch: Millis,
    /// What was recorded and is yet to be acted upon.
    pub pending: Option<Pending>,
    /// A person wants a hold after the present directive.
    pub pause: bool,
    /// A person wants all traffic on the candidate.
    pub promote_full: bool,
    /// Who approved of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When the candidate had passed what is to be shown before it gets traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Time>,
    /// Holds that expired without progress in between.
    pub expiries: u32,
    /// The number of the newest signal that was heard.
    pub heard: u64,
    /// Whether both roles were asked to have no instance: a recreate.
    pub exclusive: bool,
}

impl Rollout {
    pub(super) fn new(begin: Begin, kind: Kind, stable: Option<Release>, at: Time) -> Rollout {
        Rollout {
            heard: begin.heard,
            begin,
            kind,
            stable,
            started: at,
            step: Step::Staging { since: at },
            weight: BasisPoints::ZERO,
            asked: BasisPoints::ZERO,
            peak: BasisPoints::ZERO,
            judged_share: BasisPoints::ZERO,
            memory: Vec::new(),
            decisions: 0,
            last: None,
            progress: Progress::default(),
            reason: String::new(),
            standing: Standing::default(),
            judgement: None,
            judged: Vec::new(),
            memories: BTreeMap::new(),
            counted: Counted::default(),
            stable_before: None,
            restarts_before: (0, 0),
            window: None,
            windows: 0,
            longest_watch: Millis::ZERO,
            pending: None,
            pause: false,
            promote_full: false,
            approved_by: None,
            verified: None,
            expiries: 0,
            exclusive: false,
        }
    }

    /// The candidate's digest.
    pub fn candidate(&self) -> Digest {
        self.begin.candidate.digest
    }

    /// Stable's digest, if anything served before.
    pub fn stable_digest(&self) -> Option<Digest> {
        self.stable.as_ref().map(|release| release.digest)
    }

    /// Whether it is over and leaves nothing to do. A stuck one is not: the
    /// next run takes the way back up again.
    pub fn is_over(&self) -> bool {
        matches!(&self.step, Step::Over { outcome, .. } if *outcome != Outcome::Stuck)
    }

    /// Whether a person or the settings let health alone count (G5, G7).
    fn waives(&self, judgement: &Judgement) -> bool {
        let on_health = self.begin.settings.on_no_evidence == OnNoEvidence::ContinueOnHealth
            || self.kind == Kind::FirstInstall;
        on_health && judgement.health == Verdict::Healthy && judgement.verdict != Verdict::Failing
    }

    /// How an `observe` directive ends at a look with this verdict, if it does.
    pub(super) fn window_ending(&self, at: Time, verdict: Verdict) -> Option<Ending> {
        let (since, min, max) = self.observing()?;
        let elapsed = at.since(since);
        match verdict {
            Verdict::Healthy if elapsed >= min => Some(Ending::Healthy),
            Verdict::Healthy | Verdict::Inconclusive if elapsed >= max => {
                Some(Ending::Inconclusive)
            }
            Verdict::Healthy | Verdict::Inconclusive | Verdict::Failing => None,
        }
    }

    /// Since when an `observe` directive lasts, and its two times.
    pub(super) fn observing(&self) -> Option<(Time, Millis, Millis)> {
        match &self.step {
            Step::Acting {
                directive: Directive::Observe { min, max },
                since,
            } => Some((*since, *min, *max)),
            Step::Staging { .. }
            | Step::Deciding { .. }
            | Step::Acting { .. }
            | Step::Holding { .. }
            | Step::Back { .. }
            | Step::Over { .. } => None,
        }
    }

    fn apply_look(&mut self, judgement: Judgement, measured: Time) {
        let ending = self.window_ending(measured, judgement.verdict);
        let is_last = ending.is_some();
        let healthy = judgement.verdict == Verdict::Healthy;
        let waived = self.waives(&judgement);
        if is_last {
            self.standing.healthy |= healthy;
            self.standing.waived |= waived;
            if healthy || waived {
                self.judged_share = self.judged_share.max(self.weight);
            }
        }
        if let Some(window) = &mut self.window {
            window.looked = Some(measured);
            window.weight = Some(self.weight);
            if window.phase == Phase::Bake && self.weight == BasisPoints::FULL && is_last {
                self.standing.baked = healthy || waived;
            }
        }
        if judgement.verdict == Verdict::Failing {
            self.standing.failing = true;
            self.turn_back_next(Cause::VerdictFailing, judgement.reason.clone());
        } else if let Some(ending) = ending {
            self.end_next(ending);
        }
        self.judgement = Some(judgement);
    }

    fn apply_signal(&mut self, signal: &Signal) {
        self.heard = self.heard.max(signal.number);
        let by = &signal.by;
        if self.is_before_approval(signal.command) {
            return;
        }
        match signal.command {
            Command::Approve => {
                if self.approve(signal) && matches!(self.step, Step::Holding { .. }) {
                    self.end_next(Ending::Resumed);
                }
            }
            Command::Pause => {
                self.pause = !matches!(self.step, Step::Holding { pause: true, .. });
            }
            Command::Resume => {
                self.pause = false;
                if let Step::Holding { .. } = self.step {
                    self.end_next(Ending::Resumed);
                }
            }
            Command::Promote | Command::PromoteFull => {
                self.promote_full |= signal.command == Command::PromoteFull;
                self.standing.waived = true;
                let baking = self
                    .window
                    .is_some_and(|window| window.phase == Phase::Bake);
                self.standing.baked |= baking && self.weight == BasisPoints::FULL;
                if self.observing().is_some() || matches!(self.step, Step::Holding { .. }) {
                    self.end_next(Ending::Promoted);
                }
            }
            Command::Abort => {
                self.turn_back_next(Cause::Person, format!("aborted by {by}"));
            }
            Command::Unwatched => {
                self.turn_back_next(Cause::Unwatched, signal.reason.clone());
            }
            Command::Failing => {
                self.standing.failing = true;
                self.turn_back_next(Cause::VerdictFailing, signal.reason.clone());
            }
            Command::Superseded => {
                self.turn_back_next(Cause::Superseded, format!("superseded by {by}"));
            }
        }
    }

    /// An ending never comes before a reason to go back.
    fn end_next(&mut self, ending: Ending) {
        if self.pending.is_none() {
            self.pending = Some(Pending::End { ending });
        }
    }

    fn turn_back_next(&mut self, cause: Cause, reason: String) {
        let is_back = matches!(self.step, Step::Back { .. } | Step::Over { .. });
        let is_turning = matches!(self.pending, Some(Pending::TurnBack { .. }));
        if !is_back && !is_turning {
            self.pending = Some(Pending::TurnBack { cause, reason });
        }
    }

    fn apply_verified(&mut self, at: Time, verified: &[Verified]) {
        if let Some((cause, reason)) = verified.iter().find_map(Verified::objection) {
            self.turn_back_next(cause, reason);
            return;
        }
        self.verified = Some(at);
    }

    fn apply_ended(&mut self, at: Time, ended: Ended) {
        match ended.ending {
            Ending::HoldExpired => self.expiries += 1,
            Ending::Reached | Ending::Inconclusive => {}
            Ending::Healthy | Ending::Resumed | Ending::Promoted => self.expiries = 0,
        }
        self.last = Some(ended);
        self.begin_step(Step::Deciding { since: at });
    }

    fn apply_decision(&mut self, at: Time, decision: &Decision) {
        self.decisions += 1;
        self.memory = decision.memory.clone();
        self.progress = decision.progress;
        self.reason = decision.reason.clone();
        let directive = decision.directive.clone();
        match &directive {
            Directive::Scale {
                stable: 0,
                candidate: 0,
            } => self.exclusive = true,
            Directive::Route(weight) => self.asked = *weight,
            Directive::Observe { min, .. } => {
                self.window = None;
                self.longest_watch = self.longest_watch.max(*min);
            }
            Directive::Scale { .. }
            | Directive::Hold { .. }
            | Directive::Finish { .. }
            | Directive::Abort { .. } => {}
        }
        self.begin_step(Step::Acting {
            directive,
            since: at,
        });
    }

    /// What was pending belonged to the step before; a reason to go back does
    /// not.
    fn begin_step(&mut self, step: Step) {
        if let Some(Pending::End { .. }) = self.pending {
            self.pending = None;
        }
        self.step = step;
    }
}

impl Rollout {
    pub(super) fn apply(&mut self, at: Time, entry: &Entry) {
        match entry {
            Entry::Staged | Entry::Unpaused => self.begin_step(Step::Deciding { since: at }),
            Entry::Baseline {
                stable,
                candidate,
                stable_restarts,
                candidate_restarts,
            } => {
                self.stable_before = stable.clone();
                self.counted = Counted {
                    stable: stable.clone(),
                    candidate: candidate.clone(),
                };
                self.restarts_before = (*stable_restarts, *candidate_restarts);
            }
            Entry::Decided { decision } => self.apply_decision(at, decision),
            Entry::Weighed { weight } => {
                self.weight = *weight;
                self.peak = self.peak.max(*weight);
                self.standing.baked &= *weight == BasisPoints::FULL;
                if let Some(window) = &mut self.window {
                    window.weight = None;
                }
            }
            Entry::WindowBegan {
                window,
                phase,
                restarts,
            } => {
                let was_unsteady = self
                    .judgement
                    .as_ref()
                    .is_some_and(|judgement| judgement.health != Verdict::Healthy);
                self.windows = *window;
                self.window = Some(Window {
                    number: *window,
                    phase: *phase,
                    began: at,
                    looked: None,
                    weight: None,
                    restarts: *restarts,
                    flapped: false,
                    steady_for: match was_unsteady {
                        true => self.longest_watch,
                        false => Millis::ZERO,
                    },
                });
            }
            Entry::Flapped => {
                if let Some(window) = &mut self.window {
                    window.flapped = true;
                }
            }
            Entry::Looked {
                judgement,
                judged,
                memories,
                counted,
                measured,
                ..
            } => {
                self.memories.extend(memories.clone());
                self.counted = counted.clone();
                self.judged = judged.clone();
                self.apply_look(judgement.clone(), *measured);
            }
            Entry::Verified { verified } => self.apply_verified(at, verified),
            Entry::Ended { ended } => self.apply_ended(at, ended.clone()),
            Entry::Holding {
                reason,
                until,
                pause,
            } => {
                self.pause &= !pause;
                self.begin_step(Step::Holding {
                    reason: reason.clone(),
                    since: at,
                    until: *until,
                    pause: *pause,
                });
            }
            Entry::Signalled { signal } => self.apply_signal(signal),
            Entry::TurnedBack { cause, reason } => {
                self.reason = reason.clone();
                self.pending = None;
                self.step = Step::Back {
                    since: at,
                    cause: *cause,
                    weightless: false,
                };
            }
            Entry::WentBack => {
                if let Step::Back { weightless, .. } = &mut self.step {
                    *weightless = true;
                }
            }
            Entry::Asked { .. }
            | Entry::Refused { .. }
            | Entry::Began { .. }
            | Entry::Finished { .. }
            | Entry::Closed { .. }
            | Entry::DueDone { .. } => {}
        }
    }
}

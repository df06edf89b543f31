//! What people, other runs and the job's end say, and what follows.

use alloc::format;

use super::directive::{Directive, Ended, Ending};
use super::entry::{Cause, Entry, Outcome, Signal};
use super::machine::Machine;
use super::port::{Done, Intent};
use super::state::Rollout;
use super::step::{Pending, Step};
use crate::time::{Millis, Time};

impl Machine {
    pub(super) fn take_signal(&mut self, now: Time, signal: Signal) {
        let Some(rollout) = self.env.active() else {
            return;
        };
        if signal.number > rollout.heard {
            self.push(now, Entry::Signalled { signal });
            // What is asked meanwhile may take long, and is pointless now.
            if self.env.active().is_some_and(|r| r.pending.is_some()) {
                self.forget_call();
            }
        }
    }

    /// Act upon the newest look or signal.
    pub(super) fn act_upon(&mut self, now: Time, pending: Pending) {
        match pending {
            Pending::TurnBack { cause, reason } => {
                self.turn_back(now, cause, reason);
            }
            Pending::End { ending } => self.end_wait(now, ending),
        }
    }

    /// End the present directive, or a hold or pause.
    pub(super) fn end_wait(&mut self, now: Time, ending: Ending) {
        let Some(rollout) = self.env.active() else {
            return;
        };
        let since = rollout.step.since();
        let directive = match &rollout.step {
            Step::Holding { pause: true, .. } if ending != Ending::HoldExpired => {
                self.push(now, Entry::Unpaused);
                return;
            }
            Step::Holding { reason, until, .. } => Directive::Hold {
                reason: reason.clone(),
                timeout: until.since(since),
            },
            Step::Acting { directive, .. } => directive.clone(),
            Step::Staging { .. }
            | Step::Deciding { .. }
            | Step::Back { .. }
            | Step::Over { .. } => return,
        };
        let took: Millis = now.since(since);
        let ended = Ended {
            directive,
            ending,
            took,
        };
        self.push(now, Entry::Ended { ended });
    }

    pub(super) fn take_cancel(&mut self, now: Time, pause: bool, watched: bool) {
        self.hurry = true;
        let wanted = !matches!(self.intent, Intent::Resume);
        self.intent = Intent::Resume;
        let Some(rollout) = self.env.active() else {
            self.forget_call();
            let cancelled = Done {
                outcome: Outcome::Cancelled,
                cause: Cause::Cancelled,
                reason: "cancelled before the rollout began".into(),
                resume_at: None,
            };
            self.done = Some(if wanted { cancelled } else { self.last_done() });
            return;
        };
        if matches!(rollout.step, Step::Back { .. }) {
            return;
        }
        if pause && rollout.may_be_left(watched) {
            self.done = Some(Done {
                outcome: Outcome::Waiting,
                cause: Cause::Cancelled,
                reason: format!("cancelled; the candidate stays at {}", rollout.weight),
                resume_at: None,
            });
            self.forget_call();
        } else {
            self.turn_back(now, Cause::Cancelled, "the job was cancelled".into());
        }
    }

    /// The end of a run that may wait no longer, where the rollout waits for
    /// time or a person and nothing is to be repaired. Above the share that the
    /// environment lets go unwatched, the run stays unless somebody watches.
    pub(super) fn waiting(&self) -> Option<Done> {
        let rollout = self.env.active()?;
        if let Step::Holding { until, .. } = rollout.step
            && rollout.awaits_approval()
        {
            // Nothing of it runs, and nobody knows when somebody comes.
            return Some(Done {
                outcome: Outcome::Waiting,
                cause: Cause::NeedsApproval,
                reason: "a person is to approve of this release".into(),
                resume_at: Some(until),
            });
        }
        let watched = self.leaving?;
        let is_as_asked = rollout.weight == rollout.asked && self.trouble_since.is_none();
        if !is_as_asked || !rollout.may_be_left(watched) {
            return None;
        }
        let (what, resume_at) = match &rollout.step {
            Step::Acting {
                directive: Directive::Observe { min, max },
                since,
            } => {
                rollout.window?;
                // The earliest end that the evidence could bring, then the last.
                let ends = [*since + *min, *since + *max];
                let looked = rollout.window.and_then(|window| window.looked);
                let next = ends
                    .into_iter()
                    .find(|end| looked.is_none_or(|at| at < *end));
                ("evidence", next.unwrap_or(*since + *max))
            }
            Step::Holding { until, .. } => ("a person", *until),
            Step::Staging { .. }
            | Step::Deciding { .. }
            | Step::Acting { .. }
            | Step::Back { .. }
            | Step::Over { .. } => return None,
        };
        Some(Done {
            outcome: Outcome::Waiting,
            cause: Cause::MaxWait,
            reason: format!(
                "waits for {what} at {}; to be resumed at {} UTC",
                rollout.weight,
                resume_at.clock()
            ),
            resume_at: Some(resume_at),
        })
    }

    /// Whether the job is being cancelled and only the first step back counts.
    pub(super) fn is_in_a_hurry(&self) -> bool {
        self.hurry
    }

    pub(super) fn fenced(&mut self) {
        self.forget_call();
        self.done = Some(Done {
            outcome: Outcome::Refused,
            cause: Cause::Fenced,
            reason: "another run has taken over this environment".into(),
            resume_at: None,
        });
    }
}

impl Rollout {
    /// Whether no run needs to be alive at the present share.
    fn may_be_left(&self, watched: bool) -> bool {
        watched || self.weight <= self.begin.settings.limits.max_exposure_unwatched
    }
}

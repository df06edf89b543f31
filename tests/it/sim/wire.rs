//! What lies between the machine and the world: answers that are lost, late or
//! told twice, metrics that are down, computers whose clocks differ, and a run
//! that does not know yet that another has taken over.

use baepo_core::rollout::{Answer, CallError, CallId, Cause, Input, Machine, Outcome, Output};
use baepo_core::time::{Millis, Time};

/// What an answer is: of which call, and what.
type Answered = (CallId, Result<Answer, CallError>);

#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    /// Changes are made until then, and nobody hears of it.
    pub(super) deaf_until: Time,
    /// Nobody counts and no monitor answers until then.
    pub(super) blind_until: Time,
    /// What the clock of the machine's computer is ahead of the world.
    ahead_ms: i64,
    before: Option<Answered>,
}

impl Wire {
    pub(super) fn clock(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.ahead_ms))
    }

    pub(super) fn set_clock(&mut self, ahead_ms: i64) {
        self.ahead_ms = ahead_ms;
    }

    pub(super) fn is_deaf(&self, now: Time) -> bool {
        now < self.deaf_until
    }

    pub(super) fn is_blind(&self, now: Time) -> bool {
        now < self.blind_until
    }

    /// Answers belong to one machine.
    pub(super) fn forget(&mut self) {
        self.before = None;
    }

    /// What arrives when a call is answered: the answer before it once more,
    /// and this one twice.
    pub(super) fn deliver(
        &mut self,
        id: CallId,
        answer: Result<Answer, CallError>,
    ) -> Vec<Answered> {
        let mut arrives: Vec<Answered> = self.before.take().into_iter().collect();
        self.before = Some((id, answer.clone()));
        arrives.push((id, answer.clone()));
        arrives.push((id, answer));
        arrives
    }
}

/// A run whose lease another holds is refused whatever it does: it must notice,
/// and say so, before it has tried ten things.
pub(super) fn fenced_off(mut stale: Machine, now: Time) -> Result<(), String> {
    let mut now = now;
    for _ in 0..10 {
        match stale.poll_output(now) {
            // The state is saved with the token of the lease.
            Output::Record(_) => stale.handle_input(now, Input::Fenced),
            Output::Call { id, .. } => {
                let answer = Err(CallError::Fenced);
                stale.handle_input(now, Input::Returned { id, answer });
            }
            // So is the lease renewed, more often than this.
            Output::Wait(_) | Output::Pending => {
                now = now + Millis(1_000);
                stale.handle_input(now, Input::Fenced);
            }
            Output::Done(done) => {
                let is_told = (done.outcome, done.cause) == (Outcome::Refused, Cause::Fenced);
                // One that was over anyway may say that.
                return match is_told || stale.environment().active().is_none() {
                    true => Ok(()),
                    false => Err(format!(
                        "fenced, it ended as {:?}, {:?}",
                        done.outcome, done.cause
                    )),
                };
            }
        }
    }
    Err("fenced, it goes on".into())
}

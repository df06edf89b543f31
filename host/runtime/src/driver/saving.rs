//! The state, saved with the target before anything that it announces is done.

use std::time::Duration;

use baepo_core::rollout::{Cause, Done, Input, Outcome};

use super::document::{self, StateError};
use super::{CANCEL_PATIENCE, Event, Run};
use crate::chain;
use crate::target::TargetError;

/// How long a state that cannot be saved is tried to be saved again; where the
/// target does not answer, as long as any state of a rollout may last, if that is
/// longer.
const SAVE_PATIENCE: Duration = Duration::from_secs(30);
/// How soon it is tried again.
const PAUSE: Duration = Duration::from_millis(500);

impl Run<'_, '_> {
    /// Saves the state as it is now, and what is in the way of that is told.
    ///
    /// # Errors
    /// When it cannot be saved for too long, or is another's to save.
    pub(super) async fn persist(
        &mut self,
        watch: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<(), StateError> {
        self.state.environment = self.machine.environment().clone();
        self.state.untold = self.unheard;
        let began = tokio::time::Instant::now();
        loop {
            let target = &*self.drive.target;
            match document::save(target, self.token, self.version, &mut self.state).await {
                Ok(version) => {
                    self.version = version;
                    return Ok(());
                }
                Err(StateError::Target(TargetError::Fenced)) => {
                    return Err(TargetError::Fenced.into());
                }
                Err(error) if began.elapsed() > self.patience(&error) => return Err(error),
                Err(error) => {
                    if let StateError::Target(TargetError::Unreachable { .. }) = &error {
                        watch(Event::Away(&chain(&error)));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// How long a state is tried to be saved where this is in the way.
    fn patience(&self, error: &StateError) -> Duration {
        let rollout = self.machine.environment().active();
        match (error, rollout) {
            _ if self.drive.cancel.is_cancelled() => CANCEL_PATIENCE,
            (StateError::Target(TargetError::Unreachable { .. }), Some(rollout)) => {
                let deadline = rollout.begin.settings.deadlines.progress;
                deadline.to_duration().max(SAVE_PATIENCE)
            }
            _ => SAVE_PATIENCE,
        }
    }

    /// What cannot be recorded must not go on. The one thing done without a
    /// record is to take traffic back, which is right from every state.
    pub(super) async fn unsaved(&mut self, error: StateError) -> Done {
        if let StateError::Target(TargetError::Fenced) = error {
            self.machine.handle_input(self.clock.now(), Input::Fenced);
            let reason = "another run has taken over this environment".into();
            return Done {
                outcome: Outcome::Refused,
                cause: Cause::Fenced,
                reason,
                resume_at: None,
            };
        }
        let environment = self.machine.environment();
        let stable = environment
            .active()
            .and_then(|rollout| rollout.stable_digest());
        let mut after = String::new();
        if let Some(stable) = stable {
            let route = baepo_core::fleet::Route::all(stable);
            after = match self.drive.target.route(self.token, &route).await {
                Ok(()) => "; all traffic was sent back to what served before".into(),
                Err(error) => format!("; traffic could not be sent back either: {error}"),
            };
        }
        let reason = format!("the state cannot be saved: {}{after}", chain(&error));
        Done {
            outcome: Outcome::Stuck,
            cause: Cause::State,
            reason,
            resume_at: None,
        }
    }
}

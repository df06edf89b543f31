//! Who looks after an environment while no run is alive: does what is due, and
//! brings traffic back where the candidate fails or nobody comes back.
//!
//! It acts like any other holder of the lease, through the driver and the same
//! state machine, and decides nothing that needs a plugin.

use std::sync::Arc;
use std::time::Duration;

use baepo_core::rollout::{Awaited, Command, Environment, Intent, Patience, WhileAway};
use baepo_core::time::{Millis, Time};
use tokio_util::sync::CancellationToken;

use crate::chain;
use crate::clock::now;
use crate::driver::{Deciders, Drive, DriveError, LeaseError, WATCHDOG, load};
use crate::target::local::{LocalTarget, Status};
use crate::target::{Target, TargetError};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long it waits where it has acted and the same is still to be done.
const REST: Millis = Millis::from_secs(30);

/// The watchdog of one agent.
#[derive(Debug)]
pub struct Watchdog {
    target: LocalTarget,
    patience: Patience,
    away: WhileAway,
    rests_until: Time,
}

/// What is to be done now.
enum Act {
    /// Bring on what needs no decision.
    Due,
    /// Go back, and say why.
    Back(Command, String),
}

impl Watchdog {
    /// A watchdog for the agent that answers there.
    pub fn new(target: LocalTarget, patience: Patience) -> Watchdog {
        Watchdog {
            target,
            patience,
            away: WhileAway::default(),
            rests_until: Time(0),
        }
    }

    /// Watch until `stop` is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            if now() < self.rests_until {
                continue;
            }
            let Ok(Some(act)) = self.look().await else {
                // An agent that does not answer, or a state that cannot be
                // read, is somebody else's to tell.
                continue;
            };
            self.act(act, &stop).await;
            self.away = WhileAway::default();
            if !matches!(self.look().await, Ok(None)) {
                self.rests_until = now() + REST;
            }
        }
    }

    async fn look(&mut self) -> Result<Option<Act>, TargetError> {
        let status = self.target.status().await?;
        if status.lease.is_some() {
            self.away = WhileAway::default();
            return Ok(None);
        }
        let Ok((_, state)) = load(&self.target).await else {
            return Ok(None);
        };
        let environment = &state.environment;
        let lease_ended = status.kept_lease.as_ref().map(|lease| lease.expires);
        match environment.awaited(lease_ended, self.patience) {
            Awaited::Nothing => Ok(None),
            Awaited::Due(at) => Ok((at <= now()).then_some(Act::Due)),
            Awaited::Run(at) if at <= now() => {
                let reason = format!(
                    "no run came back by {} UTC, and traffic went back to what served before",
                    at.clock()
                );
                Ok(Some(Act::Back(Command::Unwatched, reason)))
            }
            Awaited::Run(_) => self.look_at_traffic(environment, &status).await,
        }
    }

    async fn look_at_traffic(
        &mut self,
        environment: &Environment,
        status: &Status,
    ) -> Result<Option<Act>, TargetError> {
        let Some(rollout) = environment.active() else {
            return Ok(None);
        };
        let digest = rollout.candidate();
        let candidate = self.target.telemetry(digest).await?;
        let stable = match rollout.stable_digest() {
            Some(stable) => self.target.telemetry(stable).await?,
            None => None,
        };
        let ready = status.fleet.of(digest).ready;
        let weight = status.fleet.route.weight(digest);
        let why = self
            .away
            .look(now(), stable.as_ref(), candidate.as_ref(), ready, weight);
        Ok(why.map(|why| Act::Back(Command::Failing, why)))
    }

    async fn act(&self, act: Act, stop: &CancellationToken) {
        let say = match act {
            Act::Due => None,
            Act::Back(command, reason) => {
                tracing::warn!(reason, "the watchdog takes traffic back");
                Some((command, reason))
            }
        };
        let drive = Drive {
            target: Arc::new(self.target.clone()),
            deciders: Deciders::default(),
            stagings: &|release| Err(format!("{} is not staged", release.revision.short())),
            checkout: None,
            holder: WATCHDOG.into(),
            log: Arc::new(|_| {}),
            outside: Arc::default(),
            uses: Default::default(),
            // An agent that ends leaves the rest to the next one: the state is
            // whole after each step.
            cancel: CancellationToken::new(),
            pause_on_cancel: false,
            leave_at: None,
            say,
            is_unheard: true,
        };
        let mut nobody = |_: crate::driver::Event<'_>| {};
        let driving = drive.run(Intent::Resume, &mut nobody);
        match stop.run_until_cancelled(driving).await {
            Some(Ok(driven)) => {
                let (outcome, reason) = (driven.done.outcome, driven.done.reason);
                tracing::info!(%outcome, reason, "the watchdog has acted");
            }
            Some(Err(DriveError::Lease(LeaseError::Held(lease)))) => {
                tracing::info!(holder = lease.holder, "a run has come back");
            }
            Some(Err(error)) => tracing::warn!(error = chain(&error), "the watchdog cannot act"),
            None => {}
        }
    }
}

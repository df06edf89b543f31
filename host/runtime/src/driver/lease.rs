//! Who may act: taking the lease, keeping it, giving it back.

use std::sync::Arc;
use std::time::Duration;

use baepo_core::lease::{Lease, Token};
use baepo_core::rollout::{Command, Intent};
use tokio_util::sync::CancellationToken;

use super::{Event, StateError};
use crate::clock::now;
use crate::target::{Target, TargetError};

/// How long a lease lasts without renewal: after so long another run takes
/// over from one that was killed.
const TTL: Duration = Duration::from_secs(10);
/// How often it is renewed: three tries before it is lost.
const RENEW: Duration = Duration::from_secs(3);
/// How long a superseding run waits for the one before it to go back.
const SUPERSEDE_PATIENCE: Duration = Duration::from_secs(600);

/// What the lease calls the watchdog of the agent, which holds it as long as it
/// takes to do what is due or to go back, and never waits for a person.
pub const WATCHDOG: &str = "the watchdog of the agent";

/// Why the lease was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A live run holds it.
    #[error("{} is acting on this environment", .0.holder)]
    Held(Lease),
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The state could not be read to see what is on its way.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Take the lease. Behind a dead holder it waits for the lease to run out;
/// behind a live one that rolls out something else it asks it to go back;
/// behind the watchdog it waits until that has done what it does.
pub(super) async fn acquire(
    target: &dyn Target,
    holder: &str,
    intent: &Intent,
    watch: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Lease, LeaseError> {
    let began = tokio::time::Instant::now();
    let mut first: Option<Lease> = None;
    let mut superseding = false;
    loop {
        let lease = match target.acquire(holder, None, TTL).await {
            Ok(lease) => return Ok(lease),
            Err(TargetError::Held(lease)) => lease,
            Err(error) => return Err(error.into()),
        };
        match &first {
            None => {
                watch(Event::Locked(&lease));
                superseding = supersede(target, holder, intent).await?;
                first = Some(lease.clone());
            }
            // When a lease runs out, somebody else may be quicker: that is a
            // holder of whom nothing is known yet.
            Some(seen) if lease.token != seen.token => {
                watch(Event::Locked(&lease));
                superseding = superseding || supersede(target, holder, intent).await?;
                first = Some(lease.clone());
            }
            // Renewed since we first saw it: the holder is alive.
            Some(seen)
                if !superseding && lease.expires > seen.expires && lease.holder != WATCHDOG =>
            {
                return Err(LeaseError::Held(lease));
            }
            Some(_) if began.elapsed() > SUPERSEDE_PATIENCE => return Err(LeaseError::Held(lease)),
            Some(_) => {}
        }
        let left = lease.expires.since(now()).to_duration() + Duration::from_millis(50);
        tokio::time::sleep(left.min(Duration::from_millis(500))).await;
    }
}

/// Tell a live holder that a newer revision wants to be rolled out.
async fn supersede(target: &dyn Target, holder: &str, intent: &Intent) -> Result<bool, LeaseError> {
    let (Intent::Deploy(begin) | Intent::Rollback(begin)) = intent else {
        return Ok(false);
    };
    let (_, state) = super::load(target).await?;
    let other = state
        .environment
        .active()
        .is_some_and(|rollout| rollout.candidate() != begin.candidate.digest);
    if other {
        super::signal(target, Command::Superseded, holder, "").await?;
    }
    Ok(other)
}

/// A lease that is renewed until it is released or lost.
pub struct Holder {
    target: Arc<dyn Target>,
    token: Token,
    lost: CancellationToken,
    renewing: tokio::task::JoinHandle<()>,
}

impl Holder {
    /// Keep this lease.
    pub fn keep(target: Arc<dyn Target>, holder: String, token: Token) -> Holder {
        let lost = CancellationToken::new();
        let renewing = tokio::spawn(renew(Arc::clone(&target), holder, token, lost.clone()));
        Holder {
            target,
            token,
            lost,
            renewing,
        }
    }

    /// Cancelled when somebody else has the lease.
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Give it back.
    pub async fn release(self) {
        self.renewing.abort();
        // Best effort: an unreleased lease runs out by itself.
        let _ = self.target.release(self.token).await;
    }
}

async fn renew(target: Arc<dyn Target>, holder: String, token: Token, lost: CancellationToken) {
    let mut tick = tokio::time::interval(RENEW);
    loop {
        tick.tick().await;
        // Unreachable is the machine's to judge; it meets it as well.
        let renewed = target.acquire(&holder, Some(token), TTL).await;
        if let Err(TargetError::Held(_) | TargetError::Fenced) = renewed {
            lost.cancel();
            return;
        }
    }
}

//! The state document of an environment, as it is kept by the target.

use std::fmt;

use baepo_core::lease::Token;
use baepo_core::rollout::{Command, Environment, Intent, Signal};
use baepo_core::time::Time;
use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::target::{Target, TargetError};

/// The version of the document's form.
const FORMAT: u32 = 1;
/// How many signals are kept for those who have not read them yet.
const SIGNALS: usize = 32;
/// How often a save is tried again when somebody else saved in between.
const TRIES: usize = 20;

/// What the target keeps: the state, and what people said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateDocument {
    format: u32,
    /// The fold of all entries.
    pub environment: Environment,
    /// Newest last; numbers grow.
    pub signals: Vec<Signal>,
    signalled: u64,
    /// A person wants nothing new to be rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<EnvironmentLock>,
    /// The number of the first entry that no run has told of: a watchdog acted.
    /// Absent where all was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<u64>,
}

/// A person wants nothing new to be rolled out to an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentLock {
    /// Who.
    pub by: String,
    /// Why, for people; may be empty.
    pub reason: String,
    /// Since when.
    pub since: Time,
    /// From then on it locks nothing; absent where it stays until it is
    /// unlocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl EnvironmentLock {
    fn holds(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Display for EnvironmentLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locked by {} since {}", self.by, self.since.rfc3339())?;
        if let Some(until) = self.until {
            write!(f, " until {}", until.rfc3339())?;
        }
        match self.reason.as_str() {
            "" => Ok(()),
            reason => write!(f, ": {reason}"),
        }
    }
}

impl Default for StateDocument {
    fn default() -> StateDocument {
        StateDocument {
            format: FORMAT,
            environment: Environment::default(),
            signals: Vec::new(),
            signalled: 0,
            lock: None,
            untold: None,
        }
    }
}

impl StateDocument {
    /// The number of the newest signal; 0 where there was none.
    pub fn signalled(&self) -> u64 {
        self.signalled
    }

    /// The lock that holds at this time, if there is one.
    pub fn locked(&self, now: Time) -> Option<&EnvironmentLock> {
        self.lock.as_ref().filter(|lock| lock.holds(now))
    }
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The document is not one, or of a newer form.
    #[error(
        "the state of this environment is not readable by this version of baepo; nothing was changed"
    )]
    Unreadable(#[source] Option<serde_json::Error>),
    /// It cannot be written as JSON: a mistake of ours.
    #[error("the state cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// Somebody else saved each time.
    #[error("the state was saved by somebody else {TRIES} times in a row")]
    Contended,
}

/// Load the document and its version.
///
/// # Errors
/// If the target does not answer or the document is not readable.
pub async fn load(target: &dyn Target) -> Result<(u64, StateDocument), StateError> {
    let document = target.load_state().await?;
    if document.bytes.is_empty() {
        return Ok((document.version, StateDocument::default()));
    }
    let state: StateDocument = serde_json::from_slice(&document.bytes)
        .map_err(|error| StateError::Unreadable(Some(error)))?;
    if state.format > FORMAT {
        return Err(StateError::Unreadable(None));
    }
    Ok((document.version, state))
}

/// Save the state; signals that came in between are kept. Returns the new
/// version and all signals.
pub(super) async fn save(
    target: &dyn Target,
    token: Token,
    mut version: u64,
    state: &mut StateDocument,
) -> Result<u64, StateError> {
    for _ in 0..TRIES {
        let bytes = serde_json::to_vec(&state).map_err(StateError::Encode)?;
        match target.save_state(Some(token), version, &bytes).await {
            Ok(version) => return Ok(version),
            Err(TargetError::Conflict) => {
                let (newer, theirs) = load(target).await?;
                version = newer;
                state.signals = theirs.signals;
                state.signalled = theirs.signalled;
                state.lock = theirs.lock;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StateError::Contended)
}

/// Lock an environment, or unlock it with `None`. What is on its way is not
/// held up; nothing new begins until it is unlocked. Returns the lock that was
/// there before. One that holds is not replaced by another.
///
/// # Errors
/// If the target does not answer or the state is not readable.
pub async fn set_lock(
    target: &dyn Target,
    lock: Option<EnvironmentLock>,
) -> Result<Option<EnvironmentLock>, StateError> {
    for _ in 0..TRIES {
        let (version, mut state) = load(target).await?;
        let before = state.locked(now()).cloned();
        if before.is_some() == lock.is_some() {
            return Ok(before);
        }
        state.lock = lock.clone();
        let bytes = serde_json::to_vec(&state).map_err(StateError::Encode)?;
        match target.save_state(None, version, &bytes).await {
            Ok(_) => return Ok(before),
            Err(TargetError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StateError::Contended)
}

/// The lock that forbids this, if one does: nothing new begins in a locked
/// environment, what is on its way is brought on, and a person may go back.
pub(super) async fn lock_against(
    target: &dyn Target,
    intent: &Intent,
) -> Result<Option<EnvironmentLock>, StateError> {
    let Intent::Deploy(begin) = intent else {
        return Ok(None);
    };
    let (_, state) = load(target).await?;
    let is_on_its_way = state
        .environment
        .active()
        .is_some_and(|rollout| rollout.candidate() == begin.candidate.digest);
    Ok(state.locked(now()).cloned().filter(|_| !is_on_its_way))
}

/// Say something about the rollout of this environment; whoever holds the
/// lease hears it within a second. Needs no lease. `reason` may be empty.
///
/// # Errors
/// If the target does not answer or the state is not readable.
pub async fn signal(
    target: &dyn Target,
    command: Command,
    by: &str,
    reason: &str,
) -> Result<Signal, StateError> {
    for _ in 0..TRIES {
        let (version, mut state) = load(target).await?;
        state.signalled += 1;
        let signal = Signal {
            number: state.signalled,
            by: by.to_owned(),
            command,
            reason: reason.to_owned(),
        };
        if state.signals.len() == SIGNALS {
            state.signals.remove(0);
        }
        state.signals.push(signal.clone());
        let bytes = serde_json::to_vec(&state).map_err(StateError::Encode)?;
        match target.save_state(None, version, &bytes).await {
            Ok(_) => return Ok(signal),
            Err(TargetError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StateError::Contended)
}

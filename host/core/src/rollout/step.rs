//! What a rollout is doing at the moment, and what follows from it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::directive::{Directive, Ending};
use super::entry::{Cause, Outcome};
use crate::time::{Millis, Time};
use crate::verdict::Phase;
use crate::weight::BasisPoints;

/// One stretch of observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// Its number, from 1.
    pub number: u32,
    /// What part of the rollout it is in.
    pub phase: Phase,
    /// When it began.
    pub began: Time,
    /// When monitors were last asked; absent before the first look.
    pub looked: Option<Time>,
    /// The candidate's share at all times since the last look; absent before
    /// the first look and where it changed.
    pub weight: Option<BasisPoints>,
    /// The candidate's restarts when it began.
    pub restarts: u64,
    /// Whether an instance that was asked for was not ready at some time.
    pub flapped: bool,
    /// How long all instances must have been ready in it before that says
    /// anything: where they were not in the window before, a look at one
    /// moment shows nothing.
    #[serde(default)]
    pub steady_for: Millis,
}

/// What follows from the newest look or signal. It is part of the state so that
/// a crash between the entry and what follows from it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "then"
)]
pub enum Pending {
    /// The present wait ends.
    End {
        /// How.
        ending: Ending,
    },
    /// From here on only the way back.
    TurnBack {
        /// Which kind of reason.
        cause: Cause,
        /// The reason, for people.
        reason: String,
    },
}

/// What a rollout is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "step"
)]
pub enum Step {
    /// Handing the release to the target.
    Staging {
        /// Since when.
        since: Time,
    },
    /// Asking who decides.
    Deciding {
        /// Since when.
        since: Time,
    },
    /// Carrying out a directive.
    Acting {
        /// Which.
        directive: Directive,
        /// Since when.
        since: Time,
    },
    /// Waiting for a person.
    Holding {
        /// Why.
        reason: String,
        /// Since when.
        since: Time,
        /// When patience is over.
        until: Time,
        /// Whether a person asked for it.
        pause: bool,
    },
    /// On the way back.
    Back {
        /// Since when.
        since: Time,
        /// Which kind of reason.
        cause: Cause,
        /// Whether no traffic goes to the candidate any more, as observed.
        weightless: bool,
    },
    /// Over.
    Over {
        /// When.
        at: Time,
        /// How.
        outcome: Outcome,
        /// Which kind of reason.
        cause: Cause,
    },
}

impl Step {
    /// Since when it lasts.
    pub fn since(&self) -> Time {
        match self {
            Step::Staging { since }
            | Step::Deciding { since }
            | Step::Acting { since, .. }
            | Step::Holding { since, .. }
            | Step::Back { since, .. } => *since,
            Step::Over { at, .. } => *at,
        }
    }
}

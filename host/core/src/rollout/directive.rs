//! What a strategy sees and asks for. The mirror of `wit/strategy.wit`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::memory;
use crate::time::Millis;
use crate::verdict::Verdict;
use crate::weight::BasisPoints;

/// What a strategy can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Directive {
    /// Make so many instances of both roles.
    Scale {
        /// Of the stable release.
        stable: u32,
        /// Of the candidate.
        candidate: u32,
    },
    /// Send this share of traffic to the candidate.
    Route(BasisPoints),
    /// Watch.
    Observe {
        /// Do not end as healthy before this.
        min: Millis,
        /// End as inconclusive at this.
        max: Millis,
    },
    /// Wait for a person.
    Hold {
        /// Why, in one sentence.
        reason: String,
        /// How long at most; zero for [`super::Deadlines::hold`].
        timeout: Millis,
    },
    /// Make the candidate stable.
    Finish {
        /// How long the instances of the release that served before stay.
        keep_warm: Millis,
    },
    /// Go back.
    Abort {
        /// Why, in one sentence.
        reason: String,
    },
}

/// How a directive ended, as the strategy is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// As asked.
    Reached,
    /// The verdict was healthy.
    Healthy,
    /// Time was up without a clear verdict.
    Inconclusive,
    /// A person said resume.
    Resumed,
    /// A person said promote: go one step on.
    Promoted,
    /// The time of a hold was over.
    HoldExpired,
}

/// The last directive and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ended {
    /// What was asked.
    pub directive: Directive,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub took: Millis,
}

/// What the environment allows. A strategy may only be tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Most instances in all above n.
    pub max_surge: u32,
    /// Most instances that may be missing from n.
    pub max_unavailable: u32,
    /// Largest share before the candidate was judged healthy once.
    pub max_exposure_unjudged: BasisPoints,
    /// Largest share while nobody watches.
    pub max_exposure_unwatched: BasisPoints,
    /// Whether both roles may be without instances for a moment.
    pub allow_downtime: bool,
    /// The smallest share that the target can really make.
    pub weight_granularity: BasisPoints,
}

impl Limits {
    /// m: how many ready instances there must be at least, of n.
    pub fn floor(&self, n: u32) -> u32 {
        n.saturating_sub(self.max_unavailable).max(1)
    }

    /// The share that the target gives when asked for `weight`: the next
    /// multiple of its granularity.
    pub fn real_share(&self, weight: BasisPoints) -> BasisPoints {
        let grain = u64::from(self.weight_granularity.value().max(1));
        BasisPoints::saturating(u64::from(weight.value()).div_ceil(grain) * grain)
    }
}

/// What first-party strategies do when patience is over and nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoEvidence {
    /// Wait for a person.
    #[default]
    Hold,
    /// Go on if all instances were healthy.
    ContinueOnHealth,
    /// Go back.
    Abort,
}

/// The instances of one role, as a strategy sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RoleFleet {
    /// How many the host last asked for.
    pub asked: u32,
    /// Healthy and in rotation.
    pub ready: u32,
    /// Starting or not healthy.
    pub starting: u32,
    /// Finishing or being stopped.
    pub draining: u32,
    /// Unasked restarts since the rollout began.
    pub restarts: u32,
}

impl RoleFleet {
    /// All instances, whatever they do.
    pub fn total(&self) -> u32 {
        self.ready + self.starting + self.draining
    }
}

/// Both roles, as a strategy sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RoleFleets {
    /// Instances of the stable release.
    pub stable: RoleFleet,
    /// Instances of the candidate.
    pub candidate: RoleFleet,
}

/// The newest judgement of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    /// The worst verdict of health and all monitors that can judge.
    pub verdict: Verdict,
    /// The verdict of instance health alone.
    pub health: Verdict,
    /// In one sentence.
    pub reason: String,
}

/// Everything that a decision may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct View {
    /// The strategy's `with:` block as JSON.
    pub config: String,
    /// n: how many instances the environment is to have.
    pub instances: u32,
    /// What the environment allows.
    pub limits: Limits,
    /// What to do when nobody knows.
    pub on_no_evidence: OnNoEvidence,
    /// What the last decision returned; empty at first.
    pub memory: Vec<u8>,
    /// The newest observation.
    pub fleet: RoleFleets,
    /// The candidate's share as observed.
    pub weight: BasisPoints,
    /// Since the rollout began.
    pub elapsed: Millis,
    /// How many decisions were made before this one.
    pub decisions: u32,
    /// Absent at the first decision.
    pub last: Option<Ended>,
    /// Absent before the first judgement.
    pub judgement: Option<Judgement>,
    /// A person wants all traffic on the candidate now.
    pub promote_full: bool,
}

/// Where a rollout stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// Counted from 1.
    pub step: u32,
    /// How many steps there are.
    pub of: u32,
}

/// A strategy's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Handed in again with the next view.
    #[serde(with = "memory")]
    pub memory: Vec<u8>,
    /// What to do next.
    pub directive: Directive,
    /// Where this stands.
    pub progress: Progress,
    /// Why, in one sentence.
    pub reason: String,
}

//! What a rollout is pinned to when it begins.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::directive::{Limits, OnNoEvidence};
use crate::digest::Digest;
use crate::release::Release;
use crate::time::Millis;
use crate::verdict::Phase;

/// A plugin as the rollout uses it: resumed with the same bytes and config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PinnedPlugin {
    /// Its name in the user's file.
    pub name: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Its `with:` block as JSON.
    pub config: String,
}

/// A monitor and the phases in which it said that it can judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PinnedMonitor {
    /// The plugin.
    pub plugin: PinnedPlugin,
    /// When it is asked.
    pub phases: Vec<Phase>,
}

/// How long each kind of state may last. Every state that is not final has a
/// deadline (guardrail G10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deadlines {
    /// A scale or route directive, staging, a repair, the way back: each.
    pub progress: Millis,
    /// A hold without a timeout of its own, and a pause.
    pub hold: Millis,
    /// The bake of a first install.
    pub first_bake: Millis,
    /// How often the target is asked while something is to change.
    pub poll: Millis,
}

impl Default for Deadlines {
    /// 10 min as Kubernetes and Argo Rollouts have it; 24 h; 30 s; 250 ms.
    fn default() -> Deadlines {
        Deadlines {
            progress: Millis::from_secs(600),
            hold: Millis::from_secs(24 * 3600),
            first_bake: Millis::from_secs(30),
            poll: Millis(250),
        }
    }
}

/// What a rollout does, fixed at its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// The environment's name.
    pub environment: String,
    /// n: how many instances there are to be.
    pub instances: u32,
    /// What the environment allows.
    pub limits: Limits,
    /// What to do when nobody knows.
    pub on_no_evidence: OnNoEvidence,
    /// How long each state may last.
    pub deadlines: Deadlines,
    /// Who decides.
    pub strategy: PinnedPlugin,
    /// Who judges.
    pub monitors: Vec<PinnedMonitor>,
    /// Who tests the candidate before it gets traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<PinnedPlugin>,
    /// Whether a person must approve of the release before any of it runs.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub needs_approval: bool,
}

/// Which program decides the next directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The strategy plugin.
    Strategy,
    /// The host: nothing was installed before.
    FirstInstall,
    /// The host: back to a release that served before.
    Rollback,
}

/// What is wanted when a rollout begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Begin {
    /// Names the run that began it, for people and journals.
    pub run: String,
    /// What to roll out.
    pub candidate: Release,
    /// How.
    pub settings: Settings,
    /// Whether a release that was rolled back before may be tried again.
    pub retry: bool,
    /// The pull request that is told how it goes, however it is resumed.
    pub pull_request: Option<u64>,
    /// The environments that the run was for, where it was for some alone: what
    /// it tells has their names, also for whoever goes on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_as: Vec<String>,
    /// The number of the newest signal said before; those are not for this
    /// rollout.
    pub heard: u64,
}

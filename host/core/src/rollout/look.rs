//! One look at the evidence: what monitors are asked. The mirror of
//! `wit/monitor.wit`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::release::Release;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Phase};
use crate::weight::BasisPoints;

/// One role as a monitor may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// What runs.
    pub release: Release,
    /// Base addresses of its ready instances.
    pub endpoints: Arc<[String]>,
    /// Measured since the last look; absent where the target measures nothing.
    pub telemetry: Option<Telemetry>,
}

/// What one monitor is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LookRequest {
    /// The monitor's `with:` block as JSON.
    pub config: String,
    /// What the last look returned; empty at first.
    pub memory: Vec<u8>,
    /// What part of the rollout this is.
    pub phase: Phase,
    /// Counts the windows of a rollout, from 1.
    pub window: u32,
    /// Since the window began.
    pub window_elapsed: Millis,
    /// Since the last look; since the window began at the first.
    pub since_last_look: Millis,
    /// Whether this is the last look of the window.
    pub last_look: bool,
    /// The candidate's share during all the time since the last look; absent
    /// where it changed.
    pub weight: Option<BasisPoints>,
    /// What served before; absent at a first install.
    pub stable: Option<Side>,
    /// What is judged.
    pub candidate: Side,
    /// What stable measured before the candidate got traffic.
    pub stable_before: Option<Telemetry>,
    /// For queries.
    pub now: Time,
}

/// What one monitor answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observation {
    /// Handed in again with the next look.
    pub memory: Vec<u8>,
    /// What it said.
    pub judged: Judged,
}

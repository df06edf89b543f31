//! What monitors say, and the numbers behind it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fleet::Role;
use crate::time::Millis;

/// What a judgement came to, from best to worst, so that the worst of several
/// is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The evidence says that it is fine.
    Healthy,
    /// There is not enough evidence, or none.
    Inconclusive,
    /// The evidence says that it is bad.
    Failing,
}

/// What part of a rollout a window of observation is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The candidate runs and gets no traffic.
    Preview,
    /// Both roles carry traffic.
    Ramp,
    /// The candidate carries all traffic, or there is no stable.
    Bake,
}

/// One point for a plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// Since the window began.
    pub at: Millis,
    /// Stable's value.
    pub stable: Option<f64>,
    /// The candidate's value.
    pub candidate: Option<f64>,
}

/// One number that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measurement {
    /// For people and machines, for example `failures`.
    pub name: String,
    /// `%`, `ms`, …; empty for plain numbers.
    pub unit: String,
    /// Stable's value.
    pub stable: Option<f64>,
    /// The candidate's value.
    pub candidate: Option<f64>,
    /// What the candidate's value must not pass.
    pub limit: Option<f64>,
    /// What this number says by itself.
    pub verdict: Verdict,
    /// How the verdict came about.
    pub evidence: String,
    /// For plots; at most 60.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// How much a finding or annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Notice,
    /// Look at it.
    Warning,
    /// Something is wrong.
    Failure,
}

/// Something worth telling, with or without a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// Which side it is about.
    pub role: Role,
    /// One short line.
    pub title: String,
    /// Plain text.
    pub message: String,
}

/// What one monitor said at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judged {
    /// The monitor's name in the user's file.
    pub monitor: String,
    /// What it said.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The numbers behind it.
    pub measurements: Vec<Measurement>,
    /// What else it saw.
    pub findings: Vec<Finding>,
}

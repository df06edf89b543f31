//! What lasts between two looks: counts, no answers.

use baepo_judge::Counts;
use baepo_limits::Minutes;
use baepo_plugin::HookError;
use serde::{Deserialize, Serialize};

use crate::config::Http;
use crate::probe::Probed;

const VERSION: u32 = 1;

/// All of it; about 100 bytes, and with an SLO 20 for each minute of six hours.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Memory {
    v: u32,
    /// The present window, as the host counts.
    window: u32,
    pub(crate) candidate: Sums,
    /// Stable's probes of the whole rollout.
    pub(crate) stable: Part,
    /// The candidate's last hours; empty without an SLO.
    #[serde(default, with = "entries")]
    pub(crate) minutes: Minutes,
}

/// The candidate's probes.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) whole: Part,
    /// Those of the present window.
    pub(crate) window: Part,
}

/// Probes of some stretch of time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) asked: u64,
    pub(crate) failed: u64,
    pub(crate) timed: u64,
    pub(crate) slow: u64,
}

impl Part {
    fn add(&mut self, probed: &Probed) {
        self.asked += probed.asked;
        self.failed += probed.failed;
        self.timed += probed.timed;
        self.slow += probed.slow;
    }

    pub(crate) fn failures(&self) -> Counts {
        Counts {
            requests: self.asked,
            failures: self.failed,
        }
    }

    pub(crate) fn slowness(&self) -> Counts {
        Counts {
            requests: self.timed,
            failures: self.slow,
        }
    }
}

impl Memory {
    /// What was saved; nothing at first.
    ///
    /// # Errors
    /// When the bytes are not of this monitor.
    pub(crate) fn load(bytes: &[u8]) -> Result<Memory, HookError> {
        if bytes.is_empty() {
            return Ok(Memory {
                v: VERSION,
                window: 0,
                candidate: Sums::default(),
                stable: Part::default(),
                minutes: Minutes::default(),
            });
        }
        serde_json::from_slice(bytes)
            .ok()
            .filter(|memory: &Memory| memory.v == VERSION)
            .ok_or_else(|| HookError::Failed("the memory is not of this monitor".into()))
    }

    /// The bytes to be handed in again.
    ///
    /// # Errors
    /// Never in practice; numbers can always be written.
    pub(crate) fn save(&self) -> Result<Vec<u8>, HookError> {
        serde_json::to_vec(self).map_err(|error| HookError::Failed(error.to_string()))
    }

    /// A window's counts begin with it.
    pub(crate) fn begin_look(&mut self, window: u32) {
        if window != self.window {
            self.window = window;
            self.candidate.window = Part::default();
        }
    }

    pub(crate) fn add(
        &mut self,
        config: &Http,
        now_ms: u64,
        candidate: &Probed,
        stable: Option<&Probed>,
    ) {
        self.candidate.whole.add(candidate);
        self.candidate.window.add(candidate);
        if let Some(stable) = stable {
            self.stable.add(stable);
        }
        if config.error_budget.is_some() {
            self.minutes.add(now_ms, candidate.asked, candidate.failed);
        }
    }
}

/// Minutes as the list of their entries.
mod entries {
    use baepo_limits::Minutes;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(minutes: &Minutes, to: S) -> Result<S::Ok, S::Error> {
        minutes.entries().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Minutes, D::Error> {
        Minutes::of(Vec::deserialize(from)?).ok_or_else(|| D::Error::custom("no minutes"))
    }
}

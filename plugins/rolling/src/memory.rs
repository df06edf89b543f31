//! What lasts between two decisions; everything else is read from the fleet.

use baepo_plugin::HookError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Memory {
    v: u32,
    pub(crate) at: At,
    /// How long the present wait took so far.
    pub(crate) watched_ms: u64,
    /// How many candidates were watched without trouble.
    pub(crate) proven: u32,
    /// How often in a row it has waited for instances to drain.
    pub(crate) drain_waits: u32,
}

/// What the last directive was for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum At {
    /// Instances or traffic.
    Moving,
    /// Evidence on a new group.
    Group,
    /// Evidence on the whole.
    Bake,
}

impl Memory {
    pub(crate) fn load(bytes: &[u8]) -> Result<Memory, HookError> {
        if bytes.is_empty() {
            return Ok(Memory {
                v: 1,
                at: At::Moving,
                watched_ms: 0,
                proven: 0,
                drain_waits: 0,
            });
        }
        match serde_json::from_slice::<Memory>(bytes) {
            Ok(memory) if memory.v == 1 => Ok(memory),
            _ => Err(HookError::Failed(
                "the memory is not of this strategy".into(),
            )),
        }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

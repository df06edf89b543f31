//! What lasts between two looks.

use baepo_judge::State;
use baepo_limits::Minutes;

/// The evidence so far, and with an SLO the candidate's last hours.
pub(crate) struct Memory {
    pub(crate) state: State,
    pub(crate) minutes: Minutes,
}

impl Memory {
    /// What was saved; nothing at first. `None` where the bytes are of another
    /// monitor.
    pub(crate) fn load(bytes: &[u8]) -> Option<Memory> {
        if bytes.is_empty() {
            return Some(Memory {
                state: State::new(),
                minutes: Minutes::default(),
            });
        }
        let (length, rest) = bytes.split_first_chunk()?;
        let (minutes, state) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        Some(Memory {
            state: State::from_bytes(state)?,
            minutes: Minutes::from_bytes(minutes)?,
        })
    }

    /// The bytes to be handed in again; at most 6 kB.
    pub(crate) fn save(&self) -> Vec<u8> {
        let minutes = self.minutes.to_bytes();
        // Six hours of minutes are less than 4 kB.
        let length = u16::try_from(minutes.len()).unwrap_or_default();
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(minutes);
        bytes.extend_from_slice(&self.state.to_bytes());
        bytes
    }
}

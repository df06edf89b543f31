//! What time it is.

use std::time::Instant;

use baepo_core::time::{Millis, Time};

/// The time now, by the clock on the wall.
pub fn now() -> Time {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time(elapsed.map_or(0, |elapsed| {
        elapsed.as_millis().try_into().unwrap_or(u64::MAX)
    }))
}

/// The clock of one drive: it starts with the clock on the wall and then goes
/// on evenly, so that nobody who sets that one ends a deadline or a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Time,
    since: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock {
            began: now(),
            since: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = self.since.elapsed().as_millis();
        self.began + Millis(elapsed.try_into().unwrap_or(u64::MAX))
    }
}

//! A state as bytes, and back.

use super::{Part, State};
use crate::Counts;
use crate::absolute::Above;
use crate::comparative::Comparison;
use crate::latency::{Late, Latency};
use crate::mixture::Mixture;
use crate::saved::{Rest, Saved};

const VERSION: u64 = 3;
/// What of it is saved.
const HAS_WINDOWS: u64 = 1 << 8;
const HAS_LATENCY: u64 = 1 << 9;

impl Part {
    fn save(&self, out: &mut Saved, is_window: bool) {
        self.comparison.save(out, is_window);
        self.above.save(out);
        self.stable.save(out);
        self.candidate.save(out);
    }

    fn read(rest: &mut Rest, is_window: bool) -> Option<Part> {
        Some(Part {
            comparison: Comparison::read(rest, is_window)?,
            above: Above::read(rest)?,
            stable: Counts::read(rest)?,
            candidate: Counts::read(rest)?,
        })
    }
}

impl State {
    /// The state as bytes, the same on every machine.
    pub fn to_bytes(&self) -> Saved {
        let mut out = Saved::NEW;
        let is_timed = self.has_latency || self.late_candidate != Late::default();
        let mut head = VERSION;
        // In the first window it is all the same.
        for (has, flag) in [(self.windows > 1, HAS_WINDOWS), (is_timed, HAS_LATENCY)] {
            head |= if has { flag } else { 0 };
        }
        out.u64(head);
        out.u64(u64::from(self.window));
        out.u64(u64::from(self.windows));
        self.whole.save(&mut out, false);
        if self.windows > 1 {
            self.current.save(&mut out, true);
        }
        self.bake.save(&mut out);
        self.comparative.save(&mut out);
        self.absolute.save(&mut out);
        if is_timed {
            self.latency.save(&mut out);
            out.u64(u64::from(self.has_latency));
            self.latencies.save(&mut out);
            self.late_stable.save(&mut out);
            self.late_candidate.save(&mut out);
        }
        out
    }

    /// The state that was saved as these bytes; `None` where they are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<State> {
        let mut rest = Rest(bytes);
        let head = rest.u64()?;
        if head & !(HAS_WINDOWS | HAS_LATENCY) != VERSION {
            return None;
        }
        let mut state = State::new();
        state.window = u32::try_from(rest.u64()?).ok()?;
        state.windows = u32::try_from(rest.u64()?).ok()?;
        state.whole = Part::read(&mut rest, false)?;
        state.current = match head & HAS_WINDOWS {
            0 => state.whole,
            _ => Part::read(&mut rest, true)?,
        };
        state.bake = Counts::read(&mut rest)?;
        state.comparative = Mixture::read(&mut rest)?;
        state.absolute = Mixture::read(&mut rest)?;
        if head & HAS_LATENCY != 0 {
            state.latency = Latency::read(&mut rest)?;
            state.has_latency = rest.u64()? != 0;
            state.latencies = Mixture::read(&mut rest)?;
            state.late_stable = Late::read(&mut rest)?;
            state.late_candidate = Late::read(&mut rest)?;
        }
        rest.0.is_empty().then_some(state)
    }
}

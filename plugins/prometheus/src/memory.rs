//! What lasts between two looks: counters as they were, and the evidence.

use baepo_judge::{Counts, State};
use baepo_plugin::HookError;
use serde::{Deserialize, Serialize};

use crate::ask::{MOST_SERIES, Series};
use crate::config::Prometheus;

const VERSION: u32 = 1;

/// What the host keeps of a monitor, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// All of it; about 1,200 bytes for each counter and 40 for each of its series.
/// Saved as JSON and, after its end, the states of the judge, each after its
/// length.
#[derive(Serialize, Deserialize)]
pub(crate) struct Memory {
    v: u32,
    pub(crate) counters: Vec<KeptCounter>,
    pub(crate) gauges: Vec<KeptGauge>,
}

/// One pair of counters.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct KeptCounter {
    /// The state of the judge; empty at first.
    #[serde(skip)]
    judge: Vec<u8>,
    pub(crate) stable: Option<Raw>,
    pub(crate) candidate: Option<Raw>,
    /// What stable had counted when it was first seen: requests and failures.
    record: Option<(u64, u64)>,
}

/// Raw counters as they were at the last look.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Raw {
    requests: Values,
    failures: Values,
}

/// Values by series. As bits, because a value that comes back a little larger
/// would look like a reset.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Values(Vec<(u64, u64)>);

/// One gauge.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct KeptGauge {
    /// The window that the counts are of.
    pub(crate) window: u32,
    /// When a value was last counted; the source has no new one before its
    /// interval is over.
    pub(crate) counted_ms: Option<u64>,
    /// Values in a row beyond the limit, and within it.
    pub(crate) beyond: u32,
    pub(crate) within: u32,
}

impl Memory {
    /// What was saved; nothing at first.
    ///
    /// # Errors
    /// When the bytes are not of this monitor with these queries.
    pub(crate) fn load(bytes: &[u8], config: &Prometheus) -> Result<Memory, HookError> {
        let (counters, gauges) = (config.counters.len(), config.gauges.len());
        if bytes.is_empty() {
            return Ok(Memory {
                v: VERSION,
                counters: vec![KeptCounter::default(); counters],
                gauges: vec![KeptGauge::default(); gauges],
            });
        }
        let is_ours = |memory: &Memory| {
            memory.v == VERSION
                && (memory.counters.len(), memory.gauges.len()) == (counters, gauges)
        };
        read(bytes)
            .filter(is_ours)
            .ok_or_else(|| HookError::Failed("the memory is not of this monitor".into()))
    }

    /// The bytes to be handed in again.
    ///
    /// # Errors
    /// When they are more than the host keeps.
    pub(crate) fn save(&self) -> Result<Vec<u8>, HookError> {
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| HookError::Failed(error.to_string()))?;
        bytes.push(b'\n');
        for counter in &self.counters {
            bytes.extend((counter.judge.len() as u16).to_le_bytes());
            bytes.extend(&counter.judge);
        }
        match bytes.len() > MOST_BYTES {
            true => Err(HookError::Failed(
                "the counters have too many series to remember; sum them, for example by instance"
                    .into(),
            )),
            false => Ok(bytes),
        }
    }
}

/// What [`Memory::save`] has written.
fn read(bytes: &[u8]) -> Option<Memory> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let mut memory: Memory = serde_json::from_slice(&bytes[..end]).ok()?;
    let mut rest = &bytes[end + 1..];
    for counter in &mut memory.counters {
        let (length, tail) = rest.split_first_chunk()?;
        let (state, tail) = tail.split_at_checked(u16::from_le_bytes(*length).into())?;
        counter.judge = state.to_vec();
        rest = tail;
    }
    rest.is_empty().then_some(memory)
}

impl KeptCounter {
    /// The evidence so far.
    ///
    /// # Errors
    /// When it is of another version of the judge.
    pub(crate) fn state(&self) -> Result<State, HookError> {
        if self.judge.is_empty() {
            return Ok(State::new());
        }
        State::from_bytes(&self.judge)
            .ok_or_else(|| HookError::Failed("the memory is not of this monitor".into()))
    }

    pub(crate) fn keep(&mut self, state: &State) {
        self.judge = state.to_bytes().to_vec();
    }

    /// What stable had counted before.
    pub(crate) fn record(&self) -> Option<Counts> {
        self.record
            .map(|(requests, failures)| Counts { requests, failures })
    }

    /// Notes it, the first time that stable is seen.
    pub(crate) fn set_record(&mut self, requests: &[Series], failures: &[Series]) {
        let sum = |series: &[Series]| whole(series.iter().map(|(_, value)| value).sum());
        self.record
            .get_or_insert_with(|| (sum(requests), sum(failures)));
    }
}

impl Raw {
    /// What was counted since `before`, and what is to be compared with next
    /// time. The first time nothing is known to have been counted since.
    pub(crate) fn since(
        before: Option<&Raw>,
        requests: &[Series],
        failures: &[Series],
    ) -> (Raw, Counts) {
        let mut raw = before.cloned().unwrap_or_default();
        let is_first = before.is_none();
        let counts = Counts {
            requests: raw.requests.advance(requests, is_first),
            failures: raw.failures.advance(failures, is_first),
        };
        (raw, counts)
    }
}

impl Values {
    /// The increase over all series. One that is below what it was began again
    /// at zero; so did one that was not there before. One that is gone for a
    /// while is still known when it comes back.
    fn advance(&mut self, now: &[Series], is_first: bool) -> u64 {
        let mut increase = 0.0;
        for (mark, value) in now {
            match self.0.iter_mut().find(|(known, _)| known == mark) {
                Some((_, bits)) => {
                    let last = f64::from_bits(*bits);
                    increase += if *value >= last { value - last } else { *value };
                    *bits = value.to_bits();
                }
                None => {
                    increase += if is_first { 0.0 } else { *value };
                    self.0.push((*mark, value.to_bits()));
                }
            }
        }
        // Instances come and go; the oldest that are gone are forgotten.
        if self.0.len() > 2 * MOST_SERIES {
            self.0
                .retain(|(known, _)| now.iter().any(|(mark, _)| mark == known));
        }
        whole(increase)
    }
}

/// A count of something that happened. Too large is not more than the largest.
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

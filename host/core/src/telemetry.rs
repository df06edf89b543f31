//! What a target measures: requests, failures, latency.

use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Upper bounds of the latency buckets in microseconds: 100 µs to 100 s, each
/// at most 10 % above the one before, so that a quantile read from them is at
/// most 10 % off. Coarser buckets make latency verdicts inconclusive.
pub fn latency_bounds_us() -> Vec<u64> {
    let mut bounds = vec![100_u64];
    let mut last = 100_u64;
    while last < 100_000_000 {
        last = (last + last / 10).min(100_000_000);
        bounds.push(last);
    }
    bounds
}

/// Counts of requests by time taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Histogram {
    /// Upper bounds in microseconds, growing; the last bucket has none.
    pub bounds_us: Vec<u64>,
    /// One more than bounds; all zero may be left out.
    pub counts: Vec<u64>,
}

/// Counters of one release. They only grow, except where the target lost
/// them; a smaller number than before means that they began anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Telemetry {
    /// Requests that ended.
    pub requests: u64,
    /// Of them: 5xx, connect error, timeout, reset before the end.
    pub failures: u64,
    /// Time to the last byte.
    pub latency: Histogram,
    /// Requests that were cut because they took longer than the drain deadline
    /// of their instance. They are in no other count.
    #[serde(default)]
    pub cut: u64,
}

impl Histogram {
    /// The quantile (0 to 1) in microseconds: the upper bound of the bucket
    /// that holds it. `None` without requests; the largest bound for the last
    /// bucket.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        let total: u64 = self.counts.iter().sum();
        if total == 0 {
            return None;
        }
        let rank = (q * total as f64) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > rank || seen == total {
                return self
                    .bounds_us
                    .get(bucket)
                    .or(self.bounds_us.last())
                    .copied();
            }
        }
        None
    }
}

impl Telemetry {
    /// What was counted after `earlier`. Where counters began anew, all of the
    /// present ones.
    pub fn since(&self, earlier: &Telemetry) -> Telemetry {
        if self.requests < earlier.requests || self.failures < earlier.failures {
            return self.clone();
        }
        let counts = if self.latency.bounds_us == earlier.latency.bounds_us {
            self.latency
                .counts
                .iter()
                .enumerate()
                .map(|(i, count)| {
                    count.saturating_sub(earlier.latency.counts.get(i).copied().unwrap_or(0))
                })
                .collect()
        } else {
            self.latency.counts.clone()
        };
        Telemetry {
            requests: self.requests - earlier.requests,
            failures: self.failures - earlier.failures,
            latency: Histogram {
                bounds_us: self.latency.bounds_us.clone(),
                counts,
            },
            cut: self.cut.saturating_sub(earlier.cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_by_at_most_a_tenth() {
        let bounds = latency_bounds_us();
        assert!(
            bounds
                .windows(2)
                .all(|w| w[0] < w[1] && w[1] * 10 <= w[0] * 11)
        );
        assert_eq!((bounds[0], bounds[bounds.len() - 1]), (100, 100_000_000));
    }

    #[test]
    fn a_counter_that_began_anew_counts_from_zero() {
        let before = Telemetry {
            requests: 10,
            failures: 1,
            ..Telemetry::default()
        };
        let after = Telemetry {
            requests: 4,
            failures: 0,
            ..Telemetry::default()
        };
        assert_eq!(after.since(&before).requests, 4);
        assert_eq!(before.since(&after).requests, 6);
    }
}

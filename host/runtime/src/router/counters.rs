//! What the router measures per release, without locks.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baepo_core::telemetry::{Histogram, Telemetry, latency_bounds_us};

static BOUNDS_US: LazyLock<Vec<u64>> = LazyLock::new(latency_bounds_us);

/// Copies of each counter; threads spread over them so that two cores do not
/// pass one cache line to and fro.
const SHARDS: usize = 4;

/// Requests, failures and latency of one release. They only grow.
#[derive(Debug)]
pub struct Counters {
    shards: [Shard; SHARDS],
    cut: AtomicU64,
}

#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    requests: AtomicU64,
    failures: AtomicU64,
    latency: Box<[AtomicU64]>,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            shards: std::array::from_fn(|_| Shard {
                requests: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                latency: (0..=BOUNDS_US.len()).map(|_| AtomicU64::new(0)).collect(),
            }),
            cut: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// The counters as they are now.
    pub fn telemetry(&self) -> Telemetry {
        let mut telemetry = Telemetry {
            latency: Histogram {
                bounds_us: BOUNDS_US.clone(),
                counts: vec![0; BOUNDS_US.len() + 1],
            },
            cut: self.cut.load(Ordering::Relaxed),
            ..Telemetry::default()
        };
        for shard in &self.shards {
            // Failures first: a request that ends in between is then missing
            // from both or only from the failures, never a failure too many.
            telemetry.failures += shard.failures.load(Ordering::Acquire);
            telemetry.requests += shard.requests.load(Ordering::Acquire);
            for (sum, count) in telemetry.latency.counts.iter_mut().zip(&shard.latency) {
                *sum += count.load(Ordering::Relaxed);
            }
        }
        telemetry
    }

    fn add(&self, took: Duration, is_failure: bool) {
        let shard = &self.shards[shard_of_this_thread()];
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < micros);
        shard.latency[bucket].fetch_add(1, Ordering::Relaxed);
        shard.requests.fetch_add(1, Ordering::Release);
        if is_failure {
            shard.failures.fetch_add(1, Ordering::Release);
        }
    }
}

fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
    }
    SHARD.with(|shard| {
        shard.get().unwrap_or_else(|| {
            let mine = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            shard.set(Some(mine));
            mine
        })
    })
}

/// One request that has not ended. Dropped without an end it counts for
/// nothing: its client left.
#[derive(Debug)]
pub(super) struct Tally {
    counters: Arc<Counters>,
    begun: Instant,
    is_failure: bool,
}

impl Tally {
    pub(super) fn new(counters: Arc<Counters>, begun: Instant) -> Tally {
        Tally {
            counters,
            begun,
            is_failure: false,
        }
    }

    /// It will count as a failure whatever comes of it now.
    pub(super) fn spoil(&mut self) {
        self.is_failure = true;
    }

    /// The last byte was read.
    pub(super) fn end(self) {
        self.counters.add(self.begun.elapsed(), self.is_failure);
    }

    /// Its instance was stopped at the end of its drain deadline: neither a
    /// success nor a failure.
    pub(super) fn cut(self) {
        self.counters.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// It ended badly.
    pub(super) fn fail(mut self) {
        self.spoil();
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_once_and_in_its_bucket() {
        let counters = Arc::new(Counters::default());
        counters.add(Duration::from_micros(100), false);
        counters.add(Duration::from_micros(101), true);
        counters.add(Duration::from_secs(1000), true);
        let telemetry = counters.telemetry();
        assert_eq!((telemetry.requests, telemetry.failures), (3, 2));
        assert_eq!(telemetry.latency.counts[..2], [1, 1]);
        assert_eq!(telemetry.latency.counts.last(), Some(&1));
    }

    #[test]
    fn a_client_that_leaves_counts_as_neither() {
        let counters = Arc::new(Counters::default());
        let mut tally = Tally::new(counters.clone(), Instant::now());
        tally.spoil();
        drop(tally);
        assert_eq!(counters.telemetry().requests, 0);
        Tally::new(counters.clone(), Instant::now()).fail();
        assert_eq!(counters.telemetry().failures, 1);
        Tally::new(counters.clone(), Instant::now()).cut();
        let telemetry = counters.telemetry();
        assert_eq!((telemetry.requests, telemetry.cut), (1, 1));
    }
}

//! What the load generator saw.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use baepo_core::telemetry::{Histogram, latency_bounds_us};
use baepo_core::weight::BasisPoints;

use super::exposure::Exposure;

/// How many losses are described.
const DESCRIBED_MAX: usize = 10;

/// The name of a revision that did not name itself.
const UNNAMED: &str = "unnamed";

/// Requests that were not answered by the service, by what came instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// No connection.
    pub connect: u64,
    /// The connection broke before the answer began.
    pub reset: u64,
    /// Nothing in time.
    pub timeout: u64,
    /// The answer broke off.
    pub truncated: u64,
    /// Another body, another status below 500 or another request's answer.
    pub wrong: u64,
    /// 502, 503 or 504 of the router.
    pub refused: u64,
}

impl Lost {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.connect + self.reset + self.timeout + self.truncated + self.wrong + self.refused
    }
}

/// What one revision answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevisionStats {
    /// Requests that it answered.
    pub requests: u64,
    /// Of them with 5xx.
    pub failures: u64,
    /// Its share of the newest window.
    pub share: BasisPoints,
    /// Its largest share in any full window.
    pub max_share: BasisPoints,
    /// Time to the last byte.
    pub latency: Histogram,
}

/// Everything that was seen so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadStats {
    /// Since the first request.
    pub elapsed: Duration,
    /// Requests that ended, lost ones too.
    pub requests: u64,
    /// Of them lost.
    pub lost: Lost,
    /// Of them answered, by the revision that answered.
    pub by_revision: BTreeMap<String, RevisionStats>,
    /// Time to the last byte of those answered.
    pub latency: Histogram,
    /// The first ten losses, for people.
    pub losses: Vec<String>,
}

impl LoadStats {
    /// Failures of all revisions.
    pub fn failures(&self) -> u64 {
        self.by_revision
            .values()
            .map(|revision| revision.failures)
            .sum()
    }

    /// Requests per second over the whole time.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(0.001)
    }
}

/// How one request ended.
#[derive(Debug)]
pub(super) enum End {
    Answered {
        revision: Option<String>,
        is_failure: bool,
        took: Duration,
    },
    Lost {
        kind: Loss,
        text: String,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    Connect,
    Reset,
    Timeout,
    Truncated,
    Wrong,
    Refused,
}

/// Where the workers write. One lock for all: at the rates of one machine it
/// is held for a fraction of a percent of the time.
#[derive(Debug)]
pub(super) struct Recorder {
    begun: Instant,
    bounds_us: Vec<u64>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    exposure: Exposure,
    names: Vec<String>,
    revisions: Vec<RevisionStats>,
    requests: u64,
    lost: Lost,
    losses: Vec<String>,
}

impl Recorder {
    pub(super) fn new(window: usize) -> Recorder {
        Recorder {
            begun: Instant::now(),
            bounds_us: latency_bounds_us(),
            inner: Mutex::new(Inner {
                exposure: Exposure::new(window),
                names: Vec::new(),
                revisions: Vec::new(),
                requests: 0,
                lost: Lost::default(),
                losses: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is sent; its number.
    pub(super) fn begin(&self) -> u64 {
        self.lock().exposure.begin()
    }

    pub(super) fn end(&self, number: u64, end: End) {
        let mut inner = self.lock();
        inner.requests += 1;
        match end {
            End::Answered {
                revision,
                is_failure,
                took,
            } => {
                let name = revision.as_deref().unwrap_or(UNNAMED);
                let place = inner.place(name, self.bounds_us.len());
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                let bucket = self.bounds_us.partition_point(|bound| *bound < micros);
                let stats = &mut inner.revisions[place];
                stats.requests += 1;
                stats.failures += u64::from(is_failure);
                stats.latency.counts[bucket] += 1;
                inner.exposure.end(number, Some(place));
            }
            End::Lost { kind, text } => {
                let counter = match kind {
                    Loss::Connect => &mut inner.lost.connect,
                    Loss::Reset => &mut inner.lost.reset,
                    Loss::Timeout => &mut inner.lost.timeout,
                    Loss::Truncated => &mut inner.lost.truncated,
                    Loss::Wrong => &mut inner.lost.wrong,
                    Loss::Refused => &mut inner.lost.refused,
                };
                *counter += 1;
                if inner.losses.len() < DESCRIBED_MAX {
                    inner.losses.push(format!(
                        "{:.3} s: {text}",
                        self.begun.elapsed().as_secs_f64()
                    ));
                }
                inner.exposure.end(number, None);
            }
        }
    }

    pub(super) fn stats(&self) -> LoadStats {
        let inner = self.lock();
        let mut latency = empty_histogram(&self.bounds_us);
        let mut by_revision = BTreeMap::new();
        for (place, name) in inner.names.iter().enumerate() {
            let mut stats = inner.revisions[place].clone();
            (stats.share, stats.max_share) = inner.exposure.shares(place);
            stats.latency.bounds_us.clone_from(&self.bounds_us);
            for (sum, count) in latency.counts.iter_mut().zip(&stats.latency.counts) {
                *sum += count;
            }
            by_revision.insert(name.clone(), stats);
        }
        LoadStats {
            elapsed: self.begun.elapsed(),
            requests: inner.requests,
            lost: inner.lost,
            by_revision,
            latency,
            losses: inner.losses.clone(),
        }
    }
}

impl Inner {
    fn place(&mut self, name: &str, bounds: usize) -> usize {
        self.names
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.names.push(name.to_owned());
                let latency = Histogram {
                    bounds_us: Vec::new(),
                    counts: vec![0; bounds + 1],
                };
                self.revisions.push(RevisionStats {
                    latency,
                    ..RevisionStats::default()
                });
                self.names.len() - 1
            })
    }
}

fn empty_histogram(bounds_us: &[u64]) -> Histogram {
    Histogram {
        bounds_us: bounds_us.to_vec(),
        counts: vec![0; bounds_us.len() + 1],
    }
}

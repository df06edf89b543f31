//! A load generator that checks every answer.
//!
//! It is a client that nobody can talk round: an answer that is late, cut,
//! mixed up with another's, changed, or made by the router itself is *lost*;
//! a 5xx that a revision of the service answered is a *failure* of that
//! revision. The service names its revision in `x-revision`, and may add
//! `x-checksum` (FNV-1a 64 of the body) and repeat `x-request-id`; what it
//! sends of these is checked.

mod client;
mod exposure;
mod stats;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use stats::{LoadStats, Lost, RevisionStats};

/// What is asked, how often and for how long.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Host and port of the service, for example `127.0.0.1:8080`.
    pub authority: String,
    /// Requests that may be under way at once.
    pub connections: usize,
    /// Requests per second in all; `None` for as many as come back.
    pub rate: Option<f64>,
    /// Whether a connection takes one request after another, or only one.
    pub keeps_alive: bool,
    /// What is asked, in turns.
    pub mix: Vec<Exchange>,
    /// Time for one answer, connecting included.
    pub timeout: Duration,
    /// Ends by itself after this.
    pub max_duration: Duration,
    /// Ends by itself after so many requests.
    pub max_requests: u64,
    /// Requests per window in which the share of a revision is measured.
    pub window: usize,
}

impl LoadOptions {
    /// Keep-alive requests for `/` over 16 connections, as many as come back,
    /// for at most ten minutes.
    pub fn new(authority: impl Into<String>) -> LoadOptions {
        LoadOptions {
            authority: authority.into(),
            connections: 16,
            rate: None,
            keeps_alive: true,
            mix: vec![Exchange::get("/")],
            timeout: Duration::from_secs(10),
            max_duration: Duration::from_secs(600),
            max_requests: u64::MAX,
            window: 1_000,
        }
    }
}

/// One request and what its answer must be.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Body; sent where not empty.
    pub body: Bytes,
    /// What a 2xx answer must hold.
    pub expect: Expect,
}

/// What the body of a 2xx answer must be.
#[derive(Debug, Clone)]
pub enum Expect {
    /// Anything that is whole.
    Anything,
    /// These bytes.
    Exactly(Bytes),
    /// This text somewhere.
    Contains(String),
    /// The body that was sent.
    Echo,
}

impl Exchange {
    /// A GET whose answer may be anything.
    pub fn get(path: &str) -> Exchange {
        Exchange {
            method: Method::GET,
            path: path.to_owned(),
            body: Bytes::new(),
            expect: Expect::Anything,
        }
    }

    /// A POST whose body must come back.
    pub fn echo(path: &str, body: impl Into<Bytes>) -> Exchange {
        Exchange {
            method: Method::POST,
            path: path.to_owned(),
            body: body.into(),
            expect: Expect::Echo,
        }
    }
}

/// Load that is running.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    stop: CancellationToken,
    workers: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    options: LoadOptions,
    pace: Pace,
    record: stats::Recorder,
}

impl Load {
    /// Begin. Needs a tokio runtime; an authority that does not answer is
    /// counted, not refused.
    ///
    /// # Panics
    /// Without connections, without a mix, or with a window of zero.
    pub fn start(options: LoadOptions) -> Load {
        assert!(
            options.connections > 0 && options.window > 0,
            "nothing to do"
        );
        assert!(!options.mix.is_empty(), "nothing to ask");
        let shared = Arc::new(Shared {
            pace: Pace::new(options.rate),
            record: stats::Recorder::new(options.window),
            options,
        });
        let stop = CancellationToken::new();
        let workers = TaskTracker::new();
        for _ in 0..shared.options.connections {
            workers.spawn(client::run(shared.clone(), stop.clone()));
        }
        workers.close();
        let (deadline, at_end) = (shared.options.max_duration, stop.clone());
        tokio::spawn(async move {
            let _ = at_end
                .run_until_cancelled(tokio::time::sleep(deadline))
                .await;
            at_end.cancel();
        });
        Load {
            shared,
            stop,
            workers,
        }
    }

    /// What was seen so far.
    pub fn stats(&self) -> LoadStats {
        self.shared.record.stats()
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self) -> bool {
        self.workers.is_empty()
    }

    /// Ask nothing more, wait for the answers under way, and tell.
    pub async fn stop(self) -> LoadStats {
        self.stop.cancel();
        self.workers.wait().await;
        self.shared.record.stats()
    }

    /// Wait until it ends by itself, and tell.
    pub async fn finish(self) -> LoadStats {
        self.workers.wait().await;
        self.stop.cancel();
        self.shared.record.stats()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// When the next request is due.
#[derive(Debug)]
struct Pace {
    interval: Option<Duration>,
    next: std::sync::Mutex<Instant>,
}

/// How far the pace may lag behind and still be made good: a stall of the
/// machine should not be followed by a burst that no user would send.
const LAG_MAX: Duration = Duration::from_millis(50);

impl Pace {
    fn new(rate: Option<f64>) -> Pace {
        let interval = rate.map(|rate| Duration::from_secs_f64(1.0 / rate.max(0.001)));
        Pace {
            interval,
            next: std::sync::Mutex::new(Instant::now()),
        }
    }

    /// When the caller may send.
    fn slot(&self) -> Option<Instant> {
        let interval = self.interval?;
        let mut next = self
            .next
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let slot = (*next).max(now.checked_sub(LAG_MAX).unwrap_or(now));
        *next = slot + interval;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_makes_good_a_short_lag_and_no_long_one() {
        let pace = Pace::new(Some(1_000.0));
        *pace.next.lock().unwrap() = Instant::now() - Duration::from_secs(60);
        let slots: Vec<Instant> = (0..3).filter_map(|_| pace.slot()).collect();
        assert!(slots[0].elapsed() <= LAG_MAX + Duration::from_secs(1));
        assert_eq!(slots[2] - slots[1], Duration::from_millis(1));
    }
}

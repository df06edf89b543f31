//! The time that a client of GitHub waits by; another one in tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use baepo_core::time::Time;

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What time it is, how to wait, and chance.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Time + Send + Sync>,
    wait: Arc<dyn Fn(Duration) -> Pause + Send + Sync>,
    /// A number from 0 to below 1.
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Clock {
    /// The clock of this machine.
    pub fn real() -> Clock {
        Clock {
            now: Arc::new(baepo_runtime::clock::now),
            wait: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            // The hasher of each map begins elsewhere, which is chance enough
            // to spread requests.
            random: Arc::new(|| {
                use std::hash::{BuildHasher, RandomState};
                let bits = RandomState::new().hash_one(0) >> 11;
                bits as f64 / (1_u64 << 53) as f64
            }),
        }
    }

    /// A clock on which waiting takes no time: it is told, and is over.
    pub fn skipping(
        now: impl Fn() -> Time + Send + Sync + 'static,
        skip: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Clock {
        Clock {
            now: Arc::new(now),
            wait: Arc::new(move |time| {
                skip(time);
                Box::pin(std::future::ready(()))
            }),
            random: Arc::new(|| 0.5),
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        (self.now)()
    }

    pub(super) fn random(&self) -> f64 {
        (self.random)()
    }

    pub(super) async fn wait(&self, time: Duration) {
        (self.wait)(time).await;
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

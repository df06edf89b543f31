//! What baepo tells GitHub: against a GitHub that keeps state and makes trouble.

mod answer;
mod cases;
mod comment;
mod conformance;
mod corpus;
mod ends;
pub(crate) mod fake;
mod feedback;
mod forks;
mod job;
mod npm;
mod page;
mod surfaces;
mod trouble;
mod unheard;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baepo::github::api::{Access, Api, Clock};
use baepo::github::place::{Place, Turn};
use baepo_core::time::{Millis, Time};
use baepo_runtime::capability::secrets::SecretValue;

pub(crate) use fake::Fake;

/// A commit.
pub(crate) const HEAD: &str = "1111111111111111111111111111111111111111";

/// A client whose waits take no time and are written down.
pub(crate) struct Client {
    pub(crate) api: Api,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl Client {
    /// With this token, waiting so long at most.
    pub(crate) fn with(url: &str, token: &str, patience: Duration) -> Client {
        let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let noted = Arc::clone(&waits);
        let now = Arc::new(AtomicU64::new(1_800_000_000_000));
        let later = Arc::clone(&now);
        let clock = Clock::skipping(
            move || Time(now.load(Ordering::Relaxed)),
            move |time| {
                let ms = Millis(u64::try_from(time.as_millis()).unwrap());
                later.fetch_add(ms.0, Ordering::Relaxed);
                noted.lock().unwrap().push(time);
            },
        );
        let access = Access {
            api_url: url.to_owned(),
            graphql_url: format!("{url}/graphql"),
            token: SecretValue::new(token.to_owned()),
            patience,
            clock,
        };
        Client {
            api: Api::new(access).unwrap(),
            waits,
        }
    }

    /// As a job has it.
    pub(crate) fn of_job(github: &Fake) -> Client {
        Client::with(&github.url(), fake::JOB.0, baepo::github::api::PATIENCE)
    }

    /// How long was waited each time.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

/// A run of the shop.
pub(crate) fn place(run: u64, attempt: u32) -> Place {
    Place {
        repository: "acme/shop".into(),
        turn: Turn { run, attempt },
        head: HEAD.into(),
        server_url: "https://github.com".into(),
    }
}

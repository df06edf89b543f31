//! What runs, what is asked for, and who may change it.
//!
//! Each change is first remembered and then made; a change that cannot be
//! remembered is not made. Instances live in tasks of their own, see
//! [`life`](super::life).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use baepo_core::digest::Digest;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::depot::Depot;
use super::life;
use super::output::Output;
use super::process::Process;
use super::protocol::Problem;
use super::store::{Saved, Store, StoreError};
use crate::blocking;
use crate::clock::now;
use crate::router::{Backend, Counters, Lane, Router, Table};
use crate::target::Document;

/// Stopped instances of a release whose output is kept for `logs`.
const STOPPED_OUTPUTS_MAX: usize = 8;

/// Everything that an agent runs.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) store: Arc<Store>,
    pub(super) depot: Depot,
    pub(super) router: Router,
    pub(super) inner: Mutex<Inner>,
    outputs: std::sync::Mutex<BTreeMap<String, (Digest, Output)>>,
    pub(super) lives: TaskTracker,
    /// The agent ends and the instances stay.
    pub(super) halt: CancellationToken,
    /// The instances are to end, and then the agent.
    pub(super) shutdown: CancellationToken,
    /// Whoever routed before this one has nothing under way any more.
    pub(super) alone: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) saved: Saved,
    pub(super) document: Document,
    pub(super) live: BTreeMap<String, Live>,
    pub(super) counters: BTreeMap<Digest, Arc<Counters>>,
}

/// What is known of an instance beside what is remembered.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) digest: Digest,
    /// Its address while a process runs.
    pub(super) backend: Option<Arc<Backend>>,
    pub(super) is_ready: bool,
    /// Whether its health was asked at least once.
    pub(super) is_probed: bool,
    /// How its last process ended; told until the next one is ready.
    pub(super) crash: Option<String>,
    /// What the last health probe said.
    pub(super) unhealthy: Option<String>,
    pub(super) leave: CancellationToken,
}

impl Keeper {
    /// Take up what an agent left.
    pub(super) fn new(store: Store, router: Router) -> Result<Keeper, StoreError> {
        let (saved, document) = (store.load()?, store.load_document()?);
        let counters = saved
            .releases
            .keys()
            .map(|digest| (*digest, Arc::default()))
            .collect();
        Ok(Keeper {
            depot: Depot::new(store.dir()),
            store: Arc::new(store),
            router,
            inner: Mutex::new(Inner {
                saved,
                document,
                live: BTreeMap::new(),
                counters,
            }),
            outputs: std::sync::Mutex::default(),
            lives: TaskTracker::new(),
            halt: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            alone: CancellationToken::new(),
        })
    }

    /// Remember `saved`, then take it as what is.
    pub(super) async fn commit(&self, inner: &mut Inner, saved: Saved) -> Result<(), Problem> {
        let store = Arc::clone(&self.store);
        let (saved, written) = blocking(move || {
            let written = store.save(&saved);
            (saved, written)
        })
        .await;
        written.map_err(|error| unable("remember the change", &error))?;
        inner.saved = saved;
        Ok(())
    }

    /// Put the table in force that follows from the route and from who is ready.
    pub(super) fn rebuild_table(&self, inner: &Inner) {
        let lanes = inner.saved.route.shares().iter().map(|share| Lane {
            digest: share.digest,
            weight: share.weight,
            counters: inner
                .counters
                .get(&share.digest)
                .cloned()
                .unwrap_or_default(),
            backends: inner
                .live
                .values()
                .filter(|live| live.digest == share.digest && live.is_ready)
                .filter_map(|live| live.backend.clone())
                .collect(),
        });
        self.router.set_table(Table::new(lanes.collect()));
    }

    /// Begin the life of an instance that is in `saved` already.
    pub(super) fn begin_life(
        self: &Arc<Self>,
        inner: &mut Inner,
        id: &str,
        adopted: Option<Process>,
    ) {
        let Some(record) = inner.saved.instances.get(id) else {
            return;
        };
        let (digest, leave) = (record.digest, CancellationToken::new());
        if record.is_leaving {
            leave.cancel();
        }
        let live = Live {
            digest,
            backend: None,
            is_ready: false,
            is_probed: false,
            crash: None,
            unhealthy: None,
            leave: leave.clone(),
        };
        inner.live.insert(id.to_owned(), live);
        self.with_outputs(|outputs| {
            let output = || (digest, Output::new(self.depot.log(id)));
            outputs.entry(id.to_owned()).or_insert_with(output);
        });
        let life = life::run(Arc::clone(self), id.to_owned(), digest, leave, adopted);
        let halt = self.halt.clone();
        self.lives
            .spawn(async move { halt.run_until_cancelled(life).await });
    }

    pub(super) fn with_outputs<T>(
        &self,
        work: impl FnOnce(&mut BTreeMap<String, (Digest, Output)>) -> T,
    ) -> T {
        work(&mut self.outputs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Read what instances have written since. Blocks shortly.
    pub(super) fn refresh_outputs(&self) {
        self.with_outputs(|outputs| {
            for (_, output) in outputs.values_mut() {
                output.refresh(now());
            }
        });
    }

    /// An instance has ended for good.
    pub(super) async fn forget(&self, id: &str) {
        let mut inner = self.inner.lock().await;
        let gone = inner.live.remove(id);
        let mut saved = inner.saved.clone();
        saved.instances.remove(id);
        if let Err(problem) = self.commit(&mut inner, saved).await {
            // The next agent looks for its process and finds none.
            tracing::warn!(instance = id, ?problem, "its end is not remembered");
            inner.saved.instances.remove(id);
        }
        let Some(gone) = gone else { return };
        let is_live = |id: &String| inner.live.contains_key(id);
        self.with_outputs(|outputs| {
            let stopped = outputs
                .iter()
                .filter(|(id, (digest, _))| *digest == gone.digest && !is_live(id));
            let stopped: Vec<String> = stopped.map(|(id, _)| id.clone()).collect();
            let surplus = stopped.len().saturating_sub(STOPPED_OUTPUTS_MAX);
            for id in &stopped[..surplus] {
                if let Some((_, output)) = outputs.remove(id) {
                    output.remove();
                }
            }
        });
    }
}

pub(super) fn unable(what: &str, error: &std::io::Error) -> Problem {
    Problem::Refused(format!(
        "the agent cannot {what}: {error}; nothing was changed"
    ))
}

/// The running number at the end of an instance's id.
pub(super) fn number_of(id: &str) -> u64 {
    id.rsplit_once('-')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

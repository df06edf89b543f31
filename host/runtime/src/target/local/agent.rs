//! The agent as a whole: take the directory, take over what runs, open the
//! doors, and close them again.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::control;
use super::fleet::{Keeper, blocking};
use super::process::{self, Process};
use super::store::{Store, StoreError};
use crate::router::{Limits, Listen, Listener, Router, Sticky};

/// How long instances that were taken over may take to say that they are well
/// before the door opens without them.
const ADOPTION_PATIENCE: Duration = Duration::from_secs(5);

/// How often output of instances is read.
const OUTPUT_TICK: Duration = Duration::from_millis(250);

/// What an agent is told at its start.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Where it remembers. One app in one environment has one of its own.
    pub state_dir: PathBuf,
    /// Where clients connect.
    pub listen: Listen,
    /// Path of the control socket; its mode is 0600.
    pub control: PathBuf,
    /// What clients and instances may take of the router.
    pub limits: Limits,
    /// How users stay on one version; absent where each request is on its own.
    pub sticky: Option<Sticky>,
    /// Whether whoever runs this agent also runs a
    /// [`Watchdog`](crate::watchdog::Watchdog) for it: runs count on that.
    pub has_watchdog: bool,
}

/// Why an agent does not start. What an earlier one started runs on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address for clients.
    #[error("cannot listen on {place}")]
    Listen {
        /// Where.
        place: Listen,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The control socket.
    #[error("cannot take control at {}", path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The supervisor and router of one app in one environment.
#[derive(Debug)]
pub struct Agent {
    keeper: Arc<Keeper>,
    options: AgentOptions,
    listener: Listener,
    control: UnixListener,
}

impl Agent {
    /// Take the state directory, bind both sockets and take over the instances
    /// that run. Nothing is answered before [`run`](Agent::run). Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// Where the directory is another agent's or is damaged, or a socket
    /// cannot be bound.
    pub async fn start(options: AgentOptions) -> Result<Agent, AgentError> {
        let store = Store::open(&options.state_dir)?;
        let keeper = Arc::new(Keeper::new(
            store,
            Router::new(options.limits.clone()).with_sticky(options.sticky.clone()),
        )?);
        let place = options.listen.clone();
        let listener = bind_clean(&place).map_err(|source| AgentError::Listen { place, source })?;
        let path = options.control.clone();
        let control = bind_control(&path).map_err(|source| AgentError::Control { path, source })?;
        take_over(&keeper).await;
        Ok(Agent {
            keeper,
            options,
            listener,
            control,
        })
    }

    /// Where clients connect; the port that was taken, for port 0.
    pub fn place(&self) -> &Listen {
        self.listener.place()
    }

    /// Answer until `stop` is cancelled or a client asks for the end.
    ///
    /// On `stop` the instances are left running for the next agent. On a
    /// client's shutdown they are drained and stopped first.
    pub async fn run(self, stop: CancellationToken) {
        let Agent {
            keeper,
            options,
            listener,
            control,
        } = self;
        let place = listener.place().clone();
        let close = CancellationToken::new();
        let router = keeper.router.clone();
        let serving = {
            let close = close.clone();
            tokio::spawn(async move { router.serve(listener, close).await })
        };
        let about = control::About {
            listen: place,
            state_dir: keeper.store.dir().to_owned(),
            has_watchdog: options.has_watchdog,
        };
        let answering = tokio::spawn(control::serve(
            control,
            Arc::clone(&keeper),
            about,
            close.clone(),
        ));
        let reading = tokio::spawn(read_outputs(Arc::clone(&keeper), close.clone()));
        tokio::select! {
            () = stop.cancelled() => keeper.halt.cancel(),
            () = keeper.shutdown.cancelled() => {}
        }
        keeper.lives.close();
        keeper.lives.wait().await;
        close.cancel();
        let _ = tokio::join!(serving, answering, reading);
        let _ = std::fs::remove_file(&options.control);
        if let Listen::Unix(path) = &options.listen {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Take over the processes of an agent that is gone, end those that nobody
/// knows, start those that are missing, and put the old route in force.
async fn take_over(keeper: &Arc<Keeper>) {
    let mut inner = keeper.inner.lock().await;
    let agent = inner.saved.agent.clone();
    let marked = blocking(move || process::find_marked(&agent)).await;
    let records = inner.saved.instances.clone();
    let mark_of = |id: &str, spawn: u64| format!("{id}/{spawn}");
    for found in &marked {
        let is_known = records
            .iter()
            .any(|(id, record)| mark_of(id, record.spawn) == found.mark);
        if !is_known {
            tracing::warn!(
                pid = found.birth.pid,
                mark = found.mark,
                "ended a process of no instance"
            );
            process::end(&found.birth);
        }
    }
    for (id, record) in &records {
        // Either its birth was recorded, or the agent died between start and
        // record, and the mark tells.
        let leader = || {
            let mark = mark_of(id, record.spawn);
            marked
                .iter()
                .find(|found| found.is_leader && found.mark == mark)
                .map(|found| &found.birth)
        };
        let adopted = record
            .birth
            .as_ref()
            .and_then(Process::adopt)
            .or_else(|| leader().and_then(Process::adopt));
        tracing::info!(instance = id, adopted = adopted.is_some(), "taken up");
        keeper.begin_life(&mut inner, id, adopted);
    }
    keeper.rebuild_table(&inner);
    drop(inner);
    let deadline = Instant::now() + ADOPTION_PATIENCE;
    while Instant::now() < deadline {
        let inner = keeper.inner.lock().await;
        if inner
            .live
            .values()
            .all(|live| live.is_probed || live.leave.is_cancelled())
        {
            return;
        }
        drop(inner);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn read_outputs(keeper: Arc<Keeper>, close: CancellationToken) {
    loop {
        let tick = tokio::time::sleep(OUTPUT_TICK);
        if close.run_until_cancelled(tick).await.is_none() {
            return;
        }
        let keeper = Arc::clone(&keeper);
        blocking(move || keeper.refresh_outputs()).await;
    }
}

/// Bind for clients; a unix socket that nobody answers on any more is removed.
fn bind_clean(place: &Listen) -> io::Result<Listener> {
    if let Listen::Unix(path) = place {
        remove_dead_socket(path)?;
    }
    Listener::bind(place)
}

fn bind_control(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    remove_dead_socket(path)?;
    // Bound beside and renamed, so that it is never open to others.
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside)?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&beside, path)?;
    Ok(listener)
}

fn remove_dead_socket(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "somebody answers there already",
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(_) => Ok(()),
    }
}

//! The agent as a whole: take the directory, take over what runs, open the
//! doors, and close them again.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::control;
use super::fleet::Keeper;
use super::handover::{self, Introduction, Predecessor};
use super::process::{self, Process};
use super::store::{Store, StoreError};
use crate::blocking;
use crate::chain;
use crate::router::{Backend, Limits, Listen, Listener, Router, Sticky};

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
    /// Whether it takes the place of an agent that runs: its socket, its state
    /// and its instances, without a request lost in between.
    pub takes_over: bool,
    /// Whether nothing is taken over from an agent that worked in this
    /// directory before: what it remembers is forgotten, what it left running
    /// is ended.
    pub starts_anew: bool,
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
    /// The agent whose place was to be taken.
    #[error("the running agent does not hand over")]
    Predecessor(#[source] io::Error),
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
    tenure: Tenure,
    options: AgentOptions,
    listener: Listener,
    predecessor: Option<Predecessor>,
    ended: CancellationToken,
}

/// The time in which an agent has the state directory.
#[derive(Debug)]
struct Tenure {
    keeper: Arc<Keeper>,
    control: UnixListener,
    /// Where a successor knocks.
    door: UnixListener,
}

/// Why a tenure ends.
enum End {
    /// The agent was told to stop, and the instances stay.
    Stopped,
    /// The instances have ended, and with them the agent.
    ShutDown,
    /// Somebody wants its place.
    Asked(UnixStream),
}

impl Tenure {
    /// Take the directory and the sockets in it, and take over the instances.
    async fn begin(options: &AgentOptions, router: Router) -> Result<Tenure, AgentError> {
        let store = Store::open(&options.state_dir)?;
        if options.starts_anew {
            forget(&store).await?;
        }
        let bind = |path: PathBuf| {
            bind_private(&path).map_err(|source| AgentError::Control { path, source })
        };
        let control = bind(options.control.clone())?;
        let door = bind(handover::door(&options.state_dir))?;
        let keeper = Arc::new(Keeper::new(store, router)?);
        take_over(&keeper).await;
        Ok(Tenure {
            keeper,
            control,
            door,
        })
    }

    /// Supervise and answer calls until the end of this tenure; then nobody
    /// supervises, and nothing is written any more.
    async fn run(self, about: control::About, stop: &CancellationToken) -> End {
        let Tenure {
            keeper,
            control,
            door,
        } = self;
        let close = CancellationToken::new();
        let serving = control::serve(control, Arc::clone(&keeper), about, close.clone());
        let answering = tokio::spawn(serving);
        let reading = tokio::spawn(read_outputs(Arc::clone(&keeper), close.clone()));
        let knocked = async {
            loop {
                match door.accept().await {
                    Ok((stream, _)) => break stream,
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let end = tokio::select! {
            () = stop.cancelled() => End::Stopped,
            () = keeper.shutdown.cancelled() => End::ShutDown,
            stream = knocked => End::Asked(stream),
        };
        if !matches!(end, End::ShutDown) {
            keeper.halt.cancel();
        }
        keeper.lives.close();
        keeper.lives.wait().await;
        let letting_go = Arc::clone(&keeper);
        blocking(move || letting_go.store.close()).await;
        close.cancel();
        let _ = tokio::join!(answering, reading);
        end
    }
}

impl Agent {
    /// Take the state directory, bind the sockets and take over the instances
    /// that run. Nothing is answered before [`run`](Agent::run). Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// Where the directory is another agent's or is damaged, or a socket
    /// cannot be bound. An agent whose place was to be taken goes on then.
    pub async fn start(options: AgentOptions) -> Result<Agent, AgentError> {
        let predecessor = match options.takes_over {
            true => Predecessor::find(&options.state_dir)
                .await
                .map_err(AgentError::Predecessor)?,
            false => None,
        };
        let router = Router::new(options.limits.clone()).with_sticky(options.sticky.clone());
        let place = options.listen.clone();
        let inherited = predecessor
            .as_ref()
            .filter(|old| is_same_door(&place, &old.introduction.listen));
        let listener = match inherited {
            Some(old) => old
                .socket
                .try_clone()
                .and_then(|socket| Listener::inherit(socket, old.introduction.listen.clone())),
            None => bind_clean(&place),
        };
        let listener = listener.map_err(|source| AgentError::Listen { place, source })?;
        let tenure = Tenure::begin(&options, router).await?;
        Ok(Agent {
            tenure,
            options,
            listener,
            predecessor,
            ended: CancellationToken::new(),
        })
    }

    /// Where clients connect; the port that was taken, for port 0.
    pub fn place(&self) -> &Listen {
        self.listener.place()
    }

    /// The agent whose place was taken: its process id and version.
    pub fn predecessor(&self) -> Option<(u32, &str)> {
        let old = &self.predecessor.as_ref()?.introduction;
        Some((old.pid, &old.version))
    }

    /// Cancelled once this agent supervises no more, before its last requests
    /// have ended.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Answer until `stop` is cancelled, a client asks for the end, or a
    /// successor has taken over.
    ///
    /// On `stop` the instances are left running for the next agent. On a
    /// client's shutdown they are drained and stopped first.
    pub async fn run(self, stop: CancellationToken) {
        let Agent {
            mut tenure,
            options,
            listener,
            predecessor,
            ended,
        } = self;
        let place = listener.place().clone();
        let socket = listener.socket();
        let (router, close) = (tenure.keeper.router.clone(), CancellationToken::new());
        let mut serving = {
            let (router, close) = (router.clone(), close.clone());
            tokio::spawn(async move { router.serve(listener, close).await })
        };
        let alone = tenure.keeper.alone.clone();
        match predecessor {
            Some(old) => old.dismiss(alone).await,
            None => alone.cancel(),
        }
        let introduction = Introduction {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listen: place.clone(),
        };
        // Whether nobody else has the files of the state directory.
        let mut is_ours = true;
        let held = loop {
            let about = control::About {
                listen: place.clone(),
                state_dir: tenure.keeper.store.dir().to_owned(),
                has_watchdog: options.has_watchdog,
            };
            let stream = match tenure.run(about, &stop).await {
                End::Stopped | End::ShutDown => break None,
                End::Asked(stream) => stream,
            };
            is_ours = false;
            let offered = async {
                match &socket {
                    Ok(socket) => handover::offer(stream, socket.as_fd(), &introduction).await,
                    Err(error) => Err(io::Error::other(error.to_string())),
                }
            };
            match stop.run_until_cancelled(offered).await {
                None => break None,
                Some(Ok(held)) => break Some(held),
                Some(Err(error)) => tracing::warn!(%error, "the successor did not come up"),
            }
            match resume(&options, &router, &stop).await {
                Some(resumed) => (tenure, is_ours) = (resumed, true),
                None => break None,
            }
        };
        ended.cancel();
        drop(socket);
        if held.is_some() {
            router.hand_over();
            tokio::select! {
                _ = &mut serving => return,
                () = stop.cancelled() => {}
            }
        }
        close.cancel();
        let _ = serving.await;
        if is_ours {
            let _ = std::fs::remove_file(&options.control);
            let _ = std::fs::remove_file(handover::door(&options.state_dir));
            if let Listen::Unix(path) = &options.listen {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Take everything up again after a successor has failed. `None` where the
/// agent is told to stop meanwhile. What answers clients is not disturbed.
async fn resume(
    options: &AgentOptions,
    router: &Router,
    stop: &CancellationToken,
) -> Option<Tenure> {
    // Requests that began under an earlier tenure count for its instances.
    let before: Vec<Arc<Backend>> = router
        .table()
        .lanes()
        .flat_map(|lane| lane.backends.clone())
        .collect();
    loop {
        match Tenure::begin(options, router.clone()).await {
            Ok(tenure) => {
                let alone = tenure.keeper.alone.clone();
                tokio::spawn(async move {
                    while before.iter().any(|backend| backend.in_flight() > 0) {
                        sleep(Duration::from_millis(20)).await;
                    }
                    alone.cancel();
                });
                return Some(tenure);
            }
            Err(error) => tracing::error!(error = chain(&error), "cannot take up again"),
        }
        let pause = sleep(Duration::from_secs(1));
        stop.run_until_cancelled(pause).await?;
    }
}

/// Whether a socket bound to `bound` is what `asked` asks for.
fn is_same_door(asked: &Listen, bound: &Listen) -> bool {
    match (asked, bound) {
        (Listen::Tcp(asked), Listen::Tcp(bound)) => {
            asked.ip() == bound.ip() && (asked.port() == bound.port() || asked.port() == 0)
        }
        _ => asked == bound,
    }
}

/// End what an agent that is gone has left, and forget it.
async fn forget(store: &Store) -> Result<(), StoreError> {
    // What cannot be read names no processes.
    if let Ok(saved) = store.load() {
        let marked = blocking(move || process::find_marked(&saved.agent)).await;
        for found in &marked {
            process::end(&found.birth);
        }
    }
    store.clear()
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
    drop(inner);
    // A table that is in force stays until it is known who is well.
    let deadline = Instant::now() + ADOPTION_PATIENCE;
    loop {
        let inner = keeper.inner.lock().await;
        let mut lives = inner.live.values();
        let is_known = lives.all(|live| live.is_probed || live.leave.is_cancelled());
        if is_known || Instant::now() > deadline {
            keeper.rebuild_table(&inner);
            return;
        }
        drop(inner);
        sleep(Duration::from_millis(5)).await;
    }
}

async fn read_outputs(keeper: Arc<Keeper>, close: CancellationToken) {
    loop {
        let tick = sleep(OUTPUT_TICK);
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

/// A socket that nobody else can open.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
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
    match StdStream::connect(path) {
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

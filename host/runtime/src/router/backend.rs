//! One instance as the router sees it: its address, the requests in flight to
//! it, and connections to it that wait for the next request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::Upload;
use super::tunnel::Leaving;

/// A connection on which requests can be sent.
pub(super) type Connection = http1::SendRequest<Upload>;

/// How long a connection may wait for its next request. Shorter than the
/// keep-alive of servers in wide use (gunicorn 2 s, Node.js and uvicorn 5 s),
/// so that a request is not written into a connection that is just closed.
const IDLE_LIMIT: Duration = Duration::from_millis(1_500);

/// How many connections may wait per instance.
const IDLE_MAX: usize = 256;

/// How long an instance that refused a connection is asked last.
const EJECTION: Duration = Duration::from_secs(1);

/// One instance. Shared by all tables that name it, so its counts outlive any
/// of them.
#[derive(Debug)]
pub struct Backend {
    name: String,
    address: SocketAddr,
    in_flight: AtomicUsize,
    idle: Mutex<Vec<(Connection, Instant)>>,
    is_retired: AtomicBool,
    is_cut: AtomicBool,
    leaving: Leaving,
    born: Instant,
    /// Milliseconds after `born`.
    ejected_until: AtomicU64,
}

impl Backend {
    /// The instance `name` that listens at `address`.
    pub fn new(name: impl Into<String>, address: SocketAddr) -> Arc<Backend> {
        Arc::new(Backend {
            name: name.into(),
            address,
            in_flight: AtomicUsize::new(0),
            idle: Mutex::default(),
            is_retired: false.into(),
            is_cut: false.into(),
            leaving: Leaving::default(),
            born: Instant::now(),
            ejected_until: AtomicU64::new(0),
        })
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests and tunnels that it has not finished. Zero after a table
    /// without it was set means that it will get no other.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// It is in no table any more and is to be idle within this time: clients of
    /// tunnels are told, one after another.
    pub fn leave(&self, within: Duration) {
        self.leaving.begin(within);
    }

    /// It is stopped although something is in flight: what breaks off from now
    /// on is cut, and is no failure of its release.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    pub(super) fn leaving(&self) -> &Leaving {
        &self.leaving
    }

    /// Close the connections that wait, now and from now on: the instance is
    /// about to be stopped.
    pub fn retire(&self) {
        self.is_retired.store(true, Ordering::SeqCst);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn is_ejected(&self) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until > 0 && self.born.elapsed().as_millis() < u128::from(until)
    }

    pub(super) fn eject(&self) {
        let until = (self.born.elapsed() + EJECTION).as_millis();
        self.ejected_until
            .store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A connection that waits, newest first so that surplus ones grow old.
    pub(super) fn reuse(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut place = idle.len();
        while place > 0 {
            place -= 1;
            let (connection, since) = &idle[place];
            if since.elapsed() > IDLE_LIMIT {
                idle.drain(..=place);
                return None;
            }
            if connection.is_closed() {
                idle.remove(place);
            } else if connection.is_ready() {
                return Some(idle.remove(place).0);
            }
        }
        None
    }

    /// Hand back a connection after its answer was read.
    pub(super) fn keep(&self, connection: Connection) {
        if connection.is_closed() || self.is_retired.load(Ordering::SeqCst) {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self, limit: Duration) -> std::io::Result<Connection> {
        let stream = tokio::time::timeout(limit, TcpStream::connect(self.address))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            // What goes wrong on it is told to the request that is on it.
            let _ = driver.with_upgrades().await;
        });
        Ok(sender)
    }
}

/// One request in flight to an instance.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Backend>);

impl InFlight {
    pub(super) fn new(backend: &Arc<Backend>) -> InFlight {
        backend.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(backend.clone())
    }

    pub(super) fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

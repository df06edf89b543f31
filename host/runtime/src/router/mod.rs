//! Who gets which request: an HTTP/1 reverse proxy whose whole table of
//! instances is replaced at once.
//!
//! A request takes its instance under the table that it saw, and counts as in
//! flight to it until the last byte of the answer was read; so an instance
//! that is in no table and has nothing in flight can be stopped and nobody
//! notices. The nouns: [`Table`] of at most two [`Lane`]s of [`Backend`]s,
//! [`Counters`] per release, [`Limits`], [`Listener`].

mod backend;
mod body;
mod counters;
mod forward;
mod headers;
mod listener;
mod metrics;
mod split;
mod sticky;
mod table;
mod tunnel;
mod websocket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::telemetry::Telemetry;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use backend::Backend;
pub use counters::Counters;
pub use listener::{Listen, Listener, ParseListenError};
pub use sticky::{CookieNameError, Sticky};
pub use table::{Lane, Table};

use headers::Client;
use listener::Stream;
use table::Current;
use tunnel::Tunnels;

/// Set on answers that the router made itself, to a short word that says why:
/// `no-route`, `no-instance`, `connect-failed`, `answer-broken`,
/// `answer-late`, `cut`, `too-large`, `bad-request`.
pub const REFUSAL_HEADER: HeaderName = HeaderName::from_static("x-baepo-refusal");

/// How long a connection may stay idle after the socket was handed over.
const LINGER: Duration = Duration::from_secs(5);

const SWITCHING_PROTOCOLS: http::StatusCode = http::StatusCode::SWITCHING_PROTOCOLS;

/// What a client and an instance may take of the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time for a connection to an instance.
    pub connect: Duration,
    /// Time from the last byte of a request to the head of its answer.
    pub answer: Duration,
    /// Time in which a body may stand still, either way.
    pub body_idle: Duration,
    /// Time in which nothing may come through one direction of a tunnel.
    pub tunnel_idle: Duration,
    /// Time for the head of a request, the wait for it included; so it is the
    /// keep-alive of clients too.
    pub head: Duration,
    /// Largest body of a request.
    pub max_body_bytes: u64,
    /// Largest head of a request, and what is buffered per connection.
    pub max_head_bytes: usize,
    /// Fields in one head.
    pub max_head_fields: usize,
    /// Time for requests in flight when the router stops.
    pub stop: Duration,
    /// Whether `Forwarded` and `X-Forwarded-*` of clients are kept and added
    /// to: only where another proxy is in front.
    pub trusts_forwarded: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(60),
            body_idle: Duration::from_secs(30),
            tunnel_idle: Duration::from_secs(600),
            head: Duration::from_secs(60),
            max_body_bytes: 1 << 30,
            max_head_bytes: 64 << 10,
            max_head_fields: 100,
            stop: Duration::from_secs(30),
            trusts_forwarded: false,
        }
    }
}

/// The proxy. Cheap to clone; all clones are one router.
#[derive(Debug, Clone)]
pub struct Router {
    current: Arc<Current>,
    limits: Arc<Limits>,
    sticky: Option<Arc<Sticky>>,
    tunnels: Arc<Tunnels>,
    handed_over: CancellationToken,
}

impl Router {
    /// A router that routes nothing yet.
    pub fn new(limits: Limits) -> Router {
        Router {
            current: Arc::default(),
            limits: Arc::new(limits),
            sticky: None,
            tunnels: Arc::default(),
            handed_over: CancellationToken::new(),
        }
    }

    /// The same router, with users who stay on one version.
    pub fn with_sticky(self, sticky: Option<Sticky>) -> Router {
        Router {
            sticky: sticky.map(Arc::new),
            ..self
        }
    }

    /// Replace the whole table. Requests that have their instance keep it;
    /// after the return no other goes to an instance that is only in the old
    /// table.
    pub fn set_table(&self, table: Table) {
        self.current.set(table);
    }

    /// The table in force.
    pub fn table(&self) -> Arc<Table> {
        self.current.table()
    }

    /// The page for a Prometheus scraper, with these releases' counters.
    pub fn metrics<'a>(
        &self,
        releases: impl Iterator<Item = (Digest, &'a Telemetry)> + Clone,
    ) -> String {
        metrics::render(&self.table(), releases)
    }

    /// Somebody else accepts connections now. [`serve`](Router::serve) accepts
    /// none any more and comes to an end without haste: each connection that
    /// it has gets its next answer with `Connection: close`, so that no client
    /// writes into one that is just being closed; only one that stays idle is
    /// closed as it is.
    pub fn hand_over(&self) {
        self.handed_over.cancel();
    }

    /// Answer requests until `stop` is cancelled, then finish those in flight
    /// within the limit, tunnels too.
    pub async fn serve(&self, listener: Listener, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(self.limits.max_head_bytes)
            .max_headers(self.limits.max_head_fields);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.handed_over.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let client = Client::new(peer, self.limits.trusts_forwarded);
                    connections.spawn(self.clone().converse(
                        builder.clone(),
                        stream,
                        client,
                        stop.clone(),
                    ));
                }
                Err(error) => {
                    // Out of descriptors, most likely: the ones in use come
                    // back, and trying at once would only burn the core.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        drop(listener);
        connections.close();
        let within = self.limits.stop;
        let answered = tokio::time::timeout(within, connections.wait());
        let _ = tokio::join!(answered, self.tunnels.close(within));
    }

    async fn converse(
        self,
        builder: http1::Builder,
        stream: Stream,
        client: Client,
        stop: CancellationToken,
    ) {
        let client = &client;
        let router = &self;
        let service = service_fn(move |request| async move {
            let mut answer = forward::forward(router, client, request).await;
            if router.handed_over.is_cancelled() && answer.status() != SWITCHING_PROTOCOLS {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(answer)
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.is_to_close(&stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection of a client ended");
        }
    }

    /// Wait until connections are to be closed once they are idle.
    async fn is_to_close(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = async {
                self.handed_over.cancelled().await;
                tokio::time::sleep(LINGER).await;
            } => {}
        }
    }
}

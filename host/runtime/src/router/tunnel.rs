//! Bytes to and fro after both ends have changed protocol, WebSocket for
//! example.
//!
//! A tunnel lives for hours, and the instance at its end is to be stopped now.
//! It is left alone for as long as draining takes; the client of a WebSocket
//! is told to close in that time, between two messages, and connects anew.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::HeaderValue;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::backend::InFlight;
use super::websocket::{Frames, GOING_AWAY};

/// Tells tunnels that their end is near, and how near.
#[derive(Debug)]
pub(super) struct Leaving(watch::Sender<Option<Duration>>);

impl Default for Leaving {
    fn default() -> Leaving {
        Leaving(watch::Sender::new(None))
    }
}

impl Leaving {
    /// All are gone within this time, or are cut after it.
    pub(super) fn begin(&self, within: Duration) {
        self.0.send_replace(Some(within));
    }

    /// Wait for the beginning, and for this tunnel's turn: clients told all at
    /// once would all come back at once. The turns fill the first half of the
    /// time; the second is for saying goodbye.
    async fn turn(&self, number: u32) {
        let mut told = self.0.subscribe();
        let within = told.wait_for(Option::is_some).await.map(|within| *within);
        let Ok(Some(within)) = within else {
            return std::future::pending().await;
        };
        // Multiples of the golden ratio fill an interval evenly from the first on.
        let place = number.wrapping_mul(0x9e37_79b9);
        sleep(within.mul_f64(f64::from(place) / f64::from(u32::MAX) / 2.0)).await;
    }
}

/// The tunnels of a router.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    opened: AtomicU32,
    tasks: TaskTracker,
    leaving: Leaving,
}

/// What a tunnel is made of.
pub(super) struct Ends {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) instance: InFlight,
    /// What both ends speak from now on.
    pub(super) protocol: Option<HeaderValue>,
}

impl Tunnels {
    /// Join both ends until one closes or nothing came from either for `idle`.
    /// The instance counts as in use until then, so that draining waits for
    /// tunnels.
    pub(super) fn open(self: &std::sync::Arc<Self>, ends: Ends, idle: Duration) {
        let tunnels = std::sync::Arc::clone(self);
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(async move {
            if let Err(error) = tunnels.join(ends, number, idle).await {
                tracing::debug!(%error, "tunnel not opened");
            }
        });
    }

    /// All of them are to be gone within this time; waits until they are.
    pub(super) async fn close(&self, within: Duration) {
        self.leaving.begin(within);
        self.tasks.close();
        let _ = timeout(within, self.tasks.wait()).await;
    }

    async fn join(&self, ends: Ends, number: u32, idle: Duration) -> hyper::Result<()> {
        let Ends {
            client,
            upstream,
            instance,
            protocol,
        } = ends;
        let (client, upstream) = tokio::try_join!(client, upstream)?;
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
        let is_web_socket =
            protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let leave = async {
            if !is_web_socket {
                std::future::pending::<()>().await;
            }
            tokio::select! {
                () = instance.backend().leaving().turn(number) => {}
                () = self.leaving.turn(number) => {}
            }
        };
        // Each direction that ends closes its half; a tunnel whose one
        // direction stands still lives on while the other moves.
        let there = copy(from_client, to_upstream, idle);
        let back = copy_until_told(from_upstream, to_client, idle, leave);
        let (there, back) = tokio::join!(there, back);
        tracing::debug!(?there, ?back, "tunnel closed");
        Ok(())
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    idle: Duration,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = next(&mut from, &mut buffer, idle).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// Copy frames to a client. Once `leave` is over the client is told to close,
/// after the message that is on its way; it answers the instance, which then
/// closes its end. What the instance sends until then comes too late.
async fn copy_until_told(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    idle: Duration,
    leave: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut frames = Frames::default();
    let mut leave = std::pin::pin!(leave);
    let mut must_leave = false;
    loop {
        if must_leave && frames.is_between_messages() {
            to.write_all(&GOING_AWAY).await?;
            break;
        }
        let read = tokio::select! {
            read = next(&mut from, &mut buffer, idle) => read?,
            () = leave.as_mut(), if !must_leave => {
                must_leave = true;
                continue;
            }
        };
        if read == 0 {
            return to.shutdown().await;
        }
        let passed = frames.follow(&buffer[..read], must_leave);
        to.write_all(&buffer[..passed]).await?;
    }
    while next(&mut from, &mut buffer, idle).await? > 0 {}
    to.shutdown().await
}

/// Zero at the end, or where nothing came for too long.
async fn next(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    idle: Duration,
) -> std::io::Result<usize> {
    timeout(idle, from.read(buffer)).await.unwrap_or(Ok(0))
}

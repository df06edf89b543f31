//! Bodies on their way through: counted, limited in size and idle time, and
//! watched for how they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::backend::{Connection, InFlight};
use super::counters::Tally;

/// Why a body was cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// The other side broke off.
    #[error("the connection ended before the body did")]
    Broken(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("the body stood still for {} s", .0.as_secs())]
    Idle(Duration),
    /// More came than is allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
}

/// A limit on the time in which nothing comes. Costs nothing while data flows.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Patience {
        Patience { limit, sleep: None }
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        sleep.as_mut().poll(context).is_ready()
    }

    fn renew(&mut self) {
        self.sleep = None;
    }
}

/// How the body of a request ended, seen from where its answer is awaited.
#[derive(Debug)]
pub(super) struct UploadState {
    end: AtomicU8,
    /// Milliseconds after `begun` when the last of it came.
    last: AtomicU64,
    begun: Instant,
}

/// What became of the body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum UploadEnd {
    /// It is still coming, or was sent whole.
    Fine = 0,
    /// The client broke off, or stood still.
    ClientLeft = 1,
    /// The client sent too much.
    TooLarge = 2,
}

impl UploadState {
    pub(super) fn end(&self) -> UploadEnd {
        match self.end.load(Ordering::Acquire) {
            0 => UploadEnd::Fine,
            1 => UploadEnd::ClientLeft,
            _ => UploadEnd::TooLarge,
        }
    }

    /// When the last part of the body came.
    pub(super) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// The body of a request on its way to an instance.
#[derive(Debug)]
pub(super) struct Upload {
    inner: Incoming,
    /// `None` for requests without a body.
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    state: Arc<UploadState>,
    patience: Patience,
    max_bytes: u64,
    seen_bytes: u64,
}

impl Upload {
    pub(super) fn new(inner: Incoming, idle: Duration, max_bytes: u64) -> Upload {
        let watched = (!inner.is_end_stream()).then(|| Watched {
            state: Arc::new(UploadState {
                end: AtomicU8::new(UploadEnd::Fine as u8),
                last: AtomicU64::new(0),
                begun: Instant::now(),
            }),
            patience: Patience::new(idle),
            max_bytes,
            seen_bytes: 0,
        });
        Upload { inner, watched }
    }

    pub(super) fn state(&self) -> Option<Arc<UploadState>> {
        self.watched.as_ref().map(|watched| watched.state.clone())
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        let Some(watched) = &mut this.watched else {
            return polled.map_err(Cut::Broken);
        };
        let (cut, end) = match polled {
            Poll::Pending => {
                if !watched.patience.is_over(context) {
                    return Poll::Pending;
                }
                (Cut::Idle(watched.patience.limit), UploadEnd::ClientLeft)
            }
            Poll::Ready(Some(Err(error))) => (Cut::Broken(error), UploadEnd::ClientLeft),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => {
                watched.patience.renew();
                let millis = watched.state.begun.elapsed().as_millis();
                let millis = u64::try_from(millis).unwrap_or(u64::MAX);
                watched.state.last.store(millis, Ordering::Relaxed);
                watched.seen_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if watched.seen_bytes <= watched.max_bytes {
                    return Poll::Ready(Some(Ok(frame)));
                }
                (Cut::TooLarge(watched.max_bytes), UploadEnd::TooLarge)
            }
        };
        watched.state.end.store(end as u8, Ordering::Release);
        Poll::Ready(Some(Err(cut)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer on its way to the client.
#[derive(Debug)]
pub(super) struct Download {
    inner: Incoming,
    patience: Patience,
    /// Until the end: what is to be done there.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    tally: Tally,
    instance: InFlight,
    connection: Connection,
}

impl Download {
    pub(super) fn new(
        inner: Incoming,
        idle: Duration,
        tally: Tally,
        instance: InFlight,
        connection: Connection,
    ) -> Download {
        let open = Some(Open {
            tally,
            instance,
            connection,
        });
        let mut download = Download {
            inner,
            patience: Patience::new(idle),
            open,
        };
        if download.inner.is_end_stream() {
            download.end();
        }
        download
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            open.instance.backend().keep(open.connection);
            open.tally.end();
        }
    }

    fn fail(&mut self) {
        if let Some(open) = self.open.take() {
            match open.instance.backend().is_cut() {
                true => open.tally.cut(),
                false => open.tally.fail(),
            }
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        let cut = match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.patience.renew();
                if this.inner.is_end_stream() {
                    this.end();
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => {
                this.end();
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(error))) => Cut::Broken(error),
            Poll::Pending if this.patience.is_over(context) => Cut::Idle(this.patience.limit),
            Poll::Pending => return Poll::Pending,
        };
        this.fail();
        Poll::Ready(Some(Err(cut)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What the router answers with: an instance's body, or a line of its own.
#[derive(Debug)]
pub(super) enum Reply {
    /// From an instance.
    Passed(Download),
    /// From the router.
    Own(Full<Bytes>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            Reply::Passed(download) => Pin::new(download).poll_frame(context),
            Reply::Own(own) => Pin::new(own)
                .poll_frame(context)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Reply::Passed(download) => download.is_end_stream(),
            Reply::Own(own) => own.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Passed(download) => download.size_hint(),
            Reply::Own(own) => own.size_hint(),
        }
    }
}

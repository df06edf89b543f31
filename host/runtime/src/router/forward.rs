//! One request on its way: choose an instance, connect, send, pass the answer
//! back, and say at the end how it went.

use std::sync::Arc;
use std::time::Instant;

use baepo_core::digest::Digest;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::backend::{Backend, Connection, InFlight};
use super::body::{Download, Reply, Upload, UploadEnd, UploadState};
use super::counters::Tally;
use super::headers::{self, Client};
use super::table::{Asker, Current};
use super::tunnel::Ends;
use super::{Limits, REFUSAL_HEADER, Router};

/// How many instances a request is offered to.
const TRIES_MAX: usize = 4;

/// Why the router answers by itself; the text of [`REFUSAL_HEADER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    NoRoute,
    NoInstance,
    ConnectFailed,
    AnswerBroken,
    AnswerLate,
    Cut,
    TooLarge,
}

impl Trouble {
    fn answer(self) -> Response<Reply> {
        let (status, code, text) = match self {
            Trouble::NoRoute => (503, "no-route", "nothing is deployed here yet"),
            Trouble::NoInstance => (503, "no-instance", "no instance is ready"),
            Trouble::ConnectFailed => (502, "connect-failed", "no instance takes connections"),
            Trouble::AnswerBroken => (
                502,
                "answer-broken",
                "the instance broke off before it answered",
            ),
            Trouble::Cut => (
                503,
                "cut",
                "the instance was stopped; the answer took longer than its drain deadline",
            ),
            Trouble::AnswerLate => (504, "answer-late", "the instance did not answer in time"),
            Trouble::TooLarge => (413, "too-large", "the request body is too large"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        own_answer(status, code, text)
    }
}

fn own_answer(status: StatusCode, code: &'static str, text: &str) -> Response<Reply> {
    let line = Bytes::from(format!("{} {text}\n", status.as_u16()));
    let mut response = Response::new(Reply::Own(Full::new(line)));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    fields.insert(REFUSAL_HEADER, HeaderValue::from_static(code));
    response
}

/// Answer one request.
pub(super) async fn forward(
    router: &Router,
    client: &Client,
    request: Request<Incoming>,
) -> Response<Reply> {
    let current = &router.current;
    let Some(sticky) = router.sticky.as_deref() else {
        let asker = Asker::Turn(current.next_turn());
        return forward_for(asker, router, client, request).await;
    };
    let known = sticky.seat(request.headers());
    let seat = known.unwrap_or_else(|| current.next_seat());
    let asker = Asker::Seat(seat);
    let mut response = forward_for(asker, router, client, request).await;
    if known.is_none() {
        sticky.tell(seat, response.headers_mut());
    }
    response
}

async fn forward_for(
    asked_by: Asker,
    router: &Router,
    client: &Client,
    mut request: Request<Incoming>,
) -> Response<Reply> {
    let begun = Instant::now();
    let (current, limits) = (&*router.current, &*router.limits);
    if let Err(refusal) = headers::check(&request) {
        return own_answer(refusal.status, "bad-request", refusal.reason);
    }
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > limits.max_body_bytes) {
        return Trouble::TooLarge.answer();
    }
    let upgrade = headers::upgrade(request.headers());
    let asker = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    headers::prepare(&mut request, client, upgrade);
    let request = request.map(|body| Upload::new(body, limits.body_idle, limits.max_body_bytes));

    let Some(first) = current.choose(asked_by, None, &[]) else {
        return Trouble::NoRoute.answer();
    };
    let mut attempt = Attempt {
        current,
        limits,
        asked_by,
        digest: first.digest,
        tally: Tally::new(first.counters, begun),
        tried: Vec::new(),
    };
    if first.is_fallback {
        attempt.tally.spoil();
    }
    match attempt.send(first.instance, request).await {
        Ok(sent) => pass_back(sent, attempt.tally, router, asker),
        Err(Gone::ClientLeft) => own_answer(
            StatusCode::BAD_REQUEST,
            "client-left",
            "the request broke off",
        ),
        Err(Gone::TooLarge) => Trouble::TooLarge.answer(),
        Err(Gone::Cut) => {
            attempt.tally.cut();
            Trouble::Cut.answer()
        }
        Err(Gone::Failed(trouble)) => {
            attempt.tally.fail();
            trouble.answer()
        }
    }
}

/// Why there is no answer of an instance.
enum Gone {
    /// The client is to blame, so that nothing is counted.
    ClientLeft,
    TooLarge,
    /// The instance was stopped under it, at the end of its drain deadline.
    Cut,
    /// A failure of the release.
    Failed(Trouble),
}

/// An answer that has begun.
struct Sent {
    response: Response<Incoming>,
    connection: Connection,
    instance: InFlight,
}

struct Attempt<'a> {
    current: &'a Current,
    limits: &'a Limits,
    asked_by: Asker,
    /// The release chosen first; what goes wrong is counted as its failure.
    digest: Digest,
    tally: Tally,
    tried: Vec<Arc<Backend>>,
}

impl Attempt<'_> {
    /// Offer the request to instances until one takes it. Up to the moment
    /// when it is written to a connection nothing is lost by trying another;
    /// after it, never again.
    async fn send(
        &mut self,
        mut instance: Option<InFlight>,
        mut request: Request<Upload>,
    ) -> Result<Sent, Gone> {
        while let Some(chosen) = instance {
            let backend = chosen.backend().clone();
            let mut waiting = backend.reuse();
            let refused = loop {
                let (connection, is_new) = match waiting.take() {
                    Some(connection) => (connection, false),
                    None => match backend.connect(self.limits.connect).await {
                        Ok(connection) => (connection, true),
                        Err(error) => break error,
                    },
                };
                match self.send_on(connection, request).await {
                    Ok((response, connection)) => {
                        return Ok(Sent {
                            response,
                            connection,
                            instance: chosen,
                        });
                    }
                    Err(Unsent::Gone(Gone::Failed(_))) if backend.is_cut() => {
                        return Err(Gone::Cut);
                    }
                    Err(Unsent::Gone(gone)) => return Err(gone),
                    // It was closed before anything was written to it. One
                    // that waited tells nothing of the instance; a new one
                    // does.
                    Err(Unsent::Back(back)) => {
                        request = *back;
                        if is_new {
                            break std::io::ErrorKind::ConnectionReset.into();
                        }
                    }
                }
            };
            tracing::debug!(instance = backend.name(), %refused, "connection refused");
            backend.eject();
            self.tally.spoil();
            self.tried.push(backend);
            if self.tried.len() == TRIES_MAX {
                break;
            }
            let next = self
                .current
                .choose(self.asked_by, Some(self.digest), &self.tried);
            instance = next.and_then(|choice| choice.instance);
        }
        let nobody = self.tried.is_empty();
        Err(Gone::Failed(if nobody {
            Trouble::NoInstance
        } else {
            Trouble::ConnectFailed
        }))
    }

    async fn send_on(
        &self,
        mut connection: Connection,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Connection), Unsent> {
        let upload = request.body().state();
        let answer = connection.try_send_request(request);
        let outcome = match self.within_time(answer, upload.as_deref()).await {
            Some(outcome) => outcome,
            None => return Err(Unsent::Gone(Gone::Failed(Trouble::AnswerLate))),
        };
        let mut error = match outcome {
            Ok(response) => return Ok((response, connection)),
            Err(error) => error,
        };
        match (error.take_message(), upload.map(|state| state.end())) {
            (Some(request), _) => Err(Unsent::Back(Box::new(request))),
            (None, Some(UploadEnd::ClientLeft)) => Err(Unsent::Gone(Gone::ClientLeft)),
            (None, Some(UploadEnd::TooLarge)) => Err(Unsent::Gone(Gone::TooLarge)),
            (None, Some(UploadEnd::Fine) | None) => {
                tracing::debug!(error = %error.error(), "answer broken");
                Err(Unsent::Gone(Gone::Failed(Trouble::AnswerBroken)))
            }
        }
    }

    /// Wait for the head of the answer. The time runs from the last part of
    /// the request, so that a long upload is no late answer.
    async fn within_time<T>(
        &self,
        answer: impl Future<Output = T>,
        upload: Option<&UploadState>,
    ) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        let mut deadline = tokio::time::Instant::now() + self.limits.answer;
        loop {
            if let Ok(outcome) = tokio::time::timeout_at(deadline, answer.as_mut()).await {
                return Some(outcome);
            }
            let renewed = upload.map(|state| state.last() + self.limits.answer);
            match renewed {
                Some(later) if later > deadline => deadline = later,
                _ => return None,
            }
        }
    }
}

enum Unsent {
    /// It was not written and can be sent elsewhere.
    Back(Box<Request<Upload>>),
    Gone(Gone),
}

fn pass_back(
    sent: Sent,
    mut tally: Tally,
    router: &Router,
    asker: Option<hyper::upgrade::OnUpgrade>,
) -> Response<Reply> {
    let Sent {
        mut response,
        connection,
        instance,
    } = sent;
    if response.status().is_server_error() {
        tally.spoil();
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(asker) = asker
    {
        let protocol = headers::upgrade(response.headers());
        let ends = Ends {
            client: asker,
            upstream: hyper::upgrade::on(&mut response),
            instance,
            protocol: protocol.clone(),
        };
        router.tunnels.open(ends, router.limits.tunnel_idle);
        tally.end();
        headers::strip_hop_by_hop(response.headers_mut(), protocol);
        return response.map(|_| Reply::Own(Full::default()));
    }
    headers::strip_hop_by_hop(response.headers_mut(), None);
    *response.version_mut() = http::Version::HTTP_11;
    response.map(|body| {
        Reply::Passed(Download::new(
            body,
            router.limits.body_idle,
            tally,
            instance,
            connection,
        ))
    })
}

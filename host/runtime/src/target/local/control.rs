//! The agent's side of the control socket.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use baepo_core::digest::Digest;
use baepo_core::fleet::Description;
use baepo_core::lease::Token;
use baepo_core::weight::BasisPoints;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::fleet::Keeper;
use super::protocol::{
    CALL_MAX_BYTES, CALL_PATH, CONTENTS_PATH, Call, METRICS_PATH, OUTPUT_MAX_BYTES, OUTPUT_PATH,
    Problem, Reply, SIZE_HEADER, STATE_PATH, Status, VERSION_HEADER,
};
use crate::blocking;
use crate::clock::now;
use crate::router::Listen;
use crate::target::STATE_MAX_BYTES;

/// What the agent says of itself.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) listen: Listen,
    pub(super) state_dir: PathBuf,
    pub(super) has_watchdog: bool,
}

/// Answer until `close` is cancelled.
pub(super) async fn serve(
    listener: UnixListener,
    keeper: Arc<Keeper>,
    about: About,
    close: CancellationToken,
) {
    while let Some(accepted) = close.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let (keeper, about, close) = (Arc::clone(&keeper), about.clone(), close.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (keeper, about) = (Arc::clone(&keeper), about.clone());
                // In a task of its own: a caller that goes away does not leave
                // a change half made.
                let answer = {
                    let keeper = Arc::clone(&keeper);
                    tokio::spawn(async move { answer(&keeper, &about, request).await })
                };
                async move {
                    let answer = answer.await.unwrap_or_else(|_| {
                        let broken = "the agent failed at this call; see its log".to_owned();
                        reply(&Reply::Problem(Problem::Refused(broken)))
                    });
                    // It may be the answer of an agent that is no more: broken
                    // off, the caller asks its successor.
                    match keeper.store.is_closed() {
                        true => Err(io::Error::other("another agent has taken over")),
                        false => Ok(answer),
                    }
                }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                () = close.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
    }
}

async fn answer(
    keeper: &Arc<Keeper>,
    about: &About,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let query = Query(request.uri().query().unwrap_or_default().to_owned());
    let outcome = match (request.method(), path.as_str()) {
        (&Method::POST, CALL_PATH) => match read(request, CALL_MAX_BYTES).await {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(call) => handle(keeper, about, call).await,
                Err(error) => Err(Problem::Refused(format!(
                    "not a call of this agent: {error}"
                ))),
            },
            Err(problem) => Err(problem),
        },
        (&Method::GET, STATE_PATH) => {
            let document = keeper.document().await;
            let mut response = Response::new(Full::new(document.bytes.into()));
            response
                .headers_mut()
                .insert(VERSION_HEADER, document.version.into());
            return response;
        }
        (&Method::PUT, STATE_PATH) => save_state(keeper, &query, request).await,
        (&Method::GET, OUTPUT_PATH) => match read_output(keeper, &query).await {
            Ok(response) => return response,
            Err(problem) => Err(problem),
        },
        (&Method::GET, METRICS_PATH) => {
            let mut response = Response::new(Full::new(keeper.metrics().await.into()));
            let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, kind);
            return response;
        }
        (&Method::PUT, path) if path.starts_with(CONTENTS_PATH) => {
            take_content(keeper, &path[CONTENTS_PATH.len()..], request).await
        }
        (method, path) => Err(Problem::Refused(format!(
            "{method} {path} is not known to this agent"
        ))),
    };
    reply(&outcome.unwrap_or_else(Reply::Problem))
}

async fn handle(keeper: &Arc<Keeper>, about: &About, call: Call) -> Result<Reply, Problem> {
    let done = |()| Reply::Done;
    match call {
        Call::Describe => Ok(Reply::Description(Description {
            name: format!("local agent on {}", about.listen),
            weight_granularity: BasisPoints::saturating(1),
            has_watchdog: about.has_watchdog,
            has_telemetry: true,
        })),
        Call::Status => Ok(Reply::Status(Box::new(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listen: about.listen.clone(),
            state_dir: about.state_dir.clone(),
            lease: keeper.lease().await.filter(|lease| lease.expires > now()),
            kept_lease: keeper.lease().await,
            fleet: keeper.observe().await,
        }))),
        Call::Missing { digests } => Ok(Reply::Missing(keeper.missing(digests))),
        Call::Stage {
            token,
            release,
            workload,
            files,
        } => keeper
            .stage(token, *release, *workload, files)
            .await
            .map(done),
        Call::Observe => Ok(Reply::Fleet(keeper.observe().await)),
        Call::Scale {
            token,
            digest,
            instances,
        } => keeper.scale(token, digest, instances).await.map(done),
        Call::Route { token, route } => keeper.route(token, route).await.map(done),
        Call::Telemetry { digest } => Ok(Reply::Telemetry(keeper.telemetry(digest).await)),
        Call::Logs {
            digest,
            limit_lines,
        } => Ok(Reply::Logs(keeper.logs(digest, limit_lines).await)),
        Call::Outputs { digest } => Ok(Reply::Outputs(keeper.outputs(digest).await)),
        Call::Discard { token, digest } => keeper.discard(token, digest).await.map(done),
        Call::Acquire { holder, held, ttl } => {
            keeper.acquire(holder, held, ttl).await.map(Reply::Lease)
        }
        Call::Release { token } => keeper.release(token).await.map(done),
        Call::Shutdown => keeper.shut_down().await.map(done),
    }
}

async fn save_state(
    keeper: &Keeper,
    query: &Query,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let expected = query.number("expected");
    let expected = expected.ok_or_else(|| Problem::Refused("no expected version".to_owned()))?;
    let token = query.number("token").map(Token);
    let bytes = read(request, STATE_MAX_BYTES).await?;
    keeper
        .save_document(token, expected, bytes.to_vec())
        .await
        .map(Reply::Version)
}

/// A piece of what an instance wrote; an answer without a size where there is
/// no such file.
async fn read_output(
    keeper: &Arc<Keeper>,
    query: &Query,
) -> Result<Response<Full<Bytes>>, Problem> {
    let refused = |what: &str| Problem::Refused(format!("no {what} to read output"));
    let digest = query.text("digest").and_then(|hex| hex.parse().ok());
    let digest: Digest = digest.ok_or_else(|| refused("digest"))?;
    let name = query.text("name").ok_or_else(|| refused("name"))?;
    let offset = query.number("offset").ok_or_else(|| refused("offset"))?;
    let limit = query.number("limit").ok_or_else(|| refused("limit"))?;
    let part = keeper
        .read_output(digest, name, offset, limit.min(OUTPUT_MAX_BYTES))
        .await?;
    let Some(part) = part else {
        return Ok(Response::new(Full::default()));
    };
    let mut response = Response::new(Full::new(part.content.into()));
    response
        .headers_mut()
        .insert(SIZE_HEADER, part.size_bytes.into());
    Ok(response)
}

async fn take_content(
    keeper: &Keeper,
    hex: &str,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let refused = |error: &dyn std::fmt::Display| {
        Problem::Refused(format!("the agent cannot keep this content: {error}"))
    };
    let digest: Digest = hex.parse().map_err(|error| refused(&error))?;
    let mut incoming = keeper
        .depot
        .upload(digest)
        .map_err(|error| refused(&error))?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| refused(&error))?;
        if let Some(data) = frame.data_ref() {
            incoming.write(data).map_err(|error| refused(&error))?;
        }
    }
    blocking(move || incoming.finish())
        .await
        .map_err(|error| refused(&error))?;
    Ok(Reply::Done)
}

async fn read(request: Request<Incoming>, max_bytes: usize) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), max_bytes).collect().await;
    let body =
        body.map_err(|error| Problem::Refused(format!("the call cannot be read: {error}")))?;
    Ok(body.to_bytes())
}

fn reply(reply: &Reply) -> Response<Full<Bytes>> {
    let status = match reply {
        Reply::Problem(Problem::Conflict | Problem::Fenced) => StatusCode::CONFLICT,
        Reply::Problem(Problem::Held(_)) => StatusCode::LOCKED,
        Reply::Problem(Problem::Refused(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let bytes = serde_json::to_vec(reply).unwrap_or_default();
    let mut response = Response::new(Full::new(bytes.into()));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

struct Query(String);

impl Query {
    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    fn text(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        Some(pairs.find(|(known, _)| *known == name)?.1)
    }
}

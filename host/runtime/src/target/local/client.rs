//! The run's side of the control socket.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use baepo_core::digest::Digest;
use baepo_core::fleet::{Description, Fleet, Route};
use baepo_core::telemetry::Telemetry;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::protocol::{
    self, CALL_PATH, CONTENTS_PATH, Call, OUTPUT_PATH, Reply, SIZE_HEADER, STATE_PATH, Status,
    VERSION_HEADER,
};
use crate::target::{
    Document, Lease, LogLine, OutputFile, OutputPart, Staging, Target, TargetError, Token,
};

/// Time for one call; the agent only takes note, it does not wait for
/// instances. Contents get as long as they keep moving.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How much of a file is read at once.
const PART_BYTES: usize = 64 << 10;

/// The target of an agent on this machine. A connection per call: nothing is
/// to be renewed when the agent was started anew in between.
#[derive(Debug, Clone)]
pub struct LocalTarget {
    control: PathBuf,
}

impl LocalTarget {
    /// The agent that answers on this control socket. Nothing is asked yet.
    pub fn new(control: impl Into<PathBuf>) -> LocalTarget {
        LocalTarget {
            control: control.into(),
        }
    }

    /// Path of the control socket.
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// What the agent is and what it runs.
    ///
    /// # Errors
    /// `Unreachable` where no agent answers.
    pub async fn status(&self) -> Result<Status, TargetError> {
        match self.call(&Call::Status).await? {
            Reply::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// Wait until the agent answers, as after its start.
    ///
    /// # Errors
    /// `Unreachable` where it does not within `limit`.
    pub async fn wait_until_up(&self, limit: Duration) -> Result<Status, TargetError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            match self.status().await {
                Err(TargetError::Unreachable { .. }) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                other => return other,
            }
        }
    }

    /// Drain and stop all instances, then end the agent; for environments
    /// that a run made for itself. Returns when it is gone.
    ///
    /// # Errors
    /// `Unreachable` where none answers at first, `Refused` where it is still
    /// there after `limit`.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), TargetError> {
        let was_there = self.control.exists();
        let asked = self.call(&Call::Shutdown).await;
        // One that has nothing to wait for can be gone before its answer is sent.
        let limit = match asked {
            Ok(_) => limit,
            Err(error) if !was_there => return Err(error),
            Err(_) => limit.min(Duration::from_secs(1)),
        };
        let deadline = tokio::time::Instant::now() + limit;
        while self.control.exists() {
            if tokio::time::Instant::now() > deadline {
                asked?;
                let seconds = limit.as_secs();
                return Err(TargetError::Refused(format!(
                    "the agent still runs after {seconds} s"
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn call(&self, call: &Call) -> Result<Reply, TargetError> {
        let bytes = serde_json::to_vec(call).map_err(|error| {
            TargetError::Refused(format!("this cannot be said to an agent: {error}"))
        })?;
        let answer = self.send(Method::POST, CALL_PATH.to_owned(), full(bytes));
        let (_, bytes) = self.in_time(answer).await?;
        parse(&bytes)
    }

    async fn order(&self, call: &Call) -> Result<(), TargetError> {
        match self.call(call).await? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = io::Result<T>>,
    ) -> Result<T, TargetError> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let answer = tokio::time::timeout(CALL_LIMIT, answer).await.map_err(late);
        answer
            .and_then(|answer| answer)
            .map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: io::Error) -> TargetError {
        TargetError::Unreachable {
            what: format!("the agent at {}", self.control.display()),
            source,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        body: BoxBody<Bytes, io::Error>,
    ) -> io::Result<(HeaderMap, Bytes)> {
        let stream = UnixStream::connect(&self.control).await?;
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(async move {
            // What goes wrong is told to the call.
            let _ = driver.await;
        });
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(io::Error::other)?;
        let host = http::HeaderValue::from_static("agent");
        request.headers_mut().insert(http::header::HOST, host);
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?
            .into_parts();
        let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((head.headers, bytes))
    }

    /// Hand over one content.
    async fn put(&self, digest: Digest, source: &Path) -> Result<(), TargetError> {
        let unreadable = |error: io::Error| {
            TargetError::Refused(format!("cannot read {}: {error}", source.display()))
        };
        let file = File::open(source).map_err(unreadable)?;
        let left = file.metadata().map_err(unreadable)?.len();
        let body = Content { file, left }.boxed();
        let path = format!("{CONTENTS_PATH}{}", digest.hex());
        let sent = self.send(Method::PUT, path, body).await;
        let (_, bytes) = sent.map_err(|error| self.unreachable(error))?;
        match parse(&bytes)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

#[async_trait]
impl Target for LocalTarget {
    async fn describe(&self) -> Result<Description, TargetError> {
        match self.call(&Call::Describe).await? {
            Reply::Description(description) => Ok(description),
            other => Err(unexpected(&other)),
        }
    }

    async fn stage(&self, token: Token, staging: &Staging) -> Result<(), TargetError> {
        let digests = staging.files.iter().map(|file| file.sha256).collect();
        let missing = match self.call(&Call::Missing { digests }).await? {
            Reply::Missing(missing) => missing,
            other => return Err(unexpected(&other)),
        };
        for digest in missing {
            if let Some(file) = staging.files.iter().find(|file| file.sha256 == digest) {
                self.put(digest, &file.source).await?;
            }
        }
        let files = staging.files.iter().map(|file| protocol::File {
            name: file.name.clone(),
            sha256: file.sha256,
            executable: file.executable,
        });
        self.order(&Call::Stage {
            token,
            release: Box::new(staging.release.clone()),
            workload: Box::new(staging.workload.clone()),
            files: files.collect(),
        })
        .await
    }

    async fn observe(&self) -> Result<Fleet, TargetError> {
        match self.call(&Call::Observe).await? {
            Reply::Fleet(fleet) => Ok(fleet),
            other => Err(unexpected(&other)),
        }
    }

    async fn scale(&self, token: Token, digest: Digest, instances: u32) -> Result<(), TargetError> {
        self.order(&Call::Scale {
            token,
            digest,
            instances,
        })
        .await
    }

    async fn route(&self, token: Token, route: &Route) -> Result<(), TargetError> {
        self.order(&Call::Route {
            token,
            route: route.clone(),
        })
        .await
    }

    async fn telemetry(&self, digest: Digest) -> Result<Option<Telemetry>, TargetError> {
        match self.call(&Call::Telemetry { digest }).await? {
            Reply::Telemetry(telemetry) => Ok(telemetry),
            other => Err(unexpected(&other)),
        }
    }

    async fn logs(&self, digest: Digest, limit_lines: usize) -> Result<Vec<LogLine>, TargetError> {
        match self
            .call(&Call::Logs {
                digest,
                limit_lines,
            })
            .await?
        {
            Reply::Logs(lines) => Ok(lines),
            other => Err(unexpected(&other)),
        }
    }

    async fn outputs(&self, digest: Digest) -> Result<Vec<OutputFile>, TargetError> {
        match self.call(&Call::Outputs { digest }).await? {
            Reply::Outputs(files) => Ok(files),
            other => Err(unexpected(&other)),
        }
    }

    async fn read_output(
        &self,
        digest: Digest,
        name: &str,
        offset: u64,
        limit_bytes: u64,
    ) -> Result<Option<OutputPart>, TargetError> {
        // A name becomes part of an address; no file has one with other letters.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !name.chars().all(is_plain) {
            return Ok(None);
        }
        let path = format!(
            "{OUTPUT_PATH}?digest={}&name={name}&offset={offset}&limit={limit_bytes}",
            digest.hex()
        );
        let (fields, content) = self
            .in_time(self.send(Method::GET, path, full(Vec::new())))
            .await?;
        let size = fields
            .get(SIZE_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        match size {
            Some(size_bytes) => Ok(Some(OutputPart {
                content: content.to_vec(),
                size_bytes,
            })),
            None if content.is_empty() => Ok(None),
            None => Err(unexpected(&parse(&content)?)),
        }
    }

    async fn discard(&self, token: Token, digest: Digest) -> Result<(), TargetError> {
        self.order(&Call::Discard { token, digest }).await
    }

    async fn load_state(&self) -> Result<Document, TargetError> {
        let answer = self.send(Method::GET, STATE_PATH.to_owned(), full(Vec::new()));
        let (fields, bytes) = self.in_time(answer).await?;
        let version = fields
            .get(VERSION_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        match version {
            Some(version) => Ok(Document {
                version,
                bytes: bytes.to_vec(),
            }),
            None => Err(TargetError::Refused(
                "the agent sent a state without a version".to_owned(),
            )),
        }
    }

    async fn save_state(
        &self,
        token: Option<Token>,
        expected: u64,
        bytes: &[u8],
    ) -> Result<u64, TargetError> {
        let token = token
            .map(|Token(token)| format!("&token={token}"))
            .unwrap_or_default();
        let path = format!("{STATE_PATH}?expected={expected}{token}");
        let (_, answer) = self
            .in_time(self.send(Method::PUT, path, full(bytes.to_vec())))
            .await?;
        match parse(&answer)? {
            Reply::Version(version) => Ok(version),
            other => Err(unexpected(&other)),
        }
    }

    async fn acquire(
        &self,
        holder: &str,
        held: Option<Token>,
        ttl: Duration,
    ) -> Result<Lease, TargetError> {
        match self
            .call(&Call::Acquire {
                holder: holder.to_owned(),
                held,
                ttl,
            })
            .await?
        {
            Reply::Lease(lease) => Ok(lease),
            other => Err(unexpected(&other)),
        }
    }

    async fn release(&self, token: Token) -> Result<(), TargetError> {
        self.order(&Call::Release { token }).await
    }
}

fn full(bytes: Vec<u8>) -> BoxBody<Bytes, io::Error> {
    Full::new(Bytes::from(bytes))
        .map_err(|never| match never {})
        .boxed()
}

fn parse(bytes: &[u8]) -> Result<Reply, TargetError> {
    match serde_json::from_slice(bytes) {
        Ok(Reply::Problem(problem)) => Err(problem.into()),
        Ok(reply) => Ok(reply),
        Err(error) => Err(TargetError::Refused(format!(
            "the agent speaks another version: {error}"
        ))),
    }
}

fn unexpected(reply: &Reply) -> TargetError {
    let text: String = format!("{reply:?}").chars().take(40).collect();
    TargetError::Refused(format!(
        "the agent speaks another version: it answered `{text}`"
    ))
}

/// A file on its way to the agent. Read in small parts while it is sent.
#[derive(Debug)]
struct Content {
    file: File,
    left: u64,
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let wanted = usize::try_from(self.left).map_or(PART_BYTES, |left| left.min(PART_BYTES));
        let mut part = vec![0; wanted];
        if let Err(error) = self.file.read_exact(&mut part) {
            return Poll::Ready(Some(Err(error)));
        }
        self.left -= wanted as u64;
        Poll::Ready(Some(Ok(Frame::data(part.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

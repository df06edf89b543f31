//! A server of the control API that the README of the TypeScript target describes,
//! before an agent that knows nothing of it. It is strict where that page is: with
//! tokens, methods, and contents that are not what they were called.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use baepo_core::digest::Digest;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::agent::plugin::PLACE;

/// The secret that the API asks for, and its value.
pub(super) const SECRET: &str = "FLEET_TOKEN";
pub(super) const PASSWORD: &str = "open-sesame-42";

/// How many questions find the API away, once a second release gets traffic.
const AWAY: u32 = 12;

/// Ends with the process of the test.
pub(super) struct Control {
    address: SocketAddr,
    place: Arc<Place>,
}

struct Place {
    /// Contents, each named by its SHA-256.
    contents: TempDir,
    /// The agent's socket.
    agent: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    token: u64,
    /// What was answered well: methods and paths, without names in them.
    calls: BTreeSet<String>,
    away: Option<u32>,
    refused: Vec<String>,
}

/// A status, and JSON or why not.
type Answer = Result<Value, (StatusCode, String)>;

impl Control {
    pub(super) fn start(agent: PathBuf) -> Control {
        let place = Arc::new(Place {
            contents: tempfile::tempdir().unwrap(),
            agent,
            seen: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&place);
        // Tests wait for commands in the way that blocks.
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(serve(listener, shared));
        });
        Control { address, place }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// That each call of the API was answered, none was wrong, and all that was to
    /// be missed of it was.
    #[track_caller]
    pub(super) fn was_asked_for_all(&self) {
        let seen = self.place.seen.lock().unwrap();
        let calls: Vec<&str> = seen.calls.iter().map(String::as_str).collect();
        assert_eq!(
            calls,
            [
                "DELETE /v1/releases/_",
                "GET /v1/fleet",
                "GET /v1/releases/_/logs",
                "GET /v1/releases/_/telemetry",
                "POST /v1/contents/missing",
                "PUT /v1/contents/_",
                "PUT /v1/releases/_",
                "PUT /v1/releases/_/instances",
                "PUT /v1/route",
            ]
        );
        assert_eq!(seen.refused, [""; 0]);
        assert_eq!(seen.away, Some(0));
    }
}

async fn serve(listener: std::net::TcpListener, place: Arc<Place>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let place = Arc::clone(&place);
        tokio::spawn(async move {
            let service = service_fn(|request| place.response(request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // Who asked may be gone.
            drop(connection.await);
        });
    }
}

impl Place {
    async fn response(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let place = format!("{} {path}", parts.method);
        let token = parts.headers.get("baepo-token");
        let token = token.and_then(|token| token.to_str().ok()?.parse().ok());
        let bearer = format!("Bearer {PASSWORD}");
        let is_known = parts
            .headers
            .get(AUTHORIZATION)
            .map(|value| value.as_bytes());
        let is_known = is_known == Some(bearer.as_bytes());
        let body = body.collect().await?.to_bytes();
        let query = parts.uri.query().unwrap_or_default();
        let answer = match self.admit(&parts.method, token, is_known) {
            Ok(()) => self.answer(&parts.method, &path, query, &body).await,
            Err(refused) => Err(refused),
        };
        let (status, body) = match answer {
            Ok(Value::Null) => (StatusCode::NO_CONTENT, String::new()),
            Ok(body) => (StatusCode::OK, body.to_string()),
            Err((status, why)) => (status, why),
        };
        let mut seen = self.seen.lock().unwrap();
        if status.is_success() {
            let names = |part: &str| match part.len() >= 64 {
                true => "_".to_owned(),
                false => part.to_owned(),
            };
            let names: Vec<String> = place.split('/').map(names).collect();
            seen.calls.insert(names.join("/"));
        } else if ![StatusCode::SERVICE_UNAVAILABLE, StatusCode::NOT_FOUND].contains(&status) {
            seen.refused.push(format!("{place}: {status} {body}"));
        }
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        Ok(response)
    }

    /// Who may ask, and whether anybody is there.
    fn admit(
        &self,
        method: &Method,
        token: Option<u64>,
        is_known: bool,
    ) -> Result<(), (StatusCode, String)> {
        let mut seen = self.seen.lock().unwrap();
        if let Some(away) = seen.away.as_mut().filter(|away| **away > 0) {
            *away -= 1;
            return Err((StatusCode::SERVICE_UNAVAILABLE, "away".to_owned()));
        }
        if !is_known {
            return Err((StatusCode::UNAUTHORIZED, "who is it?".to_owned()));
        }
        let changes = [Method::PUT, Method::DELETE].contains(method);
        match token {
            None if changes => Err((StatusCode::BAD_REQUEST, "no token".to_owned())),
            Some(old) if old < seen.token => {
                Err((StatusCode::PRECONDITION_FAILED, "an older one".to_owned()))
            }
            token => {
                seen.token = token.unwrap_or(seen.token);
                Ok(())
            }
        }
    }

    async fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Answer {
        let said = || -> Answer {
            let wrong = |error| (StatusCode::BAD_REQUEST, format!("{error}"));
            serde_json::from_slice(body).map_err(wrong)
        };
        let path: Vec<&str> = path.split('/').skip(1).collect();
        match (method.as_str(), &path[..]) {
            ("POST", ["v1", "contents", "missing"]) => {
                let mut missing = said()?["sha256"].take();
                let missing = missing.as_array_mut().ok_or(unfit("no list"))?;
                missing.retain(|name| !self.content(name.as_str().unwrap_or_default()).is_file());
                Ok(json!({ "missing": missing }))
            }
            ("PUT", ["v1", "contents", name]) => {
                let found = Digest::from_bytes(Sha256::digest(body).into()).hex();
                if found != *name {
                    return Err(unfit(&format!("it is {found}")));
                }
                std::fs::write(self.content(name), body).unwrap();
                Ok(Value::Null)
            }
            ("PUT", ["v1", "releases", digest]) => {
                let said = said()?;
                let mut manifest = said["manifest"].clone();
                for file in manifest["files"].as_array_mut().into_iter().flatten() {
                    let content = self.content(file["sha256"].as_str().unwrap_or_default());
                    file["path"] = content.display().to_string().into();
                }
                let revision = json!({
                    "commit": said["commit"], "ref-name": "", "summary": "", "committed-at-ms": 0,
                });
                let release = json!({ "digest": digest, "revision": revision });
                let question = json!({ "release": release, "manifest": manifest });
                self.place("stage", question).await
            }
            ("PUT", ["v1", "releases", digest, "instances"]) => {
                let instances = said()?["instances"].take();
                let question = json!({ "digest": digest, "instances": instances });
                self.place("scale", question).await
            }
            ("PUT", ["v1", "route"]) => {
                let shares = said()?["route"].take();
                let is_shared = shares.as_array().is_some_and(|shares| shares.len() == 2);
                let done = self.place("route", json!({ "shares": shares })).await;
                if is_shared {
                    self.seen.lock().unwrap().away.get_or_insert(AWAY);
                }
                done
            }
            ("DELETE", ["v1", "releases", digest]) => {
                self.place("discard", json!({ "digest": digest })).await
            }
            ("GET", ["v1", "fleet"]) => self.place("observe", json!({})).await,
            ("GET", ["v1", "releases", digest, "telemetry"]) => {
                let mut told = self.place("telemetry", json!({ "digest": digest })).await?;
                let Some(mut latency) = told.get_mut("latency").map(Value::take) else {
                    return Err((StatusCode::NOT_FOUND, String::new()));
                };
                for key in ["bounds-us", "counts"] {
                    told[key] = latency[key].take();
                }
                Ok(told)
            }
            ("GET", ["v1", "releases", digest, "logs"]) => {
                let limit = query.strip_prefix("limit=").and_then(|n| n.parse().ok());
                let limit: u32 = limit.ok_or(unfit("no limit"))?;
                let question = json!({ "digest": digest, "limit-lines": limit });
                self.place("logs", question).await
            }
            _ => Err((StatusCode::METHOD_NOT_ALLOWED, String::new())),
        }
    }

    fn content(&self, name: &str) -> PathBuf {
        // A manifest says `sha256:` before it.
        let name = name.strip_prefix("sha256:").unwrap_or(name);
        self.contents.path().join(name.replace('/', "_"))
    }

    /// One call of the programs that drive the agent.
    async fn place(&self, call: &str, mut question: Value) -> Answer {
        question["call"] = call.into();
        let mut program = tokio::process::Command::new(PLACE)
            .env("PLACE_CONTROL", &self.agent)
            .env("PLACE_COMMAND", "shop")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        input
            .write_all(question.to_string().as_bytes())
            .await
            .unwrap();
        drop(input);
        let output = program.wait_with_output().await.unwrap();
        match output.status.success() {
            true if output.stdout.is_empty() => Ok(Value::Null),
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(unfit(&String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn unfit(why: &str) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, why.to_owned())
}

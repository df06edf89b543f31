//! GitHub as far as baepo asks it: keeps what it is given, and holds to rules
//! that are not in the description of the API.
//!
//! What it knows beside the paths: 65,536 characters in a comment, 140 in a
//! description, 50 annotations at a time that add up, a conclusion for what is
//! completed, pages with `Link`, 202 and 409 for deployments, earlier
//! deployments that become inactive by themselves (but not those of
//! production), one reaction of a kind by each, tokens that may only read,
//! authors, and trouble on request.

mod answer;
mod commands;
mod feedback;
mod routes;
mod shapes;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use answer::Answer;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// Who a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) id: u64,
    pub(crate) login: &'static str,
    pub(crate) is_bot: bool,
}

/// The token of a job.
pub(crate) const JOB: (&str, Actor) = (
    "ghs_of-the-job-0123456789",
    Actor {
        id: 41_898_282,
        login: "github-actions[bot]",
        is_bot: true,
    },
);
/// The token of a person.
pub(crate) const PERSON: (&str, Actor) = (
    "ghp_of-a-person-0123456789",
    Actor {
        id: 7,
        login: "baker",
        is_bot: false,
    },
);
/// Another bot, for which there is no token here.
pub(crate) const OTHER_BOT: Actor = Actor {
    id: 99,
    login: "else[bot]",
    is_bot: true,
};

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: Actor,
    pub(crate) body: String,
}

#[derive(Debug, Clone)]
pub(crate) struct CheckRun {
    pub(crate) id: u64,
    /// As it was last changed.
    pub(crate) fields: Value,
    /// How many annotations each request brought.
    pub(crate) batches: Vec<usize>,
    pub(crate) annotations: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) environment: String,
    pub(crate) payload: Value,
    pub(crate) is_transient: bool,
    pub(crate) is_production: bool,
    /// The newest last.
    pub(crate) statuses: Vec<Value>,
}

impl Deployment {
    pub(crate) fn state(&self) -> &str {
        let newest = self.statuses.last();
        newest
            .and_then(|status| status["state"].as_str())
            .unwrap_or("none")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    /// Commits that are found to belong to it.
    pub(crate) commits: Vec<String>,
    pub(crate) head: String,
    pub(crate) merge_commit: Option<String>,
    pub(crate) is_merged: bool,
    /// Its branch is in another repository.
    pub(crate) is_of_fork: bool,
}

/// A reaction at a comment.
#[derive(Debug, Clone)]
pub(crate) struct Reaction {
    pub(crate) id: u64,
    pub(crate) comment: u64,
    pub(crate) content: String,
    pub(crate) actor: Actor,
}

/// An issue that mentions a pull request.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) mentions: u64,
    pub(crate) title: String,
    pub(crate) label: &'static str,
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// This answer; whether what was asked for is done all the same.
    Says {
        status: u16,
        headers: Vec<(&'static str, String)>,
        message: &'static str,
        is_done: bool,
    },
    /// The connection is cut.
    Cut { is_done: bool },
}

impl Trouble {
    pub(crate) fn status(status: u16, is_done: bool) -> Trouble {
        Trouble::Says {
            status,
            headers: Vec::new(),
            message: "trouble",
            is_done,
        }
    }

    pub(crate) fn limited(status: u16, headers: &[(&'static str, &str)]) -> Trouble {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Trouble::Says {
            status,
            headers: headers.collect(),
            message: "You have exceeded a secondary rate limit.",
            is_done: false,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) comments: Vec<Comment>,
    pub(crate) checks: Vec<CheckRun>,
    pub(crate) statuses: Vec<(String, Value)>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) issues: Vec<Issue>,
    /// Every reaction that there was, in order.
    pub(crate) reacted: Vec<String>,
    /// What people may do with the repository, by their names.
    pub(crate) permissions: BTreeMap<String, &'static str>,
    /// Teams and who is in them, which a token of a job may not read.
    pub(crate) members: Vec<(String, String)>,
    pub(crate) tells_members: bool,
    /// Runs whose failed jobs were started again.
    pub(crate) run_again: Vec<String>,
    /// Every text that a comment had.
    pub(crate) pages: Vec<String>,
    /// `POST /repos/acme/shop/issues/1/comments`, in order.
    pub(crate) requests: Vec<String>,
    /// For requests whose line begins like this, so many times.
    pub(crate) troubles: Vec<(&'static str, Trouble, u32)>,
    /// Nobody may write.
    pub(crate) is_read_only: bool,
    /// GraphQL does not say who asks.
    pub(crate) hides_viewer: bool,
    /// The next comment that is made finds this one made just before it.
    pub(crate) race: Option<Comment>,
    next_id: u64,
}

impl State {
    /// Nothing has happened yet, but for the texts that comments had.
    pub(crate) fn forget(&mut self) {
        let pages = std::mem::take(&mut self.pages);
        *self = State {
            pages,
            ..State::default()
        };
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        1_000 + self.next_id
    }

    /// A comment by somebody.
    pub(crate) fn say(&mut self, issue: u64, author: Actor, body: &str) -> u64 {
        let id = self.id();
        self.comments.push(Comment {
            id,
            issue,
            author,
            body: body.to_owned(),
        });
        id
    }

    /// How many requests began like this.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        let matching = self
            .requests
            .iter()
            .filter(|line| line.starts_with(beginning));
        matching.count()
    }

    /// The first trouble that is meant for a request, if there is one left.
    fn trouble(&mut self, line: &str) -> Option<Trouble> {
        let found = self
            .troubles
            .iter_mut()
            .find(|(beginning, _, times)| *times > 0 && line.starts_with(beginning))?;
        found.2 -= 1;
        Some(found.1.clone())
    }
}

/// GitHub on a port of this machine.
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// Start it; it ends with the runtime.
    pub(crate) async fn start() -> Fake {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(request, &state));
                    // A connection that is cut on purpose ends with an error.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Fake { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it knows.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The connection is to be cut.
#[derive(Debug)]
struct CutOff;

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut off on purpose")
    }
}

impl std::error::Error for CutOff {}

async fn serve(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, CutOff> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let asked = routes::Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        actor: actor(&parts.headers),
    };
    let mut state = state.lock().unwrap();
    let line = format!("{} {}", asked.method, asked.path);
    state.requests.push(line.clone());
    let answer = match state.trouble(&line) {
        None => routes::answer(&mut state, &asked),
        Some(Trouble::Cut { is_done }) => {
            if is_done {
                routes::answer(&mut state, &asked);
            }
            return Err(CutOff);
        }
        Some(Trouble::Says {
            status,
            headers,
            message,
            is_done,
        }) => {
            if is_done {
                routes::answer(&mut state, &asked);
            }
            let answer = Answer::error(status, message);
            headers
                .into_iter()
                .fold(answer, |answer, (name, value)| answer.with(name, &value))
        }
    };
    let built: Result<_, Infallible> = Ok(answer.response());
    built.map_err(|never| match never {})
}

fn actor(headers: &hyper::HeaderMap) -> Option<Actor> {
    let header = headers.get("authorization")?.to_str().ok()?;
    let token = header.strip_prefix("Bearer ")?;
    let known = [JOB, PERSON];
    let found = known.iter().find(|(known, _)| *known == token);
    found.map(|(_, actor)| *actor)
}

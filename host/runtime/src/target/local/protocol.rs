//! What is said over the control socket: HTTP/1.1 with JSON, version 1.
//!
//! | request | gives |
//! |---|---|
//! | `POST /v1/call` with a [`Call`] | a [`Reply`] |
//! | `PUT /v1/contents/HEX` with the content of this SHA-256 | a [`Reply`] |
//! | `PUT /v1/state?expected=N&token=N` with the document | a [`Reply`] |
//! | `GET /v1/state` | the document, its version in [`VERSION_HEADER`] |
//! | `GET /v1/output?digest=HEX&name=FILE&offset=N&limit=N` | a piece of what an instance wrote, the file's size in [`SIZE_HEADER`] |
//! | `GET /metrics` | a page for Prometheus |
//!
//! Contents need no token: they are inert until a release names them. A
//! breaking change takes another path.

use std::path::PathBuf;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::{Description, Fleet, Route};
use baepo_core::lease::{Lease, Refusal, Token};
use baepo_core::release::Release;
use baepo_core::telemetry::Telemetry;
use serde::{Deserialize, Serialize};

use crate::router::Listen;
use crate::target::{LogLine, OutputFile, TargetError, Workload};

/// Where calls go.
pub(super) const CALL_PATH: &str = "/v1/call";
/// Where the state document is.
pub(super) const STATE_PATH: &str = "/v1/state";
/// Under which contents are put.
pub(super) const CONTENTS_PATH: &str = "/v1/contents/";
/// Where the output of instances is read.
pub(super) const OUTPUT_PATH: &str = "/v1/output";
/// The size of the file that a piece is of; absent where there is no file.
pub(super) const SIZE_HEADER: &str = "x-baepo-size";
/// The largest piece of it.
pub(super) const OUTPUT_MAX_BYTES: u64 = 1 << 20;
/// Where Prometheus scrapes.
pub(super) const METRICS_PATH: &str = "/metrics";
/// The version of the state document.
pub(super) const VERSION_HEADER: &str = "x-baepo-version";
/// The largest call.
pub(super) const CALL_MAX_BYTES: usize = 4 << 20;

/// A question or an order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub(super) enum Call {
    Describe,
    Status,
    Missing {
        digests: Vec<Digest>,
    },
    Stage {
        token: Token,
        release: Box<Release>,
        workload: Box<Workload>,
        files: Vec<File>,
    },
    Observe,
    Scale {
        token: Token,
        digest: Digest,
        instances: u32,
    },
    Route {
        token: Token,
        route: Route,
    },
    Telemetry {
        digest: Digest,
    },
    Logs {
        digest: Digest,
        limit_lines: usize,
    },
    Outputs {
        digest: Digest,
    },
    Discard {
        token: Token,
        digest: Digest,
    },
    Acquire {
        holder: String,
        held: Option<Token>,
        ttl: Duration,
    },
    Release {
        token: Token,
    },
    Shutdown,
}

/// One file of a release; its content is known by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) name: String,
    pub(super) sha256: Digest,
    pub(super) executable: bool,
}

/// What the agent is, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Process id of the agent.
    pub pid: u32,
    /// Where clients connect.
    pub listen: Listen,
    /// Where it remembers.
    pub state_dir: PathBuf,
    /// The lease in force.
    pub lease: Option<Lease>,
    /// The newest lease that was not given back, in force or run out.
    #[serde(default)]
    pub kept_lease: Option<Lease>,
    /// What it runs.
    pub fleet: Fleet,
}

/// What came of a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    Done,
    Description(Description),
    Status(Box<Status>),
    Missing(Vec<Digest>),
    Fleet(Fleet),
    Telemetry(Option<Telemetry>),
    Logs(Vec<LogLine>),
    Outputs(Vec<OutputFile>),
    Lease(Lease),
    Version(u64),
    Problem(Problem),
}

/// The errors of the contract that the agent itself can give.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Problem {
    Fenced,
    Conflict,
    Held(Lease),
    Refused(String),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Fenced => Problem::Fenced,
            Refusal::Held(lease) => Problem::Held(lease),
            Refusal::Unknown(_) => Problem::Refused(refusal.to_string()),
        }
    }
}

impl From<Problem> for TargetError {
    fn from(problem: Problem) -> TargetError {
        match problem {
            Problem::Fenced => TargetError::Fenced,
            Problem::Conflict => TargetError::Conflict,
            Problem::Held(lease) => TargetError::Held(lease),
            Problem::Refused(reason) => TargetError::Refused(reason),
        }
    }
}

//! Where instances live. Instances belong to a release digest; roles are the
//! core's mapping.

pub mod local;
pub mod plugin;

use std::time::Duration;

use async_trait::async_trait;
use baepo_core::digest::Digest;
use baepo_core::fleet::{Description, Fleet, Route};
use baepo_core::lease::{Lease, Refusal, Token};
use baepo_core::release::Release;
use baepo_core::telemetry::Telemetry;
use baepo_core::time::Time;
use serde::{Deserialize, Serialize};

/// The largest state document.
pub const STATE_MAX_BYTES: usize = 256 << 10;

/// The state document and its version; version 0 and no bytes at first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Document {
    /// Grows with each save.
    pub version: u64,
    /// The content, at most 256 KiB.
    pub bytes: Vec<u8>,
}

/// How the instances of a release are run: what `stage` hands over beside the
/// release itself. Empty where a plugin runs them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workload {
    /// Program and arguments. A first word that names an artifact or a config
    /// file of the release is that file, any other is looked up in `PATH`.
    /// `{port}` in a word is the port of the instance.
    pub command: Vec<String>,
    /// Variables of every instance, sorted by name; `PORT` is added by the target.
    pub env: Vec<(String, String)>,
    /// Values of secret variables. Kept by the target in a file of mode 0600,
    /// never in release, journal, report or log.
    pub secret_env: Vec<(String, String)>,
    /// Path that answers 2xx when an instance is healthy.
    pub health_path: String,
    /// How often health is asked.
    pub health_interval: Duration,
    /// How long one health answer may take.
    pub health_timeout: Duration,
    /// How long requests may take to finish when an instance leaves rotation.
    pub drain_deadline: Duration,
    /// How long an instance has after SIGTERM before SIGKILL.
    pub stop_deadline: Duration,
}

/// Everything that a target needs of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Staging {
    /// The release.
    pub release: Release,
    /// How its instances are run.
    pub workload: Workload,
    /// Files of the release: artifacts and rendered config files.
    pub files: Vec<StagedFile>,
    /// What its digest covers, as JSON, for places that are no machine of ours.
    pub manifest: String,
}

/// One file of a release and where its content is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StagedFile {
    /// Name inside the release.
    pub name: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Whether it may be run.
    pub executable: bool,
    /// Where to read it.
    pub source: std::path::PathBuf,
}

/// One line of an instance's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogLine {
    /// When it was read.
    pub at: Time,
    /// Which instance wrote it.
    pub instance: String,
    /// The text, without its line end.
    pub text: String,
}

/// One file that an instance writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputFile {
    /// `INSTANCE.log`, or `INSTANCE.log.1` for what was set aside.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A piece of such a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputPart {
    /// The bytes, asterisks in place of the release's secrets.
    pub content: Vec<u8>,
    /// Size of the whole file, in bytes.
    pub size_bytes: u64,
}

/// Why a call to a target did nothing.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The token is older than one seen before: another run acts.
    #[error("another run has taken over this environment")]
    Fenced,
    /// The document was saved by somebody else in between.
    #[error("the state was saved by somebody else in between")]
    Conflict,
    /// Somebody else holds the lease.
    #[error("locked by {} until {}", .0.holder, .0.expires.clock())]
    Held(Lease),
    /// Nobody answers; worth another try within the deadline.
    #[error("{what} is not reachable")]
    Unreachable {
        /// What did not answer.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It answers and says no; another try will not help.
    #[error("{0}")]
    Refused(String),
}

impl From<Refusal> for TargetError {
    fn from(refusal: Refusal) -> TargetError {
        match refusal {
            Refusal::Fenced => TargetError::Fenced,
            Refusal::Held(lease) => TargetError::Held(lease),
            Refusal::Unknown(_) => TargetError::Refused(refusal.to_string()),
        }
    }
}

/// A place where instances live. All calls may be repeated without harm; those
/// that change something return at once, and what came of them is seen by
/// `observe`.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it can do.
    async fn describe(&self) -> Result<Description, TargetError>;
    /// Make a release ready to be scaled.
    async fn stage(&self, token: Token, staging: &Staging) -> Result<(), TargetError>;
    /// What is there now.
    async fn observe(&self) -> Result<Fleet, TargetError>;
    /// Ask for so many instances of a release. Surplus ones leave rotation,
    /// drain, and stop.
    async fn scale(&self, token: Token, digest: Digest, instances: u32) -> Result<(), TargetError>;
    /// Split traffic.
    async fn route(&self, token: Token, route: &Route) -> Result<(), TargetError>;
    /// Counters of one release since it was staged.
    async fn telemetry(&self, digest: Digest) -> Result<Option<Telemetry>, TargetError>;
    /// Newest output of one release's instances, oldest first.
    async fn logs(&self, digest: Digest, limit_lines: usize) -> Result<Vec<LogLine>, TargetError>;
    /// The files that one release's instances write, sorted by name.
    async fn outputs(&self, digest: Digest) -> Result<Vec<OutputFile>, TargetError>;
    /// A piece of one of these files from `offset` on, at most `limit_bytes`
    /// and 1 MiB long; `None` where there is no such file.
    async fn read_output(
        &self,
        digest: Digest,
        name: &str,
        offset: u64,
        limit_bytes: u64,
    ) -> Result<Option<OutputPart>, TargetError>;
    /// Forget a release that has no instances.
    async fn discard(&self, token: Token, digest: Digest) -> Result<(), TargetError>;
    /// The state document of this app and environment.
    async fn load_state(&self) -> Result<Document, TargetError>;
    /// Replace the document if its version is still `expected`; the new version.
    /// `token` is absent for human signals, which need no lease.
    async fn save_state(
        &self,
        token: Option<Token>,
        expected: u64,
        bytes: &[u8],
    ) -> Result<u64, TargetError>;
    /// Take the lease if it is free, expired, or `held` by us; a new holder
    /// gets a larger token.
    async fn acquire(
        &self,
        holder: &str,
        held: Option<Token>,
        ttl: Duration,
    ) -> Result<Lease, TargetError>;
    /// Give the lease back.
    async fn release(&self, token: Token) -> Result<(), TargetError>;
}

//! The target `plugin`: any component that exports the hook.
//!
//! A plugin keeps a document, compares tokens and does what it is told. The rest
//! of what a target promises is done here: the lease and the newest token are in
//! the document ([`Envelope`]), contents are verified before they are handed
//! over, and what a plugin tells of its instances' output becomes files.
//!
//! - [`PluginTarget`]: a plugin as a [`Target`].

mod contents;
mod envelope;
mod output;

use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use baepo_core::digest::Digest;
use baepo_core::fleet::{Description, Fleet, Route};
use baepo_core::hook::HookError;
use baepo_core::telemetry::Telemetry;
use tokio::sync::Mutex;

use contents::ContentError;
use envelope::{Envelope, Term};
use output::Outputs;

use super::{
    Document, Lease, LogLine, OutputFile, OutputPart, StagedFile, Staging, Target, TargetError,
    Token,
};
use crate::capability::{Denial, advice};
use crate::chain;
use crate::clock::now;
use crate::plugin::{
    CallContext, CallError, Hook, Plugin, TargetAnswer, TargetCall, TargetRefusal,
};
use crate::release::SecretKey;

/// How often a save is tried again where somebody else saved in between.
const TRIES: u32 = 20;
/// How long the first of these waits, and the second twice as long, up to ten
/// times.
const PAUSE: Duration = Duration::from_millis(20);
/// How many lines of a release a plugin is asked for.
const LINES: u32 = 1_000;

/// A plugin as a target.
pub struct PluginTarget {
    plugin: Plugin,
    config: String,
    context: CallContext,
    /// The lease as it was seen last, and since when it is like that.
    seen: Mutex<Option<(Term, Instant)>>,
    outputs: Mutex<Outputs>,
}

impl PluginTarget {
    /// The plugin with its `with:` block as JSON. `context` surrounds all of its
    /// calls; a target goes on when a run is cancelled, for the way back is made
    /// by it.
    pub fn new(plugin: Plugin, config: String, context: CallContext) -> PluginTarget {
        PluginTarget {
            plugin,
            config,
            context,
            seen: Mutex::default(),
            outputs: Mutex::default(),
        }
    }

    /// The key by which secrets take part in the digests of releases here. It is
    /// with the place, for runs come from ever new machines. Where there is none
    /// yet, `new` is kept.
    ///
    /// # Errors
    /// The plugin cannot load or save its document.
    pub async fn secret_key(
        &self,
        new: Option<&SecretKey>,
    ) -> Result<Option<SecretKey>, TargetError> {
        self.change(|envelope, _| Ok(envelope.secret_key(new)))
            .await
    }

    async fn call(&self, call: TargetCall<'_>) -> Result<TargetAnswer, TargetError> {
        let called = self.plugin.target(&self.context, &self.config, call);
        let outcome = called.await;
        match outcome.result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(TargetRefusal::Fenced)) => Err(TargetError::Fenced),
            Ok(Err(TargetRefusal::Conflict)) => Err(TargetError::Conflict),
            Err(error) => Err(self.failed(&error, &outcome.denials)),
        }
    }

    /// A call that answers nothing.
    async fn order(&self, call: TargetCall<'_>) -> Result<(), TargetError> {
        match self.call(call).await? {
            TargetAnswer::Done => Ok(()),
            other => Err(self.beside(&other)),
        }
    }

    /// Why a call came to nothing, and whether another try may help.
    fn failed(&self, error: &CallError, denials: &[Denial]) -> TargetError {
        let what = format!("the target `{}`", self.plugin.name());
        if let CallError::Plugin(HookError::Unavailable(_))
        | CallError::WallTimeout { .. }
        | CallError::HostBusy = error
        {
            let source = std::io::Error::other(chain(error));
            return TargetError::Unreachable { what, source };
        }
        let next = match (denials, error.help()) {
            ([], "") => String::new(),
            ([], help) => format!("; {help}"),
            (denials, _) => advice(denials, self.plugin.permit()),
        };
        TargetError::Refused(format!("{what}: {}{next}", chain(error)))
    }

    /// The answer to another question: a mistake of ours.
    fn beside(&self, answer: &TargetAnswer) -> TargetError {
        let name = self.plugin.name();
        TargetError::Refused(format!("the target `{name}` answered beside: {answer:?}"))
    }

    async fn open(&self) -> Result<(u64, Envelope), TargetError> {
        let document = match self.call(TargetCall::LoadState).await? {
            TargetAnswer::State(document) => document,
            other => return Err(self.beside(&other)),
        };
        let envelope = Envelope::read(&document.bytes).map_err(|error| {
            let name = self.plugin.name();
            TargetError::Refused(format!("the target `{name}`: {error}"))
        })?;
        Ok((document.version, envelope))
    }

    /// Change the envelope and have it saved; again from the newest one where
    /// somebody else was faster.
    async fn change<T>(
        &self,
        change: impl Fn(&mut Envelope, Duration) -> Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        for attempt in 1..=TRIES {
            let (version, before) = self.open().await?;
            let unchanged = self.watched(&before).await;
            let mut envelope = before.clone();
            let done = change(&mut envelope, unchanged)?;
            if envelope == before {
                return Ok(done);
            }
            let bytes = envelope.write().map_err(|error| {
                TargetError::Refused(format!("the state cannot be encoded: {error}"))
            })?;
            match self.call(TargetCall::SaveState(version, &bytes)).await {
                Ok(TargetAnswer::Saved(_)) => return Ok(done),
                Ok(other) => return Err(self.beside(&other)),
                Err(TargetError::Conflict) => tokio::time::sleep(PAUSE * attempt.min(10)).await,
                Err(error) => return Err(error),
            }
        }
        let what = format!("the document of the target `{}`", self.plugin.name());
        let source = std::io::Error::other("it was saved by somebody else each time");
        Err(TargetError::Unreachable { what, source })
    }

    /// For how long the lease has been seen as it is.
    async fn watched(&self, envelope: &Envelope) -> Duration {
        let mut seen = self.seen.lock().await;
        match (&*seen, envelope.term()) {
            (Some((known, since)), Some(term)) if known == term => since.elapsed(),
            (_, term) => {
                *seen = term.map(|term| (term.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// Whether a call with this token may change anything. A plugin looks as
    /// well, nearer to what it changes.
    async fn guard(&self, token: Token) -> Result<(), TargetError> {
        let (_, envelope) = self.open().await?;
        envelope.guard(token)
    }

    /// That all files are what the release says; of those that the plugin lacks
    /// the contents are handed over.
    async fn hand_over(&self, token: Token, files: &[StagedFile]) -> Result<(), TargetError> {
        let mut digests: Vec<Digest> = files.iter().map(|file| file.sha256).collect();
        digests.sort();
        digests.dedup();
        let missing = match self.call(TargetCall::Missing(&digests)).await? {
            TargetAnswer::Missing(missing) => missing,
            other => return Err(self.beside(&other)),
        };
        let limit_bytes = self.plugin.limits(Hook::Target).memory_bytes;
        for digest in digests {
            let Some(file) = files.iter().find(|file| file.sha256 == digest).cloned() else {
                continue;
            };
            if !missing.contains(&digest) {
                read(move || contents::verify(&file)).await?;
                continue;
            }
            let content = read(move || contents::content(&file, limit_bytes)).await?;
            self.order(TargetCall::Upload(token, digest, &content))
                .await?;
        }
        Ok(())
    }

    /// Take the newest lines of a release.
    async fn refresh(&self, digest: Digest) -> Result<(), TargetError> {
        let lines = self.lines(digest, LINES).await?;
        self.outputs.lock().await.take(digest, lines);
        Ok(())
    }

    /// What the plugin tells of a release's output, without secrets.
    async fn lines(&self, digest: Digest, limit: u32) -> Result<Vec<LogLine>, TargetError> {
        let mut lines = match self.call(TargetCall::Logs(digest, limit)).await? {
            TargetAnswer::Logs(lines) => lines,
            other => return Err(self.beside(&other)),
        };
        let redactor = self.context.outside.secrets.redactor();
        for line in &mut lines {
            line.text = redactor.text(std::mem::take(&mut line.text));
        }
        Ok(lines)
    }

    fn checkout(&self) -> Option<&Path> {
        self.context.checkout.as_deref()
    }
}

/// Reads a file of a release, off the threads that serve.
async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ContentError> + Send + 'static,
) -> Result<T, TargetError> {
    let read = crate::blocking(work).await;
    read.map_err(|error| TargetError::Refused(chain(&error)))
}

#[async_trait]
impl Target for PluginTarget {
    async fn describe(&self) -> Result<Description, TargetError> {
        match self.call(TargetCall::Describe).await? {
            TargetAnswer::Description(description) => Ok(description),
            other => Err(self.beside(&other)),
        }
    }

    async fn stage(&self, token: Token, staging: &Staging) -> Result<(), TargetError> {
        self.guard(token).await?;
        self.hand_over(token, &staging.files).await?;
        let manifest = contents::manifest(staging, self.checkout());
        let call = TargetCall::Stage(token, &staging.release, &manifest);
        self.order(call).await
    }

    async fn observe(&self) -> Result<Fleet, TargetError> {
        match self.call(TargetCall::Observe).await? {
            TargetAnswer::Fleet(fleet) => Ok(fleet),
            other => Err(self.beside(&other)),
        }
    }

    async fn scale(&self, token: Token, digest: Digest, instances: u32) -> Result<(), TargetError> {
        self.guard(token).await?;
        self.order(TargetCall::Scale(token, digest, instances))
            .await
    }

    async fn route(&self, token: Token, route: &Route) -> Result<(), TargetError> {
        self.guard(token).await?;
        if !route.is_valid() {
            let text = "the shares do not sum to 10000 basis points";
            return Err(TargetError::Refused(text.into()));
        }
        self.order(TargetCall::Route(token, route)).await
    }

    async fn telemetry(&self, digest: Digest) -> Result<Option<Telemetry>, TargetError> {
        match self.call(TargetCall::Telemetry(digest)).await? {
            TargetAnswer::Telemetry(telemetry) => Ok(telemetry),
            other => Err(self.beside(&other)),
        }
    }

    async fn logs(&self, digest: Digest, limit_lines: usize) -> Result<Vec<LogLine>, TargetError> {
        let limit = u32::try_from(limit_lines).unwrap_or(u32::MAX);
        let mut lines = self.lines(digest, limit).await?;
        lines.drain(..lines.len().saturating_sub(limit_lines));
        Ok(lines)
    }

    async fn outputs(&self, digest: Digest) -> Result<Vec<OutputFile>, TargetError> {
        self.refresh(digest).await?;
        Ok(self.outputs.lock().await.list(digest))
    }

    async fn read_output(
        &self,
        digest: Digest,
        name: &str,
        offset: u64,
        limit_bytes: u64,
    ) -> Result<Option<OutputPart>, TargetError> {
        if !self.outputs.lock().await.knows(digest) {
            self.refresh(digest).await?;
        }
        let outputs = self.outputs.lock().await;
        Ok(outputs.part(digest, name, offset, limit_bytes))
    }

    async fn discard(&self, token: Token, digest: Digest) -> Result<(), TargetError> {
        self.guard(token).await?;
        let fleet = self.observe().await?;
        let left = fleet.of(digest);
        let is_routed = fleet.route.shares().iter().any(|s| s.digest == digest);
        if is_routed || left.ready + left.starting + left.draining > 0 {
            let text = format!("release {} still has instances or traffic", digest.short());
            return Err(TargetError::Refused(text));
        }
        self.order(TargetCall::Discard(token, digest)).await?;
        self.outputs.lock().await.forget(digest);
        Ok(())
    }

    async fn load_state(&self) -> Result<Document, TargetError> {
        let (_, envelope) = self.open().await?;
        self.watched(&envelope).await;
        Ok(envelope.state())
    }

    async fn save_state(
        &self,
        token: Option<Token>,
        expected: u64,
        bytes: &[u8],
    ) -> Result<u64, TargetError> {
        let save = |envelope: &mut Envelope, _| envelope.replace(token, expected, bytes);
        self.change(save).await
    }

    async fn acquire(
        &self,
        holder: &str,
        held: Option<Token>,
        ttl: Duration,
    ) -> Result<Lease, TargetError> {
        let acquire = |envelope: &mut Envelope, unchanged: Duration| {
            envelope.acquire(holder, held, ttl, now(), unchanged)
        };
        self.change(acquire).await
    }

    async fn release(&self, token: Token) -> Result<(), TargetError> {
        self.change(|envelope, _| envelope.release(token)).await
    }
}

impl std::fmt::Debug for PluginTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginTarget")
            .field("plugin", &self.plugin.name())
            .finish_non_exhaustive()
    }
}

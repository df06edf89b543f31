//! The hook `target`: each function of the interface as a call of its own, in
//! the words of the core. Who keeps tokens and leases is the caller.

use baepo_core::digest::Digest;
use baepo_core::fleet::{Description, Fleet, Instances, Route, Share};
use baepo_core::lease::Token;
use baepo_core::release::Release;
use baepo_core::telemetry::{Histogram, Telemetry};
use baepo_core::time::Time;
use baepo_core::weight::BasisPoints;
use serde::Serialize;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::exports::baepo::hooks::target as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::{from_hook_error, to_release};
use crate::target::{Document, LogLine};

/// The target does not do what is asked, although it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// The token is older than one seen before.
    #[error("another run has taken over this environment")]
    Fenced,
    /// The document was saved by somebody else in between.
    #[error("the state was saved by somebody else in between")]
    Conflict,
}

/// What a target plugin is asked.
#[derive(Debug, Clone, Copy)]
pub enum TargetCall<'a> {
    /// What it can do, and whether its configuration is right.
    Describe,
    /// Which of these contents it lacks.
    Missing(&'a [Digest]),
    /// Take one content that was missing.
    Upload(Token, Digest, &'a [u8]),
    /// Make a release ready; its manifest as JSON.
    Stage(Token, &'a Release, &'a str),
    /// What is there.
    Observe,
    /// Have so many instances of a release.
    Scale(Token, Digest, u32),
    /// Split traffic.
    Route(Token, &'a Route),
    /// Counters of one release.
    Telemetry(Digest),
    /// Newest lines of one release, at most so many.
    Logs(Digest, u32),
    /// Forget a release.
    Discard(Token, Digest),
    /// The state document.
    LoadState,
    /// Replace the document of this version.
    SaveState(u64, &'a [u8]),
}

/// What a target plugin answers, by what it was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetAnswer {
    /// To `Describe`.
    Description(Description),
    /// To `Missing`.
    Missing(Vec<Digest>),
    /// To everything that changes something but the state.
    Done,
    /// To `Observe`.
    Fleet(Fleet),
    /// To `Telemetry`.
    Telemetry(Option<Telemetry>),
    /// To `Logs`.
    Logs(Vec<LogLine>),
    /// To `LoadState`.
    State(Document),
    /// To `SaveState`: the new version.
    Saved(u64),
}

impl Plugin {
    /// Ask a target plugin. `config` is the `with:` block as JSON.
    pub async fn target(
        &self,
        context: &CallContext,
        config: &str,
        call: TargetCall<'_>,
    ) -> CallOutcome<Result<TargetAnswer, TargetRefusal>> {
        self.call(context, Ask { config, call }).await
    }
}

struct Ask<'a> {
    config: &'a str,
    call: TargetCall<'a>,
}

type Told<T> = wasmtime::Result<Result<T, wit::TargetError>>;

/// A target's answer in the words of the core, and its size in bytes.
fn read<T>(
    told: Told<T>,
    answer: impl FnOnce(T) -> Result<(TargetAnswer, usize), Refused>,
) -> Result<Answered<Result<TargetAnswer, TargetRefusal>>, Refused> {
    let (answer, size_bytes) = match told? {
        Ok(value) => {
            let (answer, size_bytes) = answer(value)?;
            (Ok(answer), size_bytes)
        }
        Err(wit::TargetError::Fenced) => (Err(TargetRefusal::Fenced), 0),
        Err(wit::TargetError::Conflict) => (Err(TargetRefusal::Conflict), 0),
        Err(wit::TargetError::Hook(error)) => return Err(Refused::Plugin(from_hook_error(error))),
    };
    Ok(Answered { answer, size_bytes })
}

fn done((): ()) -> Result<(TargetAnswer, usize), Refused> {
    Ok((TargetAnswer::Done, 0))
}

impl HookCall for Ask<'_> {
    type Answer = Result<TargetAnswer, TargetRefusal>;
    const HOOK: Hook = Hook::Target;
    const PURE: bool = false;

    fn function(&self) -> &'static str {
        match self.call {
            TargetCall::Describe => "target.describe",
            TargetCall::Missing(_) => "target.missing",
            TargetCall::Upload(..) => "target.upload",
            TargetCall::Stage(..) => "target.stage",
            TargetCall::Observe => "target.observe",
            TargetCall::Scale(..) => "target.scale",
            TargetCall::Route(..) => "target.route",
            TargetCall::Telemetry(_) => "target.telemetry",
            TargetCall::Logs(..) => "target.logs",
            TargetCall::Discard(..) => "target.discard",
            TargetCall::LoadState => "target.load-state",
            TargetCall::SaveState(..) => "target.save-state",
        }
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Self::Answer>, Refused> {
        let indices = exports.target.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let config = self.config;
        match self.call {
            TargetCall::Describe => read(guest.call_describe(store, config).await, description),
            TargetCall::Missing(contents) => {
                let contents: Vec<String> = contents.iter().map(Digest::hex).collect();
                read(guest.call_missing(store, config, &contents).await, missing)
            }
            TargetCall::Upload(Token(token), sha256, content) => {
                let sha256 = sha256.hex();
                let told = guest.call_upload(store, config, token, &sha256, content);
                read(told.await, done)
            }
            TargetCall::Stage(Token(token), release, manifest) => {
                let release = to_release(release);
                let told = guest.call_stage(store, config, token, &release, manifest);
                read(told.await, done)
            }
            TargetCall::Observe => read(guest.call_observe(store, config).await, fleet),
            TargetCall::Scale(Token(token), digest, instances) => {
                let digest = digest.to_string();
                let told = guest.call_scale(store, config, token, &digest, instances);
                read(told.await, done)
            }
            TargetCall::Route(Token(token), route) => {
                let shares: Vec<wit::Share> = route.shares().iter().map(to_share).collect();
                read(guest.call_route(store, config, token, &shares).await, done)
            }
            TargetCall::Telemetry(digest) => {
                let digest = digest.to_string();
                read(
                    guest.call_telemetry(store, config, &digest).await,
                    telemetry,
                )
            }
            TargetCall::Logs(digest, limit) => {
                let digest = digest.to_string();
                read(guest.call_logs(store, config, &digest, limit).await, logs)
            }
            TargetCall::Discard(Token(token), digest) => {
                let digest = digest.to_string();
                read(
                    guest.call_discard(store, config, token, &digest).await,
                    done,
                )
            }
            TargetCall::LoadState => read(guest.call_load_state(store, config).await, state),
            TargetCall::SaveState(expected, bytes) => {
                let told = guest.call_save_state(store, config, expected, bytes);
                read(told.await, |version| Ok((TargetAnswer::Saved(version), 8)))
            }
        }
    }
}

fn nonsense(why: String) -> Refused {
    Refused::Nonsense(why)
}

fn to_share(share: &Share) -> wit::Share {
    wit::Share {
        digest: share.digest.to_string(),
        weight_basis_points: share.weight.value(),
    }
}

fn from_digest(text: &str) -> Result<Digest, Refused> {
    let wrong = |_| nonsense(format!("`{}` is no digest", text.escape_debug()));
    text.parse().map_err(wrong)
}

fn from_weight(points: u32) -> Result<BasisPoints, Refused> {
    BasisPoints::new(points).ok_or_else(|| nonsense(format!("{points} basis points of 10000")))
}

fn description(told: wit::Description) -> Result<(TargetAnswer, usize), Refused> {
    let size_bytes = told.name.len();
    let description = Description {
        weight_granularity: from_weight(told.weight_granularity_basis_points)?,
        name: told.name,
        has_watchdog: told.has_watchdog,
        has_telemetry: told.has_telemetry,
    };
    Ok((TargetAnswer::Description(description), size_bytes))
}

fn missing(told: Vec<String>) -> Result<(TargetAnswer, usize), Refused> {
    let size_bytes = told.iter().map(String::len).sum();
    let digest = |text: &String| from_digest(&format!("sha256:{text}"));
    let contents = told.iter().map(digest).collect::<Result<_, _>>()?;
    Ok((TargetAnswer::Missing(contents), size_bytes))
}

fn fleet(told: wit::Observation) -> Result<(TargetAnswer, usize), Refused> {
    let endpoints = |one: &wit::Instances| one.endpoints.iter().map(String::len).sum::<usize>();
    let size_bytes = told.instances.iter().map(|one| 96 + endpoints(one)).sum();
    let instances = |one: wit::Instances| {
        Ok(Instances {
            digest: from_digest(&one.digest)?,
            asked: one.asked,
            ready: one.ready,
            starting: one.starting,
            draining: one.draining,
            restarts: one.restarts,
            endpoints: one.endpoints.into(),
            trouble: None,
        })
    };
    let instances = told.instances.into_iter().map(instances);
    let instances = instances.collect::<Result<_, Refused>>()?;
    let route = route(&told.route)?;
    Ok((TargetAnswer::Fleet(Fleet { instances, route }), size_bytes))
}

fn route(shares: &[wit::Share]) -> Result<Route, Refused> {
    let read = |share: &wit::Share| {
        let weight = from_weight(share.weight_basis_points)?;
        Ok((from_digest(&share.digest)?, weight))
    };
    let shares = shares
        .iter()
        .map(read)
        .collect::<Result<Vec<_>, Refused>>()?;
    match shares[..] {
        [] => Ok(Route::NONE),
        [(one, BasisPoints::FULL)] => Ok(Route::all(one)),
        [(one, weight), (two, rest)] if one != two && weight.rest() == rest => {
            Ok(Route::split(one, two, rest))
        }
        _ => Err(nonsense(
            "its route is not split between two releases".into(),
        )),
    }
}

fn telemetry(told: Option<wit::Measured>) -> Result<(TargetAnswer, usize), Refused> {
    let size_bytes = told.as_ref().map_or(0, |told| {
        size_of_val(&told.latency.bounds_us[..]) + size_of_val(&told.latency.counts[..])
    });
    if let Some(told) = &told {
        let histogram = &told.latency;
        let bounds = &histogram.bounds_us;
        if histogram.counts.len() != bounds.len() + 1 || !bounds.is_sorted() {
            return Err(nonsense(
                "its histogram has other counts than bounds".into(),
            ));
        }
    }
    let telemetry = told.map(|told| Telemetry {
        requests: told.requests,
        failures: told.failures,
        latency: Histogram {
            bounds_us: told.latency.bounds_us,
            counts: told.latency.counts,
        },
        cut: 0,
    });
    Ok((TargetAnswer::Telemetry(telemetry), size_bytes))
}

fn logs(told: Vec<wit::LogLine>) -> Result<(TargetAnswer, usize), Refused> {
    let size = |line: &wit::LogLine| 16 + line.instance.len() + line.text.len();
    let size_bytes = told.iter().map(size).sum();
    let line = |line: wit::LogLine| LogLine {
        at: Time(line.at_ms),
        instance: line.instance,
        text: line.text,
    };
    let lines = told.into_iter().map(line).collect();
    Ok((TargetAnswer::Logs(lines), size_bytes))
}

fn state((version, bytes): (u64, Vec<u8>)) -> Result<(TargetAnswer, usize), Refused> {
    let size_bytes = bytes.len();
    Ok((TargetAnswer::State(Document { version, bytes }), size_bytes))
}

//! One call of one hook: a fresh store and instance, all limits, one outcome.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use baepo_core::hook::HookError;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Instance;
use wasmtime::{Store, UpdateDeadline};

use super::Hook;
use super::classify::classify;
use super::error::CallError;
use super::limits::{CallLimits, CpuClock, Exceeded, Limit};
use super::load::{Exports, Plugin};
use super::state::CallState;
use super::wasi::{EmptyWasi, Weather};
use crate::capability::log::LogSink;
use crate::capability::output::RolloutOutput;
use crate::capability::store::DocumentStore;
use crate::capability::uses::UseLog;
use crate::capability::{Denial, Outside};

/// What surrounds a call.
#[derive(Clone)]
pub struct CallContext {
    /// The checkout; absent for calls that have none.
    pub checkout: Option<Arc<Path>>,
    /// Where lines of the log go.
    pub log: LogSink,
    /// Ends the call when cancelled, with all programs that it runs.
    pub cancel: CancellationToken,
    /// What granted capabilities lead to.
    pub outside: Arc<Outside>,
    /// What it used of what it was granted goes there.
    pub uses: UseLog,
    /// The document of a target; absent for all other calls.
    pub store: Option<Arc<dyn DocumentStore>>,
    /// What the instances of a rollout write; absent for all but its monitors.
    pub output: Option<Arc<RolloutOutput>>,
}

impl CallContext {
    /// No checkout, no log, never cancelled: for calls that only think.
    pub fn bare() -> CallContext {
        CallContext {
            checkout: None,
            log: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
            outside: Arc::default(),
            uses: UseLog::default(),
            store: None,
            output: None,
        }
    }
}

/// What came of a call.
#[derive(Debug)]
pub struct CallOutcome<T> {
    /// The answer, or why there is none.
    pub result: Result<T, CallError>,
    /// What was denied on the way, each thing once.
    pub denials: Vec<Denial>,
    /// What it used.
    pub usage: Usage,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time that the plugin computed.
    pub cpu: Duration,
    /// Time from beginning to end.
    pub wall: Duration,
    /// The most memory it had at a time.
    pub peak_memory_bytes: usize,
    /// Lines of the log that were dropped.
    pub dropped_log_lines: u64,
}

/// One kind of call: how to ask, and how to read the answer.
pub(super) trait HookCall: Send {
    /// What the hook answers, in words of the core.
    type Answer: Send;
    /// Which hook this is.
    const HOOK: Hook;

    /// The function of the interface, for people: `monitor.observe`.
    fn function(&self) -> &'static str;

    /// Whether the call may use nothing of the outside, whatever the plugin is
    /// granted for its other hooks.
    const PURE: bool;

    /// Whether the call may be made on the thread of the caller and begun
    /// again: it is short, and its answer depends on nothing but what is asked.
    const AT_ONCE: bool = false;

    /// Base addresses of the instances that the call is about: what `endpoints`
    /// stands for under `allow: { net: … }`.
    fn endpoints(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What clocks and randomness of the empty WASI show.
    fn weather(&self) -> Weather {
        Weather::Real
    }

    /// Ask, and turn the answer into words of the core. The size is that of
    /// the answer in bytes.
    fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> impl Future<Output = Result<Answered<Self::Answer>, Refused>> + Send;

    /// The same without waiting, where [`HookCall::AT_ONCE`] says so.
    fn ask_at_once(
        &self,
        _exports: &Exports,
        _store: &mut Store<CallState>,
        _instance: &Instance,
    ) -> Result<Answered<Self::Answer>, Refused> {
        Err(Refused::NoSuchHook)
    }
}

/// An answer and its size in bytes.
pub(super) struct Answered<T> {
    pub(super) answer: T,
    pub(super) size_bytes: usize,
}

/// Why there is no answer.
pub(super) enum Refused {
    /// The engine, or a limit, says so.
    Engine(wasmtime::Error),
    /// The same, before it was started.
    Start(wasmtime::Error),
    /// The plugin says so.
    Plugin(HookError),
    /// What it said makes no sense.
    Nonsense(String),
    /// It has no such hook.
    NoSuchHook,
}

impl From<wasmtime::Error> for Refused {
    fn from(error: wasmtime::Error) -> Refused {
        Refused::Engine(error)
    }
}

impl Plugin {
    pub(super) async fn call<C: HookCall>(
        &self,
        context: &CallContext,
        call: C,
    ) -> CallOutcome<C::Answer> {
        if C::AT_ONCE
            && self.inner.never_waits
            && let Some(outcome) = self.call_at_once(context, &call)
        {
            return outcome;
        }
        let limits = self.shared_limits(C::HOOK);
        let clock = Arc::new(CpuClock::new());
        let mut store = self.build_store(context, limits, &call);
        set_turns(&mut store, limits, &clock);
        let result = self
            .run_limited(context, call, &mut store, limits, &clock)
            .await;
        finish(result, &mut store, &clock)
    }

    /// A store with all limits but those of time.
    pub(super) fn build_store<C: HookCall>(
        &self,
        context: &CallContext,
        limits: &Arc<CallLimits>,
        call: &C,
    ) -> Store<CallState> {
        let plugin = &self.inner;
        let endpoints = call.endpoints();
        let permit = if C::PURE {
            Arc::default()
        } else if endpoints.is_empty() {
            Arc::clone(&plugin.permit)
        } else {
            Arc::new(plugin.permit.at(endpoints))
        };
        let name = Arc::clone(&plugin.name);
        let mut state = CallState::new(name, Arc::clone(limits), permit, context);
        if plugin.uses_wasi {
            let (account, outside) = (state.account(), state.outside());
            state.wasi = Some(EmptyWasi::new(account, outside, call.weather()));
        }
        let mut store = Store::new(&plugin.host.engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.handles);
        store
    }

    /// Dropping the future at the end of its time drops everything that the
    /// call has running; the store is never used to run anything again.
    async fn run_limited<C: HookCall>(
        &self,
        context: &CallContext,
        call: C,
        store: &mut Store<CallState>,
        limits: &CallLimits,
        clock: &CpuClock,
    ) -> Result<C::Answer, CallError> {
        let _place = match &self.inner.host.places {
            Some(places) => Some(tokio::select! {
                place = places.acquire() => place.map_err(|_| CallError::HostBusy)?,
                () = context.cancel.cancelled() => return Err(CallError::Cancelled),
            }),
            None => None,
        };
        let running = guard(self.run(call, store, limits), clock);
        tokio::select! {
            biased;
            result = running => result,
            () = context.cancel.cancelled() => Err(CallError::Cancelled),
            () = tokio::time::sleep(limits.wall) => Err(CallError::WallTimeout {
                limit: limits.wall,
                in_host_call: None,
            }),
        }
    }

    async fn run<C: HookCall>(
        &self,
        call: C,
        store: &mut Store<CallState>,
        limits: &CallLimits,
    ) -> Result<C::Answer, CallError> {
        let function = call.function();
        let started = self.inner.instance.instantiate_async(&mut *store).await;
        let answered = match started {
            Ok(instance) => call.ask(&self.inner.exports, store, &instance).await,
            Err(error) => Err(Refused::Start(error)),
        };
        accept::<C>(answered, function, limits)
    }
}

/// An answer that is not too large, or why there is none.
pub(super) fn accept<C: HookCall>(
    answered: Result<Answered<C::Answer>, Refused>,
    function: &'static str,
    limits: &CallLimits,
) -> Result<C::Answer, CallError> {
    let answered = answered.map_err(|refused| match refused {
        Refused::Engine(error) => classify(&error, limits, Some(function)),
        Refused::Start(error) => classify(&error, limits, None),
        Refused::Plugin(error) => CallError::Plugin(error),
        Refused::Nonsense(why) => CallError::InvalidAnswer { function, why },
        Refused::NoSuchHook => CallError::NoSuchHook { hook: C::HOOK },
    })?;
    if answered.size_bytes > limits.answer_bytes {
        return Err(CallError::LimitExceeded {
            which: Limit::AnswerBytes,
            limit: limits.answer_bytes,
            asked: Some(answered.size_bytes),
        });
    }
    Ok(answered.answer)
}

/// Take the outcome out of a store, which is then of no more use.
pub(super) fn finish<T>(
    result: Result<T, CallError>,
    store: &mut Store<CallState>,
    clock: &CpuClock,
) -> CallOutcome<T> {
    let state = store.data_mut();
    if let Some(wasi) = &state.wasi {
        wasi.flush();
    }
    CallOutcome {
        result: result.map_err(|error| match error {
            CallError::WallTimeout { limit, .. } => CallError::WallTimeout {
                limit,
                in_host_call: state.doing(),
            },
            error => error,
        }),
        denials: state.take_denials(),
        usage: Usage {
            cpu: clock.spent(),
            wall: clock.age(),
            peak_memory_bytes: state.meter.peak_bytes(),
            dropped_log_lines: state.gate().dropped(),
        },
    }
}

/// The limits of time.
fn set_turns(store: &mut Store<CallState>, limits: &CallLimits, clock: &Arc<CpuClock>) {
    let (clock, cpu) = (Arc::clone(clock), limits.cpu);
    // A number of ticks is not a time: on a busy machine they come late. Each
    // tick asks the clock, and gives other tasks of the thread a turn.
    store.epoch_deadline_callback(move |_| {
        if clock.is_over(cpu) {
            return Err(Exceeded::Cpu.into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_epoch_deadline(1);
}

/// Counts the time inside polls, and turns a panic of the host into an error: a
/// plugin that finds one must not end the run.
async fn guard<T>(
    running: impl Future<Output = Result<T, CallError>>,
    clock: &CpuClock,
) -> Result<T, CallError> {
    let mut running = pin!(running);
    poll_fn(|context| {
        clock.begin_turn();
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        clock.end_turn();
        match polled {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(CallError::HostBug {
                what: panic_text(&*panic),
            })),
        }
    })
    .await
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_string()
}

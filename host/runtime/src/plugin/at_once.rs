//! Calls of hooks that think and cannot wait, made on the thread of the caller:
//! no stack of their own, no timers. That is a third less work than the way of
//! [`super::call`] and the same sandbox.
//!
//! A thread of the async runtime must not be held for long, so such a call gets
//! one turn of [`TURN`]. One that needs more is thrown away and begun again on
//! the long way, where it can be cancelled and gives others a turn. That is
//! allowed because its answer depends on nothing but what is asked, and nothing
//! has come out of it: its lines are kept back until it has ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use super::call::{
    Answered, CallContext, CallOutcome, HookCall, Refused, accept, finish, panic_text,
};
use super::error::CallError;
use super::limits::{CallLimits, CpuClock, Exceeded};
use super::load::Plugin;
use super::state::CallState;
use crate::capability::log::LogRecord;

/// How long such a call may hold its thread, to about one tick.
const TURN: Duration = Duration::from_millis(5);

impl Plugin {
    /// `None` where the call needs more than its turn, or has to wait for one.
    pub(super) fn call_at_once<C: HookCall>(
        &self,
        context: &CallContext,
        call: &C,
    ) -> Option<CallOutcome<C::Answer>> {
        let _place = match &self.inner.host.places {
            Some(places) => Some(places.try_acquire().ok()?),
            None => None,
        };
        if context.cancel.is_cancelled() {
            return None;
        }
        let lines: Arc<Mutex<Vec<LogRecord>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let keeping = CallContext {
            checkout: None,
            log: Arc::new(move |line| {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }),
            cancel: context.cancel.clone(),
            outside: Arc::clone(&context.outside),
            uses: context.uses.clone(),
            store: None,
            output: None,
        };
        let limits = self.shared_limits(C::HOOK);
        let mut store = self.build_store(&keeping, limits, call);
        let clock = Arc::new(CpuClock::new());
        set_turn(&mut store, limits, &clock);
        clock.begin_turn();
        let function = call.function();
        let run = AssertUnwindSafe(|| self.run_at_once(call, &mut store));
        let ran = catch_unwind(run);
        clock.end_turn();
        let result = match ran {
            Ok(Err(Refused::Engine(error) | Refused::Start(error))) if is_turn_over(&error) => {
                return None;
            }
            Ok(answered) => accept::<C>(answered, function, limits),
            Err(panic) => Err(CallError::HostBug {
                what: panic_text(&*panic),
            }),
        };
        let outcome = finish(result, &mut store, &clock);
        for line in lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            (context.log)(line);
        }
        Some(outcome)
    }

    fn run_at_once<C: HookCall>(
        &self,
        call: &C,
        store: &mut Store<CallState>,
    ) -> Result<Answered<C::Answer>, Refused> {
        let started = self.inner.instance.instantiate(&mut *store);
        let instance = started.map_err(Refused::Start)?;
        call.ask_at_once(&self.inner.exports, store, &instance)
    }
}

fn set_turn(store: &mut Store<CallState>, limits: &CallLimits, clock: &Arc<CpuClock>) {
    let (clock, cpu) = (Arc::clone(clock), limits.cpu);
    let turn = TURN.min(limits.wall);
    store.epoch_deadline_callback(move |_| {
        if clock.is_over(cpu) {
            return Err(Exceeded::Cpu.into());
        }
        if clock.is_over(turn) {
            return Err(Exceeded::Turn.into());
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store.set_epoch_deadline(1);
}

fn is_turn_over(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(Exceeded::Turn))
}

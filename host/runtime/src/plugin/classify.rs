//! From errors of the engine to errors with a class.

use super::error::{CallError, TrapKind};
use super::limits::{CallLimits, Exceeded, Limit};

/// What a plugin does before one of its functions is called.
const STARTING: &str = "start";

/// What an error of the engine was, by its type. `function` is what was called;
/// absent where the plugin had not been started.
pub(super) fn classify(
    error: &wasmtime::Error,
    limits: &CallLimits,
    function: Option<&'static str>,
) -> CallError {
    let exceeded = |which: Limit, asked: Option<usize>| CallError::LimitExceeded {
        which,
        limit: which.of(limits),
        asked,
    };
    if let Some(met) = error.downcast_ref::<Exceeded>() {
        return match *met {
            Exceeded::Cpu | Exceeded::Turn => CallError::CpuTimeout { limit: limits.cpu },
            Exceeded::Memory { asked } => CallError::OutOfMemory {
                limit_bytes: limits.memory_bytes,
                asked_bytes: asked,
            },
            Exceeded::Other { which, asked } => exceeded(which, Some(asked)),
        };
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return CallError::Exited {
            function: function.unwrap_or(STARTING),
            code: exit.0,
        };
    }
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        return CallError::Trap {
            function: function.unwrap_or(STARTING),
            kind: TrapKind::from(*trap),
            frames: frames(error),
        };
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return CallError::HostBusy;
    }
    if let Some(wasmtime::component::ResourceTableError::Full) = error.downcast_ref() {
        return exceeded(Limit::Handles, None);
    }
    if let Some((which, asked)) = told_in_words(&error.root_cause().to_string()) {
        return exceeded(which, asked);
    }
    let why = plain_text(error);
    match function {
        Some(function) => CallError::BadExchange { function, why },
        None => CallError::CannotStart { why },
    }
}

/// Limits for which the engine has no public type. No plugin can choose these
/// texts; a guest of `tests/guests` meets each of them, so that other words in
/// another version of the engine are noticed.
/// Source: wasmtime 48, `component/func/options.rs` and
/// `vm/component/handle_table.rs`, `store.rs`; wasmtime-wasi `p2/host/random.rs`.
fn told_in_words(text: &str) -> Option<(Limit, Option<usize>)> {
    let last = || text.rsplit(' ').next().and_then(|word| word.parse().ok());
    if text.ends_with("fuel allocated for hostcalls has been exhausted") {
        return Some((Limit::ExchangeBytes, None));
    }
    if text.ends_with("resource: store handle limit exceeded")
        || text.ends_with("handle: store handle limit exceeded")
    {
        return Some((Limit::Handles, None));
    }
    if let Some(what) = text.strip_prefix("resource limit exceeded: ") {
        let which = match what.split(' ').next() {
            Some("instance") => Limit::Instances,
            Some("table") => Limit::Tables,
            Some("memory") => Limit::Memories,
            Some(_) | None => return None,
        };
        return Some((which, last()));
    }
    let asked = text.strip_prefix("requested len ")?;
    let (asked, _) = asked.split_once(" exceeds limit ")?;
    Some((Limit::RandomBytes, asked.parse().ok()))
}

/// The names of the plugin's functions, innermost first. Names of the host are
/// never among them.
fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => name.to_string(),
            None => format!("function {}", frame.func_index()),
        })
        .collect()
}

/// The innermost message, which names the cause; outer ones tell where in the
/// engine it came from, and the alternate form may carry a backtrace of ours.
pub(super) fn plain_text(error: &wasmtime::Error) -> String {
    let text = error.root_cause().to_string();
    let first = text.lines().next().unwrap_or_default();
    first.chars().take(400).collect()
}

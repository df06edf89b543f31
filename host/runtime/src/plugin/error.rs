//! Why a plugin was refused, and why a call of one came to nothing. Told apart
//! by type, never by text; each knows the next step.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::hook::HookError;
use baepo_core::time::Millis;

use super::Hook;
use super::limits::Limit;
use super::wishes::WishesError;

/// Why there is no plugin host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// This machine does not give the address space that a sandbox needs.
    #[error("the plugin sandbox could not be set up: {why}")]
    Engine {
        /// What the engine says.
        why: String,
    },
    /// The system gives no further thread.
    #[error("the plugin clock could not be started")]
    Ticker {
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// Why a plugin was refused. Nothing of it has run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is not the one that was pinned.
    #[error("its digest is {found}, but {expected} is pinned")]
    DigestMismatch {
        /// What the lockfile says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
    /// The file is larger than a plugin may be.
    #[error("it is {size_bytes} bytes large; a plugin may have {limit_bytes}")]
    TooLarge {
        /// Size of the file.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The file is no WebAssembly at all.
    #[error("it is not WebAssembly: {found}")]
    NotWasm {
        /// What it looks like.
        found: &'static str,
    },
    /// A module where a component is needed.
    #[error("it is a core WebAssembly module, and a plugin is a component")]
    CoreModule,
    /// It begins like a component and is none.
    #[error("it is damaged or uses what plugins may not use: {why}")]
    Malformed {
        /// What the parser says.
        why: String,
    },
    /// It was built for another version of the plugin interface.
    #[error("it was built for `{name}`, and this baepo has {supported}")]
    Incompatible {
        /// The import or export that says so.
        name: String,
        /// Which versions this host knows.
        supported: &'static str,
        /// Whether the plugin is newer than the host.
        is_newer: bool,
    },
    /// It wants a network of its own.
    #[error(
        "it imports `{name}`: plugins get no sockets of their own, because what they connect to could not be checked"
    )]
    Sockets {
        /// The import.
        name: String,
    },
    /// It wants something that the host does not have.
    #[error("it imports `{name}`, which the host does not have")]
    UnknownImport {
        /// The import.
        name: String,
    },
    /// It exports no hook.
    #[error("it exports no hook{}", found_text(.found))]
    NoHook {
        /// What it does export.
        found: Vec<String>,
    },
    /// It exports hooks, but not the one that its place in the file needs.
    #[error("it has no {wanted} hook; it has {}", hook_list(.found))]
    WrongHook {
        /// What is needed.
        wanted: Hook,
        /// What it has.
        found: BTreeSet<Hook>,
    },
    /// An import or export has the right name and another shape.
    #[error("it does not fit the plugin interface: {why}")]
    Misfit {
        /// What does not fit.
        why: String,
    },
    /// More parts than one call may have.
    #[error("it needs {needs} {what}; a call may have {limit}")]
    TooManyParts {
        /// Memories or tables.
        what: &'static str,
        /// What it needs.
        needs: u32,
        /// The limit.
        limit: usize,
    },
    /// It could not be read.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// What the system says.
        why: String,
    },
    /// It takes longer to compile than it may.
    #[error("it was not compiled after {}", show(.limit))]
    CompileTimeout {
        /// The limit.
        limit: Duration,
    },
    /// The compiler did not survive it.
    #[error("the compiler ended on it: {how}")]
    CompilerLost {
        /// How it ended.
        how: String,
    },
    /// What it says that it wants cannot be read.
    #[error("its wishes are not right: {0}")]
    Wishes(WishesError),
    /// Our mistake.
    #[error("baepo made a mistake while loading it: {what}")]
    HostBug {
        /// What went wrong.
        what: String,
    },
}

fn found_text(found: &[String]) -> String {
    match found {
        [] => String::new(),
        names => format!("; it exports {}", names.join(", ")),
    }
}

fn hook_list(hooks: &BTreeSet<Hook>) -> String {
    hooks.iter().map(Hook::name).collect::<Vec<_>>().join(", ")
}

impl LoadError {
    /// Which kind of refusal it is, in one stable word.
    pub const fn class(&self) -> &'static str {
        match self {
            LoadError::DigestMismatch { .. } => "digest-mismatch",
            LoadError::Incompatible { .. } => "incompatible",
            LoadError::CompileTimeout { .. } => "compile-timeout",
            LoadError::CompilerLost { .. } => "compiler-lost",
            LoadError::HostBug { .. } => "host-bug",
            LoadError::TooLarge { .. }
            | LoadError::NotWasm { .. }
            | LoadError::CoreModule
            | LoadError::Malformed { .. }
            | LoadError::Sockets { .. }
            | LoadError::UnknownImport { .. }
            | LoadError::NoHook { .. }
            | LoadError::WrongHook { .. }
            | LoadError::Misfit { .. }
            | LoadError::TooManyParts { .. }
            | LoadError::Wishes(_)
            | LoadError::Unreadable { .. } => "bad-plugin",
        }
    }

    /// What to do next, in one sentence for people.
    pub fn help(&self) -> &'static str {
        match self {
            LoadError::DigestMismatch { .. } => {
                "if you meant to change it, pin the new digest; if not, somebody changed the file"
            }
            LoadError::TooLarge { .. } => {
                "build it for size and without debug information, or raise `component` under `limits:`"
            }
            LoadError::NotWasm { .. } => "check the path and that the file was downloaded whole",
            LoadError::CoreModule => "make a plugin of it: `baepo plugin pack FILE.wasm`",
            LoadError::Malformed { .. } => {
                "build it again; `wasm-tools validate FILE.wasm` says more"
            }
            LoadError::Incompatible { is_newer: true, .. } => {
                "update baepo, or build the plugin with an older SDK"
            }
            LoadError::Incompatible {
                is_newer: false, ..
            } => "build the plugin with a newer SDK",
            LoadError::Sockets { .. } => {
                "use `baepo:hooks/http` or `baepo:hooks/socket`; for Python, build with `--stub-wasi`"
            }
            LoadError::UnknownImport { .. } => {
                "use only what wit/ offers; `wasm-tools component wit FILE.wasm` lists all imports"
            }
            LoadError::NoHook { .. } => {
                "export one of build, test, strategy, monitor, target, feedback of `baepo:hooks@0.1.0`"
            }
            LoadError::WrongHook { .. } => {
                "use a plugin of the right kind at this place of the file"
            }
            LoadError::Misfit { .. } => "build it against the wit/ of this version of baepo",
            LoadError::TooManyParts { .. } => {
                "build it as one module, or raise the number under `limits:`"
            }
            LoadError::Unreadable { .. } => "check the path and who may read it",
            LoadError::CompileTimeout { .. } => {
                "build it for size, or raise `compile` under `limits:`"
            }
            LoadError::CompilerLost { .. } => "build it again without generated giant functions",
            LoadError::Wishes(_) => {
                "this is a mistake of whoever built it: the section `baepo:wishes` must be written anew"
            }
            LoadError::HostBug { .. } => "please report this",
        }
    }
}

impl From<WishesError> for LoadError {
    fn from(error: WishesError) -> LoadError {
        match error {
            WishesError::Damaged { why } => LoadError::Malformed { why },
            error => LoadError::Wishes(error),
        }
    }
}

/// Why a call came to nothing. The plugin's instance is gone in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin answered that it could not do its work.
    #[error("{0}")]
    Plugin(HookError),
    /// It computed longer than it may.
    #[error("it computed for more than {}", show(.limit))]
    CpuTimeout {
        /// The limit.
        limit: Duration,
    },
    /// The whole call took longer than it may.
    #[error("it took more than {}{}", show(.limit), during(.in_host_call))]
    WallTimeout {
        /// The limit.
        limit: Duration,
        /// The host call that it waited in, if any.
        in_host_call: Option<&'static str>,
    },
    /// It asked for more memory than it may have.
    #[error("it asked for {} MiB of memory; it may have {} MiB", .asked_bytes.div_ceil(1 << 20), .limit_bytes >> 20)]
    OutOfMemory {
        /// The limit.
        limit_bytes: usize,
        /// What it would have had.
        asked_bytes: usize,
    },
    /// It used more of something else than it may.
    #[error("it used {} {which}; it may use {limit}", used(.asked, .limit))]
    LimitExceeded {
        /// Of what.
        which: Limit,
        /// The limit.
        limit: usize,
        /// What it would have used; absent where the engine does not say.
        asked: Option<usize>,
    },
    /// It crashed.
    #[error("it crashed in `{function}`: {kind}{}", inside(.frames))]
    Trap {
        /// What was called, for example `monitor.observe`.
        function: &'static str,
        /// How.
        kind: TrapKind,
        /// Its functions, innermost first.
        frames: Vec<String>,
    },
    /// It handed over something that is no value of the interface.
    #[error("it broke the rules of the plugin interface in `{function}`: {why}")]
    BadExchange {
        /// What was called.
        function: &'static str,
        /// What the engine says.
        why: String,
    },
    /// It ended itself instead of answering.
    #[error("it exited with code {code} instead of answering `{function}`")]
    Exited {
        /// What was called.
        function: &'static str,
        /// The code.
        code: i32,
    },
    /// It answered something that makes no sense.
    #[error("its answer to `{function}` makes no sense: {why}")]
    InvalidAnswer {
        /// What was called.
        function: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It has no such hook.
    #[error("it has no {hook} hook")]
    NoSuchHook {
        /// What was called.
        hook: Hook,
    },
    /// It did not come to be.
    #[error("it could not be started: {why}")]
    CannotStart {
        /// What the engine says.
        why: String,
    },
    /// The run is being cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// All sandboxes are in use.
    #[error("all sandboxes are in use")]
    HostBusy,
    /// Our mistake.
    #[error("baepo made a mistake: {what}")]
    HostBug {
        /// What went wrong.
        what: String,
    },
}

/// How a plugin crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrapKind {
    /// It gave up by itself: a panic, an assertion, `abort`.
    GaveUp,
    /// It called itself too deeply.
    StackOverflow,
    /// It read or wrote where it has nothing.
    OutOfBounds,
    /// It divided by zero or overflowed.
    Arithmetic,
    /// It called a function of the wrong kind.
    BadCall,
    /// Anything else, in the engine's words.
    Other(wasmtime::Trap),
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrapKind::GaveUp => f.write_str("it gave up by itself (a panic or an abort)"),
            TrapKind::StackOverflow => f.write_str("it called itself too deeply"),
            TrapKind::OutOfBounds => f.write_str("it used memory that it does not have"),
            TrapKind::Arithmetic => f.write_str("it divided by zero or overflowed"),
            TrapKind::BadCall => f.write_str("it called a function of the wrong kind"),
            TrapKind::Other(trap) => write!(f, "{trap}"),
        }
    }
}

impl From<wasmtime::Trap> for TrapKind {
    fn from(trap: wasmtime::Trap) -> TrapKind {
        use wasmtime::Trap;
        match trap {
            Trap::UnreachableCodeReached => TrapKind::GaveUp,
            Trap::StackOverflow => TrapKind::StackOverflow,
            Trap::MemoryOutOfBounds | Trap::TableOutOfBounds | Trap::HeapMisaligned => {
                TrapKind::OutOfBounds
            }
            Trap::IntegerDivisionByZero | Trap::IntegerOverflow | Trap::BadConversionToInteger => {
                TrapKind::Arithmetic
            }
            Trap::IndirectCallToNull | Trap::BadSignature => TrapKind::BadCall,
            trap => TrapKind::Other(trap),
        }
    }
}

fn used(asked: &Option<usize>, limit: &usize) -> String {
    asked.map_or_else(|| format!("more than {limit}"), |asked| asked.to_string())
}

fn show(limit: &Duration) -> Millis {
    Millis(limit.as_millis() as u64)
}

fn during(call: &Option<&'static str>) -> String {
    call.map_or_else(String::new, |call| format!(", the last of it in `{call}`"))
}

fn inside(frames: &[String]) -> String {
    match frames.first() {
        Some(frame) => format!(", in `{frame}`"),
        None => String::new(),
    }
}

impl CallError {
    /// Which kind of failure it is, in one stable word.
    pub const fn class(&self) -> &'static str {
        match self {
            CallError::Plugin(HookError::InvalidConfig(_)) => "invalid-config",
            CallError::Plugin(HookError::Denied(_)) => "denied",
            CallError::Plugin(HookError::Unavailable(_)) => "unavailable",
            CallError::Plugin(HookError::Failed(_)) => "plugin-error",
            CallError::CpuTimeout { .. } => "cpu-timeout",
            CallError::WallTimeout { .. } => "wall-timeout",
            CallError::OutOfMemory { .. } => "out-of-memory",
            CallError::LimitExceeded { .. } => "limit-exceeded",
            CallError::Trap { .. } => "trap",
            CallError::BadExchange { .. } => "bad-exchange",
            CallError::Exited { .. } => "exited",
            CallError::InvalidAnswer { .. } => "invalid-answer",
            CallError::NoSuchHook { .. } => "no-such-hook",
            CallError::CannotStart { .. } => "cannot-start",
            CallError::Cancelled => "cancelled",
            CallError::HostBusy => "host-busy",
            CallError::HostBug { .. } => "host-bug",
        }
    }

    /// What to do next, in one sentence for people; empty where the message
    /// says it all.
    pub fn help(&self) -> &'static str {
        match self {
            CallError::CpuTimeout { .. } | CallError::WallTimeout { .. } => {
                "raise its time under `limits:`, or see its last log lines for what it was doing"
            }
            CallError::OutOfMemory { .. } => {
                "raise its memory under `limits:`, or give it less to do"
            }
            CallError::Trap { .. } => {
                "this is a mistake in the plugin: what it printed and logged last is in the log, and a build that keeps names says which function"
            }
            CallError::BadExchange { .. } => {
                "what it handed over is no value of wit/: text that is not UTF-8, a case or a variant that there is not, a list outside of its memory; bindings of another version do that too"
            }
            CallError::Exited { .. } => {
                "this is a mistake in the plugin: a hook answers, with an error where it must"
            }
            CallError::InvalidAnswer { .. } => {
                "this is a mistake in the plugin: see what wit/ says of that function"
            }
            CallError::LimitExceeded { .. } => {
                "raise it under `limits:`, or give the plugin less to do"
            }
            CallError::CannotStart { .. } => "build it as one module, or compose fewer parts",
            CallError::NoSuchHook { .. } => {
                "use a plugin of the right kind at this place of the file"
            }
            CallError::HostBusy => "try again",
            CallError::HostBug { .. } => "please report this",
            CallError::Plugin(HookError::InvalidConfig(_)) => {
                "correct `with:` where the plugin is used"
            }
            CallError::Plugin(HookError::Denied(_)) => {
                "grant it under `allow:` where the plugin is used, if it is to have it; its author states it among the wishes of baepo-plugin.yml"
            }
            CallError::Plugin(_) | CallError::Cancelled => "",
        }
    }
}

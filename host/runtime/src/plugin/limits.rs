//! What one hook call may use, and the meters that say when it is too much.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Hook;

/// What one plugin may use: in each hook call, and before that to get ready.
/// Each limit has its own error; those of a capability are answered to the
/// plugin by its own word, all others end the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// Time that the plugin itself computes.
    pub cpu: Duration,
    /// Time from the beginning of the call to its end, host calls included.
    pub wall: Duration,
    /// All linear memories together.
    pub memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances. A Python component has more than 32.
    pub instances: usize,
    /// Core tables.
    pub tables: usize,
    /// Core memories.
    pub memories: usize,
    /// Data that one host call may carry from the plugin to the host.
    pub hostcall_bytes: usize,
    /// Handles of resources at a time.
    pub handles: usize,
    /// Text of the log; what is beyond is dropped and the log says so.
    pub log_bytes: u64,
    /// Lines of the log; what is beyond is dropped and the log says so.
    pub log_lines: u64,
    /// The answer of the hook.
    pub answer_bytes: usize,
    /// One file that is read or written.
    pub file_bytes: u64,
    /// HTTP requests.
    pub http_requests: u32,
    /// Bodies of all HTTP requests and answers together.
    pub http_bytes: u64,
    /// Header names and values of one HTTP request, and of its answer.
    pub http_header_bytes: usize,
    /// One HTTP exchange.
    pub http_timeout: Duration,
    /// Bytes of randomness that WASI hands out at a time.
    pub random_bytes: u64,
    /// The component itself. Refused before it is parsed.
    pub component_bytes: usize,
    /// Time to compile the component.
    pub compile: Duration,
}

const MIB: usize = 1 << 20;

impl CallLimits {
    /// The defaults for hooks that only think: strategy, monitor, target,
    /// feedback.
    pub const BRIEF: CallLimits = CallLimits {
        cpu: Duration::from_secs(5),
        wall: Duration::from_secs(10),
        memory_bytes: 128 * MIB,
        table_elements: 100_000,
        instances: 128,
        tables: 64,
        memories: 16,
        hostcall_bytes: 8 * MIB,
        handles: 1_000,
        log_bytes: MIB as u64,
        log_lines: 10_000,
        answer_bytes: 4 * MIB,
        file_bytes: 32 * MIB as u64,
        http_requests: 50,
        http_bytes: 16 * MIB as u64,
        http_header_bytes: 64 * 1024,
        http_timeout: Duration::from_secs(10),
        random_bytes: 64 * 1024,
        component_bytes: 64 * MIB,
        compile: Duration::from_secs(120),
    };

    /// The defaults for hooks that run programs, which may take long and say
    /// much: build, test.
    pub const LONG: CallLimits = CallLimits {
        cpu: Duration::from_secs(30),
        wall: Duration::from_secs(3600),
        hostcall_bytes: 64 * MIB,
        log_bytes: 16 * MIB as u64,
        log_lines: 100_000,
        answer_bytes: 32 * MIB,
        ..CallLimits::BRIEF
    };

    /// The defaults for a hook.
    pub const fn of(hook: Hook) -> &'static CallLimits {
        match hook {
            Hook::Build | Hook::Test => &CallLimits::LONG,
            Hook::Strategy | Hook::Monitor | Hook::Target | Hook::Feedback => &CallLimits::BRIEF,
        }
    }
}

/// A limit that ends a call, beside time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Elements of tables.
    TableElements,
    /// Core instances.
    Instances,
    /// Core tables.
    Tables,
    /// Core memories.
    Memories,
    /// Bytes in one exchange between plugin and host.
    ExchangeBytes,
    /// Handles of resources.
    Handles,
    /// Bytes of randomness at a time.
    RandomBytes,
    /// Bytes of the answer.
    AnswerBytes,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 8] = [
        Limit::TableElements,
        Limit::Instances,
        Limit::Tables,
        Limit::Memories,
        Limit::ExchangeBytes,
        Limit::Handles,
        Limit::RandomBytes,
        Limit::AnswerBytes,
    ];

    /// Its key under `limits:`.
    pub const fn key(self) -> &'static str {
        match self {
            Limit::TableElements => "table-elements",
            Limit::Instances => "instances",
            Limit::Tables => "tables",
            Limit::Memories => "memories",
            Limit::ExchangeBytes => "exchange",
            Limit::Handles => "handles",
            Limit::RandomBytes => "random",
            Limit::AnswerBytes => "answer",
        }
    }

    /// How much of it a call may use.
    pub const fn of(self, limits: &CallLimits) -> usize {
        match self {
            Limit::TableElements => limits.table_elements,
            Limit::Instances => limits.instances,
            Limit::Tables => limits.tables,
            Limit::Memories => limits.memories,
            Limit::ExchangeBytes => limits.hostcall_bytes,
            Limit::Handles => limits.handles,
            Limit::RandomBytes => limits.random_bytes as usize,
            Limit::AnswerBytes => limits.answer_bytes,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::TableElements => "table elements",
            Limit::Instances => "instances",
            Limit::Tables => "tables",
            Limit::Memories => "memories",
            Limit::ExchangeBytes => "bytes in one exchange with the host",
            Limit::Handles => "handles",
            Limit::RandomBytes => "bytes of randomness at a time",
            Limit::AnswerBytes => "bytes of the answer",
        })
    }
}

/// A limit was met. Travels through the engine as a typed error, so that it can
/// be told from a trap of the plugin's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("cpu")]
    Cpu,
    #[error("memory")]
    Memory { asked: usize },
    #[error("{which}")]
    Other { which: Limit, asked: usize },
    /// A call that was tried at once needs more time than that.
    #[error("turn")]
    Turn,
}

/// Adds up what a store holds. The engine's own limits are per memory and end in
/// errors without a type.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: usize,
    table_limit: usize,
    instances: usize,
    tables: usize,
    memories: usize,
    memory: usize,
    peak: usize,
    elements: usize,
    last_growth: usize,
}

impl Meter {
    pub(crate) fn new(limits: &CallLimits) -> Meter {
        Meter {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            instances: limits.instances,
            tables: limits.tables,
            memories: limits.memories,
            memory: 0,
            peak: 0,
            elements: 0,
            last_growth: 0,
        }
    }

    /// The most memory held at a time, in bytes.
    pub(crate) fn peak_bytes(&self) -> usize {
        self.peak
    }
}

impl wasmtime::ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let asked = self.memory.saturating_add(growth);
        if asked > self.memory_limit {
            return Err(Exceeded::Memory { asked }.into());
        }
        self.memory = asked;
        self.peak = self.peak.max(asked);
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self.memory.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        if asked > self.table_limit {
            let which = Limit::TableElements;
            return Err(Exceeded::Other { which, asked }.into());
        }
        self.elements = asked;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// How long the plugin itself has run: the time inside polls of its call. Time
/// that it waits in the host, or for a turn, does not count.
#[derive(Debug)]
pub(crate) struct CpuClock {
    base: Instant,
    spent_ns: AtomicU64,
    turn_began_ns: AtomicU64,
}

impl CpuClock {
    pub(crate) fn new() -> CpuClock {
        CpuClock {
            base: Instant::now(),
            spent_ns: AtomicU64::new(0),
            turn_began_ns: AtomicU64::new(0),
        }
    }

    /// Since the call began.
    pub(crate) fn age(&self) -> Duration {
        self.base.elapsed()
    }

    fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    pub(crate) fn begin_turn(&self) {
        self.turn_began_ns.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn end_turn(&self) {
        self.spent_ns.store(self.during_turn(), Ordering::Relaxed);
    }

    fn during_turn(&self) -> u64 {
        let turn = self.now() - self.turn_began_ns.load(Ordering::Relaxed);
        self.spent_ns.load(Ordering::Relaxed) + turn
    }

    /// To be asked during a turn.
    pub(crate) fn is_over(&self, limit: Duration) -> bool {
        Duration::from_nanos(self.during_turn()) >= limit
    }

    /// To be asked between turns.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed))
    }
}

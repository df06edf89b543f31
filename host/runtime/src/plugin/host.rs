//! One engine for the process, its clock, and one linker for each kind of
//! component.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::bindings::baepo::hooks;
use super::error::{HostError, plain_text};
use super::limits::CallLimits;
use super::state::CallState;
use super::wasi;
use crate::capability::policy::Policy;

/// How the host is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOptions {
    /// Keep memory for so many calls at a time ready; calls beyond wait for
    /// their turn. For a service with many calls. Absent, memory is made for
    /// each call, which suits a process that makes few.
    pub pool: Option<u32>,
    /// How often running plugins are asked for the time.
    pub tick: Duration,
    /// The largest component.
    pub component_bytes: usize,
    /// What the organisation allows at all.
    pub policy: Option<Arc<Policy>>,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        HostOptions {
            pool: None,
            tick: Duration::from_millis(5),
            component_bytes: 64 << 20,
            policy: None,
        }
    }
}

/// How the engine reserves address space; part of what compiled code depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// 4 GiB for each memory, so that no bounds are checked.
    Roomy,
    /// Little, for machines with limited address space; 15 % slower code.
    Frugal,
}

/// The plugin host; one for the process. Cloning it is cheap.
#[derive(Clone)]
pub struct PluginHost {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) options: HostOptions,
    /// For components that import no WASI.
    pub(super) bare: Linker<CallState>,
    /// With the empty WASI.
    pub(super) with_wasi: Linker<CallState>,
    /// One permit for each place in the pool.
    pub(super) places: Option<Semaphore>,
}

impl PluginHost {
    /// Make the engine and start its clock.
    ///
    /// # Errors
    /// When the system gives neither much nor little address space, or no
    /// thread.
    pub fn new(options: HostOptions) -> Result<PluginHost, HostError> {
        let engine = match build_engine(&options, Profile::Roomy) {
            Ok(engine) => engine,
            Err(_) => {
                build_engine(&options, Profile::Frugal).map_err(|error| to_host_error(&error))?
            }
        };
        let bare = build_linker(&engine).map_err(|error| to_host_error(&error))?;
        let mut with_wasi = bare.clone();
        wasi::add_to_linker(&mut with_wasi).map_err(|error| to_host_error(&error))?;
        start_ticker(&engine, options.tick)?;
        let places = options.pool.map(|places| Semaphore::new(places as usize));
        Ok(PluginHost {
            inner: Arc::new(Inner {
                engine,
                options,
                bare,
                with_wasi,
                places,
            }),
        })
    }
}

fn to_host_error(error: &wasmtime::Error) -> HostError {
    HostError::Engine {
        why: plain_text(error),
    }
}

/// Source: the wasmtime documentation on `Config`; switched off is what plugins
/// at the level of WASI 0.2 do not need, because each proposal is code that
/// guards the wall.
pub(super) fn build_engine(options: &HostOptions, profile: Profile) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(false)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_stack_switching(false)
        .wasm_backtrace_max_frames(NonZeroUsize::new(20))
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .memory_init_cow(true);
    if profile == Profile::Frugal {
        config
            .memory_reservation(256 << 20)
            .memory_guard_size(32 << 20)
            .memory_may_move(true);
    }
    if let Some(places) = options.pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(build_pool(places)));
    }
    let engine = Engine::new(&config)?;
    if options.pool.is_none() {
        // An engine without a pool reserves nothing until it runs something.
        probe(&engine)?;
    }
    Ok(engine)
}

/// Whether a memory can be had at all.
fn probe(engine: &Engine) -> wasmtime::Result<()> {
    let mut store = wasmtime::Store::new(engine, ());
    wasmtime::Memory::new(&mut store, wasmtime::MemoryType::new(1, None)).map(drop)
}

fn build_pool(places: u32) -> PoolingAllocationConfig {
    let limits = &CallLimits::BRIEF;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(64))
        .total_memories(places.saturating_mul(4))
        .total_tables(places.saturating_mul(16))
        .total_stacks(places)
        .max_memories_per_component(limits.memories as u32)
        .max_tables_per_component(limits.tables as u32)
        .max_core_instances_per_component(limits.instances as u32)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(128 << 10)
        .max_unused_warm_slots(places);
    pool
}

fn build_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    type State = HasSelf<CallState>;
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    hooks::types::add_to_linker::<_, State>(l, |state| state)?;
    hooks::log::add_to_linker::<_, State>(l, |state| state)?;
    hooks::process::add_to_linker::<_, State>(l, |state| state)?;
    hooks::workspace::add_to_linker::<_, State>(l, |state| state)?;
    hooks::http::add_to_linker::<_, State>(l, |state| state)?;
    hooks::secrets::add_to_linker::<_, State>(l, |state| state)?;
    hooks::socket::add_to_linker::<_, State>(l, |state| state)?;
    hooks::store::add_to_linker::<_, State>(l, |state| state)?;
    Ok(linker)
}

impl hooks::types::Host for CallState {}

/// A thread, not a task: when all async threads are busy in plugins, somebody
/// must still move the clock on. It ends with the engine.
fn start_ticker(engine: &Engine, tick: Duration) -> Result<(), HostError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("baepo-plugin-clock".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(tick);
            }
        })
        .map(drop)
        .map_err(|source| HostError::Ticker { source })
}

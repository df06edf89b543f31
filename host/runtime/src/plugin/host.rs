//! One engine for the process, its clock, and one linker for each kind of
//! component.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::bindings::baepo::hooks;
use super::cache::{Cache, CacheOptions};
use super::classify::plain_text;
use super::compile::{Compiler, Setting};
use super::error::HostError;
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
    /// Where compiled components are kept; absent, they are compiled each time.
    pub cache: Option<CacheOptions>,
    /// What compiles components in a process of its own; absent, a thread does.
    pub compiler: Option<Compiler>,
    /// What the organisation allows at all.
    pub policy: Option<Arc<Policy>>,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        HostOptions {
            pool: None,
            tick: Duration::from_millis(5),
            cache: None,
            compiler: None,
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
    pub(super) setting: Setting,
    pub(super) cache: Result<Option<Cache>, String>,
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
        let pool = options.pool;
        let setting = |profile| Setting { profile, pool };
        let roomy = setting(Profile::Roomy);
        let (setting, engine) = match start_engine(roomy) {
            Ok(engine) => (roomy, engine),
            Err(_) => {
                let frugal = setting(Profile::Frugal);
                let engine = start_engine(frugal).map_err(|error| to_host_error(&error))?;
                (frugal, engine)
            }
        };
        let cache = options.cache.as_ref().map(Cache::open).transpose();
        let bare = build_linker(&engine).map_err(|error| to_host_error(&error))?;
        let mut with_wasi = bare.clone();
        wasi::add_to_linker(&mut with_wasi).map_err(|error| to_host_error(&error))?;
        start_ticker(&engine, options.tick)?;
        let places = options.pool.map(|places| Semaphore::new(places as usize));
        Ok(PluginHost {
            inner: Arc::new(Inner {
                engine,
                options,
                setting,
                cache,
                bare,
                with_wasi,
                places,
            }),
        })
    }

    /// Why compiled components are not kept although they should be.
    pub fn cache_trouble(&self) -> Option<&str> {
        self.inner.cache.as_ref().err().map(String::as_str)
    }
}

/// An engine that can run something on this machine.
fn start_engine(setting: Setting) -> wasmtime::Result<Engine> {
    let engine = build_engine(setting, None)?;
    if setting.pool.is_none() {
        // An engine without a pool reserves nothing until it runs something.
        probe(&engine)?;
    }
    Ok(engine)
}

fn to_host_error(error: &wasmtime::Error) -> HostError {
    HostError::Engine {
        why: plain_text(error),
    }
}

/// Source: the wasmtime documentation on `Config`; switched off is what plugins
/// at the level of WASI 0.2 do not need, because each proposal is code that
/// guards the wall. Code for `target`, or for exactly this machine.
pub(super) fn build_engine(setting: Setting, target: Option<&str>) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    if let Some(target) = target {
        config.target(target)?;
    }
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
    if setting.profile == Profile::Frugal {
        config
            .memory_reservation(256 << 20)
            .memory_guard_size(32 << 20)
            .memory_may_move(true);
    }
    if let Some(places) = setting.pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(build_pool(places)));
    }
    Engine::new(&config)
}

/// Whether a memory can be had at all.
fn probe(engine: &Engine) -> wasmtime::Result<()> {
    let mut store = wasmtime::Store::new(engine, ());
    wasmtime::Memory::new(&mut store, wasmtime::MemoryType::new(1, None)).map(drop)
}

/// Room for so many calls, each with all that a plugin may have: within its
/// limits no plugin can take what another needs.
fn build_pool(places: u32) -> PoolingAllocationConfig {
    let limits = &CallLimits::BRIEF;
    let all = |each: usize| places.saturating_mul(each as u32);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(all(limits.instances))
        .total_memories(all(limits.memories))
        .total_tables(all(limits.tables))
        .total_stacks(places)
        .max_memories_per_component(limits.memories as u32)
        .max_memories_per_module(limits.memories as u32)
        .max_tables_per_component(limits.tables as u32)
        .max_tables_per_module(limits.tables as u32)
        .max_core_instances_per_component(limits.instances as u32)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        // What is kept is zeroed by hand, the rest by the kernel: measured, small wins.
        .linear_memory_keep_resident(128 << 10)
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

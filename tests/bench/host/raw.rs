//! The plainest use of the engine: what everything else is compared with.

use std::cell::Cell;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel, Store};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package baepo:bench;
            world plugin {
                import baepo:hooks/log@0.1.0;
                export baepo:hooks/strategy@0.1.0;
            }
        ",
        world: "baepo:bench/plugin",
    });
}

mod watcher {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package baepo:bench;
            world watcher {
                import baepo:hooks/log@0.1.0;
                export baepo:hooks/monitor@0.1.0;
            }
        ",
        world: "baepo:bench/watcher",
        with: {
            "baepo:hooks/log": super::bindings::baepo::hooks::log,
            "baepo:hooks/types": super::bindings::baepo::hooks::types,
        },
    });
}

use bindings::baepo::hooks::{log, types};
use bindings::exports::baepo::hooks::strategy;

struct Quiet;

impl types::Host for Quiet {}

impl log::Host for Quiet {
    fn log(&mut self, _: log::LogLevel, _: String, _: Vec<(String, String)>) {}
}

fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    Engine::new(&config)
}

/// A strategy: instantiate, decide, drop.
pub(crate) struct Strategy {
    engine: Engine,
    plugin: bindings::PluginPre<Quiet>,
    /// Only so that nobody believes the answer is not used.
    pub(crate) answers: Cell<u64>,
}

impl Strategy {
    pub(crate) fn new(bytes: &[u8]) -> wasmtime::Result<Strategy> {
        let engine = engine()?;
        let component = Component::from_binary(&engine, bytes)?;
        let mut linker = Linker::new(&engine);
        bindings::Plugin::add_to_linker::<_, HasSelf<Quiet>>(&mut linker, |quiet| quiet)?;
        let plugin = bindings::PluginPre::new(linker.instantiate_pre(&component)?)?;
        let answers = Cell::new(0);
        Ok(Strategy {
            engine,
            plugin,
            answers,
        })
    }

    pub(crate) fn decide(&self) -> wasmtime::Result<()> {
        let mut store = Store::new(&self.engine, Quiet);
        let instance = self.plugin.instantiate(&mut store)?;
        let guest = instance.baepo_hooks_strategy();
        let decision = guest.call_decide(&mut store, &view())?;
        wasmtime::ensure!(decision.is_ok(), "the strategy refused");
        self.answers.set(self.answers.get() + 1);
        Ok(())
    }
}

/// A monitor: instantiate, describe, drop.
pub(crate) struct Monitor {
    engine: Engine,
    plugin: watcher::WatcherPre<Quiet>,
}

impl Monitor {
    pub(crate) fn new(bytes: &[u8]) -> wasmtime::Result<Monitor> {
        let engine = engine()?;
        let component = Component::from_binary(&engine, bytes)?;
        let mut linker = Linker::new(&engine);
        watcher::Watcher::add_to_linker::<_, HasSelf<Quiet>>(&mut linker, |quiet| quiet)?;
        let plugin = watcher::WatcherPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Monitor { engine, plugin })
    }

    pub(crate) fn describe(&self) -> wasmtime::Result<()> {
        let mut store = Store::new(&self.engine, Quiet);
        let instance = self.plugin.instantiate(&mut store)?;
        let guest = instance.baepo_hooks_monitor();
        let told = guest.call_describe(&mut store, "{}")?;
        wasmtime::ensure!(told.is_ok(), "the monitor refused");
        Ok(())
    }
}

fn view() -> strategy::View {
    let none = || types::RoleFleet {
        asked: 0,
        ready: 0,
        starting: 0,
        draining: 0,
        restarts: 0,
    };
    strategy::View {
        config: "{}".into(),
        instances: 3,
        limits: strategy::Limits {
            max_surge: 3,
            max_unavailable: 0,
            max_exposure_unjudged_basis_points: 10_000,
            allow_downtime: false,
            weight_granularity_basis_points: 1,
        },
        on_no_evidence: strategy::OnNoEvidence::Hold,
        memory: Vec::new(),
        fleet: types::Fleet {
            stable: none(),
            candidate: none(),
        },
        weight_basis_points: 0,
        elapsed_ms: 0,
        decisions: 0,
        last: None,
        judgement: None,
        promote_full: false,
    }
}

/// Loading compiled code as plainly as it goes.
pub(crate) mod plain {
    use std::path::Path;

    use wasmtime::Engine;
    use wasmtime::component::Component;

    /// # Errors
    /// When it was not made by this engine.
    #[allow(
        unsafe_code,
        reason = "the baseline of a benchmark; it has just compiled the file itself"
    )]
    pub(crate) fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
        // SAFETY: the file was written by this process from `precompile_component`.
        unsafe { Component::deserialize_file(engine, path) }
    }
}

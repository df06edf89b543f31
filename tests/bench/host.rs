//! What the plugin host costs, as ratios in one run: a hook call through the
//! host (fresh instance, all limits, grants, log) against raw wasmtime doing
//! no more than instantiate, call and drop; and a process from its start to its
//! first answer against an empty Node.js process.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use baepo_core::digest::Digest;
use baepo_core::rollout::{Limits, OnNoEvidence, RoleFleets, View};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, HostOptions, Plugin, PluginHost, PluginSource};
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel, Store};

/// The plainest use of the engine.
mod raw {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "strategy-plugin",
    });
}

const ROUNDS: usize = 3000;
const STARTS: usize = 21;
const COLD: &str = "--start-and-decide-once";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if std::env::args().any(|argument| argument == COLD) {
        return runtime.block_on(start_and_decide());
    }
    runtime.block_on(compare_calls())?;
    compare_starts()
}

fn component() -> Result<Vec<u8>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/direct.wasm");
    std::fs::read(&path).with_context(|| path.display().to_string())
}

async fn load(options: HostOptions) -> Result<Plugin> {
    let bytes = component()?;
    let host = PluginHost::new(options)?;
    let source = PluginSource {
        name: "direct",
        bytes: &bytes,
        digest: Digest::from_bytes(Sha256::digest(&bytes).into()),
        grants: Grants::default(),
        limits: None,
    };
    Ok(host.load(source).await?)
}

fn view() -> View {
    View {
        config: "{}".into(),
        instances: 3,
        limits: Limits {
            max_surge: 3,
            max_unavailable: 0,
            max_exposure_unjudged: BasisPoints::FULL,
            max_exposure_unwatched: BasisPoints::FULL,
            allow_downtime: false,
            weight_granularity: BasisPoints::saturating(1),
        },
        on_no_evidence: OnNoEvidence::Hold,
        memory: Vec::new(),
        fleet: RoleFleets::default(),
        weight: BasisPoints::ZERO,
        elapsed: Millis(0),
        decisions: 0,
        last: None,
        judgement: None,
        promote_full: false,
    }
}

struct Raw {
    engine: Engine,
    plugin: raw::StrategyPluginPre<Quiet>,
}

struct Quiet;

impl raw::baepo::hooks::types::Host for Quiet {}

impl raw::baepo::hooks::log::Host for Quiet {
    fn log(
        &mut self,
        _level: raw::baepo::hooks::log::LogLevel,
        _message: String,
        _fields: Vec<(String, String)>,
    ) {
    }
}

impl Raw {
    fn new(bytes: &[u8]) -> wasmtime::Result<Raw> {
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config)?;
        let component = Component::from_binary(&engine, bytes)?;
        let mut linker = Linker::new(&engine);
        raw::StrategyPlugin::add_to_linker::<_, HasSelf<Quiet>>(&mut linker, |quiet| quiet)?;
        let plugin = raw::StrategyPluginPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Raw { engine, plugin })
    }

    fn decide(&self) -> wasmtime::Result<()> {
        use raw::baepo::hooks::types::{Fleet, RoleFleet};
        use raw::exports::baepo::hooks::strategy;
        let none = || RoleFleet {
            asked: 0,
            ready: 0,
            starting: 0,
            draining: 0,
            restarts: 0,
        };
        let view = strategy::View {
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
            fleet: Fleet {
                stable: none(),
                candidate: none(),
            },
            weight_basis_points: 0,
            elapsed_ms: 0,
            decisions: 0,
            last: None,
            judgement: None,
            promote_full: false,
        };
        let mut store = Store::new(&self.engine, Quiet);
        let instance = self.plugin.instantiate(&mut store)?;
        let decision = instance
            .baepo_hooks_strategy()
            .call_decide(&mut store, &view)?;
        wasmtime::ensure!(decision.is_ok(), "the strategy refused");
        Ok(())
    }
}

async fn compare_calls() -> Result<()> {
    let engine_error = |error: wasmtime::Error| anyhow!("{error}");
    let raw = Raw::new(&component()?).map_err(engine_error)?;
    let on_demand = load(HostOptions::default()).await?;
    let pooling = load(HostOptions {
        pool: Some(4),
        ..HostOptions::default()
    })
    .await?;
    let (context, view) = (CallContext::bare(), view());
    let mut times: [Vec<Duration>; 3] = Default::default();
    // Interleaved, so that a busy moment of the machine falls on all alike.
    for round in 0..ROUNDS + 100 {
        let begun = Instant::now();
        raw.decide().map_err(engine_error)?;
        let one = begun.elapsed();
        let begun = Instant::now();
        on_demand.decide(&context, &view).await.result?;
        let two = begun.elapsed();
        let begun = Instant::now();
        pooling.decide(&context, &view).await.result?;
        let three = begun.elapsed();
        if round >= 100 {
            for (times, time) in times.iter_mut().zip([one, two, three]) {
                times.push(time);
            }
        }
    }
    let [raw, on_demand, pooling] = times.map(median);
    println!("a hook call, median of {ROUNDS}, interleaved:");
    print_ratio("raw wasmtime: instantiate, call, drop", raw, raw);
    print_ratio("through the host, memory on demand", on_demand, raw);
    print_ratio("through the host, pooled memory", pooling, raw);
    Ok(())
}

async fn start_and_decide() -> Result<()> {
    let plugin = load(HostOptions::default()).await?;
    plugin.decide(&CallContext::bare(), &view()).await.result?;
    Ok(())
}

fn compare_starts() -> Result<()> {
    let ours = std::env::current_exe()?;
    let mut times: [Vec<Duration>; 2] = Default::default();
    let mut computed = [Duration::ZERO; 2];
    for _ in 0..STARTS {
        let mut decide = Command::new(&ours);
        let mut node = Command::new("node");
        let commands = [decide.arg(COLD), node.args(["-e", "0"])];
        for (at, command) in commands.into_iter().enumerate() {
            match run(command) {
                Ok((time, cpu)) => {
                    times[at].push(time);
                    computed[at] += cpu;
                }
                Err(_) if at == 1 => {
                    println!("no `node` here: start times are not compared");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
    let [ours, node] = times.map(median);
    println!("process start to end, median of {STARTS}, interleaved:");
    print_ratio("node -e 0", node, node);
    print_ratio("baepo: compile a strategy, decide once", ours, node);
    let [ours, node] = computed.map(|sum| sum / STARTS as u32);
    println!("the same in computing time, which other work on the machine changes less:");
    print_ratio("node -e 0", node, node);
    print_ratio("baepo: compile a strategy, decide once", ours, node);
    Ok(())
}

fn run(command: &mut Command) -> Result<(Duration, Duration)> {
    let before = children_cpu()?;
    let begun = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let time = begun.elapsed();
    ensure!(status.success(), "{status}");
    Ok((time, children_cpu()? - before))
}

/// Computing time of all children that have ended. Source: proc(5),
/// `/proc/self/stat`, fields 16 and 17, in hundredths of a second.
fn children_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(") ").context("no command name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let hundredths: u64 = fields[13].parse::<u64>()? + fields[14].parse::<u64>()?;
    Ok(Duration::from_millis(hundredths * 10))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn print_ratio(what: &str, time: Duration, base: Duration) {
    let ratio = time.as_secs_f64() / base.as_secs_f64();
    println!(
        "  {what:<42} {:>9.1} us  {ratio:>5.2}",
        time.as_secs_f64() * 1e6
    );
}

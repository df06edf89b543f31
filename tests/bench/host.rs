//! What the plugin host costs, as ratios in one run. R is raw wasmtime with
//! memory on demand and without limits, doing no more than instantiate, call
//! and drop; every other figure is taken in turn with its R, so that a busy
//! moment of the machine falls on both.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "host/raw.rs"]
mod raw;
#[path = "host/view.rs"]
mod view;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use baepo_core::digest::Digest;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{
    CacheOptions, CallContext, CallLimits, HostOptions, Origin, Plugin, PluginHost, PluginSource,
};
use sha2::{Digest as _, Sha256};
use wit_component::{ComponentEncoder, StringEncoding};

const ROUNDS: usize = 3000;
const LOADS: usize = 300;
const COMPUTATIONS: usize = 15;
const STARTS: usize = 60;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare_calls())?;
    runtime.block_on(compare_loads())?;
    runtime.block_on(compare_computations())?;
    compare_starts()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn component(name: &str) -> Result<Vec<u8>> {
    let path = root().join("plugins/dist").join(format!("{name}.wasm"));
    std::fs::read(&path).with_context(|| path.display().to_string())
}

async fn load(host: &PluginHost, bytes: &[u8], limits: Option<CallLimits>) -> Result<Plugin> {
    let source = PluginSource {
        name: "bench",
        bytes,
        digest: Digest::from_bytes(Sha256::digest(bytes).into()),
        grants: Grants::default(),
        limits,
    };
    Ok(host.load(source).await?)
}

async fn load_in(bytes: &[u8], pool: Option<u32>) -> Result<Plugin> {
    let options = HostOptions {
        pool,
        ..HostOptions::default()
    };
    load(&PluginHost::new(options)?, bytes, None).await
}

fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error}")
}

/// Times of several things that are done in turn.
struct Turns<const N: usize> {
    times: [Vec<Duration>; N],
    now: usize,
}

impl<const N: usize> Turns<N> {
    fn new() -> Turns<N> {
        Turns {
            times: std::array::from_fn(|_| Vec::new()),
            now: 0,
        }
    }

    fn note(&mut self, begun: Instant) {
        self.times[self.now].push(begun.elapsed());
        self.now = (self.now + 1) % N;
    }

    /// Medians, without the first tenth, in which caches fill.
    fn medians(self) -> [Duration; N] {
        self.times.map(|mut times| {
            times.drain(..times.len() / 10);
            times.sort_unstable();
            times[times.len() / 2]
        })
    }
}

async fn compare_calls() -> Result<()> {
    let direct = component("direct")?;
    let raw = raw::Strategy::new(&direct).map_err(plain)?;
    let on_demand = load_in(&direct, None).await?;
    let pooled = load_in(&direct, Some(4)).await?;
    let (context, view) = (CallContext::bare(), view::first());
    let mut turns = Turns::<3>::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        raw.decide().map_err(plain)?;
        turns.note(begun);
        for plugin in [&on_demand, &pooled] {
            let begun = Instant::now();
            plugin.decide(&context, &view).await.result?;
            turns.note(begun);
        }
    }
    ensure!(raw.answers.get() == ROUNDS as u64);
    println!("a hook that cannot wait (strategy `direct`), median of {ROUNDS}:");
    print_calls(turns.medians(), [1.3, 0.9]);

    let traffic = component("traffic")?;
    let raw = raw::Monitor::new(&traffic).map_err(plain)?;
    let on_demand = load_in(&traffic, None).await?;
    let pooled = load_in(&traffic, Some(4)).await?;
    let mut turns = Turns::<3>::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        raw.describe().map_err(plain)?;
        turns.note(begun);
        for plugin in [&on_demand, &pooled] {
            let begun = Instant::now();
            plugin.describe_monitor(&context, "{}").await.result?;
            turns.note(begun);
        }
    }
    println!("a hook that may wait (monitor `traffic`), median of {ROUNDS}:");
    print_calls(turns.medians(), [1.5, 1.1]);
    Ok(())
}

fn print_calls([raw, on_demand, pooled]: [Duration; 3], [one, two]: [f64; 2]) {
    print_ratio("R: raw wasmtime", raw, raw, None);
    print_ratio(
        "through the host, memory on demand",
        on_demand,
        raw,
        Some(one),
    );
    print_ratio("through the host, pooled memory", pooled, raw, Some(two));
}

/// A cached plugin against what nobody can do without: the hash of the
/// component and the mapping of its code.
async fn compare_loads() -> Result<()> {
    for name in ["direct", "junit"] {
        let bytes = component(name)?;
        let folder = tempfile::tempdir()?;
        let cache = CacheOptions::new(folder.path().join("compiled"), folder.path().join("key"));
        let host = PluginHost::new(HostOptions {
            cache: Some(cache),
            ..HostOptions::default()
        })?;
        load(&host, &bytes, None).await?;
        let engine = wasmtime::Engine::default();
        let path = folder.path().join("plain");
        std::fs::write(&path, engine.precompile_component(&bytes).map_err(plain)?)?;
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        let mut turns = Turns::<2>::new();
        for _ in 0..LOADS {
            let begun = Instant::now();
            ensure!(Digest::from_bytes(Sha256::digest(&bytes).into()) == digest);
            let component = raw::plain::deserialize(&engine, &path).map_err(plain)?;
            turns.note(begun);
            drop(component);
            let source = PluginSource {
                name,
                bytes: &bytes,
                digest,
                grants: Grants::default(),
                limits: None,
            };
            let begun = Instant::now();
            let plugin = host.load(source).await?;
            turns.note(begun);
            ensure!(plugin.origin() == Origin::Cached, "not from the cache");
        }
        let [base, ours] = turns.medians();
        println!(
            "loading `{name}` ({} KiB), median of {LOADS}:",
            bytes.len() / 1024
        );
        print_ratio("hash and deserialize", base, base, None);
        print_ratio("load from the cache of the host", ours, base, Some(2.0));
    }
    Ok(())
}

async fn compare_computations() -> Result<()> {
    let bytes = computing()?;
    let raw = raw::Strategy::new(&bytes).map_err(plain)?;
    let plugin = load_in(&bytes, None).await?;
    let (context, view) = (CallContext::bare(), view::first());
    let mut turns = Turns::<2>::new();
    for _ in 0..COMPUTATIONS {
        let begun = Instant::now();
        raw.decide().map_err(plain)?;
        turns.note(begun);
        let begun = Instant::now();
        plugin.decide(&context, &view).await.result?;
        turns.note(begun);
    }
    let [raw, ours] = turns.medians();
    println!("a long computation, median of {COMPUTATIONS}:");
    print_ratio("raw wasmtime, never interrupted", raw, raw, None);
    print_ratio("through the host", ours, raw, Some(1.25));
    Ok(())
}

/// A strategy that computes for some tenths of a second.
fn computing() -> Result<Vec<u8>> {
    let mut module = wat::parse_str(include_str!("host/cpu.wat"))?;
    let mut resolve = wit_parser::Resolve::new();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let world = resolve.select_world(&[package], Some("strategy-plugin"))?;
    let utf8 = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8, false)?;
    ComponentEncoder::default().module(&module)?.encode()
}

/// The binary from its start to its end: a plugin that it carries, and one
/// that it has in its cache, against an empty Node.js process.
fn compare_starts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let binary = folder.path().join("baepo");
    let built = std::env::current_exe()?;
    let built = built.ancestors().nth(2).context("target/release")?;
    std::fs::copy(built.join("baepo"), &binary).context("build baepo first")?;
    ensure!(quiet(Command::new(&binary).arg("seal")).status()?.success());
    let (checkout, view_file) = (folder.path().join("c"), folder.path().join("view.json"));
    std::fs::create_dir(&checkout)?;
    std::fs::write(&view_file, serde_json::to_vec(&view::first())?)?;
    // With a byte more, which is a custom section, it is another component.
    let mut other = component("direct")?;
    other.extend_from_slice(b"\0\x02\x01x");
    let path = folder.path().join("other.wasm");
    std::fs::write(&path, other)?;
    let ask = |plugin: &str| {
        let mut command = Command::new(&binary);
        command
            .args(["plugin", "run", "strategy", "--plugin", plugin, "--input"])
            .arg(&view_file)
            .current_dir(&checkout)
            .env("BAEPO_CACHE", folder.path().join("cache"))
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .env_remove("GITHUB_ACTIONS");
        command
    };
    let cached = path.to_string_lossy().into_owned();
    for (plugin, code) in [
        ("builtin:direct", "carried"),
        (&cached, "compiled"),
        (&cached, "cached"),
    ] {
        let output = ask(plugin).output()?;
        let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        ensure!(told["code"] == code, "{told}");
    }
    let mut turns = Turns::<3>::new();
    let mut computed = [Duration::ZERO; 3];
    for _ in 0..STARTS {
        let mut node = Command::new("node");
        node.args(["-e", "0"]);
        let commands = [node, ask("builtin:direct"), ask(&cached)];
        for (mut command, computed) in commands.into_iter().zip(&mut computed) {
            let (before, begun) = (children_cpu()?, Instant::now());
            let Ok(status) = quiet(&mut command).status() else {
                println!("no `node` here: start times are not compared");
                return Ok(());
            };
            turns.note(begun);
            ensure!(status.success(), "{status}");
            *computed += children_cpu()?.saturating_sub(before);
        }
    }
    let rows = |[node, carried, cached]: [Duration; 3], target| {
        print_ratio("node -e 0", node, node, None);
        print_ratio("baepo plugin run: code carried", carried, node, target);
        print_ratio("baepo plugin run: code cached", cached, node, target);
    };
    println!("a process from start to end, median of {STARTS}:");
    rows(turns.medians(), None);
    println!("the same in computing time, mean of {STARTS}:");
    rows(computed.map(|sum| sum / STARTS as u32), Some(0.1));
    Ok(())
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// Computing time of all children that have ended. Source: proc(5),
/// `/proc/self/stat`, fields 16 and 17, in hundredths of a second; over many
/// children the rounding does not matter.
fn children_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(") ").context("no command name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let hundredths: u64 = fields[13].parse::<u64>()? + fields[14].parse::<u64>()?;
    Ok(Duration::from_millis(hundredths * 10))
}

fn print_ratio(what: &str, time: Duration, base: Duration, target: Option<f64>) {
    let ratio = time.as_secs_f64() / base.as_secs_f64();
    let micros = time.as_secs_f64() * 1e6;
    let target = target.map_or_else(String::new, |target| format!("   (at most {target})"));
    println!("  {what:<40} {micros:>10.1} us  {ratio:>5.2}{target}");
}

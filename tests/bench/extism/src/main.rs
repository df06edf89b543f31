//! A fresh plugin for each call: this host against Extism, in one process and
//! in turn. Both are asked for the same decision on the same view, log the same
//! line, and have limits of time and memory; Extism takes and gives it as JSON,
//! which is its way.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use baepo_core::digest::Digest;
use baepo_core::rollout::{Decision, Limits, OnNoEvidence, RoleFleets, View};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, HostOptions, Plugin, PluginHost, PluginSource};
use extism::{CompiledPlugin, Manifest, PluginBuilder, Wasm};
use sha2::{Digest as _, Sha256};
use wit_component::{ComponentEncoder, StringEncoding};

const ROUNDS: usize = 2000;
const LINE: &str = "asks for three instances";
const REASON: &str = "three instances are wanted";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare())
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

async fn compare() -> Result<()> {
    let view = view();
    let component = component()?;
    let on_demand = load(&component, None).await?;
    let pooled = load(&component, Some(4)).await?;
    let context = CallContext::bare();
    let expected = on_demand.decide(&context, &view).await.result?;
    let extism = extism(&expected)?;
    ensure!(decide_with_extism(&extism, &view)? == expected, "different answers");
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..ROUNDS + 100 {
        let begun = Instant::now();
        decide_with_extism(&extism, &view)?;
        let one = begun.elapsed();
        let begun = Instant::now();
        on_demand.decide(&context, &view).await.result?;
        let two = begun.elapsed();
        let begun = Instant::now();
        pooled.decide(&context, &view).await.result?;
        let three = begun.elapsed();
        if round >= 100 {
            for (times, time) in times.iter_mut().zip([one, two, three]) {
                times.push(time);
            }
        }
    }
    let lock = include_str!("../Cargo.lock");
    println!(
        "a decision by a fresh plugin, median of {ROUNDS}, in turn (extism {} on wasmtime {}; this host on {}):",
        version(lock, "extism", 0)?,
        version(lock, "wasmtime", 0)?,
        version(lock, "wasmtime", 1)?,
    );
    let [extism, on_demand, pooled] = times.map(median);
    for (what, time) in [
        ("Extism: new from compiled, call, drop", extism),
        ("this host, memory on demand", on_demand),
        ("this host, pooled memory", pooled),
    ] {
        let faster = extism.as_secs_f64() / time.as_secs_f64();
        let micros = time.as_secs_f64() * 1e6;
        println!("  {what:<42} {micros:>9.1} us  {faster:>5.1} times as fast");
    }
    Ok(())
}

/// The versions of a package in a lockfile, oldest first.
fn version<'a>(lock: &'a str, package: &str, at: usize) -> Result<&'a str> {
    let name = format!("name = \"{package}\"\nversion = \"");
    let found = lock.split(&name).nth(at + 1).context("a version")?;
    Ok(found.split('"').next().unwrap_or_default())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn fill(wat: &str, answer: &str) -> String {
    let number = |text: &str| text.len().to_string();
    wat.replace("LINE_BYTES", &number(LINE))
        .replace("REASON_BYTES", &number(REASON))
        .replace("ANSWER_BYTES", &number(answer))
        .replace("LINE", LINE)
        .replace("REASON", REASON)
        .replace("ANSWER", &answer.replace('"', "\\\""))
}

fn component() -> Result<Vec<u8>> {
    let mut module = wat::parse_str(fill(include_str!("component.wat"), ""))?;
    let mut resolve = wit_parser::Resolve::new();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let world = resolve.select_world(&[package], Some("strategy-plugin"))?;
    let utf8 = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8, false)?;
    ComponentEncoder::default().module(&module)?.encode()
}

async fn load(bytes: &[u8], pool: Option<u32>) -> Result<Plugin> {
    let host = PluginHost::new(HostOptions {
        pool,
        ..HostOptions::default()
    })?;
    let source = PluginSource {
        name: "answer",
        bytes,
        digest: Digest::from_bytes(Sha256::digest(bytes).into()),
        grants: Grants::default(),
        limits: None,
    };
    Ok(host.load(source).await?)
}

fn extism(answer: &Decision) -> Result<CompiledPlugin> {
    let answer = serde_json::to_string(answer)?;
    let module = wat::parse_str(fill(include_str!("extism.wat"), &answer))?;
    let manifest = Manifest::new([Wasm::data(module)])
        .with_timeout(Duration::from_secs(5))
        .with_memory_max(2048);
    CompiledPlugin::new(PluginBuilder::new(manifest).with_wasi(false))
}

fn decide_with_extism(compiled: &CompiledPlugin, view: &View) -> Result<Decision> {
    let mut plugin = extism::Plugin::new_from_compiled(compiled)?;
    let asked = serde_json::to_vec(view)?;
    let told: &[u8] = plugin.call("decide", asked).map_err(|error| anyhow!("{error}"))?;
    Ok(serde_json::from_slice(told)?)
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

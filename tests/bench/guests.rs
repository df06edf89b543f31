//! What a strategy of each language costs: its size, compiling it once, loading
//! it again, and a call in a fresh instance, compared in the same run with raw
//! wasmtime on the one in Rust. `cargo xtask guests` makes them and runs this.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "host/raw.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks of the host")]
mod raw;
#[path = "host/view.rs"]
mod view;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use baepo_core::digest::Digest;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{
    CacheOptions, CallContext, HostOptions, Plugin, PluginHost, PluginSource,
};
use sha2::{Digest as _, Sha256};

/// Languages in the order of the table, and how many times as long as raw
/// wasmtime a call may take where that is promised.
const LANGUAGES: [(&str, Option<f64>); 6] = [
    ("rust", Some(2.0)),
    ("c", None),
    ("go", None),
    ("javascript", Some(8.0)),
    ("typescript", Some(8.0)),
    ("python", Some(60.0)),
];
const LOADS: usize = 20;
/// Calls of each language; they are done in turn with the raw ones.
const CALLS: usize = 400;

struct Row {
    language: &'static str,
    promise: Option<f64>,
    size_bytes: usize,
    compile: Duration,
    load: Duration,
    call: Duration,
    raw: Duration,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let strategy = |language: &str| -> PathBuf { folder.join(format!("{language}-strategy.wasm")) };
    if !strategy("rust").is_file() {
        println!("there are no guests: `cargo xtask guests` makes them and measures them");
        return Ok(());
    }
    let rust = std::fs::read(strategy("rust"))?;
    let raw = raw::Strategy::new(&rust).map_err(|error| anyhow!("{error}"))?;
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>10}  promised",
        "strategy", "bytes", "compiled", "loaded", "call", "of raw"
    );
    for (language, promise) in LANGUAGES {
        let path = strategy(language);
        if !path.is_file() {
            println!("{language:<12}  not made");
            continue;
        }
        let row = runtime
            .block_on(measure(language, promise, &path, &raw))
            .with_context(|| language.to_owned())?;
        print(&row);
    }
    Ok(())
}

fn print(row: &Row) {
    let ratio = row.call.as_secs_f64() / row.raw.as_secs_f64();
    let promised = match row.promise {
        Some(most) if ratio <= most => format!("{most:.0} ✓"),
        Some(most) => format!("{most:.0} ✗"),
        None => String::new(),
    };
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>10}  {promised}",
        row.language,
        row.size_bytes,
        ms(row.compile),
        ms(row.load),
        ms(row.call),
        format!("{ratio:.1} x"),
    );
}

async fn measure(
    language: &'static str,
    promise: Option<f64>,
    path: &Path,
    raw: &raw::Strategy,
) -> Result<Row> {
    let bytes = std::fs::read(path)?;
    let folder = tempfile::tempdir()?;
    let cache = CacheOptions::new(folder.path().join("compiled"), folder.path().join("key"));
    let host = PluginHost::new(HostOptions {
        cache: Some(cache),
        ..HostOptions::default()
    })?;
    let begun = Instant::now();
    load(&host, &bytes).await?;
    let compile = begun.elapsed();
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let begun = Instant::now();
        load(&host, &bytes).await?;
        loads.push(begun.elapsed());
    }
    let plugin = load(&host, &bytes).await?;
    let (context, view) = (CallContext::bare(), view::first());
    let (mut calls, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let begun = Instant::now();
        raw.decide().map_err(|error| anyhow!("{error}"))?;
        raws.push(begun.elapsed());
        let begun = Instant::now();
        if let Err(error) = plugin.decide(&context, &view).await.result {
            bail!("{error}");
        }
        calls.push(begun.elapsed());
    }
    Ok(Row {
        language,
        promise,
        size_bytes: bytes.len(),
        compile,
        load: median(loads),
        call: median(calls),
        raw: median(raws),
    })
}

async fn load(host: &PluginHost, bytes: &[u8]) -> Result<Plugin> {
    let source = PluginSource {
        name: "guest",
        bytes,
        digest: Digest::from_bytes(Sha256::digest(bytes).into()),
        grants: Grants::default(),
        limits: None,
    };
    Ok(host.load(source).await?)
}

/// Without the first tenth, in which caches fill.
fn median(mut times: Vec<Duration>) -> Duration {
    times.drain(..times.len() / 10);
    times.sort_unstable();
    times[times.len() / 2]
}

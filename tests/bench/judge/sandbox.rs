//! How fast the plugin `traffic` judges in its sandbox, a fresh instance for
//! each look as in a rollout, and how much it keeps.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use baepo_core::digest::Digest;
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::{LookRequest, Side};
use baepo_core::telemetry::{Histogram, Telemetry, latency_bounds_us};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::Phase;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, HostOptions, Plugin, PluginHost, PluginSource};
use sha2::{Digest as _, Sha256};

use crate::stream::Dice;

/// Looks of one rollout.
const LOOKS: usize = 3_000;
/// A look every five seconds, at 400 requests a second of each role.
const REQUESTS: u64 = 2_000;
const WINDOW: usize = 60;

pub(crate) fn speed() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(rollout())
}

async fn rollout() -> Result<()> {
    let plugin = load().await?;
    let context = CallContext::bare();
    let mut dice = Dice::new(1);
    // What differs from look to look must not be drawn while the clock runs.
    let drawn: Vec<[Telemetry; 2]> = (0..100)
        .map(|_| [0.002, 0.002].map(|rate| telemetry(&mut dice, rate)))
        .collect();
    let mut memory = Vec::new();
    let mut kept = Vec::new();
    let mut took = std::time::Duration::ZERO;
    for look in 0..LOOKS {
        let [stable, candidate] = &drawn[look % drawn.len()];
        let request = LookRequest {
            config: "{}".into(),
            memory: std::mem::take(&mut memory),
            phase: Phase::Ramp,
            window: (look / WINDOW + 1) as u32,
            window_elapsed: Millis((look % WINDOW) as u64 * 5_000),
            since_last_look: Millis(5_000),
            last_look: false,
            weight: None,
            stable: Some(side(stable)),
            candidate: side(candidate),
            stable_before: None,
            now: Time(look as u64 * 5_000),
        };
        let began = Instant::now();
        let observation = plugin.observe(&context, &request, "traffic").await.result?;
        took += began.elapsed();
        ensure!(!observation.memory.is_empty());
        memory = observation.memory;
        kept.push(memory.len());
    }
    let seconds = took.as_secs_f64();
    let numbers = 2 * (latency_bounds_us().len() + 3);
    let looks = LOOKS as f64 / seconds;
    println!(
        "\nthrough the plugin in its sandbox, {LOOKS} looks of {} requests in {numbers} counts each, a fresh instance for each:",
        2 * REQUESTS
    );
    println!(
        "  {looks:.0} looks, {:.1} million requests and {:.1} million counts a second",
        looks * 2.0 * REQUESTS as f64 / 1e6,
        looks * numbers as f64 / 1e6
    );
    println!(
        "  it keeps {} bytes after the first look, {} in the second window, {} at the end",
        kept[0],
        kept[WINDOW],
        kept[LOOKS - 1]
    );
    Ok(())
}

async fn load() -> Result<Plugin> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/traffic.wasm");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let source = PluginSource {
        name: "traffic",
        bytes: &bytes,
        digest: Digest::from_bytes(Sha256::digest(&bytes).into()),
        grants: Grants::default(),
        limits: None,
    };
    Ok(PluginHost::new(HostOptions::default())?
        .load(source)
        .await?)
}

/// Requests around 40 ms, log-normal with σ 0.5.
fn telemetry(dice: &mut Dice, rate: f64) -> Telemetry {
    let bounds_us = latency_bounds_us();
    let mut counts = vec![0; bounds_us.len() + 1];
    for _ in 0..REQUESTS {
        let us = 40_000.0 * (0.5 * dice.normal()).exp();
        counts[bounds_us.partition_point(|bound| (*bound as f64) < us)] += 1;
    }
    Telemetry {
        requests: REQUESTS,
        failures: dice.poisson(REQUESTS as f64 * rate),
        latency: Histogram { bounds_us, counts },
        cut: 0,
    }
}

fn side(telemetry: &Telemetry) -> Side {
    Side {
        release: Release {
            digest: Digest::from_bytes([0; 32]),
            revision: Revision {
                commit: "c".into(),
                ref_name: "main".into(),
                summary: "s".into(),
                committed_at: Time(0),
            },
            artifacts: Vec::new(),
        },
        endpoints: Arc::from([]),
        telemetry: Some(telemetry.clone()),
    }
}

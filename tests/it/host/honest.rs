//! Plugins that do what they should.

use anyhow::{Context, Result, ensure};
use baepo_core::digest::Digest;
use baepo_core::release::Release;
use baepo_core::rollout::{Directive, LookRequest, Side};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::Phase;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, Hook, HostOptions, Plugin, PluginHost};

use super::guest::{self, names};

async fn first_party(host: &PluginHost, name: &str) -> Result<Plugin> {
    let path = guest::root().join(format!("plugins/dist/{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(guest::load_bytes(host, &bytes, Grants::default(), None).await?)
}

#[tokio::test]
async fn first_party_plugins_have_the_hooks_of_their_names() -> Result<()> {
    let host = guest::host()?;
    for (name, hook) in [
        ("command", Hook::Build),
        ("junit", Hook::Test),
        ("direct", Hook::Strategy),
        ("blue-green", Hook::Strategy),
        ("canary", Hook::Strategy),
        ("rolling", Hook::Strategy),
        ("traffic", Hook::Monitor),
    ] {
        let plugin = first_party(&host, name).await?;
        plugin.require(hook).with_context(|| name.to_string())?;
        assert_eq!(plugin.hooks().len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_direct_rollout_begins_by_making_instances() -> Result<()> {
    let host = guest::host()?;
    let plugin = first_party(&host, "direct").await?;
    let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
    let decision = outcome.result?;
    let (stable, candidate) = (3, 3);
    assert_eq!(decision.directive, Directive::Scale { stable, candidate });
    ensure!(!decision.reason.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_traffic_monitor_says_when_it_can_judge_and_looks() -> Result<()> {
    let host = guest::host()?;
    let plugin = first_party(&host, "traffic").await?;
    let context = CallContext::bare();
    let phases = plugin.describe_monitor(&context, "{}").await.result?;
    ensure!(phases.contains(&Phase::Ramp), "{phases:?}");
    let release = Release {
        digest: Digest::from_bytes([1; 32]),
        revision: guest::revision(),
        artifacts: Vec::new(),
    };
    let request = LookRequest {
        config: "{}".into(),
        memory: Vec::new(),
        phase: Phase::Bake,
        window: 1,
        window_elapsed: Millis(1000),
        since_last_look: Millis(1000),
        last_look: false,
        weight: None,
        stable: None,
        candidate: Side {
            release,
            endpoints: std::sync::Arc::default(),
            telemetry: None,
        },
        stable_before: None,
        now: Time(1_795_443_306_000),
    };
    let observed = plugin.observe(&context, &request, "errors").await.result?;
    assert_eq!(observed.judged.monitor, "errors");
    Ok(())
}

#[tokio::test]
async fn a_strategy_that_uses_wasi_decides_the_same_each_time() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, names::GUESSES).await?;
    let context = CallContext::bare();
    let mut view = guest::view();
    let one = plugin.decide(&context, &view).await.result?;
    let two = plugin.decide(&context, &view).await.result?;
    assert_eq!(one, two);
    let random = |at: usize| one.memory.get(at..at + 8);
    ensure!(random(0) != random(8), "randomness that does not change");
    let clock: [u8; 8] = one.memory[16..24].try_into()?;
    assert_eq!(u64::from_le_bytes(clock), 1_234_000_000);
    view.config = r#"{"other":1}"#.into();
    let three = plugin.decide(&context, &view).await.result?;
    ensure!(
        three.memory[..8] != one.memory[..8],
        "the seed does not count"
    );
    Ok(())
}

#[tokio::test]
async fn a_pool_answers_like_fresh_memory_and_calls_wait_for_their_turn() -> Result<()> {
    let host = PluginHost::new(HostOptions {
        pool: Some(2),
        ..HostOptions::default()
    })?;
    let plugin = guest::load(&host, names::ANSWER).await?;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let plugin = plugin.clone();
        calls.spawn(async move {
            let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
            outcome.result.map(|decision| decision.progress.step)
        });
    }
    while let Some(call) = calls.join_next().await {
        assert_eq!(call??, 1);
    }
    Ok(())
}

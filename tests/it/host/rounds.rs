//! A thousand rounds of everything hostile in one process.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, CallError, CallLimits, HostOptions, Plugin, PluginHost};

use super::guest::{self, names};

const ROUNDS: usize = 1_000;

/// After so many rounds the allocator and the caches of the engine have what
/// they need.
const WARM: usize = 100;

const GUESTS: [&str; 15] = [
    names::GIVES_UP,
    names::MEMORY_HOG,
    names::MEMORY_HOGS,
    names::DEEP_RECURSION,
    names::ENDLESS_LOOP,
    names::ENDLESS_START,
    names::TRAPS_AT_START,
    names::TABLE_BOMB,
    names::FALSE_POINTER,
    names::GIGABYTE_TEXT,
    names::HUGE_ANSWER,
    names::EXITS,
    names::EXITS_WELL,
    names::LEAKS_HANDLES,
    names::MAKES_HANDLES,
];

#[tokio::test]
async fn a_thousand_hostile_rounds_leave_nothing_behind_on_demand() -> Result<()> {
    thousand_rounds(None).await
}

#[tokio::test]
async fn a_thousand_hostile_rounds_leave_nothing_behind_in_a_pool() -> Result<()> {
    thousand_rounds(Some(2)).await
}

async fn thousand_rounds(pool: Option<u32>) -> Result<()> {
    let host = PluginHost::new(HostOptions {
        pool,
        tick: Duration::from_millis(1),
        ..HostOptions::default()
    })?;
    let limits = CallLimits {
        cpu: Duration::from_millis(1),
        memory_bytes: 4 << 20,
        answer_bytes: 64 << 10,
        ..CallLimits::BRIEF
    };
    let mut guests = Vec::new();
    for name in GUESTS {
        let limits = Some(limits.clone());
        guests.push(guest::load_with(&host, name, Grants::default(), limits).await?);
    }
    let honest = guest::load(&host, names::ANSWER).await?;
    let mut resident = Vec::new();
    for round in 0..ROUNDS {
        one_round(&guests, &honest).await?;
        if round == WARM {
            resident.push(resident_bytes()?);
        }
    }
    resident.push(resident_bytes()?);
    let (warm, end) = (resident[0], resident[1]);
    ensure!(
        end.abs_diff(warm) * 20 <= warm,
        "resident bytes went from {warm} to {end} in {ROUNDS} rounds"
    );
    every_place_is_free(&honest, pool.unwrap_or(0)).await
}

async fn one_round(guests: &[Plugin], honest: &Plugin) -> Result<()> {
    let (context, view) = (CallContext::bare(), guest::view());
    for (guest, name) in guests.iter().zip(GUESTS) {
        match guest.decide(&context, &view).await.result {
            Err(error @ (CallError::HostBug { .. } | CallError::HostBusy)) => {
                anyhow::bail!("{name}: {error:?}")
            }
            Err(_) => {}
            Ok(_) => anyhow::bail!("{name} answered"),
        }
        honest.decide(&context, &view).await.result?;
    }
    Ok(())
}

/// As many calls at a time as there are places, all of which answer.
async fn every_place_is_free(honest: &Plugin, places: u32) -> Result<()> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..places {
        let plugin = honest.clone();
        calls.spawn(async move {
            let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
            outcome.result.map(drop)
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}

/// Source: proc(5), `/proc/self/statm`: the second number counts pages.
fn resident_bytes() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split(' ').nth(1).context("resident pages")?.parse()?;
    Ok(pages * 4096)
}

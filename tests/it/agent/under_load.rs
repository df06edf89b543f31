//! Rollouts through the agent under load: what a client loses.

use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::weight::BasisPoints;
use baepo_runtime::load::{Exchange, Load, LoadOptions, LoadStats};

use super::{Site, staging};
use crate::service::until;

fn load(site: &Site, keeps_alive: bool) -> Load {
    Load::start(LoadOptions {
        keeps_alive,
        connections: 8,
        mix: vec![
            Exchange::get("/"),
            Exchange::echo("/cart", "two rolls"),
            Exchange::get("/slow?ms=30"),
        ],
        max_duration: Duration::from_secs(60),
        ..LoadOptions::new(&site.address)
    })
}

async fn answers(load: &Load, more: u64) {
    let goal = load.stats().requests + more;
    until("the load goes on", || load.stats().requests >= goal).await;
}

async fn two_releases(site: &Site, stable: u32) -> (Digest, Digest) {
    let old = site.stage(&staging(1, &[])).await;
    let new = site.stage(&staging(2, &[])).await;
    site.scaled(old, stable).await;
    site.route(&Route::all(old)).await;
    (old, new)
}

fn assert_nothing_lost(stats: &LoadStats) {
    assert_eq!(
        (stats.lost.total(), stats.failures()),
        (0, 0),
        "{:?}",
        stats.losses
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_from_start_to_finish_loses_nothing() {
    let site = Site::start().await;
    let (old, new) = two_releases(&site, 2).await;
    let load = load(&site, true);
    site.scaled(new, 1).await;
    for share in [100, 2_500, 5_000] {
        site.route(&Route::split(old, new, BasisPoints::saturating(share)))
            .await;
        answers(&load, 150).await;
    }
    site.scaled(new, 2).await;
    site.route(&Route::all(new)).await;
    answers(&load, 150).await;
    site.scaled(old, 0).await;
    answers(&load, 150).await;
    let stats = load.stop().await;
    assert_nothing_lost(&stats);
    assert!(stats.by_revision["v1"].requests > 300 && stats.by_revision["v2"].requests > 300);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_instance_by_instance_loses_nothing() {
    let site = Site::start().await;
    let (old, new) = two_releases(&site, 3).await;
    let load = load(&site, false);
    for step in 1..=3 {
        site.scaled(new, step).await;
        let share = BasisPoints::saturating(u64::from(step) * 10_000 / 3);
        site.route(&Route::split(
            old,
            new,
            if step == 3 { BasisPoints::FULL } else { share },
        ))
        .await;
        site.scaled(old, 3 - step).await;
        answers(&load, 100).await;
    }
    assert_nothing_lost(&load.stop().await);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_crashes_costs_only_what_it_had_in_flight() {
    let site = Site::start().await;
    let (old, new) = two_releases(&site, 2).await;
    site.scaled(new, 1).await;
    site.route(&Route::split(old, new, BasisPoints::saturating(5_000)))
        .await;
    let load = load(&site, true);
    answers(&load, 200).await;
    let crash = super::get(&site.address, "/pid").await;
    let killed = crash.lines().last().unwrap_or_default();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", killed])
        .status();
    assert!(killed.expect("kill runs").success());
    answers(&load, 400).await;
    let stats = load.stop().await;
    assert!(stats.lost.total() <= 8, "{:?}", stats.losses);
    site.end().await;
}

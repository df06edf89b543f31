//! What a client loses when the table changes or an instance dies: nothing,
//! or what was in flight.

use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions, LoadStats};
use baepo_runtime::router::{Backend, Limits, Table};

use crate::service::{Front, Service, Side, split, until};

fn services(revision: &str, count: usize) -> Vec<Service> {
    (0..count).map(|_| Service::start(revision, &[])).collect()
}

/// Load of a kind: reads and writes in turns.
fn load(front: &Front, keeps_alive: bool) -> Load {
    Load::start(LoadOptions {
        keeps_alive,
        mix: vec![Exchange::get("/"), Exchange::echo("/cart", "rye, spelt")],
        max_duration: Duration::from_secs(20),
        ..LoadOptions::new(&front.address)
    })
}

async fn answers(load: &Load, more: u64) {
    let goal = load.stats().requests + more;
    until("the load goes on", || load.stats().requests >= goal).await;
}

fn assert_nothing_lost(stats: &LoadStats) {
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    assert_eq!(stats.failures(), 0);
}

async fn flips_lose_nothing(keeps_alive: bool) {
    let (old, new) = (services("v1", 2), services("v2", 2));
    let (stable, candidate) = (Side::of(1, &old), Side::of(2, &new));
    let front = Front::start(Limits::default());
    front.router.set_table(split(&stable, &candidate, 0));
    let load = load(&front, keeps_alive);
    for flip in 0..200 {
        front.router.set_table(split(
            &stable,
            &candidate,
            if flip % 2 == 0 { 10_000 } else { 0 },
        ));
        answers(&load, 10).await;
    }
    let stats = load.stop().await;
    assert_nothing_lost(&stats);
    assert!(stats.by_revision["v1"].requests > 500 && stats.by_revision["v2"].requests > 500);
    let counted = stable.counters.telemetry().requests + candidate.counters.telemetry().requests;
    assert_eq!(counted, stats.requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_flips_lose_nothing_on_kept_connections() {
    flips_lose_nothing(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_flips_lose_nothing_with_a_connection_per_request() {
    flips_lose_nothing(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_each_instance_in_turn_loses_nothing() {
    let mut running = services("v1", 4);
    let mut side = Side::of(1, &running);
    let front = Front::start(Limits::default());
    front.router.set_table(Table::new(vec![side.lane(10_000)]));
    let load = load(&front, true);
    for (place, service) in running.iter_mut().enumerate() {
        answers(&load, 200).await;
        let leaving = side.backends.remove(place);
        front.router.set_table(Table::new(vec![side.lane(10_000)]));
        until("what it had has drained", || leaving.in_flight() == 0).await;
        leaving.retire();
        service.kill();
        *service = Service::start("v1", &[]);
        side.backends
            .insert(place, Backend::new(format!("new-{place}"), service.address));
        front.router.set_table(Table::new(vec![side.lane(10_000)]));
    }
    answers(&load, 200).await;
    assert_nothing_lost(&load.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_instance_costs_at_most_what_it_had_in_flight() {
    let mut running = services("v1", 4);
    let side = Side::of(1, &running);
    let front = Front::start(Limits::default());
    front.router.set_table(Table::new(vec![side.lane(10_000)]));
    let connections = 16;
    let load = Load::start(LoadOptions {
        connections,
        mix: vec![Exchange::echo("/cart", "rye")],
        ..LoadOptions::new(&front.address)
    });
    answers(&load, 1_000).await;
    running[2].kill();
    answers(&load, 3_000).await;
    let stats = load.stop().await;
    let lost = stats.lost.total();
    assert!(
        lost <= connections as u64,
        "{lost} lost: {:?}",
        stats.losses
    );
    // Each refused connection is a failure of the release, though its client
    // got an answer from another instance.
    let telemetry = side.counters.telemetry();
    assert!(
        telemetry.failures > lost,
        "{} failures, {lost} lost",
        telemetry.failures
    );
}

/// The control for all tests above: a client that sees no loss here would see
/// none anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_an_instance_without_draining_is_seen_as_loss() {
    let mut running = services("v1", 1);
    let side = Side::of(1, &running);
    let front = Front::start(Limits::default());
    front.router.set_table(Table::new(vec![side.lane(10_000)]));
    let load = Load::start(LoadOptions {
        mix: vec![Exchange::get("/slow?ms=20")],
        ..LoadOptions::new(&front.address)
    });
    answers(&load, 50).await;
    running[0].kill();
    answers(&load, 50).await;
    let stats = load.stop().await;
    assert!(stats.lost.refused > 0, "{stats:?}");
    assert!(side.counters.telemetry().failures > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_see_the_asked_share_in_every_thousand() {
    let (old, new) = (services("v1", 2), services("v2", 1));
    let (stable, candidate) = (Side::of(1, &old), Side::of(2, &new));
    let front = Front::start(Limits::default());
    for asked in [100, 1_000, 5_000] {
        front.router.set_table(split(&stable, &candidate, asked));
        let stats = Load::start(LoadOptions {
            connections: 4,
            max_requests: 4_000,
            ..LoadOptions::new(&front.address)
        })
        .finish()
        .await;
        assert_nothing_lost(&stats);
        let seen = stats.by_revision["v2"].max_share.value();
        // The order in which a client sends is not quite that in which the
        // router takes: four connections may be ahead of each other.
        assert!(
            seen.abs_diff(asked) <= 140,
            "asked {asked}, most seen {seen}"
        );
        let share = stats.by_revision["v2"].requests * 10_000 / stats.requests;
        assert!(
            share.abs_diff(u64::from(asked)) <= 10,
            "asked {asked}, in all {share}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_counted_for_the_revision_that_answered() {
    let old = services("v1", 1);
    let new = vec![Service::start("v2", &[("FAIL_EVERY", "4")])];
    let (stable, candidate) = (Side::of(1, &old), Side::of(2, &new));
    let front = Front::start(Limits::default());
    front.router.set_table(split(&stable, &candidate, 5_000));
    let stats = Load::start(LoadOptions {
        max_requests: 800,
        ..LoadOptions::new(&front.address)
    })
    .finish()
    .await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    assert_eq!((stats.requests, stats.by_revision["v1"].failures), (800, 0));
    assert_eq!(stats.by_revision["v2"].failures, 100);
    assert_eq!(candidate.counters.telemetry().failures, 100);
    assert_eq!(stable.counters.telemetry().failures, 0);
}

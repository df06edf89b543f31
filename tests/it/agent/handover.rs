//! An agent that takes the place of another, under load.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use baepo_core::fleet::Route;
use baepo_runtime::load::{Exchange, Load, LoadOptions};
use baepo_runtime::target::Target;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::process::{AgentProcess, free_address};
use super::restart::pids;
use super::{Site, observed, staging, until_under_way};
use crate::life::zero_loss::socket::Users;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_upgraded_without_a_request_lost() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut agent = AgentProcess::start(dir.path(), &address).await;
    let target = agent.target.clone();
    let release = staging(1, &[]);
    let digest = release.release.digest;
    let token = agent.serve(&release, 2).await;
    let instances = pids(&address).await;
    let load = |keeps_alive| {
        Load::start(LoadOptions {
            keeps_alive,
            rate: Some(500.0),
            connections: 8,
            mix: vec![
                Exchange::get("/"),
                Exchange::echo("/cart", "two rolls"),
                Exchange::get("/slow?ms=300"),
            ],
            ..LoadOptions::new(&address)
        })
    };
    let loads = [load(true), load(false)];
    let users = Users::start(&address, 5);
    for _ in 0..3 {
        let mut old = agent;
        agent = AgentProcess::start(dir.path(), &address).await;
        assert!(old.ends(Duration::from_secs(40)), "the old agent stays");
    }
    let mut requests = 0;
    for load in loads {
        let stats = load.stop().await;
        let lost = (stats.lost.total(), stats.failures());
        assert_eq!(lost, (0, 0), "{:?}", stats.losses);
        requests += stats.requests;
    }
    let counts = users.stop().await;
    let count =
        |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(count(&counts.cut), 0);
    assert!(requests > 1_000 && count(&counts.told) >= 15);
    // The same instances, under the same route and lease.
    assert_eq!(pids(&address).await, instances);
    let fleet = target.observe().await.unwrap();
    let route = Route::all(digest);
    assert_eq!((fleet.route.clone(), fleet.of(digest).restarts), (route, 0));
    target.scale(token, digest, 3).await.unwrap();
    observed(&target, digest, "a third is ready", |seen| seen.ready == 3).await;
    target.shutdown(Duration::from_secs(20)).await.unwrap();
    assert!(agent.ends(Duration::from_secs(10)));
}

/// What the new agent stops, the old one may still have requests under way to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_not_stopped_under_requests_of_the_old_agent() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut old = AgentProcess::start(dir.path(), &address).await;
    let target = old.target.clone();
    let release = staging(1, &[]);
    let digest = release.release.digest;
    let token = old.serve(&release, 1).await;
    let asked = address.clone();
    let slow = tokio::spawn(async move { super::get(&asked, "/slow?ms=3000").await });
    until_under_way(&target, 1).await;
    let mut new = AgentProcess::start(dir.path(), &address).await;
    target.scale(token, digest, 0).await.unwrap();
    assert!(slow.await.unwrap().ends_with("at last\n"));
    observed(&target, digest, "it is gone", |seen| seen.draining == 0).await;
    assert!(old.ends(Duration::from_secs(10)));
    target.shutdown(MINUTE).await.unwrap();
    assert!(new.ends(Duration::from_secs(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_fails_leaves_everything_as_it_was() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 2).await;
    site.route(&Route::all(digest)).await;
    let load = Load::start(LoadOptions {
        rate: Some(500.0),
        ..LoadOptions::new(&site.address)
    });
    for _ in 0..3 {
        // One that takes the socket and dies before it serves.
        let door = site.dir.path().join("state/successor");
        let mut successor = UnixStream::connect(door).await.unwrap();
        let introduced = successor.read(&mut [0; 4096]).await.unwrap();
        assert!(introduced > 0);
        assert!(site.target.status().await.is_err());
        drop(successor);
        site.target.wait_until_up(MINUTE).await.unwrap();
    }
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    // It supervises again: what dies is started anew, and what is told to
    // leave leaves.
    let before: BTreeSet<String> = pids(&site.address).await;
    let victim = before.first().unwrap();
    let killed = Command::new("kill").args(["-KILL", victim]).status();
    assert!(killed.unwrap().success());
    site.until(digest, "it was started anew", |seen| {
        seen.restarts == 1 && seen.ready == 2
    })
    .await;
    site.scaled(digest, 1).await;
    site.end().await;
}

#[tokio::test]
async fn without_a_running_agent_there_is_nothing_to_take_over() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let agent = AgentProcess::start(dir.path(), &address).await;
    drop(agent);
    // Killed: its sockets are there, and nobody answers.
    let mut agent = AgentProcess::start(dir.path(), &address).await;
    let target = agent.target.clone();
    target.shutdown(MINUTE).await.unwrap();
    assert!(agent.ends(Duration::from_secs(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_listens_elsewhere_leaves_the_old_address() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (free_address(), free_address());
    let mut old = AgentProcess::start(dir.path(), &before).await;
    old.serve(&staging(1, &[]), 1).await;
    let mut new = AgentProcess::start(dir.path(), &after).await;
    assert!(super::get(&after, "/").await.ends_with("bread by v1\n"));
    assert!(old.ends(MINUTE));
    assert!(tokio::net::TcpStream::connect(&before).await.is_err());
    new.target.shutdown(MINUTE).await.unwrap();
    assert!(new.ends(MINUTE));
}

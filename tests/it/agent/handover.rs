//! An agent that takes the place of another, under load.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use baepo_core::fleet::Route;
use baepo_runtime::load::{Exchange, Load, LoadOptions};
use baepo_runtime::target::Target;
use baepo_runtime::target::local::LocalTarget;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::restart::{free_address, pids};
use super::{Site, observed, staging};
use crate::life::within;
use crate::life::zero_loss::socket::Users;

const MINUTE: Duration = Duration::from_secs(60);

/// An agent as a process of its own; killed when dropped.
struct AgentProcess(Child);

impl AgentProcess {
    /// Start one, and wait until it is the one that answers.
    async fn start(dir: &Path, listen: &str) -> AgentProcess {
        let child = Command::new(env!("CARGO_BIN_EXE_test-agent"))
            .arg(dir.join("state"))
            .arg(listen)
            .arg(dir.join("control"))
            .arg("take-over")
            .spawn();
        let agent = AgentProcess(child.expect("the agent starts"));
        let target = LocalTarget::new(dir.join("control"));
        for _ in 0..1_000 {
            let status = target.status().await;
            if status.is_ok_and(|status| status.pid == agent.0.id()) {
                return agent;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the agent does not answer within ten seconds");
    }

    /// Whether it ends by itself in this time.
    fn ends(&mut self, limit: Duration) -> bool {
        within(limit, || matches!(self.0.try_wait(), Ok(Some(_))))
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_upgraded_without_a_request_lost() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut agent = AgentProcess::start(dir.path(), &address).await;
    let target = LocalTarget::new(dir.path().join("control"));
    let lease = target.acquire("run", None, MINUTE).await.unwrap();
    let release = staging(1, &[]);
    let digest = release.release.digest;
    target.stage(lease.token, &release).await.unwrap();
    target.scale(lease.token, digest, 2).await.unwrap();
    observed(&target, digest, "both are ready", |seen| seen.ready == 2).await;
    let route = Route::all(digest);
    target.route(lease.token, &route).await.unwrap();
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
    assert_eq!((&fleet.route, fleet.of(digest).restarts), (&route, 0));
    target.scale(lease.token, digest, 3).await.unwrap();
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
    let target = LocalTarget::new(dir.path().join("control"));
    let lease = target.acquire("run", None, MINUTE).await.unwrap();
    let release = staging(1, &[]);
    let digest = release.release.digest;
    target.stage(lease.token, &release).await.unwrap();
    target.scale(lease.token, digest, 1).await.unwrap();
    observed(&target, digest, "it is ready", |seen| seen.ready == 1).await;
    target
        .route(lease.token, &Route::all(digest))
        .await
        .unwrap();
    let asked = address.clone();
    let slow = tokio::spawn(async move { super::get(&asked, "/slow?ms=3000").await });
    while !super::says_in_flight(&target).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut new = AgentProcess::start(dir.path(), &address).await;
    target.scale(lease.token, digest, 0).await.unwrap();
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
    let target = LocalTarget::new(dir.path().join("control"));
    target.shutdown(MINUTE).await.unwrap();
    assert!(agent.ends(Duration::from_secs(10)));
}

//! An agent that dies and one that comes after it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use baepo_core::fleet::Route;
use baepo_core::weight::BasisPoints;
use baepo_runtime::target::local::LocalTarget;
use baepo_runtime::target::{Target, TargetError};

use super::{Site, get, observed, says_in_flight, staging};

const MINUTE: Duration = Duration::from_secs(60);

/// An agent as a process of its own; killed when dropped.
struct AgentProcess {
    child: Child,
    target: LocalTarget,
}

impl AgentProcess {
    async fn start(dir: &Path, listen: &str) -> AgentProcess {
        let control = dir.join("control");
        let child = Command::new(env!("CARGO_BIN_EXE_test-agent"))
            .arg(dir.join("state"))
            .arg(listen)
            .arg(&control)
            .spawn()
            .expect("the agent starts");
        let target = LocalTarget::new(control);
        target
            .wait_until_up(Duration::from_secs(10))
            .await
            .expect("the agent answers");
        AgentProcess { child, target }
    }

    fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_address() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("it has an address").to_string()
}

fn birth_of(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    stat.rsplit(' ').nth(30).map(str::to_owned).unwrap_or(stat)
}

pub(crate) async fn pids(address: &str) -> std::collections::BTreeSet<String> {
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let answer = get(address, "/pid").await;
        pids.insert(answer.lines().last().unwrap_or_default().to_owned());
    }
    pids
}

#[tokio::test]
async fn instances_and_route_outlive_a_killed_agent() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let agent = AgentProcess::start(dir.path(), &address).await;
    let lease = agent.target.acquire("run", None, MINUTE).await.unwrap();
    let (one, two) = (staging(1, &[]), staging(2, &[]));
    for staging in [&one, &two] {
        let digest = staging.release.digest;
        agent.target.stage(lease.token, staging).await.unwrap();
        agent.target.scale(lease.token, digest, 2).await.unwrap();
        observed(&agent.target, digest, "both are ready", |seen| {
            seen.ready == 2
        })
        .await;
    }
    let route = Route::split(
        one.release.digest,
        two.release.digest,
        BasisPoints::saturating(5_000),
    );
    agent.target.route(lease.token, &route).await.unwrap();
    let before = pids(&address).await;
    assert_eq!(before.len(), 4);
    let births: Vec<String> = before.iter().map(|pid| birth_of(pid)).collect();
    agent.kill();
    assert_eq!(
        before.iter().map(|pid| birth_of(pid)).collect::<Vec<_>>(),
        births
    );

    let agent = AgentProcess::start(dir.path(), &address).await;
    // The first answer already comes under the old route.
    assert_eq!(pids(&address).await, before);
    let fleet = agent.target.observe().await.unwrap();
    assert_eq!(
        (&fleet.route, fleet.of(one.release.digest).restarts),
        (&route, 0)
    );
    assert_eq!(
        (
            fleet.of(one.release.digest).ready,
            fleet.of(two.release.digest).ready
        ),
        (2, 2)
    );
    let held = agent.target.acquire("other", None, MINUTE).await;
    assert!(
        matches!(&held, Err(TargetError::Held(lease)) if lease.holder == "run"),
        "{held:?}"
    );

    // What was taken over is watched and stopped like what was started.
    let victim = before.first().unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", victim])
            .status()
            .unwrap()
            .success()
    );
    let restarts = async || {
        let fleet = agent.target.observe().await.unwrap();
        fleet
            .instances
            .iter()
            .map(|instances| instances.restarts)
            .sum::<u64>()
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while restarts().await == 0 && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(restarts().await, 1);
    agent
        .target
        .shutdown(Duration::from_secs(20))
        .await
        .unwrap();
    for pid in &before {
        assert!(
            !Path::new(&format!("/proc/{pid}/cmdline")).exists() || is_zombie(pid),
            "{pid} lives"
        );
    }
}

fn is_zombie(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn an_instance_that_died_in_between_is_started_again() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 2).await;
    site.route(&Route::all(digest)).await;
    let before = pids(&site.address).await;
    let dir = site.leave().await;
    let victim = before.first().unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", victim])
            .status()
            .unwrap()
            .success()
    );
    let mut site = Site::resume(dir).await;
    site.until(digest, "both are ready", |seen| seen.ready == 2)
        .await;
    let after = pids(&site.address).await;
    assert_eq!((after.len(), after.intersection(&before).count()), (2, 1));
    let lease = site
        .target
        .acquire("test", Some(site.token), MINUTE)
        .await
        .unwrap();
    site.token = lease.token;
    site.end().await;
}

#[tokio::test]
async fn an_instance_that_was_leaving_leaves_after_a_crash_too() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let agent = AgentProcess::start(dir.path(), &address).await;
    let lease = agent.target.acquire("run", None, MINUTE).await.unwrap();
    let mut patient = staging(1, &[]);
    patient.workload.drain_deadline = MINUTE;
    let digest = patient.release.digest;
    agent.target.stage(lease.token, &patient).await.unwrap();
    agent.target.scale(lease.token, digest, 2).await.unwrap();
    observed(&agent.target, digest, "both are ready", |seen| {
        seen.ready == 2
    })
    .await;
    agent
        .target
        .route(lease.token, &Route::all(digest))
        .await
        .unwrap();
    // One is held in draining by a request that ends only with the agent.
    let (asked, at) = (address.clone(), Duration::from_millis(5));
    let held = tokio::spawn(async move { get(&asked, "/slow?ms=60000").await });
    while !says_in_flight(&agent.target).await {
        tokio::time::sleep(at).await;
    }
    agent.target.scale(lease.token, digest, 0).await.unwrap();
    observed(&agent.target, digest, "one still drains", |seen| {
        seen.draining == 1
    })
    .await;
    agent.kill();
    assert_eq!(held.await.unwrap(), "");
    let agent = AgentProcess::start(dir.path(), &address).await;
    observed(&agent.target, digest, "it is gone", |seen| {
        seen.draining + seen.ready == 0
    })
    .await;
    agent.target.shutdown(MINUTE).await.unwrap();
}

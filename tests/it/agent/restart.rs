//! An agent that dies and one that comes after it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use baepo_core::fleet::Route;
use baepo_core::weight::BasisPoints;
use baepo_runtime::target::{Target, TargetError};

use super::process::{AgentProcess, free_address};
use super::{Site, get, observed, staging, until_under_way};

const MINUTE: Duration = Duration::from_secs(60);

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
    let mut patient = staging(1, &[]);
    patient.workload.drain_deadline = MINUTE;
    let digest = patient.release.digest;
    let token = agent.serve(&patient, 2).await;
    // One is held in draining by a request that ends only with the agent.
    let asked = address.clone();
    let held = tokio::spawn(async move { get(&asked, "/slow?ms=60000").await });
    until_under_way(&agent.target, 1).await;
    agent.target.scale(token, digest, 0).await.unwrap();
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

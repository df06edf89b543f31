//! How instances come, fail, come back and go.

use std::time::{Duration, Instant};

use baepo_core::fleet::Route;
use baepo_runtime::target::Target;

use super::{Site, get, staging, until_under_way};

fn pid_in(answer: &str) -> i32 {
    answer
        .lines()
        .last()
        .and_then(|line| line.parse().ok())
        .expect("a pid")
}

fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn kill(pid: i32, signal: &str) {
    let killed = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[tokio::test]
async fn an_instance_that_never_becomes_healthy_says_why() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[("HEALTH", "never")])).await;
    site.scale(digest, 1).await;
    let seen = site.until(digest, "its health was asked", |seen| {
        seen.trouble.as_deref() == Some("health /healthz answered 503")
    });
    assert_eq!(
        (
            seen.await.starting,
            site.target.observe().await.unwrap().of(digest).ready
        ),
        (1, 0)
    );
    site.end().await;
}

#[tokio::test]
async fn an_instance_that_dies_at_once_is_started_again_and_says_its_last_words() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[("DIE_AT_ONCE", "1")])).await;
    site.scale(digest, 1).await;
    let seen = site
        .until(digest, "it was started again", |seen| seen.restarts >= 2)
        .await;
    let trouble = seen.trouble.unwrap();
    assert!(
        trouble.starts_with("exited with code 3 after "),
        "{trouble}"
    );
    assert!(trouble.ends_with("error: the oven is broken"), "{trouble}");
    let lines = site.target.logs(digest, 10).await.unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line.text == "error: the oven is broken"),
        "{lines:?}"
    );
    site.end().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let site = Site::start().await;
    let mut nothing = staging(1, &[]);
    nothing.workload.command = vec!["no-such-program".to_owned()];
    let digest = site.stage(&nothing).await;
    site.scale(digest, 1).await;
    let seen = site
        .until(digest, "it was tried", |seen| seen.trouble.is_some())
        .await;
    let trouble = seen.trouble.unwrap();
    assert!(
        trouble.starts_with("cannot start `no-such-program`: "),
        "{trouble}"
    );
    site.end().await;
}

#[tokio::test]
async fn a_killed_instance_comes_back_and_is_counted() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    let first = pid_in(&get(&site.address, "/pid").await);
    kill(first, "-KILL");
    site.until(digest, "it is counted", |seen| seen.restarts == 1)
        .await;
    site.until(digest, "it is back", |seen| seen.ready == 1)
        .await;
    assert!(pid_in(&get(&site.address, "/pid").await) != first);
    site.end().await;
}

#[tokio::test]
async fn output_is_kept_with_its_instance_and_without_secrets() {
    let site = Site::start().await;
    let mut chatty = staging(1, &[]);
    let script = "echo key is $OVEN_KEY; exec ./shop";
    chatty.workload.command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let digest = site.stage(&chatty).await;
    site.scaled(digest, 1).await;
    let lines = site.target.logs(digest, 10).await.unwrap();
    assert_eq!(lines[0].text, "key is ***");
    assert_eq!(lines[0].instance, format!("{}-1", digest.short()));
    assert!(lines[1].text.starts_with("listening on "), "{lines:?}");
    assert_eq!(site.target.logs(digest, 1).await.unwrap().len(), 1);
    site.end().await;
}

#[tokio::test]
async fn an_instance_that_ignores_sigterm_is_killed_at_the_deadline() {
    let site = Site::start().await;
    let mut stubborn = staging(1, &[]);
    let script = "trap '' TERM; exec ./shop --port {port}";
    stubborn.workload.command = ["sh", "-c", script].map(str::to_owned).to_vec();
    stubborn.workload.stop_deadline = Duration::from_millis(600);
    let digest = site.stage(&stubborn).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    let pid = pid_in(&get(&site.address, "/pid").await);
    let asked = Instant::now();
    site.scale(digest, 0).await;
    site.until(digest, "it is gone", |seen| seen.draining == 0)
        .await;
    let took = asked.elapsed();
    assert!(
        took >= Duration::from_millis(600) && !is_alive(pid),
        "after {took:?}"
    );
    site.end().await;
}

#[tokio::test]
async fn an_instance_that_leaves_finishes_its_requests_first() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    let pid = pid_in(&get(&site.address, "/pid").await);
    let address = site.address.clone();
    let asked = tokio::spawn(async move { get(&address, "/slow?ms=700").await });
    until_under_way(&site.target, 1).await;
    site.scale(digest, 0).await;
    let seen = site.target.observe().await.unwrap().of(digest);
    assert_eq!((seen.ready, seen.draining, is_alive(pid)), (0, 1, true));
    assert!(asked.await.unwrap().ends_with("at last\n"));
    site.until(digest, "it is gone", |seen| seen.draining == 0)
        .await;
    assert!(!is_alive(pid));
    site.end().await;
}

#[tokio::test]
async fn an_instance_beyond_the_drain_deadline_is_stopped_all_the_same() {
    let site = Site::start().await;
    let mut hasty = staging(1, &[]);
    hasty.workload.drain_deadline = Duration::from_millis(200);
    let digest = site.stage(&hasty).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    let address = site.address.clone();
    let asked = tokio::spawn(async move { get(&address, "/slow?ms=60000").await });
    until_under_way(&site.target, 1).await;
    site.scaled(digest, 0).await;
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 503"));
    let counted = site.target.telemetry(digest).await.unwrap().unwrap();
    assert_eq!((counted.requests, counted.cut), (0, 1));
    site.end().await;
}

#[tokio::test]
async fn surplus_instances_go_newest_first() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    let oldest = site.target.observe().await.unwrap().of(digest).endpoints;
    site.scaled(digest, 3).await;
    site.scaled(digest, 1).await;
    assert_eq!(
        site.target.observe().await.unwrap().of(digest).endpoints,
        oldest
    );
    site.end().await;
}

#[tokio::test]
async fn shutdown_leaves_no_process_behind() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 2).await;
    site.route(&Route::all(digest)).await;
    let pids = [
        pid_in(&get(&site.address, "/pid").await),
        pid_in(&get(&site.address, "/pid").await),
    ];
    site.end().await;
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
}

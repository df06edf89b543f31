//! Ends that nobody wishes for: a job that is cancelled while GitHub does not
//! answer, one that is killed, a machine that is gone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Fake;
use super::fake::Trouble;
use super::job::{Site, quick};
use crate::life::{baepo, within};

/// A job of `push` as the action starts it: by the script that becomes baepo.
fn start(site: &mut Site<'_>) -> Child {
    let job = site.command("push", &[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut script = Command::new("bash");
    script
        .args(["--noprofile", "--norc", "-p", "-euo", "pipefail"])
        .arg(root.join("scripts/run.sh"))
        .current_dir(job.get_current_dir().unwrap())
        .env("ACTION_PATH", root)
        .env("BAEPO_BINARY", baepo())
        .env("BAEPO_COMMAND", "run")
        .env("BAEPO_COMMANDS", "run")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for input in [
        "CONFIG",
        "ENVIRONMENT",
        "MAX_WAIT",
        "PACK",
        "BUNDLE",
        "BUNDLE_DIGEST",
        "JOURNAL",
    ] {
        script.env(format!("BAEPO_{input}"), "");
    }
    for (name, value) in job.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.spawn().unwrap()
}

/// What the runner does to a step whose job is cancelled.
/// Source: actions/runner, `ProcessInvoker.cs`: 7.5 s after the first signal
/// comes the second, and 2.5 s after that the last.
fn cancel(job: &mut Child) -> Duration {
    let pid = Pid::from_child(job);
    let began = Instant::now();
    for (signal, patience) in [(Signal::INT, 7_500), (Signal::TERM, 2_500)] {
        kill_process(pid, signal).unwrap();
        let has_ended = || job.try_wait().unwrap().is_some();
        if within(Duration::from_millis(patience), has_ended) {
            return began.elapsed();
        }
    }
    kill_process(pid, Signal::KILL).unwrap();
    panic!("the runner had to kill it");
}

fn wait_for_share(site: &Site<'_>, weight: u64) {
    site.checkout
        .wait_until("the candidate has its share", |checkout| {
            let route = checkout.status()["fleet"]["route"].clone();
            let mut shares = route.as_array().into_iter().flatten();
            shares.any(|share| share["weight"] == weight)
        });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_job_tells_its_end_in_the_seconds_that_it_has() {
    let canary = quick().replace("max-observe: 2s", "max-observe: 60s");
    let troubles = [
        None,
        Some(Trouble::status(503, false)),
        Some(Trouble::limited(429, &[("retry-after", "90")])),
    ];
    for trouble in troubles {
        let github = Fake::start().await;
        let mut site = Site::new(&github, &github.url(), 700);
        site.merge("v1", "hello", &quick());
        site.job("push", &["run"]).shows(0, &[]);
        let before = site.checkout.head();
        site.merge("v2", "hello", &canary);
        let mut job = start(&mut site);
        wait_for_share(&site, 500);
        let is_down = trouble.is_some();
        if let Some(trouble) = trouble {
            github.state().troubles.push(("", trouble, u32::MAX));
        }
        let took = cancel(&mut job);
        let output = job.wait_with_output().unwrap();
        let done = site.done(output);
        assert!(took < Duration::from_secs(9), "{took:?}: {}", done.log());
        done.shows(130, &[]);
        assert_eq!(done.value("outcome"), "rolled-back");
        assert_eq!(done.value("reason-code"), "cancelled");
        site.checkout.wait_until("all is as before", |checkout| {
            checkout.serves_wholly().as_ref() == Some(&before)
        });
        match is_down {
            false => done.shows(130, &["comment ✅ · check ✅ · status ✅ · deployment ✅"]),
            true => {
                done.shows(130, &["⚠ comment not told", "⚠ deployment not told"]);
                assert!(
                    done.summary.contains("**Delivery:** ⚠ comment not told"),
                    "{}",
                    done.summary
                );
            }
        }
    }
}

/// The runner is gone, and nobody has told the end. The timer goes on, and tells
/// it where the beginning was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_is_killed_on_its_way_is_told_of_by_the_next_one() {
    let github = Fake::start().await;
    let mut site = Site::new(&github, &github.url(), 720);
    site.merge("v1", "hello", &quick());
    let alone: &[&str] = &["run", "--environment", "production"];
    site.job("push", alone).shows(0, &[]);
    site.merge(
        "v2",
        "hello",
        &quick().replace("max-observe: 2s", "max-observe: 12s"),
    );
    let mut job = site.command("push", alone).spawn().unwrap();
    let told = || {
        site.comment()
            .contains("### 🟡 Canary at 5 % in production")
    };
    assert!(within(Duration::from_secs(30), told), "{}", site.comment());
    job.kill().unwrap();
    job.wait().unwrap();
    let checks = site.github.state().checks.len();
    let done = site.job("schedule", &["run"]);
    // How it ends is chance: it may have been alone for too long.
    assert!(
        [Some(0), Some(4)].contains(&done.output.status.code()),
        "{}",
        done.log()
    );
    let comment = site.comment();
    let ends = [
        "### 🟢 Live in production",
        "### 🔴 Rolled back in production at 5 %",
    ];
    assert!(ends.iter().any(|end| comment.contains(end)), "{comment}");
    assert!(comment.contains("id=shop/production "), "{comment}");
    let state = site.github.state();
    assert_eq!(state.checks.len(), checks + 1);
    assert_eq!(
        state.checks[checks].fields["name"],
        "baepo: shop/production"
    );
}

/// The agent of the environment is gone in the middle of a rollout: nobody can
/// say what serves, and that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_machine_that_is_gone_is_a_matter_for_a_person() {
    let github = Fake::start().await;
    let mut site = Site::new(&github, &github.url(), 740);
    site.merge("v1", "hello", &quick());
    site.job("push", &["run"]).shows(0, &[]);
    let settings = quick().replace("max-observe: 2s", "max-observe: 60s");
    site.merge("v2", "hello", &(settings + "    progress-deadline: 5s\n"));
    let job = site.command("push", &["run"]).spawn().unwrap();
    wait_for_share(&site, 500);
    site.checkout.kill_agent();
    let done = site.done(job.wait_with_output().unwrap());
    done.shows(5, &[]);
    assert_eq!(done.value("outcome"), "stuck");
    let comment = site.comment();
    // At the share that was last seen, which may be that of before.
    assert!(comment.contains("### 🔴 STUCK "), "{comment}");
    assert!(comment.contains("A person must look"), "{comment}");
    let state = site.github.state();
    assert_eq!(state.deployments.last().unwrap().state(), "error");
    drop(state);
    site.checkout.start_agent();
    site.checkout.runs(&["abort"], 4, &[]);
    assert!(site.checkout.serves_wholly().is_some());
}

//! `logs`: lines of the sample service through an agent, files of a checkout in
//! journald's formats, and whole runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use baepo_core::fleet::Route;
use baepo_core::release::Release;
use baepo_core::rollout::{LookRequest, Observation, Side};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Phase, Verdict};
use baepo_core::weight::BasisPoints;
use baepo_runtime::capability::output::RolloutOutput;
use baepo_runtime::load::{Load, LoadOptions};
use baepo_runtime::plugin::{CallContext, Plugin};
use baepo_runtime::target::{Staging, Target};

use crate::agent::{Site, get, staging};
use crate::host::guest;
use crate::life::{Checkout, said, shop};

/// What a configuration file grants without saying so.
const GRANTED: &str = r#"{"read": [".baepo/output"]}"#;

/// The shop of one revision as a release.
fn shop_staging(mark: u8, revision: &str) -> Staging {
    let mut staging = staging(mark, &[]);
    let program = shop(revision);
    let content = std::fs::read(&program).unwrap();
    staging.files[0].sha256 = guest::digest(&content);
    staging.files[0].source = program;
    staging
}

async fn logs(grants: &str) -> Plugin {
    guest::builtin("logs", grants).await
}

fn request(config: &str, stable: &Release, candidate: &Release) -> LookRequest {
    let side = |release: &Release, requests| Side {
        release: release.clone(),
        endpoints: Arc::new([]),
        telemetry: Some(Telemetry {
            requests,
            ..Telemetry::default()
        }),
    };
    LookRequest {
        config: config.into(),
        memory: Vec::new(),
        phase: Phase::Ramp,
        window: 1,
        window_elapsed: Millis(5_000),
        since_last_look: Millis(5_000),
        last_look: false,
        weight: None,
        stable: Some(side(stable, 900)),
        candidate: side(candidate, 100),
        stable_before: None,
        now: Time(0),
    }
}

async fn observe(plugin: &Plugin, context: &CallContext, request: &mut LookRequest) -> Observation {
    let outcome = plugin.observe(context, request, "logs").await;
    let observation = outcome.result.unwrap();
    request.memory.clone_from(&observation.memory);
    observation
}

fn titles(observation: &Observation) -> Vec<&str> {
    let findings = observation.judged.findings.iter();
    findings.map(|finding| finding.title.as_str()).collect()
}

/// A look of a rollout at a site: each has bytes of its own to read.
fn at(site: &Site, stable: &Staging, candidate: &Staging) -> CallContext {
    let output = RolloutOutput::new(
        Arc::new(site.target.clone()),
        Some(stable.release.digest),
        candidate.release.digest,
    );
    CallContext {
        output: Some(Arc::new(output)),
        ..CallContext::bare()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bad_revision_of_the_shop_writes_an_error_that_the_good_one_does_not() {
    let site = Site::start().await;
    let (good, bad) = (shop_staging(1, "v1"), shop_staging(2, "v3"));
    for staging in [&good, &bad] {
        let digest = site.stage(staging).await;
        site.scaled(digest, 1).await;
    }
    let plugin = logs(GRANTED).await;
    let mut request = request("{}", &good.release, &bad.release);
    let context = || at(&site, &good, &bad);
    let quiet = observe(&plugin, &context(), &mut request).await;
    assert_eq!(quiet.judged.verdict, Verdict::Healthy, "{quiet:?}");
    assert_eq!(quiet.judged.reason, "no error in 1 line of the candidate");

    let half = BasisPoints::saturating(5_000);
    let (stable, candidate) = (good.release.digest, bad.release.digest);
    site.route(&Route::split(stable, candidate, half)).await;
    let mut failed = 0;
    for _ in 0..400 {
        let answer = get(&site.address, "/").await;
        failed += usize::from(answer.starts_with("HTTP/1.1 500"));
    }
    assert!(failed >= 3, "{failed}");
    let observation = observe(&plugin, &context(), &mut request).await;
    // A warning: requests that fail are counted by `traffic`.
    assert_eq!(observation.judged.verdict, Verdict::Healthy);
    let told = titles(&observation);
    let title = format!("new error, {failed} times: error: panicked at src/cart.rs:");
    assert!(told.len() == 1 && told[0].starts_with(&title), "{told:?}");
    let message = &observation.judged.findings[0].message;
    // All are the same, and shown once.
    assert_eq!(message.matches("index out of bounds").count(), 1);

    // Nothing was granted: nothing is seen, and so nothing is healthy.
    request.memory.clear();
    let blind = observe(&logs("{}").await, &context(), &mut request).await;
    assert_eq!(blind.judged.verdict, Verdict::Inconclusive);
    assert!(
        blind
            .judged
            .reason
            .starts_with("no log of the candidate can be read"),
        "{}",
        blind.judged.reason
    );

    // A rollout of the good revision does not see what the bad one writes.
    request.memory.clear();
    request.candidate.release = good.release.clone();
    let other = at(&site, &good, &good);
    let apart = observe(&plugin, &other, &mut request).await;
    assert_eq!(titles(&apart), [""; 0]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_output_of_both_releases_can_be_read_and_only_so_much() {
    let site = Site::start().await;
    let (mine, other) = (shop_staging(1, "v1"), shop_staging(2, "v1"));
    for staging in [&mine, &other] {
        let digest = site.stage(staging).await;
        site.scaled(digest, 1).await;
    }
    let files = site.target.outputs(mine.release.digest).await.unwrap();
    let [file] = files.as_slice() else {
        panic!("{files:?}")
    };
    let read = async |name: &str| {
        let digest = mine.release.digest;
        site.target
            .read_output(digest, name, 0, 1 << 30)
            .await
            .unwrap()
    };
    let part = read(&file.name).await.unwrap();
    assert_eq!(part.size_bytes, file.size_bytes);
    assert!(String::from_utf8_lossy(&part.content).contains("v1 listening on"));
    let theirs = site.target.outputs(other.release.digest).await.unwrap();
    for name in [
        theirs[0].name.as_str(),
        "../secrets.json",
        "..%2fstate",
        "a&name=b",
        "",
    ] {
        assert_eq!(read(name).await, None, "{name}");
    }

    // A service that writes without end: a look reads what it may, and goes on.
    let log = site.dir.path().join("state/logs").join(&file.name);
    let long = "INFO words that fill a line of the log\n".repeat(180_000);
    std::fs::write(&log, format!("{long}ERROR at the end\n")).unwrap();
    let plugin = logs(GRANTED).await;
    let mut request = request(r#"{"min-new": 1}"#, &other.release, &mine.release);
    let observation = observe(&plugin, &at(&site, &other, &mine), &mut request).await;
    let told = titles(&observation);
    let wanted = [
        "new error, once: ERROR at the end",
        "not all log lines were read",
    ];
    assert_eq!(told, wanted);
    site.end().await;
}

#[tokio::test]
async fn journald_writes_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/monitor/journal");
    let config = r#"{"files": ["logs/{role}.*"], "min-new": 2}"#;
    let context = CallContext {
        checkout: Some(folder.path().into()),
        ..CallContext::bare()
    };
    let plugin = logs(r#"{"read": ["logs"]}"#).await;
    let release = staging(1, &[]).release;
    for ending in ["export", "json"] {
        let logs = folder.path().join("logs");
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir(&logs).unwrap();
        let path = |role: &str| logs.join(format!("{role}.{ending}"));
        let fixture = std::fs::read(fixtures.join(format!("stable.{ending}"))).unwrap();
        std::fs::write(path("stable"), &fixture).unwrap();
        std::fs::write(path("candidate"), "").unwrap();
        let mut request = request(config, &release, &release);
        let first = observe(&plugin, &context, &mut request).await;
        assert_eq!(first.judged.verdict, Verdict::Healthy, "{first:?}");
        // It comes in pieces that end anywhere.
        let fixture = std::fs::read(fixtures.join(format!("candidate.{ending}"))).unwrap();
        let mut last = first;
        for end in (0..fixture.len()).step_by(97).chain([fixture.len()]) {
            std::fs::write(path("candidate"), &fixture[..end]).unwrap();
            last = observe(&plugin, &context, &mut request).await;
        }
        let wanted = ["new error, twice: oven 7: temperature 412 is above the limit"];
        assert_eq!(titles(&last), wanted, "{ending}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_a_run_names_the_new_error_with_lines() {
    let settings = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [25%], observe: { min: 2s, max: 10s }, bake: 1s }\n";
    let mut checkout = Checkout::new();
    let config = |checkout: &Checkout, greeting: &str| {
        let config = checkout.config(greeting, settings);
        config.replace("monitors: [traffic]", "monitors: [traffic, logs]")
    };
    checkout.commit("v1", &config(&checkout, "one"));
    checkout.start_agent();
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(200.0);
    options.max_duration = Duration::from_secs(120);
    let load = Load::start(options);
    checkout.commit("v3", &config(&checkout, "three"));
    let mut command = checkout.baepo(&["run"]);
    let report = checkout.path().join("out/summary");
    command.env("GITHUB_STEP_SUMMARY", &report);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    load.stop().await;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let report = std::fs::read_to_string(report).unwrap();
    for words in [
        "Rolled back in production",
        "new error, ",
        "panicked at src/cart.rs:",
        "index out of bounds: the len is 19",
        "known errors",
    ] {
        assert!(report.contains(words), "`{words}` is not in: {report}");
    }
}

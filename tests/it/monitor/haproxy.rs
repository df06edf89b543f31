//! `prometheus` on the counters of HAProxy's own exporter.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baepo_core::verdict::{Judged, Verdict};
use serde_json::json;

use super::prometheus::Prometheus;
use super::{Ending, Watch, get, side};
use crate::life::{free_port, within};
use crate::service::Service;

/// HAProxy, ended when dropped.
pub(super) struct Haproxy {
    folder: tempfile::TempDir,
    process: Option<Ending>,
    /// Where its exporter is.
    pub(super) metrics: String,
}

impl Haproxy {
    /// One that has an exporter, and beside it these parts of a configuration.
    pub(super) fn start(parts: &str) -> Haproxy {
        let folder = tempfile::Builder::new().prefix("ha").tempdir().unwrap();
        let metrics = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "defaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  \
             timeout server 10s\n\
             frontend metrics\n  bind {metrics}\n  \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n\
             {parts}"
        );
        std::fs::write(folder.path().join("haproxy.cfg"), config).unwrap();
        let mut haproxy = Haproxy {
            folder,
            process: None,
            metrics,
        };
        haproxy.restart();
        haproxy
    }

    /// Starts it again: its counters begin at zero.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.process = Some(Ending(run(self.folder.path())));
        let is_up = || get(&self.metrics, "/metrics").is_some_and(|(status, _)| status == 200);
        assert!(within(Duration::from_secs(10), is_up), "HAProxy is not up");
    }

    pub(super) fn stop(&mut self) {
        self.process = None;
    }
}

fn run(folder: &Path) -> std::process::Child {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("haproxy")
        .env("PATH", format!("{path}:/usr/sbin"))
        .args(["-db", "-f"])
        .arg(folder.join("haproxy.cfg"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is installed")
}

/// Two services behind HAProxy, a backend for each, and a Prometheus.
struct Scene {
    haproxy: Haproxy,
    prometheus: Prometheus,
    watch: Watch,
    /// Where requests for each role go.
    doors: [String; 2],
    _services: [Service; 2],
}

impl Scene {
    async fn start(of_candidate: &[(&str, &str)], selector: &str) -> Result<Scene> {
        let services = [
            Service::start("v1", &[]),
            Service::start("v2", of_candidate),
        ];
        let doors = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let parts = ["stable", "candidate"].iter().zip(&doors).zip(&services);
        let parts = parts.map(|((role, door), service)| {
            format!(
                "frontend {role}\n  bind {door}\n  default_backend shop-{role}\n\
                 backend shop-{role}\n  server s0 {}\n",
                service.address
            )
        });
        let haproxy = Haproxy::start(&parts.collect::<String>());
        let prometheus = Prometheus::start(&[("haproxy", &haproxy.metrics)]);
        let config = json!({
            "address": prometheus.url(), "template": "haproxy", "selector": selector,
        });
        let instance = |service: &Service| [service.address.to_string()];
        let grant = prometheus.grant();
        let watch = Watch::start(
            "prometheus",
            config,
            &grant,
            side(1, &instance(&services[0])),
            side(2, &instance(&services[1])),
        );
        Ok(Scene {
            watch: watch.await?,
            haproxy,
            prometheus,
            doors,
            _services: services,
        })
    }

    /// The first look that finds all counters: what is counted from there on is
    /// judged.
    async fn begin(&mut self) -> Result<()> {
        let has_begun = |reason: &str| reason.contains("no request of the candidate");
        let first = self.watch.look_until(|judged| has_begun(&judged.reason));
        ensure!(first.await?.verdict == Verdict::Inconclusive);
        Ok(())
    }

    /// So many requests for each role.
    fn ask(&self, times: usize) {
        for door in &self.doors {
            for _ in 0..times {
                assert!(get(door, "/").is_some(), "HAProxy answers");
            }
        }
    }
}

const SELECTOR: &str = r#"proxy="shop-{{role}}""#;

#[tokio::test]
async fn a_candidate_that_haproxy_sees_failing_is_failing() -> Result<()> {
    let mut scene = Scene::start(&[("FAIL_EVERY", "20")], SELECTOR).await?;
    scene.begin().await?;
    scene.ask(400);
    let judged = scene.watch.verdict(Verdict::Failing).await?;
    let reason = &judged.reason;
    ensure!(reason.starts_with("haproxy: "), "{reason}");
    ensure!(reason.contains("requests failed against 0 %"), "{reason}");
    // The same counters, and not judged by them.
    let measured = &judged.measurements[0];
    ensure!(measured.stable == Some(0.0), "{measured:?}");
    let failed = measured.candidate.unwrap_or_default();
    ensure!((1.0..10.0).contains(&failed), "{failed} %, not about 5");
    Ok(())
}

#[tokio::test]
async fn a_restart_loses_no_count_and_what_is_absent_is_never_healthy() -> Result<()> {
    let mut scene = Scene::start(&[], SELECTOR).await?;
    scene.begin().await?;
    scene.ask(500);
    let has = |words: &'static str| move |reason: &str| reason.contains(words);
    let counted = has("0 % of 500 requests failed against 0 %");
    let judged = scene.watch.look_until(|judged| counted(&judged.reason));
    ensure!(judged.await?.verdict == Verdict::Healthy);

    scene.haproxy.stop();
    let absent = has("no data for `haproxy_backend_http_responses_total");
    let judged = scene.watch.look_until(|judged| absent(&judged.reason));
    ensure!(judged.await?.verdict == Verdict::Inconclusive);

    scene.haproxy.restart();
    scene.ask(300);
    let counted = has("0 % of 800 requests failed against 0 %");
    let judged = scene.watch.look_until(|judged| counted(&judged.reason));
    ensure!(judged.await?.verdict == Verdict::Healthy);

    scene.prometheus.stop();
    let judged = scene.watch.look().await?;
    ensure!(judged.verdict == Verdict::Inconclusive, "{judged:?}");
    ensure!(
        judged.reason.contains("nothing answers there"),
        "{judged:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_selector_that_matches_nothing_is_not_healthy() -> Result<()> {
    let mut scene = Scene::start(&[], r#"proxy="other-{{role}}""#).await?;
    scene.ask(200);
    for _ in 0..10 {
        let judged = scene.watch.look().await?;
        ensure!(judged.verdict == Verdict::Inconclusive, "{judged:?}");
        ensure!(judged.reason.contains("no data"), "{judged:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_gauge_and_a_wrong_query_are_told_as_prometheus_tells_them() -> Result<()> {
    let haproxy = Haproxy::start("");
    let prometheus = Prometheus::start(&[("haproxy", &haproxy.metrics)]);
    let gauge = |query: &str, limit: f64| {
        json!({ "address": prometheus.url(), "interval": "100ms", "queries": [
            { "name": "up", "query": query, "direction": "decrease", "limit": limit },
        ] })
    };
    for (query, limit, verdict, words) in [
        (
            "min(up)",
            1.0,
            Verdict::Healthy,
            "up: 1 against 1, at least 1",
        ),
        ("min(up)", 2.0, Verdict::Failing, "3 times in a row"),
        ("min(up", 1.0, Verdict::Inconclusive, "parse error"),
        ("up[1m]", 1.0, Verdict::Inconclusive, "gives a matrix"),
        ("up / 0 - up / 0", 1.0, Verdict::Inconclusive, "is NaN"),
        ("up{job='x'}", 1.0, Verdict::Inconclusive, "no data"),
        (
            "haproxy_frontend_http_requests_total or haproxy_process_nbthread or up",
            1.0,
            Verdict::Inconclusive,
            "series where one is expected",
        ),
    ] {
        let sides = (side(1, &[]), side(2, &[]));
        let config = gauge(query, limit);
        let grant = prometheus.grant();
        let mut watch = Watch::start("prometheus", config, &grant, sides.0, sides.1).await?;
        let is_told = |judged: &Judged| judged.verdict == verdict && judged.reason.contains(words);
        watch.look_until(is_told).await.context(query)?;
    }
    Ok(())
}

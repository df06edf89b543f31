//! Whole runs that these monitors end.

use std::path::{Path, PathBuf};

use baepo_runtime::load::{Exchange, Load, LoadOptions};

use super::haproxy::Haproxy;
use super::prometheus::Prometheus;
use crate::life::{Checkout, DIRECT, free_port, said};

/// The checkout's configuration with other monitors.
fn config(checkout: &Checkout, greeting: &str, settings: &str, monitors: &str) -> String {
    let config = checkout.config(greeting, settings);
    let told = "monitors: [traffic]\n";
    assert!(config.contains(told), "{config}");
    config.replace(told, monitors)
}

#[test]
fn a_bad_revision_is_taken_back_in_its_preview_by_http_alone() {
    let mut checkout = Checkout::new();
    let settings =
        "    strategy:\n      plugin: builtin:blue-green\n      with: { preview: 1m, bake: 1s }\n";
    let monitors = "monitors: [traffic, http]\n";
    checkout.commit("v1", &config(&checkout, "zero", settings, monitors));
    let good = checkout.head();
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    // Nobody but the monitor asks the candidate anything.
    checkout.commit("v3", &config(&checkout, "one", settings, monitors));
    let text = checkout.runs(&["run"], 4, &["probes failed", "limit 1 %"]);
    assert!(!text.contains("denied"), "{text}");
    assert_eq!(checkout.serves_wholly(), Some(good));
}

#[test]
fn every_monitor_that_is_shown_can_be_used() {
    let page = include_str!("../../../docs/monitors.md");
    let blocks = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let mut seen = 0;
    for block in blocks {
        assert!(block.starts_with("monitors:"), "{block}");
        let block = block.replace('\n', "\n    ");
        let checkout = Checkout::new();
        let monitors = format!("{}\n", block.trim_end());
        checkout.commit("v1", &config(&checkout, "zero", DIRECT, &monitors));
        checkout.runs(&["plan"], 0, &[]);
        seen += 1;
    }
    assert!(seen >= 3, "{seen} configurations are shown");
}

/// The control socket below a folder.
fn control_socket(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut folders = Vec::new();
    for entry in entries {
        if entry.file_name() == "control.sock" {
            return Some(entry.path());
        }
        folders.extend(entry.file_type().ok()?.is_dir().then(|| entry.path()));
    }
    folders.iter().find_map(|folder| control_socket(folder))
}

#[tokio::test]
async fn a_bad_revision_is_taken_back_by_what_prometheus_has_of_the_agent() {
    let mut checkout = Checkout::new();
    let settings = "    strategy:\n      plugin: builtin:canary\n      \
                    with: { steps: [50%], observe: { min: 2s, max: 30s }, bake: 2s }\n";
    // Prometheus does not scrape sockets of Unix; HAProxy hands on.
    checkout.commit("v1", &checkout.config("zero", settings));
    let good = checkout.head();
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    let socket = control_socket(&checkout.path().join("state")).expect("the agent has one");
    let door = format!("127.0.0.1:{}", free_port());
    let _haproxy = Haproxy::start(&format!(
        "listen agent\n  bind {door}\n  server agent unix@{}\n",
        socket.display()
    ));
    let prometheus = Prometheus::start(&[("agent", &door)]);
    let monitors = format!(
        "monitors:\n      - plugin: builtin:prometheus\n        with: {{ address: \"{url}\", \
         selector: 'job=\"agent\"' }}\n        allow: {{ net: [\"{url}\"] }}\n",
        url = prometheus.url()
    );
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(400.0);
    options.mix = vec![Exchange::get("/")];
    let load = Load::start(options);
    checkout.commit("v3", &config(&checkout, "one", settings, &monitors));
    let mut command = checkout.baepo(&["run"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let stats = load.stop().await;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("baepo: "), "{text}");
    assert!(text.contains("requests failed"), "{text}");
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    assert_eq!(checkout.serves_wholly(), Some(good));
}

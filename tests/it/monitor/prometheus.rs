//! Debian's Prometheus as a child process, on a free port and a store of its
//! own.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Ending, get};
use crate::life::{free_port, within};

/// A running Prometheus that scrapes four times a second.
pub(super) struct Prometheus {
    process: Ending,
    /// Keeps what it stores until it has ended.
    _folder: tempfile::TempDir,
    address: String,
}

impl Prometheus {
    /// Starts it and waits until it answers. It scrapes these addresses, each as
    /// a job of its own name.
    pub(super) fn start(jobs: &[(&str, &str)]) -> Prometheus {
        let folder = tempfile::Builder::new().prefix("prom").tempdir().unwrap();
        let mut config = "global: { scrape_interval: 250ms, scrape_timeout: 250ms }\n\
                          scrape_configs:\n"
            .to_owned();
        for (name, address) in jobs {
            config.push_str(&format!(
                "- {{ job_name: {name}, static_configs: [{{ targets: ['{address}'] }}] }}\n"
            ));
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("store").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        let process = Ending(child);
        let is_ready = || get(&address, "/-/ready").is_some_and(|(status, _)| status == 200);
        assert!(
            within(Duration::from_secs(30), is_ready),
            "Prometheus does not answer"
        );
        Prometheus {
            process,
            _folder: folder,
            address,
        }
    }

    /// As it is written under `address`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The grant to ask it, and nobody else.
    pub(super) fn grant(&self) -> String {
        format!(r#"{{"net":["{}"]}}"#, self.url())
    }

    /// Ends it; what it has stored is not asked any more.
    pub(super) fn stop(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }
}

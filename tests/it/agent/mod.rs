//! The agent and the local target, with real processes behind them.

mod contract;
mod flips;
mod handover;
mod instances;
pub(crate) mod plugin;
pub(crate) mod process;
mod restart;
mod under_load;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baepo_core::digest::Digest;
use baepo_core::fleet::{Fleet, Instances, Route};
use baepo_core::lease::Token;
use baepo_core::release::{Release, Revision};
use baepo_core::time::Time;
use baepo_runtime::router::{Limits, Listen};
use baepo_runtime::target::local::{Agent, AgentOptions, LocalTarget};
use baepo_runtime::target::{StagedFile, Staging, Target, Workload};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::service::PROGRAM;

/// An agent inside the test, on a state directory that goes with it.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) target: LocalTarget,
    pub(crate) address: String,
    pub(crate) token: Token,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

pub(crate) fn options(dir: &Path) -> AgentOptions {
    AgentOptions {
        state_dir: dir.join("state"),
        listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
        control: dir.join("control"),
        limits: Limits::default(),
        sticky: None,
        has_watchdog: false,
        takes_over: false,
        starts_anew: false,
    }
}

impl Site {
    /// A site whose lease the test holds.
    pub(crate) async fn start() -> Site {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut site = Site::resume(dir).await;
        let lease = site
            .target
            .acquire("test", None, Duration::from_secs(600))
            .await;
        site.token = lease.expect("the lease is free").token;
        site
    }

    /// An agent on a directory that may have been used before.
    pub(crate) async fn resume(dir: tempfile::TempDir) -> Site {
        let options = options(dir.path());
        let target = LocalTarget::new(&options.control);
        let agent = Agent::start(options).await.expect("the agent starts");
        let address = agent.place().to_string();
        let stop = CancellationToken::new();
        let running = tokio::spawn(agent.run(stop.clone()));
        Site {
            dir,
            target,
            address,
            token: Token(1),
            stop,
            running,
        }
    }

    /// End the agent and leave its instances running.
    pub(crate) async fn leave(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.running.await.expect("the agent ends");
        self.dir
    }

    /// End everything.
    pub(crate) async fn end(self) {
        self.target
            .shutdown(Duration::from_secs(20))
            .await
            .expect("the agent ends");
        self.running.await.expect("the agent ends");
    }

    pub(crate) async fn stage(&self, staging: &Staging) -> Digest {
        self.target
            .stage(self.token, staging)
            .await
            .expect("the release is staged");
        staging.release.digest
    }

    pub(crate) async fn scale(&self, digest: Digest, instances: u32) {
        self.target
            .scale(self.token, digest, instances)
            .await
            .expect("the order is taken");
    }

    pub(crate) async fn route(&self, route: &Route) {
        self.target
            .route(self.token, route)
            .await
            .expect("the route is taken");
    }

    /// So many instances, ready.
    pub(crate) async fn scaled(&self, digest: Digest, instances: u32) {
        self.scale(digest, instances).await;
        self.until(digest, "all are ready and no other is left", |seen| {
            seen.ready == instances && seen.starting == 0 && seen.draining == 0
        })
        .await;
    }

    /// Wait until the instances of a release are so; panics after ten seconds.
    pub(crate) async fn until(
        &self,
        digest: Digest,
        what: &str,
        is_so: impl Fn(&Instances) -> bool,
    ) -> Instances {
        observed(&self.target, digest, what, is_so).await
    }
}

pub(crate) async fn observed(
    target: &dyn Target,
    digest: Digest,
    what: &str,
    is_so: impl Fn(&Instances) -> bool,
) -> Instances {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let fleet: Fleet = target.observe().await.expect("the agent answers");
        let seen = fleet.of(digest);
        if is_so(&seen) {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "not within ten seconds: {what}; seen: {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A release that runs the test service, told apart by `mark`.
pub(crate) fn staging(mark: u8, env: &[(&str, &str)]) -> Staging {
    let mut env: Vec<(String, String)> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    env.push(("REVISION".to_owned(), format!("v{mark}")));
    env.sort();
    let program = std::fs::read(PROGRAM).expect("the test service can be read");
    Staging {
        release: Release {
            digest: Digest::from_bytes([mark; 32]),
            revision: Revision {
                commit: format!("{mark:040x}"),
                ref_name: "main".to_owned(),
                summary: "Bake".to_owned(),
                committed_at: Time(0),
            },
            artifacts: Vec::new(),
        },
        workload: Workload {
            command: vec!["shop".to_owned()],
            env,
            secret_env: vec![("OVEN_KEY".to_owned(), "hot-and-secret".to_owned())],
            health_path: "/healthz".to_owned(),
            health_interval: Duration::from_millis(100),
            health_timeout: Duration::from_secs(2),
            drain_deadline: Duration::from_secs(5),
            stop_deadline: Duration::from_secs(2),
        },
        files: vec![StagedFile {
            name: "shop".to_owned(),
            sha256: Digest::from_bytes(Sha256::digest(&program).into()),
            executable: true,
            source: PathBuf::from(PROGRAM),
        }],
        manifest: String::new(),
    }
}

/// The answer to a GET through the router.
pub(crate) async fn get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("the router listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the router reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("the router answers");
    answer
}

/// The page for Prometheus.
pub(crate) async fn metrics(target: &LocalTarget) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(target.control())
        .await
        .expect("the agent answers");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .expect("the agent answers");
    let mut page = String::new();
    stream
        .read_to_string(&mut page)
        .await
        .expect("the agent answers");
    page
}

/// Wait until so many requests are under way to instances in rotation; panics
/// after ten seconds.
pub(crate) async fn until_under_way(target: &LocalTarget, wanted: u64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let page = metrics(target).await;
        let counts = page
            .lines()
            .filter(|line| line.starts_with("baepo_in_flight{"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        let seen: u64 = counts.sum();
        if seen == wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{seen} are under way, not {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

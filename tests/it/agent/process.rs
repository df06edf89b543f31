//! An agent as a process of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use baepo_core::fleet::Route;
use baepo_core::lease::Token;
use baepo_runtime::target::local::LocalTarget;
use baepo_runtime::target::{Staging, Target};

use super::observed;
use crate::life::within;

/// One that takes the place of the agent that runs, if one does; killed when
/// dropped.
pub(crate) struct AgentProcess {
    child: Child,
    pub(crate) target: LocalTarget,
}

impl AgentProcess {
    /// Start it, and wait until it is the one that answers.
    pub(crate) async fn start(dir: &Path, listen: &str) -> AgentProcess {
        let control = dir.join("control");
        let child = Command::new(env!("CARGO_BIN_EXE_test-agent"))
            .arg(dir.join("state"))
            .arg(listen)
            .arg(&control)
            .arg("take-over")
            .spawn();
        let agent = AgentProcess {
            child: child.expect("the agent starts"),
            target: LocalTarget::new(control),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        let is_up = async || {
            let status = agent.target.status().await;
            status.is_ok_and(|status| status.pid == agent.child.id())
        };
        while !is_up().await {
            assert!(Instant::now() < deadline, "the agent does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        agent
    }

    /// Let all traffic go to so many instances of a release.
    pub(crate) async fn serve(&self, staging: &Staging, instances: u32) -> Token {
        let (target, digest) = (&self.target, staging.release.digest);
        let lease = target.acquire("run", None, Duration::from_secs(60)).await;
        let token = lease.expect("the lease is free").token;
        target.stage(token, staging).await.expect("it is staged");
        target
            .scale(token, digest, instances)
            .await
            .expect("the order is taken");
        observed(target, digest, "all are ready", |seen| {
            seen.ready == instances
        })
        .await;
        target
            .route(token, &Route::all(digest))
            .await
            .expect("the route is taken");
        token
    }

    /// End it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// Whether it ends by itself in this time.
    pub(crate) fn ends(&mut self, limit: Duration) -> bool {
        within(limit, || matches!(self.child.try_wait(), Ok(Some(_))))
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

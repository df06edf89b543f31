//! The test service as a child process, and a router in front of some of them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baepo_core::digest::Digest;
use baepo_core::weight::BasisPoints;
use baepo_runtime::router::{
    Backend, Counters, Lane, Limits, Listen, Listener, Router, Sticky, Table,
};
use tokio_util::sync::CancellationToken;

/// Path of the test service.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_test-app");

/// One running instance, killed when dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(revision: &str, env: &[(&str, &str)]) -> Service {
        Service::start_on(0, revision, env)
    }

    pub(crate) fn start_on(port: u16, revision: &str, env: &[(&str, &str)]) -> Service {
        let mut child = Command::new(PROGRAM)
            .env("PORT", port.to_string())
            .env("REVISION", revision)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test service starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped"))
            .read_line(&mut line)
            .expect("the test service says where it listens");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|a| a.parse().ok());
        Service {
            address: address.unwrap_or_else(|| panic!("no address in `{line}`")),
            child,
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the service can be killed");
        self.child.wait().expect("the service can be waited for");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A router on a free port, stopped when dropped.
pub(crate) struct Front {
    pub(crate) router: Router,
    pub(crate) address: String,
    pub(crate) stop: CancellationToken,
}

impl Front {
    pub(crate) fn start(limits: Limits) -> Front {
        Front::start_with(limits, None)
    }

    pub(crate) fn start_with(limits: Limits, sticky: Option<Sticky>) -> Front {
        let router = Router::new(limits).with_sticky(sticky);
        let listener =
            Listener::bind(&Listen::Tcp(([127, 0, 0, 1], 0).into())).expect("a free port");
        let address = listener.place().to_string();
        let stop = CancellationToken::new();
        let (serving, until) = (router.clone(), stop.clone());
        tokio::spawn(async move { serving.serve(listener, until).await });
        Front {
            router,
            address,
            stop,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A release of the tests: its digest, counters and instances.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) digest: Digest,
    pub(crate) counters: Arc<Counters>,
    pub(crate) backends: Vec<Arc<Backend>>,
}

impl Side {
    pub(crate) fn of(mark: u8, services: &[Service]) -> Side {
        let backend =
            |(n, service): (usize, &Service)| Backend::new(format!("{mark}-{n}"), service.address);
        Side {
            digest: Digest::from_bytes([mark; 32]),
            counters: Arc::default(),
            backends: services.iter().enumerate().map(backend).collect(),
        }
    }

    pub(crate) fn lane(&self, basis_points: u32) -> Lane {
        Lane {
            digest: self.digest,
            weight: BasisPoints::new(basis_points).expect("at most 10000"),
            counters: self.counters.clone(),
            backends: self.backends.clone(),
        }
    }
}

/// The table with this share for the candidate.
pub(crate) fn split(stable: &Side, candidate: &Side, basis_points: u32) -> Table {
    match basis_points {
        0 => Table::new(vec![stable.lane(10_000)]),
        10_000 => Table::new(vec![candidate.lane(10_000)]),
        _ => Table::new(vec![
            stable.lane(10_000 - basis_points),
            candidate.lane(basis_points),
        ]),
    }
}

/// Wait until something is so; panics with `what` after ten seconds.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

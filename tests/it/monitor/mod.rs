//! The monitors that look outside, as components in the sandbox, on real
//! sources: Debian's Prometheus, HAProxy, the sample service.

mod haproxy;
mod http;
mod logs;
mod prometheus;
mod whole;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use baepo_core::digest::Digest;
use baepo_core::release::Release;
use baepo_core::rollout::{LookRequest, Side};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Judged, Phase, Verdict};
use baepo_runtime::plugin::{CallContext, Plugin};

use crate::host::guest;

/// How long a test waits for a verdict.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A monitor that looks again and again, as the host asks it.
struct Watch {
    plugin: Plugin,
    context: CallContext,
    request: LookRequest,
    began: Instant,
    looked: Instant,
}

impl Watch {
    /// A first-party monitor with these settings and grants, of two releases
    /// with these instances.
    async fn start(
        name: &str,
        config: serde_json::Value,
        allow: &str,
        stable: Side,
        candidate: Side,
    ) -> Result<Watch> {
        let plugin = guest::builtin(name, allow).await;
        let config = config.to_string();
        let context = CallContext::bare();
        plugin.describe_monitor(&context, &config).await.result?;
        let request = LookRequest {
            config,
            memory: Vec::new(),
            phase: Phase::Ramp,
            window: 1,
            window_elapsed: Millis(0),
            since_last_look: Millis(0),
            last_look: false,
            weight: None,
            stable: Some(stable),
            candidate,
            stable_before: None,
            now: Time(0),
        };
        let began = Instant::now();
        Ok(Watch {
            plugin,
            context,
            request,
            began,
            looked: began,
        })
    }

    async fn look(&mut self) -> Result<Judged> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.request.now = Time(millis(SystemTime::now().duration_since(UNIX_EPOCH)?));
        self.request.since_last_look = Millis(millis(self.looked.elapsed()));
        self.request.window_elapsed = Millis(millis(self.began.elapsed()));
        self.looked = Instant::now();
        let outcome = self.plugin.observe(&self.context, &self.request, "test");
        let observation = outcome.await.result?;
        self.request.memory = observation.memory;
        Ok(observation.judged)
    }

    /// Looks until it is so.
    async fn look_until(&mut self, is_so: impl Fn(&Judged) -> bool) -> Result<Judged> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let judged = self.look().await?;
            if is_so(&judged) {
                return Ok(judged);
            }
            if Instant::now() > deadline {
                bail!("not within {PATIENCE:?}: {judged:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn verdict(&mut self, wanted: Verdict) -> Result<Judged> {
        self.look_until(|judged| judged.verdict == wanted).await
    }
}

/// A release with instances at these addresses.
fn side(mark: u8, addresses: &[String]) -> Side {
    Side {
        release: Release {
            digest: Digest::from_bytes([mark; 32]),
            revision: guest::revision(),
            artifacts: Vec::new(),
        },
        endpoints: addresses
            .iter()
            .map(|address| format!("http://{address}"))
            .collect::<Vec<String>>()
            .into(),
        telemetry: None,
    }
}

/// Status and body of a page on this machine; nothing where nobody answers.
fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    // In one piece: small ones wait for each other's acknowledgement.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

//! The router against HAProxy, on the same instances, in the same minute.
//!
//! Rounds alternate between the two, so that what else the machine does hits
//! both; what is printed are medians, and ours as a ratio to HAProxy's. CPU per
//! request is the sound column on a shared machine.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::release::{Release, Revision};
use baepo_core::time::Time;
use baepo_runtime::target::local::LocalTarget;
use baepo_runtime::target::{StagedFile, Staging, Target, Workload};
use sha2::{Digest as _, Sha256};

const ROUNDS: usize = 5;
const SECONDS: u32 = 3;
const INSTANCES: u32 = 4;
/// Clients at once.
const CONNECTIONS: u32 = 32;
/// Of `/proc/PID/stat`. Source: proc(5); 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Result<()> {
    let (haproxy, wrk) = (find("haproxy")?, find("wrk")?);
    let runtime = tokio::runtime::Runtime::new()?;
    let dir = tempfile::tempdir()?;
    let (ours, theirs) = (free_port()?, free_port()?);
    let _agent = agent(dir.path(), ours)?;
    let target = LocalTarget::new(dir.path().join("control"));
    let endpoints = runtime.block_on(serve(&target))?;
    let agent_pid = runtime.block_on(target.status())?.pid;
    let proxy = proxy(&haproxy, dir.path(), theirs, &endpoints)?;

    let subjects = [
        ("haproxy", theirs, proxy.0.id()),
        ("baepo", ours, agent_pid),
    ];
    for (_, port, _) in subjects {
        round(&wrk, port, 1)?;
    }
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (samples, (_, port, pid)) in samples.iter_mut().zip(subjects) {
            let before = cpu_seconds(pid)?;
            let mut sample = round(&wrk, port, SECONDS)?;
            sample.cpu_us = (cpu_seconds(pid)? - before) * 1e6 / sample.requests;
            samples.push(sample);
        }
    }
    print(&samples);
    runtime.block_on(target.shutdown(Duration::from_secs(20)))?;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn print(samples: &[Vec<Sample>; 2]) {
    type Figure = fn(&Sample) -> f64;
    let columns: [(&str, Figure); 3] = [
        ("requests/s", |sample| sample.requests / sample.seconds),
        ("p99 ms", |sample| sample.p99_ms),
        ("CPU µs/request", |sample| sample.cpu_us),
    ];
    println!(
        "{CONNECTIONS} connections, {INSTANCES} instances, {ROUNDS} rounds of {SECONDS} s each, medians"
    );
    println!(
        "{:<16}{:>12}{:>12}{:>20}",
        "", "haproxy", "baepo", "baepo / haproxy"
    );
    for (name, value) in columns {
        let [theirs, ours] = samples
            .each_ref()
            .map(|of| median(of.iter().map(value).collect()));
        println!(
            "{name:<16}{theirs:>12.1}{ours:>12.1}{:>20.2}",
            ours / theirs
        );
    }
}

/// One run of wrk.
#[derive(Debug)]
struct Sample {
    requests: f64,
    seconds: f64,
    p99_ms: f64,
    cpu_us: f64,
}

fn round(wrk: &str, port: u16, seconds: u32) -> Result<Sample> {
    let output = Command::new(wrk)
        .args([
            "-t2",
            "--latency",
            &format!("-c{CONNECTIONS}"),
            &format!("-d{seconds}s"),
        ])
        .arg(format!("http://127.0.0.1:{port}/"))
        .output()
        .context("wrk runs")?;
    let text = String::from_utf8(output.stdout)?;
    for bad in ["Non-2xx", "Socket errors"] {
        ensure!(
            !text.contains(bad),
            "a round with errors measures nothing:\n{text}"
        );
    }
    let line = |what: &str| {
        let line = text.lines().find(|line| line.contains(what));
        line.with_context(|| format!("no `{what}` in:\n{text}"))
    };
    let all = line(" requests in ")?;
    let requests = all.split_whitespace().next().context("a count")?.parse()?;
    let took = all
        .split(" requests in ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    let p99 = line("99%")?.split_whitespace().nth(1).context("a time")?;
    Ok(Sample {
        requests,
        seconds: millis(took.context("a duration")?)? / 1e3,
        p99_ms: millis(p99)?,
        cpu_us: 0.0,
    })
}

/// `812.00us`, `4.81ms`, `1.02s`, `1.00m`
fn millis(text: &str) -> Result<f64> {
    for (unit, factor) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 6e4)] {
        if let Some(Ok(number)) = text.strip_suffix(unit).map(str::parse::<f64>) {
            return Ok(number * factor);
        }
    }
    bail!("`{text}` is no time")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// User and system time of a process, all threads.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').context("a stat line")?.1;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

fn find(program: &str) -> Result<String> {
    for folder in ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"] {
        let path = format!("{folder}/{program}");
        if Path::new(&path).exists() {
            return Ok(path);
        }
    }
    bail!("`{program}` is missing; on Debian: apt-get install {program}")
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// A process that ends with its benchmark.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(dir: &Path, port: u16) -> Result<Ending> {
    let child = Command::new(env!("CARGO_BIN_EXE_test-agent"))
        .arg(dir.join("state"))
        .arg(format!("127.0.0.1:{port}"))
        .arg(dir.join("control"))
        .spawn()?;
    Ok(Ending(child))
}

fn proxy(haproxy: &str, dir: &Path, port: u16, endpoints: &[String]) -> Result<Ending> {
    let mut config = format!(
        "global\n  nbthread 2\ndefaults\n  mode http\n  retries 3\n  option redispatch 1\n  \
         timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n\
         frontend fe\n  bind 127.0.0.1:{port}\n  default_backend be\n\
         backend be\n  balance leastconn\n  option forwardfor\n"
    );
    for (n, endpoint) in endpoints.iter().enumerate() {
        let address = endpoint.trim_start_matches("http://");
        config.push_str(&format!("  server s{n} {address}\n"));
    }
    let path = dir.join("haproxy.cfg");
    std::fs::write(&path, config)?;
    let child = Command::new(haproxy)
        .args(["-db", "-f"])
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let proxy = Ending(child);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(
            std::time::Instant::now() < deadline,
            "HAProxy does not listen"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(proxy)
}

/// Bring up the instances behind the agent; their addresses.
async fn serve(target: &LocalTarget) -> Result<Vec<String>> {
    target.wait_until_up(Duration::from_secs(10)).await?;
    let token = target
        .acquire("bench", None, Duration::from_secs(600))
        .await?
        .token;
    let staging = staging()?;
    let digest = staging.release.digest;
    target.stage(token, &staging).await?;
    target.scale(token, digest, INSTANCES).await?;
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let seen = target.observe().await?.of(digest);
        if seen.ready == INSTANCES {
            target.route(token, &Route::all(digest)).await?;
            return Ok(seen.endpoints.to_vec());
        }
        ensure!(
            std::time::Instant::now() < deadline,
            "the instances are not ready: {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn staging() -> Result<Staging> {
    let program = env!("CARGO_BIN_EXE_test-app");
    Ok(Staging {
        release: Release {
            digest: Digest::from_bytes([1; 32]),
            revision: Revision {
                commit: "0".repeat(40),
                ref_name: "main".to_owned(),
                summary: "Measure".to_owned(),
                committed_at: Time(0),
            },
            artifacts: Vec::new(),
        },
        workload: Workload {
            command: vec!["shop".to_owned()],
            env: Vec::new(),
            secret_env: Vec::new(),
            health_path: "/healthz".to_owned(),
            health_interval: Duration::from_secs(1),
            health_timeout: Duration::from_secs(5),
            drain_deadline: Duration::from_secs(5),
            stop_deadline: Duration::from_secs(5),
        },
        files: vec![StagedFile {
            name: "shop".to_owned(),
            sha256: Digest::from_bytes(Sha256::digest(std::fs::read(program)?).into()),
            executable: true,
            source: program.into(),
        }],
        manifest: String::new(),
    })
}

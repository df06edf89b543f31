//! Traffic to and fro between two releases, as fast as it goes: two kinds of
//! clients of our own that check every answer, and `wrk` as an outside count.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::weight::BasisPoints;
use baepo_runtime::load::{Exchange, Load, LoadOptions};

use super::{Site, observed, staging, until_under_way};

/// Everything that asks.
struct Crowd {
    kept: Load,
    anew: Load,
    wrk: Wrk,
}

impl Crowd {
    fn at(address: &str) -> Crowd {
        let load = |keeps_alive, rate| {
            Load::start(LoadOptions {
                keeps_alive,
                rate: Some(rate),
                connections: 8,
                mix: vec![Exchange::get("/"), Exchange::echo("/cart", "rye, spelt")],
                max_duration: Duration::from_secs(120),
                ..LoadOptions::new(address)
            })
        };
        Crowd {
            kept: load(true, 1_000.0),
            anew: load(false, 300.0),
            wrk: Wrk::start(address),
        }
    }

    /// Requests of our own and of `wrk`, none of them lost.
    async fn lost_nothing(self) -> (u64, u64) {
        let mut requests = 0;
        for load in [self.kept, self.anew] {
            let stats = load.stop().await;
            let lost = (stats.lost.total(), stats.failures());
            assert_eq!(lost, (0, 0), "{:?}", stats.losses);
            requests += stats.requests;
        }
        (requests, self.wrk.lost_nothing())
    }
}

/// `wrk`, which reports when it is interrupted.
struct Wrk(Child);

impl Wrk {
    fn start(address: &str) -> Wrk {
        let child = Command::new("wrk")
            .args(["--threads", "1", "--connections", "8", "--duration", "120"])
            .arg(format!("http://{address}/"))
            .stdout(Stdio::piped())
            .spawn();
        Wrk(child.expect("wrk is installed"))
    }

    fn lost_nothing(self) -> u64 {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("wrk runs");
        let output = self.0.wait_with_output().expect("wrk ends");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        // Both lines are there only where something was wrong.
        let is_whole = !report.contains("Socket errors") && !report.contains("Non-2xx");
        let requests = report.lines().find_map(|line| {
            let (count, _) = line.trim().split_once(" requests in ")?;
            count.parse().ok()
        });
        assert!(is_whole && requests > Some(0), "{report}");
        requests.unwrap_or_default()
    }
}

async fn two_releases(site: &Site) -> [Digest; 2] {
    let mut digests = [Digest::from_bytes([0; 32]); 2];
    for (mark, digest) in [1, 2].into_iter().zip(&mut digests) {
        *digest = site.stage(&staging(mark, &[])).await;
    }
    site.scaled(digests[0], 2).await;
    site.route(&Route::all(digests[0])).await;
    digests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_full_flips_lose_nothing() {
    let site = Site::start().await;
    let releases = two_releases(&site).await;
    let crowd = Crowd::at(&site.address);
    for flip in 1..=40 {
        let (new, old) = (releases[flip % 2], releases[(flip + 1) % 2]);
        site.scaled(new, 2).await;
        site.route(&Route::all(new)).await;
        site.scaled(old, 0).await;
    }
    let (ours, wrks) = crowd.lost_nothing().await;
    // How long it takes is the machine's affair, and with it how many there were.
    assert!(ours > 300 && wrks > 1_000, "{ours} and {wrks} requests");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_flips_of_the_route_lose_nothing() {
    let site = Site::start().await;
    let [old, new] = two_releases(&site).await;
    site.scaled(new, 2).await;
    let crowd = Crowd::at(&site.address);
    for flip in 0..1_000_u64 {
        let share = [10_000, 100, 5_000, 0][(flip % 4) as usize];
        let route = Route::split(old, new, BasisPoints::saturating(share));
        site.route(&route).await;
    }
    let (ours, wrks) = crowd.lost_nothing().await;
    // How long it takes is the machine's affair, and with it how many there were.
    assert!(ours > 300 && wrks > 1_000, "{ours} and {wrks} requests");
    site.end().await;
}

/// Longer than an instance may drain: cut at its deadline, told as such, and
/// counted apart from what the release itself got wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_outlasts_draining_is_cut_and_counted_apart() {
    let site = Site::start().await;
    let mut hasty = staging(1, &[]);
    hasty.workload.drain_deadline = Duration::from_millis(300);
    let old = site.stage(&hasty).await;
    let new = site.stage(&staging(2, &[])).await;
    site.scaled(old, 1).await;
    site.route(&Route::all(old)).await;
    let asked = |path: &'static str| {
        let address = site.address.clone();
        tokio::spawn(async move { super::get(&address, path).await })
    };
    let (whole, late) = (asked("/slow?ms=200"), asked("/slow?ms=8000"));
    // Its head is out already when it is cut.
    let streamed = asked("/chunks?n=2000");
    until_under_way(&site.target, 3).await;
    site.scaled(new, 1).await;
    site.route(&Route::all(new)).await;
    site.scale(old, 0).await;
    observed(&site.target, old, "it is gone", |seen| seen.draining == 0).await;
    let (whole, late, streamed) = (whole.await, late.await, streamed.await);
    assert!(whole.unwrap().ends_with("at last\n"));
    let late = late.unwrap();
    assert!(
        late.starts_with("HTTP/1.1 503") && late.contains("x-baepo-refusal: cut"),
        "{late}"
    );
    assert!(!streamed.unwrap().ends_with("0\r\n\r\n"));
    let page = super::metrics(&site.target).await;
    let count = |name: &str| {
        let line = format!("{name}{{release=\"{old}\"}} ");
        let found = page.lines().find_map(|known| known.strip_prefix(&line));
        found.and_then(|count| count.parse::<u64>().ok())
    };
    assert_eq!(count("baepo_requests_total"), Some(1), "{page}");
    assert_eq!(count("baepo_failures_total"), Some(0));
    assert_eq!(count("baepo_cut_requests_total"), Some(2));
    site.end().await;
}

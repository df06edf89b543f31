//! Killed at any moment and run again, a rollout ends wholly old or wholly new,
//! and nobody who uses the service notices.

use std::time::Duration;

use baepo_runtime::load::{Load, LoadOptions};

use super::{Checkout, said};

/// A small generator of repeatable moments. Source: Marsaglia, "Xorshift RNGs".
struct Moments(u64);

impl Moments {
    fn next_below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

const CANARY: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [10%, 50%], observe: { min: 1s, max: 20s }, max-observe: 60s, bake: 1s }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_ten_random_moments_the_fleet_is_wholly_old_or_wholly_new() {
    let seed = std::env::var("BAEPO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_123);
    let mut moments = Moments(seed);
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", CANARY));
    checkout.start_agent();
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let mut serving = checkout.head();

    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(800.0);
    options.max_duration = Duration::from_secs(900);
    let load = Load::start(options);
    let mut ends = Vec::new();
    for round in 1..=10_u32 {
        // Every third revision is the bad one.
        let revision = if round % 3 == 0 { "v3" } else { "v2" };
        checkout.commit(revision, &checkout.config(&format!("round{round}"), CANARY));
        let mut run = checkout
            .baepo(&["run"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let moment = Duration::from_millis(moments.next_below(6_000));
        tokio::time::sleep(moment).await;
        run.kill().unwrap();
        run.wait().unwrap();
        let again = checkout.run(&["run"]);
        let label = format!(
            "seed {seed}, round {round}, killed after {moment:?}: {}",
            said(&again)
        );
        checkout.wait_until(&label, |checkout| checkout.serves_wholly().is_some());
        let now = checkout.serves_wholly().unwrap();
        match again.status.code() {
            Some(0) => assert_eq!(now, checkout.head(), "{label}"),
            Some(4) => assert_eq!(
                (now.as_str(), revision),
                (serving.as_str(), "v3"),
                "{label}"
            ),
            // Rolled back before the kill, and refused without a retry.
            Some(8) => assert_eq!(
                (now.as_str(), revision),
                (serving.as_str(), "v3"),
                "{label}"
            ),
            _ => panic!("{label}"),
        }
        serving = now;
        ends.push(format!(
            "{round}: killed after {moment:?}, {}",
            again.status
        ));
    }
    let stats = load.stop().await;
    #[allow(clippy::print_stdout, reason = "the moments, for whoever repeats them")]
    {
        println!(
            "{}\n{} requests, {} lost",
            ends.join("\n"),
            stats.requests,
            stats.lost.total()
        );
    }
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    for (revision, seen) in &stats.by_revision {
        assert!(
            revision == "v3" || seen.failures == 0,
            "{revision}: {} failures",
            seen.failures
        );
    }
}

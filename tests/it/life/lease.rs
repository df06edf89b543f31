//! Who waits for whom: a run behind a lease that is not its own.

use std::time::Duration;

use baepo_core::lease::Lease;
use baepo_runtime::driver::WATCHDOG;
use baepo_runtime::target::Target;
use baepo_runtime::target::local::LocalTarget;

use super::{Checkout, DIRECT, said};

const RENEWAL: Duration = Duration::from_millis(800);

/// Take the lease as soon as it is free.
async fn take(target: &LocalTarget, holder: &str, lasting: Duration) -> Lease {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while tokio::time::Instant::now() < deadline {
        if let Ok(lease) = target.acquire(holder, None, lasting).await {
            return lease;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the lease does not run out")
}

/// What a run comes to that finds the lease of a dead run, and then somebody
/// who is quicker and keeps it for a while.
async fn behind(quicker: &str) -> (Option<i32>, String) {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    checkout.start_agent();
    let target = LocalTarget::new(checkout.state().join("shop/production/control.sock"));
    take(&target, "a run that was killed", Duration::from_secs(2)).await;
    let run = checkout.baepo(&["run"]).spawn().unwrap();
    let lease = take(&target, quicker, 4 * RENEWAL).await;
    for _ in 0..4 {
        tokio::time::sleep(RENEWAL).await;
        // A run that was refused, or waits, has not taken it.
        target
            .acquire(quicker, Some(lease.token), 4 * RENEWAL)
            .await
            .unwrap();
    }
    target.release(lease.token).await.unwrap();
    let output = tokio::task::spawn_blocking(move || run.wait_with_output().unwrap());
    let output = output.await.unwrap();
    (output.status.code(), said(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_the_watchdog_and_is_refused_behind_another_run() {
    let (watchdog, run) = tokio::join!(behind(WATCHDOG), behind("run 7"));
    assert_eq!(watchdog.0, Some(0), "{}", watchdog.1);
    assert!(
        watchdog
            .1
            .contains("the watchdog of the agent holds the lease"),
        "{}",
        watchdog.1
    );
    assert_eq!(run.0, Some(8), "{}", run.1);
    assert!(
        run.1.contains("run 7 is acting on this environment"),
        "{}",
        run.1
    );
}

const SLOW: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [10%, 50%], observe: { min: 2s, max: 4s }, max-observe: 4s, bake: 1s }\n    on-no-evidence: continue-on-health\n";

/// GitHub would drop one of the three if they were in a concurrency group.
#[test]
fn of_two_pushes_and_a_tick_the_newest_push_serves_and_nobody_is_dropped() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", SLOW));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.commit("v2", &checkout.config("second", SLOW));
    let older = checkout.baepo(&["run"]).spawn().unwrap();
    checkout.wait_until("the older push has its share", |checkout| {
        checkout.status()["state"]["rollout"]["weight"] == 1_000
    });
    checkout.commit("v2", &checkout.config("third", SLOW));
    let newer = checkout.baepo(&["run"]).spawn().unwrap();
    let tick = checkout.baepo(&["run", "--resume"]).spawn().unwrap();
    let [older, newer, tick] = [older, newer, tick].map(|run| run.wait_with_output().unwrap());
    // The tick finds a live run, or brings back what the older push has left, or
    // finds nothing to do: whoever is first.
    let ticked = tick.status.code();
    assert!(matches!(ticked, Some(0 | 4 | 8)), "{}", said(&tick));
    assert_eq!(older.status.code(), Some(4), "{}", said(&older));
    assert!(said(&older).contains("superseded by"), "{}", said(&older));
    assert_eq!(newer.status.code(), Some(0), "{}", said(&newer));
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
}

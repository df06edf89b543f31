//! From the verdict to the point where nobody meets the candidate any more: one
//! change of the route where stable is kept whole, one start of an instance
//! where it is not.

use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions};
use serde_json::Value;

use super::{Checkout, said};

/// What the journal of the newest run says of its way back.
struct WayBack {
    /// Milliseconds from the verdict to the last request for the candidate.
    took_ms: u64,
    /// Changes of the route until then.
    routes: usize,
    /// Instances of stable that were asked for meanwhile.
    scaled_up: bool,
    /// Milliseconds that the candidate's first instances took to start.
    start_ms: u64,
}

impl WayBack {
    fn of(checkout: &Checkout) -> WayBack {
        let folder = checkout.path().join(".baepo/journal");
        let newest = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .max()
            .unwrap();
        let records: Vec<Value> = std::fs::read_to_string(newest)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|line| line["entry"]["record"].clone())
            .filter(Value::is_object)
            .collect();
        let at = |record: &Value| record["at"].as_u64().unwrap();
        let place = |kind: &str| {
            let found = records
                .iter()
                .position(|record| record["entry"]["kind"] == kind);
            found.unwrap_or_else(|| panic!("nothing {kind}: {records:?}"))
        };
        let (turned, went) = (place("turned-back"), place("went-back"));
        let asked = |what: &str| {
            records[turned..went]
                .iter()
                .filter(|record| record["entry"]["operation"]["do"] == what)
                .count()
        };
        let first_scale = records
            .iter()
            .find(|record| record["entry"]["ended"]["directive"]["scale"].is_object());
        WayBack {
            took_ms: at(&records[went]) - at(&records[turned]),
            routes: asked("route"),
            scaled_up: asked("scale") > 0,
            start_ms: first_scale.unwrap()["entry"]["ended"]["took"]
                .as_u64()
                .unwrap(),
        }
    }
}

async fn way_back(strategy: &str, with: &str) -> WayBack {
    let settings = format!("    strategy:\n      plugin: builtin:{strategy}\n      with: {with}\n");
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", &settings));
    checkout.start_agent();
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(600.0);
    options.mix = vec![Exchange::get("/"), Exchange::echo("/cart", "rye")];
    let load = Load::start(options);
    checkout.commit("v3", &checkout.config("one", &settings));
    let mut command = checkout.baepo(&["run"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    let back = WayBack::of(&checkout);
    #[allow(clippy::print_stdout, reason = "the times are what one runs this for")]
    {
        println!(
            "{strategy}: {} ms and {} changes of the route from the verdict to 100 % stable; \
             an instance starts in {} ms",
            back.took_ms, back.routes, back.start_ms
        );
    }
    back
}

/// A change of the route and a look that it is in force, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn goes_back_at_once(strategy: &str, with: &str) {
    let back = way_back(strategy, with).await;
    assert_eq!((back.routes, back.scaled_up), (1, false));
    assert!(u128::from(back.took_ms) < AT_ONCE.as_millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_goes_back_by_one_change_of_the_route() {
    goes_back_at_once("direct", "{ bake: 20s }").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blue_green_goes_back_by_one_change_of_the_route() {
    goes_back_at_once("blue-green", "{ preview: 1s, bake: 20s }").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canary_goes_back_by_one_change_of_the_route() {
    let with = "{ steps: [25%], observe: { min: 15s, max: 30s }, bake: 1s }";
    goes_back_at_once("canary", with).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_goes_back_as_fast_as_an_instance_starts() {
    let with = "{ max-surge: 1, min-ready: 10s, bake: 20s }";
    let back = way_back("rolling", with).await;
    assert!(back.scaled_up, "stable was whole");
    // Its looks at the fleet are up to a second apart, like those of the way there.
    let limit = back.start_ms + 2 * AT_ONCE.as_millis() as u64;
    assert!(back.took_ms < limit, "{} ms", back.took_ms);
}

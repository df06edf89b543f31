//! Whole runs to a place that a plugin drives: an agent that knows nothing of the
//! run. Here the plugin is `programs`, and others are asked for the same.

use std::path::PathBuf;
use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions};
use tempfile::TempDir;

use super::{Checkout, said, within};
use crate::agent::plugin::PLACE;
use crate::agent::process::AgentProcess;

const CANARY: &str = "    strategy:\n      plugin: builtin:canary\n      \
     with: { steps: [10%, 50%], observe: { min: 2s, max: 6s }, max-observe: 6s, bake: 1s }\n    \
     on-no-evidence: continue-on-health\n";

/// A checkout, and the agent that is its place.
pub(crate) struct Elsewhere {
    pub(crate) checkout: Checkout,
    folder: TempDir,
    _agent: AgentProcess,
}

impl Elsewhere {
    pub(crate) async fn new() -> Elsewhere {
        let (checkout, folder) = (Checkout::new(), tempfile::tempdir().unwrap());
        let address = format!("127.0.0.1:{}", checkout.port);
        let agent = AgentProcess::start(folder.path(), &address).await;
        Elsewhere {
            checkout,
            folder,
            _agent: agent,
        }
    }

    /// The control socket of the place.
    pub(crate) fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// The use of `programs`, with more settings for it.
    fn programs(&self, with: &str) -> String {
        let control = self.control();
        format!(
            "        \
               plugin: programs\n        \
               with:\n          \
                 telemetry: [./deploy, telemetry]\n          \
                 logs: [./deploy, logs]\n          \
                 env: {{ PLACE_CONTROL: {control}, PLACE_COMMAND: shop }}\n{with}        \
               allow: {{ run: [./deploy] }}\n",
            control = control.display(),
        )
    }

    /// A configuration whose target is the plugin of this use.
    fn config(&self, greeting: &str, plugin: &str, settings: &str) -> String {
        let local = self.checkout.config(greeting, settings);
        let (before, rest) = local.split_once("      local:\n").unwrap();
        let (_, after) = rest.split_once("    first-bake").unwrap();
        format!("{before}      instances: 2\n      plugin:\n{plugin}    first-bake{after}")
            .replace("monitors: [traffic]", "monitors: [traffic, logs]")
    }

    fn commit(&self, revision: &str, config: &str) {
        let deploy = self.checkout.path().join("deploy");
        if !deploy.exists() {
            std::os::unix::fs::symlink(PLACE, deploy).unwrap();
        }
        self.checkout.commit(revision, config);
    }

    /// Clients of the place.
    fn load(&self) -> Load {
        let mut options = LoadOptions::new(format!("127.0.0.1:{}", self.checkout.port));
        options.rate = Some(400.0);
        options.max_duration = Duration::from_secs(600);
        options.mix = vec![Exchange::get("/"), Exchange::echo("/cart", "rye")];
        Load::start(options)
    }

    /// A run beside the clients: its exit code, and what it says.
    async fn run(&self) -> (Option<i32>, String) {
        let mut command = self.checkout.baepo(&["run"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        (output.status.code(), said(&output))
    }
}

/// The promise of a rollout, kept by a plugin of this use: what is good goes live
/// under load, what is bad is taken back, and nothing is lost. Whoever comes later
/// finds the state, and can go back further.
pub(crate) async fn goes_live_and_is_taken_back(there: &Elsewhere, plugin: &str) {
    let checkout = &there.checkout;
    there.commit("v1", &there.config("zero", plugin, CANARY));
    let (code, text) = there.run().await;
    assert_eq!(code, Some(0), "{text}");
    let first = checkout.head();
    assert_eq!(checkout.serves_wholly(), Some(first.clone()));

    let load = there.load();
    there.commit("v2", &there.config("one", plugin, CANARY));
    let (code, text) = there.run().await;
    assert_eq!(code, Some(0), "{text}");
    let good = checkout.head();
    checkout.wait_until("the good one alone serves", |checkout| {
        checkout.serves_wholly() == Some(good.clone())
    });
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
    assert!(stats.requests > 1_000, "{} requests", stats.requests);

    let load = there.load();
    there.commit("v3", &there.config("two", plugin, CANARY));
    let (code, text) = there.run().await;
    assert_eq!(code, Some(4), "{text}");
    checkout.wait_until("the good one alone serves", |checkout| {
        checkout.serves_wholly() == Some(good.clone())
    });
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);

    checkout.runs(&["status"], 0, &["production", &good[..7]]);
    checkout.runs(&["rollback"], 0, &[&first[..7]]);
    assert_eq!(checkout.serves_wholly(), Some(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_goes_live_there_and_a_bad_one_is_taken_back() {
    let there = Elsewhere::new().await;
    goes_live_and_is_taken_back(&there, &there.programs("")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_is_finished_by_the_next() {
    let there = Elsewhere::new().await;
    let (checkout, plugin) = (&there.checkout, there.programs(""));
    there.commit("v1", &there.config("zero", &plugin, CANARY));
    let (code, text) = there.run().await;
    assert_eq!(code, Some(0), "{text}");
    there.commit("v2", &there.config("one", &plugin, CANARY));
    let mut run = checkout.baepo(&["run"]).spawn().unwrap();
    let has_share = within(Duration::from_secs(30), || {
        checkout.status()["state"]["rollout"]["weight"] == 1_000
    });
    assert!(has_share, "{}", checkout.status());
    run.kill().unwrap();
    run.wait().unwrap();
    let (code, text) = there.run().await;
    assert_eq!(code, Some(0), "{text}");
    let head = checkout.head();
    checkout.wait_until("it alone serves", |checkout| {
        checkout.serves_wholly() == Some(head.clone())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_come_from_ever_new_machines_find_the_state_there() {
    let mut there = Elsewhere::new().await;
    there
        .checkout
        .variables
        .push(("GREETING", "hunter2-is-bread"));
    let keeps = "          load: [./deploy, load]\n          save: [./deploy, save]\n";
    let plugin = there.programs(keeps);
    let plugin = plugin.replace("shop }", "shop, PLACE_DOCUMENT: bucket/document }");
    let plugin = plugin.replace("run: [./deploy]", "run: [./deploy], write: [bucket]");
    std::fs::create_dir(there.checkout.path().join("bucket")).unwrap();
    let config = there.config("zero", &plugin, CANARY);
    let config = config.replace("GREETING: zero", "GREETING: { secret: GREETING }");
    let checkout = &there.checkout;
    there.commit("v1", &config);
    checkout.runs(&["run"], 0, &["first install of"]);
    let first = checkout.head();
    let of_this_machine = ["state", ".baepo"].map(|folder| checkout.path().join(folder));
    for _ in 0..2 {
        assert_eq!(checkout.serves_wholly(), Some(first.clone()));
        for folder in of_this_machine.iter().filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder).unwrap();
        }
        checkout.runs(&["run"], 0, &["Already serving"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_it_is_told_before_anything_is_built() {
    let there = Elsewhere::new().await;
    let (checkout, plugin) = (&there.checkout, there.programs(""));
    let wrong = "          scale: []\n          obsrve: [./deploy]\n";
    let wrong = there.programs(wrong);
    there.commit("v1", &there.config("zero", &wrong, CANARY));
    for command in ["plan", "run"] {
        checkout.runs(
            &[command],
            2,
            &[
                "`scale` of `programs`: names no program",
                "`obsrve` of `programs`: unknown key, did you mean `observe`?",
            ],
        );
    }
    let unwatched = "Nobody watches while no run is alive";
    let right = there.config("zero", &plugin, CANARY);
    there.commit("v1", &right);
    checkout.runs(&["plan"], 0, &[unwatched]);
    // A place that can only switch is not planned for a share of ten percent.
    let coarse = "          describe: { weight-granularity: 100% }\n";
    let coarse = there.programs(coarse);
    there.commit("v1", &there.config("zero", &coarse, CANARY));
    checkout.runs(&["plan"], 2, &["100 %"]);
    let ephemeral = there.config("zero", &plugin, &format!("{CANARY}    ephemeral: true\n"));
    there.commit("v1", &ephemeral);
    checkout.runs(
        &["plan"],
        2,
        &["what a plugin runs does not end with the run"],
    );
    there.commit("v1", &there.config("zero", &plugin, CANARY));
    checkout.runs(
        &["agent", "--environment", "production"],
        2,
        &["it has no agent"],
    );
}

#[test]
fn the_configuration_of_the_page_can_be_planned() {
    let page = include_str!("../../../docs/targets.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let checkout = Checkout::new();
    let build = "build: { run: [cp, prebuilt, out/shop], artifacts: [out/shop] }";
    checkout.commit("v1", &format!("app: shop\n{build}\n{block}"));
    // The target gives shares of 5 % and no finer ones.
    checkout.runs(
        &["plan"],
        0,
        &["production · canary · 4 instances", " 5 % "],
    );
    // All that is said of `with:` on the page is known to the plugin.
    let table = page.split("| `with:` | question").nth(1).unwrap();
    let keys = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let keys: Vec<&str> = keys.collect();
    assert!(keys.len() == 11, "{keys:?}");
    let with: String = keys
        .iter()
        .map(|key| format!("          {key}: [./deploy, {key}]\n"))
        .collect();
    let all = block.replace(
        "          telemetry: [./deploy, telemetry]\n          logs: [./deploy, logs]\n",
        &with,
    );
    checkout.commit("v1", &format!("app: shop\n{build}\n{all}"));
    checkout.runs(&["plan"], 0, &[]);
}

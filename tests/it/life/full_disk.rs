//! An agent that can write nothing more, as on a full disk: what serves goes on
//! to serve, what goes wrong is said, and with room again all is well.

use std::process::Stdio;
use std::time::Duration;

use baepo_runtime::load::{Load, LoadOptions};
use rustix::process::{Pid, Resource, Rlimit};

use super::{Checkout, said, within};

const CANARY: &str = "    strategy:\n      plugin: builtin:canary\n      with: { steps: [50%], observe: { min: 4s, max: 8s }, max-observe: 8s, bake: 1s }\n    on-no-evidence: continue-on-health\n    progress-deadline: 5s\n";

/// The agent, whose files cannot grow when the disk is full. The signal for
/// that is ignored: then writing fails, as it does where there is no room.
struct Disk(Pid);

impl Drop for Disk {
    fn drop(&mut self) {
        self.set(false);
    }
}

impl Disk {
    fn of_the_agent(checkout: &mut Checkout) -> Disk {
        let agent = checkout.baepo(&[]).get_program().to_owned();
        let mut command = checkout.baepo(&[]);
        let mut shell = std::process::Command::new("sh");
        shell
            .arg("-c")
            .arg("trap '' XFSZ; exec \"$0\" agent --environment production --config good.yml")
            .arg(agent)
            .current_dir(checkout.path())
            .envs(
                command
                    .stdin(Stdio::null())
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = shell.spawn().unwrap();
        let pid = Pid::from_child(&child);
        checkout.agent = Some(child);
        checkout.wait_until("the agent answers", |checkout| {
            checkout.try_status().is_some()
        });
        Disk(pid)
    }

    fn set(&self, is_full: bool) {
        // Both files of its state are larger than that.
        let current = is_full.then_some(64);
        let limit = Rlimit {
            current,
            maximum: None,
        };
        // Gone already is as good.
        let _ = rustix::process::prlimit(Some(self.0), Resource::Fsize, limit);
    }
}

fn load(checkout: &Checkout) -> Load {
    let mut options = LoadOptions::new(format!("127.0.0.1:{}", checkout.port));
    options.rate = Some(300.0);
    options.max_duration = Duration::from_secs(300);
    Load::start(options)
}

async fn is_lossless(load: Load) {
    let stats = load.stop().await;
    assert_eq!(stats.lost.total(), 0, "{:?}", stats.losses);
}

fn is_whole(checkout: &Checkout) -> bool {
    within(Duration::from_secs(30), || {
        checkout.serves_wholly().is_some()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_cannot_be_remembered_does_not_begin() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", CANARY));
    let disk = Disk::of_the_agent(&mut checkout);
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let before = checkout.head();
    let load = load(&checkout);
    checkout.commit("v2", &checkout.config("one", CANARY));
    disk.set(true);
    let failed = checkout.run(&["run"]);
    assert_eq!(failed.status.code(), Some(7), "{}", said(&failed));
    assert!(
        said(&failed).contains("File too large"),
        "{}",
        said(&failed)
    );
    assert_eq!(checkout.serves_wholly(), Some(before));
    disk.set(false);
    let again = checkout.run(&["run"]);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    is_lossless(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_whose_disk_fills_up_says_so_and_ends_whole_once_there_is_room() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("zero", CANARY));
    let disk = Disk::of_the_agent(&mut checkout);
    let first = checkout.run(&["run"]);
    assert!(first.status.success(), "{}", said(&first));
    let load = load(&checkout);
    checkout.commit("v2", &checkout.config("one", CANARY));
    let run = checkout.baepo(&["run"]).spawn().unwrap();
    checkout.wait_until("half of the traffic is on the candidate", |checkout| {
        checkout.status()["fleet"]["route"][0]["weight"] == 5_000
    });
    disk.set(true);
    let failed = run.wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(5), "{}", said(&failed));
    for word in ["STUCK at 50 %", "File too large"] {
        assert!(said(&failed).contains(word), "{}", said(&failed));
    }
    // Nothing was taken away from what serves.
    assert!(checkout.try_status().is_some());
    disk.set(false);
    let again = checkout.run(&["run"]);
    let label = said(&again);
    assert!(is_whole(&checkout), "{label}");
    assert!(matches!(again.status.code(), Some(0 | 4 | 8)), "{label}");
    is_lossless(load).await;
}

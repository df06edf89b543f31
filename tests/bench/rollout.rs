//! What a rollout costs its host: that a decision costs the same however long
//! the journal and however large the fleet is, and how many whole rollouts a
//! core gets through with the real strategy components.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(dead_code, reason = "the tests use more of the simulator than this")]

#[path = "../it/sim/case.rs"]
mod case;
#[path = "../it/sim/check.rs"]
mod check;
#[path = "../it/sim/mutant.rs"]
mod mutant;
#[path = "../it/sim/plan.rs"]
mod plan;
#[path = "../it/sim/run.rs"]
mod run;
#[path = "../it/sim/script.rs"]
mod script;
#[path = "../it/sim/wire.rs"]
mod wire;
#[path = "../it/sim/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use baepo_core::digest::Digest;
use baepo_core::fleet::{Fleet, Instances, Route};
use baepo_core::rollout::{
    Answer, Call, Command, Counted, Entry, Input, Machine, Observation, Operation, Output,
};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::Time;
use baepo_core::verdict::{Judged, Verdict};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, HostOptions, PluginHost, PluginSource};
use sha2::{Digest as _, Sha256};

use case::{Case, NEW, OLD, Who};
use plan::SHIPPED;
use run::{Run, Stop};

/// Rollouts per size of a fleet.
const ROLLOUTS: u32 = 300;
/// Records that are timed at each length of a journal.
const RECORDS: usize = 2_000;
/// How long whole rollouts are counted for each strategy.
const COUNTED: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    compare_fleets()?;
    compare_journals()?;
    count_rollouts()
}

/// A target that does at once what it is asked.
struct Obedient {
    fleet: Fleet,
    /// Every list of addresses that it gave away, so that letting one go is no
    /// part of what the machine is timed for.
    given: Vec<Arc<[String]>>,
}

impl Obedient {
    fn serving(instances: u32) -> Obedient {
        let mut obedient = Obedient {
            fleet: Fleet {
                instances: Vec::new(),
                route: Route::all(OLD),
            },
            given: Vec::new(),
        };
        obedient.scale(OLD, instances);
        obedient
    }

    fn scale(&mut self, digest: Digest, instances: u32) {
        self.fleet.instances.retain(|known| known.digest != digest);
        let endpoints: Arc<[String]> = (0..instances)
            .map(|n| format!("http://10.0.{}.{}:8080", n / 256, n % 256))
            .collect();
        self.given.push(Arc::clone(&endpoints));
        self.fleet.instances.push(Instances {
            digest,
            asked: instances,
            ready: instances,
            starting: 0,
            draining: 0,
            restarts: 0,
            endpoints,
            trouble: None,
        });
    }

    fn answer(&mut self, call: Call) -> Result<Answer> {
        Ok(match call {
            Call::Stage(_) => Answer::Accepted,
            Call::Observe => Answer::Fleet(self.fleet.clone()),
            Call::Measure { .. } => {
                let counted = Counted {
                    stable: Some(Telemetry::default()),
                    candidate: Some(Telemetry::default()),
                };
                Answer::Measured(self.fleet.clone(), counted)
            }
            Call::Act(operation) => {
                match operation {
                    Operation::Route { route } => self.fleet.route = route,
                    Operation::Scale { digest, instances } => self.scale(digest, instances),
                    Operation::Discard { digest } => {
                        self.fleet.instances.retain(|known| known.digest != digest);
                    }
                }
                Answer::Accepted
            }
            Call::Verify(_) => Answer::Reports(Vec::new()),
            Call::Decide(view) => Answer::Decision(script::canary(&view)),
            Call::Judge(asked) => {
                let healthy = |monitor: String| Observation {
                    memory: Vec::new(),
                    judged: Judged {
                        monitor,
                        verdict: Verdict::Healthy,
                        reason: "as it is".into(),
                        measurements: Vec::new(),
                        findings: Vec::new(),
                    },
                };
                let observed = asked
                    .into_iter()
                    .map(|(monitor, _)| (monitor.clone(), Ok(healthy(monitor))));
                Answer::Observations(observed.collect())
            }
        })
    }
}

/// The machine through one rollout; how long it took and how many outputs.
fn one_rollout(instances: u32) -> Result<(Duration, u32)> {
    let case = Case::new(Who::Canary, instances);
    let mut target = Obedient::serving(instances);
    let mut now = Time(1_000_000);
    let mut machine = Machine::new(case.environment(), case.intent(), now);
    let (mut took, mut outputs) = (Duration::ZERO, 0);
    loop {
        let begun = Instant::now();
        let output = machine.poll_output(now);
        took += begun.elapsed();
        outputs += 1;
        match output {
            Output::Record(_) => {}
            Output::Wait(until) => now = until,
            Output::Call { id, call } => {
                let answer = Ok(target.answer(call)?);
                let begun = Instant::now();
                machine.handle_input(now, Input::Returned { id, answer });
                took += begun.elapsed();
            }
            Output::Done(_) => break,
            Output::Pending => bail!("pending, and nothing is"),
        }
        ensure!(outputs < 10_000, "it does not end");
    }
    let stable = machine.environment().stable.as_ref();
    ensure!(
        stable.is_some_and(|stable| stable.digest == NEW),
        "it was not rolled out"
    );
    Ok((took, outputs))
}

fn compare_fleets() -> Result<()> {
    let sizes = [10, 10_000];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROLLOUTS {
        for (size, times) in sizes.iter().zip(&mut times) {
            let (took, outputs) = one_rollout(*size)?;
            times.push(took / outputs);
        }
    }
    println!("a transition of the state machine, median of {ROLLOUTS} rollouts, in turn:");
    let [small, large] = times.map(median);
    print("a fleet of 10 instances", small, small);
    print("a fleet of 10,000 instances", large, small);
    Ok(())
}

/// A rollout in which a person says so much that the journal grows.
fn compare_journals() -> Result<()> {
    let case = Case::new(Who::Canary, 3);
    let strategy = |view: &_| case.who.decide(view);
    let mut run = Run::new(&case, &strategy);
    let step = |run: &mut Run<'_>| {
        // Here a person does say so much at once.
        run.at_once.1 = 0;
        match run.step() {
            Ok(Stop::Recorded) => Ok(()),
            Ok(Stop::Done(_) | Stop::Resumed(_)) => Err(anyhow!("it is over")),
            Err(why) => Err(anyhow!(why)),
        }
    };
    let is_watching = |run: &Run<'_>| {
        matches!(
            run.journal.last().map(|r| &r.entry),
            Some(Entry::WindowBegan { .. })
        )
    };
    while !is_watching(&run) {
        step(&mut run)?;
    }
    println!("\na record, taken in and made part of the state, mean of {RECORDS}:");
    let mut first = None;
    for length in [10, 1_000, 100_000] {
        while run.journal.len() < length {
            run.hear(said(run.journal.len()));
            step(&mut run)?;
        }
        let begun = Instant::now();
        for number in 0..RECORDS {
            run.hear(said(number));
            step(&mut run)?;
        }
        let mean = begun.elapsed() / RECORDS as u32;
        let bytes = serde_json::to_vec(&run.durable)?.len();
        let what = format!("after {length} records (state {bytes} bytes)");
        print(&what, mean, *first.get_or_insert(mean));
    }
    Ok(())
}

fn said(number: usize) -> Command {
    match number % 2 {
        0 => Command::Pause,
        _ => Command::Resume,
    }
}

fn count_rollouts() -> Result<()> {
    println!("\nwhole rollouts per minute and core, each decision by the real component:");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let host = PluginHost::new(HostOptions {
        pool: Some(2),
        ..HostOptions::default()
    })?;
    for (name, config) in SHIPPED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
        let path = path.join(format!("{name}.wasm"));
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let source = PluginSource {
            name,
            bytes: &bytes,
            digest: Digest::from_bytes(Sha256::digest(&bytes).into()),
            grants: Grants::default(),
            limits: None,
        };
        let plugin = runtime.block_on(host.load(source))?;
        let context = CallContext::bare();
        let strategy = |view: &_| {
            let outcome = runtime.block_on(plugin.decide(&context, view));
            outcome.result.map_err(|error| error.to_string())
        };
        let case = Case::new(Who::Shipped(name, config), 4);
        let (begun, mut rollouts, mut transitions) = (Instant::now(), 0_u32, 0);
        while begun.elapsed() < COUNTED {
            let mut run = Run::new(&case, &strategy);
            run.finish().map_err(|why| anyhow!(why))?;
            rollouts += 1;
            transitions += run.transitions;
        }
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let mode = if config.contains("recreate") {
            ", recreate"
        } else {
            ""
        };
        println!(
            "  {:<42} {:>9.0}   ({} transitions each)",
            format!("{name}{mode}"),
            f64::from(rollouts) / minutes,
            transitions / u64::from(rollouts)
        );
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn print(what: &str, time: Duration, baseline: Duration) {
    let ratio = time.as_secs_f64() / baseline.as_secs_f64();
    let micros = time.as_secs_f64() * 1e6;
    println!("  {what:<42} {micros:>9.2} us  {ratio:>5.2}");
}

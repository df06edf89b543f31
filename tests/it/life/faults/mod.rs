//! The fault matrix: at each message by which a run changes something, for each
//! strategy and under load, a run, the agent or an instance is killed, or the
//! agent is upgraded. Whatever
//! happens, the fleet ends wholly old or wholly new, the exit code says which,
//! and the state can be read.
//!
//! The ordinary test run takes a sample. `cargo xtask faults` takes all cells,
//! `cargo xtask faults canary/run/after/17` one, and `cargo xtask faults canary`
//! or `'*/upgrade'` those that begin so.

mod tap;

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baepo_runtime::load::{Load, LoadOptions};

use super::{Checkout, said, within};
use tap::{Moment, Tap};

/// More messages than any of these rollouts needs.
const MOST_MESSAGES: u32 = 120;
/// How many sites are there at once.
const SITES: usize = 4;

const STRATEGIES: [(&str, &str); 5] = [
    ("direct", "{ bake: 1s, max-observe: 2s }"),
    ("recreate", "{ mode: recreate, bake: 1s, max-observe: 2s }"),
    (
        "blue-green",
        "{ preview: 1s, bake: 1s, max-observe: 2s, keep-warm: 1s }",
    ),
    (
        "canary",
        "{ steps: [5%, 50%], observe: { min: 1s, max: 2s }, max-observe: 2s, bake: 1s }",
    ),
    (
        "rolling",
        "{ max-surge: 1, min-ready: 1s, max-observe: 2s, bake: 1s }",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Run,
    Agent,
    /// The newest instance.
    Instance,
    /// The agent, which another one takes the place of.
    Upgrade,
}

const VICTIMS: [Victim; 4] = [
    Victim::Run,
    Victim::Agent,
    Victim::Instance,
    Victim::Upgrade,
];

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Victim::Run => "run",
            Victim::Agent => "agent",
            Victim::Instance => "instance",
            Victim::Upgrade => "upgrade",
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    strategy: usize,
    victim: Victim,
    moment: Moment,
    message: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = STRATEGIES[self.strategy];
        write!(f, "{name}/{}/{}/{}", self.victim, self.moment, self.message)
    }
}

impl Cell {
    /// Whether its name begins like this, part by part; `*` is any.
    fn is_wanted(&self, wanted: &str) -> bool {
        let name = self.to_string();
        let mut parts = name.split('/');
        wanted == "all"
            || wanted.split('/').all(|wanted| {
                parts
                    .next()
                    .is_some_and(|part| wanted == "*" || wanted == part)
            })
    }
}

/// What a cell came to.
enum Came {
    /// The rollout has no such message.
    PastTheEnd,
    New,
    Old,
}

/// An environment whose agent may die at any time and is started again.
struct Site {
    checkout: Checkout,
    strategy: usize,
    tap: Tap,
    agent: Arc<Mutex<Option<Child>>>,
    revision: u32,
}

impl Site {
    fn new(strategy: usize) -> Site {
        let checkout = Checkout::new();
        let folder = checkout.path().join("state/shop/production");
        std::fs::create_dir_all(&folder).unwrap();
        let tap = Tap::new(&folder.join("control.sock"), &agent_socket(&checkout)).unwrap();
        let mut site = Site {
            checkout,
            strategy,
            tap,
            agent: Arc::default(),
            revision: 0,
        };
        site.commit();
        site.start_agent();
        let output = site.checkout.run(&["run"]);
        assert!(output.status.success(), "{}", said(&output));
        site
    }

    fn commit(&mut self) {
        self.revision += 1;
        let (name, with) = STRATEGIES[self.strategy];
        let plugin = if name == "recreate" { "direct" } else { name };
        let downtime = match name {
            "recreate" => "    limits: { allow-downtime: true }\n",
            _ => "",
        };
        let settings = format!(
            "    strategy:\n      plugin: builtin:{plugin}\n      with: {with}\n    on-no-evidence: continue-on-health\n    hold-timeout: 2s\n    progress-deadline: 20s\n{downtime}"
        );
        let greeting = format!("greeting{}", self.revision);
        let config = self.checkout.config(&greeting, &settings);
        self.checkout.commit("v2", &config);
    }

    fn start_agent(&self) {
        *lock(&self.agent) = Some(start_agent(&self.checkout));
        self.checkout.wait_until("the agent answers", |checkout| {
            checkout.try_status().is_some()
        });
    }

    /// One cell: roll the next revision out, strike, and look at what is left.
    fn run(&mut self, cell: Cell, losses: &mut u64) -> Result<Came, String> {
        let before = self.becomes_whole().ok_or("nothing serves wholly")?;
        self.commit();
        let mut options = LoadOptions::new(format!("127.0.0.1:{}", self.checkout.port));
        options.rate = Some(100.0);
        options.max_duration = Duration::from_secs(120);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let guard = runtime.enter();
        let load = Load::start(options);
        drop(guard);
        let child: Arc<Mutex<Option<Child>>> = Arc::default();
        self.arm(cell, &child);
        let run = self.checkout.baepo(&["run"]).spawn().unwrap();
        *lock(&child) = Some(run);
        wait_for(&child);
        let killed = lock(&child).take();
        let mut output = killed
            .map(|child| child.wait_with_output().unwrap())
            .unwrap();
        let Some(struck) = self.tap.disarm() else {
            let stats = runtime.block_on(load.stop());
            let is_lossless = stats.lost.total() == 0 || !self.is_zero_downtime();
            let is_good = output.status.success() && is_lossless;
            return match is_good {
                true => Ok(Came::PastTheEnd),
                false => Err(format!("without a fault: {}", said(&output))),
            };
        };
        if cell.victim == Victim::Run {
            output = self.checkout.run(&["run"]);
        }
        let label = format!("at `{struck}`: {}", said(&output));
        if std::env::var("BAEPO_FAULTS").is_ok_and(|wanted| wanted == cell.to_string()) {
            tell(&label);
        }
        let is_whole = self.becomes_whole();
        let stats = runtime.block_on(load.stop());
        let Some(now) = is_whole else {
            let status = self.checkout.try_status().unwrap_or_default();
            return Err(format!("neither old nor new, {label}\n{status}"));
        };
        *losses += stats.lost.total();
        // Who uses the service notices neither a run that dies nor an upgrade.
        let is_unnoticed = matches!(cell.victim, Victim::Run | Victim::Upgrade);
        if is_unnoticed && self.is_zero_downtime() && stats.lost.total() > 0 {
            return Err(format!(
                "{} lost ({:?}), {label}",
                stats.lost.total(),
                stats.losses
            ));
        }
        match output.status.code() {
            Some(0) if now == self.checkout.head() => Ok(Came::New),
            Some(4 | 7 | 8) if now == before => Ok(Came::Old),
            code => Err(format!("{now} serves and the code is {code:?}, {label}")),
        }
    }

    fn is_zero_downtime(&self) -> bool {
        STRATEGIES[self.strategy].0 != "recreate"
    }

    /// What is killed, and at which message.
    fn arm(&self, cell: Cell, run: &Arc<Mutex<Option<Child>>>) {
        let (run, agent) = (Arc::clone(run), Arc::clone(&self.agent));
        let state = self.checkout.state();
        let restarted = Restart::of(&self.checkout);
        self.tap
            .arm(cell.message, cell.moment, move || match cell.victim {
                Victim::Run => {
                    if let Some(run) = lock(&run).as_mut() {
                        run.kill().unwrap();
                    }
                }
                Victim::Agent => {
                    let mut agent = lock(&agent);
                    if let Some(mut old) = agent.take() {
                        old.kill().unwrap();
                        old.wait().unwrap();
                    }
                    *agent = Some(restarted.start());
                }
                Victim::Upgrade => {
                    let old = lock(&agent).replace(restarted.start());
                    // It ends by itself; who started it is told.
                    std::thread::spawn(move || old.map(|mut old| old.wait()));
                }
                Victim::Instance => {
                    let newest = instances(&state).into_iter().max();
                    if let Some(pid) = newest.and_then(rustix::process::Pid::from_raw) {
                        // It may be gone meanwhile.
                        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                    }
                }
            });
    }

    fn becomes_whole(&self) -> Option<String> {
        let mut serves = None;
        within(Duration::from_secs(30), || {
            let status = self.checkout.try_status();
            let is_over =
                status.is_some_and(|status| status["state"]["rollout"]["step"]["step"] == "over");
            serves = is_over.then(|| self.checkout.serves_wholly()).flatten();
            serves.is_some()
        });
        serves
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Through the tap; then the agent is gone with its instances.
        drop(self.checkout.run(&[
            "agent",
            "--environment",
            "production",
            "--stop",
            "--config",
            "good.yml",
            "--control",
            &agent_socket(&self.checkout).display().to_string(),
        ]));
        if let Some(mut agent) = lock(&self.agent).take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// What it takes to start the agent again.
struct Restart(std::process::Command);

impl Restart {
    fn of(checkout: &Checkout) -> Restart {
        let socket = agent_socket(checkout).display().to_string();
        let mut command = checkout.baepo(&[
            "agent",
            "--environment",
            "production",
            "--config",
            "good.yml",
            "--control",
            &socket,
            "--take-over",
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Restart(command)
    }

    fn start(mut self) -> Child {
        self.0.spawn().unwrap()
    }
}

fn start_agent(checkout: &Checkout) -> Child {
    Restart::of(checkout).start()
}

fn agent_socket(checkout: &Checkout) -> PathBuf {
    checkout.path().join("agent.sock")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wait without holding the lock, so that it can be killed meanwhile.
fn wait_for(child: &Mutex<Option<Child>>) {
    let has_ended = || {
        let ended = lock(child).as_mut().map(|child| child.try_wait().unwrap());
        !matches!(ended, Some(None))
    };
    assert!(
        within(Duration::from_secs(300), has_ended),
        "the run does not end"
    );
}

/// The processes of a site's instances.
fn instances(state: &std::path::Path) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            std::fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe.starts_with(state))
        })
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}

/// Cells that one site goes through: of one strategy.
struct Row {
    cells: Vec<Cell>,
    /// Whether the row ends with its first cell past the end of the rollout.
    is_open: bool,
}

fn rows() -> Vec<Row> {
    let wanted = std::env::var("BAEPO_FAULTS").unwrap_or_default();
    let mut rows = Vec::new();
    for strategy in 0..STRATEGIES.len() {
        let mut sample = Vec::new();
        for victim in VICTIMS {
            for moment in [Moment::Before, Moment::After] {
                let cell = |message| Cell {
                    strategy,
                    victim,
                    moment,
                    message,
                };
                let all = (1..=MOST_MESSAGES).map(cell);
                match wanted.as_str() {
                    // One place of each, another one each time.
                    "" => sample.push(cell(3 + (sample.len() * 5 + strategy * 3) as u32 % 24)),
                    wanted => {
                        let cells: Vec<Cell> = all.filter(|cell| cell.is_wanted(wanted)).collect();
                        let is_open = cells.len() > 1;
                        rows.push(Row { cells, is_open });
                    }
                }
            }
        }
        rows.push(Row {
            cells: sample,
            is_open: false,
        });
    }
    rows.retain(|row| !row.cells.is_empty());
    rows
}

#[derive(Default)]
struct Matrix {
    cells: u32,
    new: u32,
    old: u32,
    losses: u64,
    wrong: Vec<String>,
}

#[test]
fn whatever_is_killed_at_any_message_it_ends_wholly_old_or_wholly_new() {
    let rows = Mutex::new(VecDeque::from(rows()));
    let matrix = Mutex::new(Matrix::default());
    std::thread::scope(|scope| {
        for _ in 0..SITES {
            scope.spawn(|| {
                while let Some(row) = { lock(&rows).pop_front() } {
                    take_row(row, &matrix);
                }
            });
        }
    });
    let matrix = lock(&matrix);
    tell(&format!(
        "{} cells: {} wholly new, {} wholly old, {} wrong; {} requests lost where an agent or instance died",
        matrix.cells,
        matrix.new,
        matrix.old,
        matrix.wrong.len(),
        matrix.losses
    ));
    assert!(matrix.wrong.is_empty(), "{}", matrix.wrong.join("\n\n"));
    assert!(matrix.cells > 0, "BAEPO_FAULTS names no cell");
}

#[allow(clippy::print_stdout, reason = "the cells are what one runs this for")]
fn tell(line: &str) {
    println!("{line}");
}

fn take_row(row: Row, matrix: &Mutex<Matrix>) {
    let Some(first) = row.cells.first() else {
        return;
    };
    let strategy = first.strategy;
    let mut site = Site::new(strategy);
    for cell in row.cells {
        let began = std::time::Instant::now();
        let mut losses = 0;
        let came = site.run(cell, &mut losses);
        let took = began.elapsed().as_secs_f32();
        let mut matrix = lock(matrix);
        let word = match came {
            Ok(Came::PastTheEnd) if row.is_open => return,
            Ok(Came::PastTheEnd) => {
                tell(&format!("{cell}: the rollout has no such message"));
                continue;
            }
            Ok(Came::New) => {
                matrix.new += 1;
                "wholly new"
            }
            Ok(Came::Old) => {
                matrix.old += 1;
                "wholly old"
            }
            Err(why) => {
                let why = format!("BAEPO_FAULTS='{cell}': {why}");
                tell(&why);
                matrix.wrong.push(why);
                "WRONG"
            }
        };
        tell(&format!("{cell}: {word}, {took:.0} s, {losses} lost"));
        matrix.cells += 1;
        matrix.losses += losses;
        drop(matrix);
        if word == "WRONG" {
            // What is left of it says nothing about the next cell.
            site = Site::new(strategy);
        }
    }
}

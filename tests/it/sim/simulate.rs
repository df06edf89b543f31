//! Cases through the loop, each twice and crashed on its way, and what came of
//! them all.

use baepo_core::rollout::{Command, Decision, View};
use baepo_core::time::Millis;

use super::case::Case;
use super::run::{Crash, Run, Stop};
use super::shrink::shrink;

/// What all rollouts came to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rollouts: u64,
    pub(crate) transitions: u64,
    pub(crate) violations: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.rollouts += other.rollouts;
        self.transitions += other.transitions;
        self.violations.extend(other.violations);
    }

    pub(crate) fn finish(mut self, what: &str) {
        let count = self.violations.len();
        let (rollouts, transitions) = (self.rollouts, self.transitions);
        let summary =
            format!("{what}: {rollouts} rollouts, {transitions} transitions, {count} violations");
        self.violations.truncate(20);
        assert!(count == 0, "{summary}\n{}", self.violations.join("\n"));
        assert!(
            rollouts > 0,
            "nothing was simulated: BAEPO_SIM names no case"
        );
        tell(&summary);
    }
}

#[allow(
    clippy::print_stdout,
    reason = "the tally is what one runs the simulator for"
)]
fn tell(line: &str) {
    println!("{line}");
}

/// Which crashes a case is put through.
#[derive(Clone, Copy)]
pub(crate) enum Crashes {
    None,
    Each,
    /// Every so many-th record.
    Some(usize),
}

pub(crate) fn simulate(cases: impl IntoIterator<Item = Case>, crashes: Crashes) -> Tally {
    simulate_with(cases, crashes, &|case: &Case, view: &View| {
        case.who.decide(view)
    })
}

/// Who decides in a case.
pub(crate) type Decider<'a> = dyn Fn(&Case, &View) -> Result<Decision, String> + 'a;

pub(crate) fn simulate_with(
    cases: impl IntoIterator<Item = Case>,
    crashes: Crashes,
    decider: &Decider<'_>,
) -> Tally {
    let only = std::env::var("BAEPO_SIM").ok();
    let (only, only_crash) = match only.as_deref().map(|o| o.split_once("/crash=")) {
        Some(Some((case, crash))) => (Some(case.to_owned()), Some(crash.to_owned())),
        Some(None) => (only, None),
        None => (None, None),
    };
    let mut tally = Tally::default();
    for case in cases {
        let name = case.to_string();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        if tally.violations.len() > 50 {
            break;
        }
        let only_crash = only_crash.as_deref();
        let came = simulate_case(&case, &name, crashes, only_crash, decider);
        if let Some(why) = came.violations.first().filter(|_| only.is_some()) {
            tell_smallest(&case, why.clone(), decider);
        }
        tally.add(came);
    }
    tally
}

/// The smallest case that still fails, and how it went on its way there.
fn tell_smallest(case: &Case, why: String, decider: &Decider<'_>) {
    let fails = |case: &Case| {
        let came = simulate_case(case, &case.to_string(), Crashes::Each, None, decider);
        came.violations.into_iter().next()
    };
    let (small, why) = shrink(case, why, &fails);
    tell(&format!("shrinks to {why}"));
    let strategy = |view: &View| decider(&small, view);
    let mut run = Run::new(&small, &strategy);
    // Where only a crash makes it fail, this is the way to the crash and on.
    let end = run.finish().map(|done| done.outcome);
    for record in &run.journal {
        tell(&format!("  {} {}", record.at.clock(), record.in_words()));
    }
    tell(&format!("  {end:?}"));
}

fn simulate_case(
    case: &Case,
    name: &str,
    crashes: Crashes,
    only_crash: Option<&str>,
    decider: &Decider<'_>,
) -> Tally {
    let mut tally = Tally::default();
    let strategy = |view: &View| decider(case, view);
    let mut run = Run::new(case, &strategy);
    run.reread = true;
    let mut twice = run.clone();
    tally.rollouts += 2;
    let outcome = loop {
        match run.step() {
            Err(why) => {
                tally.violations.push(format!("BAEPO_SIM='{name}': {why}"));
                return tally;
            }
            Ok(Stop::Resumed(_)) => {}
            Ok(Stop::Done(_)) => break run.outcome(),
            Ok(Stop::Recorded) => {
                let record = run.journal.len();
                let every = match crashes {
                    Crashes::None => continue,
                    Crashes::Each => 1,
                    Crashes::Some(every) => every,
                };
                if record.is_multiple_of(every) {
                    crash_here(&run, name, record, only_crash, &mut tally);
                }
            }
        }
    };
    tally.transitions += run.transitions;
    if let Err(why) = twice.finish() {
        tally
            .violations
            .push(format!("BAEPO_SIM='{name}': the second time: {why}"));
    }
    let bytes = |run: &Run<'_>| serde_json::to_string(&run.journal).unwrap_or_default();
    if bytes(&run) != bytes(&twice) {
        tally.violations.push(format!(
            "BAEPO_SIM='{name}': two journals of the same inputs differ"
        ));
    }
    if let Some(expected) = case.expected()
        && outcome != Some(expected)
    {
        let why = run
            .durable
            .rollout
            .as_ref()
            .map_or("", |r| r.reason.as_str());
        tally.violations.push(format!(
            "BAEPO_SIM='{name}': {outcome:?} ({why}), not {expected:?}"
        ));
    }
    tally
}

fn crash_here(run: &Run<'_>, name: &str, record: usize, only: Option<&str>, tally: &mut Tally) {
    let kinds: [(&str, Crash); 4] = [
        (
            "a",
            Crash {
                record,
                called: true,
                gap: Millis(1_000),
                aborted: false,
            },
        ),
        (
            "b",
            Crash {
                record,
                called: false,
                gap: Millis(1_000),
                aborted: false,
            },
        ),
        (
            "c",
            Crash {
                record,
                called: false,
                gap: Millis(900_000),
                aborted: false,
            },
        ),
        // Somebody says abort while nobody is there.
        (
            "d",
            Crash {
                record,
                called: false,
                gap: Millis(1_000),
                aborted: true,
            },
        ),
    ];
    for (letter, crash) in kinds {
        let crash_name = format!("{}{letter}", crash.record);
        if only.is_some_and(|only| only != crash_name) {
            continue;
        }
        let mut crashed = run.clone();
        crashed.reread = false;
        let before = crashed.transitions;
        let result = (|| {
            if crash.called && !crashed.do_next_call()? {
                return Ok(None);
            }
            crashed.crash(crash.gap)?;
            if crash.aborted {
                crashed.hear(Command::Abort);
            }
            crashed.finish().map(Some)
        })();
        match result {
            Ok(None) => continue,
            Ok(Some(_)) => {}
            Err(why) => {
                let line = format!("BAEPO_SIM='{name}/crash={crash_name}': {why}");
                tally.violations.push(line);
            }
        }
        tally.rollouts += 1;
        tally.transitions += crashed.transitions - before;
    }
}

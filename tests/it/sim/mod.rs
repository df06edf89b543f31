//! The simulator: the real state machine against fleets on a virtual clock,
//! crashed and taken up again at every entry.
//!
//! A failure prints one line that repeats it, for example
//! `BAEPO_SIM='Canary/n=3/…/crash=17b' cargo nextest run --release sim`.

mod case;
mod check;
mod plan;
mod plugin;
mod run;
mod scenario;
mod script;
mod world;

use baepo_core::rollout::{Decision, View};
use baepo_core::time::Millis;

use case::Case;
use plan::{EVERY_START, PEOPLE, SHIPPED, WEATHER, eventful, hostile, plain, seeded, shipped};
use run::{Crash, Mutant, Run, Stop};

/// What all rollouts came to.
#[derive(Default)]
struct Tally {
    rollouts: u64,
    transitions: u64,
    violations: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.rollouts += other.rollouts;
        self.transitions += other.transitions;
        self.violations.extend(other.violations);
    }

    fn finish(mut self, what: &str) {
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
enum Crashes {
    None,
    Each,
    /// Every so many-th record.
    Some(usize),
}

fn simulate(cases: impl IntoIterator<Item = Case>, crashes: Crashes) -> Tally {
    simulate_with(cases, crashes, &|case: &Case, view: &View| {
        case.who.decide(view)
    })
}

/// Who decides in a case.
type Decider<'a> = dyn Fn(&Case, &View) -> Result<Decision, String> + 'a;

fn simulate_with(
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
        tally.add(simulate_case(
            &case,
            &name,
            crashes,
            only_crash.as_deref(),
            decider,
        ));
    }
    tally
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
    let kinds = [
        (
            "a",
            Crash {
                record,
                called: true,
                gap: Millis(1_000),
            },
        ),
        (
            "b",
            Crash {
                record,
                called: false,
                gap: Millis(1_000),
            },
        ),
        (
            "c",
            Crash {
                record,
                called: false,
                gap: Millis(900_000),
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

#[test]
fn every_small_rollout_survives_a_crash_at_every_entry() {
    let mut tally = Tally::default();
    for n in 1..=3 {
        tally.add(simulate(plain(n), Crashes::Each));
    }
    tally.finish("crashes");
}

#[test]
fn rollouts_of_one_to_seven_instances_end_wholly_old_or_wholly_new() {
    let mut tally = Tally::default();
    for n in 1..=7 {
        tally.add(simulate(plain(n), Crashes::Some(11)));
    }
    tally.finish("sizes");
}

#[test]
fn people_may_say_anything_at_any_step() {
    let cases = [2]
        .into_iter()
        .flat_map(|n| eventful(n, &EVERY_START, &PEOPLE));
    simulate(cases, Crashes::Some(29)).finish("people");
}

#[test]
fn the_weather_breaks_no_guardrail() {
    let cases = [3]
        .into_iter()
        .flat_map(|n| eventful(n, &EVERY_START, &WEATHER));
    simulate(cases, Crashes::Some(29)).finish("weather");
}

#[test]
fn a_hostile_strategy_breaks_no_guardrail() {
    let cases = (0..1_500).map(hostile);
    simulate(cases, Crashes::Some(23)).finish("hostile");
}

#[test]
fn people_and_weather_together_break_no_guardrail() {
    simulate((0..1_200).map(seeded), Crashes::Some(37)).finish("seeded");
}

#[test]
fn the_checkers_notice_every_mutant() {
    for mutant in Mutant::ALL {
        let noticed = plain(4).iter().any(|case| {
            let strategy = |view: &View| case.who.decide(view);
            let mut run = Run::new(case, &strategy);
            run.mutant = Some(mutant);
            run.finish().is_err()
        });
        assert!(noticed, "{mutant:?} gets past the checkers");
    }
}

#[test]
fn the_shipped_strategies_break_no_guardrail_and_survive_crashes() -> anyhow::Result<()> {
    let mut tally = Tally::default();
    for (name, config) in SHIPPED {
        let component = plugin::Component::load(name)?;
        let decider = |_: &Case, view: &View| component.decide(view);
        for n in 1..=7 {
            let (eventful, plain): (Vec<Case>, Vec<Case>) = shipped(name, config, n)
                .into_iter()
                .partition(|case| !case.events.is_empty());
            let crashes = match n {
                2 => Crashes::Some(2),
                3 => Crashes::Some(9),
                _ => Crashes::None,
            };
            tally.add(simulate_with(plain, crashes, &decider));
            tally.add(simulate_with(eventful, Crashes::None, &decider));
        }
    }
    tally.finish("shipped");
    Ok(())
}

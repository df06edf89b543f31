//! The simulator: the real state machine against fleets on a virtual clock,
//! crashed and taken up again at every entry.
//!
//! A failure prints one line that repeats it, for example
//! `BAEPO_SIM='Canary/n=3/…/crash=17b' cargo nextest run --release sim`; a case
//! that is repeated so is also made as small as it can be and still fail.

mod case;
mod check;
mod mutant;
mod plan;
mod plugin;
mod run;
mod scenario;
mod script;
mod shrink;
mod simulate;
mod wire;
mod world;

use baepo_core::rollout::View;

use case::Case;
use mutant::Mutant;
use plan::{
    EVERY_START, PEOPLE, SHIPPED, WEATHER, WIRE, eventful, hostile, plain, seeded, shipped,
};
use run::Run;
use shrink::shrink;
use simulate::{Crashes, Tally, simulate, simulate_with};

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
fn lost_answers_wrong_clocks_and_a_second_run_break_no_guardrail() {
    let cases = eventful(3, &EVERY_START, &WIRE);
    simulate(cases, Crashes::Some(29)).finish("wire");
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
fn a_case_that_fails_shrinks_to_what_makes_it_fail() {
    let fails = |case: &Case| {
        let strategy = |view: &View| case.who.decide(view);
        let mut run = Run::new(case, &strategy);
        run.mutant = Some(Mutant::ALL[0]);
        run.finish().err()
    };
    let large = (0..).map(seeded).find_map(|case| {
        let is_large = case.n > 3 && case.events.len() > 2;
        let why = fails(&case).filter(|_| is_large)?;
        Some((case, why))
    });
    let (case, why) = large.unwrap();
    let (small, why) = shrink(&case, why, &fails);
    assert_eq!((small.n, small.events.len()), (1, 0), "{small}: {why}");
    assert_eq!(fails(&small), Some(why));
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

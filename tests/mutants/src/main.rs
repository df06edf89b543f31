//! The simulator's cases until the first violation. It ends with 1 where there
//! is one, which is what `cargo xtask mutants` expects of a core that lacks
//! something, and with 0 where there is none.
#![allow(
    clippy::print_stdout,
    reason = "what was noticed is what one runs this for"
)]
#![allow(dead_code, reason = "the tests use more of the simulator than this")]

#[path = "../../it/sim/case.rs"]
mod case;
#[path = "../../it/sim/check.rs"]
mod check;
#[path = "../../it/sim/mutant.rs"]
mod mutant;
#[path = "../../it/sim/plan.rs"]
mod plan;
#[path = "../../it/sim/run.rs"]
mod run;
#[path = "../../it/sim/script.rs"]
mod script;
#[path = "../../it/sim/shrink.rs"]
mod shrink;
#[path = "../../it/sim/simulate.rs"]
mod simulate;
#[path = "../../it/sim/wire.rs"]
mod wire;
#[path = "../../it/sim/world.rs"]
mod world;

use std::process::ExitCode;

use case::Case;
use plan::{EVERY_START, PEOPLE, WEATHER, WIRE, eventful, hostile, plain, seeded};
use simulate::{Crashes, Tally, simulate};

fn main() -> ExitCode {
    let mut all = Tally::default();
    let small: Vec<Case> = (1..=4).flat_map(plain).collect();
    let suites: [(Vec<Case>, Crashes); 6] = [
        (small, Crashes::Some(7)),
        ((0..1_500).map(hostile).collect(), Crashes::None),
        (eventful(2, &EVERY_START, &PEOPLE), Crashes::None),
        (eventful(3, &EVERY_START, &WEATHER), Crashes::None),
        (eventful(3, &EVERY_START, &WIRE), Crashes::None),
        ((0..1_200).map(seeded).collect(), Crashes::None),
    ];
    for (cases, crashes) in suites {
        for case in cases {
            all.add(simulate([case], crashes));
            if let Some(violation) = all.violations.first() {
                println!("noticed after {} rollouts: {violation}", all.rollouts);
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "nothing noticed: {} rollouts, {} transitions",
        all.rollouts, all.transitions
    );
    ExitCode::SUCCESS
}

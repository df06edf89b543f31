//! The repository's chores. `cargo xtask` lists them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is how a chore speaks with people"
)]

mod bench;
mod ci;
mod dist;
mod fuzz;
mod long;
mod mutants;
mod plugins;
mod remap;

use std::path::Path;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask <chore>

  ci [step…]          run all checks, or the named ones; --list names them
  bench [name…]       run the benchmarks in tests/bench, or the named ones
  dist [--check]      build the archive of a release into target/dist; with
                      --check build it again elsewhere and compare
  faults [cells]      kill runs, agents and instances at each message of a rollout
  fuzz [--seconds=N] [target…]
                      run the targets in tests/fuzz, or the named ones,
                      each for 600 seconds
  guests              make a plugin from each template, roll out with each
                      language, and compare what they cost
  mutants [name…]     drop each guardrail of the core once, and see that the
                      simulator notices
  zero-loss [requests]
                      release after release under load, up to 200,000 requests
                      for each strategy
  plugins [--check]   build the first-party plugins into plugins/dist; with
                      --check rebuild them elsewhere and compare";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ci", ..] => ci::run(&arguments[1..]),
        ["bench", ..] => bench::run(&arguments[1..]),
        ["dist"] => dist::build().map(|()| ExitCode::SUCCESS),
        ["dist", "--check"] => dist::check().map(|()| ExitCode::SUCCESS),
        ["faults"] => long::run(&long::FAULTS, "all"),
        ["faults", cell] => long::run(&long::FAULTS, cell),
        ["guests"] => long::guests(),
        ["zero-loss"] => long::run(&long::ZERO_LOSS, "200000"),
        ["zero-loss", requests] => long::run(&long::ZERO_LOSS, requests),
        ["fuzz", ..] => fuzz::run(&arguments[1..]),
        ["mutants", ..] => mutants::run(&arguments[1..]),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        ["plugins"] => plugins::build().map(|()| ExitCode::SUCCESS),
        ["plugins", "--check"] => plugins::check().map(|_| ExitCode::SUCCESS),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// A program in the root of the repository that finds the environment as a person's
/// shell has it. What cargo says of this package in it is left out: `ring` asks for
/// that, and with it half of the workspace would be built anew whenever a chore and a
/// person take turns.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if of_package.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

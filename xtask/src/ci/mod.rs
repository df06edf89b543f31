//! `cargo xtask ci`: the one list of checks, for people and for machines.
//!
//! Every step runs, also after one has failed; the end says what came of each,
//! how to run the failed ones again, and how many tests passed.

mod count;
mod files;
pub(crate) mod install;
mod step;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;

use count::Count;
use step::{Action, STEPS, Step};

/// Runs the named steps, or all.
///
/// # Errors
/// When a name is unknown; a failing step is a failure exit code.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--list") {
        for step in STEPS {
            println!("{:<16} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = arguments
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.name == *name))
    {
        bail!("no step `{name}`; `cargo xtask ci --list` names them");
    }
    let wanted =
        |step: &&Step| arguments.is_empty() || arguments.iter().any(|name| name == step.name);
    let results: Vec<Outcome> = STEPS.iter().filter(wanted).map(run_step).collect();
    Ok(summarize(&results))
}

/// What came of one step.
struct Outcome {
    step: &'static Step,
    duration: Duration,
    /// Why it failed, one line each; empty when it is well.
    faults: Vec<String>,
    count: Count,
}

fn run_step(step: &'static Step) -> Outcome {
    let on_github = std::env::var_os("GITHUB_ACTIONS").is_some();
    println!(
        "{}── {}: {}",
        if on_github { "::group::" } else { "" },
        step.name,
        step.what
    );
    let started = Instant::now();
    let mut count = Count::default();
    let faults = match step.action {
        Action::Install => install::run(),
        Action::Commands(commands) => commands
            .iter()
            .filter_map(|command| step::run(command, &mut count).err())
            .map(|error| format!("{error:#}"))
            .collect(),
    };
    let duration = started.elapsed();
    for fault in &faults {
        println!("✗ {fault}");
    }
    if on_github {
        println!("::endgroup::");
    }
    Outcome {
        step,
        duration,
        faults,
        count,
    }
}

fn summarize(outcomes: &[Outcome]) -> ExitCode {
    println!("\n── summary");
    let mut total = Count::default();
    for outcome in outcomes {
        let mark = if outcome.faults.is_empty() {
            "✓"
        } else {
            "✗"
        };
        let tests = match outcome.count.is_empty() {
            true => String::new(),
            false => format!("   {}", outcome.count),
        };
        let seconds = outcome.duration.as_secs_f64();
        println!("{mark} {:<16} {seconds:>7.1} s{tests}", outcome.step.name);
        total.add(outcome.count.or_one(outcome.faults.is_empty()));
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|o| !o.faults.is_empty()).collect();
    if !failed.is_empty() {
        println!("\n{} of {} steps failed:", failed.len(), outcomes.len());
    }
    for outcome in &failed {
        for fault in &outcome.faults {
            println!("✗ {}: {fault}", outcome.step.name);
        }
        println!("  again, all of it: cargo xtask ci {}", outcome.step.name);
    }
    println!("\n{total}");
    ExitCode::from(u8::from(!failed.is_empty()))
}

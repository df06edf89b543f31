//! The `baepo` command line as a library: arguments in, exit code out.
//!
//! Everything that speaks with people is here; what is done is in
//! `baepo-runtime`, what is decided in `baepo-core`. If you want to add a
//! command, add a module with an `Args` struct and a function, and one line to
//! [`Command`] and to [`main`].

#![forbid(unsafe_code)]

mod agent;
mod agents;
mod answer;
pub mod config;
mod demo;
pub mod doctor;
mod error;
mod exit;
pub mod github;
mod history;
pub mod init;
pub mod judge;
mod lock;
mod operate;
pub mod output;
mod outside;
mod past;
mod plan;
pub mod plugin;
mod plugins;
mod rehearsal;
pub mod release;
pub mod render;
mod revision;
mod run;
mod sandbox;
mod seal;
mod show;
mod simulate;
mod targets;
mod tell;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baepo_core::rollout;
use clap::{Parser, Subcommand};

pub use exit::Exit;

/// One step from a revision to a judged rollout.
#[derive(Debug, Parser)]
#[command(name = "baepo", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What baepo can do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Build, test, release and roll out the revision that is checked out here
    Run(run::RunArgs),
    /// Show what a rollout would do, and change nothing
    Plan(plan::PlanArgs),
    /// Try this configuration against releases that are bad, and against nobody watching
    ///
    /// The state machine, the guardrails, the strategy and the monitors are the real ones. The
    /// fleet, the requests and the clock are a model: nothing outside is touched, and the same seed
    /// gives the same result. A person who is asked over a healthy verdict goes on at once; over any
    /// other verdict nobody comes.
    Simulate(simulate::SimulateArgs),
    /// Watch the whole life cycle on a small service, from nothing
    Demo(demo::DemoArgs),
    /// Write a configuration and a workflow for this checkout
    Init(init::Args),
    /// What serves, what is on its way, what is wrong
    Status(operate::StatusArgs),
    /// Go one step on, or with --full all the way
    Promote(operate::PromoteArgs),
    /// Let a release be rolled out that waits for a person to approve of it
    Approve(operate::EnvironmentArgs),
    /// Go back to what served before the rollout
    Abort(operate::EnvironmentArgs),
    /// Hold at the present share after the present step
    Pause(operate::EnvironmentArgs),
    /// End a hold or a pause
    Resume(operate::EnvironmentArgs),
    /// Roll a release out again that was rolled back
    Retry(run::RunArgs),
    /// Go back to a release that served before
    Rollback(operate::RollbackArgs),
    /// Let nothing new be rolled out to an environment
    Lock(lock::LockArgs),
    /// Let it be rolled out to again
    Unlock(operate::EnvironmentArgs),
    /// Do what a comment at a pull request asks for, and answer it (in a job of `issue_comment`)
    Answer(answer::AnswerArgs),
    /// Judge numbers from anywhere, by the statistics of the monitors
    Judge(judge::JudgeArgs),
    /// Pass on what the job of a fork says of itself (in a job of `workflow_run`)
    Tell(tell::TellArgs),
    /// What happened in earlier runs
    History(history::HistoryArgs),
    /// Supervise the instances of one environment and route requests to them
    Agent(agent::AgentArgs),
    /// Check everything that a run would need
    Doctor(doctor::Args),
    /// The releases that are kept in this checkout
    Release(release::Args),
    /// Look at plugins, pin, fetch and publish them, call them by hand
    Plugin(plugin::Args),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Put compiled code of the built-in plugins into a copy of this binary
    #[command(hide = true)]
    Seal(seal::Args),
    /// Compile a component from standard input; for baepo's own use
    #[command(hide = true)]
    CompileComponent {
        /// How.
        setting: Vec<String>,
    },
}

/// Run the command line of this process.
pub fn main() -> ExitCode {
    if let Some(code) = baepo_runtime::capability::process::take_over(std::env::args_os()) {
        return code;
    }
    outside::settle();
    let cli = Cli::parse();
    if let Command::CompileComponent { setting } = &cli.command {
        return baepo_runtime::plugin::compile_stdin(setting);
    }
    show::mask(&outside::outside().secrets);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: no threads to work with: {error}"));
            return Exit::Bug.into();
        }
    };
    let result = runtime.block_on(dispatch(cli.command));
    match result {
        Ok(exit) => exit,
        Err(error) => {
            refuse_any(&error);
            Exit::Usage.into()
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let out = &mut std::io::stdout();
    let exit = match command {
        Command::Run(args) => run::run(args).await?,
        Command::Retry(args) => {
            run::run(run::RunArgs {
                retry: true,
                ..args
            })
            .await?
        }
        Command::Plan(args) => plan::plan(args).await?,
        Command::Simulate(args) => simulate::simulate(args).await?,
        Command::Demo(args) => demo::demo(args).await?,
        Command::Init(args) => return init::run(&args, &root()?, out),
        Command::Doctor(args) => return doctor::run(&args, &root()?, out).await,
        Command::Release(args) => return release::run(&args, &root()?, out),
        Command::Status(args) => operate::status(args).await?,
        Command::Promote(args) => {
            let command = match args.full {
                true => rollout::Command::PromoteFull,
                false => rollout::Command::Promote,
            };
            operate::signal(args.at, command).await?
        }
        Command::Approve(args) => operate::signal(args, rollout::Command::Approve).await?,
        Command::Abort(args) => operate::signal(args, rollout::Command::Abort).await?,
        Command::Pause(args) => operate::signal(args, rollout::Command::Pause).await?,
        Command::Resume(args) => operate::signal(args, rollout::Command::Resume).await?,
        Command::Rollback(args) => operate::rollback(args).await?,
        Command::Lock(args) => lock::lock(args).await?,
        Command::Unlock(args) => lock::unlock(args).await?,
        Command::Answer(args) => answer::answer(args).await?,
        Command::Judge(args) => judge::judge(&args)?,
        Command::Tell(args) => tell::tell(args).await?,
        Command::History(args) => history::history(&args).await?,
        Command::Agent(args) => agent::agent(args).await?,
        Command::Plugin(args) => plugin::run(args).await?,
        Command::Seal(args) => seal::seal(&args)?,
        // Answered before there was a runtime.
        Command::CompileComponent { .. } => Exit::Bug,
        Command::Schema => {
            print(config::schema::schema_text().trim_end());
            Exit::Success
        }
    };
    Ok(exit.into())
}

/// An error and its causes, each on its own line.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for (index, cause) in error.chain().enumerate() {
        if index > 0 {
            text.push_str("\n  because: ");
        }
        text.push_str(&cause.to_string());
    }
    text
}

/// Show why a command did not do its work. What is wrong with a configuration is
/// shown as everywhere, whichever call found it.
fn refuse_any(error: &anyhow::Error) {
    if let Some(error) = error.downcast_ref::<config::ConfigError>() {
        refuse_config(error);
    } else if let Some(findings) = error.downcast_ref::<config::Findings>() {
        refuse(findings);
    } else {
        complain(&format!("error: {}", describe(error)));
    }
}

/// Show all that is wrong with what the user wrote.
fn refuse(findings: &config::Findings) -> Exit {
    complain(findings.render(config::is_stderr_coloured()).trim_end());
    match findings.blame() {
        config::Blame::Text => Exit::Usage,
        config::Blame::Policy => Exit::Denied,
        config::Blame::Outside => Exit::Failed,
    }
}

/// Show why there is no configuration.
fn refuse_config(error: &config::ConfigError) -> Exit {
    match error {
        config::ConfigError::Findings(findings) => refuse(findings),
        error => {
            complain(&format!("error: {}", error::one_line(error)));
            if !error.help().is_empty() {
                complain(&format!("  help: {}", error.help()));
            }
            Exit::Usage
        }
    }
}

/// Why nothing is done in this checkout, in a job that strangers can cause.
fn refuse_untrusted(root: &Path) -> Option<Exit> {
    let untrusted = github::trust::check(root, &run::variable, &run::payload()).err()?;
    complain(&format!("error: {untrusted}"));
    complain(&format!("  help: {}", github::trust::Untrusted::HELP));
    Some(Exit::Denied)
}

/// The checkout: the folder that the command is run in.
fn root() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_dir()?)
}

/// To standard output: what was asked for.
fn print(text: &str) {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{}", for_reader(text)) {
        // Whoever reads may have read enough, as `head` does.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!(
                "error: standard output cannot be written to: {error}"
            ));
        }
        Ok(()) | Err(_) => {}
    }
}

/// To standard error: what is wrong.
#[allow(
    clippy::print_stderr,
    reason = "the one place for errors before and after a run"
)]
fn complain(text: &str) {
    eprintln!("{}", for_reader(text));
}

/// What is printed may carry words of a plugin or of a file in a pull request:
/// in Actions none of them is a command for the runner.
fn for_reader(text: &str) -> Cow<'_, str> {
    match show::is_in_actions() {
        true => show::without_commands(text).into(),
        false => text.into(),
    }
}

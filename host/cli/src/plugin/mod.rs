//! `baepo plugin`: look at plugins, pin them, fetch them, publish them. And
//! what a run needs of that: [`supply`] turns the plugins of a configuration
//! into bytes that nobody has changed, by [`lock`] and within [`policy`].

mod about;
mod add;
mod bindings;
mod check;
mod fetch;
mod given;
mod inspect;
pub mod lock;
mod new;
mod pack;
pub(crate) mod policy;
mod push;
mod run;
pub(crate) mod supply;
mod text_file;
mod update;
pub(crate) mod wish_changes;
mod wished;

use clap::Subcommand;

use crate::error::one_line;
use crate::exit::Exit;
use baepo_runtime::plugin::LoadError;
use baepo_runtime::supply::FetchError;

/// Arguments of `baepo plugin`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What a component is and wants, without running anything of it
    Inspect(inspect::Args),
    /// Pin a plugin in baepo.lock, and show what to write for it
    Add(add::Args),
    /// Look again what the names in baepo.lock mean, and show what changes
    Update(update::Args),
    /// Fetch every plugin of the configuration, so that a run needs no network
    Fetch(fetch::Args),
    /// Publish a component to a registry
    Push(push::Args),
    /// Begin a plugin: a project with its test, that one command builds
    New(new::Args),
    /// Make the bindings of a project in Go or C anew
    Bindings(bindings::Args),
    /// Make a plugin of what a compiler made: a core module or a component
    Pack(pack::Args),
    /// Check what a plugin promises: thousands of rollouts, no evidence, mistakes
    Check(check::Args),
    /// Call one hook of a plugin and print its answer as JSON
    Run(run::Args),
}

/// Bytes of the largest component.
const MAX_COMPONENT_BYTES: usize = 64 << 20;

/// `baepo plugin`.
///
/// # Errors
/// If something is missing that is not the user's to configure.
pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::Inspect(args) => inspect::run(&args).await,
        Action::Add(args) => add::run(&args).await,
        Action::Update(args) => update::run(&args).await,
        Action::Fetch(args) => fetch::run(&args).await,
        Action::Push(args) => push::run(&args).await,
        Action::New(args) => new::run(&args),
        Action::Bindings(args) => bindings::run(&args),
        Action::Pack(args) => pack::run(&args),
        Action::Check(args) => check::run(args).await,
        Action::Run(args) => run::run(args).await,
    }
}

/// One message with its next step.
fn complain(what: &str, help: &str) {
    crate::complain(&format!("error: {what}"));
    if !help.is_empty() {
        crate::complain(&format!("  help: {help}"));
    }
}

/// Why a plugin could not be fetched or pushed.
fn refuse_fetch(error: &FetchError) -> Exit {
    complain(&one_line(error), error.help());
    match error.is_outside() {
        true => Exit::Failed,
        false => Exit::Usage,
    }
}

/// Why a component is none.
fn refuse_component(name: &str, error: &LoadError) -> Exit {
    complain(&format!("{name}: {}", one_line(error)), error.help());
    Exit::Usage
}

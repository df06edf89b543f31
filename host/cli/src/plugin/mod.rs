//! `baepo plugin …`: what one does with plugins by hand.

mod run;

use clap::Subcommand;

use crate::Exit;

/// Call plugins by hand.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Call one hook of a plugin and print its answer as JSON
    Run(run::Args),
}

pub(crate) async fn main(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Command::Run(args) => run::run(args).await,
    }
}

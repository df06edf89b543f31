//! `baepo lock` and `baepo unlock`: a person wants nothing new to be rolled out.

use baepo_runtime::driver::{EnvironmentLock, now, set_lock};
use clap::Args;

use crate::exit::Exit;
use crate::operate::{EnvironmentArgs, reach, who};
use crate::show::Show;

/// Let nothing new be rolled out to an environment. What is on its way goes
/// on, and `baepo rollback` still works.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Which environment.
    #[command(flatten)]
    at: EnvironmentArgs,
    /// Why: whoever is refused reads it.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Lock an environment.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn lock(args: LockArgs) -> anyhow::Result<Exit> {
    let at = reach(&args.at).await?;
    let name = &at.environment.name;
    let lock = EnvironmentLock {
        by: who(),
        reason: args.reason,
        since: now(),
    };
    let before = set_lock(&*at.target, Some(lock.clone())).await?;
    let show = Show::new(false);
    match before {
        None => {
            show.line(&format!("{name}: {lock}"));
            Ok(Exit::Success)
        }
        Some(other) => {
            show.line(&format!("{name} is {other}; that one was kept"));
            Ok(Exit::Locked)
        }
    }
}

/// Unlock an environment.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn unlock(args: EnvironmentArgs) -> anyhow::Result<Exit> {
    let at = reach(&args).await?;
    let name = &at.environment.name;
    let said = match set_lock(&*at.target, None).await? {
        Some(lock) => format!("{name}: unlocked; it was {lock}"),
        None => format!("{name} was not locked"),
    };
    Show::new(false).line(&said);
    Ok(Exit::Success)
}

//! `baepo lock` and `baepo unlock`: a person wants nothing new to be rolled out.

use baepo_core::time::Millis;
use baepo_runtime::clock::now;
use baepo_runtime::driver::{EnvironmentLock, set_lock};
use clap::Args;

use crate::config::unit::parse_duration;
use crate::exit::Exit;
use crate::operate::{At, Came, EnvironmentArgs, reach, who};
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
    /// How long it may last, for example `2h`; until it is unlocked where
    /// absent.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    lasting: Option<Millis>,
}

/// Lock an environment.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn lock(args: LockArgs) -> anyhow::Result<Exit> {
    let at = reach(&args.at).await?;
    let came = set(&at, args.reason, args.lasting).await?;
    Show::new(false).line(&came.said);
    Ok(came.exit)
}

/// Lock an environment that was reached.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn set(at: &At, reason: String, lasting: Option<Millis>) -> anyhow::Result<Came> {
    let name = &at.environment.name;
    let since = now();
    let lock = EnvironmentLock {
        by: who(),
        reason,
        since,
        until: lasting.map(|time| since + time),
    };
    let before = set_lock(&*at.target, Some(lock.clone())).await?;
    Ok(match before {
        None => Came::at_once(Exit::Success, format!("{name}: {lock}")),
        Some(other) => Came::at_once(
            Exit::Locked,
            format!("{name} is {other}; that one was kept"),
        ),
    })
}

/// Unlock an environment.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn unlock(args: EnvironmentArgs) -> anyhow::Result<Exit> {
    let said = lift(&reach(&args).await?).await?;
    Show::new(false).line(&said);
    Ok(Exit::Success)
}

/// Unlock an environment that was reached; a line for people.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn lift(at: &At) -> anyhow::Result<String> {
    let name = &at.environment.name;
    Ok(match set_lock(&*at.target, None).await? {
        Some(lock) => format!("{name}: unlocked; it was {lock}"),
        None => format!("{name} was not locked"),
    })
}

//! What an operator says to a rollout, and asks of an environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use baepo_core::fleet::Fleet;
use baepo_core::release::Revision;
use baepo_core::rollout::{Command, Step};
use baepo_runtime::clock::now;
use baepo_runtime::driver::StateDocument;
use baepo_runtime::target::Target;
use clap::Args;
use serde_json::json;

use crate::config::{Config, Environment, TargetUse};
use crate::error::one_line;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::terminal::{Paint, bar};
use crate::run::{self, Work};
use crate::show::Show;
use crate::targets;

/// How long a live run may take to hear what was said.
const HEARING: Duration = Duration::from_secs(3);

/// Which environment is meant.
#[derive(Debug, Args)]
pub(crate) struct EnvironmentArgs {
    /// The configuration.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The environment; needed where the configuration has several.
    #[arg(long)]
    pub environment: Option<String>,
}

/// Go one step on, or all the way.
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// Which environment.
    #[command(flatten)]
    pub at: EnvironmentArgs,
    /// All traffic to the candidate; the guardrails stay.
    #[arg(long)]
    pub full: bool,
}

/// Go back to a release that served before.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Which environment.
    #[command(flatten)]
    pub at: EnvironmentArgs,
    /// Commit or digest of the release; the newest that served where absent.
    #[arg(long)]
    pub to: Option<String>,
}

/// What serves, what is on its way, what is wrong.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Which environment; all where absent.
    #[command(flatten)]
    pub at: EnvironmentArgs,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// An environment whose target answers.
pub(crate) struct At {
    /// The configuration that it is in.
    pub(crate) config: Config,
    /// The environment.
    pub(crate) environment: Environment,
    /// Its target.
    pub(crate) target: Arc<dyn Target>,
}

/// Find the environment and its agent.
///
/// # Errors
/// If the configuration is not right, several are meant, or nobody answers.
pub(crate) async fn reach(args: &EnvironmentArgs) -> anyhow::Result<At> {
    let config = crate::config::load(&crate::root()?, args.config.as_deref())?;
    let environment = match (&args.environment, config.environments.as_slice()) {
        (Some(name), _) => config.known(name)?,
        (None, [one]) => one,
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|e| e.name.as_str()).collect();
            bail!("say which environment: --environment {}", names.join(" | "))
        }
    };
    at(&config, environment).await
}

/// An environment of a configuration.
///
/// # Errors
/// If its target does not answer.
pub(crate) async fn at(config: &Config, environment: &Environment) -> anyhow::Result<At> {
    let target = targets::of(config, environment).await?;
    target
        .describe()
        .await
        .with_context(|| match &environment.target {
            TargetUse::Local(_) => format!(
                "the agent of `{0}` does not answer; start it with: baepo agent --environment {0}",
                environment.name
            ),
            TargetUse::Plugin(_) => format!("the target of `{}` does not answer", environment.name),
        })?;
    Ok(At {
        config: config.clone(),
        environment: environment.clone(),
        target,
    })
}

/// Whoever gives this command, for people.
pub(crate) fn who() -> String {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    variable("GITHUB_ACTOR")
        .or_else(|| variable("USER"))
        .unwrap_or_else(|| "somebody".into())
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Came {
    /// How it ends.
    pub(crate) exit: Exit,
    /// A line for people.
    pub(crate) said: String,
    /// Whether there was a run for it, which has told of itself.
    pub(crate) has_run: bool,
}

impl Came {
    /// It was done or refused without a run.
    pub(crate) fn at_once(exit: Exit, said: String) -> Came {
        Came {
            exit,
            said,
            has_run: false,
        }
    }
}

/// Approve, promote, pause, resume or abort. A live run hears it within a second; where
/// there is none, this command acts itself.
///
/// # Errors
/// If nothing is on its way, or the agent does not answer.
pub(crate) async fn signal(args: EnvironmentArgs, command: Command) -> anyhow::Result<Exit> {
    let show = Show::new(false).with_keys();
    let came = say(&reach(&args).await?, command, &show).await?;
    show.line(&came.said);
    Ok(came.exit)
}

/// The same in an environment that was reached.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn say(at: &At, command: Command, show: &Show) -> anyhow::Result<Came> {
    let name = &at.environment.name;
    let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
    let Some(rollout) = state.environment.active() else {
        let text = format!("{name}: nothing is being rolled out; there is nothing to {command}");
        return Ok(Came::at_once(Exit::Usage, text));
    };
    let candidate = rollout.begin.candidate.revision.clone();
    let revision = candidate.short().to_owned();
    let reason = match command {
        Command::Approve if !rollout.awaits_approval() => {
            let text = format!("{name}: {revision} waits for nobody to approve of it");
            return Ok(Came::at_once(Exit::Usage, text));
        }
        // Not of whatever comes in between.
        Command::Approve => rollout.candidate().to_string(),
        _ => String::new(),
    };
    let signal = baepo_runtime::driver::signal(&*at.target, command, &who(), &reason).await?;
    let said = Instant::now();
    while said.elapsed() < HEARING {
        let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
        let heard = state
            .environment
            .rollout
            .as_ref()
            .is_none_or(|r| r.heard >= signal.number);
        if heard {
            let text = format!(
                "{name}: {command} of {revision} was heard by the run that holds the lease"
            );
            return Ok(Came::at_once(Exit::Success, text));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    show.line(&format!(
        "{name}: no run is alive; acting on {command} of {revision} here"
    ));
    act(at, candidate, Work::Resume, show).await
}

/// Go back to a release that served before.
///
/// # Errors
/// If there is none, or the agent does not answer.
pub(crate) async fn rollback(args: RollbackArgs) -> anyhow::Result<Exit> {
    let show = Show::new(false).with_keys();
    let at = reach(&args.at).await?;
    let came = go_back(&at, args.to.as_deref(), &show).await?;
    show.line(&came.said);
    Ok(came.exit)
}

/// The same in an environment that was reached; `to` is the beginning of a
/// commit or digest.
///
/// # Errors
/// If the agent does not answer.
pub(crate) async fn go_back(at: &At, to: Option<&str>, show: &Show) -> anyhow::Result<Came> {
    let name = &at.environment.name;
    let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
    let environment = state.environment;
    if environment.active().is_some() {
        show.line(&format!(
            "{name}: a rollout is on its way; aborting it is the way back"
        ));
        return say(at, Command::Abort, show).await;
    }
    let wanted = match to {
        None => environment.previous(),
        Some(text) => environment.served.iter().find(|release| {
            release.revision.commit.starts_with(text)
                || release.digest.to_string().starts_with(text)
                || release.digest.hex().starts_with(text)
        }),
    };
    let Some(wanted) = wanted else {
        let known = environment.served.iter().map(|release| {
            let (revision, digest) = (release.revision.short(), release.digest.short());
            format!("{revision} ({digest})")
        });
        let known: Vec<String> = known.collect();
        let text = match known.as_slice() {
            [] => {
                format!("{name}: no release served before this one; there is nothing to go back to")
            }
            known => format!(
                "{name}: no such release; still staged are {}",
                known.join(", ")
            ),
        };
        return Ok(Came::at_once(Exit::Usage, text));
    };
    let to = Box::new(wanted.clone());
    let revision = to.revision.clone();
    act(at, revision, Work::Rollback { to, by: who() }, show).await
}

/// A run that does this in an environment that was reached.
async fn act(at: &At, revision: Revision, work: Work, show: &Show) -> anyhow::Result<Came> {
    let name = &at.environment.name;
    let report = run::act_on(&at.config, name, revision, work, show).await?;
    let text = match &report.ended {
        Some(end) => format!("{name}: {}: {}", end.outcome, end.reason),
        None => format!("{name}: the run did not end"),
    };
    Ok(Came {
        exit: run::exit_of(&report),
        said: text,
        has_run: true,
    })
}

/// Show what serves, what is on its way, what is wrong.
///
/// # Errors
/// If the configuration is not there or not right.
pub(crate) async fn status(args: StatusArgs) -> anyhow::Result<Exit> {
    let config = match crate::config::load(&crate::root()?, args.at.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    if let Some(name) = &args.at.environment {
        config.known(name)?;
    }
    let paint = Show::new(false).paint();
    let mut exit = Exit::Success;
    let chosen = config.environments.iter().filter(|e| {
        args.at
            .environment
            .as_ref()
            .is_none_or(|name| *name == e.name)
    });
    for environment in chosen {
        match look(&config, environment).await {
            Ok((state, fleet)) if args.output.is_json() => crate::print(
                &json!({
                    "format": "baepo-status-1",
                    "environment": environment.name,
                    "state": state.environment,
                    "lock": state.locked(now()),
                    "fleet": fleet,
                })
                .to_string(),
            ),
            Ok((state, fleet)) => crate::print(&describe(&environment.name, &state, &fleet, paint)),
            Err(reason) if args.output.is_json() => {
                exit = Exit::Failed;
                crate::print(
                    &json!({
                        "format": "baepo-status-1",
                        "environment": environment.name,
                        "error": reason,
                    })
                    .to_string(),
                );
            }
            Err(reason) => {
                exit = Exit::Failed;
                let name = &environment.name;
                let mut text = format!("{} {name}: {reason}", paint.bad("✗"));
                if environment.target.local().is_some() {
                    text.push_str(&format!(
                        "\n  next: start its agent with: baepo agent --environment {name}"
                    ));
                }
                crate::print(&text);
            }
        }
    }
    Ok(exit)
}

/// What the target knows, and what there is.
///
/// # Errors
/// Why it does not answer, for people.
pub(crate) async fn look(
    config: &Config,
    environment: &Environment,
) -> Result<(StateDocument, Fleet), String> {
    let target = targets::of(config, environment).await;
    let target = target.map_err(|error| format!("{error:#}"))?;
    let state = baepo_runtime::driver::load(&*target).await;
    let (_, state) = state.map_err(|error| one_line(&error))?;
    let fleet = target.observe().await.map_err(|error| one_line(&error))?;
    Ok((state, fleet))
}

/// An environment for people, on several lines.
pub(crate) fn describe(
    name: &str,
    document: &StateDocument,
    fleet: &Fleet,
    paint: Paint,
) -> String {
    let state = &document.environment;
    let mut lines = Vec::new();
    match &state.stable {
        Some(stable) => lines.push(format!(
            "{} {}  {} serves  ({})",
            paint.good("✓"),
            paint.bold(name),
            stable.revision.short(),
            stable.revision.summary
        )),
        None => lines.push(format!(
            "{} {}  nothing is installed",
            paint.dim("-"),
            paint.bold(name)
        )),
    }
    if let Some(lock) = document.locked(now()) {
        let lock = paint.busy(&lock.to_string());
        lines.push(format!(
            "  {lock}\n  next: baepo unlock --environment {name}"
        ));
    }
    if let Some(rollout) = &state.rollout {
        let revision = rollout.begin.candidate.revision.short();
        let weight = fleet.route.weight(rollout.candidate());
        match &rollout.step {
            Step::Over { outcome, at, .. } => lines.push(format!(
                "  last rollout: {revision} {outcome} at {}: {}",
                at.rfc3339(),
                rollout.reason
            )),
            Step::Back { .. } => lines.push(format!("  {revision} is going back: {}", rollout.reason)),
            Step::Holding { until, .. } if rollout.awaits_approval() => lines.push(format!(
                "  {revision} is ready and waits until {} for a person to approve of it\n  next: baepo approve | abort",
                until.rfc3339()
            )),
            Step::Holding { reason, until, .. } => lines.push(format!(
                "  {revision} waits at {weight} {} until {}: {reason}\n  next: baepo promote | resume | abort",
                bar(weight, 20, paint),
                until.rfc3339()
            )),
            Step::Staging { .. } | Step::Deciding { .. } | Step::Acting { .. } => lines.push(format!(
                "  {revision} is at {weight} {} {}",
                bar(weight, 20, paint),
                rollout.reason
            )),
        }
    }
    for instances in &fleet.instances {
        if instances.asked == 0 && instances.ready + instances.starting + instances.draining == 0 {
            continue;
        }
        let trouble = instances
            .trouble
            .as_ref()
            .map_or(String::new(), |why| format!("  {}", paint.bad(why)));
        lines.push(format!(
            "  {}  {} of {} ready, {} starting, {} draining, {} of the traffic{trouble}",
            instances.digest.short(),
            instances.ready,
            instances.asked,
            instances.starting,
            instances.draining,
            fleet.route.weight(instances.digest)
        ));
    }
    if let Some(previous) = state.previous() {
        lines.push(paint.dim(&format!(
            "  rollback would go to {}",
            previous.revision.short()
        )));
    }
    lines.join("\n")
}

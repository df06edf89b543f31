//! The command line of `baepo run`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use baepo_core::report::Report;
use baepo_core::verdict::Level;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Run, RunOptions};
use crate::agents::Where;
use crate::config::unit::parse_duration;
use crate::exit::Exit;
use crate::github::event::{Reach, Trigger};
use crate::github::output as outputs;
use crate::output::Output;
use crate::plugins::Plugins;
use crate::render::{headline, json, markdown};
use crate::show::Show;

/// Build, test, release and roll out the revision that is checked out here.
///
/// Run again after a crash or a cancelled job, it goes on where the last run
/// stopped: the state is kept by the target.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration (.github/baepo.yml, else baepo.yml).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Roll out only to this environment; may be repeated.
    #[arg(long)]
    pub environment: Vec<String>,
    /// Try a release again that was rolled back before.
    #[arg(long)]
    pub retry: bool,
    /// Build nothing: only bring on what is on its way, and do what is due.
    /// For a timer; what `schedule` does in a workflow.
    #[arg(long, conflicts_with = "retry")]
    pub resume: bool,
    /// End as waiting after so long, where there is nothing to do but wait, for
    /// example `5m`; a later run goes on. Above `max-exposure-unwatched` it
    /// stays.
    #[arg(long, value_name = "DURATION", value_parser = max_wait)]
    pub max_wait: Option<Duration>,
    /// What to print on standard output at the end: nothing beside what is told
    /// on standard error, or the report on one line.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

fn max_wait(text: &str) -> Result<Duration, String> {
    parse_duration(text).map(|time| time.to_duration())
}

/// Run.
///
/// # Errors
/// If something is missing that is not the user's to configure.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let show = Show::new(args.output.is_json());
    let root = crate::root()?;
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    for name in &args.environment {
        anyhow::ensure!(
            config.environment(name).is_some(),
            "there is no environment `{name}` in {}",
            config.path()
        );
    }
    let revision = crate::revision::of_checkout(&root)?;
    let plugins = match Plugins::load(config.clone(), &root).await {
        Ok(plugins) => plugins,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    if let Err(findings) = crate::plan::check(&plugins, &revision).await {
        return Ok(crate::refuse(&config.findings(findings)));
    }
    let trigger = trigger()?;
    let mut environments = args.environment;
    if let (true, Some(name)) = (environments.is_empty(), &trigger.environment) {
        environments.push(name.clone());
    }
    let is_timer = trigger.reach == Reach::Resume;
    let options = RunOptions {
        journal: root.join(".baepo/journal"),
        run: run_name(),
        revision,
        trigger,
        environments,
        retry: args.retry,
        resume: args.resume || is_timer,
        max_wait: args.max_wait,
        agents: Where::Home,
        cancel: cancelled_by_signals(),
        root,
    };
    if options.trigger.reach == Reach::Plan && options.environments.is_empty() {
        show.line(&format!(
            "`{}` deploys nothing; this is the plan",
            options.trigger.event
        ));
        let plan = crate::plan::PlanArgs::of(args.config);
        return crate::plan::plan(plan).await;
    }
    let run = Run::new(options, &plugins, &show)?;
    let journal = run.journal().to_owned();
    let report = run.run().await?;
    hand_out(&report, &journal, &show);
    if args.output.is_json() {
        crate::print(&json::line(&report)?);
    }
    let in_actions = std::env::var_os("GITHUB_ACTIONS").is_some();
    Ok(report
        .ended
        .as_ref()
        .map_or(Exit::Bug, |end| Exit::of(end, in_actions)))
}

/// What caused the run, from the job's environment.
fn trigger() -> anyhow::Result<Trigger> {
    let payload = match std::env::var_os("GITHUB_EVENT_PATH") {
        Some(path) => {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            serde_json::from_str(&text).unwrap_or_default()
        }
        None => serde_json::Value::Null,
    };
    Ok(Trigger::of(
        &|name| std::env::var(name).ok().filter(|value| !value.is_empty()),
        &payload,
    ))
}

/// GitHub's number of the run and attempt, or the time.
fn run_name() -> String {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    match (variable("GITHUB_RUN_ID"), variable("GITHUB_RUN_ATTEMPT")) {
        (Some(run), Some(attempt)) => format!("{run}-{attempt}"),
        (Some(run), None) => run,
        (None, _) => {
            let stamp: String = baepo_runtime::driver::now()
                .rfc3339()
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            format!("{stamp}-{}", std::process::id())
        }
    }
}

/// Cancelled by SIGINT or SIGTERM.
pub(crate) fn cancelled_by_signals() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
    });
    token
}

/// Outputs and summary of a GitHub job. What cannot be written is said, and
/// changes nothing.
fn hand_out(report: &Report, journal: &Path, show: &Show) {
    let file = |name| std::env::var_os(name).map(PathBuf::from);
    let mut troubles = Vec::new();
    if let Some(handed) = file("GITHUB_OUTPUT") {
        let cause = report
            .ended
            .as_ref()
            .and_then(|end| serde_json::to_value(end.cause).ok());
        let cause = cause
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        let outcome = report
            .ended
            .as_ref()
            .map_or(String::new(), |end| end.outcome.to_string());
        let result = json::line(report).unwrap_or_default();
        let values = [
            ("outcome", outcome.as_str()),
            ("reason-code", cause),
            ("headline", &headline(report)),
            ("result", &result),
            ("report-path", &journal.display().to_string()),
        ];
        for (name, value) in values {
            troubles.extend(outputs::set(&handed, name, value).err());
        }
    }
    if let Some(summary) = file("GITHUB_STEP_SUMMARY") {
        troubles.extend(outputs::append(&summary, &markdown::summary(report)).err());
    }
    if let Some(error) = troubles.first() {
        show.line(
            &format!(
                "{:?}: the job's outputs could not be written: {error}",
                Level::Warning
            )
            .to_lowercase(),
        );
    }
}

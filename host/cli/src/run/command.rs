//! The command line of `baepo run`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::release::Revision;
use baepo_core::report::Report;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Built, Run, RunOptions, Work, github, next};
use crate::agents::Where;
use crate::config::Config;
use crate::config::unit::parse_duration;
use crate::exit::Exit;
use crate::github::event::{Reach, Trigger};
use crate::github::place::Place;
use crate::output::Output;
use crate::plugins::Plugins;
use crate::render::json;
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
    /// Build and test only, and pack what was built into this folder for the
    /// jobs that roll it out; its digest is an output of the job.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["resume", "environment", "bundle"])]
    pub pack: Option<PathBuf>,
    /// Build and test nothing: roll out what another job has packed into this
    /// folder.
    #[arg(long, value_name = "FOLDER", requires = "bundle_digest")]
    pub bundle: Option<PathBuf>,
    /// The digest of the bundle, as the job that packed it has said.
    #[arg(long, value_name = "DIGEST", requires = "bundle")]
    pub bundle_digest: Option<Digest>,
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
    let show = Show::new(args.output.is_json()).with_keys();
    let root = crate::root()?;
    if let Some(exit) = crate::refuse_untrusted(&root) {
        return Ok(exit);
    }
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let revision = crate::revision::of_checkout(&root)?;
    let plugins = match Plugins::load(config.clone(), &root).await {
        Ok(plugins) => plugins,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    if let Err(findings) = crate::plan::check(&plugins, &revision).await {
        return Ok(crate::refuse(&config.findings(findings)));
    }
    let payload = payload();
    let mut trigger = Trigger::of(&variable, &payload);
    if !trigger.is_about(&revision.commit, &payload) {
        // What is built here says nothing of what the pull request brings.
        trigger.reach = Reach::Plan;
    }
    let mut environments = args.environment;
    if let (true, Some(name)) = (environments.is_empty(), &trigger.environment) {
        environments.push(name.clone());
    }
    for name in &environments {
        config.known(name)?;
    }
    let is_timer = trigger.reach == Reach::Resume;
    if let Some(why) = deploys_nothing(&config, &trigger, &environments, args.pack.is_some()) {
        show.line(&format!("{why}; this is the plan"));
        let plan = crate::plan::PlanArgs::of(args.config, environments);
        return crate::plan::plan(plan).await;
    }
    let built = match (args.pack, args.bundle.zip(args.bundle_digest)) {
        (Some(folder), _) => Built::Packed(folder),
        (None, Some((folder, digest))) => Built::Before(folder, digest),
        (None, None) => Built::Here,
    };
    let work = match args.resume || is_timer {
        true => Work::Resume,
        false => Work::Revision {
            retry: args.retry,
            is_asked_for: args.retry,
            built,
        },
    };
    let around = AroundRun {
        plugins: &plugins,
        payload: &payload,
        root,
        revision,
        max_wait: args.max_wait,
        output: args.output,
        show: &show,
    };
    let exit = around
        .run(trigger.clone(), environments.clone(), work)
        .await?;
    if !is_timer || exit != Exit::Success {
        return Ok(exit);
    }
    let next = next::after(&config, &around.revision, &environments).await;
    if next.is_empty() {
        return Ok(exit);
    }
    show.line(&format!(
        "next: {}, for what is needed there serves {}",
        next.join(", "),
        around.revision.short()
    ));
    trigger.reach = Reach::Deploy;
    let work = Work::Revision {
        retry: false,
        is_asked_for: false,
        built: Built::Here,
    };
    match around.run(trigger, next, work).await? {
        // Somebody else got there, or does not want it: a timer insists on nothing.
        Exit::Locked => Ok(Exit::Success),
        exit => Ok(exit),
    }
}

/// What runs of one process have in common.
struct AroundRun<'a> {
    plugins: &'a Plugins,
    payload: &'a serde_json::Value,
    root: PathBuf,
    revision: Revision,
    max_wait: Option<Duration>,
    output: Output,
    show: &'a Show,
}

impl AroundRun<'_> {
    async fn run(
        &self,
        mut trigger: Trigger,
        environments: Vec<String>,
        work: Work,
    ) -> anyhow::Result<Exit> {
        let config = &self.plugins.config;
        let place = Place::of(&variable, self.payload);
        let wanted = github::wanted(config, &environments, &trigger, &work);
        let teller = github::teller(config, place, wanted, &mut trigger, self.show).await;
        let options = RunOptions {
            environments,
            max_wait: self.max_wait,
            teller,
            ..options(self.root.clone(), self.revision.clone(), trigger, work)
        };
        let report = perform(options, self.plugins, self.show).await?;
        if self.output.is_json() {
            crate::print(&json::line(&report)?);
        }
        Ok(exit_of(&report))
    }
}

/// Why this event deploys to none of the named environments, or to none at all
/// where none is named.
fn deploys_nothing(
    config: &Config,
    trigger: &Trigger,
    named: &[String],
    is_packed: bool,
) -> Option<String> {
    let event = &trigger.event;
    match trigger.reach {
        Reach::Plan => return Some(format!("`{event}` deploys nothing")),
        // These build first, whatever comes then.
        Reach::Preview | Reach::Resume => return None,
        Reach::Deploy if is_packed => return None,
        Reach::Deploy => {}
    }
    let of_none = !config
        .named(named)
        .any(|environment| trigger.allows(environment));
    of_none.then(|| format!("by their `on:`, `{event}` deploys to no environment"))
}

/// A run that is not of the checkout: it brings on what is on its way in one
/// environment, or goes back there. Needs no git, and somewhere to write only
/// for its journal: who goes back has no time for either.
///
/// # Errors
/// If something is missing that is not the user's to configure.
pub(crate) async fn act_on(
    config: &Config,
    environment: &str,
    revision: Revision,
    work: Work,
    show: &Show,
) -> anyhow::Result<Report> {
    let root = crate::root()?;
    let plugins = Plugins::load(config.clone(), &root).await?;
    let mut trigger = Trigger::of(&variable, &payload());
    // The rollout knows which pull request it came from.
    trigger.pull_request = None;
    let place = Place::of(&variable, &payload());
    // What told of it says how it goes on.
    let wanted = github::wanted(config, &[], &trigger, &work);
    let teller = github::teller(config, place, wanted, &mut trigger, show).await;
    let options = RunOptions {
        journal: journal_folder(&root, show),
        environments: vec![environment.to_owned()],
        teller,
        ..options(root, revision, trigger, work)
    };
    perform(options, &plugins, show).await
}

/// A run of this process at the agents of its user, of all environments, which
/// tells nobody.
pub(crate) fn options(
    root: PathBuf,
    revision: Revision,
    trigger: Trigger,
    work: Work,
) -> RunOptions {
    RunOptions {
        journal: root.join(".baepo/journal"),
        run: run_name(),
        revision,
        trigger,
        environments: Vec::new(),
        work,
        max_wait: None,
        agents: Where::Home,
        cancel: cancelled_by_signals(),
        teller: None,
        objection: None,
        root,
    }
}

/// The folder of journals, or one for the time being where that cannot be
/// written.
fn journal_folder(root: &Path, show: &Show) -> PathBuf {
    let folder = root.join(".baepo/journal");
    let is_writable = std::fs::create_dir_all(&folder)
        .and_then(|()| tempfile::tempfile_in(&folder))
        .map(drop);
    match is_writable {
        Ok(()) => folder,
        Err(error) => {
            let other = std::env::temp_dir().join(format!("baepo-{}", std::process::id()));
            show.line(&format!(
                "warning: {} cannot be written ({error}); the journal is in {}",
                folder.display(),
                other.display()
            ));
            other
        }
    }
}

/// Run to the end, tell GitHub, and hand out what a job is to know.
pub(crate) async fn perform(
    options: RunOptions,
    plugins: &Plugins,
    show: &Show,
) -> anyhow::Result<Report> {
    let run = Run::new(options, plugins, show)?;
    let journal = run.journal().to_owned();
    let (report, teller) = run.run().await?;
    let told = match teller {
        Some(teller) => Some(teller.end().await),
        None => None,
    };
    github::hand_out(&report, &journal, told.as_ref(), show);
    Ok(report)
}

/// How a run that ended like this ends its process.
pub(crate) fn exit_of(report: &Report) -> Exit {
    let in_actions = std::env::var_os("GITHUB_ACTIONS").is_some();
    let ended = report.ended.as_ref();
    ended.map_or(Exit::Bug, |end| Exit::of(end, in_actions))
}

/// A variable of the job that is not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The event that caused the run, as GitHub tells it.
pub(crate) fn payload() -> serde_json::Value {
    let path = std::env::var_os("GITHUB_EVENT_PATH");
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    let payload = text.and_then(|text| serde_json::from_str(&text).ok());
    payload.unwrap_or_default()
}

/// GitHub's number of the run and attempt, or the time.
fn run_name() -> String {
    match (variable("GITHUB_RUN_ID"), variable("GITHUB_RUN_ATTEMPT")) {
        (Some(run), Some(attempt)) => format!("{run}-{attempt}"),
        (Some(run), None) => run,
        (None, _) => {
            let stamp: String = baepo_runtime::clock::now()
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

//! `baepo agent`: supervises the instances of one environment and routes
//! requests to them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use baepo_runtime::router::{Listen, Sticky};
use baepo_runtime::target::local::{Agent, AgentOptions, LocalTarget};
use baepo_runtime::watchdog::Watchdog;
use clap::Args;

use crate::agents::{Where, control};
use crate::config::TargetUse;
use crate::error::one_line;
use crate::exit::Exit;

/// How long instances may take to finish when the agent is asked to end with
/// them.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Supervise the instances of one environment and route requests to them.
///
/// SIGTERM ends the agent and leaves its instances running: the next agent
/// takes them over. While no run is alive it does what is due, and brings
/// traffic back where a rollout was left alone for too long. With --take-over a
/// running agent hands its place to this one, without a request lost: so an
/// agent is upgraded. With --stop a running agent ends and its instances too.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The environment of the configuration.
    #[arg(long, required_unless_present = "state")]
    environment: Option<String>,
    /// The state folder, instead of the environment's.
    #[arg(long, requires = "listen", conflicts_with = "environment")]
    state: Option<PathBuf>,
    /// Where to listen, instead of where the configuration says.
    #[arg(long)]
    listen: Option<Listen>,
    /// The cookie by which users stay on one version, instead of the
    /// configuration's.
    #[arg(long, value_name = "COOKIE", value_parser = Sticky::by_cookie)]
    sticky: Option<Sticky>,
    /// The control socket; in the state folder where absent.
    #[arg(long)]
    control: Option<PathBuf>,
    /// Begin with nothing, and end with all instances when standard input ends:
    /// whoever started this agent for itself is gone.
    #[arg(long, hide = true)]
    ephemeral: bool,
    /// Take the place of the agent that runs, if one does.
    #[arg(long)]
    take_over: bool,
    /// Ask the running agent to stop its instances and itself.
    #[arg(long)]
    stop: bool,
}

/// Run, or stop, an agent.
///
/// # Errors
/// If the configuration is not there or not right.
pub(crate) async fn agent(args: AgentArgs) -> anyhow::Result<Exit> {
    let (state_dir, listen, patience, sticky) = match (&args.state, &args.environment) {
        (Some(state), _) => (
            state.clone(),
            args.listen.clone().context("say where to --listen")?,
            None,
            None,
        ),
        (None, Some(name)) => {
            let config = match crate::config::load(&crate::root()?, args.config.as_deref()) {
                Ok(config) => config,
                Err(error) => return Ok(crate::refuse_config(&error)),
            };
            let environment = config.known(name)?;
            let TargetUse::Local(local) = &environment.target else {
                anyhow::bail!("the target of `{name}` is a plugin: it has no agent");
            };
            let configured = match &local.listen {
                crate::config::Listen::Tcp(address) => Listen::Tcp(*address),
                crate::config::Listen::Unix(path) => Listen::Unix(path.clone()),
            };
            let state = Where::Home.state_dir(&config.app, name);
            let patience = Some(local.watchdog);
            let listen = args.listen.clone().unwrap_or(configured);
            (state, listen, patience, local.sticky.clone())
        }
        (None, None) => anyhow::bail!("say which environment: --environment NAME"),
    };
    let control = args.control.clone().unwrap_or_else(|| control(&state_dir));
    if args.stop {
        return stop(control).await;
    }
    std::fs::create_dir_all(&state_dir)
        .with_context(|| format!("cannot make {}", state_dir.display()))?;
    let (own_control, watched_control) = (control.clone(), control.clone());
    let options = AgentOptions {
        state_dir,
        listen,
        control,
        limits: Default::default(),
        sticky: args.sticky.clone().or(sticky),
        has_watchdog: patience.is_some(),
        takes_over: args.take_over,
        starts_anew: args.ephemeral,
    };
    let agent = match Agent::start(options).await {
        Ok(agent) => agent,
        Err(error) => {
            crate::complain(&format!("error: {}", one_line(&error)));
            crate::complain("  help: what an earlier agent started runs on; nothing was changed");
            return Ok(Exit::Failed);
        }
    };
    crate::complain(&format!("agent: listening on {}", agent.place()));
    if let Some((pid, version)) = agent.predecessor() {
        let text = format!("agent: took over from process {pid} (baepo {version})");
        crate::complain(&text);
    }
    if args.ephemeral {
        tokio::spawn(end_with_starter(own_control));
    }
    let stop = crate::run::cancelled_by_signals();
    let ended = agent.ended();
    let watching = patience.map(|patience| {
        let watchdog = Watchdog::new(LocalTarget::new(watched_control), patience);
        tokio::spawn(watchdog.run(ended.clone()))
    });
    agent.run(stop).await;
    ended.cancel();
    if let Some(watching) = watching {
        watching.await?;
    }
    Ok(Exit::Success)
}

/// Ends this agent and its instances, by its own socket, when the other end of
/// standard input is closed.
async fn end_with_starter(control: PathBuf) {
    let gone = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
    // An end and an error mean the same: nobody is there.
    drop(gone);
    if let Err(error) = LocalTarget::new(control).shutdown(STOP_DEADLINE).await {
        crate::complain(&format!("error: {}", one_line(&error)));
    }
}

async fn stop(control: PathBuf) -> anyhow::Result<Exit> {
    match LocalTarget::new(control).shutdown(STOP_DEADLINE).await {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            crate::complain(&format!("error: {}", one_line(&error)));
            Ok(Exit::Failed)
        }
    }
}

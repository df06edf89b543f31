//! Where the agents of environments are, and starting one for an environment
//! that lives no longer than its run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use baepo_runtime::target::Target;
use baepo_runtime::target::local::LocalTarget;
use tokio::io::AsyncReadExt;

use crate::config::Environment;

/// How long a new agent may take to answer.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// How long its instances may take to finish when it is stopped.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Where the state of agents is kept.
#[derive(Debug, Clone)]
pub(crate) enum Where {
    /// `$BAEPO_STATE`, else `$XDG_STATE_HOME/baepo`, else `~/.local/state/baepo`.
    Home,
    /// In this folder.
    Folder(PathBuf),
}

impl Where {
    /// The state folder of one environment.
    pub(crate) fn state_dir(&self, app: &str, environment: &str) -> PathBuf {
        self.base().join(app).join(environment)
    }

    /// The folder of all state folders.
    pub(crate) fn base(&self) -> PathBuf {
        match self {
            Where::Folder(folder) => folder.clone(),
            Where::Home => home(),
        }
    }

    /// The agent of one environment, whether it answers or not.
    pub(crate) fn target(&self, app: &str, environment: &str) -> LocalTarget {
        LocalTarget::new(control(&self.state_dir(app, environment)))
    }
}

fn home() -> PathBuf {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("BAEPO_STATE")
        .or_else(|| variable("XDG_STATE_HOME").map(|state| state.join("baepo")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/baepo")))
        .unwrap_or_else(|| PathBuf::from("/var/lib/baepo"))
}

/// The control socket of an agent with this state folder.
pub(crate) fn control(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// An agent that was started here and is stopped here.
#[derive(Debug)]
pub(crate) struct AgentProcess {
    child: tokio::process::Child,
    target: LocalTarget,
}

impl AgentProcess {
    /// Start the agent of an environment and wait until it answers.
    ///
    /// # Errors
    /// If it ends at once, for example because the port is in use; what it
    /// said is in the error.
    pub(crate) async fn start(
        environment: &Environment,
        state: &Path,
    ) -> anyhow::Result<AgentProcess> {
        std::fs::create_dir_all(state)
            .with_context(|| format!("cannot make {}", state.display()))?;
        let exe = std::env::current_exe().context("cannot find the program that is running")?;
        let local = environment.target.local();
        let local = local.context("its target is a plugin: it has no agent")?;
        let sticky = local.sticky.as_ref();
        let sticky = sticky.map(|sticky| format!("--sticky={}", sticky.cookie()));
        let mut child = tokio::process::Command::new(exe)
            .arg("agent")
            .args(sticky)
            .arg("--state")
            .arg(state)
            .arg("--listen")
            .arg(local.listen.to_string())
            .arg("--control")
            .arg(control(state))
            .arg("--ephemeral")
            // Held open as long as this process lives, however it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A signal to the run is not a signal to the agent.
            .process_group(0)
            .spawn()
            .context("cannot start the agent")?;
        let target = LocalTarget::new(control(state));
        let began = Instant::now();
        loop {
            if target.describe().await.is_ok() {
                break;
            }
            let ended = child
                .try_wait()
                .context("cannot see whether the agent runs")?;
            if ended.is_some() || began.elapsed() > START_DEADLINE {
                let mut said = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    // What it managed to say is better than nothing.
                    let reading = stderr.read_to_string(&mut said);
                    let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
                }
                bail!(
                    "the agent of `{}` did not start: {}",
                    environment.name,
                    said.trim()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // From here on nobody reads it; a full pipe must not stop the agent.
        if let Some(mut stderr) = child.stderr.take() {
            tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
        }
        Ok(AgentProcess { child, target })
    }

    /// Stop its instances and itself.
    pub(crate) async fn stop(&mut self) {
        let asked = self.target.shutdown(STOP_DEADLINE).await.is_ok();
        let patience = if asked {
            Duration::from_secs(5)
        } else {
            Duration::ZERO
        };
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            // It had its time; its own instances go with it only if asked.
            let _ = self.child.kill().await;
        }
    }
}

//! The targets of environments: the agent of this machine, or a plugin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use baepo_runtime::capability::log::{LogSink, LogStream};
use baepo_runtime::capability::store::FileStore;
use baepo_runtime::capability::uses::UseLog;
use baepo_runtime::plugin::CallContext;
use baepo_runtime::target::plugin::PluginTarget;
use baepo_runtime::target::{Target, TargetError};

use crate::agents::Where;
use crate::config::{Config, Environment, TargetUse};
use crate::error::one_line;
use crate::plugins::{Loaded, Plugins};
use crate::show::without_commands;

/// What surrounds the calls of target plugins.
pub(crate) struct Around {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Where their lines go.
    pub(crate) log: LogSink,
    /// Where is noted what they used.
    pub(crate) uses: UseLog,
}

impl Around {
    /// A command that is no run: lines go to standard error.
    pub(crate) fn command(root: &Path) -> Around {
        Around {
            root: root.to_owned(),
            log: to_stderr(),
            uses: UseLog::default(),
        }
    }
}

/// Lines of plugins on standard error.
pub(crate) fn to_stderr() -> LogSink {
    Arc::new(|line| {
        let text = without_commands(&line.message);
        crate::complain(&format!("{} | {text}", line.plugin));
    })
}

/// A plugin as the target of an environment. Its document is kept in the state
/// folder of the environment, `state`.
pub(crate) fn of_plugin(loaded: &Loaded, state: &Path, around: Around) -> PluginTarget {
    let context = CallContext {
        checkout: Some(around.root.into()),
        log: without_answers(around.log),
        outside: crate::outside::outside(),
        uses: around.uses,
        store: Some(Arc::new(FileStore::new(state.join("target.state")))),
        // A cancelled run still has its way back to make.
        ..CallContext::bare()
    };
    let plugin = loaded.plugin.clone();
    PluginTarget::new(plugin, loaded.config(), context)
}

/// What programs of a target print is what they answer, several times a second.
fn without_answers(log: LogSink) -> LogSink {
    Arc::new(move |line| {
        if line.stream != LogStream::ProgramStdout {
            log(line);
        }
    })
}

/// The target of an environment for a command that is no run, whether it answers
/// or not.
///
/// # Errors
/// If it is a plugin that cannot be used.
pub(crate) async fn of(
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Arc<dyn Target>> {
    let (app, name) = (&config.app, &environment.name);
    match &environment.target {
        TargetUse::Local(_) => Ok(Arc::new(Where::Home.target(app, name))),
        TargetUse::Plugin(used) => {
            let root = crate::root()?;
            let loaded = Plugins::load_target(config, used, &root).await?;
            let state = Where::Home.state_dir(app, name);
            let target = of_plugin(&loaded, &state, Around::command(&root));
            Ok(Arc::new(target))
        }
    }
}

/// Why the target of an environment did not answer, and what to do, for people.
pub(crate) fn unanswered(environment: &Environment, error: &TargetError) -> String {
    let name = &environment.name;
    match (&environment.target, error) {
        (TargetUse::Local(_), TargetError::Unreachable { .. }) => format!(
            "{}; start its agent with: baepo agent --environment {name}",
            one_line(error)
        ),
        _ => one_line(error),
    }
}

//! Whether the agents answer that runs on this machine speak to.

use baepo_runtime::target::Target as _;

use super::Check;
use crate::agents::Where;
use crate::config::{Config, TargetUse};

/// One check for each environment that has an agent of its own. Elsewhere than on
/// the machine that serves none answers, so it is only a note.
pub(super) async fn check(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for environment in &config.environments {
        let name = &environment.name;
        if environment.ephemeral || !matches!(environment.target, TargetUse::Local(_)) {
            continue;
        }
        let target = Where::Home.target(&config.app, name);
        checks.push(match target.describe().await {
            Ok(_) => Check::fine("agent", format!("that of {name} answers")),
            Err(_) => Check::note(
                "agent",
                format!("that of {name} does not answer here; a run on this machine needs it"),
                format!("baepo agent --environment {name}"),
            ),
        });
    }
    checks
}

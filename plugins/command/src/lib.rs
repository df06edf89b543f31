//! `command`: runs a command and takes what it built.
//!
//! ```yaml
//! with: { run: [cargo, build, --release], artifacts: [target/release/shop] }
//! allow: { run: [cargo] }
//! ```
//!
//! An artifact is a path, a pattern (`dist/*.deb`, which needs a `read` grant
//! for its folder), or `{ path, name, media-type }`. Without a `name` it is
//! called like its file.

mod artifacts;

use baepo_plugin::build::{Build, BuildOutput, BuildRequest};
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::process::Invocation;
use baepo_plugin::units::Millis;
use baepo_plugin::workspace::{self, WorkspaceError};
use baepo_plugin::{HookError, info};

use artifacts::Artifact;

/// What users write under `with:`.
struct Command {
    invocation: Invocation,
    artifacts: Vec<Artifact>,
}

impl Config for Command {
    fn read(fields: &mut Fields) -> Command {
        if !fields.has("run") {
            fields.problem(
                "run",
                "is missing, expected for example `[cargo, build, --release]`",
            );
        }
        let invocation = Invocation::read(fields);
        if invocation.argv.is_empty() && fields.is_fine("run") {
            fields.problem(
                "run",
                "is empty, expected for example `[cargo, build, --release]`",
            );
        }
        Command {
            invocation,
            artifacts: artifacts::read(fields),
        }
    }
}

impl Build for Command {
    type Config = Command;

    fn build(config: Command, _: &BuildRequest) -> Result<BuildOutput, HookError> {
        let output = config.invocation.run(&[])?;
        if output.exit_code != 0 {
            return Err(HookError::Failed(
                config.invocation.describe_failure(&output),
            ));
        }
        info!("the command succeeded"; took = Millis(output.duration_ms));
        let mut found = Vec::new();
        for artifact in &config.artifacts {
            if artifact.is_pattern() {
                let files = workspace::glob_files(&artifact.path)?;
                found.push(files.into_iter().map(|file| file.path).collect());
            } else {
                found.push(vec![artifact.path.clone()]);
                check_is_there(&artifact.path)?;
            }
        }
        let files = artifacts::name(&config.artifacts, &found).map_err(HookError::Failed)?;
        Ok(BuildOutput {
            files,
            annotations: Vec::new(),
        })
    }
}

baepo_plugin::export_build!(Command);

/// Says early and clearly that a file was not built, where a grant lets us
/// see. Without one the host finds out when it measures the file.
fn check_is_there(path: &str) -> Result<(), HookError> {
    // No byte of it is wanted, so any file there is too large.
    match baepo_plugin::bindings::imports::workspace::read(path, 0) {
        Err(WorkspaceError::NotFound) => Err(HookError::Failed(format!(
            "the command succeeded, but there is no `{path}`"
        ))),
        Err(error @ WorkspaceError::InvalidPath) => Err(workspace::explain(path, error)),
        _ => Ok(()),
    }
}

//! The words of `wit/` and the words of the core, one file per hook.

mod build;
mod feedback;
mod monitor;
mod strategy;
mod target;
mod test;

use baepo_core::digest::Digest;
use baepo_core::fleet::Role;
use baepo_core::hook::{Annotation, ConfigProblem, HookError};
use baepo_core::release::{Artifact, Release, Revision};
use baepo_core::time::Millis;
use baepo_core::verdict::{Level, Verdict};

use super::bindings::baepo::hooks::types as wit;

pub use target::{TargetAnswer, TargetCall, TargetRefusal};

fn to_revision(revision: &Revision) -> wit::Revision {
    wit::Revision {
        commit: revision.commit.clone(),
        ref_name: revision.ref_name.clone(),
        summary: revision.summary.clone(),
        committed_at_ms: revision.committed_at.0,
    }
}

fn to_artifact(artifact: &Artifact) -> wit::Artifact {
    wit::Artifact {
        name: artifact.name.clone(),
        path: artifact.path.clone(),
        size_bytes: artifact.size_bytes,
        sha256: artifact.sha256.hex(),
        media_type: artifact.media_type.clone(),
    }
}

fn to_release(release: &Release) -> wit::Release {
    wit::Release {
        digest: release.digest.to_string(),
        revision: to_revision(&release.revision),
        artifacts: release.artifacts.iter().map(to_artifact).collect(),
    }
}

fn to_verdict(verdict: Verdict) -> wit::Verdict {
    match verdict {
        Verdict::Healthy => wit::Verdict::Healthy,
        Verdict::Inconclusive => wit::Verdict::Inconclusive,
        Verdict::Failing => wit::Verdict::Failing,
    }
}

fn from_verdict(verdict: wit::Verdict) -> Verdict {
    match verdict {
        wit::Verdict::Healthy => Verdict::Healthy,
        wit::Verdict::Inconclusive => Verdict::Inconclusive,
        wit::Verdict::Failing => Verdict::Failing,
    }
}

fn from_level(level: wit::Level) -> Level {
    match level {
        wit::Level::Notice => Level::Notice,
        wit::Level::Warning => Level::Warning,
        wit::Level::Failure => Level::Failure,
    }
}

fn from_role(role: wit::Role) -> Role {
    match role {
        wit::Role::Stable => Role::Stable,
        wit::Role::Candidate => Role::Candidate,
    }
}

/// A plugin may count lines wrongly; people get a range that is one.
fn from_annotation(annotation: wit::Annotation) -> Annotation {
    let start_line = annotation.start_line.max(1);
    Annotation {
        path: annotation.path,
        start_line,
        end_line: annotation.end_line.max(start_line),
        level: from_level(annotation.level),
        title: annotation.title,
        message: annotation.message,
    }
}

fn annotation_bytes(annotations: &[wit::Annotation]) -> usize {
    annotations
        .iter()
        .map(|annotation| annotation.path.len() + annotation.title.len() + annotation.message.len())
        .sum::<usize>()
        + size_of_val(annotations)
}

fn from_hook_error(error: wit::HookError) -> HookError {
    match error {
        wit::HookError::InvalidConfig(problems) => {
            let problem = |problem: wit::ConfigProblem| ConfigProblem {
                path: problem.path,
                message: problem.message,
            };
            HookError::InvalidConfig(problems.into_iter().map(problem).collect())
        }
        wit::HookError::Denied(capability) => HookError::Denied(capability),
        wit::HookError::Unavailable(after_ms) => HookError::Unavailable(Millis(after_ms)),
        wit::HookError::Failed(message) => HookError::Failed(message),
    }
}

/// Shorten a text to so many bytes, between two characters.
fn cut(text: &mut String, limit: usize) {
    let end = text.floor_char_boundary(limit);
    text.truncate(end);
}

/// Where randomness of a call that must be the same each time begins.
fn seed(config: &str) -> Digest {
    use sha2::Digest as _;
    Digest::from_bytes(sha2::Sha256::digest(config.as_bytes()).into())
}

//! From artifacts and configuration to one digest.
//!
//! A release is everything that decides how instances behave: files that were
//! built, config files rendered for one environment, variables, the names and
//! keyed hashes of secrets, and how an instance is run. The same inputs give
//! the same digest and anything else another one; the commit is not an input,
//! so a revision that changes nothing of this is nothing to roll out.
//!
//! - [`Recipe`]: the inputs. [`prepare`]: the way to a [`Prepared`] release.
//! - [`Manifest`]: what the digest covers, and its canonical text.
//! - [`ReleaseStore`]: where releases are kept on this machine.
//! - [`SecretKey`]: makes hashes of secrets that tell nothing about them.
//! - [`Bundle`]: what was built, carried from one job to another.
//! - [`diff`]: what changed between two releases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baepo_core::hook::BuiltFile;
use baepo_core::release::Revision;
use baepo_core::time::Time;

use crate::target::Staging;

mod bundle;
mod diff;
mod manifest;
mod render;
mod secret;
mod store;

pub use bundle::Bundle;
pub use diff::{Change, Side, diff};
pub use manifest::{FileEntry, How, Manifest, Origin, RunEntry, SecretEntry};
pub use render::{Context, render};
pub use secret::{Secret, SecretKey};
pub use store::{Kept, Record, ReleaseStore, StoredRelease};

/// A template and the file that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTemplate {
    /// Path of the template, relative to the checkout.
    pub template: PathBuf,
    /// File name inside the release.
    pub to: String,
}

/// Everything that a release is made of.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// Name of the application.
    pub app: &'a str,
    /// Name of the environment.
    pub environment: &'a str,
    /// What was built. Known to templates; not covered by the digest.
    pub revision: &'a Revision,
    /// Root of the checkout.
    pub checkout: &'a Path,
    /// What build plugins made.
    pub artifacts: &'a [BuiltFile],
    /// Config files to render.
    pub templates: &'a [ConfigTemplate],
    /// Plain variables.
    pub env: &'a BTreeMap<String, String>,
    /// Secrets by the variable that carries them.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// Makes the keyed hashes.
    pub key: &'a SecretKey,
    /// How instances are run.
    pub how: How,
}

/// A release that is ready to be handed to a target.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What was stored.
    pub record: Record,
    /// For the target; holds the values of secrets.
    pub staging: Staging,
}

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A build plugin named a file that is not there.
    #[error("the build says it made `{path}`, and there is no such file")]
    MissingArtifact {
        /// Relative to the checkout.
        path: String,
    },
    /// A build plugin named something else than a file of the checkout.
    #[error("`{path}` {why}")]
    BadArtifact {
        /// As it was named.
        path: String,
        /// A fragment.
        why: &'static str,
    },
    /// Two files of one name.
    #[error("two files of the release are called `{name}`")]
    DuplicateName {
        /// Inside the release.
        name: String,
    },
    /// A template cannot be rendered.
    #[error("{path}:{line}: {message}")]
    Template {
        /// Relative to the checkout.
        path: String,
        /// Counted from 1; 0 where it is not known.
        line: usize,
        /// A fragment.
        message: String,
        /// What to change; may be empty.
        help: String,
    },
    /// A kept release is not what its digest says.
    #[error("the kept release {digest} is damaged: {what}")]
    Damaged {
        /// Its directory name.
        digest: String,
        /// A fragment.
        what: String,
    },
    /// A bundle of another job cannot be used.
    #[error("the bundle in {} cannot be used: {what}", folder.display())]
    Bundle {
        /// Where it is.
        folder: PathBuf,
        /// A fragment.
        what: String,
    },
    /// There is no such kept release.
    #[error("there is no release `{wanted}` here")]
    Unknown {
        /// A digest or the begin of one.
        wanted: String,
    },
    /// More than one kept release begins like this.
    #[error("more than one release begins with `{wanted}`")]
    Ambiguous {
        /// The begin of a digest.
        wanted: String,
    },
    /// The disk says no.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// For `map_err`: what was tried on which path.
pub(crate) fn io_error(
    verb: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> ReleaseError + use<> {
    let path = path.to_owned();
    move |source| ReleaseError::Io { verb, path, source }
}

/// Make a release, keep it in `store` and return it for a target.
///
/// Files are copied first and hashed then, so that what was hashed is what is
/// kept even where a build goes on. Repeated with the same inputs it changes
/// nothing but the record of when.
///
/// # Errors
/// Artifacts that are not there, templates that do not render, or the disk.
pub fn prepare(
    recipe: &Recipe<'_>,
    store: &ReleaseStore,
    now: Time,
) -> Result<Prepared, ReleaseError> {
    check_names(recipe)?;
    let draft = store.begin()?;
    let mut files = Vec::new();
    for artifact in recipe.artifacts {
        let source = locate_artifact(recipe.checkout, &artifact.path)?;
        let is_program = recipe.how.command().first() == Some(&artifact.name);
        let entry = draft.add_copy(artifact, &source, is_program)?;
        files.push(entry);
    }
    let context = Context {
        app: recipe.app,
        environment: recipe.environment,
        revision: &recipe.revision.commit,
        env: recipe.env,
        secrets: recipe.secrets.keys().map(String::as_str).collect(),
    };
    for template in recipe.templates {
        let path = recipe.checkout.join(&template.template);
        let source = std::fs::read_to_string(&path).map_err(io_error("read", &path))?;
        let text = render(&template.template.display().to_string(), &source, &context)?;
        files.push(draft.add_text(&template.to, &text)?);
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let manifest = Manifest {
        app: recipe.app.to_owned(),
        environment: recipe.environment.to_owned(),
        files,
        env: recipe.env.clone(),
        secrets: recipe.key.hash_all(recipe.app, recipe.secrets),
        how: recipe.how.clone(),
    };
    let paths = recipe
        .artifacts
        .iter()
        .map(|a| (a.name.clone(), a.path.clone()));
    let record = Record {
        digest: manifest.digest(),
        manifest,
        revision: recipe.revision.clone(),
        paths: paths.collect(),
        recorded_at: now,
    };
    let stored = store.keep(draft, record)?;
    let staging = stored.staging(recipe.secrets);
    Ok(Prepared {
        record: stored.record,
        staging,
    })
}

fn check_names(recipe: &Recipe<'_>) -> Result<(), ReleaseError> {
    let mut seen = BTreeSet::new();
    let built = recipe.artifacts.iter().map(|file| &file.name);
    for name in built.chain(recipe.templates.iter().map(|file| &file.to)) {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return Err(ReleaseError::BadArtifact {
                path: name.clone(),
                why: "is not a file name without folders",
            });
        }
        if !seen.insert(name) {
            return Err(ReleaseError::DuplicateName { name: name.clone() });
        }
    }
    Ok(())
}

/// The file that a build plugin named. It may be reached by symbolic links as
/// long as it is inside the checkout: a plugin must not make the host read
/// what the plugin itself could not.
fn locate_artifact(checkout: &Path, path: &str) -> Result<PathBuf, ReleaseError> {
    let bad = |why| ReleaseError::BadArtifact {
        path: path.to_owned(),
        why,
    };
    let root = checkout
        .canonicalize()
        .map_err(io_error("find", checkout))?;
    let file = match root.join(path).canonicalize() {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ReleaseError::MissingArtifact {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(io_error("find", &root.join(path))(error)),
    };
    if !file.starts_with(&root) {
        return Err(bad("is outside the checkout"));
    }
    match file.is_file() {
        true => Ok(file),
        false => Err(bad("is not a file")),
    }
}

#[cfg(test)]
mod tests;

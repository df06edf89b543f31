//! The configuration file: what it may say, what is wrong with it, and what a
//! run makes of it.
//!
//! A file goes through four steps, each in its own module: `yaml` (a tree in
//! which everything knows its place), `check` (its shape against the schema,
//! which is made of the types in [`mod@file`]), [`mod@file`] (typed, as written) and
//! `resolve` (short forms written out, to [`Config`]). Every step collects
//! [`Finding`]s, and all of them are shown at once.

use std::path::{Path, PathBuf};

pub(crate) mod check;
mod command_line;
pub mod file;
mod finding;
mod github;
pub(crate) mod locate;
mod model;
mod needs;
mod plugin_use;
mod resolve;
pub mod schema;
#[cfg(test)]
mod tests;
pub mod unit;
pub(crate) mod yaml;

pub(crate) use file::{AllowFile, PluginLimitsFile};
pub use file::{Event, OnCancel};
pub use finding::{
    Blame, Finding, Findings, Span, check_spelling, is_stderr_coloured, is_stdout_coloured,
};
pub use github::{Commands, CommandsFile, CommentMode, Github, GithubFile, Permission, Switch};
pub use model::{
    Allow, Config, Environment, Listen, LocalTarget, PluginLimits, PluginRef, PluginUse, TargetUse,
    Template, Variable,
};

pub(crate) use plugin_use::{UNASKED, resolve_allow, resolve_plugin_limits};

/// Where the file is looked for, in this order.
pub const DEFAULT_PATHS: [&str; 2] = [".github/baepo.yml", "baepo.yml"];

/// Bytes of the largest file that is read.
const MAX_BYTES: usize = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file.
    #[error("there is no configuration: looked for {looked_for}")]
    NotFound {
        /// Paths, for people.
        looked_for: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// As the user knows it.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has mistakes. Shows them all by itself.
    #[error("{0}")]
    Findings(Findings),
}

impl ConfigError {
    /// What to do next; empty where the message says it.
    pub fn help(&self) -> &'static str {
        match self {
            ConfigError::NotFound { .. } => {
                "`baepo init` writes a first one; another place is named by --config"
            }
            ConfigError::Unreadable { .. } | ConfigError::Findings(_) => "",
        }
    }
}

/// The configuration of a checkout: at `given`, else at the first of
/// [`DEFAULT_PATHS`]. Files that it names must be there.
///
/// # Errors
/// No file, a file that cannot be read, or all of its mistakes.
pub fn load(checkout: &Path, given: Option<&Path>) -> Result<Config, ConfigError> {
    let path = locate_file(checkout, given)?;
    let shown = path.display().to_string();
    let bytes = std::fs::read(checkout.join(&path)).map_err(|source| ConfigError::Unreadable {
        path: shown.clone(),
        source,
    })?;
    let config = parse_bytes(&shown, &bytes).map_err(ConfigError::Findings)?;
    let missing = config.check_files(checkout);
    match missing.is_empty() {
        true => Ok(config),
        false => Err(ConfigError::Findings(config.findings(missing))),
    }
}

pub(crate) fn locate_file(checkout: &Path, given: Option<&Path>) -> Result<PathBuf, ConfigError> {
    let candidates: Vec<PathBuf> = match given {
        Some(path) => vec![path.to_owned()],
        None => DEFAULT_PATHS.iter().map(PathBuf::from).collect(),
    };
    let found = candidates.iter().find(|path| checkout.join(path).exists());
    found.cloned().ok_or_else(|| {
        let shown: Vec<String> = candidates
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        ConfigError::NotFound {
            looked_for: shown.join(" and "),
        }
    })
}

fn parse_bytes(path: &str, bytes: &[u8]) -> Result<Config, Findings> {
    let fail = |source: &str, finding| Err(Findings::new(path, source, vec![finding]));
    if bytes.len() > MAX_BYTES {
        return fail(
            "",
            Finding::new(Span::FILE, "the file is larger than 1 MiB"),
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(source) => parse(path, source),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let before = valid.rsplit('\n').next().unwrap_or_default();
            let span = Span {
                line: valid.matches('\n').count() + 1,
                column: before.chars().count() + 1,
                length: 1,
            };
            let finding = Finding::new(span, "the file is not UTF-8 text from here on");
            fail(
                &String::from_utf8_lossy(bytes),
                finding.help("save it as UTF-8"),
            )
        }
    }
}

/// The configuration of a text; `path` is what findings call it.
///
/// # Errors
/// All mistakes of the text.
pub fn parse(path: &str, source: &str) -> Result<Config, Findings> {
    let fail = |list| Err(Findings::new(path, source, list));
    let root = match yaml::parse(source) {
        Ok(root) => root,
        Err(findings) => return fail(findings),
    };
    let (value, mut findings) = check::check(&root, schema::schema());
    let Some(value) = value else {
        return fail(findings);
    };
    let file: file::ConfigFile = match serde_json::from_value(value) {
        Ok(file) => file,
        Err(error) => {
            // The check is made of the same types; a value that gets through it
            // and is refused here is still shown as the user's, not as a crash.
            findings.push(Finding::new(Span::FILE, format!("cannot be read: {error}")));
            return fail(findings);
        }
    };
    let (config, more) = resolve::resolve(file, &root, path, source);
    findings.extend(more);
    match findings.is_empty() {
        true => Ok(config),
        false => fail(findings),
    }
}

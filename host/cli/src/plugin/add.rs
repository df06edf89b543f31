//! `baepo plugin add`: pin a plugin, and show what to write for it.

use std::path::{Path, PathBuf};

use baepo_runtime::plugin::{LoadError, inspect};
use baepo_runtime::supply::Remote;

use super::lock::{ChangeError, Entry, FILE_NAME, Lock};
use super::{policy, wished};
use crate::config;
use crate::exit::Exit;

/// Pin a plugin in baepo.lock.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An address with https:// or oci://, or a file that begins with ./.
    #[arg(value_name = "REF")]
    plugin: String,
    /// The configuration that baepo.lock is beside.
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let root = crate::root()?;
    let config = match config::locate_file(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let source = match Source::parse(&args.plugin) {
        Ok(source) => source,
        Err((what, help)) => {
            super::complain(&what, help);
            return Ok(Exit::Usage);
        }
    };
    let pinned = match source.pin(&root).await {
        Ok(pinned) => pinned,
        Err(exit) => return Ok(exit),
    };
    let name = source.to_string();
    let entry = pinned.entry.clone();
    let changed = Lock::change(&root, &config, |lock| {
        lock.entries.insert(name.clone(), entry);
    });
    let lock = match changed {
        Ok(lock) => lock,
        Err(error) => return refuse_change(error),
    };
    crate::print(&format!(
        "# {}: sha256 {}",
        lock.shown(),
        pinned.entry.sha256.hex()
    ));
    crate::print(wished::block(&name, pinned.entry.wishes.as_ref()).trim_end());
    Ok(Exit::Success)
}

/// Where a plugin is that can be pinned.
pub(super) enum Source {
    /// A file relative to the checkout, as it stands in the configuration.
    Path(String),
    /// On the web, or in a registry.
    Remote(Remote),
}

/// A plugin that was looked at.
pub(super) struct Pinned {
    pub(super) entry: Entry,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Path(path) => f.write_str(path),
            Source::Remote(remote) => remote.fmt(f),
        }
    }
}

impl Source {
    /// The source of a text, or what is wrong with that and what helps.
    pub(super) fn parse(text: &str) -> Result<Source, (String, &'static str)> {
        if Remote::is_meant_by(text) {
            let remote = text.parse().map(Source::Remote);
            return remote
                .map_err(|error: baepo_runtime::supply::ParseRemoteError| (error.to_string(), ""));
        }
        if text.starts_with("builtin:") {
            let help = "write it into the configuration as it is";
            return Err((format!("`{text}` comes with baepo and needs no pin"), help));
        }
        let is_inside = text.strip_prefix("./").is_some_and(|path| {
            !path.is_empty() && !path.split('/').any(|part| part == ".." || part.is_empty())
        });
        match is_inside {
            true => Ok(Source::Path(text.into())),
            false => Err((
                format!("`{text}` is not a plugin that can be pinned"),
                "a file inside of the checkout that begins with `./`, or an address with `https://` or `oci://`",
            )),
        }
    }

    fn place(&self) -> String {
        match self {
            Source::Path(path) => path.clone(),
            Source::Remote(remote) => remote.place(),
        }
    }

    /// Look at what the source means now. Nothing of it is run. What is wrong is
    /// said, and how the command ends then.
    pub(super) async fn pin(&self, root: &Path) -> Result<Pinned, Exit> {
        let policy = policy::of_environment().map_err(|findings| crate::refuse(&findings))?;
        if !policy.allows_source(&self.place()) {
            let what = format!(
                "the policy of your organisation allows no plugin from `{}`",
                self.place()
            );
            let help = format!(
                "ask whoever keeps the file that {} names to add it under `sources:`",
                policy::VARIABLE
            );
            super::complain(&what, &help);
            return Err(Exit::Denied);
        }
        let (bytes, resolved) = match self {
            Source::Path(path) => (super::inspect::read_file(&root.join(path))?, None),
            Source::Remote(remote) => {
                let fetched = match super::supply::fetcher() {
                    Ok(fetcher) => fetcher.resolve(remote).await,
                    Err(error) => Err(error),
                };
                let fetched = fetched.map_err(|error| super::refuse_fetch(&error))?;
                (fetched.bytes, Some(fetched.resolved))
            }
        };
        let refuse = |error: &LoadError| super::refuse_component(&self.to_string(), error);
        let seen = inspect(&bytes, super::MAX_COMPONENT_BYTES).map_err(|error| refuse(&error))?;
        if seen.hooks.is_empty() {
            let found = seen.exports;
            return Err(refuse(&LoadError::NoHook { found }));
        }
        let entry = Entry {
            sha256: seen.digest,
            resolved,
            wishes: seen.wishes,
        };
        Ok(Pinned { entry })
    }
}

/// Why the lockfile was not changed.
pub(super) fn refuse_change(error: ChangeError) -> anyhow::Result<Exit> {
    match error {
        ChangeError::Findings(findings) => Ok(crate::refuse(&findings)),
        error @ ChangeError::Io(_) => {
            Err(anyhow::Error::new(error).context(format!("nothing was written to {FILE_NAME}")))
        }
    }
}

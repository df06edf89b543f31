//! From the plugins of a configuration to their bytes: pinned, within the
//! policy, and all of them here before the first one is asked anything.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use baepo_core::digest::Digest;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::policy::Policy;
use baepo_runtime::plugin::wishes::Wishes;
use baepo_runtime::plugin::{CallLimits, Hook, LimitKey, LoadError};
use baepo_runtime::supply::{Cache, FetchError, FetchLimits, Fetched, Fetcher, Remote};
use sha2::{Digest as _, Sha256};

use super::lock::{FILE_NAME, Lock};
use super::{MAX_COMPONENT_BYTES, policy};
use crate::config::{Blame, Config, Finding, Findings, PluginRef, PluginUse, UNASKED};
use crate::error::one_line;
use crate::plugins::BUILTINS;

/// Where the plugins of one configuration come from.
pub(crate) struct Supply<'a> {
    config: &'a Config,
    root: &'a Path,
    lock: Lock,
    policy: Arc<Policy>,
}

/// A component that may be parsed.
#[derive(Clone)]
pub(crate) struct Component {
    /// Its bytes.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// The digest that they must have: the pinned one, else their own.
    pub(crate) digest: Digest,
    /// Whether it came over the network just now.
    pub(crate) is_new: bool,
}

impl<'a> Supply<'a> {
    /// The lockfile beside the configuration and the policy of the organisation.
    ///
    /// # Errors
    /// All that is wrong with either.
    pub(crate) fn open(config: &'a Config, root: &'a Path) -> Result<Supply<'a>, Findings> {
        Ok(Supply {
            config,
            root,
            lock: Lock::read(root, Path::new(config.path()))?,
            policy: Arc::new(policy::of_environment()?),
        })
    }

    /// What the organisation allows.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy)
    }

    /// The plugins that a run needs. One that the user did not ask for is none
    /// where the organisation does not allow it.
    pub(crate) fn wanted<'u>(&self, config: &'u Config) -> impl Iterator<Item = &'u PluginUse> {
        config.plugins().filter(|used| {
            used.with_at != UNASKED || self.policy.allows_source(&used.plugin.place())
        })
    }

    /// Every plugin of these uses, by its source; what is not here is fetched.
    /// All that is wrong is added to `findings`.
    pub(crate) async fn gather<'u>(
        &self,
        uses: impl Iterator<Item = &'u PluginUse>,
        findings: &mut Vec<Finding>,
    ) -> BTreeMap<String, Component> {
        let mut gathered: BTreeMap<String, Component> = BTreeMap::new();
        for used in uses {
            let source = used.plugin.to_string();
            let pinned = match self.pinned(used) {
                Ok(pinned) => pinned,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            // One source with two pins is two components, of which one is wrong.
            let is_here = gathered
                .get(&source)
                .is_some_and(|component| pinned.is_none_or(|pinned| pinned == component.digest));
            if is_here {
                continue;
            }
            match self.component(used, pinned).await {
                Ok(component) => drop(gathered.insert(source, component)),
                Err(finding) => findings.push(finding),
            }
        }
        gathered
    }

    /// The digest that a plugin must have, if any.
    fn pinned(&self, used: &PluginUse) -> Result<Option<Digest>, Finding> {
        let source = used.plugin.to_string();
        if !self.policy.allows_source(&used.plugin.place()) {
            let what = format!(
                "the policy of your organisation allows no plugin from `{}`",
                used.plugin.place()
            );
            let help = format!(
                "ask whoever keeps the file that {} names to add it under `sources:`",
                policy::VARIABLE
            );
            return Err(self.find(used, what).help(help).blame(Blame::Policy));
        }
        let locked = self.lock.entries.get(&source).map(|entry| entry.sha256);
        match (used.sha256, locked) {
            (Some(here), Some(locked)) if here != locked => {
                let what = format!(
                    "`sha256` of plugin `{}` is {}, but {} pins {}",
                    used.name,
                    here.hex(),
                    self.lock.shown(),
                    locked.hex()
                );
                let help = "keep one of them, and remove the other";
                Err(self.find(used, what).help(help))
            }
            (here, locked) => Ok(here.or(locked)),
        }
    }

    async fn component(
        &self,
        used: &PluginUse,
        pinned: Option<Digest>,
    ) -> Result<Component, Finding> {
        match &used.plugin {
            PluginRef::Builtin(name) => {
                let known = BUILTINS.iter().find(|(known, _)| known == name);
                let (_, bytes) =
                    known.ok_or_else(|| self.find(used, "there is no such built-in plugin"))?;
                self.checked(used, Cow::Borrowed(*bytes), pinned)
            }
            PluginRef::Path(path) => {
                let unreadable = |error: std::io::Error| {
                    let what = format!("{} cannot be read: {error}", path.display());
                    self.find(used, what)
                };
                let path = self.root.join(path);
                let size = std::fs::metadata(&path).map_err(unreadable)?.len();
                if size > MAX_COMPONENT_BYTES as u64 {
                    let error = LoadError::TooLarge {
                        size_bytes: usize::try_from(size).unwrap_or(usize::MAX),
                        limit_bytes: MAX_COMPONENT_BYTES,
                    };
                    return Err(self.refuse(used, &error, error.help()));
                }
                let bytes = std::fs::read(&path).map_err(unreadable)?;
                self.checked(used, Cow::Owned(bytes), pinned)
            }
            PluginRef::Remote(remote) => {
                let fetched = self.fetch(used, remote, pinned).await?;
                Ok(Component {
                    digest: fetched.digest,
                    bytes: Cow::Owned(fetched.bytes),
                    is_new: fetched.is_new,
                })
            }
        }
    }

    /// The bytes, if they are the pinned ones. Nothing of others is parsed.
    fn checked(
        &self,
        used: &PluginUse,
        bytes: Cow<'static, [u8]>,
        pinned: Option<Digest>,
    ) -> Result<Component, Finding> {
        let found = Digest::from_bytes(Sha256::digest(&bytes).into());
        match pinned.filter(|pinned| *pinned != found) {
            Some(expected) => {
                let error = LoadError::DigestMismatch { expected, found };
                let place = match used.sha256 {
                    Some(_) => "write the new digest behind `sha256:`".to_owned(),
                    None => format!("`baepo plugin update {}` pins the new digest", used.plugin),
                };
                let help = format!(
                    "if you meant to change it, {place}; if not, somebody changed the file"
                );
                Err(self.refuse(used, &error, &help))
            }
            None => Ok(Component {
                bytes,
                digest: found,
                is_new: false,
            }),
        }
    }

    async fn fetch(
        &self,
        used: &PluginUse,
        remote: &Remote,
        pinned: Option<Digest>,
    ) -> Result<Fetched, Finding> {
        let fetcher = fetcher().map_err(|error| self.refuse_fetch(used, &error))?;
        let fetched = match (pinned, remote) {
            (Some(pinned), _) => fetcher.obtain(remote, pinned).await,
            (None, Remote::Registry(registry)) if registry.manifest.is_some() => {
                let manifest = registry.manifest.unwrap_or(Digest::from_bytes([0; 32]));
                fetcher.obtain_by_manifest(registry, manifest).await
            }
            (None, _) => {
                let what = format!("plugin `{}` is not pinned", used.name);
                let help = format!(
                    "`baepo plugin add {remote}` writes it to {FILE_NAME}; what is not pinned could be another plugin tomorrow"
                );
                return Err(self.find(used, what).help(help));
            }
        };
        fetched.map_err(|error| self.refuse_fetch(used, &error))
    }

    /// That the lockfile tells the truth about what a plugin wants: people
    /// review it there.
    pub(crate) fn check_wishes(
        &self,
        used: &PluginUse,
        found: Option<&Wishes>,
    ) -> Result<(), Finding> {
        let Some(entry) = self.lock.entries.get(&used.plugin.to_string()) else {
            return Ok(());
        };
        if entry.wishes.as_ref() == found {
            return Ok(());
        }
        let what = format!(
            "{} says that plugin `{}` wants something else than it does",
            self.lock.shown(),
            used.name
        );
        let help = format!(
            "`baepo plugin update {}` shows and writes what it wants",
            used.plugin
        );
        Err(self.find(used, what).help(help))
    }

    /// What the user's file allows a plugin.
    ///
    /// # Errors
    /// What is wrong with it, and each entry that the policy denies for sure.
    pub(crate) fn grants(&self, used: &PluginUse) -> Result<Grants, Vec<Finding>> {
        let allow = serde_json::to_value(&used.allow).and_then(serde_json::from_value::<Grants>);
        let allow = allow.map_err(|error| vec![self.find(used, format!("`allow`: {error}"))])?;
        let denied = self.policy.denied_entries(&allow);
        let findings = denied.into_iter().map(|(capability, entry)| {
            let what =
                format!("the policy of your organisation does not allow `{capability}: {entry}`");
            let help = format!(
                "ask whoever keeps the file that {} names, or remove it under `allow:`",
                policy::VARIABLE
            );
            self.find(used, what).help(help).blame(Blame::Policy)
        });
        let findings: Vec<Finding> = findings.collect();
        match findings.is_empty() {
            true => Ok(allow),
            false => Err(findings),
        }
    }

    /// The hook's defaults, over them what the user wrote, and all of it within
    /// the policy.
    ///
    /// # Errors
    /// What the user wrote that is more than the policy allows.
    pub(crate) fn limits(
        &self,
        used: &PluginUse,
        hook: Hook,
    ) -> Result<Option<CallLimits>, Vec<Finding>> {
        let most = &self.policy.limits;
        let written = &used.limits.0;
        let is_over =
            |(key, value): &(&LimitKey, &u64)| most.get(key).is_some_and(|most| value > &most);
        let findings: Vec<Finding> = written
            .iter()
            .filter(is_over)
            .map(|(key, _)| {
                let what = format!(
                    "`limits: {{ {key} }}` of plugin `{}` is more than the policy of your organisation allows",
                    used.name
                );
                let help = format!("write less, or ask whoever keeps the file that {} names", policy::VARIABLE);
                self.find(used, what).help(help).blame(Blame::Policy)
            })
            .collect();
        if !findings.is_empty() {
            return Err(findings);
        }
        let defaults = CallLimits::of(hook);
        let limits = defaults.clone().with(written).within(most);
        Ok((limits != *defaults).then_some(limits))
    }

    fn find(&self, used: &PluginUse, what: impl Into<String>) -> Finding {
        self.config.locate_plugin(used, what)
    }

    fn refuse(&self, used: &PluginUse, error: &LoadError, help: &str) -> Finding {
        let what = format!("plugin `{}` cannot be used: {}", used.name, one_line(error));
        self.find(used, what).help(help)
    }

    fn refuse_fetch(&self, used: &PluginUse, error: &FetchError) -> Finding {
        let what = format!("plugin `{}` cannot be used: {}", used.name, one_line(error));
        let blame = match error.is_outside() {
            true => Blame::Outside,
            false => Blame::Text,
        };
        self.find(used, what).help(error.help()).blame(blame)
    }
}

/// What fetches into the cache of this user.
pub(crate) fn fetcher() -> Result<Fetcher, FetchError> {
    let limits = FetchLimits {
        bytes: MAX_COMPONENT_BYTES,
        ..FetchLimits::default()
    };
    Ok(Fetcher::new(Cache::of_user()?, limits))
}

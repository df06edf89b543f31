//! The configuration with every short form written out, every default filled
//! in and every share of n turned into a count: what a run works with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use baepo_core::digest::Digest;
use baepo_core::rollout::{Limits, OnNoEvidence, Patience};
use baepo_core::time::Millis;
use baepo_runtime::plugin::LimitSet;
use baepo_runtime::router::Sticky;
use baepo_runtime::supply::Remote;
use serde::Serialize;
use serde_json::Value;

use super::file::{Event, OnCancel};
use super::finding::{Finding, Findings, Span, check_spelling};
use super::github::Github;
use super::locate::locate;
use super::yaml::Node;

/// A whole configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the application.
    pub app: String,
    /// Build plugins in order; empty where nothing is built.
    pub build: Vec<PluginUse>,
    /// Test plugins in order.
    pub test: Vec<PluginUse>,
    /// Test plugins that look at a running candidate.
    pub verify: Vec<PluginUse>,
    /// Config files that belong to each release.
    pub files: Vec<Template>,
    /// Each environment after those that it needs, else in the order of the file.
    pub environments: Vec<Environment>,
    /// Feedback plugins.
    pub feedback: Vec<PluginUse>,
    /// What GitHub is told of a run.
    pub github: Github,
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) tree: Node,
}

/// A template and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Path relative to the checkout.
    pub template: PathBuf,
    /// File name inside the release.
    pub to: String,
}

/// One place where releases are rolled out to.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Environments that must have succeeded before.
    pub needs: Vec<String>,
    /// Events that deploy here.
    pub on: Vec<Event>,
    /// Where people see what serves here: an address of the web.
    pub url: Option<String>,
    /// Whether a run starts and stops the agent itself.
    pub ephemeral: bool,
    /// Whether a person must approve of each release before it runs here.
    pub approve: bool,
    /// Where instances live.
    pub target: TargetUse,
    /// n: how many instances there are to be.
    pub instances: u32,
    /// Who decides.
    pub strategy: PluginUse,
    /// What no strategy may exceed, in instances of n. The granularity is
    /// the finest; the target's own word replaces it.
    pub limits: Limits,
    /// What to do when nobody knows.
    pub on_no_evidence: OnNoEvidence,
    /// Who judges, beside the health gate.
    pub monitors: Vec<PluginUse>,
    /// Variables of every instance, those of the release included.
    pub env: BTreeMap<String, Variable>,
    /// What a cancelled job does.
    pub on_cancel: OnCancel,
    /// How long each step may take.
    pub progress_deadline: Millis,
    /// How long to wait for a person.
    pub hold_timeout: Millis,
    /// How long a first install is watched.
    pub first_bake: Millis,
}

impl Environment {
    /// Its target, where that is a plugin, its strategy and its monitors.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginUse> {
        let target = self.target.plugin().into_iter();
        target.chain([&self.strategy]).chain(&self.monitors)
    }
}

/// Where instances live.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetUse {
    /// On one machine, behind an agent of baepo.
    Local(LocalTarget),
    /// Where a plugin says.
    Plugin(Box<PluginUse>),
}

impl TargetUse {
    /// The processes of one machine, where it is that.
    pub fn local(&self) -> Option<&LocalTarget> {
        match self {
            TargetUse::Local(local) => Some(local),
            TargetUse::Plugin(_) => None,
        }
    }

    /// The plugin, where it is one.
    pub fn plugin(&self) -> Option<&PluginUse> {
        match self {
            TargetUse::Local(_) => None,
            TargetUse::Plugin(plugin) => Some(plugin),
        }
    }
}

/// Processes on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTarget {
    /// Where the router takes requests.
    pub listen: Listen,
    /// Program and arguments of an instance.
    pub command: Vec<String>,
    /// Path that answers 2xx.
    pub health_path: String,
    /// How often health is asked.
    pub health_interval: Millis,
    /// How long one answer may take.
    pub health_timeout: Millis,
    /// How long requests may take to finish when an instance leaves.
    pub drain: Millis,
    /// How long an instance has between SIGTERM and SIGKILL.
    pub stop: Millis,
    /// How users stay on one version.
    pub sticky: Option<Sticky>,
    /// How long no run may be alive during a rollout.
    pub watchdog: Patience,
}

/// Where a router listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// Address and port.
    Tcp(std::net::SocketAddr),
    /// Path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => write!(f, "{address}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// As it is.
    Literal(String),
    /// The name of a secret.
    Secret(String),
}

/// A plugin and how it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginUse {
    /// What reports call it.
    pub name: String,
    /// Where its component is.
    pub plugin: PluginRef,
    /// The digest that its component must have.
    pub sha256: Option<Digest>,
    /// Its own settings, an object.
    pub with: Value,
    /// What it may do.
    pub allow: Allow,
    /// How much it may use.
    pub limits: PluginLimits,
    /// Where its settings are in the file: keys and indexes joined by dots.
    pub with_at: String,
}

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginRef {
    /// Comes with baepo.
    Builtin(String),
    /// A file relative to the checkout.
    Path(PathBuf),
    /// On the web, or in a registry.
    Remote(Remote),
}

impl PluginRef {
    /// What a policy compares, and `baepo.lock` names it by where it is a path.
    pub fn place(&self) -> String {
        match self {
            PluginRef::Builtin(_) | PluginRef::Path(_) => self.to_string(),
            PluginRef::Remote(remote) => remote.place(),
        }
    }
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PluginRef::Builtin(name) => write!(f, "builtin:{name}"),
            PluginRef::Path(path) => write!(f, "./{}", path.display()),
            PluginRef::Remote(remote) => remote.fmt(f),
        }
    }
}

/// What a plugin may do; nothing where all lists are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Allow {
    /// Programs.
    pub run: Vec<String>,
    /// Scheme, host and port.
    pub net: Vec<String>,
    /// Globs of the checkout.
    pub read: Vec<String>,
    /// Globs of the checkout.
    pub write: Vec<String>,
    /// Environment variables for programs.
    pub env: Vec<String>,
    /// Secrets by name.
    pub secrets: Vec<String>,
    /// Unix or TCP endpoints.
    pub socket: Vec<String>,
}

/// How much a plugin may use where the user says so: the host has a
/// default for what is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLimits(pub LimitSet);

impl Config {
    /// As the user knows the file, for example `.github/baepo.yml`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text of the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// An environment by name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name == name)
    }

    /// The environments of these names, or all where none is named.
    pub fn named(&self, names: &[String]) -> impl Iterator<Item = &Environment> {
        let is_named = |e: &&Environment| names.is_empty() || names.contains(&e.name);
        self.environments.iter().filter(is_named)
    }

    /// The environment of this name.
    ///
    /// # Errors
    /// If there is none: which ones there are, or which one may be meant.
    pub fn known(&self, name: &str) -> anyhow::Result<&Environment> {
        let names = || self.environments.iter().map(|e| e.name.as_str());
        self.environment(name).ok_or_else(|| {
            let help = match check_spelling(name, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there is: {}", names().collect::<Vec<_>>().join(", ")),
            };
            anyhow::anyhow!(
                "there is no environment `{name}` in {}\n  help: {help}",
                self.path
            )
        })
    }

    /// Every plugin of the file, stages first.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginUse> {
        let stages = self.build.iter().chain(&self.test).chain(&self.verify);
        let stages = stages.chain(&self.feedback);
        let environments = self.environments.iter();
        stages.chain(environments.flat_map(Environment::plugins))
    }

    /// The place of a dotted path inside an environment, for example
    /// `strategy.with.steps.1`; the nearest thing around it where the path
    /// leads nowhere.
    pub fn locate(&self, environment: &str, path: &str) -> Span {
        locate(&self.tree, &format!("environments.{environment}.{path}"))
    }

    /// A problem with a plugin itself, at its place.
    pub fn locate_plugin(&self, plugin: &PluginUse, message: impl Into<String>) -> Finding {
        Finding::new(
            locate(&self.tree, plugin.with_at.trim_end_matches(".with")),
            message,
        )
    }

    /// A problem that a plugin found in its settings, at its place.
    pub fn locate_problem(&self, plugin: &PluginUse, path: &str, message: &str) -> Finding {
        let at = match path {
            "" => plugin.with_at.clone(),
            path => format!("{}.{path}", plugin.with_at),
        };
        let named = match path {
            "" => format!("settings of `{}`: {message}", plugin.name),
            path => format!("`{path}` of `{}`: {message}", plugin.name),
        };
        Finding::new(locate(&self.tree, &at), named)
    }

    /// Where this plugin is used, as `file:line`.
    pub fn place_of(&self, plugin: &PluginUse) -> String {
        let line = locate(&self.tree, &plugin.with_at).line;
        format!("{}:{line}", self.path)
    }

    /// Findings of this file, ready to be shown.
    pub fn findings(&self, list: Vec<Finding>) -> Findings {
        Findings::new(&self.path, &self.source, list)
    }

    /// Files that the configuration names and that are not in the checkout.
    pub fn check_files(&self, checkout: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, file) in self.files.iter().enumerate() {
            if !checkout.join(&file.template).is_file() {
                let span = locate(&self.tree, &format!("release.files.{i}.template"));
                findings.push(
                    Finding::new(span, "there is no such file")
                        .help("paths are relative to the checkout"),
                );
            }
        }
        for plugin in self.plugins() {
            if let PluginRef::Path(path) = &plugin.plugin
                && !checkout.join(path).is_file()
            {
                let item = plugin.with_at.trim_end_matches(".with");
                let span = locate(&self.tree, &format!("{item}.plugin"));
                findings.push(
                    Finding::new(
                        span,
                        format!("there is no component at `{}`", path.display()),
                    )
                    .help("build the plugin first; paths are relative to the checkout"),
                );
            }
        }
        findings
    }
}

//! The plugins that a configuration names, loaded and checked.

use std::collections::BTreeMap;
use std::path::Path;

use baepo_core::digest::Digest;
use baepo_core::fleet::Description;
use baepo_core::hook::{ConfigProblem, HookError};
use baepo_core::rollout::{PinnedMonitor, PinnedPlugin};
use baepo_core::verdict::Phase;
use baepo_runtime::plugin::{
    CallContext, CallError, Hook, HostOptions, Plugin, PluginHost, PluginSource, TargetAnswer,
    TargetCall,
};

use crate::config::{Config, Environment, Finding, Findings, PluginUse};
use crate::error::one_line;
use crate::plugin::supply::{Component, Supply};
use crate::sandbox;

/// The first-party components, embedded.
pub(crate) const BUILTINS: [(&str, &[u8]); 12] = [
    (
        "command",
        include_bytes!("../../../plugins/dist/command.wasm"),
    ),
    ("junit", include_bytes!("../../../plugins/dist/junit.wasm")),
    (
        "direct",
        include_bytes!("../../../plugins/dist/direct.wasm"),
    ),
    (
        "blue-green",
        include_bytes!("../../../plugins/dist/blue-green.wasm"),
    ),
    (
        "canary",
        include_bytes!("../../../plugins/dist/canary.wasm"),
    ),
    (
        "rolling",
        include_bytes!("../../../plugins/dist/rolling.wasm"),
    ),
    (
        "traffic",
        include_bytes!("../../../plugins/dist/traffic.wasm"),
    ),
    ("logs", include_bytes!("../../../plugins/dist/logs.wasm")),
    (
        "prometheus",
        include_bytes!("../../../plugins/dist/prometheus.wasm"),
    ),
    ("http", include_bytes!("../../../plugins/dist/http.wasm")),
    (
        "programs",
        include_bytes!("../../../plugins/dist/programs.wasm"),
    ),
    (
        "digest",
        include_bytes!("../../../plugins/dist/digest.wasm"),
    ),
];

/// A plugin as one place in the configuration uses it.
#[derive(Clone)]
pub(crate) struct Loaded {
    /// Its use.
    pub used: PluginUse,
    /// SHA-256 of its component.
    pub digest: Digest,
    /// It, ready to be called.
    pub plugin: Plugin,
}

impl Loaded {
    /// Its settings as JSON.
    pub(crate) fn config(&self) -> String {
        self.used.with.to_string()
    }

    /// What a rollout is pinned to.
    pub(crate) fn pinned(&self) -> PinnedPlugin {
        PinnedPlugin {
            name: self.used.name.clone(),
            digest: self.digest,
            config: self.config(),
        }
    }
}

/// The plugins of one environment.
pub(crate) struct EnvironmentPlugins {
    name: String,
    /// Where instances live, where that is a plugin, and what it says of itself.
    pub target: Option<(Loaded, Option<Description>)>,
    /// Who decides.
    pub strategy: Loaded,
    /// Who judges.
    pub monitors: Vec<Loaded>,
    /// Who tests the candidate before it gets traffic.
    pub verify: Vec<Loaded>,
    phases: Vec<Vec<Phase>>,
}

impl EnvironmentPlugins {
    /// What tests of the candidate are pinned to.
    pub(crate) fn pinned_verify(&self) -> Vec<PinnedPlugin> {
        self.verify.iter().map(Loaded::pinned).collect()
    }

    /// The monitors and when they are asked.
    pub(crate) fn pinned_monitors(&self) -> Vec<PinnedMonitor> {
        let monitors = self.monitors.iter().zip(&self.phases);
        monitors
            .map(|(loaded, phases)| PinnedMonitor {
                plugin: loaded.pinned(),
                phases: phases.clone(),
            })
            .collect()
    }
}

/// A configuration and all its plugins.
pub(crate) struct Plugins {
    /// The configuration.
    pub config: Config,
    /// Build plugins, in order.
    pub build: Vec<Loaded>,
    /// Test plugins, in order.
    pub test: Vec<Loaded>,
    /// Feedback plugins, in order.
    pub feedback: Vec<Loaded>,
    environments: Vec<EnvironmentPlugins>,
}

struct Loader<'a> {
    host: PluginHost,
    config: &'a Config,
    supply: &'a Supply<'a>,
    components: BTreeMap<String, Component>,
    findings: Vec<Finding>,
}

impl Plugins {
    /// Fetch what is not here, load every plugin and ask each monitor what it can
    /// judge. Nothing is changed by that.
    ///
    /// # Errors
    /// All plugins that cannot be used, each at its place in the file.
    pub(crate) async fn load(config: Config, root: &Path) -> Result<Plugins, Findings> {
        let supply = Supply::open(&config, root)?;
        let mut findings = Vec::new();
        let components = supply.gather(supply.wanted(&config), &mut findings).await;
        if !findings.is_empty() {
            return Err(config.findings(findings));
        }
        let mut loader = Loader::new(&config, &supply, components, root)?;
        let build = loader.load_all(&config.build, Hook::Build).await;
        let test = loader.load_all(&config.test, Hook::Test).await;
        let verify = loader.load_all(&config.verify, Hook::Test).await;
        let feedback = loader.load_all(&config.feedback, Hook::Feedback).await;
        let mut environments = Vec::new();
        for environment in &config.environments {
            let target = loader.load_described(environment).await;
            let strategy = loader.load(&environment.strategy, Hook::Strategy).await;
            let monitors = loader.load_all(&environment.monitors, Hook::Monitor).await;
            let mut phases = Vec::new();
            for monitor in &monitors {
                phases.push(loader.phases(monitor).await);
            }
            let name = environment.name.clone();
            if let Some(strategy) = strategy {
                environments.push(EnvironmentPlugins {
                    name,
                    target,
                    strategy,
                    monitors,
                    verify: verify.clone(),
                    phases,
                });
            }
        }
        let findings = loader.findings;
        if !findings.is_empty() {
            return Err(config.findings(findings));
        }
        Ok(Plugins {
            config,
            build,
            test,
            feedback,
            environments,
        })
    }

    /// One target plugin of a configuration alone, for a command that is no run.
    ///
    /// # Errors
    /// Why it cannot be used, at its place in the file.
    pub(crate) async fn load_target(
        config: &Config,
        used: &PluginUse,
        root: &Path,
    ) -> Result<Loaded, Findings> {
        let supply = Supply::open(config, root)?;
        let mut findings = Vec::new();
        let components = supply.gather([used].into_iter(), &mut findings).await;
        let mut loader = Loader::new(config, &supply, components, root)?;
        loader.findings = findings;
        let loaded = loader.load(used, Hook::Target).await;
        loaded.ok_or_else(|| config.findings(loader.findings))
    }

    /// What plugins of this run may do outside of their sandbox: names, each once,
    /// and what `allow:` says. Of the environments those count that are named, or
    /// all where none is.
    pub(crate) fn granted(&self, named: &[String]) -> BTreeMap<String, String> {
        let named = self.config.named(named);
        let of_environments = named.filter_map(|e| self.environment(&e.name));
        let of_environments = of_environments.flat_map(|e| {
            let target = e.target.iter().map(|(target, _)| target);
            target
                .chain([&e.strategy])
                .chain(&e.monitors)
                .chain(&e.verify)
        });
        let of_run = self.build.iter().chain(&self.test).chain(&self.feedback);
        let all = of_run.chain(of_environments);
        let said = all.map(|l| (l.used.name.clone(), l.plugin.permit().allow().to_string()));
        said.filter(|(_, allow)| !allow.is_empty()).collect()
    }

    /// The plugins of one environment.
    pub(crate) fn environment(&self, name: &str) -> Option<&EnvironmentPlugins> {
        self.environments
            .iter()
            .find(|plugins| plugins.name == name)
    }
}

impl<'a> Loader<'a> {
    fn new(
        config: &'a Config,
        supply: &'a Supply<'a>,
        components: BTreeMap<String, Component>,
        root: &Path,
    ) -> Result<Loader<'a>, Findings> {
        let options = HostOptions {
            policy: Some(supply.policy()),
            ..sandbox::options(root)
        };
        let host = PluginHost::new(options).map_err(|error| {
            let finding = Finding::new(config.locate("", ""), one_line(&error));
            config.findings(vec![finding])
        })?;
        Ok(Loader {
            host,
            config,
            supply,
            components,
            findings: Vec::new(),
        })
    }

    /// The target of an environment, where it is a plugin. Its settings are
    /// checked by the asking; where it cannot say what it is now, a run asks
    /// again.
    async fn load_described(
        &mut self,
        environment: &Environment,
    ) -> Option<(Loaded, Option<Description>)> {
        let target = self
            .load(environment.target.plugin()?, Hook::Target)
            .await?;
        let (context, config) = (CallContext::bare(), target.config());
        let call = target
            .plugin
            .target(&context, &config, TargetCall::Describe);
        let description = match call.await.result {
            Ok(Ok(TargetAnswer::Description(description))) => Some(description),
            Err(CallError::Plugin(HookError::InvalidConfig(problems))) => {
                self.blame(&target, &problems);
                None
            }
            Ok(_) | Err(_) => None,
        };
        Some((target, description))
    }

    /// What a plugin says of its settings, each at its place.
    fn blame(&mut self, plugin: &Loaded, problems: &[ConfigProblem]) {
        let find = |p: &ConfigProblem| {
            self.config
                .locate_problem(&plugin.used, &p.path, &p.message)
        };
        self.findings.extend(problems.iter().map(find));
    }

    async fn load_all(&mut self, uses: &[PluginUse], hook: Hook) -> Vec<Loaded> {
        let mut loaded = Vec::new();
        for used in uses {
            loaded.extend(self.load(used, hook).await);
        }
        loaded
    }

    async fn load(&mut self, used: &PluginUse, hook: Hook) -> Option<Loaded> {
        let component = self.components.get(&used.plugin.to_string())?;
        let grants = self.supply.grants(used);
        let limits = self.supply.limits(used, hook);
        let (grants, limits) = match (grants, limits) {
            (Ok(grants), Ok(limits)) => (grants, limits),
            (grants, limits) => {
                self.findings.extend(grants.err().into_iter().flatten());
                self.findings.extend(limits.err().into_iter().flatten());
                return None;
            }
        };
        let source = PluginSource {
            name: &used.name,
            bytes: &component.bytes,
            digest: component.digest,
            grants,
            limits,
        };
        let digest = component.digest;
        let plugin = match sandbox::patiently(&used.name, self.host.load(source)).await {
            Ok(plugin) => plugin.require(hook).map(|()| plugin),
            Err(error) => Err(error),
        };
        match plugin {
            Ok(plugin) => {
                if let Err(finding) = self.supply.check_wishes(used, plugin.wishes()) {
                    self.findings.push(finding);
                    return None;
                }
                Some(Loaded {
                    used: used.clone(),
                    digest,
                    plugin,
                })
            }
            Err(error) => {
                let what = format!(
                    "plugin `{}` cannot be used: {}",
                    used.name,
                    one_line(&error)
                );
                self.findings
                    .push(self.config.locate_plugin(used, what).help(error.help()));
                None
            }
        }
    }

    /// When a monitor can judge. Its settings are checked by the asking.
    async fn phases(&mut self, monitor: &Loaded) -> Vec<Phase> {
        let context = CallContext::bare();
        let outcome = monitor
            .plugin
            .describe_monitor(&context, &monitor.config())
            .await;
        match outcome.result {
            Ok(phases) => phases,
            Err(CallError::Plugin(HookError::InvalidConfig(problems))) => {
                self.blame(monitor, &problems);
                Vec::new()
            }
            Err(error) => {
                let what = format!(
                    "plugin `{}` cannot be used: {}",
                    monitor.used.name,
                    one_line(&error)
                );
                self.findings
                    .push(self.config.locate_plugin(&monitor.used, what));
                Vec::new()
            }
        }
    }
}

//! From the file as it is written to the configuration that a run works with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use baepo_core::rollout::{Limits, OnNoEvidence, Patience};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;

use baepo_runtime::router::Sticky;

use super::command_line;
use super::file::{
    Command, ConfigFile, EnvValue, EnvironmentFile, Event, Health, LimitsFile, LocalFile,
    OnNoEvidenceFile, OneOrMany, ReleaseFile, TargetFile, TemplateFile,
};
use super::finding::{Finding, Span};
use super::locate::{locate, locate_key};
use super::model::{Config, Environment, Listen, LocalTarget, TargetUse, Template, Variable};
use super::plugin_use::Hook;
use super::unit::{
    Amount, DurationText, PercentText, check_name, check_variable, parse_duration, parse_percent,
};
use super::yaml::{Kind, Node};

/// Walks the file and collects what is wrong.
pub(crate) struct Resolver<'a> {
    pub(crate) root: &'a Node,
    pub(crate) findings: Vec<Finding>,
}

/// The configuration of a file, and everything that is wrong with it.
pub(crate) fn resolve(
    file: ConfigFile,
    root: &Node,
    path: &str,
    source: &str,
) -> (Config, Vec<Finding>) {
    let mut resolver = Resolver {
        root,
        findings: Vec::new(),
    };
    let release = file.release.unwrap_or_default();
    let build = resolver.resolve_build(file.build);
    let test = resolver.resolve_test("test", file.test);
    let verify = resolver.resolve_test("verify", file.verify);
    let feedback = resolver.resolve_feedback(file.feedback);
    let (files, release_env) = resolver.resolve_release(release);
    let environments = resolver.resolve_environments(file.environments, &release_env);
    let config = Config {
        app: file.app.0,
        build,
        test,
        verify,
        files,
        environments,
        feedback,
        github: file.github.unwrap_or_default().into(),
        path: path.to_owned(),
        source: source.to_owned(),
        tree: root.clone(),
    };
    (config, resolver.findings)
}

type Variables = BTreeMap<String, Variable>;

impl Resolver<'_> {
    pub(crate) fn span(&self, at: &str) -> Span {
        locate(self.root, at)
    }

    pub(crate) fn find(&mut self, at: &str, message: impl Into<String>, help: impl Into<String>) {
        let finding = Finding::new(self.span(at), message).help(help);
        self.findings.push(finding);
    }

    pub(crate) fn resolve_command(&mut self, at: &str, command: Command) -> Vec<String> {
        let line = match command {
            Command::Words(words) => {
                if words.is_empty() {
                    self.find(at, "a command needs a program", "name the program to run");
                }
                return words.into_iter().map(|word| word.0).collect();
            }
            Command::Line(line) => line.0,
        };
        command_line::split(&line).unwrap_or_else(|wrong| {
            let mut span = self.span(at);
            let is_written_on_one_line = span.length >= line.chars().count();
            if is_written_on_one_line {
                let quotes = span.length.saturating_sub(line.chars().count()) / 2;
                span.column += wrong.offset + quotes;
                span.length = wrong.length;
            }
            self.findings
                .push(Finding::new(span, wrong.message).help(wrong.help));
            Vec::new()
        })
    }

    fn resolve_release(&mut self, release: ReleaseFile) -> (Vec<Template>, Variables) {
        let files = self.resolve_templates(release.files.unwrap_or_default());
        let env = self.resolve_env("release.env", release.env.unwrap_or_default());
        (files, env)
    }

    fn resolve_templates(&mut self, files: Vec<TemplateFile>) -> Vec<Template> {
        let mut seen = BTreeSet::new();
        let mut templates = Vec::new();
        for (i, file) in files.into_iter().enumerate() {
            if !seen.insert(file.to.0.clone()) {
                let message = format!("two files are called `{}`", file.to.0);
                self.find(
                    &format!("release.files.{i}.to"),
                    message,
                    "give each file a name of its own",
                );
            }
            templates.push(Template {
                template: PathBuf::from(file.template.0),
                to: file.to.0,
            });
        }
        templates
    }

    fn resolve_env(&mut self, at: &str, env: BTreeMap<String, EnvValue>) -> Variables {
        for name in env.keys() {
            let wrong = match name.as_str() {
                "PORT" => {
                    Some("is set to the port of each instance and cannot be set here".to_owned())
                }
                name => check_variable(name).err(),
            };
            if let Some(wrong) = wrong {
                let span = locate_key(self.root, at, name);
                self.findings
                    .push(Finding::new(span, format!("`{name}` {wrong}")));
            }
        }
        env.into_iter()
            .map(|(name, value)| match value {
                EnvValue::Literal(text) => (name, Variable::Literal(text.0)),
                EnvValue::Secret(secret) => (name, Variable::Secret(secret.secret.0)),
            })
            .collect()
    }

    fn resolve_environments(
        &mut self,
        mut files: BTreeMap<String, EnvironmentFile>,
        release_env: &Variables,
    ) -> Vec<Environment> {
        let names = self.environment_names();
        let mut environments = Vec::new();
        for name in &names {
            if let Err(wrong) = check_name(name) {
                let span = locate_key(self.root, "environments", name);
                self.findings
                    .push(Finding::new(span, format!("`{name}` {wrong}")));
            }
            if let Some(file) = files.remove(name) {
                environments.push(self.resolve_environment(name, file, release_env, &names));
            }
        }
        self.check_listeners(&environments);
        self.resolve_order(environments)
    }

    /// All names in the order of the file, those of broken environments too.
    fn environment_names(&self) -> Vec<String> {
        match self
            .root
            .entry("environments")
            .map(|entry| &entry.value.kind)
        {
            Some(Kind::Mapping(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn resolve_environment(
        &mut self,
        name: &str,
        file: EnvironmentFile,
        release_env: &Variables,
        names: &[String],
    ) -> Environment {
        let at = |key: &str| format!("environments.{name}.{key}");
        let local = file.target.local.as_ref();
        let instances = local.map_or(file.target.instances, |local| local.instances);
        let instances = instances.unwrap_or(1);
        let (approve, ephemeral) = (file.approve == Some(true), file.ephemeral == Some(true));
        if ephemeral && file.target.local.is_none() && file.target.plugin.is_some() {
            self.find(
                &at("ephemeral"),
                "what a plugin runs does not end with the run",
                "leave out `ephemeral`, or use `target.local`",
            );
        }
        if approve && ephemeral {
            self.find(
                &at("approve"),
                "an environment that ends with its run cannot wait for a person",
                "leave out `approve` or `ephemeral`",
            );
        }
        let mut env = release_env.clone();
        env.extend(self.resolve_env(&at("env"), file.env.unwrap_or_default()));
        let strategy = self.resolve_plugin(&at("strategy"), file.strategy, Hook::Strategy);
        Environment {
            name: name.to_owned(),
            needs: self.resolve_needs(name, file.needs, names),
            on: file.on.map_or_else(
                || vec![Event::Push, Event::WorkflowDispatch],
                OneOrMany::into_vec,
            ),
            url: self.resolve_url(&at("url"), file.url.map(|url| url.0)),
            ephemeral,
            approve,
            target: self.resolve_target(&at("target"), file.target),
            instances,
            // A strategy that could not be resolved is a finding.
            strategy: strategy.unwrap_or_else(placeholder_plugin),
            limits: resolve_limits(file.limits.unwrap_or_default(), instances),
            on_no_evidence: match file.on_no_evidence {
                None | Some(OnNoEvidenceFile::Hold) => OnNoEvidence::Hold,
                Some(OnNoEvidenceFile::ContinueOnHealth) => OnNoEvidence::ContinueOnHealth,
                Some(OnNoEvidenceFile::Abort) => OnNoEvidence::Abort,
            },
            monitors: self.resolve_plugins(
                &at("monitors"),
                file.monitors.unwrap_or_default(),
                Hook::Monitor,
            ),
            env,
            on_cancel: file.on_cancel.unwrap_or_default(),
            progress_deadline: self.resolve_time(
                &at("progress-deadline"),
                file.progress_deadline,
                Millis::from_secs(600),
            ),
            hold_timeout: self.resolve_time(
                &at("hold-timeout"),
                file.hold_timeout,
                Millis::from_secs(86_400),
            ),
            first_bake: self.resolve_time(
                &at("first-bake"),
                file.first_bake,
                Millis::from_secs(30),
            ),
        }
    }

    /// What GitHub takes as an address, and what can stand in a link.
    fn resolve_url(&mut self, at: &str, url: Option<String>) -> Option<String> {
        let url = url?;
        if crate::render::markdown::escape::link("", &url).is_none() {
            self.find(
                at,
                "is no address of the web",
                "for example https://shop.acme.dev",
            );
            return None;
        }
        Some(url)
    }

    /// A duration that was checked by its format, above zero.
    fn resolve_time(&mut self, at: &str, text: Option<DurationText>, otherwise: Millis) -> Millis {
        let time = text
            .and_then(|text| parse_duration(&text.0).ok())
            .unwrap_or(otherwise);
        if time == Millis::ZERO {
            self.find(at, "must be longer than nothing", "");
        }
        time
    }

    fn resolve_target(&mut self, at: &str, target: TargetFile) -> TargetUse {
        let given = [
            target.local.is_some(),
            target.kubernetes.is_some(),
            target.plugin.is_some(),
        ];
        match given.iter().filter(|is_given| **is_given).count() {
            0 => self.find(
                at,
                "a target needs a place where instances live",
                "add `local: { listen: …, command: …, health: … }`",
            ),
            1 => {}
            _ => self.find(
                at,
                "a target is exactly one of local, kubernetes and plugin",
                "keep one of them",
            ),
        }
        if given[1] {
            let span = locate_key(self.root, at, "kubernetes");
            let finding = Finding::new(span, "the target `kubernetes` is not in this version");
            let help = "use `local`, or `plugin` with one that speaks to your cluster";
            self.findings.push(finding.help(help));
        }
        if given[0] && target.instances.is_some() {
            let span = locate_key(self.root, at, "instances");
            let finding = Finding::new(span, "is for a target that is a plugin");
            self.findings.push(finding.help("write it under `local:`"));
        }
        if let Some(local) = target.local {
            return TargetUse::Local(self.resolve_local(&format!("{at}.local"), local));
        }
        let plugin = target.plugin;
        let plugin = plugin
            .and_then(|item| self.resolve_plugin(&format!("{at}.plugin"), item, Hook::Target));
        // Without either there is a finding.
        TargetUse::Plugin(Box::new(plugin.unwrap_or_else(placeholder_plugin)))
    }

    fn resolve_local(&mut self, at: &str, local: LocalFile) -> LocalTarget {
        if local.ssh.is_some() {
            let span = locate_key(self.root, at, "ssh");
            let finding = Finding::new(span, "reaching a machine over SSH is not in this version");
            self.findings
                .push(finding.help("run the job on the machine itself with a self-hosted runner"));
        }
        let (path, interval, timeout) = match local.health {
            Health::Path(path) => (path, None, None),
            Health::Full(full) => (full.path, full.interval, full.timeout),
        };
        let second = Millis::from_secs(1);
        let sticky = match local.sticky.map(|name| Sticky::by_cookie(&name.0)) {
            Some(Err(error)) => {
                self.find(
                    &format!("{at}.sticky"),
                    error.to_string(),
                    "for example `sticky: shop-seat`",
                );
                None
            }
            Some(Ok(sticky)) => Some(sticky),
            None => None,
        };
        let mut wait =
            |key: &str, text, otherwise| self.resolve_time(&format!("{at}.{key}"), text, otherwise);
        let watchdog = local.watchdog.unwrap_or_default();
        let usual = Patience::default();
        LocalTarget {
            sticky,
            watchdog: Patience {
                after_crash: wait(
                    "watchdog.after-crash",
                    watchdog.after_crash,
                    usual.after_crash,
                ),
                after_wait: wait("watchdog.after-wait", watchdog.after_wait, usual.after_wait),
            },
            health_path: path.0,
            health_interval: wait("health.interval", interval, second),
            health_timeout: wait("health.timeout", timeout, second),
            drain: wait("drain", local.drain, Millis::from_secs(30)),
            stop: wait("stop", local.stop, Millis::from_secs(10)),
            listen: self.resolve_listen(&format!("{at}.listen"), &local.listen.0),
            command: self.resolve_command(&format!("{at}.command"), local.command),
        }
    }

    fn resolve_listen(&mut self, at: &str, text: &str) -> Listen {
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                self.find(
                    at,
                    "the path of a socket must be absolute",
                    "for example `unix:/run/shop.sock`",
                );
            }
            return Listen::Unix(PathBuf::from(path));
        }
        match text.parse() {
            Ok(address) => Listen::Tcp(address),
            Err(_) => {
                let port = text
                    .rsplit(':')
                    .next()
                    .filter(|port| port.parse::<u16>().is_ok())
                    .unwrap_or("8080");
                let help = format!(
                    "for this machine alone `127.0.0.1:{port}`, for everyone `0.0.0.0:{port}`"
                );
                self.find(
                    at,
                    "must be an IP address and a port, or `unix:` and a path",
                    help,
                );
                Listen::Unix(PathBuf::new())
            }
        }
    }
}

/// Absolute counts of n: surge rounded up, unavailable rounded down, as
/// Kubernetes does it. The texts were checked by their formats.
fn resolve_limits(file: LimitsFile, n: u32) -> Limits {
    let amount = |text: Option<super::unit::AmountText>, otherwise| {
        text.and_then(|text| Amount::parse(&text.0).ok())
            .unwrap_or(otherwise)
    };
    let share = |text: Option<PercentText>, otherwise| {
        text.and_then(|text| parse_percent(&text.0).ok())
            .unwrap_or(otherwise)
    };
    Limits {
        max_surge: amount(file.max_surge, Amount::Share(10_000)).ceil(n),
        max_unavailable: amount(file.max_unavailable, Amount::Count(0)).floor(n),
        max_exposure_unjudged: share(file.max_exposure_unjudged, BasisPoints::FULL),
        max_exposure_unwatched: share(file.max_exposure_unwatched, BasisPoints::saturating(500)),
        allow_downtime: file.allow_downtime.unwrap_or(false),
        weight_granularity: BasisPoints::saturating(1),
    }
}

/// Stands for a plugin that is a finding already; never used.
fn placeholder_plugin() -> super::model::PluginUse {
    super::model::PluginUse {
        name: String::new(),
        plugin: super::model::PluginRef::Builtin(String::new()),
        sha256: None,
        with: serde_json::Value::Null,
        allow: super::model::Allow::default(),
        limits: super::model::PluginLimits::default(),
        with_at: String::new(),
    }
}

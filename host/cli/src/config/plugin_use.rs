//! Names, paths and settings of plugins, resolved.

use std::path::PathBuf;

use baepo_runtime::capability::address::ENDPOINTS;
use baepo_runtime::plugin::LimitKey;
use baepo_runtime::supply::Remote;
use serde_json::{Map, Value, json};

use super::file::{AllowFile, Build, PluginFull, PluginItem, PluginLimitsFile, Test};
use super::finding::{Finding, check_spelling};
use super::model::{Allow, PluginLimits, PluginRef, PluginUse};
use super::resolve::Resolver;
use super::unit::{CountText, DurationText, SizeText, parse_count, parse_duration, parse_size};

/// What a plugin is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Build,
    Test,
    Strategy,
    Monitor,
    Target,
    Feedback,
}

impl Hook {
    fn noun(self) -> &'static str {
        match self {
            Hook::Build => "a build plugin",
            Hook::Test => "a test plugin",
            Hook::Strategy => "a strategy",
            Hook::Monitor => "a monitor",
            Hook::Target => "a target",
            Hook::Feedback => "a feedback plugin",
        }
    }
}

/// The plugins that come with baepo, and what they do.
pub(crate) const BUILTINS: [(&str, Hook); 12] = [
    ("command", Hook::Build),
    ("junit", Hook::Test),
    ("direct", Hook::Strategy),
    ("blue-green", Hook::Strategy),
    ("canary", Hook::Strategy),
    ("rolling", Hook::Strategy),
    ("traffic", Hook::Monitor),
    ("prometheus", Hook::Monitor),
    ("http", Hook::Monitor),
    ("logs", Hook::Monitor),
    ("programs", Hook::Target),
    ("digest", Hook::Feedback),
];

/// Where the settings are of a plugin that the file does not name.
pub(crate) const UNASKED: &str = "feedback.with";

/// The plugin that may speak to the instances of its rollout where its `allow:`
/// is not written: there is nothing else that it could do.
const PROBE: &str = "http";

impl Resolver<'_> {
    pub(crate) fn resolve_build(&mut self, build: Option<Build>) -> Vec<PluginUse> {
        match build {
            None => Vec::new(),
            Some(Build::List(items)) => self.resolve_plugins("build", items, Hook::Build),
            Some(Build::Short(short)) => {
                let run = self.resolve_command("build.run", short.run);
                let artifacts: Vec<String> =
                    short.artifacts.into_iter().map(|path| path.0).collect();
                let with = json!({ "run": run, "artifacts": artifacts });
                vec![short_form("command", "build", with, run, artifacts)]
            }
        }
    }

    /// Tests under this key, `test` or `verify`.
    pub(crate) fn resolve_test(&mut self, key: &str, test: Option<Test>) -> Vec<PluginUse> {
        match test {
            None => Vec::new(),
            Some(Test::List(items)) => self.resolve_plugins(key, items, Hook::Test),
            Some(Test::Short(short)) => {
                let run = self.resolve_command(&format!("{key}.run"), short.run);
                let reports: Vec<String> = short
                    .junit
                    .into_vec()
                    .into_iter()
                    .map(|path| path.0)
                    .collect();
                let with = json!({ "run": run, "reports": reports });
                vec![short_form("junit", key, with, run, reports)]
            }
        }
    }

    /// Where the file says nothing there is one, which says nothing itself where
    /// there is no history.
    pub(crate) fn resolve_feedback(&mut self, items: Option<Vec<PluginItem>>) -> Vec<PluginUse> {
        match items {
            Some(items) => self.resolve_plugins("feedback", items, Hook::Feedback),
            None => vec![PluginUse {
                name: "digest".to_owned(),
                plugin: PluginRef::Builtin("digest".to_owned()),
                sha256: None,
                with: json!({}),
                allow: Allow::default(),
                limits: PluginLimits::default(),
                with_at: UNASKED.to_owned(),
            }],
        }
    }

    pub(crate) fn resolve_plugins(
        &mut self,
        at: &str,
        items: Vec<PluginItem>,
        hook: Hook,
    ) -> Vec<PluginUse> {
        let mut uses: Vec<PluginUse> = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let at = format!("{at}.{i}");
            let Some(plugin) = self.resolve_plugin(&at, item, hook) else {
                continue;
            };
            if uses.iter().any(|other| other.name == plugin.name) {
                let message = format!("two plugins here are called `{}`", plugin.name);
                let finding = Finding::new(self.span(&at), message);
                self.findings
                    .push(finding.help("give one of them a name of its own: `name: …`"));
            }
            uses.push(plugin);
        }
        uses
    }

    pub(crate) fn resolve_plugin(
        &mut self,
        at: &str,
        item: PluginItem,
        hook: Hook,
    ) -> Option<PluginUse> {
        let (full, plugin_at) = match item {
            PluginItem::Full(full) => (*full, format!("{at}.plugin")),
            PluginItem::Name(plugin) => {
                let full = PluginFull {
                    plugin,
                    sha256: None,
                    name: None,
                    with: None,
                    allow: None,
                    limits: None,
                };
                (full, at.to_owned())
            }
        };
        let plugin = match parse_reference(&full.plugin.0, hook) {
            Ok(plugin) => plugin,
            Err((message, help)) => {
                self.findings
                    .push(Finding::new(self.span(&plugin_at), message).help(help));
                return None;
            }
        };
        let name = match (full.name, &plugin) {
            (Some(name), _) => name.0,
            (None, PluginRef::Builtin(name)) => name.clone(),
            (None, PluginRef::Path(path)) => path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            (None, PluginRef::Remote(remote)) => remote.name(),
        };
        let mut allow = match (full.allow, &plugin) {
            (Some(allow), _) => resolve_allow(allow),
            (None, PluginRef::Builtin(name)) if name == PROBE => Allow {
                net: vec![ENDPOINTS.to_owned()],
                ..Allow::default()
            },
            (None, _) => Allow::default(),
        };
        if plugin == PluginRef::Builtin("logs".to_owned()) {
            // What the instances of its own rollout write is all that it is
            // for; its bytes are this program's own.
            let output = baepo_runtime::capability::output::FOLDER;
            allow.read.push(output.to_owned());
        }
        Some(PluginUse {
            name,
            plugin,
            // The text was checked by its format.
            sha256: full.sha256.and_then(|text| text.0.parse().ok()),
            with: Value::Object(full.with.unwrap_or_else(Map::new)),
            allow,
            limits: resolve_plugin_limits(&full.limits.unwrap_or_default()),
            with_at: format!("{at}.with"),
        })
    }
}

/// A short form and exactly the grants that it implies: its program, and
/// reading the files that it names. Reports may also be emptied before the
/// command runs, so that an old one cannot count.
fn short_form(name: &str, at: &str, with: Value, run: Vec<String>, read: Vec<String>) -> PluginUse {
    PluginUse {
        name: name.to_owned(),
        plugin: PluginRef::Builtin(name.to_owned()),
        sha256: None,
        with,
        allow: Allow {
            run: run.into_iter().take(1).collect(),
            read,
            // A program of the user's own builds where it always did.
            write: vec![".".to_owned()],
            ..Allow::default()
        },
        limits: PluginLimits::default(),
        with_at: at.to_owned(),
    }
}

/// A plugin by its reference, or what is wrong with that and what helps.
fn parse_reference(text: &str, hook: Hook) -> Result<PluginRef, (String, String)> {
    if Remote::is_meant_by(text) {
        let remote = text.parse::<Remote>().map(PluginRef::Remote);
        return remote.map_err(|error| {
            let help =
                "such as `https://plugins.acme.dev/check.wasm` or `oci://ghcr.io/acme/check:1.2`";
            (error.to_string(), help.to_owned())
        });
    }
    if let Some(path) = text.strip_prefix("./") {
        let climbs = path.split('/').any(|part| part == "..");
        return match !path.is_empty() && !climbs {
            true => Ok(PluginRef::Path(PathBuf::from(path))),
            false => Err((
                "the path leaves the checkout".to_owned(),
                "name a file inside the checkout".to_owned(),
            )),
        };
    }
    let name = text.strip_prefix("builtin:").unwrap_or(text);
    let fitting: Vec<&str> = BUILTINS
        .iter()
        .filter(|(_, does)| *does == hook)
        .map(|(name, _)| *name)
        .collect();
    let offered = match fitting.as_slice() {
        [] => "name a component: `./PATH.wasm`".to_owned(),
        names => format!("one of: {}, or `./PATH.wasm`", names.join(", ")),
    };
    match BUILTINS.iter().find(|(builtin, _)| *builtin == name) {
        Some((_, does)) if *does == hook => Ok(PluginRef::Builtin(name.to_owned())),
        Some((_, does)) => Err((
            format!("`{name}` is {}, not {}", does.noun(), hook.noun()),
            offered,
        )),
        None if name.ends_with(".wasm") => Err((
            "a path must begin with `./`".to_owned(),
            format!("write `./{}`", name.trim_start_matches('/')),
        )),
        None => Err((
            format!("there is no built-in plugin `{name}`"),
            match check_spelling(name, fitting) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => offered,
            },
        )),
    }
}

pub(crate) fn resolve_allow(file: AllowFile) -> Allow {
    let text = |list: Option<Vec<super::unit::PlainText>>| {
        list.into_iter().flatten().map(|t| t.0).collect()
    };
    let path = |list: Option<Vec<super::unit::InsidePathText>>| {
        list.into_iter().flatten().map(|t| t.0).collect()
    };
    let name = |list: Option<Vec<super::unit::VariableText>>| {
        list.into_iter().flatten().map(|t| t.0).collect()
    };
    Allow {
        run: text(file.run),
        net: text(file.net),
        read: path(file.read),
        write: path(file.write),
        env: name(file.env),
        secrets: name(file.secrets),
        socket: text(file.socket),
    }
}

/// The texts were checked by their formats.
pub(crate) fn resolve_plugin_limits(file: &PluginLimitsFile) -> PluginLimits {
    let time_of = |text: &Option<DurationText>| Some(parse_duration(&text.as_ref()?.0).ok()?.0);
    let size_of = |text: &Option<SizeText>| parse_size(&text.as_ref()?.0).ok();
    let count_of = |text: &Option<CountText>| parse_count(&text.as_ref()?.0).ok();
    // By name, so that a key that is forgotten here does not compile.
    let PluginLimitsFile {
        cpu,
        time,
        memory,
        memories,
        tables,
        table_elements,
        instances,
        handles,
        exchange,
        answer,
        log,
        log_lines,
        file,
        http_requests,
        http,
        http_headers,
        http_timeout,
        random,
        component,
        compile,
    } = file;
    let all = [
        (LimitKey::Cpu, time_of(cpu)),
        (LimitKey::Time, time_of(time)),
        (LimitKey::Memory, size_of(memory)),
        (LimitKey::Memories, count_of(memories)),
        (LimitKey::Tables, count_of(tables)),
        (LimitKey::TableElements, count_of(table_elements)),
        (LimitKey::Instances, count_of(instances)),
        (LimitKey::Handles, count_of(handles)),
        (LimitKey::Exchange, size_of(exchange)),
        (LimitKey::Answer, size_of(answer)),
        (LimitKey::Log, size_of(log)),
        (LimitKey::LogLines, count_of(log_lines)),
        (LimitKey::File, size_of(file)),
        (LimitKey::HttpRequests, count_of(http_requests)),
        (LimitKey::Http, size_of(http)),
        (LimitKey::HttpHeaders, size_of(http_headers)),
        (LimitKey::HttpTimeout, time_of(http_timeout)),
        (LimitKey::Random, size_of(random)),
        (LimitKey::Component, size_of(component)),
        (LimitKey::Compile, time_of(compile)),
    ];
    let set = all
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    PluginLimits(set.collect())
}

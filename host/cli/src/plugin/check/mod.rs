//! `baepo plugin check`: whether a plugin keeps to what its hook promises, on
//! this machine and before anybody relies on it. Rollouts are simulated, and
//! nothing outside is touched that `--allow` does not grant.

mod monitor;
mod others;
mod strategy;
mod target;

use std::fmt::Display;
use std::time::Instant;

use baepo_core::digest::Digest;
use baepo_core::hook::HookError;
use baepo_core::release::{Release, Revision};
use baepo_core::time::Time;
use baepo_runtime::plugin::{CallContext, CallError, Hook, Plugin, inspect};
use serde_json::Value;

use super::about;
use super::run::Bounds;
use crate::exit::Exit;
use crate::render::size;
use crate::render::terminal::Paint;
use crate::show::PluginFailure;

/// Check what a plugin promises.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The path of a component, or `builtin:NAME`
    #[arg(default_value = "plugin.wasm")]
    plugin: String,
    /// Only this hook, where it has several
    #[arg(long)]
    hook: Option<String>,
    /// Its `with:` block as JSON
    #[arg(long = "with", default_value = "{}", value_name = "JSON")]
    config: String,
    /// What it may do meanwhile, as the `allow:` of the configuration in JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    allow: String,
    /// What it may use, as the `limits:` of the configuration in JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    limits: String,
    /// How many rollouts a strategy is tried with
    #[arg(long, default_value_t = 2_000, value_name = "NUMBER")]
    rollouts: u32,
}

/// What one check came to.
struct Line {
    mark: Mark,
    /// What was checked, in one word.
    what: &'static str,
    text: String,
    /// What to do; empty where there is nothing.
    help: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    /// Good to know.
    Note,
    Bad,
}

impl Line {
    fn good(what: &'static str, text: impl Into<String>) -> Line {
        Line::new(Mark::Good, what, text, "")
    }

    fn note(what: &'static str, text: impl Into<String>, help: impl Display) -> Line {
        Line::new(Mark::Note, what, text, help)
    }

    fn bad(what: &'static str, text: impl Into<String>, help: impl Display) -> Line {
        Line::new(Mark::Bad, what, text, help)
    }

    fn new(mark: Mark, what: &'static str, text: impl Into<String>, help: impl Display) -> Line {
        Line {
            mark,
            what,
            text: text.into(),
            help: help.to_string(),
        }
    }

    /// `✓ rollouts   2,000 simulated, …`, and the help under it.
    fn show(&self, paint: Paint) -> String {
        let mark = match self.mark {
            Mark::Good => paint.good("✓"),
            Mark::Note => paint.busy("●"),
            Mark::Bad => paint.bad("✗"),
        };
        let mut text = format!("{mark} {:<14} {}", self.what, self.text);
        if !self.help.is_empty() {
            text.push_str(&format!("\n{:17}help: {}", "", self.help));
        }
        text
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let wanted = match args
        .hook
        .as_deref()
        .map(|name| (name, about::parse_hook(name)))
    {
        Some((name, None)) => {
            super::complain(&format!("`{name}` is no hook"), &about::hooks(name));
            return Ok(Exit::Usage);
        }
        Some((_, hook)) => hook,
        None => None,
    };
    let config = match serde_json::from_str::<Value>(&args.config) {
        Ok(config @ Value::Object(_)) => config.to_string(),
        Ok(_) | Err(_) => {
            let help = "such as --with '{\"url\": \"https://metrics.acme.dev\"}'";
            super::complain("--with is not a JSON object", help);
            return Ok(Exit::Usage);
        }
    };
    let bounds = match Bounds::given(&args.allow, &args.limits) {
        Ok(bounds) => bounds,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let bytes = match super::inspect::bytes(&args.plugin).await? {
        Ok(bytes) => bytes,
        Err(exit) => return Ok(exit),
    };
    let seen = match inspect(&bytes, super::MAX_COMPONENT_BYTES) {
        Ok(seen) => seen,
        Err(error) => return Ok(super::refuse_component(&args.plugin, &error)),
    };
    let root = crate::root()?;
    let began = Instant::now();
    let any = wanted.or(seen.hooks.first().copied());
    let loaded = super::run::load(&root, &args.plugin, any.unwrap_or(Hook::Strategy), bounds);
    let plugin = match loaded.await? {
        Ok(plugin) => plugin,
        Err(error) => {
            let failure = PluginFailure::of_load(&args.plugin, &error);
            crate::complain(&failure.to_string());
            return Ok(Exit::Failed);
        }
    };
    let took = began.elapsed();
    let hooks: Vec<&str> = seen.hooks.iter().map(Hook::name).collect();
    let mut lines = vec![
        Line::good(
            "component",
            format!(
                "{} {}, ready in {} ms",
                args.plugin,
                size(seen.size_bytes as u64),
                took.as_millis()
            ),
        ),
        Line::good("world", format!("baepo:hooks, {}", hooks.join(", "))),
    ];
    // A strategy gets nothing, whatever it says.
    if seen.hooks.iter().any(|hook| *hook != Hook::Strategy) {
        lines.push(wishes(&plugin));
    }
    let hooks = seen.hooks.iter().copied();
    for hook in hooks.filter(|hook| wanted.is_none_or(|wanted| wanted == *hook)) {
        match hook {
            Hook::Strategy => {
                lines.push(purity(&seen.imports));
                lines.extend(strategy::check(&plugin, &config, args.rollouts).await);
            }
            Hook::Monitor => lines.extend(monitor::check(&plugin, &config, &seen.imports).await),
            Hook::Build | Hook::Test | Hook::Target | Hook::Feedback => {
                lines.extend(others::check(&plugin, hook, &config).await);
            }
        }
    }
    let paint = Paint(crate::config::is_stdout_coloured());
    for line in &lines {
        crate::print(&line.show(paint));
    }
    let is_bad = lines.iter().any(|line| line.mark == Mark::Bad);
    Ok(if is_bad { Exit::Failed } else { Exit::Success })
}

fn wishes(plugin: &Plugin) -> Line {
    match plugin.wishes() {
        Some(wishes) if wishes.list().is_empty() => Line::good("wishes", "it wants nothing"),
        Some(wishes) => {
            let keys = wishes.list().iter().map(|wish| wish.capability.to_string());
            let mut keys: Vec<String> = keys.collect();
            keys.dedup();
            Line::good("wishes", keys.join(", "))
        }
        None => Line::note(
            "wishes",
            "it states none, and so it gets whatever `allow:` says",
            "write `wishes:` in baepo-plugin.yml, so that reviewers see when a version wants more",
        ),
    }
}

/// Imports beside the log and types.
fn further(imports: &[String]) -> Vec<&str> {
    let is_plain = |name: &&str| {
        let name = name.split('@').next().unwrap_or(name);
        PLAIN.contains(&name)
    };
    let imports = imports.iter().map(String::as_str);
    imports.filter(|name| !is_plain(name)).collect()
}

/// What nobody has to grant, and what tells nothing: the log and its types, and
/// what prints and exits by way of WASI, as beneath a module that `pack` wraps.
const PLAIN: [&str; 7] = [
    "baepo:hooks/log",
    "baepo:hooks/types",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdout",
    "wasi:io/error",
    "wasi:io/streams",
];

fn purity(imports: &[String]) -> Line {
    match further(imports).as_slice() {
        [] => Line::good("pure", "imports the log at most"),
        // What it uses of hooks are types, and what it would call is denied.
        further => Line::note(
            "pure",
            format!(
                "imports {}, of which a strategy gets nothing",
                further.join(", ")
            ),
            "a strategy sees its view and nothing else; leave out what it cannot use",
        ),
    }
}

/// What a plugin says of configurations: of the one that it is checked with, and
/// of a key that nobody knows. The second line is absent where the first is bad.
fn configuration(
    what: &'static str,
    ours: Option<CallError>,
    nonsense: Option<CallError>,
) -> (Line, bool) {
    match (ours, nonsense) {
        (Some(CallError::Plugin(HookError::InvalidConfig(problems))), _) => {
            let error = HookError::InvalidConfig(problems).to_string();
            let help = "say the one that it needs: --with '{…}'";
            (Line::bad(what, error, help), false)
        }
        (Some(error), _) if !matches!(error, CallError::Plugin(_)) => {
            (Line::bad(what, error.to_string(), error.help()), false)
        }
        (_, Some(CallError::Plugin(HookError::InvalidConfig(_)))) => (
            Line::good(
                what,
                "an unknown key is refused as a mistake of the configuration",
            ),
            true,
        ),
        (_, Some(error)) if !matches!(error, CallError::Plugin(_)) => (
            Line::bad(
                what,
                format!("with an unknown key: {error}"),
                "answer `invalid-config`, so that the user sees where the mistake is",
            ),
            true,
        ),
        (_, Some(_) | None) => (
            Line::note(
                what,
                "an unknown key is taken without a word",
                "answer `invalid-config` for keys that you do not know: a typing mistake would go unnoticed",
            ),
            true,
        ),
    }
}

/// The configuration with a key that no plugin can know.
fn with_unknown_key(config: &str) -> String {
    let mut config: Value = serde_json::from_str(config).unwrap_or_default();
    if let Some(keys) = config.as_object_mut() {
        keys.insert("no-plugin-knows-this-key".into(), true.into());
    }
    config.to_string()
}

/// What surrounds a call: what is granted leads to the outside as it is.
fn context() -> CallContext {
    CallContext {
        outside: crate::outside::outside(),
        ..CallContext::bare()
    }
}

/// A release that is made up.
fn release(byte: u8) -> Release {
    Release {
        digest: Digest::from_bytes([byte; 32]),
        revision: revision(),
        artifacts: Vec::new(),
    }
}

fn revision() -> Revision {
    Revision {
        commit: "c0ffee0000000000000000000000000000000000".into(),
        ref_name: "refs/heads/main".into(),
        summary: "A revision that is made up".into(),
        committed_at: Time(1_700_000_000_000),
    }
}

//! `baepo plugin run HOOK`: call one hook once, as the host would.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::hook::HookError;
use baepo_core::lease::Token;
use baepo_core::release::Revision;
use baepo_core::rollout::decode_memory;
use baepo_runtime::capability::advice;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::policy::Policy;
use baepo_runtime::capability::store::FileStore;
use baepo_runtime::plugin::{
    CallContext, CallError, CallLimits, CallOutcome, Hook, HostOptions, LimitSet, LoadError,
    Origin, Plugin, PluginHost, PluginSource, TargetAnswer, TargetCall, TargetRefusal,
    read_component,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{given, policy};
use crate::config::Findings;
use crate::plugins::BUILTINS;
use crate::show::PluginFailure;
use crate::{Exit, complain, print, sandbox};

/// Call one hook of a plugin and print its answer as JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// build, test, strategy, monitor, target or feedback
    hook: String,
    /// `builtin:NAME`, or the path of a component
    #[arg(long, short)]
    plugin: String,
    /// What the hook is asked, as JSON: a file, or `-` for standard input
    #[arg(long, short, default_value = "-")]
    input: PathBuf,
    /// What it may do, as the `allow:` of the configuration in JSON
    #[arg(long, default_value = "{}")]
    allow: String,
    /// What it may use, as the `limits:` of the configuration in JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    limits: String,
    /// Where the document of a target is kept from call to call
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

/// What a build or test plugin is asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct StageInput {
    config: Value,
    revision: Revision,
    #[serde(default)]
    endpoints: Vec<String>,
}

/// What a target plugin is asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TargetInput {
    config: Value,
    call: TargetQuestion,
}

/// The functions that can be tried by hand. `stage`, `upload` and `save-state`
/// belong together and are the host's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum TargetQuestion {
    Describe,
    Observe,
    LoadState,
    Telemetry {
        digest: Digest,
    },
    Logs {
        digest: Digest,
        #[serde(default = "some_lines")]
        lines: u32,
    },
    Scale {
        token: u64,
        digest: Digest,
        instances: u32,
    },
    Route {
        token: u64,
        route: Route,
    },
    Discard {
        token: u64,
        digest: Digest,
    },
}

fn some_lines() -> u32 {
    100
}

impl TargetQuestion {
    fn call(&self) -> TargetCall<'_> {
        match self {
            TargetQuestion::Describe => TargetCall::Describe,
            TargetQuestion::Observe => TargetCall::Observe,
            TargetQuestion::LoadState => TargetCall::LoadState,
            TargetQuestion::Telemetry { digest } => TargetCall::Telemetry(*digest),
            TargetQuestion::Logs { digest, lines } => TargetCall::Logs(*digest, *lines),
            TargetQuestion::Scale {
                token,
                digest,
                instances,
            } => TargetCall::Scale(Token(*token), *digest, *instances),
            TargetQuestion::Route { token, route } => TargetCall::Route(Token(*token), route),
            TargetQuestion::Discard { token, digest } => {
                TargetCall::Discard(Token(*token), *digest)
            }
        }
    }
}

/// A target that does not do what is asked has answered.
fn refusal_as_answer(
    outcome: CallOutcome<Result<TargetAnswer, TargetRefusal>>,
) -> CallOutcome<Value> {
    CallOutcome {
        result: outcome.result.map(|answer| match answer {
            Ok(answer) => json!(answer),
            Err(refusal) => json!({ "refused": refusal.to_string() }),
        }),
        usage: outcome.usage,
        denials: outcome.denials,
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.name() == args.hook) else {
        bail!(
            "`{}` is no hook; {}",
            args.hook,
            super::about::hooks(&args.hook)
        );
    };
    let shown = match args.input.to_str() {
        Some("-") => "standard input".to_owned(),
        Some(_) | None => args.input.display().to_string(),
    };
    let input = as_the_hook_is_asked(&read_input(&args.input)?, hook)
        .with_context(|| format!("{shown} is not JSON"))?;
    let bounds = match Bounds::given(&args.allow, &args.limits) {
        Ok(bounds) => bounds,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let root = crate::root()?;
    let plugin = match load(&root, &args.plugin, hook, bounds).await? {
        Ok(plugin) => plugin,
        Err(error) => {
            complain(&PluginFailure::of_load(&args.plugin, &error).to_string());
            return Ok(Exit::Usage);
        }
    };
    let context = CallContext {
        checkout: Some(root.into()),
        log: crate::targets::to_stderr(),
        outside: crate::outside::outside(),
        store: args.store.map(|path| Arc::new(FileStore::new(path)) as _),
        ..CallContext::bare()
    };
    let wrong = |why| anyhow::anyhow!("{shown} does not fit the hook {hook}: {why}");
    match hook {
        Hook::Strategy => {
            let view = given::question(&input).map_err(wrong)?;
            show(&plugin, plugin.decide(&context, &view).await)
        }
        Hook::Monitor => {
            let request = given::question(&input).map_err(wrong)?;
            let name = plugin.name().to_owned();
            show(&plugin, plugin.observe(&context, &request, &name).await)
        }
        Hook::Build => {
            let input: StageInput = given::question(&input).map_err(wrong)?;
            let config = input.config.to_string();
            show(
                &plugin,
                plugin.build(&context, &config, &input.revision).await,
            )
        }
        Hook::Test => {
            let input: StageInput = given::question(&input).map_err(wrong)?;
            let config = input.config.to_string();
            let outcome = plugin.test(&context, &config, &input.revision, &input.endpoints);
            show(&plugin, outcome.await)
        }
        Hook::Target => {
            let input: TargetInput = given::question(&input).map_err(wrong)?;
            let config = input.config.to_string();
            let outcome = plugin.target(&context, &config, input.call.call()).await;
            show(&plugin, refusal_as_answer(outcome))
        }
        Hook::Feedback => {
            let request = given::question(&input).map_err(wrong)?;
            show(&plugin, plugin.respond(&context, &request).await)
        }
    }
}

/// The question, with what people write more easily: `config` as it stands under
/// `with:`, and `memory` as the last answer showed it.
fn as_the_hook_is_asked(input: &str, hook: Hook) -> serde_json::Result<String> {
    let mut asked: Value = serde_json::from_str(input)?;
    let is_text = matches!(hook, Hook::Strategy | Hook::Monitor | Hook::Feedback);
    if let Some(config @ Value::Object(_)) = asked.get_mut("config").filter(|_| is_text) {
        *config = Value::from(config.to_string());
    }
    if let Some(memory) = asked.get_mut("memory") {
        let bytes = memory.as_str().and_then(decode_memory);
        if let Some(bytes) = bytes {
            *memory = Value::from(bytes);
        }
    }
    Ok(asked.to_string())
}

fn read_input(path: &Path) -> anyhow::Result<String> {
    let read = match path.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        Some(_) | None => std::fs::read_to_string(path),
    };
    read.with_context(|| format!("{} cannot be read", path.display()))
}

/// What bounds a plugin that is called by hand.
pub(super) struct Bounds {
    grants: Grants,
    limits: LimitSet,
    policy: Policy,
}

impl Bounds {
    /// What `--allow` and `--limits` say, within the policy of the organisation.
    ///
    /// # Errors
    /// All that is wrong with the first of them that is not right.
    pub(super) fn given(allow: &str, limits: &str) -> Result<Bounds, Findings> {
        Ok(Bounds {
            grants: given::allow(allow)?,
            limits: given::limits(limits)?,
            policy: policy::of_environment()?,
        })
    }
}

pub(super) async fn load(
    root: &Path,
    reference: &str,
    hook: Hook,
    bounds: Bounds,
) -> anyhow::Result<Result<Plugin, LoadError>> {
    let Bounds {
        grants,
        limits,
        policy,
    } = bounds;
    let limits = CallLimits::of(hook).clone().with(&limits);
    let limits = limits.within(&policy.limits);
    let limit = limits.component_bytes;
    let (name, bytes) = match reference.strip_prefix("builtin:") {
        Some(name) => match BUILTINS.iter().find(|(known, _)| *known == name) {
            Some((name, bytes)) => ((*name).to_owned(), Cow::Borrowed(*bytes)),
            None => bail!("there is no built-in plugin `{name}`"),
        },
        None => {
            let path = Path::new(reference);
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into();
            match read_component(path, limit) {
                Ok(bytes) => (name, Cow::Owned(bytes)),
                Err(error) => return Ok(Err(error)),
            }
        }
    };
    let host = PluginHost::new(HostOptions {
        policy: Some(Arc::new(policy)),
        ..sandbox::options(root)
    })?;
    if let Some(why) = host.cache_trouble() {
        complain(&format!("warning: compiled plugins are not kept: {why}"));
    }
    let source = PluginSource {
        name: &name,
        bytes: &bytes,
        digest: Digest::from_bytes(Sha256::digest(&bytes).into()),
        grants,
        limits: Some(limits),
    };
    let loaded = sandbox::patiently(&name, host.load(source)).await;
    Ok(loaded.and_then(|plugin| plugin.require(hook).map(|()| plugin)))
}

fn show<T: serde::Serialize>(plugin: &Plugin, outcome: CallOutcome<T>) -> anyhow::Result<Exit> {
    let code = match plugin.origin() {
        Origin::Carried => "carried",
        Origin::Cached => "cached",
        Origin::Compiled => "compiled",
    };
    let usage = outcome.usage;
    let (answer, error, exit) = match outcome.result {
        Ok(answer) => (serde_json::to_value(answer)?, Value::Null, Exit::Success),
        Err(error) => {
            let exit = match &error {
                CallError::Plugin(HookError::InvalidConfig(_)) => Exit::Usage,
                CallError::HostBug { .. } => Exit::Bug,
                _ => Exit::Failed,
            };
            // Who is in the way of a denied call is known: its own help says more.
            let is_denied = matches!(&error, CallError::Plugin(HookError::Denied(_)));
            let denied = advice(&outcome.denials, plugin.permit());
            let help = match is_denied && !denied.is_empty() {
                true => denied.trim_start_matches("; "),
                false => error.help(),
            };
            let told = json!({
                "class": error.class(), "message": error.to_string(), "help": help,
            });
            (Value::Null, told, exit)
        }
    };
    let shown = json!({
        "answer": answer,
        "error": error,
        "denied": outcome.denials,
        "usage": {
            "cpu-us": usage.cpu.as_micros() as u64,
            "wall-us": usage.wall.as_micros() as u64,
            "peak-memory-bytes": usage.peak_memory_bytes,
            "dropped-log-lines": usage.dropped_log_lines,
        },
        "code": code,
    });
    let mut text = String::new();
    write_pretty(&shown, 0, &mut text);
    print(&text);
    Ok(exit)
}

/// As JSON is usually laid out, but with numbers that follow each other on one
/// line: memory is thousands of bytes.
fn write_pretty(value: &Value, depth: usize, into: &mut String) {
    let (open, close, items): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let key = |key: &String| format!("{}: ", Value::from(key.as_str()));
            let items = fields.iter().map(|(name, value)| (key(name), value));
            ('{', '}', items.collect())
        }
        Value::Array(items) if items.iter().any(|item| !item.is_number()) => {
            let items = items.iter().map(|item| (String::new(), item));
            ('[', ']', items.collect())
        }
        value => return into.push_str(&value.to_string()),
    };
    into.push(open);
    for (at, (key, item)) in items.into_iter().enumerate() {
        into.push_str(if at == 0 { "\n" } else { ",\n" });
        into.push_str(&"  ".repeat(depth + 1));
        into.push_str(&key);
        write_pretty(item, depth + 1, into);
    }
    into.push('\n');
    into.push_str(&"  ".repeat(depth));
    into.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_can_be_asked_with_again() {
        let asked = |input: &str| as_the_hook_is_asked(input, Hook::Monitor).unwrap();
        assert_eq!(
            asked(r#"{"config": {"a": 1}, "memory": "hex:00ff"}"#),
            r#"{"config":"{\"a\":1}","memory":[0,255]}"#
        );
        assert_eq!(
            asked(r#"{"config": "{}", "memory": "ab"}"#),
            r#"{"config":"{}","memory":[97,98]}"#
        );
        assert_eq!(
            asked(r#"{"memory": [1], "now": 2}"#),
            r#"{"memory":[1],"now":2}"#
        );
    }

    #[test]
    fn bytes_stand_on_one_line_and_all_else_as_usual() {
        let value =
            json!({ "memory": [1, 2, 3], "empty": [], "none": {}, "list": [{ "a": "\"" }] });
        let mut text = String::new();
        write_pretty(&value, 0, &mut text);
        expect_test::expect![[r#"
            {
              "memory": [1,2,3],
              "empty": [],
              "none": {},
              "list": [
                {
                  "a": "\""
                }
              ]
            }"#]]
        .assert_eq(&text);
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, value);
    }
}

//! The guests of `tests/guests`, wrapped as components, and what calls them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use baepo_core::digest::Digest;
use baepo_core::hook::HookError;
use baepo_core::release::Revision;
use baepo_core::rollout::{Limits, OnNoEvidence, RoleFleets, View};
use baepo_core::time::{Millis, Time};
use baepo_core::weight::BasisPoints;
use baepo_runtime::capability::Outside;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::log::LogRecord;
use baepo_runtime::capability::secrets::{SecretValue, SecretVault};
use baepo_runtime::plugin::{
    CallContext, CallError, CallLimits, CallOutcome, HostOptions, LoadError, Plugin, PluginHost,
    PluginSource,
};
use sha2::{Digest as _, Sha256};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// A constant for each guest. One that no test names does not compile.
pub(crate) mod names {
    #![deny(dead_code)]
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Behind each guest: a memory, and an allocator that never frees.
const BEHIND: &str = r#"
(memory (export "memory") 1)
(global $top (mut i32) (i32.const 1024))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
  (global.set $top (i32.add (local.get $at) (local.get 3)))
  (if (i32.gt_u (global.get $top) (i32.const 50000)) (then (unreachable)))
  (local.get $at))
"#;

/// Worlds beside those of `wit/`.
const WORLDS: &str = r"
package baepo:guests;
world exiting-plugin {
    import wasi:cli/exit@0.2.3;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world guessing-plugin {
    import wasi:random/random@0.2.3;
    import wasi:clocks/monotonic-clock@0.2.3;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world random-plugin {
    import wasi:random/random@0.2.3;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world waiting-plugin {
    import wasi:clocks/monotonic-clock@0.2.3;
    import wasi:io/poll@0.2.3;
    include baepo:hooks/build-plugin@0.1.0;
}
world leaking-plugin {
    import wasi:cli/stdout@0.2.3;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world making-plugin {
    export acme:tools/things@1.0.0;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world socket-plugin {
    import wasi:sockets/instance-network@0.2.3;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world acme-plugin {
    import acme:tools/magic@1.0.0;
    include baepo:hooks/strategy-plugin@0.1.0;
}
world hookless-plugin {
    export acme:tools/magic@1.0.0;
}
world keeping-plugin {
    import baepo:hooks/store@0.1.0;
    include baepo:hooks/build-plugin@0.1.0;
}
world peeking-plugin {
    include baepo:hooks/build-plugin@0.1.0;
    include baepo:hooks/strategy-plugin@0.1.0;
}
package acme:tools@1.0.0 {
    interface magic { wave: func(); }
    interface things { resource thing {} }
}
package wasi:io@0.2.3 {
    interface poll { resource pollable { block: func(); } }
    interface streams { resource output-stream {} }
}
package wasi:cli@0.2.3 {
    interface exit { exit: func(status: result); }
    interface stdout {
        use wasi:io/streams@0.2.3.{output-stream};
        get-stdout: func() -> output-stream;
    }
}
package wasi:random@0.2.3 {
    interface random {
        get-random-u64: func() -> u64;
        get-random-bytes: func(len: u64) -> list<u8>;
    }
}
package wasi:clocks@0.2.3 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
}
package wasi:sockets@0.2.3 {
    interface instance-network {
        resource network;
        instance-network: func() -> network;
    }
}
";

/// The world of the guest that asks by way of WASI.
const ASKING: &str = include_str!("../../guests/wasi-http.wit");

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a guest.
pub(crate) fn text(name: &str) -> Result<String> {
    let path = root().join(format!("tests/guests/{name}.wat"));
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// A guest as a core module, without a component around it.
pub(crate) fn core_module(name: &str) -> Result<Vec<u8>> {
    let body = text(name)?;
    wat::parse_str(format!("(module\n{body}\n{BEHIND})")).with_context(|| name.to_string())
}

/// A guest as a component of the world in its first line.
pub(crate) fn component(name: &str) -> Result<Vec<u8>> {
    component_for(name, "0.1.0")
}

/// The same, for a plugin interface of another version.
pub(crate) fn component_for(name: &str, version: &str) -> Result<Vec<u8>> {
    component_of(&text(name)?, version).with_context(|| name.to_string())
}

/// The text of a guest as a component.
pub(crate) fn component_of(text: &str, version: &str) -> Result<Vec<u8>> {
    let body = text.replace("@0.1.0", &format!("@{version}"));
    let world = body
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(";; "))
        .context("the first line names the world")?;
    let mut module = wat::parse_str(format!("(module\n{body}\n{BEHIND})"))?;
    let mut resolve = Resolve::new();
    let hooks = resolve.push_str("hooks.wit", &hooks_wit(version)?)?;
    // The guest that asks by way of WASI brings types of WASI of its own.
    let worlds = match world {
        "wasi-http-plugin" => resolve.push_str("asking.wit", ASKING)?,
        _ => resolve.push_str("guests.wit", &worlds_for(version))?,
    };
    let of = |package| resolve.select_world(&[package], Some(world));
    let world = of(hooks).or_else(|_| of(worlds))?;
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        StringEncoding::UTF8,
        false,
    )?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .encode()
}

/// The worlds beside those of `wit/`, for a plugin interface of this version.
fn worlds_for(version: &str) -> String {
    let lines = WORLDS
        .lines()
        .map(|line| match line.contains("baepo:hooks/") {
            true => line.replace("@0.1.0", &format!("@{version}")),
            false => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// All of `wit/` as one text.
fn hooks_wit(version: &str) -> Result<String> {
    let mut texts = Vec::new();
    let mut head = String::new();
    for entry in std::fs::read_dir(root().join("wit"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        match text.find("package baepo:hooks@0.1.0;") {
            Some(at) => head = text[at..].replace("@0.1.0;", &format!("@{version};")),
            None => texts.push(text),
        }
    }
    Ok(format!("{head}\n{}", texts.join("\n")))
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

pub(crate) fn host() -> Result<PluginHost> {
    Ok(PluginHost::new(HostOptions::default())?)
}

pub(crate) async fn load_bytes(
    host: &PluginHost,
    bytes: &[u8],
    grants: Grants,
    limits: Option<CallLimits>,
) -> Result<Plugin, LoadError> {
    host.load(PluginSource {
        name: "guest",
        bytes,
        digest: digest(bytes),
        grants,
        limits,
    })
    .await
}

/// A component as it comes with baepo.
pub(crate) async fn builtin(name: &str, allow: &str) -> Plugin {
    let path = root().join(format!("plugins/dist/{name}.wasm"));
    let bytes = std::fs::read(path).unwrap();
    let (host, grants) = (host().unwrap(), grants(allow).unwrap());
    load_bytes(&host, &bytes, grants, None).await.unwrap()
}

/// A guest without grants and with the default limits.
pub(crate) async fn load(host: &PluginHost, name: &str) -> Result<Plugin> {
    load_with(host, name, Grants::default(), None).await
}

pub(crate) async fn load_with(
    host: &PluginHost,
    name: &str,
    grants: Grants,
    limits: Option<CallLimits>,
) -> Result<Plugin> {
    let bytes = component(name)?;
    Ok(load_bytes(host, &bytes, grants, limits).await?)
}

pub(crate) fn grants(json: &str) -> Result<Grants> {
    Ok(serde_json::from_str(json)?)
}

/// A first decision for three instances.
pub(crate) fn view() -> View {
    View {
        config: "{}".into(),
        instances: 3,
        limits: Limits {
            max_surge: 3,
            max_unavailable: 0,
            max_exposure_unjudged: BasisPoints::FULL,
            max_exposure_unwatched: BasisPoints::FULL,
            allow_downtime: false,
            weight_granularity: BasisPoints::saturating(1),
        },
        on_no_evidence: OnNoEvidence::Hold,
        memory: Vec::new(),
        fleet: RoleFleets::default(),
        weight: BasisPoints::ZERO,
        elapsed: Millis(1234),
        decisions: 0,
        last: None,
        judgement: None,
        promote_full: false,
    }
}

pub(crate) fn revision() -> Revision {
    Revision {
        commit: "0123456789abcdef0123456789abcdef01234567".into(),
        ref_name: "refs/heads/main".into(),
        summary: "Change something".into(),
        committed_at: Time(1_795_443_306_000),
    }
}

/// A context whose log can be read.
pub(crate) fn logged() -> (CallContext, Arc<Mutex<Vec<LogRecord>>>) {
    let lines: Arc<Mutex<Vec<LogRecord>>> = Arc::default();
    let sink = Arc::clone(&lines);
    let context = CallContext {
        log: Arc::new(move |record| {
            if let Ok(mut lines) = sink.lock() {
                lines.push(record);
            }
        }),
        ..CallContext::bare()
    };
    (context, lines)
}

/// The same in a checkout.
pub(crate) fn logged_in(checkout: &Path) -> (CallContext, Arc<Mutex<Vec<LogRecord>>>) {
    let (mut context, lines) = logged();
    context.checkout = Some(checkout.into());
    (context, lines)
}

/// A context with something behind granted capabilities.
pub(crate) fn with_outside(mut context: CallContext, outside: Outside) -> CallContext {
    context.outside = Arc::new(outside);
    context
}

/// A vault with the secret `TOKEN`.
pub(crate) fn vault(token: &str) -> SecretVault {
    let value = SecretValue::new(token.into());
    SecretVault::new([("TOKEN".to_owned(), value)].into(), |_| true)
}

/// What a guest that always fails says; the kind of failure before it.
pub(crate) fn said<T>(outcome: &CallOutcome<T>) -> String {
    match &outcome.result {
        Ok(_) => "ok".into(),
        Err(CallError::Plugin(HookError::Failed(text))) => format!("failed: {text}"),
        Err(CallError::Plugin(HookError::Denied(text))) => format!("denied: {text}"),
        Err(error) => format!("{error:?}"),
    }
}

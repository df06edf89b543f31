//! From bytes to a plugin: everything that is checked before any of it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use super::Hook;
use super::bindings::exports::baepo::hooks;
use super::classify::plain_text;
use super::error::LoadError;
use super::host::{Inner, PluginHost};
use super::limits::CallLimits;
use super::prepare::Origin;
use super::state::CallState;
use super::wasi;
use super::wishes::Wishes;
use crate::capability::grants::Grants;
use crate::capability::permit::Permit;

/// What to load.
#[derive(Debug, Clone)]
pub struct PluginSource<'a> {
    /// Its name in the user's file; shown in the log.
    pub name: &'a str,
    /// The component.
    pub bytes: &'a [u8],
    /// The digest that the bytes must have.
    pub digest: Digest,
    /// What the user's file allows it. Its own wishes and the policy of the host
    /// bound that.
    pub grants: Grants,
    /// What each call may use; absent for the defaults of each hook.
    pub limits: Option<CallLimits>,
}

/// A component that was checked and compiled. Cloning it is cheap.
#[derive(Clone)]
pub struct Plugin {
    pub(super) inner: Arc<Loaded>,
}

pub(super) struct Loaded {
    pub(super) host: Arc<Inner>,
    pub(super) name: Arc<str>,
    pub(super) digest: Digest,
    origin: Origin,
    pub(super) permit: Arc<Permit>,
    wishes: Option<Wishes>,
    /// Of hooks that may take long, and of the others.
    limits: [Arc<CallLimits>; 2],
    pub(super) instance: InstancePre<CallState>,
    pub(super) uses_wasi: bool,
    /// Whether nothing that it imports can wait.
    pub(super) never_waits: bool,
    hooks: BTreeSet<Hook>,
    pub(super) exports: Exports,
}

/// Where each hook is in the component; looked up once.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) build: Option<hooks::build::GuestIndices>,
    pub(super) test: Option<hooks::test::GuestIndices>,
    pub(super) strategy: Option<hooks::strategy::GuestIndices>,
    /// `decide` itself, for calls without waiting.
    pub(super) decide: Option<ComponentExportIndex>,
    pub(super) monitor: Option<hooks::monitor::GuestIndices>,
    pub(super) target: Option<hooks::target::GuestIndices>,
    pub(super) feedback: Option<hooks::feedback::GuestIndices>,
}

impl Plugin {
    /// Its name in the user's file.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The digest of its component.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// Where its native code comes from.
    pub fn origin(&self) -> Origin {
        self.inner.origin
    }

    /// What it can do.
    pub fn hooks(&self) -> &BTreeSet<Hook> {
        &self.inner.hooks
    }

    /// What it may do.
    pub fn permit(&self) -> &Permit {
        &self.inner.permit
    }

    /// What it says that it wants; absent where it says nothing.
    pub fn wishes(&self) -> Option<&Wishes> {
        self.inner.wishes.as_ref()
    }

    /// What one call of this hook may use.
    pub fn limits(&self, hook: Hook) -> &CallLimits {
        self.shared_limits(hook)
    }

    /// Check that it has a hook, for a place in the user's file that needs it.
    ///
    /// # Errors
    /// [`LoadError::WrongHook`], which says what it has instead.
    pub fn require(&self, wanted: Hook) -> Result<(), LoadError> {
        if self.inner.hooks.contains(&wanted) {
            return Ok(());
        }
        let found = self.inner.hooks.clone();
        Err(LoadError::WrongHook { wanted, found })
    }

    pub(super) fn shared_limits(&self, hook: Hook) -> &Arc<CallLimits> {
        let [long, brief] = &self.inner.limits;
        match hook {
            Hook::Build | Hook::Test => long,
            Hook::Strategy | Hook::Monitor | Hook::Target | Hook::Feedback => brief,
        }
    }
}

impl PluginHost {
    /// Check and compile a component. Size and digest are checked before it is
    /// parsed; compiling happens in a process of its own, or at least off the
    /// async threads.
    ///
    /// # Errors
    /// [`LoadError`] says why it was refused, and its `help` what to do.
    pub async fn load(&self, source: PluginSource<'_>) -> Result<Plugin, LoadError> {
        let limits = source.limits.as_ref().unwrap_or(&CallLimits::BRIEF);
        check_size(source.bytes.len() as u64, limits.component_bytes)?;
        check_digest(source.bytes, source.digest)?;
        check_header(source.bytes)?;
        let wishes = Wishes::read(source.bytes)?;
        let (component, origin) = self.prepare(&source, limits.compile).await?;
        self.link(source, wishes, &component, origin)
    }

    fn link(
        &self,
        source: PluginSource<'_>,
        wishes: Option<Wishes>,
        component: &Component,
        origin: Origin,
    ) -> Result<Plugin, LoadError> {
        let engine = &self.inner.engine;
        // Exports first: what a plugin is tells more than what it leans on.
        let hooks = find_hooks(engine, component)?;
        let imports = check_imports(engine, component)?;
        check_parts(
            component,
            source.limits.as_ref().unwrap_or(&CallLimits::BRIEF),
        )?;
        let linker = if imports.wasi {
            &self.inner.with_wasi
        } else {
            &self.inner.bare
        };
        let misfit = |error: wasmtime::Error| LoadError::Misfit {
            why: plain_text(&error),
        };
        let instance = linker.instantiate_pre(component).map_err(misfit)?;
        let exports = Exports::find(component, &instance, &hooks).map_err(misfit)?;
        let bounds = wishes.iter().map(Wishes::layer);
        let policy = self.inner.options.policy.as_ref();
        let bounds = bounds.chain(policy.map(|policy| policy.layer()));
        let permit = Permit::new(source.grants, bounds.collect());
        Ok(Plugin {
            inner: Arc::new(Loaded {
                host: Arc::clone(&self.inner),
                name: source.name.into(),
                digest: source.digest,
                origin,
                permit: Arc::new(permit),
                wishes,
                limits: [Hook::Build, Hook::Strategy].map(|hook| {
                    let limits = source.limits.as_ref();
                    Arc::new(limits.unwrap_or(CallLimits::of(hook)).clone())
                }),
                instance,
                uses_wasi: imports.wasi,
                never_waits: imports.never_wait,
                hooks,
                exports,
            }),
        })
    }
}

impl Exports {
    fn find(
        component: &Component,
        instance: &InstancePre<CallState>,
        hooks: &BTreeSet<Hook>,
    ) -> wasmtime::Result<Exports> {
        let mut exports = Exports::default();
        for hook in hooks {
            match hook {
                Hook::Build => exports.build = Some(hooks::build::GuestIndices::new(instance)?),
                Hook::Test => exports.test = Some(hooks::test::GuestIndices::new(instance)?),
                Hook::Strategy => {
                    exports.strategy = Some(hooks::strategy::GuestIndices::new(instance)?);
                    exports.decide = find_decide(component);
                }
                Hook::Monitor => {
                    exports.monitor = Some(hooks::monitor::GuestIndices::new(instance)?);
                }
                Hook::Target => exports.target = Some(hooks::target::GuestIndices::new(instance)?),
                Hook::Feedback => {
                    exports.feedback = Some(hooks::feedback::GuestIndices::new(instance)?);
                }
            }
        }
        Ok(exports)
    }
}

/// `decide`, whatever patch version its interface has.
fn find_decide(component: &Component) -> Option<ComponentExportIndex> {
    let engine = component.engine();
    let ty = component.component_type();
    let interface = ty
        .exports(engine)
        .map(|(name, _)| name)
        .find(|name| name.starts_with("baepo:hooks/strategy@"))?;
    let interface = component.get_export_index(None, interface)?;
    component.get_export_index(Some(&interface), "decide")
}

pub(super) fn check_size(size: u64, limit_bytes: usize) -> Result<(), LoadError> {
    let size_bytes = usize::try_from(size).unwrap_or(usize::MAX);
    if size_bytes > limit_bytes {
        return Err(LoadError::TooLarge {
            size_bytes,
            limit_bytes,
        });
    }
    Ok(())
}

fn check_digest(bytes: &[u8], expected: Digest) -> Result<(), LoadError> {
    let found = Digest::from_bytes(Sha256::digest(bytes).into());
    if found != expected {
        return Err(LoadError::DigestMismatch { expected, found });
    }
    Ok(())
}

/// Source: the binary formats of core WebAssembly and of the component model:
/// magic, then version and layer.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    if let Some([1, 0, layer, 0]) = bytes.strip_prefix(b"\0asm").and_then(<[u8]>::first_chunk)
        && *layer == 0
    {
        return Err(LoadError::CoreModule);
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(());
    }
    let found = match bytes {
        [] => "the file is empty",
        _ if bytes.starts_with(b"version https://git-lfs") => "it is a pointer of Git LFS",
        _ if bytes.starts_with(b"<") => "it is a web page",
        _ if bytes.starts_with(b"\x1f\x8b") => "it is compressed",
        _ if bytes.starts_with(b"(") => "it is WebAssembly as text",
        _ => "it begins with other bytes",
    };
    Err(LoadError::NotWasm { found })
}

struct Imports {
    wasi: bool,
    never_wait: bool,
}

/// The version of `wit/` that this host implements.
const SUPPORTED: &str = "0.1";

/// Interfaces of `baepo:hooks` that a component may import: capabilities, and
/// hooks of which it uses types.
const IMPORTABLE: [&str; 14] = [
    "types",
    "log",
    "process",
    "workspace",
    "http",
    "secrets",
    "socket",
    "store",
    "build",
    "test",
    "strategy",
    "monitor",
    "target",
    "feedback",
];

fn check_imports(engine: &Engine, component: &Component) -> Result<Imports, LoadError> {
    let mut imports = Imports {
        wasi: false,
        never_wait: true,
    };
    let ty = component.component_type();
    for (name, item) in ty.imports(engine) {
        let unknown = || LoadError::UnknownImport { name: name.into() };
        if let Some(interface) = name.strip_prefix("baepo:hooks/") {
            let (interface, version) = interface.split_once('@').unwrap_or((interface, ""));
            check_version(name, version)?;
            let types_only = is_types_only(engine, &item.ty);
            if !IMPORTABLE.contains(&interface) && !types_only {
                return Err(unknown());
            }
            imports.never_wait &= types_only || interface == "log";
        } else if name.starts_with("wasi:sockets/") {
            return Err(LoadError::Sockets { name: name.into() });
        } else if wasi::PACKAGES
            .iter()
            .any(|package| name.starts_with(package))
        {
            if !name.contains("@0.2.") {
                return Err(unknown());
            }
            imports.wasi = true;
            imports.never_wait = false;
        } else if !is_types_only(engine, &item.ty) {
            return Err(unknown());
        }
    }
    Ok(imports)
}

/// Whether an import asks for nothing that the host would have to do.
fn is_types_only(engine: &Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::ComponentInstance(instance) => instance
            .exports(engine)
            .all(|(_, export)| matches!(export.ty, ComponentItem::Type(_))),
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Resource(_) => false,
    }
}

/// Versions `0.1.x` fit each other; a larger minor number is newer.
fn check_version(name: &str, version: &str) -> Result<(), LoadError> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let major = numbers.next().flatten();
    let minor = numbers.next().flatten();
    match (major, minor) {
        (Some(0), Some(1)) => Ok(()),
        (major, minor) => Err(LoadError::Incompatible {
            name: name.into(),
            supported: SUPPORTED,
            is_newer: (major, minor) > (Some(0), Some(1)),
        }),
    }
}

fn find_hooks(engine: &Engine, component: &Component) -> Result<BTreeSet<Hook>, LoadError> {
    let mut hooks = BTreeSet::new();
    let mut found = Vec::new();
    let ty = component.component_type();
    for (name, _) in ty.exports(engine) {
        let interface = name.strip_prefix("baepo:hooks/").unwrap_or_default();
        let (interface, version) = interface.split_once('@').unwrap_or((interface, ""));
        match Hook::ALL.iter().find(|hook| hook.name() == interface) {
            Some(hook) => {
                check_version(name, version)?;
                hooks.insert(*hook);
            }
            None => found.push(name.to_string()),
        }
    }
    if hooks.is_empty() {
        return Err(LoadError::NoHook { found });
    }
    Ok(hooks)
}

fn check_parts(component: &Component, limits: &CallLimits) -> Result<(), LoadError> {
    // Absent where the component imports modules, which no linker of ours has.
    let Some(needed) = component.resources_required() else {
        return Ok(());
    };
    let parts = [
        ("memories", needed.num_memories, limits.memories),
        ("tables", needed.num_tables, limits.tables),
    ];
    for (what, needs, limit) in parts {
        if needs as usize > limit {
            return Err(LoadError::TooManyParts { what, needs, limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_by_its_first_bytes() {
        let found = |bytes: &[u8]| check_header(bytes).map_err(|error| error.to_string());
        assert_eq!(found(b"\0asm\x0d\0\x01\0"), Ok(()));
        let core = found(b"\0asm\x01\0\0\0").unwrap_err();
        assert!(core.contains("core WebAssembly module"), "{core}");
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"version https://git-lfs.github.com", "Git LFS"),
            (b"<!doctype html>", "web page"),
            (b"(component)", "text"),
            (b"\x7fELF", "other bytes"),
        ] {
            let text = found(bytes).unwrap_err();
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn versions_fit_within_a_minor_number() {
        assert!(check_version("x", "0.1.0").is_ok());
        assert!(check_version("x", "0.1.7").is_ok());
        for (version, newer) in [
            ("0.2.0", true),
            ("1.0.0", true),
            ("0.0.9", false),
            ("", false),
        ] {
            let refused = check_version("x", version).unwrap_err();
            assert!(
                matches!(refused, LoadError::Incompatible { is_newer, .. } if is_newer == newer),
                "{version}"
            );
        }
    }
}

//! From what a compiler makes to a plugin: a core module is wrapped into a
//! component, with nothing around it that ordinary toolchains would link.
//!
//! 1. What the module exports and imports is compared with the hook first, so
//!    that a mistake is told in words of `wit/` and not of an encoder.
//! 2. A module that does not carry its interface (as those of bindings
//!    generators do) gets that of the hook.
//! 3. Where it wants WASI 0.1, an outside in which nothing is is put beneath it
//!    ([`null_wasi`]).
//!
//! A component is taken as it is.

mod null_wasi;
mod survey;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{PackageId, Resolve, SourceMap, WorldId};

use super::Hook;
use super::error::LoadError;
use super::inspect::{Inspection, inspect};
use super::wishes::{Wishes, WishesError, with_wishes};
use survey::Survey;

/// The package that hooks are of.
const PACKAGE: &str = "baepo:hooks";

/// `wit/`, as this version of baepo has it.
const WIT: [(&str, &str); 15] = [
    ("build.wit", include_str!("../../../../../wit/build.wit")),
    (
        "feedback.wit",
        include_str!("../../../../../wit/feedback.wit"),
    ),
    ("http.wit", include_str!("../../../../../wit/http.wit")),
    ("log.wit", include_str!("../../../../../wit/log.wit")),
    (
        "monitor.wit",
        include_str!("../../../../../wit/monitor.wit"),
    ),
    (
        "process.wit",
        include_str!("../../../../../wit/process.wit"),
    ),
    (
        "secrets.wit",
        include_str!("../../../../../wit/secrets.wit"),
    ),
    ("socket.wit", include_str!("../../../../../wit/socket.wit")),
    ("store.wit", include_str!("../../../../../wit/store.wit")),
    (
        "strategy.wit",
        include_str!("../../../../../wit/strategy.wit"),
    ),
    ("target.wit", include_str!("../../../../../wit/target.wit")),
    ("test.wit", include_str!("../../../../../wit/test.wit")),
    ("types.wit", include_str!("../../../../../wit/types.wit")),
    (
        "workspace.wit",
        include_str!("../../../../../wit/workspace.wit"),
    ),
    ("worlds.wit", include_str!("../../../../../wit/worlds.wit")),
];

/// The files of `wit/`: names and texts.
pub fn wit_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    WIT.into_iter()
}

/// The module that is put beneath those that want WASI 0.1.
///
/// # Errors
/// Only when its text is wrong, which a test would say.
pub fn null_wasi() -> anyhow::Result<Vec<u8>> {
    null_wasi::module()
}

/// A plugin that is ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The component.
    pub component: Vec<u8>,
    /// What it is and wants.
    pub seen: Inspection,
    /// Whether an empty WASI was put beneath it.
    pub has_null_wasi: bool,
}

/// Why a module does not become a plugin.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is not even WebAssembly, or damaged.
    #[error(transparent)]
    Unusable(#[from] LoadError),
    /// It does not say what it is for.
    #[error("it says nothing of its interface, as a module without bindings does not")]
    NoHook,
    /// Functions of the hook are missing.
    #[error("it does not export {}", quoted(.missing))]
    MissingExports {
        /// The names under which the encoder looks for them.
        missing: Vec<String>,
        /// What it exports instead that looks like one of them.
        similar: Option<String>,
        /// The hook.
        hook: Hook,
    },
    /// It imports what nothing can provide.
    #[error("it imports `{import}`, which {why}")]
    ForeignImport {
        /// Module and name.
        import: String,
        /// Who would provide it.
        why: &'static str,
    },
    /// It has no memory that others can write to.
    #[error("it does not export its memory as `memory`")]
    NoMemory,
    /// The types do not fit, or something rarer.
    #[error("it does not fit the interface: {why}")]
    Misfit {
        /// What the encoder says.
        why: String,
    },
    /// The interface that it carries cannot be read.
    #[error("the interface that it carries cannot be read: {why}")]
    Metadata {
        /// What the decoder says.
        why: String,
    },
    /// It is a plugin of another hook than was said.
    #[error("it exports {found} and not the hook {wanted}")]
    OtherHook {
        /// What was said.
        wanted: Hook,
        /// What it is.
        found: String,
    },
    /// Its wishes are none.
    #[error(transparent)]
    Wishes(#[from] WishesError),
}

impl PackError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            PackError::Unusable(error) => error.help().into(),
            PackError::NoHook => {
                "say which hook it is: `--hook monitor`, or `hook:` in baepo-plugin.yml".into()
            }
            PackError::MissingExports {
                similar: Some(similar),
                missing,
                ..
            } => format!(
                "it exports `{similar}`; is that meant to be `{}`?",
                missing[0]
            ),
            PackError::MissingExports { hook, .. } => format!(
                "export every function of the interface in wit/{hook}.wit under these names"
            ),
            PackError::ForeignImport { .. } => {
                "link it into the module, or use what wit/ offers".into()
            }
            PackError::NoMemory => {
                "with lld: `--export-memory`; most toolchains do so for a library or reactor".into()
            }
            PackError::Misfit { .. } => {
                "compare the types with wit/; bindings must be of the same version".into()
            }
            PackError::Metadata { .. } => {
                "make the bindings anew with the wit/ of this version of baepo".into()
            }
            PackError::OtherHook { .. } => {
                "say the hook that it is, or build another module".into()
            }
            PackError::Wishes(_) => "correct `wishes:` in baepo-plugin.yml".into(),
        }
    }
}

/// Makes a plugin of a core module or a component of at most `limit_bytes`.
/// `hook` is what it is for, and can be left out where it carries its interface;
/// `wishes` are what it states to want.
///
/// # Errors
/// What of it is wrong, and what to do about it.
pub fn pack(
    bytes: &[u8],
    hook: Option<Hook>,
    wishes: Option<&Wishes>,
    limit_bytes: usize,
) -> Result<Packed, PackError> {
    let (component, has_null_wasi) = match super::load::check_header(bytes) {
        Ok(()) => (bytes.to_vec(), false),
        Err(LoadError::CoreModule) => wrap(bytes, hook)?,
        Err(error) => return Err(error.into()),
    };
    let component = match wishes {
        Some(wishes) => with_wishes(&component, wishes)?,
        None => component,
    };
    let seen = inspect(&component, limit_bytes)?;
    let sockets = seen.wasi().find(|name| name.starts_with("wasi:sockets/"));
    if let Some(name) = sockets {
        return Err(LoadError::Sockets { name: name.into() }.into());
    }
    if let Some(wanted) = hook.filter(|hook| !seen.hooks.contains(hook)) {
        let found = match seen.hooks.first() {
            Some(other) => format!("the hook {other}"),
            None => "no hook".into(),
        };
        return Err(PackError::OtherHook { wanted, found });
    }
    Ok(Packed {
        component,
        seen,
        has_null_wasi,
    })
}

/// The component around a core module, and whether it wanted WASI.
fn wrap(module: &[u8], hook: Option<Hook>) -> Result<(Vec<u8>, bool), PackError> {
    let survey = Survey::of(module)?;
    let mut module = module.to_vec();
    if !survey.carries_interface {
        let hook = hook.ok_or(PackError::NoHook)?;
        let (resolve, world) = world_of(hook);
        survey.check(&resolve, world, hook)?;
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
            false,
        )
        .map_err(misfit)?;
    }
    survey.check_imports()?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    if survey.wants_wasi() {
        let adapter = null_wasi::module().map_err(misfit)?;
        encoder
            .adapter(null_wasi::MODULE, &adapter)
            .map_err(misfit)?;
    }
    encoder
        .module(&module)
        .map_err(|error| PackError::Metadata {
            why: format!("{error:#}"),
        })?;
    let component = encoder.encode().map_err(misfit)?;
    Ok((component, survey.wants_wasi()))
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn misfit(error: impl Into<anyhow::Error>) -> PackError {
    PackError::Misfit {
        why: format!("{:#}", error.into()),
    }
}

/// The world of a hook.
///
/// # Panics
/// Never: `wit/` is what this was built from, and a test parses it.
#[allow(
    clippy::expect_used,
    reason = "texts of this very source, which a test parses"
)]
fn world_of(hook: Hook) -> (Resolve, WorldId) {
    let (resolve, package) = resolve();
    let name = format!("{hook}-plugin");
    let world = resolve
        .select_world(&[package], Some(&name))
        .expect("each hook has a world");
    (resolve, world)
}

#[allow(
    clippy::expect_used,
    reason = "texts of this very source, which a test parses"
)]
fn resolve() -> (Resolve, PackageId) {
    let mut sources = SourceMap::default();
    for (name, text) in WIT {
        sources.push_str(name, text);
    }
    let parsed = sources.parse().map_err(|(_, error)| error);
    let group = parsed.expect("wit/ can be parsed");
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).expect("wit/ is complete");
    (resolve, package)
}

#[cfg(test)]
mod tests;

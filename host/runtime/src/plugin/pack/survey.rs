//! What a core module exports and imports, compared with a hook in words of
//! `wit/`.

use std::collections::BTreeSet;

use wasmparser::{ExternalKind, Parser, Payload};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::super::Hook;
use super::super::error::LoadError;
use super::{PACKAGE, PackError, null_wasi};

/// Modules that toolchains leave to be provided, and who would provide them.
const PROVIDERS: [(&str, &str); 6] = [
    (
        "wbg",
        "a browser would provide: it was built with wasm-bindgen",
    ),
    (
        "__wbindgen",
        "a browser would provide: it was built with wasm-bindgen",
    ),
    (
        "gojs",
        "a browser would provide: build with GOOS=wasip1 and not GOOS=js",
    ),
    (
        "wasi_unstable",
        "is of a WASI older than 0.1: use a newer toolchain",
    ),
    ("wasix", "is of WASIX, which knows an outside"),
    (
        "env",
        "nobody provides: a function was declared and not linked",
    ),
];

pub(super) struct Survey {
    /// Functions.
    exports: BTreeSet<String>,
    /// Module and name.
    imports: Vec<(String, String)>,
    has_memory: bool,
    /// Whether bindings have put an interface into it.
    pub(super) carries_interface: bool,
}

impl Survey {
    /// Of a core module.
    ///
    /// # Errors
    /// When it is damaged.
    pub(super) fn of(module: &[u8]) -> Result<Survey, LoadError> {
        let mut survey = Survey {
            exports: BTreeSet::new(),
            imports: Vec::new(),
            has_memory: false,
            carries_interface: false,
        };
        let damaged = |error: wasmparser::BinaryReaderError| LoadError::Malformed {
            why: error.to_string(),
        };
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(damaged)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(damaged)?;
                        survey
                            .imports
                            .push((import.module.into(), import.name.into()));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(damaged)?;
                        match export.kind {
                            ExternalKind::Func => {
                                survey.exports.insert(export.name.into());
                            }
                            ExternalKind::Memory => survey.has_memory |= export.name == "memory",
                            _ => {}
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    survey.carries_interface |= section.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(survey)
    }

    pub(super) fn wants_wasi(&self) -> bool {
        let mut modules = self.imports.iter().map(|(module, _)| module);
        modules.any(|module| module == null_wasi::MODULE)
    }

    /// Whether it exports every function of the hook.
    ///
    /// # Errors
    /// The ones that are missing.
    pub(super) fn check(
        &self,
        resolve: &Resolve,
        world: WorldId,
        hook: Hook,
    ) -> Result<(), PackError> {
        let mut wanted = Vec::new();
        for (key, item) in &resolve.worlds[world].exports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            let interface = resolve.name_world_key(key);
            let functions = resolve.interfaces[*id].functions.keys();
            wanted.extend(functions.map(|function| format!("{interface}#{function}")));
        }
        let missing: Vec<String> = wanted
            .into_iter()
            .filter(|name| !self.exports.contains(name))
            .collect();
        if missing.is_empty() {
            return match self.has_memory {
                true => Ok(()),
                false => Err(PackError::NoMemory),
            };
        }
        // `decide`, `strategy_decide`, another version: all have the name in it.
        let function = missing[0].rsplit('#').next().unwrap_or_default();
        let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
        let similar = self
            .exports
            .iter()
            .find(|name| plain(name).contains(&plain(function)))
            .cloned();
        Err(PackError::MissingExports {
            missing,
            similar,
            hook,
        })
    }

    /// Whether all that it imports can be provided.
    ///
    /// # Errors
    /// The first that cannot.
    pub(super) fn check_imports(&self) -> Result<(), PackError> {
        let is_ours = |module: &str| {
            module == null_wasi::MODULE
                || module == "$root"
                || module.starts_with('[')
                || module
                    .strip_prefix(PACKAGE)
                    .is_some_and(|rest| rest.starts_with('/'))
                // What a component of WASI 0.2 imports is the loader's to judge.
                || module.starts_with("wasi:")
                || module.starts_with("cm32p2")
        };
        let foreign = self.imports.iter().find(|(module, _)| !is_ours(module));
        let Some((module, name)) = foreign else {
            return Ok(());
        };
        let known = PROVIDERS
            .iter()
            .find(|(provider, _)| module.starts_with(provider));
        Err(PackError::ForeignImport {
            import: format!("{module}.{name}"),
            why: known.map_or("is not of `baepo:hooks`", |(_, why)| why),
        })
    }
}

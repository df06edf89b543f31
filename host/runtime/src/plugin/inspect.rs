//! What a component is and wants, without compiling or running anything of it.

use std::collections::BTreeSet;

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};
use wasmparser::Payload;

use super::Hook;
use super::error::LoadError;
use super::load::{check_header, check_size};
use super::walk::{WalkError, walk};
use super::wishes::Wishes;

/// What can be seen of a component from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: usize,
    /// The hooks that it exports, of any version.
    pub hooks: BTreeSet<Hook>,
    /// Names of all exports, sorted.
    pub exports: Vec<String>,
    /// Names of all imports, sorted.
    pub imports: Vec<String>,
    /// What it wants; `None` where it states nothing and wants whatever is
    /// granted.
    pub wishes: Option<Wishes>,
}

impl Inspection {
    /// The interfaces of WASI among its imports.
    pub fn wasi(&self) -> impl Iterator<Item = &str> {
        let imports = self.imports.iter().map(String::as_str);
        imports.filter(|name| name.starts_with("wasi:"))
    }
}

/// Look at a component of at most `limit_bytes`.
///
/// # Errors
/// When it is too large, no component, or damaged. That there is no error does
/// not mean that it can be loaded: what is inside of it was not looked at.
pub fn inspect(bytes: &[u8], limit_bytes: usize) -> Result<Inspection, LoadError> {
    check_size(bytes.len() as u64, limit_bytes)?;
    check_header(bytes)?;
    let mut exports = BTreeSet::new();
    let mut imports = BTreeSet::new();
    let broken = |error: wasmparser::Error| WalkError {
        why: error.to_string(),
    };
    walk(bytes, |_, payload| {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    imports.insert(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    exports.insert(export.map_err(broken)?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok::<(), WalkError>(())
    })
    .map_err(|error| LoadError::Malformed { why: error.why })?;
    let wishes = Wishes::read(bytes).map_err(LoadError::from)?;
    let interface = |name: &str| {
        let rest = name.strip_prefix("baepo:hooks/")?;
        let name = rest.split('@').next().unwrap_or(rest);
        Hook::ALL.into_iter().find(|hook| hook.name() == name)
    };
    Ok(Inspection {
        digest: Digest::from_bytes(Sha256::digest(bytes).into()),
        size_bytes: bytes.len(),
        hooks: exports.iter().filter_map(|name| interface(name)).collect(),
        exports: exports.into_iter().collect(),
        imports: imports.into_iter().collect(),
        wishes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_party_plugin_is_seen_without_being_compiled() {
        let bytes = include_bytes!("../../../../plugins/dist/canary.wasm");
        let seen = inspect(bytes, 64 << 20).unwrap();
        assert_eq!(seen.hooks, BTreeSet::from([Hook::Strategy]));
        assert!(seen.exports.contains(&"baepo:hooks/strategy@0.1.0".into()));
        assert_eq!(seen.imports, ["baepo:hooks/types@0.1.0"]);
        assert_eq!(seen.wasi().count(), 0);
        assert_eq!(seen.wishes, None);
    }

    #[test]
    fn every_beginning_of_a_component_is_an_error_and_no_panic() {
        let bytes = include_bytes!("../../../../plugins/dist/direct.wasm");
        let step = bytes.len() / 997;
        let ends = (0..bytes.len()).step_by(step.max(1));
        let fine = ends.filter(|end| inspect(&bytes[..*end], 64 << 20).is_ok());
        // A cut between two sections at the top level leaves a component.
        assert!(fine.count() < 10);
        assert!(matches!(
            inspect(bytes, 1000),
            Err(LoadError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_component_with_flipped_bits_is_an_error_and_no_panic() {
        let good = include_bytes!("../../../../plugins/dist/direct.wasm");
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut refused = 0;
        for _ in 0..5_000 {
            let mut bytes = good.to_vec();
            for _ in 0..4 {
                // Xorshift, so that a failure happens again.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // The sections of the component stand at both ends.
                let at = (state >> 8) as usize % 2_000;
                let at = match state & 1 {
                    0 => at,
                    _ => bytes.len() - 1 - at,
                };
                bytes[at] ^= 1 << (state >> 61);
            }
            refused += usize::from(inspect(&bytes, 64 << 20).is_err());
        }
        assert!(refused > 50, "{refused}");
    }
}

//! Flags for the compiler that take a machine's folders out of what it makes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// `CARGO_ENCODED_RUSTFLAGS` for the checkout at `root`: its folder, that of
/// cargo, and these further ones have the same names everywhere.
///
/// # Errors
/// When cargo's folder is not known.
pub(crate) fn flags(root: &Path, further: &[(PathBuf, &str)]) -> Result<OsString> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let mut pairs = vec![(home.clone(), "/cargo"), (root.to_path_buf(), "/src")];
    // The folder of a registry carries a hash of its address; the last flag
    // that matches wins.
    if let Ok(registries) = fs::read_dir(home.join("registry/src")) {
        let mut registries: Vec<PathBuf> = registries.flatten().map(|entry| entry.path()).collect();
        registries.sort();
        pairs.extend(registries.into_iter().map(|path| (path, "/cargo/registry")));
    }
    pairs.extend(further.iter().cloned());
    let mut flags = OsString::new();
    for (from, to) in pairs {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

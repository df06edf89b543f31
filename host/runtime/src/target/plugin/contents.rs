//! What a plugin is handed when a release is staged: the contents that it lacks,
//! and the manifest.

use std::io;
use std::path::Path;

use baepo_core::digest::Digest;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::target::{StagedFile, Staging};

/// The manifest for a plugin: what the digest of the release covers, and for each
/// file its `path`, relative to the checkout, where it is there.
pub(super) fn manifest(staging: &Staging, checkout: Option<&Path>) -> String {
    let mut manifest: Value = serde_json::from_str(&staging.manifest).unwrap_or_default();
    let path_of = |name: &str| {
        let file = staging.files.iter().find(|file| file.name == name)?;
        let path = file.source.strip_prefix(checkout?).ok()?;
        Some(path.to_str()?.to_owned())
    };
    let files = manifest.get_mut("files").and_then(Value::as_array_mut);
    for file in files.into_iter().flatten() {
        if let Some(path) = file["name"].as_str().and_then(path_of) {
            file["path"] = path.into();
        }
    }
    manifest.to_string()
}

/// Why a file of a release is not handed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    /// It was changed after the release was made.
    #[error("{path} is {found}, not {expected}: it was changed after the release was made")]
    Changed {
        path: String,
        expected: Digest,
        found: Digest,
    },
    /// A plugin cannot take it.
    #[error(
        "`{name}` has {} MiB, and the plugin may have {} MiB of memory; raise `limits: {{ memory }}` where it is used",
        .size_bytes.div_ceil(1 << 20), .limit_bytes >> 20
    )]
    TooLarge {
        name: String,
        size_bytes: usize,
        limit_bytes: usize,
    },
    /// The disk says no.
    #[error("cannot read {path}")]
    Io {
        path: String,
        #[source]
        source: io::Error,
    },
}

/// That the file is what the release says. Blocks.
pub(super) fn verify(file: &StagedFile) -> Result<(), ContentError> {
    let mut hasher = Sha256::new();
    std::fs::File::open(&file.source)
        .and_then(|mut content| io::copy(&mut content, &mut hasher))
        .map_err(|source| unreadable(file, source))?;
    same(file, Digest::from_bytes(hasher.finalize().into()))
}

/// The content of a file, for a plugin with so much memory. Blocks.
pub(super) fn content(file: &StagedFile, limit_bytes: usize) -> Result<Vec<u8>, ContentError> {
    let size = std::fs::metadata(&file.source).map_err(|source| unreadable(file, source))?;
    let size_bytes = usize::try_from(size.len()).unwrap_or(usize::MAX);
    if size_bytes >= limit_bytes {
        let name = file.name.clone();
        return Err(ContentError::TooLarge {
            name,
            size_bytes,
            limit_bytes,
        });
    }
    let content = std::fs::read(&file.source).map_err(|source| unreadable(file, source))?;
    same(file, Digest::from_bytes(Sha256::digest(&content).into()))?;
    Ok(content)
}

fn same(file: &StagedFile, found: Digest) -> Result<(), ContentError> {
    match found == file.sha256 {
        true => Ok(()),
        false => Err(ContentError::Changed {
            path: file.source.display().to_string(),
            expected: file.sha256,
            found,
        }),
    }
}

fn unreadable(file: &StagedFile, source: io::Error) -> ContentError {
    let path = file.source.display().to_string();
    ContentError::Io { path, source }
}

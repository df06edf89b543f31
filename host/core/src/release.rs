//! Revisions, artifacts and releases.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::time::Time;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Revision {
    /// Full commit id in hexadecimal.
    pub commit: String,
    /// Branch, tag or pull request ref.
    pub ref_name: String,
    /// First line of the message.
    pub summary: String,
    /// Commit time.
    pub committed_at: Time,
}

impl Revision {
    /// The first 7 digits of the commit id, for people.
    pub fn short(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Artifact {
    /// File name inside the release.
    pub name: String,
    /// Where it was built, relative to the checkout.
    pub path: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Media type.
    pub media_type: String,
}

/// What people and plugins need to know of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Release {
    /// Covers artifacts, config files, variables, and the names and keyed
    /// hashes of secrets.
    pub digest: Digest,
    /// The commit it was built from.
    pub revision: Revision,
    /// Its files.
    pub artifacts: Vec<Artifact>,
}

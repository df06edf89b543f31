//! What the instances of one rollout write, for its monitors.
//!
//! It is asked of the target, release by release: a monitor sees the output of
//! the two releases that it judges and nothing else of the place where the
//! target keeps it. It can only be read, and only so much in one look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baepo_core::digest::Digest;

use crate::chain;
use crate::target::{OutputFile, OutputPart, Target};

/// Where it is found in the workspace of a monitor. A grant to read this folder
/// is a grant to read all of it.
pub const FOLDER: &str = ".baepo/output";

/// Most bytes that one call may read. A service that writes more between two
/// looks is judged by a part of it.
const MOST_BYTES: u64 = 16 << 20;

/// The output of both roles, and how much of it may still be read.
pub struct RolloutOutput {
    target: Arc<dyn Target>,
    stable: Option<Digest>,
    candidate: Digest,
    left: AtomicU64,
}

impl RolloutOutput {
    /// That of these releases, for one call.
    pub fn new(
        target: Arc<dyn Target>,
        stable: Option<Digest>,
        candidate: Digest,
    ) -> RolloutOutput {
        RolloutOutput {
            target,
            stable,
            candidate,
            left: AtomicU64::new(MOST_BYTES),
        }
    }

    fn digest(&self, role: &str) -> Option<Digest> {
        match role {
            "stable" => self.stable,
            "candidate" => Some(self.candidate),
            _ => None,
        }
    }

    /// All files, each with the role that wrote it.
    pub(crate) async fn list(&self) -> Result<Vec<(&'static str, OutputFile)>, String> {
        let mut files = Vec::new();
        for role in ["stable", "candidate"] {
            if let Some(digest) = self.digest(role) {
                let found = self.target.outputs(digest).await;
                let found = found.map_err(|error| chain(&error))?;
                files.extend(found.into_iter().map(|file| (role, file)));
            }
        }
        Ok(files)
    }

    /// A piece of one file; `None` where there is no such file.
    pub(crate) async fn read(
        &self,
        role: &str,
        name: &str,
        offset: u64,
        limit: u64,
    ) -> Result<Option<OutputPart>, String> {
        let Some(digest) = self.digest(role) else {
            return Ok(None);
        };
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            let most = MOST_BYTES >> 20;
            return Err(format!("more than {most} MiB of output in one call"));
        }
        let read = self
            .target
            .read_output(digest, name, offset, limit.min(left));
        let part = read.await.map_err(|error| chain(&error))?;
        let used = part.as_ref().map_or(0, |part| part.content.len() as u64);
        // Calls of one plugin come one after another.
        self.left
            .store(left.saturating_sub(used), Ordering::Relaxed);
        Ok(part)
    }
}

//! What the instances of a rollout write, seen as files of the checkout.

use std::sync::Arc;

use globset::GlobBuilder;

use super::checkout::normalize;
use super::wit;
use crate::capability::output::{FOLDER, RolloutOutput};
use crate::capability::permit::Permit;
use wit::WorkspaceError as Error;

/// The folder [`FOLDER`] of one call.
pub(super) struct View {
    pub(super) output: Arc<RolloutOutput>,
    pub(super) permit: Arc<Permit>,
}

impl View {
    pub(super) async fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        loop {
            let at = content.len() as u64;
            let part = self.read_part(path, at, limit.saturating_sub(at)).await?;
            if part.size_bytes > limit {
                return Err(Error::TooLarge(limit));
            }
            if part.content.is_empty() {
                return Ok(content);
            }
            content.extend(part.content);
        }
    }

    pub(super) async fn read_part(
        &self,
        path: &str,
        offset: u64,
        limit: u64,
    ) -> Result<wit::Part, Error> {
        let path = normalize(path)?;
        if !self.permit.allows_read(&path) {
            return Err(Error::Denied(format!("read {path}")));
        }
        let (role, name) = parts(&path).ok_or(Error::NotFound)?;
        let read = self.output.read(role, name, offset, limit).await;
        match read.map_err(Error::Failed)? {
            Some(part) => Ok(wit::Part {
                content: part.content,
                size_bytes: part.size_bytes,
            }),
            None => Err(Error::NotFound),
        }
    }

    pub(super) async fn glob(&self, pattern: &str) -> Result<Vec<wit::Entry>, Error> {
        let pattern = normalize(pattern)?;
        let matcher = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| Error::Failed(format!("not a pattern: {}", error.kind())))?
            .compile_matcher();
        let files = self.output.list().await.map_err(Error::Failed)?;
        let mut entries: Vec<wit::Entry> = files
            .into_iter()
            .map(|(role, file)| wit::Entry {
                path: format!("{FOLDER}/{role}/{}", file.name),
                kind: wit::Kind::File,
                size_bytes: file.size_bytes,
            })
            .filter(|entry| matcher.is_match(&entry.path) && self.permit.allows_read(&entry.path))
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }
}

/// Role and name of a file.
fn parts(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(FOLDER)?
        .strip_prefix('/')?
        .split_once('/')
}

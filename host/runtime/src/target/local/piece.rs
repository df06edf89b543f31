//! What instances have written, piece by piece, for monitors.
//!
//! **Invariant:** whatever pieces are asked for, no byte of a secret is in any
//! of them: each piece is read with so much around it that a secret on its edge
//! is seen as a whole.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baepo_core::digest::Digest;

use super::fleet::{Keeper, unable};
use super::protocol::Problem;
use crate::blocking;
use crate::target::{OutputFile, OutputPart};

/// Shorter values would veil everything.
const SECRET_MIN_BYTES: usize = 4;

impl Keeper {
    /// The files of one release's instances.
    pub(super) async fn outputs(self: &Arc<Self>, digest: Digest) -> Vec<OutputFile> {
        let keeper = Arc::clone(self);
        blocking(move || {
            let files = keeper.output_files(digest).into_iter();
            let mut files: Vec<OutputFile> = files
                .filter_map(|(name, path)| {
                    let size_bytes = fs::metadata(path).ok()?.len();
                    Some(OutputFile { name, size_bytes })
                })
                .collect();
            files.sort_by(|a, b| a.name.cmp(&b.name));
            files
        })
        .await
    }

    /// A piece of one of them. The name is looked up among those that are
    /// there, so it leads nowhere else.
    pub(super) async fn read_output(
        self: &Arc<Self>,
        digest: Digest,
        name: &str,
        offset: u64,
        limit: u64,
    ) -> Result<Option<OutputPart>, Problem> {
        let (keeper, name) = (Arc::clone(self), name.to_owned());
        let read = blocking(move || {
            let mut files = keeper.output_files(digest).into_iter();
            let Some((_, path)) = files.find(|(known, _)| *known == name) else {
                return Ok(None);
            };
            let secrets = keeper.depot.secrets(digest)?;
            let secrets: Vec<&[u8]> = secrets.iter().map(|(_, value)| value.as_bytes()).collect();
            read_piece(&path, offset, limit, &secrets)
        });
        read.await
            .map_err(|error| unable("read what an instance wrote", &error))
    }

    fn output_files(&self, digest: Digest) -> Vec<(String, PathBuf)> {
        let paths = self.with_outputs(|outputs| {
            let of = outputs.values().filter(|(known, _)| *known == digest);
            of.flat_map(|(_, output)| output.files())
                .collect::<Vec<_>>()
        });
        let named = paths.into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, path))
        });
        named.collect()
    }
}

/// A piece of a file with asterisks in place of secrets, so that every byte
/// stays at its place; `None` where the file is gone.
fn read_piece(
    path: &Path,
    offset: u64,
    limit: u64,
    secrets: &[&[u8]],
) -> io::Result<Option<OutputPart>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size_bytes = file.metadata()?.len();
    let known = || {
        secrets
            .iter()
            .filter(|secret| secret.len() >= SECRET_MIN_BYTES)
    };
    let around = known().map(|secret| secret.len() - 1).max().unwrap_or(0) as u64;
    let begin = offset.saturating_sub(around);
    let before = offset - begin;
    let mut content = Vec::new();
    if offset < size_bytes {
        file.seek(SeekFrom::Start(begin))?;
        file.take(limit.saturating_add(before).saturating_add(around))
            .read_to_end(&mut content)?;
    }
    let found: Vec<(usize, usize)> = known()
        .flat_map(|secret| {
            let places = content
                .windows(secret.len())
                .enumerate()
                .filter(move |(_, window)| window == secret);
            places.map(|(at, _)| (at, secret.len()))
        })
        .collect();
    for (at, length) in found {
        content[at..at + length].fill(b'*');
    }
    let first = usize::try_from(before)
        .unwrap_or(usize::MAX)
        .min(content.len());
    content.drain(..first);
    content.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Some(OutputPart {
        content,
        size_bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_to_cut_a_file_shows_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "token=hunter22 and hunter22hunter22, x abc\n").unwrap();
        let secrets: [&[u8]; 2] = [b"hunter22", b"abc"];
        let shown = b"token=******** and ****************, x abc\n";
        for offset in 0..=shown.len() + 1 {
            for limit in 0..=shown.len() + 1 {
                let part = read_piece(&path, offset as u64, limit as u64, &secrets).unwrap();
                let part = part.unwrap();
                let begin = offset.min(shown.len());
                let end = (begin + limit).min(shown.len());
                assert_eq!(part.content, shown[begin..end], "{offset} {limit}");
                assert_eq!(part.size_bytes, shown.len() as u64);
            }
        }
        let gone = read_piece(&dir.path().join("b.log"), 0, 9, &secrets).unwrap();
        assert_eq!(gone, None);
    }
}

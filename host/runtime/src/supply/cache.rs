//! What was fetched, by its SHA-256. Nothing in it is trusted: each read compares
//! the bytes with the name, so that it may be a cache that others can write to.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};

/// A folder of files that are named by their SHA-256.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// There is no place for it.
    #[error("there is no cache folder: neither XDG_CACHE_HOME nor HOME is set")]
    NoHome,
    /// The system says no.
    #[error("{} cannot be {what}", .path.display())]
    Io {
        /// Read or written.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Cache {
    /// The cache of this user: below `XDG_CACHE_HOME`, else below `.cache` of the
    /// home. Source: XDG Base Directory Specification, version 0.8.
    ///
    /// # Errors
    /// Where there is neither.
    pub fn of_user() -> Result<Cache, CacheError> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        let absolute = |path: &PathBuf| path.is_absolute();
        let base = folder("XDG_CACHE_HOME").filter(absolute).or_else(|| {
            let home = folder("HOME").filter(absolute)?;
            Some(home.join(".cache"))
        });
        let base = base.ok_or(CacheError::NoHome)?;
        Ok(Cache::at(base.join("baepo/plugins")))
    }

    /// A cache in this folder, which is made when it is needed.
    pub fn at(folder: impl Into<PathBuf>) -> Cache {
        Cache {
            folder: folder.into().join("sha256"),
        }
    }

    /// Where the bytes of this digest are, or would be.
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// The bytes of this digest. `None` where they are not there, or where what
    /// is there has another digest: that is removed.
    ///
    /// # Errors
    /// If the system says no.
    pub fn read(&self, digest: Digest, limit_bytes: usize) -> Result<Option<Vec<u8>>, CacheError> {
        let path = self.path(digest);
        let failed = |source| io("read", &path, source);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        let limit = limit_bytes as u64 + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() <= limit_bytes && digest_of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Keep these bytes; they appear whole or not at all.
    ///
    /// # Errors
    /// If the system says no.
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, CacheError> {
        let digest = digest_of(bytes);
        let path = self.path(digest);
        let failed = |source| io("written", &path, source);
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(digest)
    }
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> CacheError {
    CacheError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_what_was_changed_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let digest = digest_of(b"component");
        assert_eq!(cache.read(digest, 100).unwrap(), None);
        assert_eq!(cache.keep(b"component").unwrap(), digest);
        assert_eq!(cache.keep(b"component").unwrap(), digest);
        assert_eq!(cache.read(digest, 100).unwrap().unwrap(), b"component");
        std::fs::write(cache.path(digest), b"componenX").unwrap();
        assert_eq!(cache.read(digest, 100).unwrap(), None);
        assert!(!cache.path(digest).exists());
    }

    #[test]
    fn what_is_larger_than_asked_for_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let digest = cache.keep(&[7; 1000]).unwrap();
        assert_eq!(cache.read(digest, 999).unwrap(), None);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let cache = Cache::at(&file);
        assert!(matches!(cache.keep(b"x"), Err(CacheError::Io { .. })));
    }
}

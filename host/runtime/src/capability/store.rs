//! `store`: the one document of a target plugin, replaced by compare-and-swap.
//! It answers in calls whose context has one, which are those of targets.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Capability;
use crate::plugin::bindings::baepo::hooks::store as wit;
use crate::plugin::state::CallState;

const WHAT: &str = "the state of a target";

/// A document and its version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Grows with each save; 0 where nothing was saved yet.
    pub version: u64,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why nothing was loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else saved in the meantime.
    #[error("somebody else saved in the meantime")]
    Conflict,
    /// What is there is no document.
    #[error("{} is not a document of this store", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// Keeps one document. Calls may block; they are made off the threads that run
/// plugins.
pub trait DocumentStore: Send + Sync {
    /// The newest document; empty with version 0 where nothing was saved.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] or [`StoreError::Io`].
    fn load(&self) -> Result<Document, StoreError>;

    /// Replace the document if its version is still `expected`; the new
    /// version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is not: load again.
    fn save(&self, expected: u64, bytes: &[u8]) -> Result<u64, StoreError>;
}

/// Keeps it as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Document>);

impl DocumentStore for MemoryStore {
    fn load(&self) -> Result<Document, StoreError> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    fn save(&self, expected: u64, bytes: &[u8]) -> Result<u64, StoreError> {
        let mut document = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if document.version != expected {
            return Err(StoreError::Conflict);
        }
        *document = Document {
            version: expected + 1,
            bytes: bytes.to_vec(),
        };
        Ok(document.version)
    }
}

/// Keeps it in a file: a line with the version, and the content behind it.
/// Replaced as a whole, so that a crash leaves the old or the new one. A lock
/// on a file beside it makes processes wait for each other.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// The document in this file, whose folder is made with the first save.
    pub fn new(path: impl Into<PathBuf>) -> FileStore {
        FileStore { path: path.into() }
    }

    fn io(&self, source: std::io::Error) -> StoreError {
        let path = self.path.clone();
        StoreError::Io { path, source }
    }

    fn write(&self, document: &Document) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(draft, "{}", document.version)?;
        draft.write_all(&document.bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path)?;
        File::open(folder)?.sync_all()
    }
}

impl DocumentStore for FileStore {
    fn load(&self) -> Result<Document, StoreError> {
        let content = match std::fs::read(&self.path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Document::default()),
            Err(error) => return Err(self.io(error)),
        };
        let malformed = || StoreError::Malformed {
            path: self.path.clone(),
        };
        let end = content.iter().position(|byte| *byte == b'\n');
        let (head, bytes) = content.split_at(end.ok_or_else(malformed)?);
        let version = std::str::from_utf8(head).ok().and_then(|v| v.parse().ok());
        Ok(Document {
            version: version.filter(|v| *v > 0).ok_or_else(malformed)?,
            bytes: bytes[1..].to_vec(),
        })
    }

    fn save(&self, expected: u64, bytes: &[u8]) -> Result<u64, StoreError> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| self.io(error))?;
        }
        let lock = File::create(self.path.with_extension("lock"));
        // Given back with the file, also when this process is killed.
        let lock = lock.and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|error| self.io(error))?;
        if self.load()?.version != expected {
            return Err(StoreError::Conflict);
        }
        let document = Document {
            version: expected + 1,
            bytes: bytes.to_vec(),
        };
        self.write(&document).map_err(|error| self.io(error))?;
        Ok(document.version)
    }
}

impl wit::Host for CallState {
    async fn load(&mut self) -> wasmtime::Result<Result<wit::Document, wit::StoreError>> {
        self.enter("store.load");
        let result = with_store(self, |store| store.load()).await;
        self.leave();
        Ok(result.map(|Document { version, bytes }| wit::Document { version, bytes }))
    }

    async fn save(
        &mut self,
        expected_version: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::StoreError>> {
        let limit = self.limits().file_bytes;
        if self.store().is_some() && bytes.len() as u64 > limit {
            return Ok(Err(wit::StoreError::TooLarge(limit)));
        }
        self.enter("store.save");
        let result = with_store(self, move |store| store.save(expected_version, &bytes)).await;
        self.leave();
        Ok(result)
    }
}

async fn with_store<T: Send + 'static>(
    state: &mut CallState,
    action: impl FnOnce(&dyn DocumentStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, wit::StoreError> {
    let Some(store) = state.store() else {
        state.deny(Capability::Store, WHAT.into());
        return Err(wit::StoreError::Denied(WHAT.into()));
    };
    match crate::blocking(move || action(&*store)).await {
        Ok(answer) => Ok(answer),
        Err(StoreError::Conflict) => Err(wit::StoreError::Conflict),
        Err(error @ (StoreError::Malformed { .. } | StoreError::Io { .. })) => {
            Err(wit::StoreError::Failed(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(store: &dyn DocumentStore) {
        assert_eq!(store.load().unwrap(), Document::default());
        assert_eq!(store.save(0, b"one\ntwo").unwrap(), 1);
        assert!(matches!(store.save(0, b"late"), Err(StoreError::Conflict)));
        assert!(matches!(store.save(2, b"early"), Err(StoreError::Conflict)));
        assert_eq!(store.save(1, b"").unwrap(), 2);
        let (version, bytes) = (2, Vec::new());
        assert_eq!(store.load().unwrap(), Document { version, bytes });
    }

    #[test]
    fn a_document_is_replaced_only_from_the_version_that_was_seen() {
        check(&MemoryStore::default());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet/state");
        check(&FileStore::new(&path));
        assert_eq!(FileStore::new(&path).load().unwrap().version, 2);
    }

    #[test]
    fn of_many_writers_at_once_each_save_is_one_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let add = |_: usize| {
            let store = FileStore::new(&path);
            for _ in 0..20 {
                loop {
                    let seen = store.load().unwrap();
                    let count = String::from_utf8(seen.bytes).unwrap();
                    let count: u32 = count.parse().unwrap_or(0);
                    match store.save(seen.version, (count + 1).to_string().as_bytes()) {
                        Ok(_) => break,
                        Err(StoreError::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || add(writer));
            }
        });
        let end = FileStore::new(&path).load().unwrap();
        assert_eq!((end.version, end.bytes.as_slice()), (80, &b"80"[..]));
    }

    #[test]
    fn a_file_that_is_none_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for content in ["", "x\n", "0\n", "12"] {
            std::fs::write(&path, content).unwrap();
            let store = FileStore::new(&path);
            assert!(matches!(store.load(), Err(StoreError::Malformed { .. })));
            assert!(store.save(0, b"new").is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}

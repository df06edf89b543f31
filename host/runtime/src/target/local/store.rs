//! What the agent remembers, on disk: written beside, synced, renamed, and the
//! directory synced, so that a crash leaves the old or the new and nothing in
//! between.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::lease::Lease;
use baepo_core::release::Release;
use baepo_core::time::Time;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::process::Birth;
use super::protocol;
use crate::target::{Document, Workload};

/// The shape of `agent.json`.
const FORMAT: u32 = 1;

/// Why an agent does not start on a directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another agent has it.
    #[error("another agent (pid {pid}) works in {}", dir.display())]
    Busy {
        /// The directory.
        dir: PathBuf,
        /// The other agent.
        pid: String,
    },
    /// The system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// For example `read`.
        what: &'static str,
        /// Of what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is there is not what an agent writes. It is left as it is.
    #[error("{} is not readable as the state of an agent; it was left as it is", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Everything that must outlive the agent, beside contents and the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Saved {
    pub(super) format: u32,
    /// Marks the processes of this agent.
    pub(super) agent: String,
    /// The largest token given out; never goes back.
    pub(super) newest_token: u64,
    pub(super) lease: Option<Lease>,
    pub(super) route: Route,
    pub(super) releases: BTreeMap<Digest, SavedRelease>,
    pub(super) instances: BTreeMap<String, SavedInstance>,
    /// Number of the next process; each start takes one.
    pub(super) next_spawn: u64,
}

/// A staged release; values of secret variables are in a file of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SavedRelease {
    pub(super) release: Release,
    pub(super) workload: Workload,
    pub(super) files: Vec<protocol::File>,
    pub(super) asked: u32,
    pub(super) restarts: u64,
    pub(super) staged_at: Time,
    /// Number of the next instance.
    pub(super) next_instance: u64,
}

/// An instance: recorded before its process is started, so that a process
/// that nobody wrote down can be told from one that may live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SavedInstance {
    pub(super) digest: Digest,
    /// It is draining or being stopped, and does not come back.
    pub(super) is_leaving: bool,
    /// Number of its newest process.
    pub(super) spawn: u64,
    pub(super) port: u16,
    /// Once it runs.
    pub(super) birth: Option<Birth>,
}

/// The state directory, for as long as this agent has it.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// Held open for its lock; `None` once the directory is another's. Each
    /// write holds it.
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Take the directory; it is made where it is missing.
    pub(super) fn open(dir: &Path) -> Result<Store, StoreError> {
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { what, path, source }
        };
        for part in ["", "contents", "releases", "logs"] {
            let path = dir.join(part);
            fs::create_dir_all(&path).map_err(io("make", &path))?;
        }
        let path = dir.join("lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io("open", &path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = lock.read_to_string(&mut pid);
            return Err(StoreError::Busy {
                dir: dir.to_owned(),
                pid: pid.trim().to_owned(),
            });
        }
        lock.set_len(0).map_err(io("write", &path))?;
        writeln!(lock, "{}", std::process::id()).map_err(io("write", &path))?;
        let dir = dir.canonicalize().map_err(io("find", dir))?;
        Ok(Store {
            dir,
            lock: Mutex::new(Some(lock)),
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Let another agent have the directory. What is being written is finished
    /// first; nothing is written after it.
    pub(super) fn close(&self) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the directory may be another's.
    pub(super) fn is_closed(&self) -> bool {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.is_none()
    }

    /// Write a file so that it is old or new, whatever happens.
    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            return Err(io::Error::other("another agent has taken over"));
        }
        write_whole(&self.dir, name, parts)
    }

    /// What an agent remembered here; a clean slate where none did.
    pub(super) fn load(&self) -> Result<Saved, StoreError> {
        let path = self.dir.join("agent.json");
        let damaged = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Damaged {
            path: path.clone(),
            source,
        };
        match fs::read(&path) {
            Ok(bytes) => {
                let saved: Saved =
                    serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?;
                if saved.format != FORMAT {
                    return Err(damaged(
                        format!("format {}, expected {FORMAT}", saved.format).into(),
                    ));
                }
                if !saved.route.is_valid() {
                    return Err(damaged("its route does not sum to 10000".into()));
                }
                Ok(saved)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Saved {
                format: FORMAT,
                agent: fresh_name(),
                newest_token: 0,
                lease: None,
                route: Route::NONE,
                releases: BTreeMap::new(),
                instances: BTreeMap::new(),
                next_spawn: 0,
            }),
            Err(source) => Err(StoreError::Io {
                what: "read",
                path,
                source,
            }),
        }
    }

    /// Forget what an agent remembered here: releases, their files and the
    /// document. Blocks.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { what, path, source }
        };
        for name in ["agent.json", "document"] {
            let path = self.dir.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io("remove", &path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        for name in ["contents", "releases"] {
            let path = self.dir.join(name);
            fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            fs::create_dir(&path).map_err(io("make", &path))?;
        }
        Ok(())
    }

    /// Remember. Blocks.
    pub(super) fn save(&self, saved: &Saved) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(saved).map_err(io::Error::other)?;
        self.write("agent.json", &[&bytes])
    }

    /// The state document. Blocks.
    pub(super) fn load_document(&self) -> Result<Document, StoreError> {
        let path = self.dir.join("document");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Document::default()),
            Err(source) => {
                return Err(StoreError::Io {
                    what: "read",
                    path,
                    source,
                });
            }
        };
        let line = bytes.iter().position(|byte| *byte == b'\n');
        let version = line.and_then(|end| std::str::from_utf8(&bytes[..end]).ok()?.parse().ok());
        match (line, version) {
            (Some(end), Some(version)) => Ok(Document {
                version,
                bytes: bytes[end + 1..].to_vec(),
            }),
            _ => Err(StoreError::Damaged {
                path,
                source: "its first line is no version".into(),
            }),
        }
    }

    /// Replace the state document. Blocks.
    pub(super) fn save_document(&self, document: &Document) -> io::Result<()> {
        let line = format!("{}\n", document.version);
        self.write("document", &[line.as_bytes(), &document.bytes])
    }
}

/// A name that no other agent has.
fn fresh_name() -> String {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("{nanos:x}-{:x}", std::process::id())
}

/// Write a file so that it is old or new, whatever happens.
fn write_whole(dir: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let beside = dir.join(format!("{name}.new"));
    let written = (|| {
        let mut file = File::create(&beside)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&beside, dir.join(name))?;
        File::open(dir)?.sync_all()
    })();
    if written.is_err() {
        // On a full disk the half-written file is in the way of the next try.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let mut saved = store.load().unwrap();
        saved.newest_token = 7;
        saved.route = Route::all(Digest::from_bytes([1; 32]));
        store.save(&saved).unwrap();
        assert_eq!(store.load().unwrap(), saved);
        let document = Document {
            version: 3,
            bytes: b"a\nb".to_vec(),
        };
        assert_eq!(store.load_document().unwrap(), Document::default());
        store.save_document(&document).unwrap();
        assert_eq!(store.load_document().unwrap(), document);
    }

    #[test]
    fn what_is_cleared_is_as_if_it_never_was() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.clear().unwrap();
        let mut saved = store.load().unwrap();
        saved.newest_token = 7;
        store.save(&saved).unwrap();
        fs::write(store.dir().join("contents/a"), "a").unwrap();
        fs::write(store.dir().join("document"), "damaged").unwrap();
        store.clear().unwrap();
        assert_eq!(store.load().unwrap().newest_token, 0);
        assert_eq!(store.load_document().unwrap(), Document::default());
        assert!(!store.dir().join("contents/a").exists());
    }

    #[test]
    fn a_second_agent_on_the_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        let refusal = Store::open(dir.path()).unwrap_err().to_string();
        assert!(
            refusal.starts_with(&format!("another agent (pid {})", std::process::id())),
            "{refusal}"
        );
    }

    #[test]
    fn a_directory_that_was_let_go_is_another_agents() {
        let dir = tempfile::tempdir().unwrap();
        let first = Store::open(dir.path()).unwrap();
        let saved = first.load().unwrap();
        first.close();
        let second = Store::open(dir.path()).unwrap();
        assert!(first.save(&saved).is_err() && first.is_closed());
        second.save(&saved).unwrap();
    }

    #[test]
    fn a_damaged_state_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for (name, text) in [
            ("agent.json", "{\"format\": 9}"),
            ("document", "no version\n"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
            assert!(
                matches!(
                    (store.load(), store.load_document()),
                    (Err(StoreError::Damaged { .. }), _) | (_, Err(StoreError::Damaged { .. }))
                ),
                "{name}"
            );
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), text);
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
}

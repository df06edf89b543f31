//! Compiled components on disk. Native code is loaded from here, so a file
//! counts only if this user alone can write it and this host has sealed it.
//!
//! The seal is a keyed hash over the name of the entry and the identity of its
//! file: device, inode, size and the time of its last change, which nobody can
//! choose. A file that was restored from an archive, copied or changed has
//! another identity and is compiled again. The key lies outside of the cache
//! folder, so that whoever can fill a cache for others cannot seal.

use std::fs::{DirBuilder, File, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags, openat};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::native::{self, Native};
use crate::release::SecretKey;

/// Where compiled components are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; made with mode 0700 where it is missing. Never one that a
    /// checkout or a job of somebody else can write.
    pub folder: PathBuf,
    /// The key of the seals, outside of the folder; made where it is missing.
    pub key_file: PathBuf,
    /// All files together; what was not used for longest goes first.
    pub limit_bytes: u64,
}

impl CacheOptions {
    /// A folder and a key file, and half a gibibyte.
    pub fn new(folder: PathBuf, key_file: PathBuf) -> CacheOptions {
        CacheOptions {
            folder,
            key_file,
            limit_bytes: 512 << 20,
        }
    }
}

/// A use is noted at most so often; it only orders what goes first.
const NOTED_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Cache {
    /// Held open, so that nobody can put another folder in its place.
    folder: File,
    key: SecretKey,
    limit_bytes: u64,
}

impl Cache {
    /// Open the folder, or say why it cannot be trusted.
    pub(super) fn open(options: &CacheOptions) -> Result<Cache, String> {
        let path = options.folder.display();
        let failed = |error: std::io::Error| format!("{path}: {error}");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&options.folder)
            .map_err(failed)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&options.folder, flags, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        let folder = File::from(folder);
        check_ours(&folder.metadata().map_err(failed)?, "the folder")
            .map_err(|why| format!("{path}: {why}"))?;
        let key_path = options.key_file.display();
        let key = SecretKey::load(&options.key_file).map_err(|error| error.to_string())?;
        let key_meta = options.key_file.symlink_metadata().map_err(failed)?;
        check_ours(&key_meta, "the key").map_err(|why| format!("{key_path}: {why}"))?;
        Ok(Cache {
            folder,
            key,
            limit_bytes: options.limit_bytes,
        })
    }

    /// The component of an entry; `None` where there is none that is sealed,
    /// whole and fits this engine. One that does not is removed.
    pub(super) fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let code = self.open_file(&code_file(name)).ok()?;
        let loaded = self.load_open(engine, name, &code);
        if loaded.is_none() {
            self.remove(name);
        }
        loaded
    }

    fn load_open(&self, engine: &Engine, name: &str, code: &File) -> Option<Component> {
        let meta = code.metadata().ok()?;
        check_ours(&meta, "the file").ok()?;
        let mut seal_file = self.open_file(&seal_file(name)).ok()?;
        let seal_meta = seal_file.metadata().ok()?;
        check_ours(&seal_meta, "the seal").ok()?;
        let mut seal = Vec::with_capacity(32);
        std::io::Read::read_to_end(&mut std::io::Read::take(&mut seal_file, 33), &mut seal).ok()?;
        if seal != self.seal(name, &meta) {
            return None;
        }
        note_use(&seal_file, &seal_meta);
        // By its descriptor: the file that was checked is the one that is mapped.
        native::open(engine, &Native::File(&path_of(code))).ok()
    }

    /// Keep the code of an entry. A file appears whole or not at all.
    pub(super) fn save(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        let folder = path_of(&self.folder);
        let place = |content: &[u8], file: &str| {
            // Made with mode 0600.
            let mut draft = tempfile::NamedTempFile::new_in(&folder)?;
            draft.write_all(content)?;
            draft.as_file().sync_all()?;
            draft
                .persist(folder.join(file))
                .map_err(|error| error.error)
        };
        let written = place(code, &code_file(name))?;
        // After it has got its name, which changes its identity.
        let seal = self.seal(name, &written.metadata()?);
        place(&seal, &seal_file(name))?;
        self.make_room(name)
    }

    /// Remove what was not used for longest, except for one entry.
    fn make_room(&self, keep: &str) -> std::io::Result<()> {
        let mut entries = Vec::new();
        let mut total = 0;
        for entry in std::fs::read_dir(path_of(&self.folder))? {
            let entry = entry?;
            let file = entry.file_name();
            let (Some(file), Ok(meta)) = (file.to_str(), entry.metadata()) else {
                continue;
            };
            total += meta.len();
            if !file.ends_with(CODE) && !file.ends_with(SEAL) {
                // A draft; an old one was left by a host that was killed.
                let age = meta.modified().ok().and_then(|at| at.elapsed().ok());
                if age.is_some_and(|age| age > NOTED_EVERY) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
            if let Some(name) = file.strip_suffix(CODE) {
                let used = self.open_file(&seal_file(name));
                let used = used.and_then(|seal| seal.metadata()?.modified());
                let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
                entries.push((used, meta.len(), name.to_string()));
            }
        }
        entries.sort();
        for (_, size, name) in entries.iter().filter(|(.., name)| name != keep) {
            if total <= self.limit_bytes {
                break;
            }
            self.remove(name);
            total -= size;
        }
        Ok(())
    }

    fn seal(&self, name: &str, meta: &Metadata) -> [u8; 32] {
        let identity = [
            meta.dev(),
            meta.ino(),
            meta.size(),
            meta.ctime() as u64,
            meta.ctime_nsec() as u64,
        ]
        .map(u64::to_le_bytes);
        self.key.hmac(&[name.as_bytes(), &identity.concat()])
    }

    fn open_file(&self, name: &str) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name, flags, Mode::empty())?.into())
    }

    fn remove(&self, name: &str) {
        for file in [code_file(name), seal_file(name)] {
            // Nothing there is what is wanted.
            let _ = std::fs::remove_file(path_of(&self.folder).join(file));
        }
    }
}

const CODE: &str = ".code";
const SEAL: &str = ".seal";

fn code_file(name: &str) -> String {
    format!("{name}{CODE}")
}

fn seal_file(name: &str) -> String {
    format!("{name}{SEAL}")
}

fn path_of(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

/// Whether this user owns it and nobody else can write or read it.
fn check_ours(meta: &Metadata, what: &str) -> Result<(), String> {
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("{what} belongs to somebody else"));
    }
    match meta.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(format!("{what} is open to others (chmod go= helps)")),
    }
}

fn note_use(seal: &File, meta: &Metadata) {
    let now = SystemTime::now();
    let used = meta.modified().ok();
    let is_old = used
        .and_then(|used| now.duration_since(used).ok())
        .is_some_and(|age| age > NOTED_EVERY);
    if is_old {
        // Fails on a descriptor for reading on some systems; then it counts as old.
        let _ = seal.set_modified(now);
    }
}

//! Where releases are kept on this machine: one folder per digest with
//! `release.json` and `files/`. A folder appears whole, by one rename.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use baepo_core::digest::Digest;
use baepo_core::hook::BuiltFile;
use baepo_core::release::{Artifact, Release, Revision};
use baepo_core::time::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::{FileEntry, How, Manifest, Origin};
use super::secret::Secret;
use super::{ReleaseError, io_error};
use crate::target::{StagedFile, Staging, Workload};

/// How many releases are kept of each environment.
const KEPT: usize = 5;

/// What `release.json` says. No value of a secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// SHA-256 of the manifest's canonical text.
    pub digest: Digest,
    /// What the digest covers.
    pub manifest: Manifest,
    /// The newest commit that was built into this.
    pub revision: Revision,
    /// Where built files were, relative to the checkout, by name.
    pub paths: BTreeMap<String, String>,
    /// When it was last prepared.
    pub recorded_at: Time,
}

impl Record {
    /// What people and plugins need to know of it.
    pub fn release(&self) -> Release {
        let artifact = |file: &FileEntry| Artifact {
            name: file.name.clone(),
            path: self.paths.get(&file.name).cloned().unwrap_or_default(),
            size_bytes: file.size_bytes,
            sha256: file.sha256,
            media_type: file.media_type.clone(),
        };
        Release {
            digest: self.digest,
            revision: self.revision.clone(),
            artifacts: self.manifest.files.iter().map(artifact).collect(),
        }
    }
}

/// A folder of releases, `.baepo/releases` unless said otherwise.
#[derive(Debug, Clone)]
pub struct ReleaseStore {
    folder: PathBuf,
}

/// A release of the store, read and checked.
#[derive(Debug, Clone)]
pub struct StoredRelease {
    /// What it is.
    pub record: Record,
    files: PathBuf,
}

/// What came of clearing up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Removed, oldest first.
    pub removed: Vec<Digest>,
}

/// A release in the making. Dropped without being kept, it is gone.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: tempfile::TempDir,
}

impl ReleaseStore {
    /// The store in this folder, which is made when something is kept.
    pub fn new(folder: impl Into<PathBuf>) -> ReleaseStore {
        ReleaseStore {
            folder: folder.into(),
        }
    }

    pub(crate) fn begin(&self) -> Result<Draft, ReleaseError> {
        fs::create_dir_all(&self.folder).map_err(io_error("make", &self.folder))?;
        let folder = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(&self.folder);
        let folder = folder.map_err(io_error("write in", &self.folder))?;
        let files = folder.path().join("files");
        fs::create_dir(&files).map_err(io_error("make", &files))?;
        Ok(Draft { folder })
    }

    /// Put a draft in its place. A release that is there and whole stays, with
    /// the record of the newest revision; a damaged one is replaced.
    pub(crate) fn keep(&self, draft: Draft, record: Record) -> Result<StoredRelease, ReleaseError> {
        let place = self.folder.join(record.digest.hex());
        if place.exists() && self.open(record.digest).is_err() {
            fs::remove_dir_all(&place).map_err(io_error("remove", &place))?;
        }
        match place.exists() {
            true => write_record(&place, &record)?,
            false => {
                write_record(draft.folder.path(), &record)?;
                let path = draft.folder.keep();
                fs::rename(&path, &place).map_err(io_error("rename to", &place))?;
                sync_folder(&self.folder)?;
            }
        }
        Ok(StoredRelease {
            record,
            files: place.join("files"),
        })
    }

    /// The release of this digest. Its manifest and every file are hashed
    /// again, so that a release that came from elsewhere is what it says.
    ///
    /// # Errors
    /// It is not there, or it is damaged.
    pub fn open(&self, digest: Digest) -> Result<StoredRelease, ReleaseError> {
        let place = self.folder.join(digest.hex());
        let damaged = |what: String| ReleaseError::Damaged {
            digest: digest.short(),
            what,
        };
        let record = read_record(&place)?.ok_or_else(|| ReleaseError::Unknown {
            wanted: digest.short(),
        })?;
        if record.digest != digest || record.manifest.digest() != digest {
            return Err(damaged("its manifest has another digest".to_owned()));
        }
        let files = place.join("files");
        for file in &record.manifest.files {
            let found = hash_file(&files.join(&file.name));
            if found.ok() != Some((file.sha256, file.size_bytes)) {
                return Err(damaged(format!(
                    "`{}` is missing or has another digest",
                    file.name
                )));
            }
        }
        Ok(StoredRelease { record, files })
    }

    /// Everything that is kept, newest first. Folders that are no release are
    /// left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Record>, ReleaseError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("read", &self.folder)(error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io_error("read", &self.folder))?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                records.extend(read_record(&entry.path()).ok().flatten());
            }
        }
        records.sort_by_key(|record| (std::cmp::Reverse(record.recorded_at), record.digest));
        Ok(records)
    }

    /// The record whose digest begins with this text, with or without `sha256:`.
    ///
    /// # Errors
    /// None or more than one begins so.
    pub fn find(&self, begin: &str) -> Result<Record, ReleaseError> {
        let hex = begin
            .strip_prefix("sha256:")
            .unwrap_or(begin)
            .to_lowercase();
        let wanted = begin.to_owned();
        let mut found = self
            .list()?
            .into_iter()
            .filter(|record| !hex.is_empty() && record.digest.hex().starts_with(&hex));
        match (found.next(), found.next()) {
            (Some(record), None) => Ok(record),
            (None, _) => Err(ReleaseError::Unknown { wanted }),
            (Some(_), Some(_)) => Err(ReleaseError::Ambiguous { wanted }),
        }
    }

    /// Keep the newest 5 releases of an environment and those in use, remove
    /// its others.
    ///
    /// # Errors
    /// A folder cannot be read or removed.
    pub fn clear(
        &self,
        app: &str,
        environment: &str,
        in_use: &BTreeSet<Digest>,
    ) -> Result<Kept, ReleaseError> {
        let is_ours = |record: &Record| {
            record.manifest.app == app && record.manifest.environment == environment
        };
        let records = self.list()?.into_iter().filter(is_ours);
        let mut kept = Kept::default();
        for record in records
            .skip(KEPT)
            .filter(|record| !in_use.contains(&record.digest))
        {
            let place = self.folder.join(record.digest.hex());
            fs::remove_dir_all(&place).map_err(io_error("remove", &place))?;
            kept.removed.insert(0, record.digest);
        }
        Ok(kept)
    }
}

impl StoredRelease {
    /// Everything that a target needs; `secrets` by the variable that carries
    /// them, of those that the release names.
    pub fn staging(&self, secrets: &BTreeMap<String, Secret>) -> Staging {
        let manifest = &self.record.manifest;
        let named = secrets
            .iter()
            .filter(|(variable, _)| manifest.secrets.contains_key(*variable));
        let secret_env = named
            .map(|(variable, secret)| (variable.clone(), secret.expose().to_owned()))
            .collect();
        let env = manifest.env.clone().into_iter().collect();
        Staging {
            release: self.record.release(),
            workload: match &manifest.how {
                How::Run(run) => run.workload(env, secret_env),
                // It knows from its settings, and opens secrets by itself.
                How::Target(_) => Workload::default(),
            },
            manifest: manifest.canonical_text(),
            files: manifest
                .files
                .iter()
                .map(|file| StagedFile {
                    name: file.name.clone(),
                    sha256: file.sha256,
                    executable: file.executable,
                    source: self.files.join(&file.name),
                })
                .collect(),
        }
    }
}

impl Draft {
    /// A built file, copied and then measured.
    pub(crate) fn add_copy(
        &self,
        built: &BuiltFile,
        source: &Path,
        is_program: bool,
    ) -> Result<FileEntry, ReleaseError> {
        let place = self.folder.path().join("files").join(&built.name);
        fs::copy(source, &place).map_err(io_error("copy", source))?;
        let metadata = fs::metadata(&place).map_err(io_error("read", &place))?;
        // An artifact that travelled between jobs lost its mode on the way.
        let executable = is_program || metadata.permissions().mode() & 0o111 != 0;
        let media_type = match built.media_type.as_str() {
            "" => "application/octet-stream",
            given => given,
        };
        self.finish(&place, executable, &built.name, media_type, Origin::Built)
    }

    /// A rendered file.
    pub(crate) fn add_text(&self, name: &str, text: &str) -> Result<FileEntry, ReleaseError> {
        let place = self.folder.path().join("files").join(name);
        fs::write(&place, text).map_err(io_error("write", &place))?;
        self.finish(&place, false, name, "text/plain", Origin::Rendered)
    }

    fn finish(
        &self,
        place: &Path,
        executable: bool,
        name: &str,
        media_type: &str,
        origin: Origin,
    ) -> Result<FileEntry, ReleaseError> {
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(place, fs::Permissions::from_mode(mode))
            .map_err(io_error("change", place))?;
        let file = File::open(place).map_err(io_error("open", place))?;
        file.sync_all().map_err(io_error("sync", place))?;
        let (sha256, size_bytes) = hash_file(place).map_err(io_error("read", place))?;
        Ok(FileEntry {
            name: name.to_owned(),
            sha256,
            size_bytes,
            executable,
            media_type: media_type.to_owned(),
            origin,
        })
    }
}

pub(super) fn hash_file(path: &Path) -> std::io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((Digest::from_bytes(hash.finalize().into()), size)),
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

fn read_record(place: &Path) -> Result<Option<Record>, ReleaseError> {
    let path = place.join("release.json");
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| ReleaseError::Damaged {
                    digest: place
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    what: format!("release.json cannot be read: {error}"),
                })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", &path)(error)),
    }
}

fn write_record(place: &Path, record: &Record) -> Result<(), ReleaseError> {
    let path = place.join("release.json");
    let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
    text.push(b'\n');
    let mut draft = tempfile::NamedTempFile::new_in(place).map_err(io_error("write in", place))?;
    let written = draft
        .write_all(&text)
        .and_then(|()| draft.as_file().sync_all());
    written.map_err(io_error("write", &path))?;
    draft
        .persist(&path)
        .map_err(|error| io_error("write", &path)(error.error))?;
    sync_folder(place)
}

fn sync_folder(folder: &Path) -> Result<(), ReleaseError> {
    let file = File::open(folder).map_err(io_error("open", folder))?;
    file.sync_all().map_err(io_error("sync", folder))
}

//! Staged files: contents by their digest, and a folder per release in which
//! its instances run.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::protocol;

/// The files under the state directory.
#[derive(Debug, Clone)]
pub(super) struct Depot {
    dir: PathBuf,
}

impl Depot {
    pub(super) fn new(dir: &Path) -> Depot {
        Depot {
            dir: dir.to_owned(),
        }
    }

    fn content(&self, digest: Digest) -> PathBuf {
        self.dir.join("contents").join(digest.hex())
    }

    fn release(&self, digest: Digest) -> PathBuf {
        self.dir.join("releases").join(digest.hex())
    }

    /// The folder that holds the files of a release.
    pub(super) fn files(&self, digest: Digest) -> PathBuf {
        self.release(digest).join("files")
    }

    /// Where an instance writes.
    pub(super) fn log(&self, instance: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{instance}.log"))
    }

    pub(super) fn has(&self, digest: Digest) -> bool {
        self.content(digest).is_file()
    }

    /// A place to write a content to before its digest is known to be right.
    pub(super) fn upload(&self, digest: Digest) -> io::Result<Incoming> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let beside = self
            .dir
            .join("contents")
            .join(format!("{}.{number}.new", digest.hex()));
        let file = File::create(&beside)?;
        Ok(Incoming {
            file,
            beside,
            place: self.content(digest),
            digest,
            hash: Sha256::new(),
        })
    }

    /// Lay out a release from its contents. Blocks. What is there already is
    /// replaced only if a file is missing or changed.
    pub(super) fn lay_out(
        &self,
        digest: Digest,
        files: &[protocol::File],
        secret_env: &[(String, String)],
    ) -> Result<(), String> {
        for file in files {
            check_name(&file.name)?;
        }
        let said = |what: &str, error: io::Error| format!("cannot {what} the release: {error}");
        let place = self.release(digest);
        let folder = place.join("files");
        fs::create_dir_all(&folder).map_err(|error| said("stage", error))?;
        for file in files {
            let path = folder.join(&file.name);
            if hash(&path).is_ok_and(|found| found == file.sha256) {
                continue;
            }
            self.put(&path, file)
                .map_err(|error| said("stage", error))?;
            let found = hash(&path).map_err(|error| said("read", error))?;
            if found != file.sha256 {
                // The content went bad since it came; it has to come again.
                let _ = fs::remove_file(self.content(file.sha256));
                let _ = fs::remove_file(&path);
                return Err(format!(
                    "the content of `{}` is damaged; stage it again",
                    file.name
                ));
            }
        }
        write_secrets(&place, secret_env).map_err(|error| said("keep the secrets of", error))
    }

    fn put(&self, path: &Path, file: &protocol::File) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Beside and renamed: a process may be running the old one.
        let beside = path.with_extension("baepo-new");
        fs::copy(self.content(file.sha256), &beside)?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&beside, fs::Permissions::from_mode(mode))?;
        File::open(&beside)?.sync_all()?;
        fs::rename(&beside, path)
    }

    /// Values of secret variables of a release.
    pub(super) fn secrets(&self, digest: Digest) -> io::Result<Vec<(String, String)>> {
        let bytes = fs::read(self.release(digest).join("secrets.json"))?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }

    /// Forget a release and the contents that no other needs. Blocks.
    pub(super) fn discard(&self, digest: Digest, unused: &[Digest]) -> io::Result<()> {
        match fs::remove_dir_all(self.release(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for content in unused {
            let _ = fs::remove_file(self.content(*content));
        }
        Ok(())
    }
}

/// A content on its way in; removed unless it is finished.
#[derive(Debug)]
pub(super) struct Incoming {
    file: File,
    beside: PathBuf,
    place: PathBuf,
    digest: Digest,
    hash: Sha256,
}

impl Incoming {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    /// Keep it if it is what it was said to be. Blocks.
    pub(super) fn finish(self) -> io::Result<()> {
        let found = Digest::from_bytes(self.hash.clone().finalize().into());
        if found != self.digest {
            return Err(io::Error::other(format!(
                "it is {found}, not {}",
                self.digest
            )));
        }
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.place)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside);
    }
}

fn write_secrets(place: &Path, secret_env: &[(String, String)]) -> io::Result<()> {
    let beside = place.join("secrets.new");
    let _ = fs::remove_file(&beside);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec(secret_env).map_err(io::Error::other)?)?;
    file.sync_all()?;
    fs::rename(beside, place.join("secrets.json"))
}

/// Names stay inside the folder of the release.
fn check_name(name: &str) -> Result<(), String> {
    let mut parts = Path::new(name).components().peekable();
    let is_inside =
        parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
    if is_inside {
        Ok(())
    } else {
        Err(format!("`{name}` is no name for a file of a release"))
    }
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depot() -> (tempfile::TempDir, Depot) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("contents")).unwrap();
        let depot = Depot::new(dir.path());
        (dir, depot)
    }

    fn digest_of(bytes: &[u8]) -> Digest {
        Digest::from_bytes(Sha256::digest(bytes).into())
    }

    #[test]
    fn a_content_that_is_not_what_it_was_said_to_be_is_not_kept() {
        let (dir, depot) = depot();
        let mut incoming = depot.upload(digest_of(b"rye")).unwrap();
        incoming.write(b"spelt").unwrap();
        assert!(incoming.finish().is_err());
        assert!(!depot.has(digest_of(b"rye")));
        assert_eq!(
            fs::read_dir(dir.path().join("contents")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_release_is_laid_out_with_modes_and_secrets_and_discarded() {
        let (_dir, depot) = depot();
        let (release, content) = (Digest::from_bytes([1; 32]), digest_of(b"rye"));
        let mut incoming = depot.upload(content).unwrap();
        incoming.write(b"rye").unwrap();
        incoming.finish().unwrap();
        let file = |name: &str, executable| protocol::File {
            name: name.into(),
            sha256: content,
            executable,
        };
        let files = [file("shop", true), file("conf/shop.toml", false)];
        let secrets = [("KEY".to_owned(), "s3cret".to_owned())];
        for _ in 0..2 {
            depot.lay_out(release, &files, &secrets).unwrap();
        }
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(depot.files(release).join("shop")), 0o755);
        assert_eq!(mode(depot.files(release).join("conf/shop.toml")), 0o644);
        assert_eq!(mode(depot.release(release).join("secrets.json")), 0o600);
        assert_eq!(depot.secrets(release).unwrap(), secrets);
        depot.discard(release, &[content]).unwrap();
        assert!(!depot.has(content) && !depot.release(release).exists());
    }

    #[test]
    fn names_that_lead_outside_are_refused() {
        let (_dir, depot) = depot();
        for name in ["", "/etc/passwd", "../shop", "a/../../b", "."] {
            let file = protocol::File {
                name: name.into(),
                sha256: digest_of(b""),
                executable: false,
            };
            assert!(
                depot
                    .lay_out(Digest::from_bytes([1; 32]), &[file], &[])
                    .is_err(),
                "{name}"
            );
        }
    }
}

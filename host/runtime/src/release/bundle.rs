//! What one job has built, carried to another: a folder with `bundle.json` and
//! each file under its digest.
//!
//! The digest of `bundle.json` is the digest of the bundle. Whoever unpacks one
//! is told it by somebody else than the bundle, and nothing that differs from it
//! is used: what is rolled out is what was tested.

use std::fs;
use std::path::Path;

use baepo_core::digest::Digest;
use baepo_core::hook::BuiltFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::store::hash_file;
use super::{ReleaseError, io_error, locate_artifact};

/// The form of a bundle.
const FORMAT: &str = "baepo-bundle-1";
/// Its list of files.
const LIST: &str = "bundle.json";
/// The longest list that is read, in bytes.
const LONGEST_LIST: u64 = 1024 * 1024;
/// Where unpacked files are, relative to the checkout.
const UNPACKED: &str = ".baepo/bundle";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct List {
    format: String,
    app: String,
    commit: String,
    files: Vec<Packed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Packed {
    name: String,
    media_type: String,
    sha256: Digest,
}

/// Which bundle, from what.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Name of the application.
    pub app: &'a str,
    /// The commit that was built.
    pub commit: &'a str,
    /// Root of the checkout.
    pub checkout: &'a Path,
}

impl Bundle<'_> {
    /// Pack what was built; the digest of the bundle.
    ///
    /// # Errors
    /// Files that are not there, or the disk.
    pub fn pack(&self, built: &[BuiltFile]) -> Result<Digest, ReleaseError> {
        let folder = self.folder;
        fs::create_dir_all(folder).map_err(io_error("make", folder))?;
        let mut files = Vec::new();
        for file in built {
            let source = locate_artifact(self.checkout, &file.path)?;
            // Copied first and hashed then: what was hashed is what is kept.
            let draft = tempfile::NamedTempFile::new_in(folder)
                .map_err(io_error("write in", folder))?
                .into_temp_path();
            fs::copy(&source, &draft).map_err(io_error("copy", &source))?;
            let (sha256, _) = hash_file(&draft).map_err(io_error("read", &draft))?;
            let place = folder.join(sha256.hex());
            draft
                .persist(&place)
                .map_err(|error| io_error("write", &place)(error.error))?;
            files.push(Packed {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                sha256,
            });
        }
        let list = List {
            format: FORMAT.into(),
            app: self.app.into(),
            commit: self.commit.into(),
            files,
        };
        let text = serde_json::to_vec_pretty(&list).unwrap_or_default();
        let place = folder.join(LIST);
        fs::write(&place, &text).map_err(io_error("write", &place))?;
        Ok(Digest::from_bytes(Sha256::digest(&text).into()))
    }

    /// Take the files of the bundle with this digest into the checkout, below
    /// `.baepo`.
    ///
    /// # Errors
    /// A bundle that is another one, or of something else, or damaged.
    pub fn unpack(&self, digest: Digest) -> Result<Vec<BuiltFile>, ReleaseError> {
        let list = self.list(digest)?;
        let wrong = |what: String| ReleaseError::Bundle {
            folder: self.folder.to_owned(),
            what,
        };
        if list.format != FORMAT {
            return Err(wrong(format!(
                "its form is `{}`, not {FORMAT}",
                list.format
            )));
        }
        if list.app != self.app {
            return Err(wrong(format!(
                "it is of `{}`, not of `{}`",
                list.app, self.app
            )));
        }
        if list.commit != self.commit {
            return Err(wrong(format!(
                "it was built from {}, and {} is checked out",
                list.commit, self.commit
            )));
        }
        let place = self.checkout.join(UNPACKED);
        fs::create_dir_all(&place).map_err(io_error("make", &place))?;
        let mut built = Vec::new();
        for file in list.files {
            let hex = file.sha256.hex();
            let (source, path) = (self.folder.join(&hex), place.join(&hex));
            fs::copy(&source, &path).map_err(io_error("copy", &source))?;
            let (is, _) = hash_file(&path).map_err(io_error("read", &path))?;
            if is != file.sha256 {
                let _ = fs::remove_file(&path);
                return Err(wrong(format!("`{}` is not what was packed", file.name)));
            }
            built.push(BuiltFile {
                name: file.name,
                path: format!("{UNPACKED}/{hex}"),
                media_type: file.media_type,
            });
        }
        Ok(built)
    }

    fn list(&self, digest: Digest) -> Result<List, ReleaseError> {
        let place = self.folder.join(LIST);
        let wrong = |what: String| ReleaseError::Bundle {
            folder: self.folder.to_owned(),
            what,
        };
        let size = fs::metadata(&place)
            .map_err(io_error("read", &place))?
            .len();
        if size > LONGEST_LIST {
            return Err(wrong(format!(
                "{LIST} has {size} bytes, more than {LONGEST_LIST}"
            )));
        }
        let text = fs::read(&place).map_err(io_error("read", &place))?;
        let is = Digest::from_bytes(Sha256::digest(&text).into());
        if is != digest {
            return Err(wrong(format!("its digest is {is}, and {digest} is wanted")));
        }
        serde_json::from_slice(&text).map_err(|error| wrong(format!("{LIST}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Job {
        folder: tempfile::TempDir,
    }

    impl Job {
        fn new() -> Job {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("out")).unwrap();
            fs::write(folder.path().join("out/shop"), "bread").unwrap();
            Job { folder }
        }

        fn bundle<'a>(&'a self, folder: &'a Path, commit: &'a str) -> Bundle<'a> {
            Bundle {
                folder,
                app: "shop",
                commit,
                checkout: self.folder.path(),
            }
        }
    }

    fn built() -> BuiltFile {
        BuiltFile {
            name: "shop".into(),
            path: "out/shop".into(),
            media_type: String::new(),
        }
    }

    #[test]
    fn what_was_packed_is_what_is_unpacked() {
        let (one, two) = (Job::new(), Job::new());
        let carried = tempfile::tempdir().unwrap();
        let digest = one.bundle(carried.path(), "abc").pack(&[built()]).unwrap();
        fs::remove_file(two.folder.path().join("out/shop")).unwrap();
        let files = two.bundle(carried.path(), "abc").unpack(digest).unwrap();
        let text = fs::read_to_string(two.folder.path().join(&files[0].path)).unwrap();
        assert_eq!((files[0].name.as_str(), text.as_str()), ("shop", "bread"));
    }

    #[test]
    fn what_differs_is_not_used() {
        let one = Job::new();
        let carried = tempfile::tempdir().unwrap();
        let digest = one.bundle(carried.path(), "abc").pack(&[built()]).unwrap();
        let why = |commit, digest| {
            let bundle = one.bundle(carried.path(), commit);
            bundle.unpack(digest).unwrap_err().to_string()
        };
        let other = Digest::from_bytes([7; 32]);
        assert!(why("abc", other).contains("is wanted"));
        assert!(why("def", digest).contains("it was built from abc, and def is checked out"));
        let list = fs::read_to_string(carried.path().join(LIST)).unwrap();
        let file = list
            .split("sha256:")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        fs::write(carried.path().join(file), "stones").unwrap();
        assert!(why("abc", digest).contains("`shop` is not what was packed"));
        fs::write(carried.path().join(LIST), list.replace("shop", "shed")).unwrap();
        assert!(why("abc", digest).contains("is wanted"));
    }
}

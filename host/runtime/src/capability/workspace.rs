//! `workspace`: files of the checkout, by grant, and a folder for each call.
//!
//! All access goes through one directory handle, so that no path, link or `..`
//! leads out of the checkout. `.git` is not there, because credentials are kept
//! in it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, OpenOptions};
use globset::GlobBuilder;

use super::Capability;
use super::permit::Permit;
use crate::plugin::bindings::baepo::hooks::workspace as wit;
use crate::plugin::state::CallState;
use wit::WorkspaceError as Error;

/// Most entries that one listing looks at, and most that it returns.
const MOST_VISITED: usize = 200_000;
const MOST_LISTED: usize = 10_000;

impl wit::Host for CallState {
    async fn read(
        &mut self,
        path: String,
        limit_bytes: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        self.enter("workspace.read");
        let limit = limit_bytes.min(self.limits().file_bytes);
        let result = with_checkout(self, move |checkout| checkout.read(&path, limit)).await;
        self.leave();
        Ok(note_denial(self, result))
    }

    async fn glob(&mut self, pattern: String) -> wasmtime::Result<Result<Vec<wit::Entry>, Error>> {
        self.enter("workspace.glob");
        let result = with_checkout(self, move |checkout| checkout.glob(&pattern)).await;
        self.leave();
        Ok(note_denial(self, result))
    }

    async fn write(
        &mut self,
        path: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.enter("workspace.write");
        let result = with_checkout(self, move |checkout| checkout.write(&path, &content)).await;
        self.leave();
        Ok(note_denial(self, result))
    }

    async fn scratch(&mut self) -> wasmtime::Result<Result<String, Error>> {
        Ok(scratch(self).and_then(|path| {
            let text = path.to_str().map(str::to_string);
            text.ok_or_else(|| Error::Failed("the temporary folder's path is not UTF-8".into()))
        }))
    }

    async fn write_scratch(
        &mut self,
        name: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let folder = match scratch(self) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        Ok(off_thread(move || {
            let dir = open(&folder)?;
            let name = normalize(&name)?;
            dir.write(&name, &content).map_err(|error| io(&error))
        })
        .await)
    }

    async fn read_scratch(
        &mut self,
        name: String,
        limit_bytes: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let folder = match scratch(self) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        let limit = limit_bytes.min(self.limits().file_bytes);
        Ok(off_thread(move || {
            let dir = open(&folder)?;
            read_file(&dir, &normalize(&name)?, limit)
        })
        .await)
    }
}

/// The folder of this call, made when it is first asked for.
fn scratch(state: &mut CallState) -> Result<PathBuf, Error> {
    state
        .scratch()
        .map_err(|error| Error::Failed(format!("no temporary folder could be made: {error}")))
}

fn note_denial<T>(state: &mut CallState, result: Result<T, Error>) -> Result<T, Error> {
    if let Err(Error::Denied(what)) = &result {
        let (capability, path) = match what.strip_prefix("write ") {
            Some(path) => (Capability::Write, path),
            None => (Capability::Read, what.strip_prefix("read ").unwrap_or(what)),
        };
        let path = path.to_string();
        state.deny(capability, path);
    }
    result
}

async fn with_checkout<T: Send + 'static>(
    state: &mut CallState,
    action: impl FnOnce(&Checkout) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Some(root) = state.checkout() else {
        return Err(Error::Failed("this call has no checkout".into()));
    };
    let permit = state.shared_permit();
    off_thread(move || {
        let dir = open(&root)?;
        action(&Checkout { dir, permit })
    })
    .await
}

/// File calls block, so they leave the threads that run plugins.
async fn off_thread<T: Send + 'static>(
    action: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(action).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Failed("the host is stopping".into())),
        },
    }
}

fn open(folder: &Path) -> Result<Dir, Error> {
    Dir::open_ambient_dir(folder, ambient_authority()).map_err(|error| io(&error))
}

fn io(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound,
        _ => Error::Failed(error.to_string()),
    }
}

/// A relative path without `.` and empty parts.
fn normalize(path: &str) -> Result<String, Error> {
    if path.starts_with('/') || path.contains(['\0', '\\']) {
        return Err(Error::InvalidPath);
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.is_empty() || parts.contains(&"..") {
        return Err(Error::InvalidPath);
    }
    Ok(parts.join("/"))
}

fn is_git(path: &str) -> bool {
    path.split('/')
        .any(|part| part.eq_ignore_ascii_case(".git"))
}

fn read_file(dir: &Dir, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    // A pipe would block and a device would not end.
    if !dir.metadata(path).map_err(|error| io(&error))?.is_file() {
        return Err(Error::Failed("it is not a file".into()));
    }
    let file = dir.open(path).map_err(|error| io(&error))?;
    let mut content = Vec::new();
    let mut limited = file.take(limit.saturating_add(1));
    limited
        .read_to_end(&mut content)
        .map_err(|error| io(&error))?;
    if content.len() as u64 > limit {
        return Err(Error::TooLarge(limit));
    }
    Ok(content)
}

struct Checkout {
    dir: Dir,
    permit: Arc<Permit>,
}

impl Checkout {
    fn check_read(&self, path: &str) -> Result<(), Error> {
        if is_git(path) {
            return Err(Error::NotFound);
        }
        if !self.permit.allows_read(path) {
            return Err(Error::Denied(format!("read {path}")));
        }
        Ok(())
    }

    fn check_write(&self, path: &str) -> Result<(), Error> {
        if is_git(path) || !self.permit.allows_write(path) {
            return Err(Error::Denied(format!("write {path}")));
        }
        Ok(())
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let path = normalize(path)?;
        self.check_read(&path)?;
        // Where links lead inside the checkout counts like what was asked for.
        // Nothing changes links in between but programs that the user granted,
        // and those need no plugin to read a file.
        let real = self.resolve(&path)?;
        self.check_read(&real)?;
        read_file(&self.dir, &real, limit)
    }

    fn resolve(&self, path: &str) -> Result<String, Error> {
        let real = self.dir.canonicalize(path).map_err(|error| io(&error))?;
        match real.to_str() {
            Some(real) => Ok(real.to_string()),
            None => Err(Error::InvalidPath),
        }
    }

    fn glob(&self, pattern: &str) -> Result<Vec<wit::Entry>, Error> {
        let pattern = normalize(pattern)?;
        let matcher = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| Error::Failed(format!("not a pattern: {}", error.kind())))?
            .compile_matcher();
        let fixed: Vec<&str> = pattern
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '{', '[']))
            .collect();
        let parts = pattern.split('/').count();
        let mut found = BTreeMap::new();
        let mut visited = 0;
        // The last part names what is listed and is no folder to look into.
        let start = fixed[..fixed.len().min(parts - 1)].join("/");
        let mut open = vec![start];
        while let Some(folder) = open.pop() {
            for (path, file_type, size) in self.list(&folder)? {
                visited += 1;
                if visited > MOST_VISITED || found.len() >= MOST_LISTED {
                    let message = "too many files; use a pattern that begins with a folder";
                    return Err(Error::Failed(message.into()));
                }
                if matcher.is_match(&path) && self.permit.allows_read(&path) {
                    let kind = kind(file_type);
                    let size_bytes = if kind == wit::Kind::File { size } else { 0 };
                    let entry = wit::Entry {
                        path: path.clone(),
                        kind,
                        size_bytes,
                    };
                    found.insert(path.clone(), entry);
                }
                if file_type.is_dir() {
                    open.push(path);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Paths in one folder; nothing where it is none. Links are not followed.
    fn list(&self, folder: &str) -> Result<Vec<(String, FileType, u64)>, Error> {
        let listing = match folder {
            "" => self.dir.entries(),
            _ if is_git(folder) => return Ok(Vec::new()),
            _ if self.resolve(folder).ok().as_deref() != Some(folder) => return Ok(Vec::new()),
            _ => self.dir.read_dir(folder),
        };
        let listing = match listing {
            Err(error) if matches!(io(&error), Error::NotFound) => return Ok(Vec::new()),
            listing => listing.map_err(|error| io(&error))?,
        };
        let mut entries = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|error| io(&error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !is_git(name)) else {
                continue;
            };
            let path = match folder {
                "" => name.to_string(),
                _ => format!("{folder}/{name}"),
            };
            // What vanishes while it is listed is not there.
            if let Ok(metadata) = entry.metadata() {
                entries.push((path, metadata.file_type(), metadata.len()));
            }
        }
        Ok(entries)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let path = normalize(path)?;
        self.check_write(&path)?;
        let (folder, name) = match path.rsplit_once('/') {
            Some((folder, name)) => (self.resolve_new(folder)?, name),
            None => (String::new(), path.as_str()),
        };
        let real = match folder.as_str() {
            "" => name.to_string(),
            _ => format!("{folder}/{name}"),
        };
        self.check_write(&real)?;
        if !folder.is_empty() {
            self.dir
                .create_dir_all(&folder)
                .map_err(|error| io(&error))?;
        }
        self.replace(&real, content).map_err(|error| io(&error))
    }

    /// Where a folder is, or will be once its missing parts are made.
    fn resolve_new(&self, folder: &str) -> Result<String, Error> {
        match self.resolve(folder) {
            Err(Error::NotFound) => match folder.rsplit_once('/') {
                Some((above, name)) => Ok(format!("{}/{name}", self.resolve_new(above)?)),
                None => Ok(folder.to_string()),
            },
            resolved => resolved,
        }
    }

    /// Write beside it, then rename: readers see the old file or the new one.
    fn replace(&self, path: &str, content: &[u8]) -> std::io::Result<()> {
        let draft = format!("{path}.{}.draft", std::process::id());
        // What a killed run left, or a link that lies in wait, is not written to.
        let _ = self.dir.remove_file(&draft);
        let mut new = OpenOptions::new();
        new.write(true).create_new(true);
        let written = self.dir.open_with(&draft, &new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| self.dir.rename(&draft, &self.dir, path));
        if renamed.is_err() {
            // The draft may be there or not; the first error is the one to tell.
            let _ = self.dir.remove_file(&draft);
        }
        renamed
    }
}

fn kind(file_type: FileType) -> wit::Kind {
    if file_type.is_file() {
        wit::Kind::File
    } else if file_type.is_dir() {
        wit::Kind::Directory
    } else {
        wit::Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::super::grants::Grants;
    use super::*;
    use std::os::unix::fs::symlink;

    fn checkout(read: &[&str], write: &[&str]) -> (tempfile::TempDir, Checkout) {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in [".git", "src/deep", "out"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            ".git/config",
            "Cargo.toml",
            "src/main.rs",
            "src/deep/a.rs",
            "private",
        ] {
            std::fs::write(at(file), file).unwrap();
        }
        symlink("/etc/passwd", at("src/passwd")).unwrap();
        symlink("../.git/config", at("src/config")).unwrap();
        symlink("../private", at("src/private")).unwrap();
        symlink("main.rs", at("src/link.rs")).unwrap();
        symlink("../.git", at("out/git")).unwrap();
        symlink("/tmp", at("out/tmp")).unwrap();
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let grants = Grants {
            read: patterns(read),
            write: patterns(write),
            ..Grants::default()
        };
        let dir = open(root.path()).unwrap();
        let permit = Arc::new(Permit::from(grants));
        (root, Checkout { dir, permit })
    }

    #[test]
    fn only_granted_files_are_read() {
        let (_root, checkout) = checkout(&["src", "Cargo.toml"], &[]);
        assert_eq!(checkout.read("src/main.rs", 99).unwrap(), b"src/main.rs");
        assert_eq!(checkout.read("./src//link.rs", 99).unwrap(), b"src/main.rs");
        let said = |path, limit| format!("{:?}", checkout.read(path, limit).unwrap_err());
        assert_eq!(
            said("private", 99),
            r#"WorkspaceError::Denied("read private")"#
        );
        assert_eq!(said("src/main.rs", 3), "WorkspaceError::TooLarge(3)");
        assert_eq!(said("src/none", 3), "WorkspaceError::NotFound");
        assert!(matches!(checkout.read("src", 99), Err(Error::Failed(_))));
    }

    #[test]
    fn no_path_leads_out_or_to_git() {
        let (_root, checkout) = checkout(&["."], &["."]);
        for path in ["/etc/passwd", "../x", "src/../../x", "", ".", "a\\b", "a\0"] {
            let answer = checkout.read(path, 99);
            assert!(matches!(answer, Err(Error::InvalidPath)), "{path}");
        }
        for path in [".git/config", ".GIT/config", "src/config"] {
            let answer = checkout.read(path, 99);
            assert!(matches!(answer, Err(Error::NotFound)), "{path}");
        }
        assert!(checkout.read("src/passwd", 99).is_err());
        assert!(checkout.write(".git/hooks/x", b"").is_err());
        assert!(checkout.write("out/git/x", b"").is_err());
        assert!(checkout.write("out/tmp/x", b"").is_err());
    }

    #[test]
    fn a_link_needs_a_grant_for_what_it_leads_to() {
        let (_root, checkout) = checkout(&["src"], &[]);
        let answer = checkout.read("src/private", 99);
        assert!(matches!(answer, Err(Error::Denied(what)) if what == "read private"));
    }

    #[test]
    fn a_listing_has_what_is_granted_and_nothing_else() {
        let (_root, checkout) = checkout(&["src/**/*.rs"], &[]);
        let paths = |pattern| {
            let entries = checkout.glob(pattern).unwrap();
            entries
                .into_iter()
                .map(|entry| entry.path)
                .collect::<Vec<_>>()
        };
        assert_eq!(paths("**"), ["src/deep/a.rs", "src/link.rs", "src/main.rs"]);
        assert_eq!(paths("src/*.rs"), ["src/link.rs", "src/main.rs"]);
        assert_eq!(paths("src/main.rs"), ["src/main.rs"]);
        assert_eq!(paths("nothing/*"), Vec::<String>::new());
        assert_eq!(paths(".git/*"), Vec::<String>::new());
    }

    #[test]
    fn a_file_is_written_whole_with_its_folders() {
        let (root, checkout) = checkout(&[], &["out"]);
        checkout.write("out/a/b.txt", b"one").unwrap();
        checkout.write("out/a/b.txt", b"two").unwrap();
        let folder = root.path().join("out/a");
        assert_eq!(std::fs::read(folder.join("b.txt")).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
        let answer = checkout.write("src/x", b"");
        assert!(matches!(answer, Err(Error::Denied(what)) if what == "write src/x"));
    }
}

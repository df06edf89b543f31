//! The files of a checkout, below one directory handle and never through a
//! link that was not asked about.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, OpenOptions};
use globset::GlobBuilder;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

use crate::capability::permit::Permit;
use crate::plugin::bindings::baepo::hooks::workspace as wit;
use wit::WorkspaceError as Error;

/// Most entries that one listing looks at, and most that it returns.
const MOST_VISITED: usize = 200_000;
const MOST_LISTED: usize = 10_000;

pub(super) fn open(folder: &Path) -> Result<Dir, Error> {
    Dir::open_ambient_dir(folder, ambient_authority()).map_err(|error| io(&error))
}

pub(super) fn io(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound,
        _ => Error::Failed(error.to_string()),
    }
}

/// A relative path without `.` and empty parts.
pub(super) fn normalize(path: &str) -> Result<String, Error> {
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

/// How a file is opened whose kind is not known yet: a pipe must not block.
pub(super) const CAREFULLY: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// What is read from an open file: what it is was asked of the handle, so that
/// nothing can take its place in between.
pub(super) fn read_file(file: File, limit: u64) -> Result<Vec<u8>, Error> {
    // A pipe would block and a device would not end.
    if !file.metadata().map_err(|error| io(&error))?.is_file() {
        return Err(Error::Failed("it is not a file".into()));
    }
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

/// A piece of an open file.
fn read_part(mut file: File, offset: u64, limit: u64) -> Result<wit::Part, Error> {
    let metadata = file.metadata().map_err(|error| io(&error))?;
    if !metadata.is_file() {
        return Err(Error::Failed("it is not a file".into()));
    }
    let mut content = Vec::new();
    if offset < metadata.len() {
        file.seek(SeekFrom::Start(offset))
            .map_err(|error| io(&error))?;
        let mut limited = file.take(limit);
        limited
            .read_to_end(&mut content)
            .map_err(|error| io(&error))?;
    }
    Ok(wit::Part {
        content,
        size_bytes: metadata.len(),
    })
}

pub(super) struct Checkout {
    pub(super) dir: Dir,
    pub(super) permit: Arc<Permit>,
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

    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        read_file(self.open_granted(path)?, limit)
    }

    pub(super) fn read_part(
        &self,
        path: &str,
        offset: u64,
        limit: u64,
    ) -> Result<wit::Part, Error> {
        read_part(self.open_granted(path)?, offset, limit)
    }

    fn open_granted(&self, path: &str) -> Result<File, Error> {
        let path = normalize(path)?;
        self.check_read(&path)?;
        // Where links lead inside the checkout counts like what was asked for.
        let real = self.resolve(&path)?;
        self.check_read(&real)?;
        let file = self.open_real(&real)?;
        if self.is_hidden(&file) {
            return Err(Error::NotFound);
        }
        Ok(file)
    }

    /// Open what is at a real path. A link that has taken the place of a part
    /// of it since it was resolved is not followed.
    fn open_real(&self, real: &str) -> Result<File, Error> {
        let (folder, name) = real.rsplit_once('/').unwrap_or(("", real));
        let folder = self.open_folder(folder, false)?;
        let flags = CAREFULLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&folder, name, flags, Mode::empty());
        opened.map(File::from).map_err(|error| io(&error.into()))
    }

    /// Open a folder by its real path, part by part and never through a link.
    /// Missing parts can be made on the way.
    fn open_folder(&self, real: &str, is_made: bool) -> Result<Dir, Error> {
        let no = |error: rustix::io::Errno| match error {
            Errno::LOOP | Errno::NOTDIR => Error::NotFound,
            error => io(&error.into()),
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = openat(&self.dir, ".", flags, Mode::empty()).map_err(no)?;
        for part in real.split('/').filter(|part| !part.is_empty()) {
            if is_made {
                match mkdirat(&folder, part, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(no(error)),
                }
            }
            folder = openat(&folder, part, flags, Mode::empty()).map_err(no)?;
        }
        Ok(Dir::from_std_file(folder.into()))
    }

    /// Whether an open file is git's configuration under another name: a hard
    /// link is not told from the file itself but by its number.
    fn is_hidden(&self, file: &File) -> bool {
        let Ok(found) = fstat(file) else { return true };
        if found.st_nlink < 2 {
            return false;
        }
        [".git/config", ".git/config.worktree", ".git"]
            .iter()
            .any(|path| {
                let hidden = statat(&self.dir, *path, AtFlags::SYMLINK_NOFOLLOW);
                hidden.is_ok_and(|hidden| {
                    (hidden.st_dev, hidden.st_ino) == (found.st_dev, found.st_ino)
                })
            })
    }

    fn resolve(&self, path: &str) -> Result<String, Error> {
        let real = self.dir.canonicalize(path).map_err(|error| io(&error))?;
        match real.to_str() {
            Some(real) => Ok(real.to_string()),
            None => Err(Error::InvalidPath),
        }
    }

    pub(super) fn glob(&self, pattern: &str) -> Result<Vec<wit::Entry>, Error> {
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
    pub(super) fn list(&self, folder: &str) -> Result<Vec<(String, FileType, u64)>, Error> {
        if is_git(folder) {
            return Ok(Vec::new());
        }
        let opened = match self.open_folder(folder, false) {
            Err(Error::NotFound) => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut entries = Vec::new();
        for entry in opened.entries().map_err(|error| io(&error))? {
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

    pub(super) fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
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
        let folder = self.open_folder(&folder, true)?;
        replace(&folder, name, content).map_err(|error| io(&error))
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
}

/// Write beside it, then rename: readers see the old file or the new one, and
/// what has another name of the old one keeps it.
fn replace(folder: &Dir, name: &str, content: &[u8]) -> std::io::Result<()> {
    let draft = format!("{name}.{}.draft", std::process::id());
    // What a killed run left, or a link that lies in wait, is not written to.
    let _ = folder.remove_file(&draft);
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    let written = folder.open_with(&draft, &new).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| folder.rename(&draft, folder, name));
    if renamed.is_err() {
        // The draft may be there or not; the first error is the one to tell.
        let _ = folder.remove_file(&draft);
    }
    renamed
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

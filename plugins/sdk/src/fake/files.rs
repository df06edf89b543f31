//! Files in memory: the checkout, and the scratch folder of a call.

use std::collections::{BTreeMap, BTreeSet};

use super::Host;
use super::pattern::{Pattern, normalize};
use super::wit::workspace::{Entry, Kind, Part, WorkspaceError as Error};

/// Where the scratch folder is, for programs.
pub(super) const SCRATCH: &str = "/scratch";

type Content = Vec<u8>;

#[derive(Default)]
pub(super) struct Files {
    checkout: BTreeMap<String, Content>,
    scratch: BTreeMap<String, Content>,
    readable: Vec<Pattern>,
    writable: Vec<Pattern>,
}

impl Host {
    /// A file of the checkout that may be read, also where it is
    /// `.baepo/output/candidate/NAME.log`, which an instance wrote.
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Host {
        self.file_without_grant(path, content).allow_read(path)
    }

    /// A file of the checkout that may not be read.
    pub fn file_without_grant(self, path: &str, content: impl Into<Vec<u8>>) -> Host {
        self.set_file(path, content);
        self
    }

    /// What may be read, as it would stand under `allow:`. Nothing is there by
    /// that alone.
    pub fn allow_read(self, pattern: &str) -> Host {
        self.world().files.readable.push(Pattern::granted(pattern));
        self
    }

    /// What may be written, as it would stand under `allow:`.
    pub fn allow_write(self, pattern: &str) -> Host {
        self.world().files.writable.push(Pattern::granted(pattern));
        self
    }

    /// Puts a file into the checkout, or another content into it, between two
    /// calls.
    ///
    /// # Panics
    /// Where the path leads out of the checkout.
    pub fn set_file(&self, path: &str, content: impl Into<Vec<u8>>) {
        match normalize(path) {
            Ok(path) => self.world().files.checkout.insert(path, content.into()),
            Err(_) => panic!("`{path}` is not a path inside the checkout"),
        };
    }

    /// What is in a file of the checkout now.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.world().files.checkout.get(path).cloned()
    }

    /// What is in a file of the last call's scratch folder.
    pub fn scratch_content(&self, name: &str) -> Option<Vec<u8>> {
        self.world().files.scratch.get(name).cloned()
    }
}

fn is_git(path: &str) -> bool {
    path.split('/')
        .any(|part| part.eq_ignore_ascii_case(".git"))
}

impl Files {
    /// Before a call: the folder of the last one is gone.
    pub(super) fn begin(&mut self) {
        self.scratch.clear();
    }

    fn may_read(&self, path: &str) -> bool {
        self.readable.iter().any(|granted| granted.covers(path))
    }

    fn readable(&self, path: &str) -> Result<&Content, Error> {
        let path = normalize(path)?;
        if is_git(&path) {
            return Err(Error::NotFound);
        }
        if !self.may_read(&path) {
            return Err(Error::Denied(format!("read {path}")));
        }
        match self.checkout.get(&path) {
            Some(content) => Ok(content),
            None if self.folders().contains(&path) => Err(Error::Failed("it is not a file".into())),
            None => Err(Error::NotFound),
        }
    }

    fn folders(&self) -> BTreeSet<String> {
        let above = |path: &String| -> Vec<String> {
            let ends = path.match_indices('/');
            ends.map(|(end, _)| path[..end].to_owned()).collect()
        };
        self.checkout.keys().flat_map(above).collect()
    }

    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Content, Error> {
        whole(self.readable(path)?, limit)
    }

    pub(super) fn read_part(&self, path: &str, offset: u64, limit: u64) -> Result<Part, Error> {
        let content = self.readable(path)?;
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let rest = &content[index(offset).min(content.len())..];
        Ok(Part {
            content: rest[..index(limit).min(rest.len())].to_vec(),
            size_bytes: content.len() as u64,
        })
    }

    pub(super) fn glob(&self, pattern: &str) -> Result<Vec<Entry>, Error> {
        let pattern = normalize(pattern)?;
        let pattern = Pattern::parse(&pattern)
            .map_err(|why| Error::Failed(format!("not a pattern: {why}")))?;
        let folders = self.folders().into_iter().map(|path| Entry {
            path,
            kind: Kind::Directory,
            size_bytes: 0,
        });
        let files = self.checkout.iter().map(|(path, content)| Entry {
            path: path.clone(),
            kind: Kind::File,
            size_bytes: content.len() as u64,
        });
        let mut entries: Vec<Entry> = folders
            .chain(files)
            .filter(|entry| !is_git(&entry.path))
            .filter(|entry| pattern.matches(&entry.path) && self.may_read(&entry.path))
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    pub(super) fn write(&mut self, path: &str, content: &[u8]) -> Result<(), Error> {
        let path = normalize(path)?;
        if is_git(&path) || !self.writable.iter().any(|granted| granted.covers(&path)) {
            return Err(Error::Denied(format!("write {path}")));
        }
        self.checkout.insert(path, content.to_vec());
        Ok(())
    }

    /// What a program writes: it needs no grant of the plugin's.
    pub(super) fn leave(&mut self, path: &str, content: Content) {
        let (files, path) = match path.strip_prefix(SCRATCH) {
            Some(name) => (&mut self.scratch, name.trim_start_matches('/')),
            None => (&mut self.checkout, path),
        };
        match normalize(path) {
            Ok(path) => files.insert(path, content),
            Err(_) => panic!("a program wrote `{path}`, which is no path inside the checkout"),
        };
    }

    pub(super) fn write_scratch(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.scratch.insert(normalize(name)?, content.to_vec());
        Ok(())
    }

    pub(super) fn read_scratch(&self, name: &str, limit: u64) -> Result<Content, Error> {
        let content = self.scratch.get(&normalize(name)?);
        whole(content.ok_or(Error::NotFound)?, limit)
    }
}

fn whole(content: &Content, limit: u64) -> Result<Content, Error> {
    match content.len() as u64 > limit {
        true => Err(Error::TooLarge(limit)),
        false => Ok(content.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HookError;
    use crate::workspace::{self, glob_files, read, read_part, write};

    fn paths(pattern: &str) -> Vec<String> {
        let files = glob_files(pattern).unwrap();
        files.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn what_is_given_can_be_read_and_nothing_else() {
        let host = Host::new()
            .file("reports/a.xml", "<a/>")
            .file_without_grant("private", "1234")
            .allow_read("src");
        host.run(|| {
            assert_eq!(read("./reports//a.xml", 4), Ok(b"<a/>".to_vec()));
            let too_large = "`reports/a.xml` is too large (3 bytes)".into();
            assert_eq!(read("reports/a.xml", 3), Err(HookError::Failed(too_large)));
            let denied = HookError::Denied("read private".into());
            assert_eq!(read("private", 9), Err(denied));
            let none = HookError::Failed("there is no `src/none`".into());
            assert_eq!(read("src/none", 9), Err(none));
            assert_eq!(paths("**"), ["reports/a.xml"]);
            assert_eq!(paths("*.xml"), Vec::<String>::new());
        });
        assert_eq!(host.denied(), ["read private"]);
    }

    #[test]
    fn a_piece_is_read_from_where_it_is_asked_for() {
        let host = Host::new().file("a.log", "one\ntwo\n");
        let piece = |offset, limit| read_part("a.log", offset, limit).unwrap();
        host.run(|| {
            assert_eq!(piece(4, 3).content, b"two");
            assert_eq!((piece(8, 3).content, piece(8, 3).size_bytes), (vec![], 8));
            host.set_file("a.log", "cut");
            assert_eq!(piece(u64::MAX, 3).size_bytes, 3);
        });
    }

    #[test]
    fn a_file_is_written_where_that_is_granted() {
        let host = Host::new().allow_write("out");
        host.run(|| {
            assert_eq!(write("out/deep/a", b"1"), Ok(()));
            let denied = HookError::Denied("write src/a".into());
            assert_eq!(write("src/a", b"1"), Err(denied));
            assert!(write(".git/hooks/x", b"1").is_err());
        });
        assert_eq!(host.content("out/deep/a").as_deref(), Some(&b"1"[..]));
        assert_eq!(host.content("src/a"), None);
    }

    #[test]
    fn scratch_belongs_to_one_call() {
        let host = Host::new();
        host.run(|| {
            assert_eq!(workspace::scratch().as_deref(), Ok("/scratch"));
            assert_eq!(workspace::write_scratch("load.js", b"{}"), Ok(()));
            assert_eq!(workspace::read_scratch("load.js", 2), Ok(b"{}".to_vec()));
        });
        assert!(host.scratch_content("load.js").is_some());
        let again = host.run(|| workspace::read_scratch("load.js", 2));
        assert_eq!(again, Err(Error::NotFound));
    }
}

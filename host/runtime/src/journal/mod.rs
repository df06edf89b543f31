//! The durable record of a run on this machine: one JSON line per entry.
//!
//! The state that a rollout is resumed from lives with the target. This file is
//! the history: what `baepo history` and reports read, and what is uploaded as
//! an artifact. It is appended and synced line by line; a line that a crash cut
//! short is ignored when read.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use baepo_core::pipeline::{RunEntry, RunRecord};
use baepo_core::time::Time;

/// The journal of one run, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    records: Vec<RunRecord>,
    /// Why the newest append failed, if one did: told once, and the run goes
    /// on, for the state is safe with the target.
    trouble: Option<std::io::Error>,
}

/// Why a journal cannot be read or begun.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system says no.
    #[error("cannot {verb} the journal {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A line that is not the last is no entry.
    #[error("{}:{line} is not a journal entry", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl Journal {
    /// Begin the journal of a run in this folder, which is made if missing.
    ///
    /// # Errors
    /// If the folder or file cannot be made: nothing has happened yet.
    pub fn begin(folder: &Path, run: &str) -> Result<Journal, JournalError> {
        let io = |verb, path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Io { verb, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("make the folder of", folder))?;
        let path = folder.join(format!("{run}.jsonl"));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(io("open", &path))?;
        Ok(Journal {
            path,
            file,
            records: Vec::new(),
            trouble: None,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Append one entry and sync it.
    pub fn append(&mut self, at: Time, entry: RunEntry) -> &RunRecord {
        let record = RunRecord { at, entry };
        let written = serde_json::to_vec(&record)
            .map_err(std::io::Error::other)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.write_all(&line)?;
                self.file.sync_data()
            });
        if let Err(error) = written {
            self.trouble.get_or_insert(error);
        }
        self.records.push(record);
        let newest = self.records.len() - 1;
        &self.records[newest]
    }

    /// Why entries could not be written, told once.
    pub fn take_trouble(&mut self) -> Option<std::io::Error> {
        self.trouble.take()
    }

    /// Everything so far.
    pub fn records(&self) -> &[RunRecord] {
        &self.records
    }
}

/// Read a journal. A last line cut short by a crash is left out.
///
/// # Errors
/// If the file cannot be read, or a line before the last is no entry.
pub fn read(path: &Path) -> Result<Vec<RunRecord>, JournalError> {
    let text = std::fs::read_to_string(path).map_err(|source| JournalError::Io {
        verb: "read",
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// The same for the text of a journal; `path` is what errors call it.
///
/// # Errors
/// If a line before the last is no entry.
pub fn parse(path: &Path, text: &str) -> Result<Vec<RunRecord>, JournalError> {
    let mut records = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) if lines.peek().is_none() => {}
            Err(source) => {
                let path = path.to_owned();
                return Err(JournalError::Line {
                    path,
                    line: index + 1,
                    source,
                });
            }
        }
    }
    Ok(records)
}

/// The journals in a folder, newest first.
///
/// # Errors
/// If the folder exists and cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let path = folder.to_owned();
            return Err(JournalError::Io {
                verb: "list",
                path,
                source,
            });
        }
    };
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| {
            let modified = path.metadata().and_then(|meta| meta.modified());
            (modified.unwrap_or(std::time::UNIX_EPOCH), path)
        })
        .collect();
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use baepo_core::verdict::Level;

    fn note(text: &str) -> RunEntry {
        RunEntry::Note {
            level: Level::Notice,
            text: text.into(),
        }
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), "1").unwrap();
        journal.append(Time(1), note("one"));
        journal.append(Time(2), note("two"));
        let text = std::fs::read_to_string(journal.path()).unwrap();
        std::fs::write(journal.path(), &text[..text.len() - 9]).unwrap();
        assert_eq!(read(journal.path()).unwrap(), journal.records()[..1]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), "1").unwrap();
        journal.append(Time(1), note("one"));
        let text = std::fs::read_to_string(journal.path()).unwrap();
        std::fs::write(journal.path(), format!("{{}}\n{text}")).unwrap();
        let error = read(journal.path()).unwrap_err();
        assert!(
            matches!(error, JournalError::Line { line: 1, .. }),
            "{error}"
        );
    }
}

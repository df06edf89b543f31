//! What instances write. They write to files of their own, not through the
//! agent: a pipe would break when the agent dies, and they with it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use baepo_core::time::Time;

/// Size at which a file is set aside and begun anew; there are at most two.
const FILE_MAX_BYTES: u64 = 8 << 20;

/// Lines kept in memory per instance.
const LINES_MAX: usize = 1_000;

/// Longest line that is kept; what follows is the next line.
const LINE_MAX_BYTES: usize = 4 << 10;

/// The output of one instance, over all its processes.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    read_to: u64,
    unfinished: Vec<u8>,
    lines: VecDeque<(Time, String)>,
}

impl Output {
    /// What an earlier agent has read is read again, from the last of it.
    pub(super) fn new(path: PathBuf) -> Output {
        let length = fs::metadata(&path).map_or(0, |data| data.len());
        let read_to = length.saturating_sub((LINES_MAX * 80) as u64);
        Output {
            path,
            read_to,
            unfinished: Vec::new(),
            lines: VecDeque::new(),
        }
    }

    /// Where a process writes to.
    pub(super) fn open(&self) -> io::Result<File> {
        // Appending, so that a file cut to nothing is written from its start.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
    }

    /// Read what is new and keep the file small. Blocks shortly.
    pub(super) fn refresh(&mut self, now: Time) {
        let Ok(mut file) = File::options().read(true).write(true).open(&self.path) else {
            return;
        };
        let length = file.metadata().map_or(0, |data| data.len());
        if length < self.read_to {
            self.read_to = 0;
        }
        if length > self.read_to && file.seek(SeekFrom::Start(self.read_to)).is_ok() {
            let mut new = Vec::new();
            let read = file
                .by_ref()
                .take(FILE_MAX_BYTES)
                .read_to_end(&mut new)
                .unwrap_or(0);
            self.read_to += read as u64;
            self.take(&new, now);
        }
        if self.read_to > FILE_MAX_BYTES {
            // What is written between copy and cut is lost; the price of
            // writing without anybody in between.
            let _ = fs::copy(&self.path, self.path.with_extension("log.1"));
            if file.set_len(0).is_ok() {
                self.read_to = 0;
            }
        }
    }

    fn take(&mut self, new: &[u8], now: Time) {
        for byte in new {
            if *byte == b'\n' || self.unfinished.len() == LINE_MAX_BYTES {
                let line = std::mem::take(&mut self.unfinished);
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches('\r')
                    .to_owned();
                if self.lines.len() == LINES_MAX {
                    self.lines.pop_front();
                }
                self.lines.push_back((now, text));
            }
            if *byte != b'\n' {
                self.unfinished.push(*byte);
            }
        }
    }

    /// The lines in memory, oldest first.
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &(Time, String)> {
        self.lines.iter()
    }

    /// The last lines that say something, for a message about a failure.
    pub(super) fn last_words(&self) -> Option<String> {
        let said = self
            .lines
            .iter()
            .rev()
            .filter(|(_, text)| !text.trim().is_empty());
        let mut last: Vec<&str> = said.take(3).map(|(_, text)| text.as_str()).collect();
        last.reverse();
        (!last.is_empty()).then(|| last.join(" | "))
    }

    /// The files that are there: what is written now, and what was set aside.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let set_aside = self.path.with_extension("log.1");
        [self.path.clone(), set_aside]
            .into_iter()
            .filter(|path| path.is_file())
            .collect()
    }

    /// Remove the files.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("log.1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_read_as_they_come_and_long_files_begin_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut output = Output::new(dir.path().join("a.log"));
        let mut file = output.open().unwrap();
        write!(file, "one\r\ntw").unwrap();
        output.refresh(Time(1));
        writeln!(file, "o").unwrap();
        output.refresh(Time(2));
        let lines: Vec<_> = output.lines().cloned().collect();
        assert_eq!(
            lines,
            [(Time(1), "one".to_owned()), (Time(2), "two".to_owned())]
        );
        assert_eq!(output.last_words().as_deref(), Some("one | two"));

        let long = vec![b'x'; 9 << 20];
        file.write_all(&long).unwrap();
        output.refresh(Time(3));
        output.refresh(Time(3));
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(output.lines.len() <= LINES_MAX);
        writeln!(file, "\nafter").unwrap();
        output.refresh(Time(4));
        assert_eq!(
            output.lines().next_back(),
            Some(&(Time(4), "after".to_owned()))
        );
    }
}

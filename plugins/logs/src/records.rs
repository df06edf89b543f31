//! Records out of what a file holds: lines, with stack traces joined to the line
//! that they belong to, and journald's export format.

use crate::level::{self, Level};
use crate::{journal, json};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Found out line by line.
    Auto,
    /// A JSON object in each line.
    Json,
    /// Text.
    Plain,
    /// `journalctl -o export` or `-o json`.
    Journald,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// How bad it is.
    pub(crate) level: Level,
    /// The line that says what happened.
    pub(crate) text: String,
}

/// What a piece of a file came to.
pub(crate) struct Piece {
    /// All that it says.
    pub(crate) records: Vec<Record>,
    /// How many bytes of it were read; what follows is not finished.
    pub(crate) used: usize,
}

/// Longest line that is looked at; what follows of it is skipped.
const LINE_MOST_BYTES: usize = 64 * 1024;

/// Reads a piece of a file. `is_whole` says that no more can be had at once:
/// then a line without an end is read as far as it goes.
pub(crate) fn read(content: &[u8], format: Format, is_whole: bool) -> Piece {
    let mut joiner = Joiner::new(format);
    let may_be_journal = matches!(format, Format::Auto | Format::Journald);
    let mut used = 0;
    if may_be_journal && journal::is_export(content) {
        used = journal::read(content, &mut |priority, message| {
            joiner.take_entry(priority, message);
        });
    } else {
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                used += line.len();
                joiner.take_bytes(line);
            }
        }
    }
    if used == 0 && is_whole {
        used = content.len();
        joiner.take_bytes(content);
    }
    Piece {
        records: joiner.finish(),
        used,
    }
}

/// What the next lines may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Nothing, or a stack trace whose lines tell by themselves.
    Plain,
    /// A traceback of Python, which ends with what it is about.
    Traceback,
    /// Rust's panic, whose message is in the line after it.
    Panic,
    /// Stacks of Go, up to the first line that is none.
    Goroutines,
}

struct Joiner {
    format: Format,
    records: Vec<Record>,
    inside: Inside,
}

impl Joiner {
    fn new(format: Format) -> Joiner {
        Joiner {
            format,
            records: Vec::new(),
            inside: Inside::Plain,
        }
    }

    fn finish(self) -> Vec<Record> {
        self.records
    }

    fn take_bytes(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(LINE_MOST_BYTES)];
        let text = String::from_utf8_lossy(line);
        self.take_line(&text, None);
    }

    fn take_entry(&mut self, priority: Option<u64>, message: &[u8]) {
        let message = &message[..message.len().min(LINE_MOST_BYTES)];
        let text = String::from_utf8_lossy(message);
        for line in text.lines() {
            self.take_line(line, priority.map(level::syslog));
        }
    }

    /// `least` is a level that is known from elsewhere.
    fn take_line(&mut self, line: &str, least: Option<Level>) {
        let line = without_colours(line);
        let line = line.trim_end();
        if line.trim().is_empty() {
            return;
        }
        let is_json = self.format != Format::Plain && line.starts_with('{');
        if is_json && let Some(said) = json::read(line) {
            self.take_said(&said, least);
            return;
        }
        if self.belongs(line) {
            return;
        }
        let is_traceback = line.starts_with("Traceback (");
        if is_traceback {
            self.inside = Inside::Traceback;
            // Behind an error line it tells where that came from.
            if self.is_behind_error() {
                return;
            }
        } else if line.contains("panicked at ") && line.ends_with(':') {
            self.inside = Inside::Panic;
        }
        let level = level::of_line(line).max(least.unwrap_or(Level::Quiet));
        self.records.push(Record {
            level,
            text: logfmt_message(line).unwrap_or_else(|| line.to_owned()),
        });
    }

    fn take_said(&mut self, said: &json::Said, least: Option<Level>) {
        self.inside = Inside::Plain;
        let mut lines = said.text.lines().filter(|line| !line.trim().is_empty());
        let Some(first) = lines.next() else { return };
        let level = said.level.unwrap_or_else(|| level::of_line(first));
        self.records.push(Record {
            level: level.max(least.unwrap_or(Level::Quiet)),
            text: without_colours(first).trim_end().to_owned(),
        });
    }

    fn is_behind_error(&self) -> bool {
        self.records
            .last()
            .is_some_and(|last| last.level == Level::Error)
    }

    /// Whether a line is part of what was said before. One that belongs to
    /// what an earlier look has read is dropped.
    fn belongs(&mut self, line: &str) -> bool {
        let is_indented = line.starts_with([' ', '\t']);
        match self.inside {
            Inside::Panic => {
                self.inside = Inside::Plain;
                if let Some(last) = self.records.last_mut() {
                    last.text = format!("{} {}", last.text, line.trim());
                }
                return true;
            }
            Inside::Traceback if is_indented || is_chain(line) => return true,
            Inside::Traceback if !line.starts_with("Traceback (") => {
                self.inside = Inside::Plain;
                let last = self.records.last_mut();
                if let Some(last) = last.filter(|last| last.text.starts_with("Traceback (")) {
                    last.text = line.to_owned();
                }
                return true;
            }
            Inside::Goroutines if is_indented || is_of_go(line) => return true,
            _ => {}
        }
        if is_goroutine(line) {
            self.inside = Inside::Goroutines;
            return true;
        }
        if self.inside == Inside::Goroutines {
            self.inside = Inside::Plain;
        }
        is_indented || is_continued(line) || is_chain(line)
    }
}

/// Python's words between two tracebacks.
fn is_chain(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
}

/// Lines of a stack trace that are not indented.
fn is_continued(line: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "at ",
        "Caused by:",
        "Suppressed:",
        "... ",
        "note: run with `RUST_BACKTRACE",
        "note: Some details are omitted",
        "stack backtrace:",
        "Stack trace:",
        "Stack backtrace:",
    ];
    BEGINNINGS.iter().any(|begin| line.starts_with(begin))
}

fn is_goroutine(line: &str) -> bool {
    line.starts_with("goroutine ") && line.contains('[') || line.starts_with("[signal ")
}

fn is_of_go(line: &str) -> bool {
    is_goroutine(line)
        || line.starts_with("created by ")
        || line.starts_with("exit status ")
        || line.ends_with(')') && line.contains('(') && !line.contains(": ")
}

/// The message of a line of `key=value` pairs.
fn logfmt_message(line: &str) -> Option<String> {
    let value = |key: &str| {
        let at = line
            .match_indices(key)
            .find(|(at, _)| *at == 0 || line.as_bytes()[at - 1] == b' ')?
            .0
            + key.len();
        let rest = &line[at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            return Some(rest.split(' ').next().unwrap_or_default().to_owned());
        };
        let mut text = String::new();
        let mut letters = quoted.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => text.extend(letters.next()),
                letter => text.push(letter),
            }
        }
        Some(text)
    };
    let message = value("msg=").or_else(|| value("message="))?;
    let error = value("err=").or_else(|| value("error="));
    match error.filter(|error| !error.is_empty()) {
        Some(error) => Some(format!("{message}: {error}")),
        None if message.is_empty() => None,
        None => Some(message),
    }
}

/// A line as it is without a terminal: `ESC [ … letter` is taken out.
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut parts = line.split("\u{1b}[");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(part.len(), |at| at + 1);
        text.push_str(&part[end..]);
    }
    text
}

#[cfg(test)]
mod tests;

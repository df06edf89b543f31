//! Files that grow, read from where the last look stopped.

use baepo_plugin::{HookError, workspace};

use crate::records::{self, Format, Record};
use crate::template::fnv;

/// Most files of one role that are followed.
pub(crate) const MOST_FILES: usize = 32;

/// Most bytes of one role that one look reads. What a service writes beyond
/// that between two looks is skipped, the newest is read.
pub(crate) const MOST_BYTES: u64 = 4 << 20;

/// How much of what stable wrote before is read at the first look, to know its
/// errors.
const BEFORE_BYTES: u64 = 256 << 10;

/// One piece; also the longest line.
const PIECE_BYTES: u64 = 1 << 20;

/// A file is known again by how it begins.
const HEAD_BYTES: u64 = 64;

/// What is asked of the outside.
pub(crate) trait Files {
    /// Path and size of all files that match a pattern.
    fn list(&self, pattern: &str) -> Result<Vec<(String, u64)>, HookError>;
    /// A piece of a file and the size of it all.
    fn part(&self, path: &str, offset: u64, limit: u64) -> Result<(Vec<u8>, u64), HookError>;
}

/// The files of the checkout and of the instances.
pub(crate) struct Workspace;

impl Files for Workspace {
    fn list(&self, pattern: &str) -> Result<Vec<(String, u64)>, HookError> {
        let files = workspace::glob_files(pattern)?.into_iter();
        Ok(files.map(|file| (file.path, file.size_bytes)).collect())
    }

    fn part(&self, path: &str, offset: u64, limit: u64) -> Result<(Vec<u8>, u64), HookError> {
        let part = workspace::read_part(path, offset, limit)?;
        Ok((part.content, part.size_bytes))
    }
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Stands for its path.
    pub(crate) file: u64,
    /// The next byte to read.
    pub(crate) offset: u64,
    /// Stands for its first bytes.
    pub(crate) head: u32,
}

/// Where a file is begun that is met for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With all that is there.
    Start,
    /// With the last of what is there, to learn from.
    Before,
    /// With what comes next.
    End,
}

/// A file and where to begin it.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) begin: Begin,
}

/// What one look at the files of one role came to.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) records: Vec<Record>,
    /// How many files could be read.
    pub(crate) files: usize,
    /// Whether some of what was written was passed over.
    pub(crate) is_partial: bool,
    /// Why the first file that could not be read could not.
    pub(crate) trouble: Option<HookError>,
}

/// Reads what is new in these files and moves their cursors.
pub(crate) fn gather(
    files: &dyn Files,
    sources: &[Source],
    cursors: &mut Vec<Cursor>,
    format: Format,
) -> Gathered {
    let mut gathered = Gathered {
        is_partial: sources.len() > MOST_FILES,
        ..Gathered::default()
    };
    let mut kept = Vec::new();
    let mut left = MOST_BYTES;
    for source in sources.iter().take(MOST_FILES) {
        let file = fnv(source.path.as_bytes());
        let known = cursors.iter().find(|cursor| cursor.file == file).copied();
        if let Some(known) = known
            && known.offset == source.size
        {
            gathered.files += 1;
            kept.push(known);
            continue;
        }
        let mut reading = Reading {
            files,
            format,
            left: &mut left,
            gathered: &mut gathered,
        };
        match reading.file(source, known) {
            Ok(cursor) => {
                gathered.files += 1;
                kept.push(cursor);
            }
            Err(error) => {
                kept.extend(known);
                gathered.trouble.get_or_insert(error);
            }
        }
    }
    *cursors = kept;
    gathered
}

struct Reading<'a> {
    files: &'a dyn Files,
    format: Format,
    left: &'a mut u64,
    gathered: &'a mut Gathered,
}

impl Reading<'_> {
    fn file(&mut self, source: &Source, known: Option<Cursor>) -> Result<Cursor, HookError> {
        let path = source.path.as_str();
        let at = match known {
            None => match source.begin {
                Begin::Start => 0,
                Begin::Before => source.size.saturating_sub(BEFORE_BYTES),
                Begin::End => source.size,
            },
            Some(known) if source.size >= known.offset && self.begins_alike(path, known)? => {
                known.offset
            }
            Some(known) => {
                self.rest_of_rotated(path, known);
                0
            }
        };
        let is_begun = known.is_none() && at > 0;
        let offset = match is_begun && source.begin == Begin::End {
            true => at,
            false => self.from(path, at, source.size, is_begun)?,
        };
        let head = self.head(path, offset)?;
        let file = fnv(path.as_bytes());
        Ok(Cursor { file, offset, head })
    }

    fn head(&self, path: &str, offset: u64) -> Result<u32, HookError> {
        let (head, _) = match offset.min(HEAD_BYTES) {
            0 => (Vec::new(), 0),
            length => self.files.part(path, 0, length)?,
        };
        let hash = fnv(&head);
        Ok((hash ^ (hash >> 32)) as u32)
    }

    fn begins_alike(&self, path: &str, known: Cursor) -> Result<bool, HookError> {
        Ok(self.head(path, known.offset)? == known.head)
    }

    /// A file that was set aside goes on under the same name with `.1`. Where
    /// it is gone, so are its last lines.
    fn rest_of_rotated(&mut self, path: &str, known: Cursor) {
        let aside = format!("{path}.1");
        if self.begins_alike(&aside, known) != Ok(true)
            || self
                .from(&aside, known.offset, known.offset, false)
                .is_err()
        {
            self.gathered.is_partial = true;
        }
    }

    /// Reads from there to the end, or to what is not finished; where that is.
    /// `is_amid` says that it may be the middle of a line.
    fn from(
        &mut self,
        path: &str,
        begin: u64,
        size: u64,
        mut is_amid: bool,
    ) -> Result<u64, HookError> {
        let mut at = begin;
        if size.saturating_sub(at) > *self.left {
            at = size - *self.left;
            is_amid = true;
            self.gathered.is_partial = true;
        }
        loop {
            let asked = PIECE_BYTES.min(*self.left);
            if asked == 0 {
                return Ok(at);
            }
            let (content, _) = self.files.part(path, at, asked)?;
            let skipped = match std::mem::take(&mut is_amid) {
                true => begin_of_entry(&content, self.format),
                false => 0,
            };
            let is_full = content.len() as u64 >= PIECE_BYTES;
            let piece = records::read(&content[skipped..], self.format, is_full);
            let used = (skipped + piece.used) as u64;
            self.gathered.records.extend(piece.records);
            at += used;
            *self.left = self.left.saturating_sub(used);
            if used == 0 || (content.len() as u64) < asked {
                return Ok(at);
            }
        }
    }
}

/// Behind the line, or the entry of journald, that a piece begins within.
fn begin_of_entry(content: &[u8], format: Format) -> usize {
    let entry = b"\n\n__CURSOR=";
    let may_be_journal = matches!(format, Format::Auto | Format::Journald);
    let found = content.windows(entry.len()).position(|at| at == entry);
    if let Some(at) = found.filter(|_| may_be_journal) {
        return at + 2;
    }
    let end = content.iter().position(|byte| *byte == b'\n');
    end.map_or(0, |at| at + 1)
}

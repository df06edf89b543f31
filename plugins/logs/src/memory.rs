//! All that lasts from look to look, of bounded size.

use std::collections::BTreeSet;

use baepo_judge::State;

use crate::prints::{Print, Prints};
use crate::sources::Cursor;
use crate::template::Template;

/// The largest memory, in bytes. The host takes 16 KiB from one plugin, and
/// all of a rollout share one document.
pub(crate) const MOST_BYTES: usize = 12 << 10;

/// Grows when what is kept, or how messages are told apart, changes.
const VERSION: u8 = 1;

/// What is counted for one role over the rollout.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally {
    /// Records of all levels.
    pub(crate) records: u64,
    /// Errors, each line counted.
    pub(crate) errors: u64,
    /// Failures behind known errors, for the comparison.
    pub(crate) failures: u64,
    /// Requests, or milliseconds of instances, while that was compared.
    pub(crate) exposure: u64,
    /// Whether any file could ever be read.
    pub(crate) is_readable: bool,
    /// Fingerprints since the last one was repeated: lines of one failure.
    pub(crate) failure: BTreeSet<u16>,
    /// How far its files were read.
    pub(crate) cursors: Vec<Cursor>,
}

/// The memory of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// How often was looked.
    pub(crate) looks: u32,
    /// The window of the last look.
    pub(crate) window: u32,
    /// The candidate's exposure in that window.
    pub(crate) in_window: u64,
    pub(crate) stable: Tally,
    pub(crate) candidate: Tally,
    pub(crate) prints: Prints,
    pub(crate) growth: State,
}

impl Memory {
    pub(crate) fn new() -> Memory {
        Memory {
            looks: 0,
            window: 0,
            in_window: 0,
            stable: Tally::default(),
            candidate: Tally::default(),
            prints: Prints::default(),
            growth: State::new(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![VERSION]);
        out.u32(self.looks);
        out.u32(self.window);
        out.u64(self.in_window);
        for tally in [&self.stable, &self.candidate] {
            out.tally(tally);
        }
        let prints = &self.prints;
        out.u16(prints.list.len() as u16);
        for print in &prints.list {
            out.print(print);
        }
        out.0.extend(prints.beyond);
        out.u64(prints.homeless);
        out.u16(prints.samples.len() as u16);
        for (print, text) in &prints.samples {
            out.u16(*print);
            out.u16(text.len() as u16);
            out.0.extend(text.as_bytes());
        }
        let growth = self.growth.to_bytes();
        out.u16(growth.len() as u16);
        out.0.extend(&*growth);
        debug_assert!(out.0.len() <= MOST_BYTES, "{} bytes", out.0.len());
        out.0
    }

    /// The memory that was saved as these bytes; `None` where they are not one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Memory> {
        let mut from = Reader(bytes);
        if from.u8()? != VERSION {
            return None;
        }
        let (looks, window, in_window) = (from.u32()?, from.u32()?, from.u64()?);
        let (stable, candidate) = (from.tally()?, from.tally()?);
        let mut prints = Prints::default();
        for _ in 0..from.u16()? {
            prints.list.push(from.print()?);
        }
        let beyond = prints.beyond.len();
        prints.beyond.copy_from_slice(from.bytes(beyond)?);
        prints.homeless = from.u64()?;
        for _ in 0..from.u16()? {
            let (print, length) = (from.u16()?, from.u16()?);
            let text = String::from_utf8(from.bytes(length.into())?.to_vec()).ok()?;
            prints.samples.push((print, text));
        }
        let length = from.u16()?;
        let growth = State::from_bytes(from.bytes(length.into())?)?;
        from.0.is_empty().then_some(Memory {
            looks,
            window,
            in_window,
            stable,
            candidate,
            prints,
            growth,
        })
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn tally(&mut self, tally: &Tally) {
        for value in [
            tally.records,
            tally.errors,
            tally.failures,
            tally.exposure,
            u64::from(tally.is_readable),
        ] {
            self.u64(value);
        }
        self.u16(tally.failure.len() as u16);
        for print in &tally.failure {
            self.u16(*print);
        }
        self.u16(tally.cursors.len() as u16);
        for cursor in &tally.cursors {
            self.u64(cursor.file);
            self.u64(cursor.offset);
            self.u32(cursor.head);
        }
    }

    fn print(&mut self, print: &Print) {
        self.0.push(print.template.0.len() as u8);
        for word in &print.template.0 {
            self.u16(*word);
        }
        self.u32(print.stable);
        self.u32(print.candidate);
        self.u32(print.evidence.to_bits());
        self.0.push(print.order);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn tally(&mut self) -> Option<Tally> {
        let mut tally = Tally {
            records: self.u64()?,
            errors: self.u64()?,
            failures: self.u64()?,
            exposure: self.u64()?,
            is_readable: self.u64()? != 0,
            ..Tally::default()
        };
        for _ in 0..self.u16()? {
            tally.failure.insert(self.u16()?);
        }
        for _ in 0..self.u16()? {
            tally.cursors.push(Cursor {
                file: self.u64()?,
                offset: self.u64()?,
                head: self.u32()?,
            });
        }
        Some(tally)
    }

    fn print(&mut self) -> Option<Print> {
        let length = self.u8()?;
        let words = (0..length).map(|_| self.u16()).collect::<Option<_>>()?;
        Some(Print {
            template: Template(words),
            stable: self.u32()?,
            candidate: self.u32()?,
            evidence: f32::from_bits(self.u32()?),
            order: self.u8()?,
        })
    }
}

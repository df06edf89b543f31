//! Files out of lines: a plugin tells the newest lines of a release, and monitors
//! read files that grow.

use std::collections::BTreeMap;

use baepo_core::digest::Digest;
use baepo_core::time::Time;

use crate::target::{LogLine, OutputFile, OutputPart};

/// Size at which a file is set aside and begun anew; there are at most two of an
/// instance.
const FILE_MAX_BYTES: usize = 1 << 20;
/// How many instances of a release have files. What others write is not kept.
const INSTANCES_MAX: usize = 256;
/// Longest piece of a file that is read at a time.
const PART_MAX_BYTES: u64 = 1 << 20;

/// What instances wrote, as far as this process was told.
#[derive(Debug, Default)]
pub(super) struct Outputs(BTreeMap<Digest, BTreeMap<String, Output>>);

/// Of one instance.
#[derive(Debug, Default)]
struct Output {
    content: Vec<u8>,
    aside: Option<Vec<u8>>,
    /// The lines of it that were told last.
    told: Vec<(Time, String)>,
}

impl Outputs {
    /// Take what was told of a release: its newest lines, oldest first, of which
    /// some may have been told before.
    pub(super) fn take(&mut self, digest: Digest, lines: Vec<LogLine>) {
        let mut by_instance: BTreeMap<String, Vec<(Time, String)>> = BTreeMap::new();
        for line in lines {
            let told = by_instance.entry(file_name(&line.instance)).or_default();
            told.push((line.at, line.text));
        }
        let outputs = self.0.entry(digest).or_default();
        for (instance, told) in by_instance {
            if outputs.len() < INSTANCES_MAX || outputs.contains_key(&instance) {
                outputs.entry(instance).or_default().take(told);
            }
        }
    }

    /// Whether anything was told of a release.
    pub(super) fn knows(&self, digest: Digest) -> bool {
        self.0.contains_key(&digest)
    }

    /// The files of a release, sorted by name.
    pub(super) fn list(&self, digest: Digest) -> Vec<OutputFile> {
        let outputs = self.0.get(&digest).into_iter().flatten();
        let files = outputs.flat_map(|(instance, output)| {
            let file = |name: String, content: &Vec<u8>| OutputFile {
                name,
                size_bytes: content.len() as u64,
            };
            let aside = output.aside.as_ref();
            let aside = aside.map(|content| file(format!("{instance}.log.1"), content));
            [file(format!("{instance}.log"), &output.content)]
                .into_iter()
                .chain(aside)
        });
        let mut files: Vec<OutputFile> = files.collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    /// A piece of a file.
    pub(super) fn part(
        &self,
        digest: Digest,
        name: &str,
        offset: u64,
        limit_bytes: u64,
    ) -> Option<OutputPart> {
        let outputs = self.0.get(&digest)?;
        let content = match (name.strip_suffix(".log"), name.strip_suffix(".log.1")) {
            (Some(instance), _) => &outputs.get(instance)?.content,
            (None, Some(instance)) => outputs.get(instance)?.aside.as_ref()?,
            (None, None) => return None,
        };
        let size_bytes = content.len() as u64;
        let begin = offset.min(size_bytes);
        let end = begin
            .saturating_add(limit_bytes.min(PART_MAX_BYTES))
            .min(size_bytes);
        let at = |offset: u64| usize::try_from(offset).unwrap_or(content.len());
        Some(OutputPart {
            content: content[at(begin)..at(end)].to_vec(),
            size_bytes,
        })
    }

    /// Forget what a release wrote.
    pub(super) fn forget(&mut self, digest: Digest) {
        self.0.remove(&digest);
    }
}

impl Output {
    fn take(&mut self, told: Vec<(Time, String)>) {
        for (_, text) in &told[known(&self.told, &told)..] {
            self.content.extend_from_slice(text.as_bytes());
            self.content.push(b'\n');
        }
        self.told = told;
        if self.content.len() > FILE_MAX_BYTES {
            self.aside = Some(std::mem::take(&mut self.content));
        }
    }
}

/// How many of the lines were told before: as many as end the last telling and
/// begin this one.
fn known(before: &[(Time, String)], told: &[(Time, String)]) -> usize {
    let most = before.len().min(told.len());
    let is_overlap = |n: &usize| before[before.len() - n..] == told[..*n];
    (1..=most).rev().find(is_overlap).unwrap_or(0)
}

/// A name of a file that cannot lead elsewhere.
fn file_name(instance: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = instance
        .chars()
        .take(100)
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    match name.trim_matches('.') {
        "" => "instance".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Digest = Digest::from_bytes([1; 32]);

    fn lines(instance: &str, texts: &[&str]) -> Vec<LogLine> {
        let line = |text: &&str| LogLine {
            at: Time(0),
            instance: instance.to_owned(),
            text: (*text).to_owned(),
        };
        texts.iter().map(line).collect()
    }

    fn text(outputs: &Outputs, name: &str) -> String {
        let part = outputs.part(ONE, name, 0, u64::MAX).unwrap();
        String::from_utf8(part.content).unwrap()
    }

    #[test]
    fn a_line_that_is_told_again_is_written_once() {
        let mut outputs = Outputs::default();
        for told in [
            &["a", "b"][..],
            &["a", "b"],
            // The oldest fell out, and two are alike.
            &["b", "b", "c"],
            &["b", "c", "d"],
            // Nothing is left of what was known.
            &["x", "y"],
        ] {
            outputs.take(ONE, lines("w-1", told));
        }
        assert_eq!(text(&outputs, "w-1.log"), "a\nb\nb\nc\nd\nx\ny\n");
        let part = outputs.part(ONE, "w-1.log", 2, 3).unwrap();
        assert_eq!(
            (part.content.as_slice(), part.size_bytes),
            (&b"b\nb"[..], 14)
        );
        let behind = outputs.part(ONE, "w-1.log", 99, 3).unwrap();
        assert_eq!((behind.content.len(), behind.size_bytes), (0, 14));
    }

    #[test]
    fn a_long_file_is_set_aside() {
        let mut outputs = Outputs::default();
        let long = "x".repeat(FILE_MAX_BYTES);
        outputs.take(ONE, lines("w", &[&long]));
        outputs.take(ONE, lines("w", &[&long, "new"]));
        let listed = outputs.list(ONE);
        let listed: Vec<_> = listed.iter().map(|f| (&*f.name, f.size_bytes)).collect();
        let aside = FILE_MAX_BYTES as u64 + 1;
        assert_eq!(listed, [("w.log", 4), ("w.log.1", aside)]);
        assert_eq!(text(&outputs, "w.log"), "new\n");
        outputs.forget(ONE);
        assert!(!outputs.knows(ONE) && outputs.list(ONE).is_empty());
    }

    #[test]
    fn no_name_of_an_instance_leads_elsewhere() {
        let mut outputs = Outputs::default();
        for instance in ["../../etc/passwd", "", "..", "a b"] {
            outputs.take(ONE, lines(instance, &["line"]));
        }
        let names: Vec<String> = outputs.list(ONE).into_iter().map(|f| f.name).collect();
        let wanted = [".._.._etc_passwd.log", "a_b.log", "instance.log"];
        assert_eq!(names, wanted);
        assert_eq!(outputs.part(ONE, "../secret", 0, 1), None);
    }
}

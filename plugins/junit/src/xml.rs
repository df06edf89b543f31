//! JUnit XML as nextest, pytest, Surefire, jest and others write it.
//!
//! There is no standard, so this takes what it knows and passes over the rest:
//! nested suites, `system-out`, properties, attributes of any runner.
//!
//! Source: <https://github.com/testmoapp/junitxml>, and the reports of the
//! runners named above.

use baepo_plugin::process::without_colours;
use baepo_plugin::test::{Outcome, Suite, TestCase};
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use crate::place;

/// How much of a failure's text to keep, in characters.
const MOST_TEXT: usize = 4_000;

/// How much of an error is told, in characters.
const MOST_SENTENCE: usize = 200;

/// More cases than any person reads; a report beyond it is a mistake.
const MOST_CASES: usize = 200_000;

/// The suites of one report that have cases, in its order.
pub(crate) fn parse(text: &str) -> Result<Vec<Suite>, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    loop {
        let event = reader.read_event();
        let position = reader.error_position();
        let here = |what: String| format!("{} (line {})", sentence(&what), line_at(text, position));
        match event.map_err(|error| here(error.to_string()))? {
            Event::Start(tag) => report.open(&tag).map_err(here)?,
            Event::End(tag) => report.close(tag.local_name().as_ref()),
            Event::Text(text) => report.text(&text.xml10_content()),
            Event::CData(text) => report.text(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                match (resolve_xml_entity(&name), entity.resolve_char_ref()) {
                    (Some(text), _) => report.text(text),
                    (None, Ok(Some(character))) => report.text(character.encode_utf8(&mut [0; 4])),
                    (None, _) => report.text(&format!("&{name};")),
                }
            }
            Event::Eof => break,
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
    report.finish()
}

/// What the reader says may quote the report: on one line, and not for pages.
fn sentence(what: &str) -> String {
    let mut words = String::new();
    for word in what.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    match words.char_indices().nth(MOST_SENTENCE) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn line_at(text: &str, position: u64) -> usize {
    let end = usize::try_from(position)
        .unwrap_or(usize::MAX)
        .min(text.len());
    text.as_bytes()[..end]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// What was read so far.
#[derive(Default)]
struct Report {
    is_junit: bool,
    suites: Vec<Suite>,
    /// The suites around the present place: index into `suites` and name.
    open: Vec<(usize, String)>,
    case: Option<Case>,
    count: usize,
}

/// A case that is being read.
struct Case {
    case: TestCase,
    /// The element in it whose text is being read.
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failure,
    Error,
    Skipped,
}

struct Verdict {
    kind: Kind,
    message: String,
    text: String,
}

impl Report {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        let name = tag.local_name();
        match name.as_ref() {
            "testsuites" => self.is_junit = true,
            "testsuite" => {
                self.is_junit = true;
                let own = attribute(tag, "name")?.unwrap_or_default();
                let name = match (own.is_empty(), self.open.last()) {
                    (true, Some((_, around))) => around.clone(),
                    _ => own,
                };
                self.suites.push(Suite {
                    name: name.clone(),
                    cases: Vec::new(),
                });
                self.open.push((self.suites.len() - 1, name));
            }
            "testcase" => {
                self.count += 1;
                if self.count > MOST_CASES {
                    return Err(format!("more than {MOST_CASES} cases"));
                }
                self.case = Some(Case {
                    case: self.read_case(tag)?,
                    verdict: None,
                });
            }
            // `rerunFailure`, `flakyFailure` and their like are attempts that
            // came before the one that counts.
            "failure" | "error" | "skipped" => {
                let kind = match name.as_ref() {
                    "failure" => Kind::Failure,
                    "error" => Kind::Error,
                    _ => Kind::Skipped,
                };
                let message = match attribute(tag, "message")?.unwrap_or_default() {
                    empty if empty.is_empty() => attribute(tag, "type")?.unwrap_or_default(),
                    message => message,
                };
                if let Some(case) = &mut self.case {
                    case.verdict = Some(Verdict {
                        kind,
                        message,
                        text: String::new(),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_case(&self, tag: &BytesStart<'_>) -> Result<TestCase, String> {
        let seconds =
            attribute(tag, "time")?.and_then(|time| time.replace(',', "").parse::<f64>().ok());
        let is_pytest = self.open.iter().any(|(_, name)| name == "pytest");
        let line: Option<u32> = attribute(tag, "line")?.and_then(|line| line.parse().ok());
        Ok(TestCase {
            name: attribute(tag, "name")?.unwrap_or_default(),
            class_name: attribute(tag, "classname")?.unwrap_or_default(),
            outcome: Outcome::Passed,
            duration_ms: seconds
                .filter(|s| s.is_finite() && *s >= 0.0)
                .map(|s| (s * 1_000.0 + 0.5) as u64),
            file: attribute(tag, "file")?.filter(|file| place::is_source(file)),
            // pytest counts lines from 0.
            line: line.map(|line| {
                if is_pytest {
                    line.saturating_add(1)
                } else {
                    line
                }
            }),
        })
    }

    fn text(&mut self, text: &str) {
        if let Some(Case {
            verdict: Some(verdict),
            ..
        }) = &mut self.case
        {
            verdict.text.push_str(text);
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "testsuite" => {
                self.open.pop();
            }
            "failure" | "error" | "skipped" => {
                if let Some(case) = &mut self.case
                    && let Some(verdict) = case.verdict.take()
                {
                    case.judge(verdict);
                }
            }
            "testcase" => {
                let Some(Case { case, .. }) = self.case.take() else {
                    return;
                };
                let suite = match self.open.last() {
                    Some((index, _)) => *index,
                    None => {
                        self.suites.push(Suite {
                            name: String::new(),
                            cases: Vec::new(),
                        });
                        self.suites.len() - 1
                    }
                };
                self.suites[suite].cases.push(case);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Result<Vec<Suite>, String> {
        if !self.is_junit {
            return Err("it has neither `testsuites` nor `testsuite`".into());
        }
        if self.case.is_some() || !self.open.is_empty() {
            return Err("it ends in the middle".into());
        }
        self.suites.retain(|suite| !suite.cases.is_empty());
        Ok(self.suites)
    }
}

impl Case {
    /// Takes over one verdict; the worst of several counts, and of two equal
    /// ones the first.
    fn judge(&mut self, verdict: Verdict) {
        let worse = match self.case.outcome {
            Outcome::Passed => true,
            Outcome::Skipped(_) => verdict.kind != Kind::Skipped,
            Outcome::Failed(_) | Outcome::Errored(_) => false,
        };
        if !worse {
            return;
        }
        let text = join(
            &without_colours(&verdict.message),
            without_colours(&verdict.text).trim(),
        );
        if verdict.kind != Kind::Skipped {
            self.locate(&format!("{}\n{}", verdict.message, verdict.text));
        }
        self.case.outcome = match verdict.kind {
            Kind::Failure => Outcome::Failed(text),
            Kind::Error => Outcome::Errored(text),
            Kind::Skipped => Outcome::Skipped(text),
        };
    }

    /// A place in the text is where it failed; the attributes only say where
    /// the case begins.
    fn locate(&mut self, text: &str) {
        let Some((path, line)) = place::find(text) else {
            return;
        };
        match &self.case.file {
            // A stack trace may name the file alone, without its folder.
            Some(file) if file.ends_with(&path) => self.case.line = Some(line),
            Some(_) if self.case.line.is_some() => {}
            _ if path.contains('/') => (self.case.file, self.case.line) = (Some(path), Some(line)),
            _ => {}
        }
    }
}

/// Message and text, without saying the same twice, cut to what people read.
fn join(message: &str, text: &str) -> String {
    let message = message.trim();
    let all = match (message.is_empty(), text.is_empty()) {
        (_, true) => message.to_string(),
        (true, false) => text.to_string(),
        (false, false) if text.contains(message) => text.to_string(),
        (false, false) => format!("{message}\n{text}"),
    };
    match all.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", &all[..end]),
        None => all,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = tag
        .try_get_attribute(name)
        .map_err(|error| error.to_string())?;
    Ok(found.map(|attribute| {
        match attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            // An entity that nobody knows is no reason to lose a report.
            Err(_) => attribute.value.into_owned(),
        }
    }))
}

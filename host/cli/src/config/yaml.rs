//! YAML as a tree in which every key and value knows its place.

use std::collections::BTreeMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};

use super::finding::{Finding, Span};

/// Values in one file, aliases counted as often as they are used. A hundred
/// times what the largest sensible file has.
const MAX_NODES: usize = 20_000;

/// One value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// `plain` is false for quoted and block text.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file.
    Mapping(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            Kind::Scalar { .. } | Kind::Sequence(_) => None,
        }
    }

    /// The value as JSON, scalars by the YAML 1.2 core schema.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, plain: true } => resolve_plain(text),
            Kind::Scalar { text, plain: false } => Value::String(text.clone()),
            Kind::Sequence(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::Sequence(items) => items.iter().map(Node::size).sum(),
            Kind::Mapping(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// A plain scalar by the core schema. Source: YAML 1.2.2, section 10.3.2.
pub(crate) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = match digits.as_bytes() {
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => {
            let unsigned = text.strip_prefix('+').unwrap_or(text);
            let whole = unsigned.parse::<i64>().ok().map(Number::from);
            let radix = |prefix, base| {
                let digits = text.strip_prefix(prefix)?;
                i64::from_str_radix(digits, base).ok().map(Number::from)
            };
            whole
                .or_else(|| radix("0x", 16))
                .or_else(|| radix("0o", 8))
                .or_else(|| unsigned.parse().ok().and_then(Number::from_f64))
        }
        _ => None,
    };
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// The tree of a file.
///
/// # Errors
/// Syntax errors (one, the parser cannot go on), and everything of YAML that a
/// configuration does not need: tags, several documents, recursive aliases,
/// keys that are not text, keys that occur twice.
pub(crate) fn parse(source: &str) -> Result<Node, Vec<Finding>> {
    let mut loader = Loader {
        source,
        findings: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        parser: Parser::new_from_str(source),
    };
    let root = loader.load_stream();
    match root {
        Ok(Some(node)) if loader.findings.is_empty() => Ok(node),
        Ok(Some(_)) => Err(loader.findings),
        Ok(None) => {
            loader.findings.push(
                Finding::new(Span::FILE, "the file is empty")
                    .help("`baepo init` writes a first one"),
            );
            Err(loader.findings)
        }
        Err(stop) => {
            loader
                .findings
                .extend(check_tabs(source, &stop).unwrap_or_else(|| vec![stop]));
            Err(loader.findings)
        }
    }
}

/// Tabs that indent, when there are any up to the line after the place where the
/// parser gave up: its own message is about what came of them.
fn check_tabs(source: &str, stop: &Finding) -> Option<Vec<Finding>> {
    let findings: Vec<Finding> = source
        .lines()
        .enumerate()
        .take(stop.span.line + 1)
        .filter_map(|(i, line)| {
            let column = line
                .chars()
                .take_while(|c| matches!(c, ' ' | '\t'))
                .position(|c| c == '\t')?;
            let span = Span {
                line: i + 1,
                column: column + 1,
                length: 1,
            };
            Some(Finding::new(span, "a tab cannot indent YAML").help("use spaces"))
        })
        .take(5)
        .collect();
    (!findings.is_empty()).then_some(findings)
}

struct Loader<'a> {
    source: &'a str,
    findings: Vec<Finding>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
}

type Next<'a> = (Event<'a>, granit_parser::Span);

impl<'a> Loader<'a> {
    fn load_stream(&mut self) -> Result<Option<Node>, Finding> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    return Err(
                        Finding::new(self.span(&span), "a second document begins here")
                            .help("one file holds one configuration; remove the `---` line"),
                    );
                }
                event => {
                    let node = self.load_node((event, span))?;
                    let is_null = matches!(&node.kind, Kind::Scalar { text, plain: true } if resolve_plain(text).is_null());
                    root = (!is_null).then_some(node);
                }
            }
        }
    }

    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Next<'a>, Finding> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(next)) => return Ok(next),
                Some(Err(error)) => return Err(self.syntax_finding(&error)),
                None => return Ok((Event::StreamEnd, granit_parser::Span::default())),
            }
        }
    }

    fn load_node(&mut self, (event, at): Next<'a>) -> Result<Node, Finding> {
        let span = self.span(&at);
        if let Some(tag) = event.tag() {
            let message = format!("the tag `{}` has no meaning here", tag.original());
            self.findings
                .push(Finding::new(span, message).help("write the value without a tag"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                (
                    self.node(
                        span,
                        Kind::Scalar {
                            text: text.into_owned(),
                            plain,
                        },
                    )?,
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        next => items.push(self.load_node(next)?),
                    }
                }
                (self.node(span, Kind::Sequence(items))?, anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                let entries = self.load_entries()?;
                (self.node(span, Kind::Mapping(entries))?, anchor)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(Finding::new(
                        span,
                        "an alias cannot be part of what it names",
                    ));
                };
                self.nodes += node.size();
                (self.node(span, node.kind)?, 0)
            }
            _ => return Err(Finding::new(span, "a value is expected here")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn load_entries(&mut self) -> Result<Vec<Entry>, Finding> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                next => self.load_node(next)?,
            };
            let next = self.next()?;
            let value = self.load_node(next)?;
            let Kind::Scalar { text, plain } = key.kind else {
                self.findings.push(
                    Finding::new(key.span, "a key must be text")
                        .help("a value that begins with `{{` or `[` needs quotes: \"{{ … }}\""),
                );
                continue;
            };
            if plain && text == "<<" {
                self.findings.push(
                    Finding::new(key.span, "merge keys are not supported")
                        .help("repeat the keys, or use an alias for a whole value"),
                );
            } else if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let message = format!("the key `{text}` occurs twice");
                let help = format!(
                    "it is also in line {}; keep one of them",
                    first.key_span.line
                );
                self.findings
                    .push(Finding::new(key.span, message).help(help));
            } else {
                entries.push(Entry {
                    key: text,
                    key_span: key.span,
                    value,
                });
            }
        }
    }

    fn node(&mut self, span: Span, kind: Kind) -> Result<Node, Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the file has more than {MAX_NODES} values");
            return Err(Finding::new(span, message)
                .help("a value that is used often through aliases counts each time"));
        }
        Ok(Node { span, kind })
    }

    fn syntax_finding(&self, error: &ScanError) -> Finding {
        let span = self.mark(error.marker(), None);
        let info = error.info();
        let message = format!("not YAML: {info}");
        let line = self
            .source
            .lines()
            .nth(span.line.saturating_sub(1))
            .unwrap_or_default();
        let help = if info.contains("mapping values") {
            "a value that holds `: ` needs quotes; otherwise check the indentation of this line and the one before"
        } else if line.contains("{{") {
            "a value that begins with `{{` needs quotes: \"{{ … }}\""
        } else if info.contains("anchor") {
            "an alias `*name` needs an anchor `&name` before it; text that begins with `*` needs quotes"
        } else {
            "check quotes, brackets and indentation of this line and the one before"
        };
        Finding::new(span, message).help(help)
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        self.mark(&span.start, Some(&span.end))
    }

    /// The part of a span that is on its first line.
    fn mark(&self, start: &Marker, end: Option<&Marker>) -> Span {
        let line = start.line().max(1);
        let width = self
            .source
            .lines()
            .nth(line - 1)
            .map_or(0, |text| text.trim_end().chars().count());
        let last = match end {
            Some(end) if end.line() == line => end.col(),
            Some(_) => width,
            None => start.col() + 1,
        };
        Span {
            line,
            column: start.col() + 1,
            length: last.min(width.max(1)).saturating_sub(start.col()).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_follow_the_core_schema() {
        let tree = parse("[yes, on, no, true, ~, 1, -2, +3, 0x1f, 0o17, 1.5, .5, 1%, 1h, 1.2.3, '1', \"~\", 1e3, 010]").unwrap();
        assert_eq!(
            tree.to_json(),
            json!([
                "yes", "on", "no", true, null, 1, -2, 3, 31, 15, 1.5, 0.5, "1%", "1h", "1.2.3",
                "1", "~", 1000.0, 10
            ])
        );
    }

    #[test]
    fn aliases_are_values_of_their_own() {
        let tree = parse("a: &x { b: [1, 2] }\nc: *x\n").unwrap();
        assert_eq!(
            tree.to_json(),
            json!({ "a": { "b": [1, 2] }, "c": { "b": [1, 2] } })
        );
    }

    #[test]
    fn a_file_that_multiplies_by_aliases_is_refused() {
        let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let alias = format!("*a{}, ", i - 1).repeat(9);
            source.push_str(&format!("a{i}: &a{i} [{alias}]\n"));
        }
        let findings = parse(&source).unwrap_err();
        assert!(
            findings[0].message.contains("more than 20000 values"),
            "{findings:?}"
        );
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let pieces = [
            "a: ", "\n", "  ", "- ", "{", "}", "[", "]", "*x", "&x ", "\"", "'", "|\n", "\t", "#",
            "é", "%", "!!str ", "? ", ": ", "---\n", "<<: ",
        ];
        let mut state = 0x9e37_79b9_u64;
        for _ in 0..3000 {
            let mut source = String::new();
            for _ in 0..12 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                source.push_str(pieces[(state % pieces.len() as u64) as usize]);
            }
            if let Err(findings) = parse(&source) {
                assert!(!findings.is_empty());
                let text =
                    super::super::finding::Findings::new("f", &source, findings).render(false);
                assert!(text.contains("problem"));
            }
        }
    }
}

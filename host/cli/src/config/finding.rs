//! Mistakes in a file that a person wrote: where, what, and how to put it
//! right. All of a file's findings are shown together.

use std::fmt;
use std::io::IsTerminal;

use serde::Serialize;

/// A place in the source: 1-based line and column, length in characters on
/// that line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Span {
    /// Counted from 1; 0 means the file as a whole.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// In characters, at least 1 where `line` is not 0.
    pub length: usize,
}

impl Span {
    /// The file as a whole.
    pub const FILE: Span = Span {
        line: 0,
        column: 0,
        length: 0,
    };
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Where it is.
    pub span: Span,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// What to change; empty where the message says it all.
    pub help: String,
    /// Whose fault it is.
    #[serde(skip)]
    pub blame: Blame,
}

/// Whose fault a finding is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blame {
    /// What is written is wrong.
    #[default]
    Text,
    /// What is written is right, and the organisation does not allow it.
    Policy,
    /// What is written is right, and something outside does not answer.
    Outside,
}

impl Finding {
    /// A mistake without a help line.
    pub fn new(span: Span, message: impl Into<String>) -> Finding {
        Finding {
            span,
            message: message.into(),
            help: String::new(),
            blame: Blame::Text,
        }
    }

    /// The same, and not the fault of the text.
    #[must_use]
    pub fn blame(mut self, blame: Blame) -> Finding {
        self.blame = blame;
        self
    }

    /// The same with a help line.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = help.into();
        self
    }
}

/// All mistakes of one file, with its text, so that they can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// As the user knows it, for example `.github/baepo.yml`.
    pub path: String,
    /// The text of the file.
    pub source: String,
    /// In the order of the file.
    pub list: Vec<Finding>,
}

/// Excerpts are cut to so many characters around the mistake.
const EXCERPT_WIDTH: usize = 110;

impl Findings {
    /// Findings in the order of the file.
    pub fn new(path: &str, source: &str, mut list: Vec<Finding>) -> Findings {
        list.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        list.dedup();
        Findings {
            path: path.to_owned(),
            source: source.to_owned(),
            list,
        }
    }

    /// Whose fault it is that nothing happens. A policy first, because nothing
    /// else that is put right would help.
    pub fn blame(&self) -> Blame {
        let any = |blame| self.list.iter().any(|finding| finding.blame == blame);
        match (any(Blame::Policy), any(Blame::Text)) {
            (true, _) => Blame::Policy,
            (false, true) => Blame::Text,
            (false, false) => Blame::Outside,
        }
    }

    /// The text for people, ending in a line feed, with ANSI colours if asked.
    pub fn render(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| match colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        };
        let count = match self.list.len() {
            1 => "1 problem".to_owned(),
            n => format!("{n} problems"),
        };
        let mut out = format!("{}: {count} in {}\n", paint("1;31", "error"), self.path);
        let digits = self
            .list
            .iter()
            .map(|f| f.span.line.to_string().len())
            .max();
        let margin = digits.unwrap_or(1).max(2);
        for finding in &self.list {
            out.push('\n');
            let Span { line, column, .. } = finding.span;
            if line == 0 {
                out.push_str(&format!("  {}\n", finding.message));
            } else {
                let (text, caret, width) = self.excerpt(finding.span);
                let blank = " ".repeat(margin);
                let bar = paint("2", "│");
                out.push_str(&paint("2", &format!("  {}:{line}:{column}", self.path)));
                out.push_str(&format!("\n  {line:>margin$} {bar} {text}\n"));
                out.push_str(&format!("  {blank} {bar} {}", " ".repeat(caret)));
                out.push_str(&paint("31", &"^".repeat(width)));
                out.push_str(&format!(" {}\n", finding.message));
            }
            for (i, help) in finding.help.lines().enumerate() {
                let lead = if i == 0 { "help:" } else { "     " };
                out.push_str(&format!("  {} {help}\n", paint("36", lead)));
            }
        }
        out
    }

    /// The line of a mistake cut to a readable width, the offset of the caret
    /// in it and how many carets there are.
    fn excerpt(&self, span: Span) -> (String, usize, usize) {
        let line: Vec<char> = self
            .source
            .lines()
            .nth(span.line - 1)
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let offset = span.column.saturating_sub(1).min(line.len());
        let start = match line.len() > EXCERPT_WIDTH {
            true => offset.saturating_sub(EXCERPT_WIDTH / 2),
            false => 0,
        };
        let end = line.len().min(start + EXCERPT_WIDTH);
        let mut text: String = line[start..end].iter().collect();
        let mut caret = offset - start;
        if start > 0 {
            text.insert(0, '…');
            caret += 1;
        }
        if end < line.len() {
            text.push('…');
        }
        let width = span.length.min(end.saturating_sub(offset)).max(1);
        (text.trim_end().to_owned(), caret, width)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Findings {}

/// Whether messages on standard error are coloured: only on a terminal, and
/// not where `NO_COLOR` is set.
pub fn is_stderr_coloured() -> bool {
    std::io::stderr().is_terminal() && wants_colour()
}

/// The same for standard output.
pub fn is_stdout_coloured() -> bool {
    std::io::stdout().is_terminal() && wants_colour()
}

/// Source: <https://no-color.org>.
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The one of `known` that was probably meant.
pub fn check_spelling<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &plain(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 3))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_finding_shows_its_line_its_caret_and_its_help() {
        let source = "app: shop\nstategy: canary\n";
        let span = Span {
            line: 2,
            column: 1,
            length: 7,
        };
        let finding = Finding::new(span, "unknown key").help("did you mean `strategy`?\nor not");
        expect![[r#"
            error: 1 problem in baepo.yml

              baepo.yml:2:1
               2 │ stategy: canary
                 │ ^^^^^^^ unknown key
              help: did you mean `strategy`?
                    or not
        "#]]
        .assert_eq(&Findings::new("baepo.yml", source, vec![finding]).render(false));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mistake() {
        let source = format!("a: {}X{}", "é".repeat(200), "b".repeat(200));
        let span = Span {
            line: 1,
            column: 204,
            length: 1,
        };
        let findings = Findings::new("f", &source, vec![Finding::new(span, "here")]);
        let (text, caret, width) = findings.excerpt(span);
        assert_eq!(text.chars().nth(caret), Some('X'));
        assert_eq!(width, 1);
        assert!(text.starts_with('…') && text.ends_with('…'));
        assert_eq!(text.chars().count(), EXCERPT_WIDTH + 2);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["strategy", "monitors", "env"];
        assert_eq!(check_spelling("stategy", known), Some("strategy"));
        assert_eq!(check_spelling("Strategy", known), Some("strategy"));
        assert_eq!(check_spelling("monitor", known), Some("monitors"));
        assert_eq!(check_spelling("image", known), None);
    }
}

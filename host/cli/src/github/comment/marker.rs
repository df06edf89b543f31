//! The first line of a comment of ours, which nobody sees: whose it is, which
//! run wrote it, and a hash of what it says.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::github::place::Turn;

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Which of the comments of one pull request: the application, and where a
    /// job is for some environments alone, those.
    pub id: String,
    /// Which run wrote it.
    pub turn: Turn,
    /// Of the text below it.
    pub hash: String,
}

impl Marker {
    /// The marker of a text.
    pub fn of(id: &str, turn: Turn, text: &str) -> Marker {
        let hash = Sha256::digest(text.as_bytes());
        let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
        Marker {
            id: plain(id),
            turn,
            hash: hash.collect(),
        }
    }

    /// Whether this is a comment of that name.
    pub fn is_of(&self, id: &str) -> bool {
        self.id == plain(id)
    }

    /// The marker of a comment, if it begins with one.
    pub fn parse(body: &str) -> Option<Marker> {
        let line = body.lines().next()?.trim_end();
        let fields = line.strip_prefix("<!-- baepo v=1 ")?.strip_suffix(" -->")?;
        let field = |name: &str| {
            let mut fields = fields.split(' ').filter_map(|field| field.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Some(Marker {
            id: field("id")?.to_owned(),
            turn: Turn {
                run: field("run")?.parse().ok()?,
                attempt: field("attempt")?.parse().ok()?,
            },
            hash: field("hash")?.to_owned(),
        })
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Marker { id, turn, hash } = self;
        let Turn { run, attempt } = turn;
        write!(
            f,
            "<!-- baepo v=1 id={id} run={run} attempt={attempt} hash={hash} -->"
        )
    }
}

/// A name that can neither end the marker nor be read as another field of it.
fn plain(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | ',' | '-');
    let letters = id.chars().map(|c| if is_plain(c) { c } else { '_' });
    letters.collect::<String>().replace("--", "-_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Turn = Turn {
        run: 12,
        attempt: 3,
    };

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        let marker = Marker::of("shop/production", TURN, "text");
        let line = marker.to_string();
        assert_eq!(
            line,
            "<!-- baepo v=1 id=shop/production run=12 attempt=3 hash=982d9e3eb996f559 -->"
        );
        assert_eq!(Marker::parse(&format!("{line}\r\n### text")), Some(marker));
    }

    #[test]
    fn only_the_first_line_is_a_marker() {
        let line = Marker::of("shop", TURN, "").to_string();
        assert_eq!(Marker::parse(&format!("> quoted\n{line}")), None);
        assert_eq!(Marker::parse(&format!("text {line}")), None);
        assert_eq!(
            Marker::parse("<!-- baepo v=2 id=shop run=1 attempt=1 hash=x -->"),
            None
        );
    }

    #[test]
    fn a_name_cannot_end_the_marker() {
        let marker = Marker::of("a --> run=9", TURN, "");
        assert_eq!(Marker::parse(&marker.to_string()), Some(marker.clone()));
        assert!(marker.is_of("a --> run=9") && !marker.is_of("a"));
    }
}

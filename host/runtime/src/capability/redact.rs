//! Takes the values of secrets out of what is shown: as they are, line by line,
//! and in the encodings in which programs print them.
//!
//! It hides accidents, not intent. A program that was given a secret can print
//! it in a way that nobody thought of; what it is given is what it is trusted
//! with.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Values and lines shorter than this are not looked for: hiding `1` or `yes`
/// would hide the log and nothing else.
pub const SHORTEST: usize = 4;

/// What stands where a value was.
const MASK: &[u8] = b"***";

/// Finds values and replaces them by `***`. Empty, it finds nothing.
pub struct Redactor {
    /// Longest first, so that the whole is found before its parts.
    patterns: Vec<Zeroizing<Vec<u8>>>,
    /// Indices of patterns by their first byte, in the same order.
    by_first: Box<[Vec<u32>]>,
    longest: usize,
}

impl Default for Redactor {
    fn default() -> Redactor {
        Redactor::of([])
    }
}

impl Redactor {
    /// Finds these values, their lines, and their usual encodings.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Redactor {
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for value in values {
            patterns.extend(forms(value).into_iter().map(Zeroizing::new));
        }
        patterns.retain(|pattern| pattern.len() >= SHORTEST);
        patterns.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        patterns.dedup();
        let mut by_first = Vec::new();
        if !patterns.is_empty() {
            by_first = vec![Vec::new(); 256];
        }
        for (index, pattern) in patterns.iter().enumerate() {
            by_first[usize::from(pattern[0])].push(index as u32);
        }
        Redactor {
            longest: patterns.first().map_or(0, |pattern| pattern.len()),
            patterns,
            by_first: by_first.into(),
        }
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The bytes without the values.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let is_clean = |bytes: &[u8]| (0..bytes.len()).all(|at| self.found(&bytes[at..]).is_none());
        if self.is_empty() || is_clean(bytes) {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        self.copy(bytes, &mut out, true);
        Cow::Owned(out)
    }

    /// The text without the values.
    pub fn text(&self, text: String) -> String {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    fn candidates(&self, rest: &[u8]) -> impl Iterator<Item = &[u8]> {
        let list = rest
            .first()
            .and_then(|first| self.by_first.get(usize::from(*first)));
        let indices = list.map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .map(|index| self.patterns[*index as usize].as_slice())
    }

    /// The length of the longest value that begins here.
    fn found(&self, rest: &[u8]) -> Option<usize> {
        self.candidates(rest)
            .find(|pattern| rest.starts_with(pattern))
            .map(<[u8]>::len)
    }

    /// Whether a value, or a longer one, may begin here and end in what is
    /// still to come.
    fn is_open(&self, rest: &[u8]) -> bool {
        rest.len() < self.longest
            && self
                .candidates(rest)
                .any(|pattern| pattern.len() > rest.len() && pattern.starts_with(rest))
    }

    /// Copies without the values; how far it came. Before the end of a stream
    /// it stops where it cannot know yet.
    fn copy(&self, bytes: &[u8], out: &mut Vec<u8>, is_end: bool) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if !is_end && self.is_open(rest) {
                return at;
            }
            match self.found(rest) {
                Some(length) => {
                    out.extend_from_slice(MASK);
                    at += length;
                }
                None => {
                    out.push(rest[0]);
                    at += 1;
                }
            }
        }
        at
    }
}

/// Takes values out of a stream that comes in pieces. What may be the beginning
/// of a value is held back until it is known.
#[derive(Default)]
pub(crate) struct Held(Vec<u8>);

impl Held {
    /// The next piece, without values.
    pub(crate) fn pass<'a>(&mut self, redactor: &Redactor, piece: &'a [u8]) -> Cow<'a, [u8]> {
        if redactor.is_empty() {
            return Cow::Borrowed(piece);
        }
        self.0.extend_from_slice(piece);
        let mut out = Vec::with_capacity(self.0.len());
        let done = redactor.copy(&self.0, &mut out, false);
        self.0.drain(..done);
        Cow::Owned(out)
    }

    /// What was held back, at the end of the stream.
    pub(crate) fn rest(&mut self, redactor: &Redactor) -> Vec<u8> {
        let mut out = Vec::new();
        redactor.copy(&std::mem::take(&mut self.0), &mut out, true);
        out
    }
}

/// A value in all forms that are looked for.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let value = value.trim_end_matches(['\n', '\r']);
    if value.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![value.as_bytes().to_vec(), escaped(value)];
    let lines = value.lines().map(str::trim);
    forms.extend(lines.map(|line| line.as_bytes().to_vec()));
    for (digits, space) in [(&HEX[0], "%20"), (&HEX[1], "%20"), (&HEX[0], "+")] {
        forms.push(url(value, digits, space));
    }
    forms.extend(HEX.iter().map(|digits| hex(value, digits)));
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|shift| base64(value.as_bytes(), shift, alphabet)));
    }
    forms
}

const HEX: [&[u8; 16]; 2] = [b"0123456789ABCDEF", b"0123456789abcdef"];

fn hex(value: &str, digits: &[u8; 16]) -> Vec<u8> {
    let two = |byte: u8| [byte >> 4, byte & 15].map(|half| digits[usize::from(half)]);
    value.bytes().flat_map(two).collect()
}

/// Source: RFC 3986, section 2.3, and for `+` the encoding of HTML forms.
fn url(value: &str, digits: &[u8; 16], space: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value.bytes() {
        match byte {
            b' ' => out.extend_from_slice(space.as_bytes()),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(byte),
            _ => {
                let half = |half: u8| digits[usize::from(half)];
                out.extend([b'%', half(byte >> 4), half(byte & 15)]);
            }
        }
    }
    out
}

/// As it is inside a string of JSON.
fn escaped(value: &str) -> Vec<u8> {
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let inside = quoted.get(1..quoted.len().saturating_sub(1));
    inside.unwrap_or_default().as_bytes().to_vec()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The characters that depend on the value alone where it stands behind `shift`
/// other bytes (`user:` in front of a password, for example). What depends on
/// its neighbours too is left out: at most six bits at either end.
/// Source: RFC 4648.
fn base64(value: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = (shift + value.len()) * 8;
    let bit = |at: usize| match (at / 8).checked_sub(shift) {
        Some(index) => value[index] >> (7 - at % 8) & 1,
        None => 0,
    };
    let first = (shift * 8).div_ceil(6);
    let digit = |at: usize| {
        let six = (at * 6..at * 6 + 6).fold(0, |six, at| six << 1 | bit(at));
        alphabet[usize::from(six)]
    };
    (first..bits / 6).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "hunter2&co \"quoted\"";

    fn redacted(text: &str) -> String {
        Redactor::of([VALUE]).text(text.into())
    }

    #[test]
    fn a_value_is_found_as_it_is_and_encoded() {
        for text in [
            VALUE,
            "hunter2%26co%20%22quoted%22",
            "hunter2%26co+%22quoted%22",
            r#"hunter2&co \"quoted\""#,
            "68756e7465723226636f202271756f74656422",
        ] {
            assert_eq!(redacted(&format!("a {text}.")), "a ***.");
        }
        assert_eq!(redacted("hunter3 and nothing"), "hunter3 and nothing");
    }

    #[test]
    fn a_value_is_found_in_base64_wherever_it_begins() {
        // Made with `printf 'u:hunter2…' | base64`.
        for (encoded, left) in [
            ("aHVudGVyMiZjbyAicXVvdGVkIg==", "***g=="),
            ("dTpodW50ZXIyJmNvICJxdW90ZWQi", "dT***"),
            ("dTEyOmh1bnRlcjImY28gInF1b3RlZCI6", "dTEyO***6"),
        ] {
            let shown = redacted(encoded);
            assert!(shown.contains("***"), "{shown}");
            assert!(
                shown.len() <= left.len() + 3,
                "{shown}: most of it is left, expected about {left}"
            );
        }
    }

    #[test]
    fn a_value_of_many_lines_is_found_line_by_line() {
        let redactor = Redactor::of(["-----BEGIN-----\nabcdefgh\nij\n-----END-----\n"]);
        assert_eq!(redactor.text("x abcdefgh ij".into()), "x *** ij");
        assert_eq!(
            redactor.text("-----BEGIN-----\nabcdefgh\nij\n-----END-----".into()),
            "***"
        );
    }

    #[test]
    fn short_values_leave_the_log_readable() {
        assert!(Redactor::of(["1", "yes", ""]).is_empty());
    }

    #[test]
    fn a_stream_hides_values_wherever_it_is_cut() {
        let redactor = Redactor::of(["secret-value", "secret"]);
        let text = b"a secret-value, a secret, a secre";
        for cut in 0..text.len() {
            let mut held = Held::default();
            let mut out = held.pass(&redactor, &text[..cut]).into_owned();
            out.extend_from_slice(&held.pass(&redactor, &text[cut..]));
            out.extend(held.rest(&redactor));
            assert_eq!(out, b"a ***, a ***, a secre", "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_a_value_is_not_held_back() {
        let redactor = Redactor::of(["secret-value"]);
        let mut held = Held::default();
        assert_eq!(*held.pass(&redactor, b"all is well\n"), *b"all is well\n");
    }
}

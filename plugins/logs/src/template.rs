//! The part of a message that stays the same: its words with numbers, names of
//! files, addresses, ids and quoted text masked.
//!
//! Source: Makanju et al. and He et al., "Drain: An Online Log Parsing Approach
//! with Fixed Depth Tree", ICWS 2017: mask what is plainly variable, then group
//! messages of the same length by their words.

/// Most words of a template; a message differs by its beginning or not at all.
pub(crate) const MOST_WORDS: usize = 16;

/// Most bytes of a message that are looked at.
const MOST_BYTES: usize = 1_024;

/// In place of a word that varies.
pub(crate) const ANY: u16 = 0;

/// A message as words, each as a number; [`ANY`] for what varies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Template(pub(crate) Vec<u16>);

impl Template {
    /// The template of a message.
    pub(crate) fn of(message: &str) -> Template {
        Template(words(message).iter().map(|word| number(word)).collect())
    }

    /// 64 bits that stand for it.
    pub(crate) fn hash(&self) -> u64 {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        fnv(&bytes)
    }

    /// Whether the other is the same but for at most a fifth of its words. What
    /// was widened before counts as well, so that no template comes to stand
    /// for everything.
    pub(crate) fn is_like(&self, other: &Template) -> bool {
        let length = self.0.len();
        let pairs = || self.0.iter().zip(&other.0).filter(|(a, b)| a != b);
        let different = pairs().filter(|(a, _)| **a != ANY).count();
        length == other.0.len() && different * 5 <= length && pairs().count() * 3 <= length
    }

    /// Let it stand for the other as well.
    pub(crate) fn widen(&mut self, other: &Template) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            if mine != theirs {
                *mine = ANY;
            }
        }
    }
}

/// FNV-1a, 64 bits. Source: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn number(word: &str) -> u16 {
    if word == "*" {
        return ANY;
    }
    let hash = fnv(word.as_bytes());
    let folded = (hash >> 48) ^ (hash >> 32) ^ (hash >> 16) ^ hash;
    // Never the number of what varies.
    (folded as u16).max(1)
}

/// The words of a message, `*` for those that vary.
pub(crate) fn words(message: &str) -> Vec<String> {
    let mut end = message.len().min(MOST_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let text = without_quoted(&message[..end]);
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = mask(word);
        // A list of any length is one thing that varies.
        if word == "*" && words.last().is_some_and(|last| last == "*") {
            continue;
        }
        if words.len() == MOST_WORDS {
            break;
        }
        words.push(word);
    }
    words
}

/// The text with `*` for what is in quotes. An apostrophe opens nothing.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let quote = rest.as_bytes()[at] as char;
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let opens = !before.ends_with(|c: char| c.is_alphanumeric());
        out.push_str(before);
        match after.find(quote) {
            Some(end) if opens => {
                out.push_str(" * ");
                rest = &after[end + 1..];
            }
            _ => {
                out.push(quote);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A word, or what of it stays the same.
fn mask(word: &str) -> String {
    if let Some((key, _)) = word.split_once('=')
        && !key.is_empty()
    {
        return format!("{key}=*");
    }
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let has_digit = bare.bytes().any(|byte| byte.is_ascii_digit());
    let is_path = bare.contains('/') && bare.len() > 1;
    let is_code = bare
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let is_short_code =
        is_code && bare.len() <= 8 && bare.starts_with(|c: char| c.is_ascii_uppercase());
    let is_hex = bare.len() >= 8
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_long = bare.len() > 40;
    if is_path || is_hex || is_long || bare.contains('@') || (has_digit && !is_short_code) {
        return "*".to_owned();
    }
    if bare.is_empty() {
        return "*".to_owned();
    }
    bare.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(message: &str) -> String {
        words(message).join(" ")
    }

    #[test]
    fn what_varies_is_masked_and_words_stay() {
        for (message, template) in [
            ("took 12ms for 3 items", "took * for * items"),
            ("2026-01-02T03:04:05.123Z user 5 gone", "* user * gone"),
            (
                "request 0192f0c1-7d4e-7cc3-8f0a-5c2a1b9d3e4f failed",
                "request * failed",
            ),
            (
                "dial tcp 10.0.0.7:5432: connect: connection refused",
                "dial tcp * connect connection refused",
            ),
            (
                "cannot open /var/lib/x/y.db: denied",
                "cannot open * denied",
            ),
            ("no key \"alpha beta\" in 'x'", "no key * in *"),
            ("can't read, won't write", "can't read won't write"),
            ("commit deadbeefcafe is bad", "commit * is bad"),
            ("user=alice code=E42 failed", "user=* code=* failed"),
            ("HTTP500 from E1234", "HTTP500 from E1234"),
            ("ids [1, 2, 3, 4]", "ids *"),
            ("mail to a@b.dev bounced", "mail to * bounced"),
            ("open quote \" here", "open quote * here"),
            ("", ""),
        ] {
            assert_eq!(masked(message), template, "{message}");
        }
    }

    #[test]
    fn a_word_that_varies_widens_a_template() {
        let mut first = Template::of("no account for alice in this shop");
        let second = Template::of("no account for bob in this shop");
        assert!(first.is_like(&second) && first != second);
        first.widen(&second);
        assert!(first.is_like(&Template::of("no account for carol in this shop")));
        let short = Template::of("database gone");
        assert!(!short.is_like(&Template::of("cache gone")));
    }
}

//! Sample lines without what looks like a credential. The host takes out the
//! secrets that it knows; these are the ones that nobody told it.

/// Names behind which a credential stands.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "cookie",
    "credential",
    "private",
];

/// How tokens of well-known makers begin.
const BEGINNINGS: [&str; 11] = [
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk-",
    "sk_live_",
    "AKIA",
    "eyJ",
];

/// A longer run of letters and digits mixed is no word.
const TOKEN_MIN_BYTES: usize = 24;

/// One line, without control characters, credentials masked, at most
/// `most_bytes` long.
pub(crate) fn sample(line: &str, most_bytes: usize) -> String {
    let line: String = line
        .chars()
        .take(most_bytes * 4)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut out = String::new();
    let (mut is_behind_name, mut was_name) = (false, false);
    for word in line.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let lower = word.to_ascii_lowercase();
        if is_behind_name && !matches!(lower.as_str(), "=" | ":" | "is" | "bearer" | "basic") {
            out.push_str("***");
            is_behind_name = false;
        } else {
            out.push_str(&masked(word));
        }
        // `token = x` has its sign apart.
        let is_sign = matches!(lower.as_str(), "=" | ":");
        is_behind_name = is_behind_name || ends_in_name(&lower) || is_sign && was_name;
        was_name = NAMES.iter().any(|name| lower.ends_with(name));
    }
    if out.len() > most_bytes {
        let mut end = most_bytes.saturating_sub('…'.len_utf8());
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        out.push('…');
    }
    out
}

/// Whether the next word is a value: `Authorization: x`, `token = x`, `Bearer x`.
fn ends_in_name(lower: &str) -> bool {
    let is_told = lower.ends_with([':', '=']);
    let bare = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    bare == "bearer" || is_told && NAMES.iter().any(|name| bare.ends_with(name))
}

fn masked(word: &str) -> String {
    // `token=x`, `"password":"x"`, also inside `a?token=x&b=c`.
    if let Some(at) = name_with_value(word) {
        return format!("{}***", &word[..at]);
    }
    // `https://user:password@host`.
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.split_once('@')
    {
        return format!("{scheme}://***@{host}");
    }
    word.split_inclusive(|c: char| !is_of_token(c))
        .map(|part| {
            let token = part.trim_end_matches(|c| !is_of_token(c));
            match is_token(token) {
                true => format!("***{}", &part[token.len()..]),
                false => part.to_owned(),
            }
        })
        .collect()
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')
}

fn is_token(text: &str) -> bool {
    let has_beginning = text.len() >= 16 && BEGINNINGS.iter().any(|begin| text.starts_with(begin));
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    // An id of 36 letters with four dashes names something and opens nothing.
    let is_uuid = text.len() == 36 && text.matches('-').count() == 4;
    has_beginning || text.len() >= TOKEN_MIN_BYTES && is_mixed && !is_uuid
}

/// Where the value begins in a word that names one.
fn name_with_value(word: &str) -> Option<usize> {
    let lower = word.to_ascii_lowercase();
    let ends = NAMES.iter().filter_map(|name| {
        let end = lower.find(name)? + name.len();
        let rest = lower[end..].trim_start_matches(['"', '\'']);
        let at = lower.len() - rest.len();
        let is_told = rest.starts_with(['=', ':']) && rest.len() > 1;
        is_told.then_some(at + 1)
    });
    ends.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_masked() {
        for (line, shown) in [
            (
                "login failed password=hunter2 for bob",
                "login failed password=*** for bob",
            ),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("token = abc next", "token = *** next"),
            (r#"{"api_key":"x","a":1}"#, r#"{"api_key":***"#),
            ("GET /a?token=abc&b=c", "GET /a?token=***"),
            ("postgres://u:p@db:5432/x", "postgres://***@db:5432/x"),
            ("key ghp_0123456789abcdefghij, bad", "key ***, bad"),
            (
                "session 0123456789abcdef0123456789abcdef ended",
                "session *** ended",
            ),
            (
                "request 0192f0c1-7d4e-7cc3-8f0a-5c2a1b9d3e4f failed",
                "request 0192f0c1-7d4e-7cc3-8f0a-5c2a1b9d3e4f failed",
            ),
            ("token expired", "token expired"),
            ("a\u{1b}[31mred\ttab", "a [31mred tab"),
        ] {
            assert_eq!(sample(line, 200), shown, "{line}");
        }
        let long = sample(&"ä ".repeat(500), 21);
        assert!(long.len() <= 21 && long.ends_with('…'), "{long}");
    }
}

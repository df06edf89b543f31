//! Text that did not come from baepo, made harmless.

/// What keeps mentions and links from working and cannot be seen: a word
/// joiner.
const JOINER: char = '\u{2060}';

/// Plain text as Markdown that shows just that text, on one line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            // Nothing that is invisible, or that turns the direction of what
            // follows.
            c if c.is_control() => {}
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => {
                out.push(c);
                out.push(JOINER);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '~' | '|' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // `https://…/issues/1` and `GH-1` are links that show up where they
            // lead to.
            '/' if out.ends_with(":/") => {
                out.push(JOINER);
                out.push(c);
            }
            '-' if ends_with_word(&out, "gh") => {
                out.push(JOINER);
                out.push(c);
            }
            '.' if ends_with_word(&out, "www") => {
                out.push(JOINER);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(rest) = bytes.len().checked_sub(word.len()) else {
        return false;
    };
    let is_word = bytes[rest..].eq_ignore_ascii_case(word.as_bytes());
    let follows_letter = bytes[..rest].last().is_some_and(u8::is_ascii_alphanumeric);
    is_word && !follows_letter
}

/// Text as inline code: nothing in it is interpreted.
pub fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() || c == '|' { ' ' } else { c })
        .collect();
    let pad = if longest > 0 || text.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as a block of code: nothing in them is interpreted.
pub fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let text: String = text
        .chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .collect();
    format!("{fence}text\n{text}\n{fence}")
}

/// The beginning of a text, of at most so many characters.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// Plain text as HTML where Markdown is not read, such as in a `<summary>`, of
/// at most so many characters.
pub fn html(text: &str, most: usize) -> String {
    let text = brief(text, most);
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            // What a backslash makes harmless is harmless here anyway.
            '\\' => out.extend(letters.next()),
            c => out.push(c),
        }
    }
    out
}

/// Both: of untrusted length and content.
pub fn brief(text: &str, most: usize) -> String {
    escape(&shorten(text.trim(), most))
}

/// An address as the target of a link, or nothing where it could end the link
/// or is none of the web.
pub fn link(title: &str, url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = url.chars().all(|c| {
        c.is_ascii_graphic()
            && !matches!(
                c,
                '(' | ')' | '<' | '>' | '[' | ']' | '\\' | '"' | '`' | '|'
            )
    });
    (is_web && is_plain).then(|| format!("[{title}]({url})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_mention_link_or_break_out() {
        let text = escape("@team see #12 <!-- baepo --> | `x` [a](b)\n# big");
        assert!(!text.contains("@team") && !text.contains("#12") && !text.contains("<!--"));
        assert!(!text.contains('\n') && !text.contains(" | "));
        assert!(text.contains("\\[a\\](b)"));
    }

    #[test]
    fn foreign_text_leaves_no_trace_at_other_issues() {
        let text = escape("https://github.com/a/b/issues/1 GH-12 (gh-3) high-4 www.github.com");
        assert!(!text.contains("://") && !text.contains("GH-12") && !text.contains("gh-3"));
        assert!(text.contains("high-4") && !text.contains("www."));
    }

    #[test]
    fn code_keeps_its_own_backticks_inside() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a `` b"), "``` a `` b ```");
        assert_eq!(code("a\n|b"), "`a  b`");
        assert_eq!(code(""), "`  `");
    }

    #[test]
    fn a_block_ends_where_it_should() {
        assert_eq!(block("a\n```\nb\r"), "````text\na\n```\nb\n````");
    }

    #[test]
    fn html_shows_what_is_plain() {
        assert_eq!(html("eu_west <b>", 60), "eu_west &lt;b&gt;");
        assert_eq!(html("a\\b", 60), "a\\b");
    }

    #[test]
    fn only_an_address_of_the_web_is_a_link() {
        assert_eq!(
            link("Run", "https://a.dev/1").as_deref(),
            Some("[Run](https://a.dev/1)")
        );
        assert_eq!(link("Run", "javascript:alert(1)"), None);
        assert_eq!(link("Run", "https://a.dev/)[x](y"), None);
    }
}

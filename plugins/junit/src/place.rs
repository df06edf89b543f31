//! Where in the code a failure happened, as far as its text tells.

/// The first place inside the checkout that a text names, as `path` and line:
/// `src/cart.rs:88:5`, `tests/test_cart.py:12: AssertionError`,
/// `(src/cart.test.ts:40:13)`. Places in dependencies do not count.
pub(crate) fn find(text: &str) -> Option<(String, u32)> {
    // What panicked is nearer to the point than the first frame of a trace.
    if let Some((_, rest)) = text.split_once("panicked at ")
        && let Some(place) = rest.lines().next().and_then(find_in_line)
    {
        return Some(place);
    }
    text.lines().take(200).find_map(find_in_line)
}

fn find_in_line(line: &str) -> Option<(String, u32)> {
    line.split(|c: char| c.is_whitespace() || "()[]<>'\"`,".contains(c))
        .find_map(parse)
}

/// `path:line` with whatever follows.
fn parse(word: &str) -> Option<(String, u32)> {
    let (path, rest) = word.split_once(':')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let line: u32 = rest[..digits].parse().ok()?;
    let path = path.strip_prefix("./").unwrap_or(path);
    (line > 0 && is_source(path)).then(|| (path.to_string(), line))
}

/// Whether it looks like a file of the checkout.
pub(crate) fn is_source(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let has_extension = file.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && extension.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let is_foreign = |part: &str| {
        matches!(
            part,
            ".." | "node_modules" | ".cargo" | "site-packages" | "rustc"
        )
    };
    has_extension
        && !path.starts_with('/')
        && !folders.split('/').any(is_foreign)
        && path
            .chars()
            .all(|c| c.is_alphanumeric() || "_-./@+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_what_runners_print() {
        for (text, place) in [
            (
                "thread 'a::b' (7) panicked at src/cart.rs:88:5:\nboom",
                ("src/cart.rs", 88),
            ),
            (
                "at /rustc/abc/library/std/panicking.rs:5\n at ./tests/it.rs:7:1",
                ("tests/it.rs", 7),
            ),
            (
                "def test():\n>  assert 1 == 2\ntests/test_cart.py:12: AssertionError",
                ("tests/test_cart.py", 12),
            ),
            (
                "Error: x\n    at Object.<anonymous> (src/cart.test.ts:40:13)",
                ("src/cart.test.ts", 40),
            ),
            (
                "\tat shop.CartTest.adds(CartTest.java:42)",
                ("CartTest.java", 42),
            ),
        ] {
            assert_eq!(find(text), Some((place.0.to_string(), place.1)), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_in_the_checkout_is_not_taken_for_one() {
        for text in [
            "",
            "left: 1, right: 2",
            "http://127.0.0.1:8080/healthz",
            "127.0.0.1:8080",
            "at 12:30:01.5",
            "/usr/lib/python3/unittest.py:9",
            "node_modules/jest/build/index.js:5:1",
            "../other/src/lib.rs:3",
            "src/lib.rs:0",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}

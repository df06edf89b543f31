//! Paths and patterns of the checkout: `*`, `**`, `?` and `{a,b}`.

use super::wit::workspace::WorkspaceError;

/// A pattern, taken apart: each alternative as the parts between its slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Vec<String>>);

impl Pattern {
    /// A pattern as it stands under `allow:`, where `.` is the whole checkout.
    ///
    /// # Panics
    /// Where the real host would refuse the configuration.
    pub(super) fn granted(text: &str) -> Pattern {
        let trimmed = text.strip_prefix("./").unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        let pattern = match trimmed {
            "." => Pattern::parse("**"),
            trimmed => normalize(trimmed)
                .map_err(|_| "it leads out of the checkout".to_owned())
                .and_then(|path| Pattern::parse(&path)),
        };
        match pattern {
            Ok(pattern) => pattern,
            Err(why) => panic!("`{text}` cannot be granted: {why}"),
        }
    }

    /// # Errors
    /// What is wrong with it, as a fragment.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        if text.contains(['[', ']', '\\']) {
            return Err("beside `*`, `**`, `?` and `{a,b}` nothing is promised".into());
        }
        let parts = |path: String| path.split('/').map(str::to_owned).collect();
        Ok(Pattern(
            alternatives(text)?.into_iter().map(parts).collect(),
        ))
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        self.0.iter().any(|parts| parts_match(parts, &path))
    }

    /// Whether it stands for this path when it is granted: it matches the path
    /// or one of the folders that the path is in.
    pub(super) fn covers(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end);
        ends.chain([path.len()])
            .any(|end| self.matches(&path[..end]))
    }
}

/// A relative path without `.` and empty parts.
pub(super) fn normalize(path: &str) -> Result<String, WorkspaceError> {
    if path.starts_with('/') || path.contains(['\0', '\\']) {
        return Err(WorkspaceError::InvalidPath);
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.is_empty() || parts.contains(&"..") {
        return Err(WorkspaceError::InvalidPath);
    }
    Ok(parts.join("/"))
}

/// All texts that the first pair of braces stands for, and so on.
fn alternatives(text: &str) -> Result<Vec<String>, String> {
    let Some(open) = text.find('{') else {
        return match text.contains('}') {
            true => Err("a `}` has no `{`".into()),
            false => Ok(vec![text.to_owned()]),
        };
    };
    let (mut depth, mut from, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let is_end = c == '}' && depth == 0;
        if is_end || (c == ',' && depth == 1) {
            choices.push(&text[from..at]);
            from = at + 1;
        }
        if is_end {
            let (before, after) = (&text[..open], &text[from..]);
            let whole = choices
                .iter()
                .map(|choice| alternatives(&format!("{before}{choice}{after}")));
            return Ok(whole.collect::<Result<Vec<_>, _>>()?.concat());
        }
    }
    Err("a `{` has no `}`".into())
}

/// `**` stands for any number of folders; at the end it stands for all that is
/// in there, and not for the folder itself.
fn parts_match(parts: &[String], path: &[&str]) -> bool {
    match (parts, path) {
        ([], []) => true,
        ([all], path) if all == "**" => !path.is_empty(),
        ([all, rest @ ..], path) if all == "**" => {
            (0..=path.len()).any(|skipped| parts_match(rest, &path[skipped..]))
        }
        ([part, rest @ ..], [name, names @ ..]) => {
            let (part, name): (Vec<char>, Vec<char>) =
                (part.chars().collect(), name.chars().collect());
            part_matches(&part, &name) && parts_match(rest, names)
        }
        _ => false,
    }
}

fn part_matches(part: &[char], name: &[char]) -> bool {
    match (part, name) {
        ([], []) => true,
        (['*', rest @ ..], name) => {
            (0..=name.len()).any(|skipped| part_matches(rest, &name[skipped..]))
        }
        (['?', rest @ ..], [_, name @ ..]) => part_matches(rest, name),
        ([c, rest @ ..], [first, name @ ..]) => c == first && part_matches(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_language_is_understood() {
        for (pattern, yes, no) in [
            ("src/*.rs", "src/main.rs", "src/deep/main.rs"),
            ("**/*.xml", "a.xml", "a.xml/b"),
            ("**/*.xml", "a/b/c.xml", "a/b/c.xm"),
            ("reports/**", "reports/a/b", "reports"),
            ("a/**/z", "a/z", "a/b"),
            ("a/**/z", "a/b/c/z", "b/z"),
            ("log?.txt", "log1.txt", "log12.txt"),
            ("{a,b/{c,d}}.js", "b/d.js", "b.js"),
            ("{a,b}*", "bee", "cee"),
            ("a**", "ab", "a/b"),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert!(parsed.matches(yes), "{pattern} {yes}");
            assert!(!parsed.matches(no), "{pattern} {no}");
        }
        for wrong in ["a{b", "a}", "a[bc]", "{{a}"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_granted_folder_stands_for_all_that_is_in_it() {
        let folder = Pattern::granted("./target/nextest/");
        assert!(folder.covers("target/nextest/ci/junit.xml"));
        assert!(folder.covers("target/nextest"));
        assert!(!folder.covers("target/nextest2") && !folder.covers("target"));
        assert!(Pattern::granted(".").covers("a/b"));
    }

    #[test]
    fn no_path_leads_out() {
        assert_eq!(normalize("./a//b").as_deref(), Ok("a/b"));
        for path in ["/etc/passwd", "../x", "a/../../b", "", ".", "a\\b", "a\0"] {
            assert_eq!(normalize(path), Err(WorkspaceError::InvalidPath), "{path}");
        }
    }
}

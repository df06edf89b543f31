//! Names of WIT as Go writes them.

use std::collections::BTreeSet;

/// Words that Go writes in capitals.
const INITIALISMS: [&str; 18] = [
    "api", "cpu", "dns", "html", "http", "https", "id", "ip", "json", "sha256", "tcp", "tls",
    "udp", "uri", "url", "utf8", "uuid", "xml",
];

/// Words that cannot name a parameter.
const KEYWORDS: [&str; 25] = [
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

/// `hook-error` as `HookError`.
pub(super) fn exported(kebab: &str) -> String {
    kebab.split('-').map(capital).collect()
}

/// `window-elapsed-ms` as `windowElapsedMs`.
pub(super) fn parameter(kebab: &str) -> String {
    let mut words = kebab.split('-');
    let mut name = words.next().unwrap_or_default().to_lowercase();
    name.extend(words.map(capital));
    if KEYWORDS.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// `not-found` as `not found`.
pub(super) fn words(kebab: &str) -> String {
    kebab.replace('-', " ").to_lowercase()
}

fn capital(word: &str) -> String {
    let word = word.to_lowercase();
    if INITIALISMS.contains(&word.as_str()) {
        return word.to_uppercase();
    }
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Names that are taken.
#[derive(Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// The first of two names that is free, else the second with a number.
    pub(super) fn take(&mut self, first: String, second: String) -> String {
        if self.0.insert(first.clone()) {
            return first;
        }
        let mut name = second.clone();
        let mut count = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{second}{count}");
            count += 1;
        }
        name
    }

    /// A name that is known to be wanted by what is always there.
    pub(super) fn reserve(&mut self, name: &str) {
        self.0.insert(name.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_go_writes_them() {
        assert_eq!(exported("hook-error"), "HookError");
        assert_eq!(exported("http-error"), "HTTPError");
        assert_eq!(exported("base-url"), "BaseURL");
        assert_eq!(parameter("timeout-ms"), "timeoutMs");
        assert_eq!(parameter("url"), "url");
        assert_eq!(parameter("type"), "type_");
        assert_eq!(words("not-found"), "not found");
    }

    #[test]
    fn a_name_is_given_once() {
        let mut taken = Taken::default();
        let mut take = || taken.take("Kind".into(), "WorkspaceKind".into());
        assert_eq!(
            [take(), take(), take()],
            ["Kind", "WorkspaceKind", "WorkspaceKind2"]
        );
    }
}

//! One line of a command, split by quoting rules and never given to a shell.

/// What cannot be split, and where: an offset in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellSyntax {
    /// In characters from the begin of the line.
    pub(crate) offset: usize,
    /// In characters.
    pub(crate) length: usize,
    /// A lower-case fragment.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: &'static str,
}

const LIST_HELP: &str =
    "there is no shell here: write the words as a list, or put this into a script and run that";

/// Program and arguments of a line such as `cargo test --profile "my ci"`.
pub(crate) fn split(line: &str) -> Result<Vec<String>, ShellSyntax> {
    if let Some(found) = check_shell_syntax(line) {
        return Err(found);
    }
    let words = shell_words::split(line).map_err(|_| ShellSyntax {
        offset: 0,
        length: line.chars().count(),
        message: "a quote is not closed".to_owned(),
        help: "close it, or write the words as a list",
    })?;
    let Some(first) = words.first() else {
        return Err(ShellSyntax {
            offset: 0,
            length: 1,
            message: "a command needs a program".to_owned(),
            help: "name the program to run",
        });
    };
    if let Some((name, _)) = first.split_once('=') {
        return Err(ShellSyntax {
            offset: 0,
            length: first.chars().count(),
            message: format!("`{name}=` would be taken for the name of a program"),
            help: "variables of a build belong into `with: { env: … }` of the plugin builtin:command",
        });
    }
    Ok(words)
}

/// The first character that a shell would give a meaning.
fn check_shell_syntax(line: &str) -> Option<ShellSyntax> {
    let mut quote = None;
    let mut chars = line.chars().enumerate().peekable();
    let mut at_word_start = true;
    while let Some((offset, c)) = chars.next() {
        let found = match (quote, c) {
            (None, '\\') | (Some('"'), '\\') => {
                chars.next();
                None
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                None
            }
            (Some(open), c) if open == c => {
                quote = None;
                None
            }
            (None | Some('"'), '$' | '`') => Some(c),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n') => Some(c),
            (None, '~' | '#') if at_word_start => Some(c),
            _ => None,
        };
        at_word_start = quote.is_none() && c == ' ';
        if let Some(found) = found {
            let doubled = chars
                .peek()
                .is_some_and(|(_, next)| *next == found && found != '\n');
            let shown = match found {
                '\n' => "a second line".to_owned(),
                c if doubled => format!("`{c}{c}`"),
                c => format!("`{c}`"),
            };
            return Some(ShellSyntax {
                offset,
                length: if doubled { 2 } else { 1 },
                message: format!("{shown} would need a shell"),
                help: LIST_HELP,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_by_quotes() {
        let words = |line| split(line).unwrap();
        assert_eq!(
            words("cargo build --release"),
            ["cargo", "build", "--release"]
        );
        assert_eq!(
            words(r#"echo "a b" 'c $d | e' f\ g"#),
            ["echo", "a b", "c $d | e", "f g"]
        );
        assert_eq!(words("shop --port={port}"), ["shop", "--port={port}"]);
        assert_eq!(words("a#b c~d"), ["a#b", "c~d"]);
    }

    #[test]
    fn what_needs_a_shell_is_found_where_it_stands() {
        let found = |line: &str| {
            split(line)
                .map_err(|e| (e.offset, e.length, e.message))
                .unwrap_err()
        };
        assert_eq!(
            found("a && b"),
            (2, 2, "`&&` would need a shell".to_owned())
        );
        assert_eq!(found("a | b").0, 2);
        assert_eq!(found("a \"$HOME\"").0, 3);
        assert_eq!(found("ls *.rs").0, 3);
        assert_eq!(found("a > b").0, 2);
        assert_eq!(found("cd ~").0, 3);
        assert_eq!(found("a\nb").2, "a second line would need a shell");
        assert_eq!(found("a 'b").2, "a quote is not closed");
        assert_eq!(found("  ").2, "a command needs a program");
        assert_eq!(found("RUST_LOG=x a").1, 10);
    }
}

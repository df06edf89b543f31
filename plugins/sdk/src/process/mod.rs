//! Running programs of the build machine; needs the grant `run`.

mod invocation;

pub use crate::bindings::imports::process::{Command, Output, ProcessError, Value};

pub use invocation::{Invocation, Variable};

use crate::HookError;
use crate::units::Millis;

/// How much of each stream to keep, in bytes: enough for the lines that say
/// what went wrong.
pub const CAPTURE_LIMIT_BYTES: u32 = 64 * 1024;

/// A command line with everything else at its default: no more variables, in
/// the checkout, without input.
pub fn command(argv: &[String]) -> Command<'static> {
    Command {
        argv: argv.to_vec(),
        env: Vec::new(),
        working_directory: String::new(),
        stdin: Vec::new(),
        timeout_ms: None,
        capture_limit_bytes: CAPTURE_LIMIT_BYTES,
    }
}

/// Runs a program to its end, whatever its exit code.
///
/// # Errors
/// [`HookError::Denied`] without a grant; [`HookError::Failed`] where it could
/// not be started or was stopped, in words for people.
pub fn run(command: &Command<'_>) -> Result<Output, HookError> {
    crate::bindings::imports::process::run(command).map_err(|error| describe(command, error))
}

fn describe(command: &Command<'_>, error: ProcessError) -> HookError {
    HookError::Failed(match error {
        ProcessError::Denied(what) => return HookError::Denied(format!("run: {what}")),
        ProcessError::NotFound(program) => format!("`{program}` is not installed on this machine"),
        ProcessError::Timeout => match command.timeout_ms {
            Some(limit) => format!(
                "{} was stopped after {}",
                line(&command.argv),
                Millis(limit)
            ),
            None => format!("{} was stopped at the deadline", line(&command.argv)),
        },
        ProcessError::Failed(why) => format!("{} could not be run: {why}", line(&command.argv)),
    })
}

/// A command line as a person would type it, in backticks.
pub fn line(argv: &[String]) -> String {
    let words: Vec<String> = argv
        .iter()
        .map(|word| {
            let is_plain = !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_./=:,+@%".contains(c));
            if is_plain {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        })
        .collect();
    format!("`{}`", words.join(" "))
}

/// The last lines of a stream that say something, without colours.
pub fn tail(stream: &[u8], lines: usize) -> String {
    let text = without_colours(&String::from_utf8_lossy(stream));
    let kept: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    kept[kept.len().saturating_sub(lines)..].join("\n")
}

/// A text without ANSI escape sequences (CSI only) and other control
/// characters but line ends and tabs.
///
/// Source: ECMA-48, 5.4.
pub fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                // A sequence ends with a byte from `@` to `~`.
                for c in chars.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            }
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_copied_into_a_shell() {
        let argv = ["cargo", "build", "--release", "a b", "it's"].map(String::from);
        assert_eq!(line(&argv), r"`cargo build --release 'a b' 'it'\''s'`");
    }

    #[test]
    fn the_tail_has_no_colours_and_no_empty_lines() {
        let stream = b"one\n\x1b[31merror\x1b[0m: two\n\n  three \r\n\n";
        assert_eq!(tail(stream, 2), "error: two\n  three");
        assert_eq!(tail(b"", 3), "");
    }
}

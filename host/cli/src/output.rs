//! How a command answers: in words, or as documents for programs.

use clap::ValueEnum;

/// What is printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// JSON, one document a line, each with the name and version of its form.
    Json,
}

impl Output {
    /// Whether a program reads it.
    pub(crate) fn is_json(self) -> bool {
        self == Output::Json
    }
}

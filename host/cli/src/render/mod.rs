//! A report in words: for terminals, for pull requests, for programs.

mod evidence;
pub mod json;
pub mod markdown;
pub mod terminal;
mod words;

pub(crate) use words::first_line;
pub use words::{grouped, headline, next_step, percent, rollout_headline, size, verdict_word};

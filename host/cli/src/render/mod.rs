//! A report in words: for terminals, for pull requests, for programs.

mod evidence;
pub mod json;
pub mod markdown;
pub mod terminal;
mod words;

pub use words::{grouped, headline, next_step, percent, rollout_headline, size, verdict_word};

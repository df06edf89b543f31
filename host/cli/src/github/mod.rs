//! What GitHub tells a job, and what a job tells GitHub.

pub(crate) mod event;
pub(crate) mod output;

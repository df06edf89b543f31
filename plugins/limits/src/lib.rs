//! What our own monitors have in common: limits under the same keys, and the
//! guard of an error budget.
//!
//! - [`read`] – `max-failure-rate`, `min-requests` and `slo`, with the same errors
//! - [`Minutes`] – what happened in the last six hours, minute by minute
//! - [`Burn`] – an error budget that is used up too fast
//! - [`show`] – both for people

mod budget;
pub mod read;
pub mod show;

pub use budget::{BURNS, Burn, Minutes};

//! What GitHub tells a job, and what a job tells GitHub.
//!
//! In: [`event`] (what caused a run), [`trust`] (whether its checkout may be
//! used for that) and [`place`] (where it is). Out: files of
//! the runner ([`output`]), and over the [`api`] the [`comment`] of a pull
//! request, a [`check`], [`status`]es and [`deployment`]s: [`surfaces`] tells all of
//! them, `teller` does so beside a run, and [`delivery`] is what became of each.
//! What people answer there is [`feedback`].

pub mod api;
pub mod check;
pub mod comment;
pub mod delivery;
pub mod deployment;
pub(crate) mod event;
pub mod feedback;
mod others;
pub(crate) mod output;
pub mod place;
pub mod pull_request;
pub mod status;
pub mod surfaces;
pub(crate) mod teller;
pub(crate) mod trust;

//! What baepo decides, and nothing that it does.
//!
//! This crate is pure: no clock, no randomness, no I/O, no async. All time is
//! an input. The nouns, in the order one meets them:
//!
//! - [`digest`], [`time`], [`weight`]: identities and units.
//! - [`release`]: revisions, artifacts and what they were built into.
//! - [`fleet`] and [`telemetry`]: what a target reports.
//! - [`verdict`]: what monitors say, with the numbers behind it.
//! - [`lease`]: who may change a target.
//! - [`hook`]: what build and test plugins report.
//! - [`rollout`]: the state machine over `scale` and `route`, its guardrails,
//!   journal entries and outcomes.
//! - [`pipeline`]: the order of stages and environments in one run.
//! - [`report`]: what people are told, as data.
//!
//! If you want to see a rollout happen without any of the outside world, go to
//! [`rollout::forecast`]; if you want to drive one for real, go to the crate
//! `baepo-runtime`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod digest;
pub mod fleet;
pub mod hook;
pub mod lease;
pub mod pipeline;
pub mod release;
pub mod report;
pub mod rollout;
pub mod telemetry;
pub mod time;
pub mod verdict;
pub mod weight;

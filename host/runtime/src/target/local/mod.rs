//! The target `local`: processes on one machine, behind the router.
//!
//! [`Agent`] is the part that stays: it keeps the instances running, routes to
//! them, and remembers. [`LocalTarget`] is the part that a run holds: it talks
//! to the agent over a unix socket. One agent serves one app in one
//! environment and has a state directory to itself.
//!
//! Instances are no children by contract: they outlive an agent that dies, and
//! the next agent on the same directory takes them over as they are. An agent
//! that still runs hands its socket over as well.

mod agent;
mod calls;
mod client;
mod control;
mod depot;
mod fleet;
mod handover;
mod life;
mod output;
mod piece;
mod probe;
mod process;
mod protocol;
mod store;

pub use agent::{Agent, AgentError, AgentOptions};
pub use client::LocalTarget;
pub use protocol::Status;
pub use store::StoreError;

//! One environment moving from stable to candidate: a program over two verbs,
//! `scale` and `route`.
//!
//! A strategy (a plugin, or for a first install and a rollback the host
//! itself) is asked for one [`Directive`] after the other. The [`Machine`]
//! carries each out, asks monitors while the candidate has traffic, and checks
//! every step against the guardrails. A failing verdict, a
//! missed deadline or a person turn it back; the way back is the host's own.
//!
//! [`Machine`] does no I/O. Feed it [`Input`], drain its [`Output`]; the only
//! loop that does so for real is the driver of `baepo-runtime`, and
//! [`forecast`] does so for a model of a fleet.

mod approval;
mod directive;
mod entry;
mod entry_text;
mod environment;
#[cfg(test)]
mod fixture;
pub mod forecast;
mod forward;
mod guardrail;
mod health;
mod look;
mod machine;
mod memory;
mod past;
mod pinned;
mod port;
mod program;
mod repair;
mod settings;
mod signals;
mod state;
mod step;
mod unwatched;
mod verification;
mod watch;
mod way_back;

pub use directive::{
    Decision, Directive, Ended, Ending, Judgement, Limits, OnNoEvidence, Progress, RoleFleet,
    RoleFleets, View,
};
pub use entry::{
    Cause, Command, Counted, Due, DueItem, Entry, Operation, Outcome, Purpose, Record, Signal,
};
pub use environment::{Environment, KEPT_RELEASES, TAIL};
pub use guardrail::{Ground, Guardrail, Refusal, Standing, carried_share, is_carried};
pub use look::{LookRequest, Observation, Side};
pub use machine::Machine;
pub use memory::{MOST_MEMORY, decode as decode_memory};
pub use past::MOST_PAST;
pub(crate) use past::Over;
pub use pinned::AtHand;
pub use port::{Answer, Call, CallError, CallId, Done, Input, Intent, Output};
pub use settings::{Begin, Deadlines, Kind, PinnedMonitor, PinnedPlugin, Settings};
pub use state::Rollout;
pub use step::{Pending, Step, Window};
pub use unwatched::{Awaited, Found, Patience, WhileAway};
pub use verification::{Verified, VerifyRequest};

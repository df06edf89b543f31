//! The sandbox: loads components and calls their hooks.
//!
//! [`PluginHost`] is made once for the process. [`PluginHost::load`] checks a
//! component before anything of it is used and gives a [`Plugin`], whose hooks
//! ([`Plugin::decide`], [`Plugin::observe`], [`Plugin::build`], …) run each in
//! a fresh instance that is gone after the call. A call never harms the host:
//! it ends in a [`CallOutcome`], which has the answer or a [`CallError`], what
//! was denied, and what was used.
//!
//! **Invariant:** nothing outlives a call but its outcome: no memory of the
//! plugin, no program that it started, no file outside the checkout.

mod at_once;
pub(crate) mod bindings;
mod cache;
mod call;
mod classify;
mod compile;
mod error;
mod hooks;
mod host;
mod inspect;
mod limit_key;
mod limits;
mod load;
mod native;
mod pack;
mod prepare;
mod sealed;
pub(crate) mod state;
mod walk;
mod wasi;
pub mod wishes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use cache::CacheOptions;
pub use call::{CallContext, CallOutcome, Usage};
pub use compile::{Compiler, compile_stdin};
pub use error::{CallError, HostError, LoadError, TrapKind};
pub use hooks::{TargetAnswer, TargetCall, TargetRefusal};
pub use host::{HostOptions, PluginHost};
pub use inspect::{Inspection, inspect};
pub use limit_key::{LimitKey, LimitSet};
pub use limits::{CallLimits, Limit};
pub use load::{Plugin, PluginSource};
pub use pack::{PackError, Packed, null_wasi, pack, wit_files};
pub use prepare::{Origin, read_component};
pub use sealed::{SealError, Sealing, seal};

/// What a plugin can do for a run: an interface that it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Makes artifacts.
    Build,
    /// Runs tests.
    Test,
    /// Decides the steps of a rollout.
    Strategy,
    /// Judges a candidate.
    Monitor,
    /// Is a place where instances live.
    Target,
    /// Adds to the report.
    Feedback,
}

impl Hook {
    /// All of them, in the order of a run.
    pub const ALL: [Hook; 6] = [
        Hook::Build,
        Hook::Test,
        Hook::Strategy,
        Hook::Monitor,
        Hook::Target,
        Hook::Feedback,
    ];

    /// The name of its interface.
    pub const fn name(&self) -> &'static str {
        match self {
            Hook::Build => "build",
            Hook::Test => "test",
            Hook::Strategy => "strategy",
            Hook::Monitor => "monitor",
            Hook::Target => "target",
            Hook::Feedback => "feedback",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

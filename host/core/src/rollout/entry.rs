//! The journal: everything that changes the state of an environment, as data.
//! Live and replay go through [`super::Environment::apply`].

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::directive::{Decision, Ended, Judgement};
use super::guardrail::Guardrail;
use super::memory;
use super::settings::{Begin, Kind};
use super::verification::Verified;
use crate::digest::Digest;
use crate::fleet::Route;
use crate::release::Release;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Phase};
use crate::weight::BasisPoints;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// Counts the entries of an environment, from 1.
    pub seq: u64,
    /// When it was made.
    pub at: Time,
    /// What happened.
    pub entry: Entry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "kind"
)]
pub enum Entry {
    /// A rollout began.
    Began {
        /// What is wanted.
        begin: Box<Begin>,
        /// Who decides.
        program: Kind,
        /// What served when it began.
        stable: Option<Release>,
    },
    /// The target has the release.
    Staged,
    /// What was there before the candidate got anything.
    Baseline {
        /// Stable's counters.
        stable: Option<Telemetry>,
        /// The candidate's counters; not zero where it served before.
        candidate: Option<Telemetry>,
        /// Restarts of stable's instances so far.
        stable_restarts: u64,
        /// Restarts of the candidate's instances so far.
        candidate_restarts: u64,
    },
    /// The strategy, or the host's own program, decided.
    Decided {
        /// What.
        decision: Decision,
    },
    /// A guardrail refused a directive.
    Refused {
        /// Which.
        guardrail: Guardrail,
        /// Why, with the numbers.
        reason: String,
    },
    /// The target is about to be asked for something. Written before the call:
    /// after a crash it may have happened, and is asked for again.
    Asked {
        /// What.
        operation: Operation,
        /// For what.
        purpose: Purpose,
    },
    /// The share of traffic in force is another than before.
    Weighed {
        /// The candidate's share as observed.
        weight: BasisPoints,
    },
    /// A window of observation began.
    WindowBegan {
        /// Its number, from 1.
        window: u32,
        /// What part of the rollout it is in.
        phase: Phase,
        /// Restarts of the candidate's instances at that time.
        restarts: u64,
    },
    /// An instance that was asked for was not ready.
    Flapped,
    /// Monitors were asked.
    Looked {
        /// The worst of all, and health alone.
        judgement: Judgement,
        /// What each said.
        judged: Vec<Judged>,
        /// What each wants to be handed again.
        #[serde(with = "memory::each")]
        memories: BTreeMap<String, Vec<u8>>,
        /// Counters of both roles at this look.
        counted: Counted,
        /// When they were read.
        measured: Time,
        /// Whether it was the last of its window.
        last_look: bool,
    },
    /// The candidate was tested before it gets traffic.
    Verified {
        /// What each plugin found.
        verified: Vec<Verified>,
    },
    /// A directive ended and the strategy will be asked again.
    Ended {
        /// How.
        ended: Ended,
    },
    /// Waiting for a person, by directive or because one said pause.
    Holding {
        /// Why.
        reason: String,
        /// When patience is over.
        until: Time,
        /// Whether a person asked for it.
        pause: bool,
    },
    /// A pause ended; the strategy is asked as if there had been none.
    Unpaused,
    /// A person, or another run, said something.
    Signalled {
        /// What.
        signal: Signal,
    },
    /// From here on only the way back.
    TurnedBack {
        /// Which kind of reason.
        cause: Cause,
        /// The reason, for people.
        reason: String,
    },
    /// No traffic goes to the candidate any more, as observed.
    WentBack,
    /// The candidate is stable now: one change of the mapping.
    Finished {
        /// How long the instances of what served before stay.
        keep_warm: Millis,
        /// Why, for people.
        reason: String,
    },
    /// The rollout is over.
    Closed {
        /// How.
        outcome: Outcome,
        /// Which kind of reason, for machines.
        cause: Cause,
        /// Why, for people.
        reason: String,
    },
    /// A due item is done.
    DueDone {
        /// Which.
        item: DueItem,
    },
}

/// A call that changes the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "do"
)]
pub enum Operation {
    /// So many instances of a release.
    Scale {
        /// The release.
        digest: Digest,
        /// How many.
        instances: u32,
    },
    /// A split of traffic.
    Route {
        /// The split.
        route: Route,
    },
    /// Forget a release.
    Discard {
        /// The release.
        digest: Digest,
    },
}

/// For what the target is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// For the present directive.
    Forward,
    /// Because an instance died or came back.
    Repair,
    /// For the way back.
    Back,
    /// For a due item.
    Due,
}

/// Counters of both roles at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counted {
    /// Stable's.
    pub stable: Option<Telemetry>,
    /// The candidate's.
    pub candidate: Option<Telemetry>,
}

impl DueItem {
    /// The release it is about.
    pub fn digest(&self) -> Digest {
        let (DueItem::Retire(digest) | DueItem::Discard(digest)) = self;
        *digest
    }
}

/// What a person, or another run, says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signal {
    /// Counts the signals of an environment, from 1.
    pub number: u64,
    /// Who.
    pub by: String,
    /// What.
    pub command: Command,
    /// Why, one sentence, where who says it is not enough.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The words that a person has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Let a release run that waits for a person to approve of it; the reason is
    /// its digest, as text.
    Approve,
    /// End the present wait, one step on.
    Promote,
    /// All traffic to the candidate, as far as the guardrails let it.
    PromoteFull,
    /// Hold at the present weight after the present directive.
    Pause,
    /// End a hold or a pause.
    Resume,
    /// Go back.
    Abort,
    /// A newer revision wants to be rolled out.
    Superseded,
    /// Go back, for no run has come back to this rollout: a watchdog's word.
    Unwatched,
    /// Go back, for the candidate fails while no run is there: a watchdog's
    /// word.
    Failing,
}

impl Signal {
    /// Whether it approves of this release.
    pub fn approves(&self, release: Digest) -> bool {
        self.command == Command::Approve && self.reason == release.to_string()
    }
}

/// Why a rollout ended or turned back, for machines: the `reason-code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Everything as it should be.
    Promoted,
    /// The release was stable already.
    AlreadyServing,
    /// A monitor said failing.
    VerdictFailing,
    /// The health gate said failing: instances crash again and again.
    Unhealthy,
    /// A guardrail refused a directive.
    Guardrail,
    /// A state lasted too long.
    Deadline,
    /// A hold expired twice without progress.
    HoldExpired,
    /// The strategy asked for it.
    Strategy,
    /// A test of the candidate failed before it got traffic.
    VerifyFailed,
    /// A plugin failed.
    PluginFailed,
    /// The target said no, or did not answer.
    Target,
    /// A person said so.
    Person,
    /// A newer revision came.
    Superseded,
    /// An environment that it needs serves something else.
    OutOfOrder,
    /// The job was cancelled.
    Cancelled,
    /// The release was rolled back before and nobody asked for a retry.
    RolledBackBefore,
    /// Another run has taken over.
    Fenced,
    /// There is nothing to go back to.
    NothingBefore,
    /// The state document cannot be saved.
    State,
    /// The run may wait no longer, and there is nothing to do but wait.
    MaxWait,
    /// No run came back to the rollout, and the watchdog went back.
    Unwatched,
    /// A person has locked the environment.
    Locked,
    /// A person is to approve of the release.
    NeedsApproval,
}

/// How a rollout, or a run, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The candidate serves.
    Succeeded,
    /// What served before serves again.
    RolledBack,
    /// It did not come to serve, and nothing was there before; or a stage
    /// before the rollout failed.
    Failed,
    /// The way back missed its deadline: a person must look.
    Stuck,
    /// To be resumed.
    Waiting,
    /// It was not begun.
    Refused,
    /// The job was cancelled and the way back is not yet observed.
    Cancelled,
}

/// Something to do later, by whoever comes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Due {
    /// Not before this.
    pub at: Time,
    /// What.
    pub item: DueItem,
}

/// What to do later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do", content = "digest")]
pub enum DueItem {
    /// Stop the instances of a release whose warm window is over.
    Retire(Digest),
    /// Forget a release.
    Discard(Digest),
}

macro_rules! display_as_serialized {
    ($($type:ident { $($variant:ident => $text:literal),* $(,)? })*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($type::$variant => $text),* })
            }
        }
    )*};
}

display_as_serialized! {
    Outcome {
        Succeeded => "succeeded", RolledBack => "rolled-back", Failed => "failed",
        Stuck => "stuck", Waiting => "waiting", Refused => "refused", Cancelled => "cancelled",
    }
    Cause {
        Promoted => "promoted", AlreadyServing => "already-serving",
        VerdictFailing => "verdict-failing", Unhealthy => "unhealthy", Guardrail => "guardrail",
        Deadline => "deadline", HoldExpired => "hold-expired", Strategy => "strategy",
        VerifyFailed => "verify-failed", PluginFailed => "plugin-failed", Target => "target", Person => "person",
        Superseded => "superseded", OutOfOrder => "out-of-order", Cancelled => "cancelled",
        RolledBackBefore => "rolled-back-before", Fenced => "fenced",
        NothingBefore => "nothing-before", State => "state", MaxWait => "max-wait",
        Unwatched => "unwatched", Locked => "locked",
        NeedsApproval => "needs-approval",
    }
    Command {
        Approve => "approve", Promote => "promote", PromoteFull => "promote --full", Pause => "pause",
        Resume => "resume", Abort => "abort", Superseded => "superseded",
        Unwatched => "unwatched", Failing => "failing",
    }
}

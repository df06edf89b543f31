//! What goes in and out of the machine.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::directive::{Decision, View};
use super::entry::{Cause, Counted, Operation, Outcome, Record, Signal};
use super::look::{LookRequest, Observation};
use super::settings::Begin;
use super::verification::VerifyRequest;
use crate::digest::Digest;
use crate::fleet::Fleet;
use crate::hook::TestReport;
use crate::release::Release;
use crate::time::Time;

/// What the outside tells the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// A call came back.
    Returned {
        /// Which.
        id: CallId,
        /// With what.
        answer: Result<Answer, CallError>,
    },
    /// A person or another run said something. Numbers heard before are
    /// ignored, so that signals may be delivered twice.
    Signal(Signal),
    /// The job is being cancelled.
    Cancel {
        /// Stay at the present weight instead of going back, where that much
        /// may be left.
        pause: bool,
        /// Whether somebody else watches while no run is alive.
        watched: bool,
    },
    /// This run may wait no longer: where nothing but time or a person is
    /// waited for, end as waiting. A run that must stay goes on.
    Leave {
        /// Whether somebody else watches while no run is alive.
        watched: bool,
    },
    /// Another run holds the lease now.
    Fenced,
}

/// Names a call; answers to calls that are no longer waited for are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub(super) u64);

/// What the machine wants from the outside.
#[derive(Debug, Clone)]
pub enum Output {
    /// Make this durable before asking for more.
    Record(Record),
    /// Do this and hand the answer in.
    Call {
        /// To be named in [`Input::Returned`].
        id: CallId,
        /// What.
        call: Call,
    },
    /// A call is outstanding; come back with its answer or a signal.
    Pending,
    /// Nothing to do before this time or a signal.
    Wait(Time),
    /// Over; there will be no more outputs.
    Done(Done),
}

/// What to do outside.
#[derive(Debug, Clone)]
pub enum Call {
    /// Make the candidate ready to be scaled. Answer: [`Answer::Accepted`].
    Stage(Release),
    /// Look at the fleet. Answer: [`Answer::Fleet`].
    Observe,
    /// Look at the fleet and read the counters. Answer: [`Answer::Measured`].
    Measure {
        /// Whose counters are stable's.
        stable: Option<Digest>,
        /// Whose counters are the candidate's.
        candidate: Digest,
    },
    /// Ask these monitors. Answer: [`Answer::Observations`].
    Judge(Vec<(String, LookRequest)>),
    /// Have the candidate tested. Answer: [`Answer::Reports`].
    Verify(Vec<VerifyRequest>),
    /// Ask the strategy. Answer: [`Answer::Decision`].
    Decide(Box<View>),
    /// Change the target. Answer: [`Answer::Accepted`].
    Act(Operation),
}

/// What a call came back with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It was taken.
    Accepted,
    /// What is there.
    Fleet(Fleet),
    /// What is there, and what was counted.
    Measured(Fleet, Counted),
    /// What each monitor said, in the order asked.
    Observations(Vec<(String, Result<Observation, String>)>),
    /// What each test plugin reports, in the order asked.
    Reports(Vec<(String, Result<TestReport, String>)>),
    /// What the strategy decided.
    Decision(Decision),
}

/// Why a call came back with nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Nobody answered; asked again until the deadline.
    Unreachable(String),
    /// No, for good; the text is for people.
    Refused(String),
    /// Another run has taken over.
    Fenced,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The outcome.
    pub outcome: Outcome,
    /// For machines.
    pub cause: Cause,
    /// For people, one sentence.
    pub reason: String,
    /// When there is something to do again, where it ended as waiting.
    pub resume_at: Option<Time>,
}

/// What a machine is started for.
#[derive(Debug, Clone)]
pub enum Intent {
    /// Roll this out; resume it if it is already on its way.
    Deploy(Box<Begin>),
    /// Go back to this release, which served before.
    Rollback(Box<Begin>),
    /// Bring what is on its way to its end, do what is due, and no more.
    Resume,
}

//! Exit codes: documented, one meaning each.

use std::process::ExitCode;

use baepo_core::pipeline::{RunCause, StageCause};
use baepo_core::report::RunEnd;
use baepo_core::rollout::{Cause, Outcome};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Success,
    /// A mistake of ours.
    Bug,
    /// The configuration or the command line is wrong; nothing was changed.
    Usage,
    /// Policy does not allow it.
    Denied,
    /// What served before serves again.
    RolledBack,
    /// The way back did not get through: a person must look.
    Stuck,
    /// A build or test failed; nothing was rolled out.
    StageFailed,
    /// The rollout failed, and there was nothing to go back to; or a target or
    /// plugin failed.
    Failed,
    /// Another run acts, or a newer revision is there.
    Locked,
    /// To be resumed.
    Waiting,
    /// Cancelled.
    Cancelled,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Bug => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
            Exit::RolledBack => 4,
            Exit::Stuck => 5,
            Exit::StageFailed => 6,
            Exit::Failed => 7,
            Exit::Locked => 8,
            Exit::Waiting => 75,
            Exit::Cancelled => 130,
        }
    }

    /// The exit of a run that ended like this. In a GitHub job, waiting is
    /// success: the next run goes on.
    pub fn of(end: &RunEnd, in_actions: bool) -> Exit {
        match (end.outcome, end.cause) {
            (_, RunCause::Rollout(Cause::Cancelled)) => Exit::Cancelled,
            (Outcome::Succeeded, _) => Exit::Success,
            (Outcome::RolledBack, _) => Exit::RolledBack,
            (Outcome::Stuck, _) => Exit::Stuck,
            (Outcome::Waiting, _) if in_actions => Exit::Success,
            (Outcome::Waiting, _) => Exit::Waiting,
            (Outcome::Cancelled, _) => Exit::Cancelled,
            (Outcome::Refused, _) => Exit::Locked,
            (
                Outcome::Failed,
                RunCause::Stage(StageCause::BuildFailed | StageCause::TestsFailed),
            ) => Exit::StageFailed,
            (Outcome::Failed, _) => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_success_only_inside_a_job() {
        let end = RunEnd {
            outcome: Outcome::Waiting,
            cause: RunCause::Rollout(Cause::Person),
            reason: String::new(),
            resume_at: None,
        };
        assert_eq!(Exit::of(&end, true).code(), 0);
        assert_eq!(Exit::of(&end, false).code(), 75);
    }
}

//! A rollout that is over, as those after it remember it.

use alloc::format;
use alloc::string::{String, ToString};

use super::entry::{Cause, Outcome};
use super::settings::Kind;
use super::state::Rollout;
use crate::hook::PastRollout;
use crate::release::Revision;
use crate::time::Time;
use crate::weight::BasisPoints;

/// How many rollouts that are over the state document remembers.
pub const MOST_PAST: usize = 24;

/// The longest reason of one that is kept, in bytes.
const LONGEST_REASON: usize = 240;

/// The longest other text of one that is kept, in bytes.
const LONGEST_TEXT: usize = 80;

/// How a rollout was.
pub(crate) struct Over<'a> {
    pub(crate) revision: &'a Revision,
    pub(crate) environment: &'a str,
    /// Whether a person went back to a release that served before.
    pub(crate) is_return: bool,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Cause,
    /// The largest share that it had.
    pub(crate) peak: BasisPoints,
    pub(crate) reason: &'a str,
    pub(crate) started: Time,
    pub(crate) ended: Time,
}

impl Over<'_> {
    /// As it is remembered: bounded, and in words that say whether it was the
    /// revision's fault.
    pub(crate) fn remembered(&self) -> PastRollout {
        let reason = match (self.outcome, self.peak) {
            (Outcome::RolledBack, peak) if peak > BasisPoints::ZERO => {
                format!("at {peak}: {}", self.reason)
            }
            _ => self.reason.to_string(),
        };
        let revision = self.revision;
        PastRollout {
            revision: Revision {
                commit: cut(&revision.commit, LONGEST_TEXT),
                ref_name: cut(&revision.ref_name, LONGEST_TEXT),
                summary: cut(&revision.summary, LONGEST_TEXT),
                committed_at: revision.committed_at,
            },
            environment: self.environment.to_string(),
            outcome: self.word(),
            reason: cut(&reason, LONGEST_REASON),
            started: self.started,
            ended: self.ended,
        }
    }

    /// The outcome in one word. Where traffic went back and the revision is not
    /// to blame, what is: that must not count against it.
    fn word(&self) -> String {
        match (self.outcome, self.cause) {
            (Outcome::Succeeded, _) if self.is_return => "returned".into(),
            (Outcome::RolledBack, Cause::Superseded) => "superseded".into(),
            (Outcome::RolledBack, Cause::Unwatched) => "unwatched".into(),
            (Outcome::RolledBack, Cause::Cancelled | Cause::Fenced | Cause::State) => {
                "cancelled".into()
            }
            (outcome, _) => outcome.to_string(),
        }
    }
}

impl Rollout {
    /// This rollout as later ones remember it.
    pub(super) fn remembered(
        &self,
        ended: Time,
        outcome: Outcome,
        cause: Cause,
        reason: &str,
    ) -> PastRollout {
        let over = Over {
            revision: &self.begin.candidate.revision,
            environment: &self.begin.settings.environment,
            is_return: self.kind == Kind::Rollback,
            outcome,
            cause,
            peak: self.peak,
            reason,
            started: self.started,
            ended,
        };
        over.remembered()
    }
}

fn cut(text: &str, most_bytes: usize) -> String {
    text[..text.floor_char_boundary(most_bytes)].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(outcome: Outcome, cause: Cause) -> PastRollout {
        let revision = Revision {
            commit: "abc".into(),
            ref_name: "main".into(),
            summary: "x".repeat(1_000),
            committed_at: Time(1),
        };
        let over = Over {
            revision: &revision,
            environment: "production",
            is_return: cause == Cause::Person,
            outcome,
            cause,
            peak: BasisPoints::saturating(500),
            reason: "too many failures",
            started: Time(2),
            ended: Time(3),
        };
        over.remembered()
    }

    #[test]
    fn what_was_rolled_back_says_at_which_share_and_whose_fault_it_was() {
        let bad = over(Outcome::RolledBack, Cause::VerdictFailing);
        assert_eq!(
            (bad.outcome.as_str(), bad.reason.as_str()),
            ("rolled-back", "at 5 %: too many failures")
        );
        assert_eq!(bad.revision.summary.len(), LONGEST_TEXT);
        let words = [
            (Outcome::RolledBack, Cause::Superseded, "superseded"),
            (Outcome::RolledBack, Cause::Cancelled, "cancelled"),
            (Outcome::Succeeded, Cause::Promoted, "succeeded"),
            (Outcome::Succeeded, Cause::Person, "returned"),
        ];
        for (outcome, cause, word) in words {
            assert_eq!(over(outcome, cause).outcome, word);
        }
    }
}

//! What a rollout in a simulation cost, in numbers.

use super::Forecast;
use crate::rollout::entry::Entry;
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// What a rollout cost those who asked, and how soon it was noticed. Times are
/// since the rollout began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toll {
    /// The largest share that the candidate had.
    pub largest_exposure: BasisPoints,
    /// When the first request went badly through the candidate's fault, or one
    /// of its instances crashed or was not ready any more.
    pub first_trouble: Option<Millis>,
    /// When it was decided to go back.
    pub turned_back: Option<Millis>,
    /// When no traffic went to the candidate any more.
    pub went_back: Option<Millis>,
    /// How many requests arrived in all.
    pub requests: u64,
    /// Of them, those whose turn was the candidate's.
    pub candidate_requests: u64,
    /// Of those, the ones that failed and would not have on stable.
    pub failed: u64,
    /// Of those, the ones that found no ready instance and were answered by
    /// stable.
    pub rescued: u64,
    /// From the beginning to the end.
    pub took: Millis,
    /// How many decisions the strategy made.
    pub decisions: u32,
}

impl Toll {
    /// From the first trouble to the decision to go back.
    pub fn time_to_abort(&self) -> Option<Millis> {
        let (trouble, turned) = (self.first_trouble?, self.turned_back?);
        Some(Millis(turned.0.saturating_sub(trouble.0)))
    }

    /// From the first trouble until all traffic was back.
    pub fn time_to_back(&self) -> Option<Millis> {
        let (trouble, back) = (self.first_trouble?, self.went_back?);
        Some(Millis(back.0.saturating_sub(trouble.0)))
    }
}

impl Forecast {
    /// What it cost so far.
    pub fn toll(&self) -> Toll {
        let Some(rollout) = self.machine.environment().rollout.as_ref() else {
            return Toll::default();
        };
        let candidate = rollout.candidate();
        let answered = self.model.answered(candidate);
        let since_began = |time: Time| time.since(self.began);
        let troubles = [answered.first_bad, self.model.first_down(candidate)];
        let when = |is_it: fn(&Entry) -> bool| {
            let found = self.moments.iter().find(|m| is_it(&m.record.entry));
            found.map(|moment| moment.at)
        };
        Toll {
            largest_exposure: rollout.peak,
            first_trouble: troubles.into_iter().flatten().min().map(since_began),
            turned_back: when(|entry| matches!(entry, Entry::TurnedBack { .. })),
            went_back: when(|entry| matches!(entry, Entry::WentBack)),
            requests: self.model.requests(),
            candidate_requests: answered.requests,
            failed: answered.caused,
            rescued: answered.rescued,
            took: when(|entry| matches!(entry, Entry::Finished { .. } | Entry::Closed { .. }))
                .unwrap_or(since_began(self.now)),
            decisions: rollout.decisions,
        }
    }
}

//! While no run is alive: when somebody should have come back, and what a
//! watchdog makes of the numbers it sees meanwhile. It knows no plugin and no
//! verdict, so that it goes by what cannot be argued with.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::directive::Directive;
use super::entry::{Entry, Record};
use super::environment::Environment;
use super::state::Rollout;
use super::step::Step;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// How long nobody may be there before a watchdog acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After the lease of a run that was killed has run out.
    pub after_crash: Millis,
    /// After the time at which a run that left as waiting said that there is
    /// something to do again. Timers of CI systems are late by tens of minutes.
    pub after_wait: Millis,
}

impl Default for Patience {
    /// Two minutes, and an hour.
    fn default() -> Patience {
        Patience {
            after_crash: Millis::from_secs(120),
            after_wait: Millis::from_secs(3_600),
        }
    }
}

/// What is there to do for somebody who passes by while no run is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing is on its way and nothing is due.
    Nothing,
    /// The way back is begun, or an item is due at this time: it needs nobody's
    /// decision.
    Due(Time),
    /// A run must have come back by then, or traffic goes back.
    Run(Time),
}

/// A rollout as the next run finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    /// What has become of it.
    pub rollout: &'a Rollout,
    /// The candidate's share when somebody last told of it.
    pub weight: BasisPoints,
    /// Since when it had that share; absent where that is the share now.
    pub since: Option<Time>,
    /// What happened since then, oldest first.
    pub untold: Vec<Record>,
}

impl Environment {
    /// The rollout that is on its way, or that came to its end with nobody there
    /// to tell of it. `untold` is the number of the first entry that no run has
    /// told of, where there is one.
    pub fn found(&self, untold: Option<u64>) -> Option<Found<'_>> {
        let rollout = self.rollout.as_ref()?;
        let is_untold = |record: &&Record| untold.is_some_and(|first| record.seq >= first);
        let told = self.tail.iter().filter(|record| !is_untold(record));
        let untold: Vec<Record> = self.tail.iter().filter(is_untold).cloned().collect();
        if rollout.is_over() && untold.is_empty() {
            return None;
        }
        let weighed = |record: &Record| match record.entry {
            Entry::Weighed { weight } => Some((weight, Some(record.at))),
            _ => None,
        };
        let (weight, since) = match untold.is_empty() {
            true => (rollout.weight, None),
            false => {
                let last = told.rev().find_map(weighed);
                last.unwrap_or((rollout.peak, Some(rollout.started)))
            }
        };
        Some(Found {
            rollout,
            weight,
            since,
            untold,
        })
    }

    /// What is awaited. `lease_ended` is when the lease of the last run ran
    /// out, where it was not given back.
    pub fn awaited(&self, lease_ended: Option<Time>, patience: Patience) -> Awaited {
        let Some(rollout) = self.active() else {
            let next = self.due.iter().map(|due| due.at).min();
            return next.map_or(Awaited::Nothing, Awaited::Due);
        };
        if let Step::Back { since, .. } = rollout.step {
            // Whoever held the lease may be on it; it has ended by now.
            return Awaited::Due(lease_ended.unwrap_or(since));
        }
        if let Step::Over { .. } = rollout.step {
            // Stuck: a person must look, and a loop would not help.
            return Awaited::Nothing;
        }
        Awaited::Run(match lease_ended {
            Some(ended) => ended + patience.after_crash,
            None => rollout.resume_at() + patience.after_wait,
        })
    }
}

impl Rollout {
    /// When there is something to do again at the latest, where a run has left.
    fn resume_at(&self) -> Time {
        match &self.step {
            Step::Acting {
                directive: Directive::Observe { max, .. },
                since,
            } => *since + *max,
            Step::Holding { until, .. } => *until,
            step => step.since(),
        }
    }
}

/// Requests and failures of one role since nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    requests: u64,
    failures: u64,
}

impl Count {
    fn since(now: Option<&Telemetry>, before: Option<&Telemetry>) -> Count {
        let Some(now) = now else {
            return Count::default();
        };
        let before = before.map_or((0, 0), |before| (before.requests, before.failures));
        Count {
            requests: now.requests.saturating_sub(before.0),
            failures: now.failures.saturating_sub(before.1),
        }
    }

    /// The logarithm of the evidence that more than [`MOST_FAILURES`] of the
    /// requests fail, in millionths: a likelihood ratio of 5 % against 1 %,
    /// which stays valid however often it is looked at (Ville's inequality).
    fn evidence(self) -> i128 {
        let good = i128::from(self.requests.saturating_sub(self.failures));
        i128::from(self.failures) * LN_FAILURE - good * LN_SUCCESS
    }
}

/// The share of failures that a service may have, in percent, before it counts
/// as one that fails.
const MOST_FAILURES: u64 = 1;
/// ln(5 % / 1 %) in millionths.
const LN_FAILURE: i128 = 1_609_438;
/// -ln(95 % / 99 %) in millionths.
const LN_SUCCESS: i128 = 41_243;
/// ln 1000 in millionths: at most one false alarm in a thousand waits.
const LN_ALARM: i128 = 6_907_755;

/// How long no candidate may be ready while it has traffic.
const MOST_ABSENCE: Millis = Millis::from_secs(10);

/// What a watchdog has seen since no run is there.
#[derive(Debug, Clone, Default)]
pub struct WhileAway {
    began: Option<(Option<Telemetry>, Option<Telemetry>)>,
    absent_since: Option<Time>,
}

impl WhileAway {
    /// Look once: counters of both roles as they are, the candidate's ready
    /// instances and share. The reason to go back, if there is one.
    pub fn look(
        &mut self,
        now: Time,
        stable: Option<&Telemetry>,
        candidate: Option<&Telemetry>,
        ready: u32,
        weight: BasisPoints,
    ) -> Option<String> {
        let began = || (stable.cloned(), candidate.cloned());
        let (stable_before, candidate_before) = self.began.get_or_insert_with(began);
        let ours = Count::since(candidate, candidate_before.as_ref());
        let theirs = Count::since(stable, stable_before.as_ref());
        if weight == BasisPoints::ZERO || ready > 0 {
            self.absent_since = None;
        } else if now.since(*self.absent_since.get_or_insert(now)) >= MOST_ABSENCE {
            return Some(format!(
                "no instance of the candidate is ready since {MOST_ABSENCE}, and it has {weight} of the traffic"
            ));
        }
        // Where stable fails as well, it is not the candidate's doing.
        let stable_keeps = theirs.failures * 100 <= theirs.requests * MOST_FAILURES;
        (ours.evidence() >= LN_ALARM && stable_keeps).then(|| {
            format!(
                "{} of {} requests to the candidate failed while no run was there",
                ours.failures, ours.requests
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Cause, Entry};
    use super::super::fixture::{apply, begun};
    use super::*;

    const PATIENCE: Patience = Patience {
        after_crash: Millis(1_000),
        after_wait: Millis(60_000),
    };

    #[test]
    fn who_was_killed_is_missed_sooner_than_who_said_when_to_come() {
        let mut env = begun();
        let entry = Entry::Holding {
            reason: String::new(),
            until: Time(500_000),
            pause: false,
        };
        apply(&mut env, 2_000, entry);
        assert_eq!(env.awaited(None, PATIENCE), Awaited::Run(Time(560_000)));
        let killed = env.awaited(Some(Time(9_000)), PATIENCE);
        assert_eq!(killed, Awaited::Run(Time(10_000)));
        let entry = Entry::TurnedBack {
            cause: Cause::Cancelled,
            reason: String::new(),
        };
        apply(&mut env, 3_000, entry);
        assert_eq!(env.awaited(None, PATIENCE), Awaited::Due(Time(3_000)));
        assert_eq!(
            Environment::default().awaited(None, PATIENCE),
            Awaited::Nothing
        );
    }

    #[test]
    fn what_nobody_told_of_is_found_with_the_share_before_it() {
        let mut env = begun();
        let weighed = |weight| Entry::Weighed {
            weight: BasisPoints::saturating(weight),
        };
        assert!(env.found(None).is_some_and(|found| found.untold.is_empty()));
        apply(&mut env, 2_000, weighed(500));
        apply(&mut env, 3_000, weighed(2_500));
        let left = env.seq;
        let (cause, reason) = (Cause::Unwatched, String::from("nobody came"));
        let outcome = super::super::entry::Outcome::RolledBack;
        for entry in [
            Entry::TurnedBack {
                cause,
                reason: reason.clone(),
            },
            weighed(0),
            Entry::Closed {
                outcome,
                cause,
                reason,
            },
        ] {
            apply(&mut env, 9_000, entry);
        }
        assert_eq!(env.found(None), None);
        let found = env.found(Some(left + 1)).unwrap();
        let share = (found.weight, found.since);
        assert_eq!(share, (BasisPoints::saturating(2_500), Some(Time(3_000))));
        assert_eq!(found.untold.len(), 3);
        assert!(found.rollout.is_over());
        // Where the entries are long gone, its largest share is known.
        env.tail.retain(|record| record.seq > left);
        let found = env.found(Some(left + 1)).unwrap();
        assert_eq!(found.weight, BasisPoints::saturating(2_500));
    }

    fn counted(requests: u64, failures: u64) -> Telemetry {
        Telemetry {
            requests,
            failures,
            ..Telemetry::default()
        }
    }

    fn alarm_after(stable: (u64, u64), failing_in_100: u64) -> Option<u64> {
        let mut watch = WhileAway::default();
        for looks in 0..2_000_u64 {
            let stable = counted(stable.0 * looks, stable.1 * looks);
            let candidate = counted(looks, looks * failing_in_100 / 100);
            let told = watch.look(
                Time(looks * 1_000),
                Some(&stable),
                Some(&candidate),
                1,
                BasisPoints::saturating(500),
            );
            if told.is_some() {
                return Some(looks);
            }
        }
        None
    }

    #[test]
    fn failures_of_the_candidate_alone_are_an_alarm() {
        assert_eq!(alarm_after((100, 0), 100), Some(5));
        assert!(alarm_after((100, 0), 10).is_some_and(|looks| looks < 80));
        assert_eq!(alarm_after((100, 0), 1), None);
        assert_eq!(alarm_after((100, 5), 100), None);
    }

    #[test]
    fn what_failed_before_nobody_was_there_does_not_count() {
        let mut watch = WhileAway::default();
        let full = BasisPoints::FULL;
        for at in 0..100 {
            let candidate = counted(100, 90);
            let told = watch.look(Time(at), None, Some(&candidate), 1, full);
            assert_eq!(told, None);
        }
    }

    #[test]
    fn a_candidate_that_is_not_there_is_an_alarm_after_a_while() {
        let mut watch = WhileAway::default();
        let some = BasisPoints::saturating(100);
        assert_eq!(watch.look(Time(0), None, None, 0, some), None);
        assert_eq!(watch.look(Time(9_999), None, None, 1, some), None);
        assert_eq!(watch.look(Time(11_000), None, None, 0, some), None);
        assert!(watch.look(Time(21_000), None, None, 0, some).is_some());
        assert_eq!(
            watch.look(Time(40_000), None, None, 0, BasisPoints::ZERO),
            None
        );
    }
}

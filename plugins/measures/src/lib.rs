//! The four measures of delivery that DORA's research found to matter, from a
//! history of rollouts: how often, how fast, how often wrong, how fast right
//! again.
//!
//! Pure functions of what they are given. A history is short most of the time,
//! so a measure of fewer than [`FEWEST`] samples has no value: a percentage of
//! two rollouts says nothing.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod words;

use alloc::vec::Vec;

pub use words::Row;

/// A measure of fewer samples has no value.
pub const FEWEST: usize = 5;

/// A frequency of less time has no value: what happens in an afternoon is not
/// what happens in a week. Milliseconds.
pub const SHORTEST_SPAN_MS: u64 = DAY_MS;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * 3_600_000;

const WEEK_MS: f64 = 7.0 * DAY_MS as f64;

/// One rollout that has ended. All times in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<'a> {
    /// Full commit id.
    pub commit: &'a str,
    /// How it ended, in one word; see [`Fate::of`].
    pub outcome: &'a str,
    /// When the commit was made; 0 where nobody knows.
    pub committed_at_ms: u64,
    /// When the rollout began.
    pub started_at_ms: u64,
    /// When it ended.
    pub ended_at_ms: u64,
}

/// What an outcome means to the people who use the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They have the new revision.
    Live,
    /// Some had it, and all have the old one again.
    TurnedBack,
    /// A person went back to what served before: the revision that was live
    /// was wrong.
    Undone,
    /// Says nothing about the revision: refused, superseded, cancelled.
    Other,
}

impl Fate {
    /// The meaning of `succeeded`, `rolled-back` and `returned`; all other words
    /// say nothing about the revision.
    pub fn of(outcome: &str) -> Fate {
        match outcome {
            "succeeded" => Fate::Live,
            "rolled-back" => Fate::TurnedBack,
            "returned" => Fate::Undone,
            _ => Fate::Other,
        }
    }
}

/// One measure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measure {
    /// From how many.
    pub samples: usize,
    /// Its value; absent where there are too few samples to say.
    pub value: Option<f64>,
}

impl Measure {
    fn of(samples: usize, value: impl FnOnce() -> f64) -> Measure {
        Measure {
            samples,
            value: (samples >= FEWEST).then(value),
        }
    }
}

/// The four measures of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measures {
    /// The time that was looked at, in milliseconds.
    pub window_ms: u64,
    /// Of it, the time that the history covers, in milliseconds.
    pub covered_ms: u64,
    /// Revisions that came to serve, in a week.
    pub frequency: Measure,
    /// From the commit to serving all, median, in milliseconds.
    pub lead_time: Measure,
    /// The share of revisions that met users and were taken back, from 0 to 1.
    pub failure_rate: Measure,
    /// From the first user who could meet a revision that was taken back until
    /// all had the old one again, median, in milliseconds: for one that failed
    /// in its rollout the whole of that, which is the longest it can have been.
    pub restore_time: Measure,
}

/// The measures of a history of one environment, in any order, over the last
/// `window_ms` before `now_ms`.
pub fn measure(history: &[Past<'_>], now_ms: u64, window_ms: u64) -> Measures {
    let mut all: Vec<&Past<'_>> = history.iter().collect();
    all.sort_by_key(|past| (past.ended_at_ms, past.started_at_ms));
    let from = now_ms.saturating_sub(window_ms);
    let oldest = all.first().map_or(now_ms, |past| past.ended_at_ms);
    let is_whole = oldest <= from;
    let covered_ms = now_ms.saturating_sub(oldest.max(from));

    let mut live = 0;
    let mut changes = 0;
    let mut failures = 0;
    let mut leads = Vec::new();
    let mut restores = Vec::new();
    // The revision that serves, and whether it counts as a change here.
    let mut serving: Option<(u64, bool)> = None;
    let mut seen: Vec<&str> = Vec::new();
    for past in all {
        let counts = past.ended_at_ms >= from;
        match Fate::of(past.outcome) {
            Fate::Live => {
                if counts {
                    live += 1;
                    changes += 1;
                    if past.committed_at_ms > 0 && !seen.contains(&past.commit) {
                        leads.push(past.ended_at_ms.saturating_sub(past.committed_at_ms));
                    }
                }
                seen.push(past.commit);
                serving = Some((past.ended_at_ms, counts));
            }
            Fate::TurnedBack if counts => {
                changes += 1;
                failures += 1;
                restores.push(past.ended_at_ms.saturating_sub(past.started_at_ms));
            }
            Fate::Undone => {
                // Twice back is one failure more only where something came to
                // serve between.
                if let Some((since, true)) = serving.take() {
                    failures += 1;
                    restores.push(past.ended_at_ms.saturating_sub(since));
                }
            }
            Fate::TurnedBack | Fate::Other => {}
        }
    }
    // Where the history begins within the window, its first rollout is where
    // the counting begins, and no interval ends there.
    let intervals = match is_whole {
        true => live,
        false => usize::saturating_sub(live, 1),
    };
    let per_week = intervals as f64 * WEEK_MS / covered_ms.max(1) as f64;
    let mut frequency = Measure::of(live, || per_week);
    if covered_ms < SHORTEST_SPAN_MS {
        frequency.value = None;
    }
    Measures {
        window_ms,
        covered_ms,
        frequency,
        lead_time: Measure::of(leads.len(), || median(&mut leads)),
        failure_rate: Measure::of(changes, || f64::from(failures) / changes as f64),
        restore_time: Measure::of(restores.len(), || median(&mut restores)),
    }
}

fn median(values: &mut [u64]) -> f64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values {
        [] => 0.0,
        _ if values.len() % 2 == 1 => values[middle] as f64,
        _ => (values[middle - 1] as f64 + values[middle] as f64) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    /// A rollout of an hour that began on this day, of a commit two hours old.
    fn past(commit: &'static str, day: u64, outcome: &'static str) -> Past<'static> {
        let started_at_ms = day * DAY_MS;
        Past {
            commit,
            outcome,
            committed_at_ms: (started_at_ms - 2 * HOUR_MS),
            started_at_ms,
            ended_at_ms: started_at_ms + HOUR_MS,
        }
    }

    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    fn daily(outcomes: &[&'static str]) -> Vec<Past<'static>> {
        let days = outcomes.iter().zip(NAMES).zip(100..);
        days.map(|((outcome, name), day)| past(name, day, outcome))
            .collect()
    }

    #[test]
    fn fewer_than_five_say_nothing() {
        let history = daily(&["succeeded", "rolled-back", "succeeded", "rolled-back"]);
        let measures = measure(&history, 105 * DAY_MS, 30 * DAY_MS);
        assert_eq!(measures.failure_rate.samples, 4);
        assert_eq!(measures.failure_rate.value, None);
        assert_eq!(measures.frequency.value, None);
        assert_eq!(measures.lead_time.value, None);
        assert_eq!(measures.restore_time.value, None);
    }

    #[test]
    fn the_four_measures_of_a_week() {
        let history = daily(&[
            "succeeded",
            "succeeded",
            "rolled-back",
            "succeeded",
            "superseded",
            "succeeded",
            "succeeded",
        ]);
        // The first ended at 100 d 1 h: seven days later.
        let now = 107 * DAY_MS + HOUR_MS;
        let measures = measure(&history, now, 30 * DAY_MS);
        assert_eq!(measures.covered_ms, 7 * DAY_MS);
        assert_eq!(
            measures.frequency,
            Measure {
                samples: 5,
                value: Some(4.0)
            }
        );
        let lead = Some(3.0 * HOUR_MS as f64);
        assert_eq!(
            measures.lead_time,
            Measure {
                samples: 5,
                value: lead
            }
        );
        let rate = Some(1.0 / 6.0);
        assert_eq!(
            measures.failure_rate,
            Measure {
                samples: 6,
                value: rate
            }
        );
        assert_eq!(
            measures.restore_time,
            Measure {
                samples: 1,
                value: None
            }
        );
    }

    #[test]
    fn what_a_person_took_back_is_a_failure_of_what_served() {
        let mut history = daily(&["succeeded"; 5]);
        history.push(past("d", 105, "returned"));
        history.push(past("c", 106, "returned"));
        let measures = measure(&history, 107 * DAY_MS, 30 * DAY_MS);
        assert_eq!(
            measures.failure_rate,
            Measure {
                samples: 5,
                value: Some(0.2)
            }
        );
        // From serving (104 d 1 h) until the other served again.
        assert_eq!(measures.restore_time.samples, 1);
        assert_eq!(measures.frequency.samples, 5);
    }

    #[test]
    fn what_is_older_than_the_window_only_shows_that_the_window_is_whole() {
        let mut history = daily(&["succeeded"; 6]);
        history.push(past("old", 50, "succeeded"));
        let measures = measure(&history, 107 * DAY_MS, 14 * DAY_MS);
        assert_eq!(measures.covered_ms, 14 * DAY_MS);
        assert_eq!(
            measures.frequency,
            Measure {
                samples: 6,
                value: Some(3.0)
            }
        );
    }

    #[test]
    fn a_revision_that_is_rolled_out_again_has_no_second_lead_time() {
        let mut history = daily(&["succeeded"; 5]);
        history.push(past("a", 120, "succeeded"));
        let measures = measure(&history, 121 * DAY_MS, 30 * DAY_MS);
        assert_eq!(measures.lead_time.samples, 5);
        assert_eq!(measures.frequency.samples, 6);
    }

    #[test]
    fn an_afternoon_has_no_frequency() {
        let history: Vec<Past<'_>> = (0..6)
            .map(|hour| Past {
                started_at_ms: DAY_MS + hour * HOUR_MS,
                ended_at_ms: DAY_MS + hour * HOUR_MS + 1,
                ..past(NAMES[hour as usize], 1, "succeeded")
            })
            .collect();
        let measures = measure(&history, DAY_MS + 7 * HOUR_MS, 30 * DAY_MS);
        assert_eq!(
            measures.frequency,
            Measure {
                samples: 6,
                value: None
            }
        );
    }

    #[test]
    fn nothing_and_clocks_that_disagree_are_no_trouble() {
        assert_eq!(measure(&[], 0, DAY_MS).frequency, Measure::default());
        let wrong = Past {
            committed_at_ms: u64::MAX,
            started_at_ms: u64::MAX,
            ended_at_ms: 5,
            ..past("a", 1, "rolled-back")
        };
        assert_eq!(
            measure(&[wrong; 5], 9, DAY_MS).restore_time.value,
            Some(0.0)
        );
    }
}

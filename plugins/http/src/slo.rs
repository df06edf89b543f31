//! How fast an error budget is used up.
//!
//! Source: Beyer et al., "The Site Reliability Workbook", chapter 5, "Alerting
//! on SLOs": a rate counts as burning where a long and a short window both have
//! it, so that it is large and still going on.

use baepo_judge::{Counts, absolute};
use serde::{Deserialize, Serialize};

/// Minutes that are kept.
const KEPT_MIN: u64 = 6 * 60;

/// Factor, long window and short window in minutes.
pub(crate) const BURNS: [(f64, u64, u64); 2] = [(14.4, 60, 5), (6.0, 360, 30)];

/// Probes of the last six hours, one entry for each minute that had some: the
/// minute since 1970, probes, failures.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ring(Vec<(u64, u32, u32)>);

/// A budget that is used up too fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Burn {
    /// So many times as fast as would be right, over the long window.
    pub(crate) speed: f64,
    /// The factor that it must not reach.
    pub(crate) factor: f64,
    /// Minutes of both windows.
    pub(crate) windows: (u64, u64),
    /// ln E against "it fails at most at the factor's rate".
    pub(crate) log_e: f64,
}

impl Ring {
    pub(crate) fn add(&mut self, now_ms: u64, asked: u64, failed: u64) {
        let minute = now_ms / 60_000;
        self.0.retain(|(at, ..)| at + KEPT_MIN > minute);
        if asked == 0 {
            return;
        }
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        match self.0.last_mut() {
            Some((at, of, bad)) if *at == minute => {
                *of = of.saturating_add(small(asked));
                *bad = bad.saturating_add(small(failed));
            }
            // A clock that goes back must not make a second entry forever.
            Some((at, ..)) if *at > minute => {}
            _ => self.0.push((minute, small(asked), small(failed))),
        }
    }

    fn last(&self, now_ms: u64, minutes: u64) -> Counts {
        let now = now_ms / 60_000;
        let inside = self.0.iter().filter(|(at, ..)| at + minutes > now);
        inside.fold(Counts::default(), |sum, (_, asked, failed)| Counts {
            requests: sum.requests + u64::from(*asked),
            failures: sum.failures + u64::from(*failed),
        })
    }

    /// The first burn that is too fast in both windows. `nats` is the evidence that it takes: with few probes a
    /// single failure looks like a fast burn.
    pub(crate) fn burning(&self, now_ms: u64, budget: f64, nats: f64) -> Option<Burn> {
        let burn = |&(factor, long, short): &(f64, u64, u64)| {
            let limit = factor * budget;
            let counts = self.last(now_ms, long);
            let rate = counts.rate()?;
            let is_burning = rate >= limit && self.last(now_ms, short).rate()? >= limit;
            let log_e = absolute::log_fail(counts, limit);
            (is_burning && log_e >= nats).then_some(Burn {
                speed: rate / budget,
                factor,
                windows: (long, short),
                log_e,
            })
        };
        BURNS.iter().find_map(burn)
    }

    /// The burn rate over the hour before the last probe.
    pub(crate) fn latest_speed(&self, budget: f64) -> Option<f64> {
        let (minute, ..) = self.0.last()?;
        Some(self.last(minute * 60_000, BURNS[0].1).rate()? / budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn ring(minutes: u64, asked: u64, failed: impl Fn(u64) -> u64) -> Ring {
        let mut ring = Ring::default();
        for minute in 1..=minutes {
            ring.add(minute * MINUTE, asked, failed(minute));
        }
        ring
    }

    #[test]
    fn a_fast_burn_counts_while_it_goes_on() {
        let going_on = ring(60, 100, |minute| if minute > 50 { 30 } else { 0 });
        let burn = going_on.burning(60 * MINUTE, 0.001, 5.0).unwrap();
        assert_eq!((burn.factor, burn.windows), (14.4, (60, 5)));
        assert!((burn.speed - 50.0).abs() < 1e-9, "{burn:?}");
        let over = ring(60, 100, |minute| if minute < 25 { 30 } else { 0 });
        assert_eq!(over.burning(60 * MINUTE, 0.001, 5.0), None);
    }

    #[test]
    fn a_slow_burn_shows_over_six_hours() {
        let slow = ring(360, 100, |_| 1);
        let burn = slow.burning(360 * MINUTE, 0.001, 5.0).unwrap();
        assert_eq!(burn.factor, 6.0);
        let kept = ring(360, 1_000, |_| 5);
        assert_eq!(kept.burning(360 * MINUTE, 0.001, 5.0), None);
    }

    #[test]
    fn one_failure_among_few_is_no_burn() {
        let mut young = Ring::default();
        young.add(MINUTE, 20, 1);
        assert_eq!(young.burning(MINUTE, 0.001, 5.0), None);
        young.add(MINUTE, 20, 20);
        assert!(young.burning(MINUTE, 0.001, 5.0).is_some());
    }

    #[test]
    fn six_hours_are_kept_and_no_more() {
        let long = ring(1_000, 60_000, |_| 1);
        assert_eq!(long.0.len(), 360);
        let bytes = serde_json::to_vec(&long).unwrap();
        assert!(bytes.len() < 8_000, "{}", bytes.len());
        assert_eq!(serde_json::from_slice::<Ring>(&bytes).unwrap(), long);
        let mut back = ring(10, 1, |_| 0);
        back.add(5 * MINUTE, 1, 0);
        assert_eq!(back.0.len(), 10);
    }
}

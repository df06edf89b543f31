//! How fast an error budget is used up.
//!
//! Source: Beyer et al., "The Site Reliability Workbook", chapter 5, "Alerting
//! on SLOs": a rate counts as burning where a long and a short window both have
//! it, so that it is large and still going on.

use baepo_judge::{Counts, absolute};

/// Minutes that are kept.
const KEPT_MIN: u64 = 6 * 60;

/// Factor, long window and short window in minutes.
pub const BURNS: [(f64, u64, u64); 2] = [(14.4, 60, 5), (6.0, 360, 30)];

/// Bytes of one minute: how many minutes after the first, requests, failures.
const ENTRY: usize = 10;

/// What was counted in the last six hours, one entry for each minute that had
/// something: the minute since 1970, requests, failures.
#[derive(Debug, Default, PartialEq)]
pub struct Minutes(Vec<(u64, u32, u32)>);

/// A budget that is used up too fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burn {
    /// So many times as fast as would be right, over the long window.
    pub speed: f64,
    /// The factor that it must not reach.
    pub factor: f64,
    /// Minutes of both windows.
    pub windows: (u64, u64),
    /// ln E against "it fails at most at the factor's rate".
    pub log_e: f64,
}

impl Minutes {
    /// As they are kept between two looks: at most 3,608 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Some((first, ..)) = self.0.first() else {
            return Vec::new();
        };
        let mut bytes = first.to_le_bytes().to_vec();
        for (minute, asked, failed) in &self.0 {
            // None is more than six hours after the first.
            let after = u16::try_from(minute - first).unwrap_or(u16::MAX);
            bytes.extend(after.to_le_bytes());
            bytes.extend(asked.to_le_bytes());
            bytes.extend(failed.to_le_bytes());
        }
        bytes
    }

    /// What was kept; `None` where the bytes are none of these.
    pub fn from_bytes(bytes: &[u8]) -> Option<Minutes> {
        if bytes.is_empty() {
            return Some(Minutes::default());
        }
        let (first, entries) = bytes.split_first_chunk::<8>()?;
        let first = u64::from_le_bytes(*first);
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        let entry = |[a, b, c, d, e, f, g, h, i, j]: [u8; ENTRY]| {
            let minute = first.checked_add(u16::from_le_bytes([a, b]).into())?;
            let (asked, failed) = ([c, d, e, f], [g, h, i, j]);
            Some((
                minute,
                u32::from_le_bytes(asked),
                u32::from_le_bytes(failed),
            ))
        };
        let entries: Option<Vec<_>> = entries.iter().copied().map(entry).collect();
        Minutes::of(entries.filter(|_| rest.is_empty())?)
    }

    /// For each minute that had something: the minute since 1970, requests,
    /// failures.
    pub fn entries(&self) -> &[(u64, u32, u32)] {
        &self.0
    }

    /// The same from such entries; `None` where they are too many or not in the
    /// order of time.
    pub fn of(entries: Vec<(u64, u32, u32)>) -> Option<Minutes> {
        let is_ours =
            entries.len() <= KEPT_MIN as usize && entries.is_sorted_by(|one, next| one.0 < next.0);
        is_ours.then_some(Minutes(entries))
    }

    /// Adds what was counted until now.
    pub fn add(&mut self, now_ms: u64, asked: u64, failed: u64) {
        let minute = now_ms / 60_000;
        self.0
            .retain(|(at, ..)| at.saturating_add(KEPT_MIN) > minute);
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
        let inside = self
            .0
            .iter()
            .filter(|(at, ..)| at.saturating_add(minutes) > now);
        inside.fold(Counts::default(), |sum, (_, asked, failed)| Counts {
            requests: sum.requests + u64::from(*asked),
            failures: sum.failures + u64::from(*failed),
        })
    }

    /// The first burn that is too fast in both windows. `nats` is the evidence
    /// that it takes: with few requests a single failure looks like a fast burn.
    pub fn burning(&self, now_ms: u64, budget: f64, nats: f64) -> Option<Burn> {
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

    /// The burn rate over the hour before the last count.
    pub fn latest_speed(&self, budget: f64) -> Option<f64> {
        let (minute, ..) = self.0.last()?;
        Some(self.last(minute * 60_000, BURNS[0].1).rate()? / budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn counted(minutes: u64, asked: u64, failed: impl Fn(u64) -> u64) -> Minutes {
        let mut kept = Minutes::default();
        for minute in 1..=minutes {
            kept.add(minute * MINUTE, asked, failed(minute));
        }
        kept
    }

    #[test]
    fn a_fast_burn_counts_while_it_goes_on() {
        let going_on = counted(60, 100, |minute| if minute > 50 { 30 } else { 0 });
        let burn = going_on.burning(60 * MINUTE, 0.001, 5.0).unwrap();
        assert_eq!((burn.factor, burn.windows), (14.4, (60, 5)));
        assert!((burn.speed - 50.0).abs() < 1e-9, "{burn:?}");
        let over = counted(60, 100, |minute| if minute < 25 { 30 } else { 0 });
        assert_eq!(over.burning(60 * MINUTE, 0.001, 5.0), None);
    }

    #[test]
    fn a_slow_burn_shows_over_six_hours() {
        let slow = counted(360, 100, |_| 1);
        let burn = slow.burning(360 * MINUTE, 0.001, 5.0).unwrap();
        assert_eq!(burn.factor, 6.0);
        let kept = counted(360, 1_000, |_| 5);
        assert_eq!(kept.burning(360 * MINUTE, 0.001, 5.0), None);
    }

    #[test]
    fn one_failure_among_few_is_no_burn() {
        let mut young = Minutes::default();
        young.add(MINUTE, 20, 1);
        assert_eq!(young.burning(MINUTE, 0.001, 5.0), None);
        young.add(MINUTE, 20, 20);
        assert!(young.burning(MINUTE, 0.001, 5.0).is_some());
    }

    #[test]
    fn six_hours_are_kept_and_no_more() {
        let long = counted(1_000, 60_000, |_| 1);
        assert_eq!(long.0.len(), 360);
        let bytes = long.to_bytes();
        assert_eq!(bytes.len(), 3_608);
        assert_eq!(Minutes::from_bytes(&bytes), Some(long));
        assert_eq!(Minutes::from_bytes(&bytes[..3_607]), None);
        assert_eq!(Minutes::from_bytes(&[]), Some(Minutes::default()));
        let two_of_one_minute = [[0; 8].as_slice(), &[1; 10], &[1; 10]].concat();
        assert_eq!(Minutes::from_bytes(&two_of_one_minute), None);
        let mut back = counted(10, 1, |_| 0);
        back.add(5 * MINUTE, 1, 0);
        assert_eq!(back.0.len(), 10);
    }
}

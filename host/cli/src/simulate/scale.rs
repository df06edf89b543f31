//! The time axis of a picture: straight, but for long waits, which are cut
//! short so that what happened beside them can be seen.

use baepo_core::time::Millis;

/// How much of the width a wait has that is cut short.
const CUT: f64 = 0.125;

/// One stretch of the axis, from 0 (left) to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub from: Millis,
    pub to: Millis,
    pub left: f64,
    pub right: f64,
    pub is_cut: bool,
}

/// Where each moment is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimeScale {
    stretches: Vec<Stretch>,
}

impl TimeScale {
    /// An axis from zero to `end`. A wait that is longer than all that is no
    /// wait is cut.
    pub(super) fn new(end: Millis, waits: &[(Millis, Millis)]) -> TimeScale {
        let end = Millis(end.0.max(1));
        let waited: u64 = waits.iter().map(|(from, to)| to.0 - from.0).sum();
        let busy = end.0.saturating_sub(waited);
        let cut: Vec<(Millis, Millis)> = waits
            .iter()
            .copied()
            .filter(|(from, to)| to.0 - from.0 > busy)
            .collect();
        let cut_time: u64 = cut.iter().map(|(from, to)| to.0 - from.0).sum();
        let straight = end.0.saturating_sub(cut_time).max(1) as f64;
        let width = 1.0 - (CUT * cut.len() as f64).min(0.5);
        let cut_width = (1.0 - width) / cut.len().max(1) as f64;
        let mut stretches = Vec::new();
        let (mut at, mut left) = (Millis::ZERO, 0.0);
        let mut push = |from: Millis, to: Millis, wide: f64, is_cut| {
            if to > from {
                let right = left + wide;
                stretches.push(Stretch {
                    from,
                    to,
                    left,
                    right,
                    is_cut,
                });
                left = right;
            }
        };
        let share = |from: Millis, to: Millis| width * (to.0 - from.0) as f64 / straight;
        for (from, to) in cut {
            push(at, from, share(at, from), false);
            push(from, to, cut_width, true);
            at = to;
        }
        push(at, end, share(at, end), false);
        TimeScale { stretches }
    }

    /// Where a moment is, 0 to 1.
    pub(super) fn place(&self, at: Millis) -> f64 {
        let found = self.stretches.iter().find(|s| at <= s.to);
        found.map_or(1.0, |s| {
            let part = at.0.saturating_sub(s.from.0) as f64 / (s.to.0 - s.from.0) as f64;
            s.left + part * (s.right - s.left)
        })
    }

    /// Which moment is there.
    pub(super) fn time(&self, place: f64) -> Millis {
        let found = self.stretches.iter().find(|s| place < s.right);
        let Some(s) = found.or(self.stretches.last()) else {
            return Millis::ZERO;
        };
        let part = ((place - s.left) / (s.right - s.left)).clamp(0.0, 1.0);
        Millis(s.from.0 + (part * (s.to.0 - s.from.0) as f64) as u64)
    }

    /// The waits that are cut short.
    pub(super) fn cuts(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|stretch| stretch.is_cut)
    }

    /// Moments to write at the axis: its ends, those of cuts, and round ones
    /// in between, at least `apart` from each other.
    pub(super) fn ticks(&self, apart: f64) -> Vec<Millis> {
        let mut ticks: Vec<Millis> = vec![Millis::ZERO];
        let ends = self.stretches.iter().map(|stretch| stretch.to);
        for end in ends {
            if self.place(end) - ticks.last().map_or(0.0, |last| self.place(*last)) >= apart {
                ticks.push(end);
            } else if let Some(last) = ticks.last_mut().filter(|last| **last > Millis::ZERO) {
                *last = end;
            }
        }
        let Some(step) = self.step(apart) else {
            return ticks;
        };
        let straight = self.stretches.iter().filter(|stretch| !stretch.is_cut);
        for stretch in straight {
            let mut at = stretch.from.0.next_multiple_of(step);
            while at < stretch.to.0 {
                let place = self.place(Millis(at));
                let is_free = |tick: &Millis| (self.place(*tick) - place).abs() >= apart;
                if ticks.iter().all(is_free) {
                    ticks.push(Millis(at));
                }
                at += step;
            }
        }
        ticks.sort();
        ticks
    }

    /// A round stretch of time that is at least `apart` wide.
    fn step(&self, apart: f64) -> Option<u64> {
        const ROUND: [u64; 14] = [
            1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200,
        ];
        let longest = self
            .stretches
            .iter()
            .filter(|stretch| !stretch.is_cut)
            .max_by_key(|stretch| stretch.to.0 - stretch.from.0)?;
        let wide = longest.right - longest.left;
        let least = (longest.to.0 - longest.from.0) as f64 * apart / wide.max(1e-9);
        ROUND
            .into_iter()
            .map(|seconds| seconds * 1_000)
            .find(|step| *step as f64 >= least)
    }
}

/// A round share at or above the largest one, in basis points: where the other
/// axis ends.
pub(super) fn top_of(largest: u32) -> u32 {
    [100, 200, 500, 1_000, 2_500, 5_000]
        .into_iter()
        .find(|top| *top >= largest)
        .unwrap_or(10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    #[test]
    fn without_a_long_wait_the_axis_is_straight() {
        let scale = TimeScale::new(Millis(100_000), &[(Millis(10_000), Millis(11_000))]);
        assert_eq!(scale.cuts().count(), 0);
        assert_eq!(scale.place(Millis(25_000)), 0.25);
        assert_eq!(scale.time(0.25), Millis(25_000));
        assert_eq!(scale.place(Millis(999_000)), 1.0);
    }

    #[test]
    fn a_wait_of_days_has_an_eighth_of_the_width() {
        let (from, to) = (Millis(60_000), Millis(60_000 + 2 * DAY));
        let end = Millis(to.0 + 60_000);
        let scale = TimeScale::new(end, &[(from, to)]);
        assert_eq!(scale.cuts().count(), 1);
        assert!((scale.place(to) - scale.place(from) - CUT).abs() < 1e-9);
        assert!((scale.place(end) - 1.0).abs() < 1e-9);
        for at in [0, 30_000, 60_000, DAY, to.0 + 30_000] {
            let back = scale.time(scale.place(Millis(at)));
            assert!(back.0.abs_diff(at) <= 1_000, "{at} {back}");
        }
    }

    #[test]
    fn ticks_are_round_and_do_not_touch() {
        let scale = TimeScale::new(Millis(820_000), &[]);
        let ticks: Vec<String> = scale.ticks(0.15).iter().map(Millis::to_string).collect();
        assert_eq!(ticks, ["0s", "5m", "10m", "13m 40s"]);
    }

    #[test]
    fn shares_have_a_round_top() {
        assert_eq!([1, 100, 101, 2_600].map(top_of), [100, 100, 200, 5_000]);
        assert_eq!(top_of(9_999), 10_000);
    }
}

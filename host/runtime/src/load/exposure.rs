//! Which share of the requests each revision answered, in windows of
//! consecutive requests.

use std::collections::VecDeque;

use baepo_core::weight::BasisPoints;

/// Requests that may be open behind the oldest open one. A request older than
/// that is left out of its window.
const OPEN_MAX: usize = 65_536;

/// Counts in sliding windows. Requests stand in the order in which they were
/// sent, not answered: a slow revision would else look rare at first and
/// frequent later.
#[derive(Debug)]
pub(super) struct Exposure {
    window: usize,
    /// Requests from the oldest open one on.
    open: VecDeque<Place>,
    /// Number of the first of `open`.
    first: u64,
    /// Answered by whom, newest last.
    recent: VecDeque<Option<usize>>,
    /// Of each revision: in `recent`, and the most in any full window.
    counts: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Open,
    By(Option<usize>),
}

impl Exposure {
    pub(super) fn new(window: usize) -> Exposure {
        Exposure {
            window,
            open: VecDeque::new(),
            first: 0,
            recent: VecDeque::new(),
            counts: Vec::new(),
        }
    }

    /// A request is sent; its number.
    pub(super) fn begin(&mut self) -> u64 {
        if self.open.len() == OPEN_MAX {
            self.settle(0, None);
        }
        self.open.push_back(Place::Open);
        self.first + self.open.len() as u64 - 1
    }

    /// Request `number` was answered by this revision, or by none.
    pub(super) fn end(&mut self, number: u64, revision: Option<usize>) {
        if let Some(place) = number.checked_sub(self.first) {
            self.settle(usize::try_from(place).unwrap_or(usize::MAX), revision);
        }
    }

    fn settle(&mut self, place: usize, revision: Option<usize>) {
        if let Some(slot) = self.open.get_mut(place) {
            *slot = Place::By(revision);
        }
        while let Some(Place::By(revision)) = self.open.front().copied() {
            self.open.pop_front();
            self.first += 1;
            self.slide(revision);
        }
    }

    fn slide(&mut self, revision: Option<usize>) {
        if self.recent.len() == self.window
            && let Some(Some(gone)) = self.recent.pop_front()
        {
            self.counts[gone].0 -= 1;
        }
        self.recent.push_back(revision);
        if let Some(revision) = revision {
            if self.counts.len() <= revision {
                self.counts.resize(revision + 1, (0, 0));
            }
            self.counts[revision].0 += 1;
        }
        if self.recent.len() == self.window {
            for (now, most) in &mut self.counts {
                *most = (*most).max(*now);
            }
        }
    }

    /// The share of a revision in the newest window, and the largest that it
    /// had in any full one.
    pub(super) fn shares(&self, revision: usize) -> (BasisPoints, BasisPoints) {
        let (now, most) = self.counts.get(revision).copied().unwrap_or_default();
        let share =
            |count: usize, of: usize| BasisPoints::saturating((count * 10_000 / of.max(1)) as u64);
        (share(now, self.recent.len()), share(most, self.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bp(value: u64) -> BasisPoints {
        BasisPoints::saturating(value)
    }

    #[test]
    fn the_largest_share_of_any_window_is_kept() {
        let mut exposure = Exposure::new(10);
        for revision in [0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
            let number = exposure.begin();
            exposure.end(number, Some(revision));
        }
        assert_eq!(exposure.shares(1), (bp(1_000), bp(3_000)));
        assert_eq!(exposure.shares(0), (bp(9_000), bp(9_000)));
    }

    #[test]
    fn answers_are_placed_where_their_requests_were_sent() {
        let mut exposure = Exposure::new(4);
        let numbers: Vec<u64> = (0..8).map(|_| exposure.begin()).collect();
        // The slow revision answers last, all at once: in the order of answers
        // it would have had a window for itself.
        for number in [1, 3, 5, 7, 0, 2, 4, 6] {
            exposure.end(numbers[number], Some(usize::from(number % 2 == 0)));
        }
        assert_eq!(
            (exposure.shares(0).1, exposure.shares(1).1),
            (bp(5_000), bp(5_000))
        );
    }

    #[test]
    fn a_window_that_is_not_full_says_nothing_of_the_largest_share() {
        let mut exposure = Exposure::new(4);
        let number = exposure.begin();
        exposure.end(number, Some(0));
        assert_eq!(exposure.shares(0), (BasisPoints::FULL, BasisPoints::ZERO));
    }

    #[test]
    fn a_request_that_never_ends_holds_nothing_up_for_ever() {
        let mut exposure = Exposure::new(4);
        let stuck = exposure.begin();
        for _ in 0..OPEN_MAX + 4 {
            let number = exposure.begin();
            exposure.end(number, Some(0));
        }
        exposure.end(stuck, Some(1));
        assert_eq!(exposure.shares(0).1, BasisPoints::FULL);
        assert_eq!(exposure.shares(1).1, BasisPoints::ZERO);
    }
}

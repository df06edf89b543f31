//! How long answers take in a model.

use alloc::vec::Vec;

use super::chance::{Chance, Probability};
use crate::telemetry::latency_bounds_us;

/// How many coins make one latency. The buckets of a histogram grow by a tenth
/// each, so a bell over bucket numbers is log-normal over time; heads among
/// this many coins have a bell whose standard deviation is a factor of 1.6.
const COINS: usize = 108;
/// The bucket of one who has no heads; the middle is 39 ms.
const FIRST_BUCKET: usize = 9;
/// How many buckets later an answer comes that is called slow: four times as
/// long.
pub(super) const SLOWER: usize = 15;

/// The distribution of latencies over the buckets of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Latencies {
    /// The share of answers that are in an earlier bucket than this.
    before: Vec<f64>,
}

impl Latencies {
    pub(super) fn new() -> Latencies {
        let mut mass = (0..COINS).fold(1.0, |mass, _| mass / 2.0);
        let mut sum = 0.0;
        let mut before = Vec::with_capacity(COINS + 2);
        for heads in 0..=COINS {
            before.push(sum);
            sum += mass;
            mass *= (COINS - heads) as f64 / (heads + 1) as f64;
        }
        before.push(sum);
        Latencies { before }
    }

    /// Draw the latencies of so many answers into the counts of a histogram
    /// with the usual bounds, `later` buckets above the usual.
    pub(super) fn draw(
        &self,
        chance: &mut Chance,
        answers: u64,
        later: usize,
        into: &mut Vec<u64>,
    ) {
        into.resize(latency_bounds_us().len() + 1, 0);
        self.split(chance, answers, 0..COINS + 1, FIRST_BUCKET + later, into);
    }

    /// Halve the buckets again and again, so that the work does not grow with
    /// the number of answers times that of buckets.
    fn split(
        &self,
        chance: &mut Chance,
        answers: u64,
        buckets: core::ops::Range<usize>,
        first: usize,
        into: &mut [u64],
    ) {
        if answers == 0 {
            return;
        }
        if buckets.len() == 1 {
            let bucket = (first + buckets.start).min(into.len() - 1);
            into[bucket] += answers;
            return;
        }
        let middle = buckets.start + buckets.len() / 2;
        let mass = |from: usize, to: usize| self.before[to] - self.before[from];
        let lower = mass(buckets.start, middle) / mass(buckets.start, buckets.end);
        let left = chance.count(answers, Probability::near(lower));
        self.split(chance, left, buckets.start..middle, first, into);
        self.split(chance, answers - left, middle..buckets.end, first, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Histogram;

    fn histogram(answers: u64, later: usize) -> Histogram {
        let mut counts = Vec::new();
        Latencies::new().draw(&mut Chance::new(3), answers, later, &mut counts);
        Histogram {
            bounds_us: latency_bounds_us(),
            counts,
        }
    }

    #[test]
    fn no_answer_is_lost_and_most_take_about_as_long_as_the_middle() {
        let usual = histogram(100_000, 0);
        assert_eq!(usual.counts.iter().sum::<u64>(), 100_000);
        let at = |q: f64| usual.quantile_us(q).unwrap_or(0) / 1_000;
        assert_eq!((at(0.5), at(0.95), at(0.99)), (39, 84, 123));
    }

    #[test]
    fn slow_answers_take_four_times_as_long() {
        let middle = |later| histogram(50_000, later).quantile_us(0.5).unwrap_or(0) as f64;
        let factor = middle(SLOWER) / middle(0);
        assert!((3.9..4.4).contains(&factor), "{factor}");
    }
}

//! Is the candidate slower than stable?
//!
//! Per quantile: a request is slow where it takes longer than that quantile,
//! and slow requests are compared like failures are ([`crate::comparative`]).
//! Three things make that fair.
//!
//! *The edge.* What the quantile is, is read from the requests of both roles
//! together in the same look. Given all of them, which role had which is chance
//! where there is no difference, so that a look may choose its own edge.
//!
//! *The margin.* Nobody wants to go back for three thousandths. The candidate's
//! requests must pass the next bound that is at least [`MARGIN`] above the edge,
//! stable's the edge itself. Where that bound is more than [`COARSEST`] above
//! the edge, the buckets are too coarse to tell, and nothing is judged.
//!
//! *Chance.* How many of the slow requests are the candidate's is drawn without
//! replacement, which spreads less than what the test assumes (Hoeffding,
//! "Probability Inequalities for Sums of Bounded Random Variables", 1963,
//! section 6), so the test stays valid.
//!
//! A limit ([`crate::Settings::max_latency`]) may lie within a bucket. Who is in
//! it counts as slow where the candidate is to be healthy, and as fast where it
//! is to fail.
//!
//! Healthy is a candidate for which it is refuted that twice as many of its
//! requests as there should be take longer than stable's quantile
//! ([`crate::absolute`]).

use crate::comparative::record_against;
use crate::noise::{Belief, Model, Moves};
use crate::saved::{Rest, Saved};
use crate::{Counts, absolute, log_mean_exp};

/// The quantiles at which it is asked whether the candidate is slower.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Of those, the ones at which it can be refuted that it is: at the median
/// twice as many would be all.
const REFUTABLE: [usize; 2] = [1, 2];

/// A difference below this does not matter.
pub const MARGIN: f64 = 0.05;

/// Buckets that grow by more than this cannot show a difference that matters.
pub const COARSEST: f64 = 0.1;

/// Bounds of buckets are seldom exact.
const SLACK: f64 = 1e-6;

/// The ratios of slow requests that are looked for.
const SLOWER: [f64; 3] = [1.15, 1.5, 3.0];

const ASKED: Model<4> = Model {
    ratios: [1.0, SLOWER[0], SLOWER[1], SLOWER[2]],
    deviation: 0.02,
};

/// How long requests took: upper bounds of buckets, growing, in any unit, and
/// one count more than bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Histogram<'a> {
    /// Bounds; the last bucket has none.
    pub bounds: &'a [f64],
    /// Requests in each bucket.
    pub counts: &'a [u64],
}

impl Histogram<'_> {
    fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn is_whole(&self) -> bool {
        let is_growing = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let is_positive = self
            .bounds
            .iter()
            .all(|bound| *bound > 0.0 && bound.is_finite());
        is_growing && is_positive && self.counts.len() == self.bounds.len() + 1
    }
}

/// What latency says so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    whole: [Belief<4>; 4],
    current: [Belief<4>; 4],
    /// The candidate's requests, and those above stable's quantile, for each of
    /// [`REFUTABLE`].
    fine: [Counts; 2],
    /// The candidate's requests in the bake, and those above each edge of the
    /// record.
    bake: u64,
    bake_slow: [u64; 4],
    /// Some look could not be judged for its buckets.
    is_coarse: bool,
}

/// How many of both roles are slow: stable's and the candidate's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Slow {
    pub(crate) stable: u64,
    pub(crate) candidate: u64,
}

/// What can be said of one quantile in one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    Slow(Slow),
    Coarse,
    /// Nobody, or everybody, is slow.
    Nothing,
}

impl Latency {
    /// Nothing was seen.
    pub(crate) fn new() -> Latency {
        Latency {
            whole: [Belief::new(); 4],
            current: [Belief::new(); 4],
            fine: [Counts::default(); 2],
            bake: 0,
            bake_slow: [0; 4],
            is_coarse: false,
        }
    }

    /// Takes one look of both roles in, with what the noise did since the one before.
    pub(crate) fn add(
        &mut self,
        stable: &Histogram,
        candidate: &Histogram,
        floor: f64,
        moves: &Moves,
    ) {
        if !is_comparable(stable, candidate) {
            self.is_coarse |= stable.total() > 0 && candidate.total() > 0;
            return;
        }
        let (n_s, n_c) = (stable.total() as f64, candidate.total() as f64);
        if n_s <= 0.0 || n_c <= 0.0 {
            return;
        }
        let counts = |slow: Slow| ((slow.stable as f64, n_s), (slow.candidate as f64, n_c));
        for (index, edge) in edges(stable, candidate, floor).into_iter().enumerate() {
            match edge {
                Edge::Slow(slow) => {
                    let (s, c) = counts(slow);
                    if let Some(seen) = ASKED.likelihoods(s, c, f64::MAX) {
                        self.whole[index].add(&seen, moves);
                        self.current[index].add(&seen, moves);
                    }
                }
                Edge::Coarse => self.is_coarse = true,
                Edge::Nothing => {}
            }
        }
        self.add_fine(stable, candidate, floor);
    }

    /// How many of the candidate's requests are above stable's quantiles.
    fn add_fine(&mut self, stable: &Histogram, candidate: &Histogram, floor: f64) {
        for (counts, index) in self.fine.iter_mut().zip(REFUTABLE) {
            match top(stable, QUANTILES[index], floor) {
                Some(bound) => counts.add(Counts {
                    requests: candidate.total(),
                    failures: above(candidate, bound),
                }),
                None => self.is_coarse = true,
            }
        }
    }

    /// Takes a look of the candidate in, where stable is known from a record
    /// only.
    pub(crate) fn add_bake(&mut self, record: &Histogram, candidate: &Histogram, floor: f64) {
        if !is_comparable(record, candidate) {
            self.is_coarse |= record.total() > 0 && candidate.total() > 0;
            return;
        }
        self.bake = self.bake.saturating_add(candidate.total());
        for (slow, quantile) in self.bake_slow.iter_mut().zip(QUANTILES) {
            match record_edge(record, quantile, floor) {
                Some((_, Some(far))) => *slow += above(candidate, far),
                Some((_, None)) => self.is_coarse = true,
                None => {}
            }
        }
        self.add_fine(record, candidate, floor);
    }

    /// A new window begins.
    pub(crate) fn begin_window(&mut self) {
        self.current = [Belief::new(); 4];
    }

    /// ln E against "it is no slower than stable", of everything and of this
    /// window alone.
    pub(crate) fn log_fail(&self) -> (f64, f64) {
        let of = |beliefs: &[Belief<4>; 4]| {
            let each = beliefs.map(|belief| {
                log_mean_exp(&[1, 2, 3].map(|slower| belief.log(slower))) - belief.log(0)
            });
            log_mean_exp(&each)
        };
        (of(&self.whole), of(&self.current))
    }

    /// ln E against "twice as many of its requests are above stable's quantile".
    pub(crate) fn log_pass(&self) -> f64 {
        let each: [f64; 2] = core::array::from_fn(|i| {
            let bad = 2.0 * (1.0 - QUANTILES[REFUTABLE[i]]);
            absolute::log_pass(self.fine[i], bad)
        });
        log_mean_exp(&each)
    }

    /// ln E against "it is no slower than what stable measured before".
    pub(crate) fn log_fail_against(&self, record: &Histogram, alpha: f64) -> Option<f64> {
        let requests = record.total();
        if requests == 0 || self.bake == 0 || !record.is_whole() {
            return None;
        }
        let fails: [f64; 4] = core::array::from_fn(|index| {
            let Some((near, _)) = record_edge(record, QUANTILES[index], 0.0) else {
                return 0.0;
            };
            let known = Counts {
                requests,
                failures: above(record, near),
            };
            let seen = Counts {
                requests: self.bake,
                failures: self.bake_slow[index],
            };
            // β is not used: whether it is fine is asked otherwise.
            record_against(known, seen, alpha, alpha, &SLOWER).map_or(0.0, |seen| seen.log_fail)
        });
        Some(log_mean_exp(&fails))
    }

    /// Whether the buckets were too coarse for some of it.
    pub(crate) fn is_coarse(&self) -> bool {
        self.is_coarse
    }

    pub(crate) fn save(&self, out: &mut Saved) {
        for belief in self.whole.iter().chain(&self.current) {
            belief.save(out);
        }
        for counts in &self.fine {
            counts.save(out);
        }
        out.u64(self.bake);
        self.bake_slow.iter().for_each(|slow| out.u64(*slow));
        out.u64(u64::from(self.is_coarse));
    }

    pub(crate) fn read(rest: &mut Rest) -> Option<Latency> {
        let mut latency = Latency::new();
        for belief in latency.whole.iter_mut().chain(&mut latency.current) {
            *belief = Belief::read(rest)?;
        }
        for counts in &mut latency.fine {
            *counts = Counts::read(rest)?;
        }
        latency.bake = rest.u64()?;
        for slow in &mut latency.bake_slow {
            *slow = rest.u64()?;
        }
        latency.is_coarse = rest.u64()? != 0;
        Some(latency)
    }
}

fn is_comparable(one: &Histogram, other: &Histogram) -> bool {
    one.is_whole() && other.is_whole() && one.bounds == other.bounds
}

/// What the candidate must be slower by, as a place: the edge, the margin above
/// it or the floor above it, whichever is more.
fn place(edge: f64, margin: f64, floor: f64) -> f64 {
    (edge * (1.0 + margin)).max(edge + floor) * (1.0 - SLACK)
}

/// Whether a bound is so near to that place that it can stand for it.
fn is_near(bound: f64, edge: f64, floor: f64) -> bool {
    let most = (edge * (1.0 + COARSEST)).max((edge + floor) * (1.0 + COARSEST));
    bound <= most * (1.0 + SLACK)
}

/// For each quantile the edge of this look, and who is above it; the candidate
/// above the bound at its [`place`].
pub(crate) fn edges(stable: &Histogram, candidate: &Histogram, floor: f64) -> [Edge; 4] {
    let bounds = stable.bounds;
    let all = (stable.total() + candidate.total()) as f64;
    let mut best = [(f64::INFINITY, Edge::Nothing); 4];
    let (mut slow_s, mut slow_c) = (0_u64, 0_u64);
    // The bound that the candidate must pass; everything from there on is in
    // `slow_c`.
    let mut far = bounds.len();
    for near in (0..bounds.len()).rev() {
        slow_s += stable.counts[near + 1];
        let wanted = place(bounds[near], MARGIN, floor);
        while far > 0 && bounds[far - 1] >= wanted {
            far -= 1;
            slow_c += candidate.counts[far + 1];
        }
        let Some(reached) = bounds.get(far) else {
            continue;
        };
        let share = (slow_s + slow_c) as f64 / all;
        let is_coarse = !is_near(*reached, bounds[near], floor);
        for ((distance, edge), quantile) in best.iter_mut().zip(QUANTILES) {
            let away = (share - (1.0 - quantile)).abs();
            // The highest of equal ones: between them nobody is.
            if away < *distance {
                *distance = away;
                *edge = match (is_coarse, share > 0.0 && share < 1.0) {
                    (_, false) => Edge::Nothing,
                    (true, true) => Edge::Coarse,
                    (false, true) => Edge::Slow(Slow {
                        stable: slow_s,
                        candidate: slow_c,
                    }),
                };
            }
        }
    }
    best.map(|(_, edge)| edge)
}

/// The edge of a quantile in a record, as an index of bounds, and the bound at
/// its [`place`], where there is one near enough.
fn record_edge(record: &Histogram, quantile: f64, floor: f64) -> Option<(usize, Option<usize>)> {
    let total = record.total() as f64;
    let mut slow = 0_u64;
    let mut best: Option<(f64, usize)> = None;
    for near in (0..record.bounds.len()).rev() {
        slow += record.counts[near + 1];
        let share = slow as f64 / total;
        let away = (share - (1.0 - quantile)).abs();
        if share > 0.0 && share < 1.0 && best.is_none_or(|(distance, _)| away < distance) {
            best = Some((away, near));
        }
    }
    let (_, near) = best?;
    let edge = record.bounds[near];
    let far = record.bounds[near..]
        .iter()
        .position(|bound| *bound >= place(edge, MARGIN, floor))
        .map(|more| near + more)
        .filter(|far| is_near(record.bounds[*far], edge, floor));
    Some((near, far))
}

/// The lowest bound that so many of stable's requests are at most above, or the
/// one at the floor above that; `None` where the buckets there are too coarse.
fn top(stable: &Histogram, quantile: f64, floor: f64) -> Option<usize> {
    let total = stable.total() as f64;
    let mut slow = 0_u64;
    let mut lowest = None;
    for bound in (0..stable.bounds.len()).rev() {
        slow += stable.counts[bound + 1];
        // A tenth is no more than 1 - 0.9, which is a bit less as a float.
        if slow as f64 / total > 1.0 - quantile + SLACK {
            break;
        }
        lowest = Some(bound);
    }
    let lowest = lowest?;
    let edge = stable.bounds[lowest];
    // The first bucket begins at nothing: only a floor can make it narrow enough.
    let is_coarse = match lowest.checked_sub(1) {
        Some(below) => !is_near(edge, stable.bounds[below], 0.0),
        None => !is_near(edge, 0.0, floor),
    };
    let far = stable.bounds[lowest..]
        .iter()
        .position(|bound| *bound >= place(edge, 0.0, floor))?
        + lowest;
    (!is_coarse && is_near(stable.bounds[far], edge, floor)).then_some(far)
}

/// How many are above a bound.
fn above(histogram: &Histogram, bound: usize) -> u64 {
    histogram.counts[bound + 1..]
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// Requests beside a limit on how long they may take, which may lie within a
/// bucket.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Late {
    /// All, and as failures those that took longer for certain: their bucket
    /// begins at the limit or above.
    pub(crate) certain: Counts,
    /// All, and as failures those that may have taken longer: their bucket ends
    /// above the limit.
    pub(crate) possible: Counts,
}

impl Late {
    pub(crate) fn of(histogram: &Histogram, limit: f64) -> Late {
        if !histogram.is_whole() {
            return Late::default();
        }
        let bounds = histogram.bounds;
        let place = |least: f64| bounds.iter().position(|bound| *bound >= least);
        let requests = histogram.total();
        // From which bucket on; the one at `bounds.len()` has no end.
        let count = |bucket: usize| Counts {
            requests,
            failures: histogram.counts[bucket.min(bounds.len())..]
                .iter()
                .fold(0, |sum, count| sum.saturating_add(*count)),
        };
        Late {
            certain: match place(limit * (1.0 - SLACK)) {
                Some(bound) => count(bound + 1),
                None => Counts {
                    requests,
                    failures: 0,
                },
            },
            possible: count(place(limit * (1.0 + SLACK)).unwrap_or(bounds.len())),
        }
    }

    pub(crate) fn add(&mut self, more: Late) {
        self.certain.add(more.certain);
        self.possible.add(more.possible);
    }

    pub(crate) fn save(self, out: &mut Saved) {
        self.certain.save(out);
        out.u64(self.possible.failures);
    }

    pub(crate) fn read(rest: &mut Rest) -> Option<Late> {
        let certain = Counts::read(rest)?;
        let possible = Counts {
            requests: certain.requests,
            failures: rest.u64()?,
        };
        Some(Late { certain, possible })
    }
}

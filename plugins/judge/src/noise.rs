//! Two streams of events whose ratio is never quite steady.
//!
//! Two equal releases do not fail equally often in every minute: one of them
//! has the slower machine, the colder cache, the busier neighbour. A test that
//! takes every lasting difference for a regression would fail every good
//! candidate of a busy service in the end. So the logarithm of the ratio is
//! allowed to wander: it is the ratio that is asked about, plus noise that is
//! normal in the long run and forgets itself within minutes.
//!
//! The noise is a chain of [`STATES`] states. What the data say under one ratio
//! is the sum over all paths of that chain, which the forward algorithm for
//! hidden Markov models gives exactly. The quotient of two such likelihoods is
//! a martingale under the one in its denominator, as that of two numbers would
//! be.
//!
//! Sources: Rouwenhorst, "Asset pricing implications of equilibrium business
//! cycle models", 1995, for the chain; Rabiner, "A tutorial on hidden Markov
//! models", 1989, section III.A, for the algorithm.

use crate::saved::{Rest, Saved};

/// How many values the noise may have: with seven it reaches two and a half of its
/// standard deviations, each way one sixty-fourth of the time.
pub(crate) const STATES: usize = 7;
const STEPS: usize = STATES - 1;

/// How long it takes until e times less is left of the noise, in seconds.
const MEMORY_S: f64 = 270.0;

/// The ratios that are asked about, and how noisy they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<const N: usize> {
    /// How often the candidate has an event, as a multiple of stable.
    pub(crate) ratios: [f64; N],
    /// The standard deviation of the logarithm of the ratio, where there are
    /// many events.
    pub(crate) deviation: f64,
}

/// At so many events half of the noise is reckoned with. Where there are few,
/// chance is so much larger than noise that it would only cost time.
const HALF: f64 = 30.0;

/// The noise that is reckoned with after so many events.
///
/// The number of events of both roles together says nothing of who had them, so
/// that the test may depend on it.
fn reckoned(deviation: f64, events: f64) -> f64 {
    deviation * (1.0 / (1.0 + HALF / events * (HALF / events)))
}

/// What the events of one look say of each ratio: ln of the largest likelihood
/// among the states of the noise, and each state's as a part of that.
pub(crate) struct Likelihoods<const N: usize>([(f64, [f64; STATES]); N]);

impl<const N: usize> Model<N> {
    /// Events and how many could have been, of stable and of the candidate, and
    /// how many events there were before. Nothing where one side could have none.
    pub(crate) fn likelihoods(
        &self,
        stable: (f64, f64),
        candidate: (f64, f64),
        before: f64,
    ) -> Option<Likelihoods<N>> {
        let ((f_s, n_s), (f_c, n_c)) = (stable, candidate);
        if n_s <= 0.0 || n_c <= 0.0 {
            return None;
        }
        if f_s + f_c <= 0.0 {
            return Some(Likelihoods([(0.0, [1.0; STATES]); N]));
        }
        // Given an event, it is the candidate's with probability
        // n_c·ρ / (n_s + n_c·ρ); the parts without ρ are in common.
        let noise = states(reckoned(self.deviation, before + f_c + f_s));
        let factors = noise.map(libm::exp);
        Some(Likelihoods(self.ratios.map(|ratio| {
            let log = libm::log(ratio);
            let logs: [f64; STATES] = core::array::from_fn(|state| {
                let all = n_s + n_c * ratio * factors[state];
                f_c * (log + noise[state]) - (f_c + f_s) * libm::log(all)
            });
            let most = logs.iter().copied().fold(f64::MIN, f64::max);
            (most, logs.map(|log| libm::exp(log - most)))
        })))
    }
}

/// The noise in each state, where it has this standard deviation.
fn states(deviation: f64) -> [f64; STATES] {
    let spread = libm::sqrt(STEPS as f64) * deviation;
    core::array::from_fn(|state| spread * (2.0 * state as f64 / STEPS as f64 - 1.0))
}

/// Rates that are asked about, of a stream that is alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates<const N: usize> {
    /// The share of requests that have an event.
    pub(crate) rates: [f64; N],
    /// The standard deviation of the logarithm of the rate, where there are many
    /// events.
    pub(crate) deviation: f64,
}

impl<const N: usize> Rates<N> {
    /// Requests without and with an event, and how many events were to be
    /// expected so far, these included.
    pub(crate) fn likelihoods(&self, ok: f64, bad: f64, expected: f64) -> Likelihoods<N> {
        let factors = states(reckoned(self.deviation, expected)).map(libm::exp);
        Likelihoods(self.rates.map(|rate| {
            let logs = factors.map(|factor| {
                let rate = (rate * factor).min((1.0 + rate) / 2.0);
                ok * libm::log1p(-rate) + bad * libm::log(rate)
            });
            let most = logs.iter().copied().fold(f64::MIN, f64::max);
            (most, logs.map(|log| libm::exp(log - most)))
        }))
    }
}

/// What all looks so far say of each ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Belief<const N: usize> {
    /// For each ratio the shares of the states; each row sums to 1.
    states: [[f64; STATES]; N],
    /// ln of what the data say of each ratio, less what all have in common.
    logs: [f64; N],
}

impl<const N: usize> Belief<N> {
    /// Nothing was seen.
    pub(crate) fn new() -> Belief<N> {
        // How often the chain is in each state in the long run: it is the sum
        // of fair coins.
        let ways: [f64; STATES] = core::array::from_fn(binomial_of_steps);
        Belief {
            states: [ways.map(|ways| ways / (1 << STEPS) as f64); N],
            logs: [0.0; N],
        }
    }

    /// Takes one look in, so many seconds after the one before.
    pub(crate) fn add(&mut self, likelihoods: &Likelihoods<N>, moves: &Moves) {
        let mine = self.states.iter_mut().zip(&mut self.logs);
        for ((states, log), (most, likelihood)) in mine.zip(&likelihoods.0) {
            let mut next = moves.apply(states);
            for (share, likelihood) in next.iter_mut().zip(likelihood) {
                *share *= likelihood;
            }
            // Above zero: no state is ever ruled out wholly by the moves, and
            // one of the likelihoods is 1.
            let sum: f64 = next.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            *states = next.map(|share| short(share / sum));
            *log += most + libm::log(sum);
        }
        // What all have in common says nothing; without it the numbers stay small.
        let common = self.logs[0];
        self.logs = self.logs.map(|log| short(log - common));
    }

    /// ln of what the data say of this ratio, less what all have in common.
    pub(crate) fn log(&self, index: usize) -> f64 {
        self.logs[index]
    }

    pub(crate) fn save(&self, out: &mut Saved) {
        for number in self.states.as_flattened().iter().chain(&self.logs) {
            out.f32(*number);
        }
    }

    pub(crate) fn read(rest: &mut Rest) -> Option<Belief<N>> {
        let mut belief = Belief::new();
        let numbers = belief.states.as_flattened_mut().iter_mut();
        for number in numbers.chain(&mut belief.logs) {
            *number = rest.f32()?;
        }
        Some(belief)
    }
}

/// As exact as it is saved, so that a state goes on as it was.
fn short(number: f64) -> f64 {
    f64::from(number as f32)
}

/// How the noise moves between two looks.
pub(crate) struct Moves([[f64; STATES]; STATES]);

impl Moves {
    /// In so many seconds.
    pub(crate) fn within(seconds: f64) -> Moves {
        // Each coin stays as it is with this probability, so that what is left
        // of the noise is what a decay leaves.
        let stay = (1.0 + libm::exp(-seconds.max(0.0) / MEMORY_S)) / 2.0;
        let chain = |from: usize, to: usize| {
            let (heads, tails) = (from, STEPS - from);
            (0..=heads.min(to))
                .filter(|kept| to - kept <= tails)
                .map(|kept| some_of(heads, kept, stay) * some_of(tails, to - kept, 1.0 - stay))
                .sum()
        };
        Moves(core::array::from_fn(|to| {
            core::array::from_fn(|from| chain(from, to))
        }))
    }

    fn apply(&self, states: &[f64; STATES]) -> [f64; STATES] {
        self.0.map(|row| {
            row.iter()
                .zip(states)
                .map(|(part, share)| part * share)
                .sum()
        })
    }
}

/// The probability of `some` of `all`, each with this chance.
fn some_of(all: usize, some: usize, chance: f64) -> f64 {
    let power = |base: f64, times: usize| (0..times).fold(1.0, |product, _| product * base);
    binomial(all, some) * power(chance, some) * power(1.0 - chance, all - some)
}

fn binomial(all: usize, some: usize) -> f64 {
    (0..some).fold(1.0, |ways, i| ways * (all - i) as f64 / (i + 1) as f64)
}

fn binomial_of_steps(some: usize) -> f64 {
    binomial(STEPS, some)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn the_chain_keeps_its_shares_and_forgets_as_it_should() {
        let fair = Belief::<1>::new().states[0];
        assert_eq!(
            fair,
            [1.0, 6.0, 15.0, 20.0, 15.0, 6.0, 1.0].map(|ways| ways / 64.0)
        );
        for seconds in [0.0, 5.0, 60.0, 1e9] {
            let moves = Moves::within(seconds);
            for (share, kept) in fair.iter().zip(moves.apply(&fair)) {
                assert!((share - kept).abs() < 1e-12);
            }
            let end = moves.apply(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
            let mean: f64 = (0..STATES).map(|i| end[i] * (i as f64 - 3.0) / 3.0).sum();
            assert!(
                (mean - libm::exp(-seconds / MEMORY_S)).abs() < 1e-12,
                "{mean}"
            );
        }
        // A minute leaves four fifths.
        assert!((libm::exp(-60.0 / MEMORY_S) - 0.8).abs() < 0.001);
    }

    #[test]
    fn without_noise_it_is_the_likelihood_of_two_streams() {
        let model = Model {
            ratios: [1.0, 3.0],
            deviation: 0.0,
        };
        let mut belief = Belief::new();
        let mut plain = 0.0;
        for (f_s, n_s, f_c, n_c) in [(1.0, 900.0, 2.0, 100.0), (0.0, 50.0, 7.0, 500.0)] {
            let seen = model.likelihoods((f_s, n_s), (f_c, n_c), 0.0).unwrap();
            belief.add(&seen, &Moves::within(60.0));
            let theta = |r: f64| n_c * r / (n_s + n_c * r);
            plain += f_c * libm::log(theta(3.0) / theta(1.0))
                + f_s * libm::log((1.0 - theta(3.0)) / (1.0 - theta(1.0)));
        }
        let quotient = belief.log(1) - belief.log(0);
        assert!((quotient - plain).abs() < 1e-5, "{quotient} {plain}");
    }
}

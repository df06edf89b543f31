//! Chance from a seed: the same seed gives the same draws on every machine.

/// A source of random bits: SplitMix64.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014. It is small and even enough for a model of traffic, and
/// must never be used for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chance(u64);

/// A probability in parts of 2^32; 1 itself cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probability(u32);

impl Probability {
    /// `part` of `whole`; just below 1 where it is all of it.
    pub(super) fn ratio(part: u64, whole: u64) -> Probability {
        let scaled = (u128::from(part) << 32) / u128::from(whole.max(1));
        Probability(u32::try_from(scaled).unwrap_or(u32::MAX))
    }

    /// The nearest one to a number from 0 to 1.
    pub(super) fn near(value: f64) -> Probability {
        // A cast of a float ends at the bounds of the type.
        Probability((value * 4_294_967_296.0) as u32)
    }
}

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// How often it happens in so many trials: a binomial draw, exact to 2^-32.
    pub(super) fn count(&mut self, trials: u64, probability: Probability) -> u64 {
        let mut hits = 0;
        for _ in 0..trials / 64 {
            hits += u64::from(self.sixty_four(probability).count_ones());
        }
        let rest = trials % 64;
        if rest > 0 {
            let some = self.sixty_four(probability) & ((1 << rest) - 1);
            hits += u64::from(some.count_ones());
        }
        hits
    }

    /// 64 trials at once, a bit each. Each bit's own random number is compared
    /// with the probability from the highest digit on, until all are decided:
    /// about eight words instead of 64.
    fn sixty_four(&mut self, Probability(p): Probability) -> u64 {
        let (mut hit, mut undecided) = (0, u64::MAX);
        for digit in (0..32).rev() {
            if undecided == 0 || p & (u32::MAX >> (31 - digit)) == 0 {
                // What is equal so far cannot become smaller any more.
                break;
            }
            let random = self.bits();
            if p >> digit & 1 == 1 {
                hit |= undecided & !random;
                undecided &= random;
            } else {
                undecided &= !random;
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_the_published_generator() {
        let mut chance = Chance::new(0);
        let first: [u64; 3] = core::array::from_fn(|_| chance.bits());
        assert_eq!(
            first,
            [
                0xE220_A839_7B1D_CDAF,
                0x6E78_9E6A_A1B9_65F4,
                0x06C4_5D18_8009_454F
            ]
        );
    }

    #[test]
    fn counts_have_the_mean_and_the_spread_of_a_binomial() {
        let mut chance = Chance::new(1);
        for (part, whole) in [(1, 1_000), (20, 1_000), (500, 1_000), (999, 1_000)] {
            let (draws, trials) = (2_000_u32, 1_000_u64);
            let probability = Probability::ratio(part, whole);
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let count = chance.count(trials, probability) as f64;
                sum += count;
                squares += count * count;
            }
            let p = part as f64 / whole as f64;
            let mean = sum / f64::from(draws);
            let variance = squares / f64::from(draws) - mean * mean;
            let expected = trials as f64 * p * (1.0 - p);
            assert!((mean - trials as f64 * p).abs() < 0.6, "{p}: mean {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.15,
                "{p}: variance {variance}, expected {expected}"
            );
        }
    }

    #[test]
    fn what_cannot_happen_does_not_and_few_trials_give_no_more_than_their_number() {
        let mut chance = Chance::new(7);
        assert_eq!(chance.count(100_000, Probability::ratio(0, 5)), 0);
        assert!(chance.count(3, Probability::ratio(5, 5)) <= 3);
        assert_eq!(chance.count(0, Probability::near(0.5)), 0);
        assert!((0..1_000).all(|_| chance.below(10) < 10));
        assert_eq!(chance.below(0), 0);
    }
}

//! Which request goes to the candidate: deterministic, close to the asked
//! share in every short stretch, and without a rhythm that a client's own
//! rhythm could meet.
//!
//! Requests are taken in blocks of sixteen. How many of a block go to the
//! candidate is the share with the rounding error carried on to the next
//! block, so the sum is never off by more than one at a block's edge. Which of
//! the sixteen is shuffled by the block's number: a client that sends read,
//! write, read, write does not get all its writes on one side.

use baepo_core::weight::BasisPoints;

/// Requests per block. With 16 a stretch of 1,000 is off by at most
/// 1 + 2 × 16 × w (1 − w) requests: 9 of the 10 allowed at one half, and fewer
/// than 2 below 2 %.
const BLOCK: u64 = 16;

/// Blocks after which the carried error is zero again: 16 × 625 = 10000.
const PERIOD: u64 = 625;

/// Whether request number `turn` goes to the side that has `weight`.
pub(super) fn is_candidate(turn: u64, weight: BasisPoints) -> bool {
    let (block, place) = (turn / BLOCK, turn % BLOCK);
    let count = carried(block % PERIOD + 1, weight) - carried(block % PERIOD, weight);
    let seed = scramble(block);
    // An odd factor makes this a permutation of the sixteen places that deals
    // each rank range evenly over odd and even places.
    let rank = place.wrapping_mul(seed | 1).wrapping_add(seed >> 32) % BLOCK;
    rank < count
}

/// Candidate requests in the first `blocks` blocks.
fn carried(blocks: u64, weight: BasisPoints) -> u64 {
    blocks * BLOCK * u64::from(weight.value()) / 10_000
}

/// A number that looks random. Source: the finaliser of SplitMix64
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1_000;

    /// Requests by which a window of 1,000 may be off.
    fn allowed(weight: u64) -> u64 {
        if weight < 200 { 2 } else { 10 }
    }

    fn weight(value: u64) -> BasisPoints {
        BasisPoints::saturating(value)
    }

    /// The fewest and most candidate requests among the first `turn`, however
    /// the places inside a block are shuffled.
    fn extremes(turn: u64, w: u64) -> (u64, u64) {
        let (block, place) = (turn / BLOCK, turn % BLOCK);
        let (before, after) = (carried(block, weight(w)), carried(block + 1, weight(w)));
        let fewest = before.max(after.saturating_sub(BLOCK - place));
        (fewest, after.min(before + place))
    }

    #[test]
    fn every_window_of_a_thousand_keeps_its_share_at_every_weight() {
        // The counts repeat after 10,000 requests, so this covers every window
        // there is, whatever the shuffle does.
        for w in 0..=10_000 {
            let asked = WINDOW * w;
            let bounds: Vec<(u64, u64)> =
                (0..10_000 + WINDOW).map(|turn| extremes(turn, w)).collect();
            for (start, (from, to)) in bounds.iter().zip(&bounds[WINDOW as usize..]).enumerate() {
                let high = (to.1 - from.0) * 10_000;
                let low = to.0.saturating_sub(from.1) * 10_000;
                let off = high.saturating_sub(asked).max(asked.saturating_sub(low));
                assert!(
                    off <= allowed(w) * 10_000,
                    "weight {w}, window at {start}: {low}..{high}"
                );
            }
        }
    }

    #[test]
    fn the_split_itself_stays_inside_what_was_proven() {
        for w in [
            0, 1, 7, 58, 100, 199, 200, 500, 2500, 3333, 5000, 7500, 9999, 10_000,
        ] {
            let mut seen = 0;
            for turn in 0..40_000 {
                let (fewest, most) = extremes(turn % 10_000, w);
                let base = turn / 10_000 * w;
                assert!(
                    (base + fewest..=base + most).contains(&seen),
                    "weight {w}, turn {turn}"
                );
                seen += u64::from(is_candidate(turn, weight(w)));
            }
            assert_eq!(seen, 4 * w);
        }
    }

    #[test]
    fn every_other_request_gets_the_same_share() {
        for w in [100, 500, 2500, 5000] {
            let even = (0..200_000)
                .step_by(2)
                .filter(|turn| is_candidate(*turn, weight(w)))
                .count();
            let off = (even as f64 / 100_000.0 - w as f64 / 10_000.0).abs();
            assert!(off < 0.003, "weight {w}: {even} of 100000 even turns");
        }
    }
}

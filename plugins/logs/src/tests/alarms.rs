//! How often a candidate that is as good as stable fails, and a bad one does
//! not: whole rollouts with lines by chance.

use super::any_input::Random;
use super::*;

const ROLLOUTS: u64 = 300;
const LOOKS: u32 = 40;
/// Ten minutes of looks.
const MANY_LOOKS: u32 = 120;

/// Which look failed the candidate, for each rollout. Each failure of a tenth
/// of the traffic writes one kind of error or several; `ratio` is how often the
/// candidate fails for one failure of stable.
fn failed_at(config: &str, share_percent: usize, ratio: usize, looks: u32) -> Vec<Option<u32>> {
    let one = |seed: u64| {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut rollout = Rollout::new(config);
        rollout.request.stable = Some(side(Some(100 - share_percent as u64)));
        rollout.request.candidate = side(Some(share_percent as u64));
        rollout.disk.write(STABLE, "ERROR alpha\nERROR beta\n");
        rollout.look();
        for look in 1..=looks {
            // Some minutes are worse than others, for both.
            let trials = [4, 8, 30][random.below(3)];
            for _ in 0..trials {
                let is_candidate = random.below(100) < share_percent;
                let times = if is_candidate { ratio } else { 1 };
                if random.below(4) >= times {
                    continue;
                }
                let path = if is_candidate { CANDIDATE } else { STABLE };
                let rare = format!(
                    "ERROR rare {}\n",
                    ["x", "y", "z", "v", "w"][random.below(5)]
                );
                let lines = match random.below(20) {
                    0 => rare.as_str(),
                    1..=9 => "ERROR alpha\nERROR beta\n",
                    _ => "ERROR alpha\n",
                };
                rollout.disk.write(path, lines);
            }
            if rollout.look().verdict == Verdict::Failing {
                return Some(look);
            }
        }
        None
    };
    (1..=ROLLOUTS).map(one).collect()
}

#[test]
fn a_candidate_as_good_as_stable_is_seldom_failed() {
    for share in [5, 25, 50] {
        let config = r#"{"on-new": "fail", "min-new": 1}"#;
        let failed = failed_at(config, share, 1, LOOKS)
            .into_iter()
            .flatten()
            .count();
        // α is 1 % for each of both tests.
        assert!(failed <= 6, "{failed} of {ROLLOUTS} at {share} %");
    }
}

#[test]
fn a_candidate_that_fails_three_times_as_often_is_found() {
    let mut looks: Vec<u32> = failed_at("{}", 50, 3, MANY_LOOKS)
        .into_iter()
        .map(|look| look.unwrap_or(MANY_LOOKS + 1))
        .collect();
    looks.sort_unstable();
    let median = looks[looks.len() / 2];
    assert!(median <= 12, "median {median}");
    let missed = looks.iter().filter(|look| **look > MANY_LOOKS).count();
    assert!(missed <= 15, "{missed} of {ROLLOUTS} missed");
}

//! The rules of others, as their sources have them, on the same streams.

/// Kayenta's NetflixACAJudge with its defaults: the candidate's rate is higher
/// where the 98 % confidence interval of the shift lies above a quarter of the
/// Hodges-Lehmann estimate.
///
/// The interval is that of the Mann-Whitney test by its normal approximation,
/// here by order statistics of the pairwise differences.
/// Source: spinnaker/kayenta, `MannWhitneyClassifier.scala`.
pub(crate) fn kayenta_is_high(stable: &[f64], candidate: &[f64]) -> bool {
    let mut shifts: Vec<f64> = candidate
        .iter()
        .flat_map(|c| stable.iter().map(move |s| c - s))
        .collect();
    shifts.sort_by(f64::total_cmp);
    let (m, n) = (candidate.len() as f64, stable.len() as f64);
    // The 99th percentile of the normal distribution.
    let spread = 2.326 * (m * n * (m + n + 1.0) / 12.0).sqrt();
    let rank = (m * n / 2.0 - spread).floor().max(0.0) as usize;
    let middle = shifts[shifts.len() / 2];
    shifts
        .get(rank)
        .is_some_and(|lower| *lower > 0.25 * middle.abs())
}

/// In which minute Kayenta fails a candidate that is judged every five minutes
/// on all that was seen so far.
pub(crate) fn kayenta_fails_at(failures: &[(u64, u64)], requests: (u64, u64)) -> Option<usize> {
    let rate = |failures: u64, requests: u64| failures as f64 / requests as f64;
    let stable: Vec<f64> = failures.iter().map(|(s, _)| rate(*s, requests.0)).collect();
    let candidate: Vec<f64> = failures.iter().map(|(_, c)| rate(*c, requests.1)).collect();
    (5..=failures.len())
        .step_by(5)
        .find(|minute| kayenta_is_high(&stable[..*minute], &candidate[..*minute]))
}

/// In which minute Flagger goes back: after five checks, cumulative, in which
/// fewer than 99 % of the candidate's requests of a minute succeeded.
/// Source: fluxcd/flagger, `pkg/controller/scheduler.go`.
pub(crate) fn flagger_fails_at(failures: &[(u64, u64)], requests: (u64, u64)) -> Option<usize> {
    let mut bad = 0;
    failures
        .iter()
        .position(|(_, failed)| {
            bad += usize::from(*failed as f64 > requests.1 as f64 * 0.01);
            bad == 5
        })
        .map(|minute| minute + 1)
}

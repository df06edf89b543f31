//! Rollouts of other runs that a run sees the end of, or is the first to tell of:
//! each is told where it was told before.

use baepo_core::report::{Report, RolloutReport};

/// What a run is about, and reports of what it is not about, each of rollouts
/// that are told at the same place. `only_rollouts` where it only goes on with
/// rollouts, whatever is checked out.
pub(super) fn split(report: &Report, only_rollouts: bool) -> (Report, Vec<Report>) {
    let mut ours = report.clone();
    ours.beside.clear();
    let others: Vec<&RolloutReport> = match only_rollouts {
        true => {
            // Over before this run began: somebody may have said something newer.
            let is_late = |r: &RolloutReport| r.ended.is_some_and(|at| at < report.started);
            let newest = report.rollouts.iter().rfind(|r| !is_late(r));
            let is_ours = |r: &RolloutReport| {
                !is_late(r) && newest.is_some_and(|newest| place(r) == place(newest))
            };
            ours.rollouts.retain(is_ours);
            if let Some(newest) = newest {
                ours.revision.clone_from(&newest.candidate);
            }
            let others = report.rollouts.iter().filter(|r| !is_ours(r));
            others.chain(&report.beside).collect()
        }
        // What this run tells of the same commit comes in its place.
        false => {
            let is_other = |r: &&RolloutReport| r.candidate.commit != report.revision.commit;
            report.beside.iter().filter(is_other).collect()
        }
    };
    let mut groups: Vec<Vec<RolloutReport>> = Vec::new();
    for rollout in others {
        match groups.iter_mut().find(|g| place(&g[0]) == place(rollout)) {
            Some(group) => group.push(rollout.clone()),
            None => groups.push(vec![rollout.clone()]),
        }
    }
    let about = groups.into_iter().filter_map(|group| report.about(group));
    (ours, about.collect())
}

/// Where a rollout is told: at its commit and pull request, under the name of the
/// run that began it.
fn place(rollout: &RolloutReport) -> (&str, &[String], Option<u64>) {
    let commit = rollout.candidate.commit.as_str();
    (commit, &rollout.told_as, rollout.pull_request)
}

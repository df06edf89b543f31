//! Rollouts that are over: from the journals of a checkout, and as a target
//! remembers them.

use std::path::Path;

use baepo_core::hook::PastRollout;
use baepo_core::report::Report;
use baepo_runtime::journal;

use crate::config::Config;
use crate::targets;

/// How many journals are read for the sake of a report, the newest.
const MOST_JOURNALS: usize = 20;
/// The largest of them that is, in bytes.
const LARGEST_JOURNAL: u64 = 4 * 1024 * 1024;
/// How many rollouts a plugin is given.
const MOST_GIVEN: usize = 50;

/// What the newest journals in a folder tell of one application. What cannot
/// be read is left out: this is for a report, not for a decision.
pub(crate) fn of_journals(folder: &Path, app: &str) -> Vec<PastRollout> {
    let mut journals = journal::list(folder).unwrap_or_default();
    let older = journals.len().saturating_sub(MOST_JOURNALS);
    let newest = journals.split_off(older);
    // A device has no length, and may have no end.
    let is_small = |path: &Path| {
        path.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST_JOURNAL)
    };
    let reports = newest
        .iter()
        .filter(|path| is_small(path))
        .filter_map(|path| Report::of(&journal::read(path).ok()?));
    reports
        .filter(|report| report.app == app)
        .flat_map(|report| of_report(&report))
        .collect()
}

/// What the targets of a configuration remember, those that can be reached.
pub(crate) async fn of_targets(config: &Config) -> Vec<PastRollout> {
    let mut all = Vec::new();
    for environment in &config.environments {
        let Ok(target) = targets::of(config, environment).await else {
            continue;
        };
        if let Ok((_, state)) = baepo_runtime::driver::load(&*target).await {
            all.extend(state.environment.past);
        }
    }
    all
}

/// Each once, newest first.
pub(crate) fn once(all: &mut Vec<PastRollout>) {
    let key = |past: &PastRollout| (past.started, past.environment.clone());
    all.sort_by_key(|past| std::cmp::Reverse(key(past)));
    all.dedup_by_key(|past| key(past));
}

/// The rollouts of a run that are over.
pub(crate) fn of_report(report: &Report) -> Vec<PastRollout> {
    let rollouts = report.beside.iter().chain(&report.rollouts);
    rollouts
        .filter_map(|rollout| rollout.remembered())
        .collect()
}

/// What came before a rollout, each once, newest first, and not too many.
pub(crate) fn before(rollout: &PastRollout, mut all: Vec<PastRollout>) -> Vec<PastRollout> {
    let key = |past: &PastRollout| (past.started, past.environment.clone());
    all.retain(|past| key(past) != key(rollout));
    once(&mut all);
    all.truncate(MOST_GIVEN);
    all
}

#[cfg(test)]
mod tests {
    use baepo_core::release::Revision;
    use baepo_core::time::Time;

    use super::*;

    fn past(started: u64, environment: &str) -> PastRollout {
        PastRollout {
            revision: Revision {
                commit: "abc".into(),
                ref_name: String::new(),
                summary: String::new(),
                committed_at: Time(0),
            },
            environment: environment.into(),
            outcome: "succeeded".into(),
            reason: String::new(),
            started: Time(started),
            ended: Time(started + 1),
        }
    }

    #[test]
    fn what_two_places_know_is_told_once_newest_first() {
        let known = [(1, "a"), (5, "a"), (5, "b"), (9, "a"), (1, "a")];
        let all = known.map(|(started, name)| past(started, name)).to_vec();
        let before = before(&past(9, "a"), all);
        let told: Vec<_> = before
            .iter()
            .map(|past| (past.started.0, past.environment.as_str()))
            .collect();
        assert_eq!(told, [(5, "b"), (5, "a"), (1, "a")]);
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("1.jsonl")).unwrap();
        assert!(of_journals(folder.path(), "shop").is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_tells_nothing() {
        assert!(of_journals(Path::new("/nowhere/at/all"), "shop").is_empty());
    }
}

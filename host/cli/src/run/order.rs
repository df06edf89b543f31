//! What is not rolled out because of what serves already: an older revision, and
//! an environment whose turn has not come.

use baepo_core::pipeline::{RunEntry, Stage};
use baepo_core::rollout::{Begin, Cause, Done, Outcome};
use baepo_core::verdict::Level;

use super::{Run, Work};
use crate::config::Environment;
use crate::error::one_line;

impl Run<'_> {
    /// A revision that is older than what serves, or than what is on its way,
    /// is not rolled out by a push (a person may, by `rollback` or `deploy`).
    pub(super) fn refuse_outdated(
        &mut self,
        begin: &Begin,
        state: Option<&baepo_core::rollout::Environment>,
    ) -> Option<Done> {
        if let Work::Revision {
            is_asked_for: true, ..
        } = self.options.work
        {
            return None;
        }
        let environment = state?;
        let on_its_way = environment.active().map(|rollout| &rollout.begin.candidate);
        let ours = &begin.candidate.revision;
        let mut newer = None;
        for release in environment.stable.iter().chain(on_its_way) {
            let theirs = &release.revision;
            match crate::revision::is_ancestor(&self.options.root, &ours.commit, &theirs.commit) {
                Some(true) => newer = newer.or(Some(release)),
                Some(false) => {}
                None => self.record.record(RunEntry::Note {
                    level: Level::Warning,
                    text: format!(
                        "whether {} is older than {} cannot be told, for git does not know the latter here; check out with `fetch-depth: 0`",
                        ours.short(),
                        theirs.short()
                    ),
                }),
            }
        }
        let newer = newer?;
        Some(Done {
            outcome: Outcome::Refused,
            cause: Cause::Superseded,
            reason: format!(
                "{} is older than {}, which is there already",
                begin.candidate.revision.short(),
                newer.revision.short()
            ),
            resume_at: None,
        })
    }

    /// An environment whose turn has not come is left alone. Those that this run
    /// rolls out to as well come in order anyway; of the others the target is asked.
    pub(super) async fn refuse_out_of_order(
        &mut self,
        stage: &Stage,
        environment: &Environment,
        begin: &Begin,
    ) -> Option<Done> {
        let ours = &begin.candidate.revision;
        let plugins = self.plugins;
        for name in &environment.needs {
            let Some(needed) = plugins.config.environment(name) else {
                continue;
            };
            if self.is_chosen(needed) {
                continue;
            }
            let there = match self.target_of(stage, needed) {
                Ok(target) => {
                    let state = baepo_runtime::driver::load(&*target).await;
                    state.map_err(|error| one_line(&error))
                }
                Err(why) => Err(why),
            };
            match there {
                Ok((_, state)) => {
                    if let Some(reason) =
                        not_its_turn(&environment.name, name, &state.environment, &ours.commit)
                    {
                        return Some(Done {
                            outcome: Outcome::Refused,
                            cause: Cause::OutOfOrder,
                            reason,
                            resume_at: None,
                        });
                    }
                }
                // In a job on another machine the workflow keeps the order.
                Err(why) => self.record.record(RunEntry::Note {
                    level: Level::Notice,
                    text: format!(
                        "whether `{name}` serves {} cannot be told from here: {why}",
                        ours.short()
                    ),
                }),
            }
        }
        None
    }
}

/// Why the turn of an environment has not come: one that it needs serves
/// something else than this commit.
pub(crate) fn not_its_turn(
    environment: &str,
    needed: &str,
    there: &baepo_core::rollout::Environment,
    commit: &str,
) -> Option<String> {
    let stable = there.stable.as_ref();
    let serves = stable.map(|release| release.revision.commit.as_str());
    if serves == Some(commit) && there.active().is_none() {
        return None;
    }
    let serves = stable.map_or("nothing", |release| release.revision.short());
    Some(format!(
        "{environment} needs {needed}, where {serves} serves and not {}",
        commit.get(..7).unwrap_or(commit)
    ))
}

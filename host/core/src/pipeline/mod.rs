//! The order of stages and environments in one run, and the run's journal.
//!
//! [`Pipeline`] is a fold over [`RunEntry`], like the rollout's state: it says
//! what comes next, and the runtime does it. Build and test stages come in the
//! order of the user's file, then one release, then each environment after
//! those that it needs. What failed stops what depends on it and nothing else.

mod entry;

use alloc::string::String;
use alloc::vec::Vec;

pub use entry::{
    PlannedStep, RolloutPlan, RunCause, RunEntry, RunRecord, Served, Stage, StageCause,
    StageOutput, StageResult,
};

use crate::rollout::Outcome;
use crate::time::Time;

/// An environment and those that must have succeeded before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentOrder {
    /// Its name.
    pub name: String,
    /// Names of others.
    pub needs: Vec<String>,
}

/// What is next in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStage {
    /// Do this.
    Run(Stage),
    /// Do not do this; something it needs has not passed. Record it as skipped.
    Skip(Stage),
    /// Nothing is left.
    Done {
        /// The outcome of the run.
        outcome: Outcome,
        /// Which kind of reason.
        cause: RunCause,
        /// One sentence.
        reason: String,
        /// When a later run has something to do, where this one waits.
        resume_at: Option<Time>,
    },
}

/// Where a run stands.
#[derive(Debug, Clone)]
pub struct Pipeline {
    stages: Vec<Stage>,
    needs: Vec<EnvironmentOrder>,
    ended: Vec<(Stage, StageResult, StageOutput)>,
}

impl Pipeline {
    /// A run that builds, tests, releases, and rolls out to these
    /// environments, which come in any order but need only each other.
    pub fn new(build: &[String], test: &[String], environments: Vec<EnvironmentOrder>) -> Pipeline {
        let mut stages: Vec<Stage> = build.iter().cloned().map(Stage::Build).collect();
        stages.extend(test.iter().cloned().map(Stage::Test));
        stages.push(Stage::Release);
        let mut waiting: Vec<&EnvironmentOrder> = environments.iter().collect();
        let mut placed: Vec<&str> = Vec::new();
        while !waiting.is_empty() {
            let names: Vec<&str> = waiting.iter().map(|order| order.name.as_str()).collect();
            // What needs something that is not rolled out in this run needs
            // nothing of this run; a circle is broken at its first member.
            let next = waiting
                .iter()
                .position(|order| {
                    order
                        .needs
                        .iter()
                        .all(|need| !names.contains(&need.as_str()))
                })
                .unwrap_or(0);
            let order = waiting.remove(next);
            placed.push(&order.name);
        }
        stages.extend(placed.into_iter().map(|name| Stage::Rollout(name.into())));
        Pipeline {
            stages,
            needs: environments,
            ended: Vec::new(),
        }
    }

    /// A run that only brings on what is on its way: nothing is built, and no
    /// environment waits for another.
    pub fn resuming(environments: &[String]) -> Pipeline {
        Pipeline {
            stages: environments.iter().cloned().map(Stage::Rollout).collect(),
            needs: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// All stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Take one entry in.
    pub fn apply(&mut self, entry: &RunEntry) {
        if let RunEntry::StageEnded {
            stage,
            result,
            output,
            ..
        } = entry
        {
            self.ended.push((stage.clone(), *result, output.clone()));
        }
    }

    /// What is next.
    pub fn next_stage(&self) -> NextStage {
        let open = self
            .stages
            .iter()
            .find(|stage| !self.ended.iter().any(|(ended, ..)| ended == *stage));
        match open {
            Some(stage) if self.is_blocked(stage) => NextStage::Skip(stage.clone()),
            Some(stage) => NextStage::Run(stage.clone()),
            None => self.done(),
        }
    }

    fn is_blocked(&self, stage: &Stage) -> bool {
        let passed = |wanted: &Stage| {
            self.ended
                .iter()
                .any(|(ended, result, _)| ended == wanted && *result == StageResult::Passed)
        };
        let is_before_release = |stage: &Stage| matches!(stage, Stage::Build(_) | Stage::Test(_));
        match stage {
            Stage::Build(_) | Stage::Test(_) | Stage::Release => {
                self.ended.iter().any(|(ended, result, _)| {
                    is_before_release(ended) && *result != StageResult::Passed
                })
            }
            Stage::Rollout(name) => {
                let order = self.needs.iter().find(|order| order.name == *name);
                let needs = order
                    .map(|order| order.needs.as_slice())
                    .unwrap_or_default();
                let mut needed = needs.iter().map(|need| Stage::Rollout(need.clone()));
                let released = !self.stages.contains(&Stage::Release) || passed(&Stage::Release);
                !released || needed.any(|need| self.stages.contains(&need) && !passed(&need))
            }
        }
    }

    fn done(&self) -> NextStage {
        let first = |wanted| {
            self.ended
                .iter()
                .find(move |(_, result, _)| *result == wanted)
        };
        let failed = first(StageResult::Failed).or_else(|| first(StageResult::Waiting));
        let last = self
            .ended
            .iter()
            .rfind(|(_, result, _)| *result == StageResult::Passed);
        let mut resume = None;
        let (outcome, cause, reason) = match failed.or(last) {
            Some((
                _,
                _,
                StageOutput::Rollout {
                    outcome,
                    cause,
                    reason,
                    resume_at,
                },
            )) => {
                resume = *resume_at;
                (*outcome, RunCause::Rollout(*cause), reason.clone())
            }
            Some((stage, StageResult::Failed, output)) => {
                let cause = match stage {
                    Stage::Build(_) => StageCause::BuildFailed,
                    Stage::Test(_) => StageCause::TestsFailed,
                    Stage::Release | Stage::Rollout(_) => StageCause::ReleaseFailed,
                };
                (
                    Outcome::Failed,
                    RunCause::Stage(cause),
                    describe_failure(output),
                )
            }
            Some((Stage::Rollout(_), _, StageOutput::Nothing { reason })) => (
                Outcome::Succeeded,
                RunCause::Stage(StageCause::Done),
                reason.clone(),
            ),
            Some(_) | None => {
                let reason = String::from("built, tested and released; nothing to roll out");
                (
                    Outcome::Succeeded,
                    RunCause::Stage(StageCause::Done),
                    reason,
                )
            }
        };
        NextStage::Done {
            outcome,
            cause,
            reason,
            resume_at: resume,
        }
    }
}

fn describe_failure(output: &StageOutput) -> String {
    match output {
        StageOutput::Tests { counts, failures } => {
            let first = failures
                .first()
                .map(|(name, _)| name.as_str())
                .unwrap_or_default();
            let of = counts.passed + counts.failed;
            match counts.failed {
                0 => String::from("there was no test"),
                1 => alloc::format!("1 of {of} tests failed: {first}"),
                more => alloc::format!("{more} of {of} tests failed, the first: {first}"),
            }
        }
        StageOutput::Nothing { reason } => reason.clone(),
        StageOutput::Files { .. } | StageOutput::Release { .. } | StageOutput::Rollout { .. } => {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Cause;
    use alloc::string::ToString;
    use alloc::vec;

    fn order(name: &str, needs: &[&str]) -> EnvironmentOrder {
        EnvironmentOrder {
            name: name.to_string(),
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }

    fn end(pipeline: &mut Pipeline, stage: Stage, result: StageResult) {
        let output = StageOutput::Nothing {
            reason: "because".to_string(),
        };
        pipeline.apply(&RunEntry::StageEnded {
            stage,
            result,
            output,
            annotations: vec![],
        });
    }

    #[test]
    fn environments_come_after_what_they_need() {
        let orders = vec![
            order("production", &["staging"]),
            order("staging", &["test"]),
            order("test", &[]),
        ];
        let pipeline = Pipeline::new(&["command".into()], &[], orders);
        let titles: Vec<&str> = pipeline.stages().iter().map(Stage::title).collect();
        assert_eq!(
            titles,
            ["build", "release", "test", "staging", "production"]
        );
    }

    #[test]
    fn a_failed_build_skips_the_rest_and_fails_the_run() {
        let mut pipeline = Pipeline::new(&["b".into()], &["t".into()], vec![order("e", &[])]);
        end(&mut pipeline, Stage::Build("b".into()), StageResult::Failed);
        for stage in [
            Stage::Test("t".into()),
            Stage::Release,
            Stage::Rollout("e".into()),
        ] {
            assert_eq!(pipeline.next_stage(), NextStage::Skip(stage.clone()));
            end(&mut pipeline, stage, StageResult::Skipped);
        }
        let NextStage::Done {
            outcome,
            cause,
            reason,
            ..
        } = pipeline.next_stage()
        else {
            panic!("all stages have ended");
        };
        assert_eq!(outcome, Outcome::Failed);
        assert_eq!(cause, RunCause::Stage(StageCause::BuildFailed));
        assert_eq!(reason, "because");
    }

    #[test]
    fn a_rollout_that_waits_makes_the_run_wait_and_holds_up_what_needs_it() {
        let orders = vec![order("a", &[]), order("b", &["a"])];
        let mut pipeline = Pipeline::new(&[], &[], orders);
        end(&mut pipeline, Stage::Release, StageResult::Passed);
        pipeline.apply(&RunEntry::StageEnded {
            stage: Stage::Rollout("a".into()),
            result: StageResult::Waiting,
            output: StageOutput::Rollout {
                outcome: Outcome::Waiting,
                cause: Cause::MaxWait,
                reason: "waits".to_string(),
                resume_at: Some(Time(7)),
            },
            annotations: vec![],
        });
        let b = Stage::Rollout("b".into());
        assert_eq!(pipeline.next_stage(), NextStage::Skip(b.clone()));
        end(&mut pipeline, b, StageResult::Skipped);
        let NextStage::Done {
            outcome, resume_at, ..
        } = pipeline.next_stage()
        else {
            panic!("all stages have ended");
        };
        assert_eq!((outcome, resume_at), (Outcome::Waiting, Some(Time(7))));
    }

    #[test]
    fn an_environment_that_needs_nothing_that_failed_goes_on() {
        let orders = vec![order("a", &[]), order("b", &["a"]), order("c", &[])];
        let mut pipeline = Pipeline::new(&[], &[], orders);
        end(&mut pipeline, Stage::Release, StageResult::Passed);
        end(
            &mut pipeline,
            Stage::Rollout("a".into()),
            StageResult::Failed,
        );
        assert_eq!(
            pipeline.next_stage(),
            NextStage::Skip(Stage::Rollout("b".into()))
        );
        end(
            &mut pipeline,
            Stage::Rollout("b".into()),
            StageResult::Skipped,
        );
        assert_eq!(
            pipeline.next_stage(),
            NextStage::Run(Stage::Rollout("c".into()))
        );
    }
}

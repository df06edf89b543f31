//! The order of stages and environments in one run, and the run's journal.
//!
//! [`Pipeline`] is a fold over [`RunEntry`], like the rollout's state: it says
//! what comes next, and the runtime does it. Build and test stages come in the
//! order of the user's file, then one release, then each environment after
//! those that it needs. What failed stops what depends on it and nothing else.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hook::{Annotation, TestCounts};
use crate::release::{Release, Revision};
use crate::rollout::{Cause, Outcome, Record};
use crate::time::Time;
use crate::verdict::Level;

/// One line of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// When.
    pub at: Time,
    /// What.
    pub entry: RunEntry,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "event"
)]
pub enum RunEntry {
    /// The run began.
    Began {
        /// Names the run, for example `812`.
        run: String,
        /// The application.
        app: String,
        /// What is to be deployed.
        revision: Revision,
        /// What caused it, for example `push`, or `command line`.
        trigger: String,
        /// The pull request that is told, where there is one.
        pull_request: Option<u64>,
    },
    /// A stage began.
    StageBegan {
        /// Which.
        stage: Stage,
    },
    /// A stage ended.
    StageEnded {
        /// Which.
        stage: Stage,
        /// How.
        result: StageResult,
        /// What came out.
        output: StageOutput,
        /// Remarks on the code.
        annotations: Vec<Annotation>,
    },
    /// An entry of a rollout.
    Rollout {
        /// The environment.
        environment: String,
        /// The entry.
        record: Box<Record>,
    },
    /// How many requests each release answered while the rollout went on.
    Served {
        /// The environment.
        environment: String,
        /// By what served before.
        stable: Served,
        /// By the candidate.
        candidate: Served,
    },
    /// Something that people should know and that changes nothing.
    Note {
        /// How much it matters.
        level: Level,
        /// One sentence.
        text: String,
    },
    /// The run ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Which kind of reason.
        cause: RunCause,
        /// One sentence.
        reason: String,
    },
}

/// Requests and failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Served {
    /// Requests that ended.
    pub requests: u64,
    /// Of them, failed.
    pub failures: u64,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "stage", content = "name")]
pub enum Stage {
    /// A build plugin, by its name in the user's file.
    Build(String),
    /// A test plugin, by its name in the user's file.
    Test(String),
    /// The release builder.
    Release,
    /// The rollout to an environment.
    Rollout(String),
}

impl Stage {
    /// `build`, `test`, `release` or the environment's name.
    pub fn title(&self) -> &str {
        match self {
            Stage::Build(_) => "build",
            Stage::Test(_) => "test",
            Stage::Release => "release",
            Stage::Rollout(environment) => environment,
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageResult {
    /// As it should.
    Passed,
    /// It did not.
    Failed,
    /// It was not begun, because something it needs failed.
    Skipped,
}

/// What came out of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "output"
)]
pub enum StageOutput {
    /// Files.
    Files {
        /// Names and sizes in bytes.
        files: Vec<(String, u64)>,
    },
    /// Test results.
    Tests {
        /// How many.
        counts: TestCounts,
        /// Names and messages of those that failed, at most 20.
        failures: Vec<(String, String)>,
    },
    /// A release.
    Release {
        /// It.
        release: Release,
    },
    /// A rollout.
    Rollout {
        /// How it ended.
        outcome: Outcome,
        /// Which kind of reason.
        cause: Cause,
        /// One sentence.
        reason: String,
    },
    /// Nothing, and why, in one sentence.
    Nothing {
        /// Why.
        reason: String,
    },
}

/// Why a run ended as it did: a rollout's reason, or one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum RunCause {
    /// As the decisive rollout.
    Rollout(Cause),
    /// Before any rollout.
    Stage(StageCause),
}

/// Why a run ended before any rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageCause {
    /// A build failed.
    BuildFailed,
    /// Tests failed.
    TestsFailed,
    /// The release could not be made.
    ReleaseFailed,
    /// Everything that was asked for is done.
    Done,
}

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
    /// Do not do this; something it needs failed. Record it as skipped.
    Skip(Stage),
    /// Nothing is left.
    Done {
        /// The outcome of the run.
        outcome: Outcome,
        /// Which kind of reason.
        cause: RunCause,
        /// One sentence.
        reason: String,
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
                !passed(&Stage::Release)
                    || needed.any(|need| self.stages.contains(&need) && !passed(&need))
            }
        }
    }

    fn done(&self) -> NextStage {
        let failed = self
            .ended
            .iter()
            .find(|(_, result, _)| *result == StageResult::Failed);
        let last = self
            .ended
            .iter()
            .rfind(|(_, result, _)| *result == StageResult::Passed);
        let (outcome, cause, reason) = match failed.or(last) {
            Some((
                _,
                _,
                StageOutput::Rollout {
                    outcome,
                    cause,
                    reason,
                },
            )) => (*outcome, RunCause::Rollout(*cause), reason.clone()),
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
        } = pipeline.next_stage()
        else {
            panic!("all stages have ended");
        };
        assert_eq!(outcome, Outcome::Failed);
        assert_eq!(cause, RunCause::Stage(StageCause::BuildFailed));
        assert_eq!(reason, "because");
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

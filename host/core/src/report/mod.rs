//! What people are told of a run, as data: a fold over its journal. Renderers
//! (terminal, Markdown, JSON) are the command line's.

mod evidence;
mod rollout;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hook::{Annotation, Section};
use crate::pipeline::{
    RolloutPlan, RunCause, RunEntry, RunRecord, Stage, StageOutput, StageResult,
};
use crate::release::Revision;
use crate::rollout::{Entry, Outcome, Record};
use crate::time::Time;
use crate::verdict::Level;
pub use evidence::{Course, Point};
pub use rollout::{RolloutReport, WindowReport};

/// Everything worth telling of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Names the run.
    pub run: String,
    /// The application.
    pub app: String,
    /// What was to be deployed.
    pub revision: Revision,
    /// What caused the run.
    pub trigger: String,
    /// The pull request that is told.
    pub pull_request: Option<u64>,
    /// When it began.
    pub started: Time,
    /// When the newest entry was made.
    pub updated: Time,
    /// How it ended; absent while it goes on.
    pub ended: Option<RunEnd>,
    /// Its stages, in order.
    pub stages: Vec<StageReport>,
    /// Its rollouts, in order.
    pub rollouts: Vec<RolloutReport>,
    /// Rollouts of other runs, of which nobody else tells how they ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<RolloutReport>,
    /// What rollouts would do that this run does not.
    #[serde(default)]
    pub plans: Vec<RolloutPlan>,
    /// The plugins that want something else than at the base of the change.
    #[serde(default)]
    pub wishes: Vec<ChangedWishes>,
    /// What plugins made use of, in the order of first use.
    #[serde(default)]
    pub used: Vec<Used>,
    /// What feedback plugins add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feedback: Vec<FeedbackReport>,
    /// What else people should know.
    pub notes: Vec<(Level, String)>,
}

/// What a plugin wants, beside what it wanted at the base of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangedWishes {
    /// Its source as the lockfile has it.
    pub plugin: String,
    /// What is new (`+`), gone (`-`) or to be known (`!`), one line each.
    pub lines: Vec<String>,
}

/// Something granted that a plugin made use of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Used {
    /// The plugin, by its name in the configuration.
    pub plugin: String,
    /// The key under `allow:`.
    pub capability: String,
    /// What of it.
    pub target: String,
}

/// What a feedback plugin adds to the report of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FeedbackReport {
    /// The environment.
    pub environment: String,
    /// The plugin, by its name in the configuration.
    pub plugin: String,
    /// Most important first.
    pub sections: Vec<Section>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunEnd {
    /// How.
    pub outcome: Outcome,
    /// Which kind of reason.
    pub cause: RunCause,
    /// One sentence.
    pub reason: String,
    /// When a later run has something to do, where this one waits.
    pub resume_at: Option<Time>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// When it began; absent for one that was skipped.
    pub began: Option<Time>,
    /// When it ended; absent while it goes on.
    pub ended: Option<Time>,
    /// How; absent while it goes on.
    pub result: Option<StageResult>,
    /// What came out.
    pub output: Option<StageOutput>,
    /// Remarks on the code.
    pub annotations: Vec<Annotation>,
}

impl Report {
    /// The report of a journal; `None` for one without a beginning.
    pub fn of(journal: &[RunRecord]) -> Option<Report> {
        let mut records = journal.iter();
        let first = records.next()?;
        let RunEntry::Began {
            run,
            app,
            revision,
            trigger,
            pull_request,
        } = &first.entry
        else {
            return None;
        };
        let mut report = Report {
            run: run.clone(),
            app: app.clone(),
            revision: revision.clone(),
            trigger: trigger.clone(),
            pull_request: *pull_request,
            started: first.at,
            updated: first.at,
            ended: None,
            stages: Vec::new(),
            rollouts: Vec::new(),
            beside: Vec::new(),
            plans: Vec::new(),
            wishes: Vec::new(),
            used: Vec::new(),
            feedback: Vec::new(),
            notes: Vec::new(),
        };
        for record in records {
            report.apply(record);
        }
        Some(report)
    }

    /// A report of these rollouts of one revision alone, as the run that began
    /// them would give it; `None` of none.
    pub fn about(&self, rollouts: Vec<RolloutReport>) -> Option<Report> {
        let last = rollouts.last()?;
        let ended = last.outcome.zip(last.cause);
        let ended = ended.map(|(outcome, cause)| RunEnd {
            outcome,
            cause: RunCause::Rollout(cause),
            reason: last.reason.clone(),
            resume_at: None,
        });
        let began = RunEntry::Began {
            run: self.run.clone(),
            app: self.app.clone(),
            revision: last.candidate.clone(),
            trigger: self.trigger.clone(),
            pull_request: last.pull_request,
        };
        let began = RunRecord {
            at: self.started,
            entry: began,
        };
        let report = Report::of(&[began])?;
        Some(Report {
            updated: self.updated,
            ended: ended.or_else(|| self.ended.clone()),
            rollouts,
            ..report
        })
    }

    /// The newest rollout of an environment in this run.
    pub fn rollout(&self, environment: &str) -> Option<&RolloutReport> {
        self.rollouts.iter().rfind(|r| r.environment == environment)
    }

    /// The rollout of an environment that its newest entries are of: that of this
    /// run, or until there is one, what it found there.
    pub fn present(&self, environment: &str) -> Option<&RolloutReport> {
        let beside = || self.beside.iter().rfind(|r| r.environment == environment);
        self.rollout(environment).or_else(beside)
    }

    fn present_mut(&mut self, environment: &str) -> Option<&mut RolloutReport> {
        let is_of = |rollout: &&mut RolloutReport| rollout.environment == environment;
        let beside = self.beside.iter_mut().rfind(is_of);
        self.rollouts.iter_mut().rfind(is_of).or(beside)
    }

    /// Take one more entry in.
    pub fn apply(&mut self, record: &RunRecord) {
        let at = record.at;
        self.updated = at;
        match &record.entry {
            RunEntry::Began { .. } => {}
            RunEntry::StageBegan { stage } => self.stages.push(StageReport {
                stage: stage.clone(),
                began: Some(at),
                ended: None,
                result: None,
                output: None,
                annotations: Vec::new(),
            }),
            RunEntry::StageEnded {
                stage,
                result,
                output,
                annotations,
            } => {
                let known = self.stages.iter().position(|known| known.stage == *stage);
                let index = known.unwrap_or_else(|| {
                    self.stages.push(StageReport {
                        stage: stage.clone(),
                        began: None,
                        ended: None,
                        result: None,
                        output: None,
                        annotations: Vec::new(),
                    });
                    self.stages.len() - 1
                });
                let known = &mut self.stages[index];
                known.ended = Some(at);
                known.result = Some(*result);
                known.output = Some(output.clone());
                known.annotations.clone_from(annotations);
            }
            RunEntry::Planned { plan } => self.plans.push((**plan).clone()),
            RunEntry::TakenUp {
                environment,
                begin,
                program,
                stable,
                began,
                weight,
                since,
                peak,
                beside,
            } => {
                let mut rollout =
                    RolloutReport::new(environment, begin, *program, stable.as_ref(), *began);
                rollout.weight = *weight;
                rollout.peak = *peak;
                rollout.weights.push((since.unwrap_or(at), *weight));
                match beside {
                    true => self.beside.push(rollout),
                    false => self.rollouts.push(rollout),
                }
            }
            RunEntry::Rollout {
                environment,
                record,
            } => self.apply_rollout(environment, record),
            RunEntry::Served {
                environment,
                stable,
                candidate,
            } => {
                if let Some(rollout) = self.present_mut(environment) {
                    rollout.served = Some((*stable, *candidate));
                }
            }
            RunEntry::Wishes { plugin, lines } => self.wishes.push(ChangedWishes {
                plugin: plugin.clone(),
                lines: lines.clone(),
            }),
            RunEntry::Used {
                plugin,
                capability,
                target,
            } => self.used.push(Used {
                plugin: plugin.clone(),
                capability: capability.clone(),
                target: target.clone(),
            }),
            RunEntry::Feedback {
                environment,
                plugin,
                sections,
            } => self.feedback.push(FeedbackReport {
                environment: environment.clone(),
                plugin: plugin.clone(),
                sections: sections.clone(),
            }),
            RunEntry::Note { level, text } => self.notes.push((*level, text.clone())),
            RunEntry::Ended {
                outcome,
                cause,
                reason,
                resume_at,
            } => {
                self.ended = Some(RunEnd {
                    outcome: *outcome,
                    cause: *cause,
                    reason: reason.clone(),
                    resume_at: *resume_at,
                });
            }
        }
    }

    fn apply_rollout(&mut self, environment: &str, record: &Record) {
        if let Entry::Began {
            begin,
            program,
            stable,
        } = &record.entry
        {
            self.rollouts.push(RolloutReport::new(
                environment,
                begin,
                *program,
                stable.as_ref(),
                record.at,
            ));
        }
        if let Some(rollout) = self.present_mut(environment) {
            rollout.apply(record);
        }
    }
}

//! What people are told of a run, as data: a fold over its journal. Renderers
//! (terminal, Markdown, JSON) are the command line's.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hook::Annotation;
use crate::pipeline::{RunCause, RunEntry, RunRecord, Served, Stage, StageOutput, StageResult};
use crate::release::Revision;
use crate::rollout::{
    Cause, Counted, Directive, Ending, Entry, Judgement, Kind, Outcome, Progress, Record,
};
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Level};
use crate::weight::BasisPoints;

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
    /// The plugins that want something else than at the base of the change.
    #[serde(default)]
    pub wishes: Vec<ChangedWishes>,
    /// What plugins made use of, in the order of first use.
    #[serde(default)]
    pub used: Vec<Used>,
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

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RolloutReport {
    /// The environment.
    pub environment: String,
    /// The strategy's name; `first install` or `rollback` for the host's own.
    pub strategy: String,
    /// What is rolled out.
    pub candidate: Revision,
    /// What served before.
    pub stable: Option<Revision>,
    /// n.
    pub instances: u32,
    /// When it began.
    pub began: Time,
    /// When it ended; absent while it goes on.
    pub ended: Option<Time>,
    /// How; absent while it goes on.
    pub outcome: Option<Outcome>,
    /// Which kind of reason; the reason for turning back while on the way.
    pub cause: Option<Cause>,
    /// The newest reason, one sentence.
    pub reason: String,
    /// When the way back began.
    pub turned_back: Option<Time>,
    /// When no traffic went to the candidate any more.
    pub went_back: Option<Time>,
    /// The share now, as observed.
    pub weight: BasisPoints,
    /// The largest share, as observed.
    pub peak: BasisPoints,
    /// The share in the course of time, as observed.
    pub weights: Vec<(Time, BasisPoints)>,
    /// Where it stands.
    pub progress: Progress,
    /// How many decisions were made.
    pub decisions: u32,
    /// Each window that ended.
    pub windows: Vec<WindowReport>,
    /// What is being observed now, if anything: since when, and until when at
    /// the latest.
    pub observing: Option<(Time, Time)>,
    /// What a person is waited for, if anybody, and until when.
    pub holding: Option<(String, Time)>,
    /// The newest judgement.
    pub judgement: Option<Judgement>,
    /// What each monitor said at the newest look.
    pub judged: Vec<Judged>,
    /// Who answered how many requests while it went on: stable, candidate.
    pub served: Option<(Served, Served)>,
    /// Its entries that people want to read.
    pub story: Vec<Record>,
    /// Counters at the first and at the newest look of the present window.
    #[serde(skip)]
    looks: Option<(Counted, Counted)>,
}

/// One window of observation that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WindowReport {
    /// The candidate's share.
    pub weight: BasisPoints,
    /// When it ended.
    pub ended: Time,
    /// How long it took.
    pub took: Millis,
    /// How it ended.
    pub ending: Ending,
    /// In one sentence.
    pub reason: String,
    /// Who answered how many requests between its first look and its last:
    /// stable, candidate. Absent where it looked only once, or where the
    /// target does not count.
    #[serde(default)]
    pub served: Option<(Served, Served)>,
}

impl WindowReport {
    /// The candidate's share of the requests, as counted.
    pub fn measured(&self) -> Option<BasisPoints> {
        let (stable, candidate) = self.served?;
        let all = stable.requests + candidate.requests;
        let share = (candidate.requests * 10_000 + all / 2).checked_div(all)?;
        Some(BasisPoints::saturating(share))
    }
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
            wishes: Vec::new(),
            used: Vec::new(),
            notes: Vec::new(),
        };
        for record in records {
            report.apply(record);
        }
        Some(report)
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
            RunEntry::Rollout {
                environment,
                record,
            } => self.apply_rollout(environment, record),
            RunEntry::Served {
                environment,
                stable,
                candidate,
            } => {
                let rollout = self
                    .rollouts
                    .iter_mut()
                    .rfind(|r| r.environment == *environment);
                if let Some(rollout) = rollout {
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
            self.rollouts.push(RolloutReport {
                environment: environment.into(),
                strategy: match program {
                    Kind::Strategy => begin.settings.strategy.name.clone(),
                    Kind::FirstInstall => "first install".into(),
                    Kind::Rollback => "rollback".into(),
                },
                candidate: begin.candidate.revision.clone(),
                stable: stable.as_ref().map(|release| release.revision.clone()),
                instances: begin.settings.instances,
                began: record.at,
                ended: None,
                outcome: None,
                cause: None,
                reason: String::new(),
                turned_back: None,
                went_back: None,
                weight: BasisPoints::ZERO,
                peak: BasisPoints::ZERO,
                weights: Vec::new(),
                progress: Progress::default(),
                decisions: 0,
                windows: Vec::new(),
                observing: None,
                holding: None,
                judgement: None,
                judged: Vec::new(),
                served: None,
                story: Vec::new(),
                looks: None,
            });
        }
        let rollout = self
            .rollouts
            .iter_mut()
            .rfind(|r| r.environment == environment);
        if let Some(rollout) = rollout {
            rollout.apply(record);
        }
    }
}

impl RolloutReport {
    fn apply(&mut self, record: &Record) {
        let at = record.at;
        if !matches!(
            record.entry,
            Entry::Looked { .. } | Entry::Baseline { .. } | Entry::Asked { .. }
        ) {
            self.story.push(record.clone());
        }
        match &record.entry {
            Entry::Decided { decision } => {
                self.decisions += 1;
                self.progress = decision.progress;
                self.reason.clone_from(&decision.reason);
                self.observing = match decision.directive {
                    Directive::Observe { max, .. } => Some((at, at + max)),
                    Directive::Scale { .. }
                    | Directive::Route(_)
                    | Directive::Hold { .. }
                    | Directive::Finish { .. }
                    | Directive::Abort { .. } => None,
                };
                self.holding = None;
            }
            Entry::Weighed { weight } => {
                self.weight = *weight;
                self.peak = self.peak.max(*weight);
                self.weights.push((at, *weight));
            }
            Entry::Looked {
                judgement,
                judged,
                counted,
                ..
            } => {
                let first = self.looks.take().map(|(first, _)| first);
                self.looks = Some((first.unwrap_or_else(|| counted.clone()), counted.clone()));
                self.judgement = Some(judgement.clone());
                self.judged.clone_from(judged);
            }
            Entry::Ended { ended } => {
                if let Directive::Observe { .. } = ended.directive {
                    let reason = self.judgement.as_ref().map(|j| j.reason.clone());
                    self.windows.push(WindowReport {
                        weight: self.weight,
                        ended: at,
                        took: ended.took,
                        ending: ended.ending,
                        reason: reason.unwrap_or_default(),
                        served: self.looks.take().and_then(served_between),
                    });
                }
                self.observing = None;
                self.holding = None;
            }
            Entry::WindowBegan { .. } => self.looks = None,
            Entry::Holding { reason, until, .. } => self.holding = Some((reason.clone(), *until)),
            Entry::Unpaused => self.holding = None,
            Entry::TurnedBack { cause, reason } => {
                self.turned_back = Some(at);
                self.cause = Some(*cause);
                self.reason.clone_from(reason);
                self.observing = None;
                self.holding = None;
            }
            Entry::WentBack => self.went_back = Some(at),
            Entry::Finished { reason, .. } => {
                self.ended = Some(at);
                self.outcome = Some(Outcome::Succeeded);
                self.cause = Some(Cause::Promoted);
                self.reason.clone_from(reason);
            }
            Entry::Closed {
                outcome,
                cause,
                reason,
            } => {
                self.ended = Some(at);
                self.outcome = Some(*outcome);
                self.cause = Some(*cause);
                self.reason.clone_from(reason);
            }
            Entry::Began { .. }
            | Entry::Staged
            | Entry::Baseline { .. }
            | Entry::Refused { .. }
            | Entry::Asked { .. }
            | Entry::Flapped
            | Entry::Signalled { .. }
            | Entry::DueDone { .. } => {}
        }
    }
}

/// What was counted between two looks at one window.
fn served_between((first, last): (Counted, Counted)) -> Option<(Served, Served)> {
    let between = |first: Option<Telemetry>, last: Option<Telemetry>| {
        let since = last?.since(&first?);
        Some(Served {
            requests: since.requests,
            failures: since.failures,
            cut: since.cut,
        })
    };
    let candidate = between(first.candidate, last.candidate)?;
    let stable = between(first.stable, last.stable).unwrap_or_default();
    (stable.requests + candidate.requests > 0).then_some((stable, candidate))
}

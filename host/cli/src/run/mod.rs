//! `baepo run`: the whole life cycle of one revision, stage after stage.

mod command;
mod feedback;
pub(crate) mod github;
mod journaled;
mod keys;
mod next;
mod order;
mod releases;
mod rollout;
mod stages;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::hook::{BuiltFile, PastRollout};
use baepo_core::pipeline::{
    EnvironmentOrder, NextStage, Pipeline, RunCause, RunEntry, Stage, StageOutput, StageResult,
};
use baepo_core::release::{Release, Revision};
use baepo_core::report::Report;
use baepo_core::rollout::{Cause, Outcome};
use baepo_core::verdict::Level;
use baepo_runtime::capability::uses::UseLog;
use baepo_runtime::release::Prepared;
use tokio_util::sync::CancellationToken;

pub(crate) use command::{
    RunArgs, act_on, cancelled_by_signals, exit_of, options, payload, perform, run, variable,
};
use journaled::Journaled;
pub(crate) use order::not_its_turn;

use crate::agents;
use crate::config::Environment;
use crate::github::event::{Reach, Trigger};
use crate::github::teller::Teller;
use crate::plugin::wish_changes::{self, WishChange};
use crate::plugins::Plugins;
use crate::show::Show;

/// What to run.
pub(crate) struct RunOptions {
    /// The checkout.
    pub root: PathBuf,
    /// The folder of journals.
    pub journal: PathBuf,
    /// Names the run.
    pub run: String,
    /// What is deployed.
    pub revision: Revision,
    /// What caused it.
    pub trigger: Trigger,
    /// Only these environments; all where empty.
    pub environments: Vec<String>,
    /// What the run does.
    pub work: Work,
    /// How long the run may last before it ends as waiting where it only
    /// waits; absent for as long as it takes.
    pub max_wait: Option<Duration>,
    /// Where the agents of environments are.
    pub agents: agents::Where,
    /// Cancelled when the job is.
    pub cancel: CancellationToken,
    /// Who tells GitHub, where the run is in a job.
    pub teller: Option<Teller>,
    /// Asked once more before anything is rolled out: why it is not wanted any
    /// more. Building and testing may take long.
    pub objection: Option<Objection>,
}

/// See [`RunOptions::objection`].
pub(crate) type Objection = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Option<String>>>>>;

/// What a run does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Take the revision through the pipeline.
    Revision {
        /// Roll a release out that was rolled back before.
        retry: bool,
        /// Roll it out although what serves is newer: a person asked for it.
        is_asked_for: bool,
        /// Where it is built.
        built: Built,
    },
    /// Only bring on what is on its way, and do what is due.
    Resume,
    /// Go back to a release that served before, for whoever says so.
    Rollback {
        /// Where to.
        to: Box<Release>,
        /// Who says so.
        by: String,
    },
}

/// Where a revision is built and tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Built {
    /// In this run.
    Here,
    /// In this run, which does nothing else and packs it into this folder.
    Packed(PathBuf),
    /// In a run before, which has packed it into this folder; the digest of the
    /// bundle.
    Before(PathBuf, Digest),
}

impl Work {
    /// The whole pipeline.
    pub(crate) const REVISION: Work = Work::Revision {
        retry: false,
        is_asked_for: false,
        built: Built::Here,
    };

    /// Whether the checkout is what is rolled out.
    pub(crate) fn is_of_checkout(&self) -> bool {
        matches!(self, Work::Revision { .. })
    }
}

/// One run.
pub(crate) struct Run<'a> {
    options: RunOptions,
    plugins: &'a Plugins,
    show: &'a Show,
    record: Journaled<'a>,
    began: tokio::time::Instant,
    built: Vec<BuiltFile>,
    releases: BTreeMap<String, Prepared>,
    uses: UseLog,
    /// What targets remember, by environment.
    past: BTreeMap<String, Vec<PastRollout>>,
}

impl<'a> Run<'a> {
    /// A run, its journal begun and nothing else.
    ///
    /// # Errors
    /// If the journal cannot be made.
    pub(crate) fn new(
        mut options: RunOptions,
        plugins: &'a Plugins,
        show: &'a Show,
    ) -> anyhow::Result<Run<'a>> {
        let teller = options.teller.take();
        let began = RunEntry::Began {
            run: options.run.clone(),
            app: plugins.config.app.clone(),
            revision: options.revision.clone(),
            trigger: options.trigger.event.clone(),
            pull_request: options.trigger.pull_request,
        };
        let record = Journaled::begin(&options.journal, &options.run, began, show, teller)?;
        Ok(Run {
            options,
            plugins,
            show,
            record,
            began: tokio::time::Instant::now(),
            built: Vec::new(),
            releases: BTreeMap::new(),
            uses: UseLog::default(),
            past: BTreeMap::new(),
        })
    }

    /// Where the journal is.
    pub(crate) fn journal(&self) -> &std::path::Path {
        self.record.path()
    }

    /// All stages, to the end; and whoever tells GitHub, to be told the end.
    ///
    /// # Errors
    /// Only for mistakes of ours; whatever goes wrong in a stage is in the
    /// report.
    pub(crate) async fn run(mut self) -> anyhow::Result<(Report, Option<Teller>)> {
        self.compare_wishes();
        self.note_changes();
        self.plan().await;
        let mut pipeline = self.pipeline();
        loop {
            let (stage, ended) = match pipeline.next_stage() {
                NextStage::Done {
                    outcome,
                    cause,
                    reason,
                    resume_at,
                } => {
                    let is_cut_short =
                        self.options.cancel.is_cancelled() && matches!(cause, RunCause::Stage(_));
                    self.hear().await;
                    self.record.record(match is_cut_short {
                        false => RunEntry::Ended {
                            outcome,
                            cause,
                            reason,
                            resume_at,
                        },
                        true => RunEntry::Ended {
                            outcome: Outcome::Cancelled,
                            cause: RunCause::Rollout(Cause::Cancelled),
                            reason: "cancelled before anything was rolled out".into(),
                            resume_at: None,
                        },
                    });
                    return Ok(self.record.into_report());
                }
                NextStage::Skip(stage) => {
                    let reason = "something it needs has not passed".into();
                    let output = StageOutput::Nothing { reason };
                    (stage, (StageResult::Skipped, output, Vec::new()))
                }
                NextStage::Run(stage) => {
                    self.record.record(RunEntry::StageBegan {
                        stage: stage.clone(),
                    });
                    let ended = self.stage(&stage).await;
                    for used in self.uses.take() {
                        self.record.record(RunEntry::Used {
                            plugin: used.plugin,
                            capability: used.capability.key().into(),
                            target: used.target,
                        });
                    }
                    (stage, ended)
                }
            };
            let (result, output, mut annotations) = ended;
            annotations.append(&mut self.record.take_remarks());
            let entry = RunEntry::StageEnded {
                stage,
                result,
                output,
                annotations,
            };
            pipeline.apply(&entry);
            self.record.record(entry);
        }
    }

    /// A release is named after a commit, and may hold what is in none.
    fn note_changes(&mut self) {
        if !matches!(self.built(), Some(Built::Here | Built::Packed(_))) {
            return;
        }
        let changed = crate::revision::uncommitted(&self.options.root);
        let Some(first) = changed.first() else {
            return;
        };
        let more = match changed.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.record.record(RunEntry::Note {
            level: Level::Warning,
            text: format!(
                "{first}{more} changed since {}: what is built has changes that are in no commit",
                self.options.revision.short()
            ),
        });
    }

    /// What plugins want that they did not want at the base of the change.
    fn compare_wishes(&mut self) {
        let Some(base) = &self.options.trigger.base else {
            return;
        };
        let config = std::path::Path::new(self.plugins.config.path());
        match wish_changes::since(&self.options.root, config, base) {
            Ok(changes) => {
                for WishChange { source, lines } in changes {
                    self.record.record(RunEntry::Wishes {
                        plugin: source,
                        lines,
                    });
                }
            }
            // Who reviews must know that nobody looked.
            Err(error) if self.options.trigger.reach == Reach::Preview => {
                self.record.record(RunEntry::Note {
                    level: Level::Notice,
                    text: error.to_string(),
                });
            }
            Err(_) => {}
        }
    }

    /// What a preview would do if it were no preview.
    async fn plan(&mut self) {
        if self.options.trigger.reach != Reach::Preview {
            return;
        }
        let plugins = self.plugins;
        for environment in &plugins.config.environments {
            if self.is_chosen(environment) || !self.is_named(environment) {
                continue;
            }
            if !self.options.environments.is_empty() {
                let text = format!(
                    "`{}` does not deploy to `{}`: it is not under its `on:`",
                    self.options.trigger.event, environment.name
                );
                let level = Level::Notice;
                self.record.record(RunEntry::Note { level, text });
            }
            let revision = &self.options.revision;
            if let Some(plan) = crate::plan::entry(plugins, environment, revision).await {
                let plan = Box::new(plan);
                self.record.record(RunEntry::Planned { plan });
            }
        }
    }

    fn pipeline(&self) -> Pipeline {
        let config = &self.plugins.config;
        let build: Vec<String> = config.build.iter().map(|used| used.name.clone()).collect();
        let test: Vec<String> = config.test.iter().map(|used| used.name.clone()).collect();
        let environments = config.environments.iter().filter(|e| self.is_chosen(e));
        if !self.options.work.is_of_checkout() {
            let names: Vec<String> = environments.map(|e| e.name.clone()).collect();
            return Pipeline::resuming(&names);
        }
        if let Some(Built::Packed(_)) = self.built() {
            return Pipeline::new(&build, &test, Vec::new());
        }
        let (build, test) = match self.built() {
            Some(Built::Before(..)) => (Vec::new(), Vec::new()),
            _ => (build, test),
        };
        let orders = environments.map(|environment| EnvironmentOrder {
            name: environment.name.clone(),
            needs: environment.needs.clone(),
        });
        Pipeline::new(&build, &test, orders.collect())
    }

    fn built(&self) -> Option<&Built> {
        match &self.options.work {
            Work::Revision { built, .. } => Some(built),
            Work::Resume | Work::Rollback { .. } => None,
        }
    }

    /// Whether this run makes a release for an environment: for each that it
    /// rolls out to, and in a preview for all, to show that it can be made.
    fn is_released(&self, environment: &Environment) -> bool {
        match self.options.trigger.reach {
            Reach::Preview => self.is_named(environment),
            Reach::Deploy | Reach::Resume | Reach::Plan => self.is_chosen(environment),
        }
    }

    /// Whether this run is about an environment.
    fn is_named(&self, environment: &Environment) -> bool {
        let named = &self.options.environments;
        named.is_empty() || named.contains(&environment.name)
    }

    /// Whether this run rolls out to an environment. What is on its way there is
    /// brought on, or back, whatever the event.
    fn is_chosen(&self, environment: &Environment) -> bool {
        let is_allowed = || self.options.trigger.allows(environment);
        self.is_named(environment) && (!self.options.work.is_of_checkout() || is_allowed())
    }

    async fn stage(&mut self, stage: &Stage) -> stages::Ended {
        match stage {
            Stage::Build(name) => self.build(stage, name).await,
            Stage::Test(name) => self.test(stage, name).await,
            Stage::Release => self.release(stage).await,
            Stage::Rollout(name) => match self.options.work.clone() {
                Work::Revision { .. } => self.roll_out(stage, name).await,
                Work::Resume => self.resume(stage, name).await,
                Work::Rollback { to, by } => self.go_back(stage, name, *to, &by).await,
            },
        }
    }
}

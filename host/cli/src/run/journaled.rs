//! A run's record, kept in three places at once: the journal on disk, the
//! report in memory, and what the person sees.

use std::path::Path;
use std::time::{Duration, Instant};

use baepo_core::fleet::Fleet;
use baepo_core::hook::Annotation;
use baepo_core::pipeline::{RunEntry, RunRecord};
use baepo_core::report::{Report, RolloutReport};
use baepo_core::rollout::Found;
use baepo_core::verdict::Level;
use baepo_runtime::clock::now;
use baepo_runtime::driver::Event;
use baepo_runtime::journal::Journal;

use crate::github::teller::Teller;
use crate::render::terminal;
use crate::show::Show;

/// How long instances may take to become ready before it is said what keeps them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The record of one run.
pub(crate) struct Journaled<'a> {
    journal: Journal,
    report: Report,
    show: &'a Show,
    teller: Option<Teller>,
    /// What tests of candidates said of lines of code, since it was last asked for.
    remarks: Vec<Annotation>,
    /// Whether it was said that the target does not answer.
    is_away: bool,
    /// What keeps instances from being ready, since when, and whether it was said.
    trouble: Option<(String, Instant, bool)>,
}

impl<'a> Journaled<'a> {
    /// Begin a record.
    ///
    /// # Errors
    /// If the journal cannot be made.
    pub(crate) fn begin(
        folder: &Path,
        run: &str,
        began: RunEntry,
        show: &'a Show,
        teller: Option<Teller>,
    ) -> anyhow::Result<Journaled<'a>> {
        let mut journal = Journal::begin(folder, run)?;
        let first = journal.append(now(), began).clone();
        let report = Report::of(std::slice::from_ref(&first))
            .ok_or_else(|| anyhow::anyhow!("a journal begins with the beginning of its run"))?;
        Ok(Journaled {
            journal,
            report,
            show,
            teller,
            remarks: Vec::new(),
            is_away: false,
            trouble: None,
        })
    }

    /// The report, and whoever tells GitHub of it.
    pub(crate) fn into_report(self) -> (Report, Option<Teller>) {
        (self.report, self.teller)
    }

    /// The report so far.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// Whoever tells GitHub.
    pub(crate) fn teller(&self) -> Option<&Teller> {
        self.teller.as_ref()
    }

    /// Where the journal is.
    pub(crate) fn path(&self) -> &Path {
        self.journal.path()
    }

    /// Record one entry and show it.
    pub(crate) fn record(&mut self, entry: RunEntry) {
        let record: RunRecord = self.journal.append(now(), entry).clone();
        self.report.apply(&record);
        match &record.entry {
            RunEntry::StageEnded { stage, .. } => {
                if let Some(stage) = self
                    .report
                    .stages
                    .iter()
                    .find(|known| known.stage == *stage)
                {
                    self.show.stage_ended(stage);
                }
            }
            RunEntry::Rollout {
                environment,
                record,
            } => {
                if let Some(rollout) = self.report.present(environment) {
                    self.show.rollout(rollout, record);
                }
            }
            RunEntry::Note { level, text } => {
                let word = match level {
                    Level::Notice => "note",
                    Level::Warning => "warning",
                    Level::Failure => "error",
                };
                self.show.line(&format!("{word}: {text}"));
            }
            RunEntry::Wishes { plugin, lines } => {
                self.show.line(&format!(
                    "note: plugin {plugin} wants something else than before"
                ));
                for line in lines {
                    self.show.line(&format!("  {line}"));
                }
            }
            RunEntry::Feedback { sections, .. } => {
                for section in sections {
                    self.show.line(&terminal::section(section));
                }
            }
            RunEntry::Ended { .. } => self.show.ended(&self.report),
            RunEntry::Began { .. }
            | RunEntry::StageBegan { .. }
            | RunEntry::Planned { .. }
            | RunEntry::TakenUp { .. }
            | RunEntry::Served { .. }
            | RunEntry::Used { .. } => {}
        }
        if let Some(teller) = &self.teller {
            teller.offer(&self.report);
        }
        if let Some(error) = self.journal.take_trouble() {
            let path = self.journal.path().display();
            self.show.line(&format!(
                "warning: {path} cannot be written ({error}); the rollout is safe with its target, the history of this run will be incomplete"
            ));
        }
    }

    /// A rollout that an earlier run began, and what nobody has told of it yet;
    /// `beside` where this run is about something else.
    pub(crate) fn take_up(&mut self, environment: &str, found: &Found<'_>, beside: bool) {
        let rollout = found.rollout;
        self.record(RunEntry::TakenUp {
            environment: environment.into(),
            begin: Box::new(rollout.begin.clone()),
            program: rollout.kind,
            stable: rollout.stable.clone(),
            began: rollout.started,
            weight: found.weight,
            since: found.since,
            peak: rollout.peak,
            beside,
        });
        for record in &found.untold {
            self.record(RunEntry::Rollout {
                environment: environment.into(),
                record: Box::new(record.clone()),
            });
        }
        if beside && rollout.is_over() {
            let revision = rollout.begin.candidate.revision.short();
            self.record(RunEntry::Note {
                level: Level::Notice,
                text: format!(
                    "{environment}: the rollout of {revision} ended while no run was there: {}",
                    rollout.reason
                ),
            });
        }
    }

    /// What the driver tells.
    pub(crate) fn watch(&mut self, environment: &str, event: Event<'_>) {
        match event {
            Event::TakenUp(found) => self.take_up(environment, found, false),
            Event::Recorded(record) => {
                let (environment, record) = (environment.to_owned(), Box::new(record.clone()));
                self.record(RunEntry::Rollout {
                    environment,
                    record,
                });
            }
            Event::Seen(fleet) => {
                if std::mem::take(&mut self.is_away) {
                    self.show.line(&format!("{environment}: it answers again"));
                }
                self.tell_trouble(environment, fleet);
                if let Some(rollout) = self.report.present(environment) {
                    self.show.rollout_tick(rollout);
                }
                if let Some(teller) = &self.teller {
                    teller.offer(&self.report);
                }
            }
            Event::Away(what) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    let clock = now().clock();
                    self.show.line(&format!(
                        "{environment}: {what} (since {clock} UTC); it is asked again until it answers"
                    ));
                }
            }
            Event::Remarked(annotations) => self.remarks.extend_from_slice(annotations),
            Event::Locked(lease) => {
                let (holder, until) = (&lease.holder, lease.expires.clock());
                self.show.line(&format!(
                    "{environment}: {holder} holds the lease until {until} UTC; waiting for it to end or to run out"
                ));
            }
        }
    }

    /// Instances that are not ready for a while are told of with what keeps them.
    fn tell_trouble(&mut self, environment: &str, fleet: &Fleet) {
        let troubled = fleet.instances.iter().find_map(|instances| {
            let trouble = instances
                .trouble
                .as_ref()
                .filter(|_| instances.starting > 0)?;
            Some((instances, trouble))
        });
        let Some((instances, trouble)) = troubled else {
            self.trouble = None;
            return;
        };
        let began = self
            .trouble
            .as_ref()
            .map_or_else(Instant::now, |known| known.1);
        let was_said = matches!(&self.trouble, Some((known, _, true)) if known == trouble);
        let is_told = was_said || began.elapsed() >= PATIENCE;
        if is_told && !was_said {
            self.show.line(&format!(
                "{environment}: {} of {} instances are ready: {trouble}",
                instances.ready, instances.asked
            ));
        }
        self.trouble = Some((trouble.clone(), began, is_told));
    }

    /// What tests of a candidate said of lines of code; each is told once.
    pub(crate) fn take_remarks(&mut self) -> Vec<Annotation> {
        std::mem::take(&mut self.remarks)
    }

    /// The newest rollout of an environment.
    pub(crate) fn rollout(&self, environment: &str) -> Option<&RolloutReport> {
        self.report.rollout(environment)
    }
}

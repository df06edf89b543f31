//! A report on all surfaces of GitHub, each by itself: what one of them does
//! not take, the others still get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baepo_core::hook::{Annotation, Signal};
use baepo_core::pipeline::RunCause;
use baepo_core::report::{Report, RolloutReport};
use baepo_core::rollout::{Cause, Outcome};
use baepo_runtime::capability::redact::Redactor;

use super::api::{Api, ApiError};
use super::check::{self, Check, Conclusion, Page};
use super::comment::{MOST_CHARACTERS, Sticky};
use super::delivery::{Delivery, Surface};
use super::deployment::{self, Deployed, Deployment};
use super::feedback::{self, Asked};
use super::others;
use super::place::Place;
use super::status;
use crate::render::markdown::{self, Links};
use crate::render::{headline, rollout_headline};

/// Room that is left for the marker of a comment.
const MARKER: usize = 512;

/// Where an environment is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentPage {
    /// Where people see it.
    pub url: Option<String>,
    /// Whether it goes away by itself.
    pub is_transient: bool,
}

/// Which surfaces are told, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What comment and check are called, see [`name`]; of a run that goes on
    /// with a rollout, as those of the run that began it.
    pub id: String,
    /// The environments that the job is for; empty where for all.
    pub environments: Vec<String>,
    /// Whether there is a comment.
    pub comment: bool,
    /// Whether there is a check.
    pub check: bool,
    /// Whether there are statuses.
    pub status: bool,
    /// Whether there are deployments.
    pub deployment: bool,
    /// Whether the run only goes on with rollouts of earlier ones: where there
    /// is none, nothing is told.
    pub only_rollouts: bool,
    /// Whether the commit is the head of a pull request, also for deployments.
    pub is_pull_request: bool,
    /// Labels of issues that report a regression.
    pub regression_labels: Vec<String>,
    /// Whether commands in comments are answered.
    pub speaks: bool,
    /// What is known of environments, by name.
    pub pages: BTreeMap<String, EnvironmentPage>,
}

/// What was told, for the outputs of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What became of each surface.
    pub delivery: Delivery,
    /// The comment.
    pub comment_id: Option<u64>,
    /// The check run.
    pub check_run_id: Option<u64>,
    /// The deployment of the last rollout.
    pub deployment_id: Option<u64>,
    /// Where people see the environment of the last rollout.
    pub environment_url: Option<String>,
    /// How many requests were sent.
    pub requests: u32,
    /// Where things are, for the summary.
    pub links: Links,
}

/// The surfaces of one run.
pub struct Surfaces<'a> {
    api: &'a Api,
    place: Place,
    wanted: Wanted,
    redactor: Arc<Redactor>,
    comment: Option<Sticky<'a>>,
    check: Option<Check<'a>>,
    /// What was last said at each status.
    statuses: BTreeMap<String, status::State>,
    deployments: BTreeMap<String, Deployment<'a>>,
    /// Commits that other runs rolled out, and what those were called, of which
    /// the end is told.
    others: BTreeSet<(String, String)>,
    /// Whether somebody else may have told something newer meanwhile.
    is_late: bool,
    told: Told,
}

impl<'a> Surfaces<'a> {
    /// The surfaces; nothing is asked yet.
    pub fn new(api: &'a Api, place: Place, wanted: Wanted, redactor: Arc<Redactor>) -> Self {
        let mut told = Told::default();
        for (is_wanted, surface) in [
            (wanted.comment, Surface::Comment),
            (wanted.check, Surface::Check),
            (wanted.status, Surface::Status),
            (wanted.deployment, Surface::Deployment),
        ] {
            if !is_wanted {
                told.delivery.leave_off(surface, "configured so");
            }
        }
        Surfaces {
            api,
            place,
            wanted,
            redactor,
            comment: None,
            check: None,
            statuses: BTreeMap::new(),
            deployments: BTreeMap::new(),
            others: BTreeSet::new(),
            is_late: false,
            told,
        }
    }

    /// What was told.
    pub fn into_told(mut self) -> Told {
        self.told.requests = self.api.requests();
        self.told
    }

    /// Tell how it stands, or how it ended; and of rollouts of other runs what
    /// became of them.
    pub async fn tell(&mut self, report: &Report) {
        let (ours, others) = others::split(report, self.wanted.only_rollouts);
        self.tell_run(&ours).await;
        for other in others {
            let is_over = other.rollouts.iter().all(|r| r.outcome.is_some());
            let is_final = is_over || report.ended.is_some();
            let name = other.rollouts.iter().map(|r| name(&other.app, &r.told_as));
            let place = (other.revision.commit.clone(), name.collect());
            if is_final && self.others.insert(place) {
                self.tell_other(&other).await;
            }
        }
    }

    /// A report of what this run is not about, told as by one that is.
    async fn tell_other(&mut self, other: &Report) {
        let wanted = Wanted {
            only_rollouts: true,
            is_pull_request: false,
            ..self.wanted.clone()
        };
        let redactor = Arc::clone(&self.redactor);
        let mut surfaces = Surfaces::new(self.api, self.place.clone(), wanted, redactor);
        surfaces.is_late = true;
        surfaces.tell_run(other).await;
        let Told {
            delivery,
            comment_id,
            check_run_id,
            deployment_id,
            environment_url,
            ..
        } = surfaces.told;
        let told = &mut self.told;
        told.delivery.take_in(delivery);
        told.comment_id = told.comment_id.or(comment_id);
        told.check_run_id = told.check_run_id.or(check_run_id);
        told.deployment_id = told.deployment_id.or(deployment_id);
        told.environment_url = told.environment_url.take().or(environment_url);
    }

    async fn tell_run(&mut self, report: &Report) {
        if self.wanted.only_rollouts {
            // The commit of the job is not the one that is rolled out.
            let Some(rollout) = report.rollouts.last() else {
                return;
            };
            self.place.head.clone_from(&rollout.candidate.commit);
            let id = name(&report.app, &rollout.told_as);
            if self.wanted.id != id {
                self.wanted.id = id;
                (self.comment, self.check) = (None, None);
            }
        }
        self.told.links.speaks = self.wanted.speaks;
        self.told.links.run = Some(self.place.run_url());
        self.told.links.commit = Some(self.place.commit_url(&report.revision.commit));
        for (name, page) in &self.wanted.pages {
            if let Some(url) = &page.url {
                self.told
                    .links
                    .environments
                    .insert(name.clone(), url.clone());
            }
        }
        let expected = [
            (
                self.wanted.comment && at_pull(report).is_some(),
                Surface::Comment,
            ),
            (self.wanted.status, Surface::Status),
            (self.wanted.check, Surface::Check),
            (
                self.wanted.deployment && !report.rollouts.is_empty(),
                Surface::Deployment,
            ),
        ];
        let expected = expected.into_iter().filter(|(is_wanted, _)| *is_wanted);
        self.told
            .delivery
            .expect(expected.map(|(_, surface)| surface));
        self.tell_comment(report).await;
        self.told.delivery.met(Surface::Comment);
        self.tell_statuses(report).await;
        self.told.delivery.met(Surface::Status);
        self.tell_check(report).await;
        self.told.delivery.met(Surface::Check);
        self.tell_deployments(report).await;
        self.told.delivery.met(Surface::Deployment);
    }

    /// Telling was ended from outside: what has not got the newest is noted.
    pub fn cut_short(&mut self) {
        self.told.delivery.cut_short();
    }

    /// What people said at a pull request so far. What cannot be read is noted
    /// and is nothing.
    pub async fn signals(&mut self, pull_request: u64) -> Vec<Signal> {
        let asked = Asked {
            pull_request,
            comment: self.told.comment_id,
            labels: &self.wanted.regression_labels,
        };
        let (signals, result) = feedback::collect(self.api, &self.place, &asked).await;
        if result.is_err() {
            self.told.delivery.note(Surface::Feedback, result);
        }
        signals
    }

    async fn tell_comment(&mut self, report: &Report) {
        let Some(pull_request) = at_pull(report) else {
            let why = "the commit belongs to no pull request";
            self.told.delivery.leave_off(Surface::Comment, why);
            return;
        };
        if !self.wanted.comment || self.told.delivery.is_shut(Surface::Comment) {
            return;
        }
        let text = markdown::comment(report, &self.told.links, MOST_CHARACTERS - MARKER);
        let text = self.redactor.text(text);
        let (api, place, id) = (self.api, &self.place, &self.wanted.id);
        let is_late = self.is_late;
        let comment = self.comment.get_or_insert_with(|| {
            let comment = Sticky::new(api, place, pull_request, id);
            match is_late {
                true => comment.only_about(&place.head),
                false => comment,
            }
        });
        let written = comment.write(&text).await;
        let written = self.told.delivery.note(Surface::Comment, written);
        self.told.comment_id = written.map(|written| written.id()).or(self.told.comment_id);
    }

    async fn tell_statuses(&mut self, report: &Report) {
        if !self.wanted.status {
            return;
        }
        for (context, state, description) in self.states(report) {
            let said = self.statuses.get(&context) == Some(&state);
            if said || self.told.delivery.is_shut(Surface::Status) {
                continue;
            }
            let description = self.redactor.text(description);
            let set = status::set(self.api, &self.place, &context, state, &description).await;
            if self.told.delivery.note(Surface::Status, set).is_some() {
                self.statuses.insert(context, state);
            }
        }
    }

    /// The statuses as they are to be: one of the whole run, unless the job is
    /// for some environments alone, and one of each environment.
    fn states(&self, report: &Report) -> Vec<(String, status::State, String)> {
        let ended = report.ended.as_ref().map(|end| end.outcome);
        let whole = (status_of(ended), headline(report));
        let mut states: BTreeMap<String, (status::State, String)> = BTreeMap::new();
        if !self.wanted.only_rollouts {
            match self.wanted.environments.as_slice() {
                [] => {
                    states.insert("baepo".into(), whole);
                }
                chosen => states.extend(
                    chosen
                        .iter()
                        .map(|name| (format!("baepo/{name}"), whole.clone())),
                ),
            }
        }
        for rollout in &report.rollouts {
            let context = format!("baepo/{}", rollout.environment);
            let outcome = rollout.outcome.or(ended);
            states.insert(context, (status_of(outcome), rollout_headline(rollout)));
        }
        let states = states.into_iter();
        states
            .map(|(context, (state, text))| (context, state, text))
            .collect()
    }

    /// The check is made at once and shown again when a rollout begins and at
    /// the end: what is between is in the comment.
    async fn tell_check(&mut self, report: &Report) {
        if !self.wanted.check || self.told.delivery.is_shut(Surface::Check) {
            return;
        }
        let is_new = self.check.is_none();
        let (api, place, id) = (self.api, self.place.clone(), &self.wanted.id);
        let check = self.check.get_or_insert_with(|| Check::new(api, place, id));
        let page = Page {
            title: self.redactor.text(headline(report)),
            summary: self.redactor.text(markdown::check(
                report,
                &self.told.links,
                check::MOST_CHARACTERS - 200,
            )),
        };
        let shown = match &report.ended {
            Some(end) => {
                let annotations = annotations(report);
                check
                    .end(&page, conclusion(end.outcome, end.cause), &annotations)
                    .await
            }
            None if is_new || check.id().is_none() => check.show(&page).await,
            None => return,
        };
        self.told.check_run_id = check.id();
        self.told.links.check = check.url();
        self.told.delivery.note(Surface::Check, shown);
    }

    async fn tell_deployments(&mut self, report: &Report) {
        if !self.wanted.deployment {
            return;
        }
        for rollout in &report.rollouts {
            if self.told.delivery.is_shut(Surface::Deployment) {
                return;
            }
            let said = self.tell_deployment(rollout, report).await;
            self.told.delivery.note(Surface::Deployment, said);
        }
    }

    async fn tell_deployment(
        &mut self,
        rollout: &RolloutReport,
        report: &Report,
    ) -> Result<(), ApiError> {
        let environment = &rollout.environment;
        let page = self
            .wanted
            .pages
            .get(environment)
            .cloned()
            .unwrap_or_default();
        let commit = match self.wanted.is_pull_request {
            true => &self.place.head,
            false => &rollout.candidate.commit,
        };
        let deployed = Deployed {
            environment: environment.clone(),
            commit: commit.clone(),
            release: rollout.release.to_string(),
            url: page.url.clone(),
            is_transient: page.is_transient,
        };
        let (api, place) = (self.api, self.place.clone());
        let deployment = self
            .deployments
            .entry(environment.clone())
            .or_insert_with(|| Deployment::new(api, place, deployed));
        let ended = report.ended.as_ref().map(|end| end.outcome);
        let (state, description) = match rollout.outcome.or(ended) {
            None => (
                deployment::State::InProgress,
                format!("{} goes on", rollout.strategy),
            ),
            Some(Outcome::Waiting) => (deployment::State::InProgress, headline(report)),
            Some(outcome) => (deployment_of(outcome), rollout_headline(rollout)),
        };
        let said = deployment
            .say(state, &self.redactor.text(description))
            .await;
        self.told.deployment_id = deployment.id().or(self.told.deployment_id);
        self.told.environment_url = page.url;
        said
    }
}

/// What comment and check of a run are called: the application, and where the
/// run is for some environments alone, those.
pub fn name(app: &str, environments: &[String]) -> String {
    match environments {
        [] => app.to_owned(),
        chosen => format!("{app}/{}", chosen.join(",")),
    }
}

/// The pull request that a run is told at: its own, or that of the rollout that
/// it goes on with.
pub(crate) fn at_pull(report: &Report) -> Option<u64> {
    let newest = report.rollouts.last();
    report
        .pull_request
        .or(newest.and_then(|rollout| rollout.pull_request))
}

/// All remarks of a run on its code.
pub fn annotations(report: &Report) -> Vec<Annotation> {
    let stages = report.stages.iter();
    stages
        .flat_map(|stage| stage.annotations.iter().cloned())
        .collect()
}

fn status_of(outcome: Option<Outcome>) -> status::State {
    match outcome {
        None | Some(Outcome::Waiting) => status::State::Pending,
        Some(Outcome::Succeeded) => status::State::Success,
        Some(Outcome::RolledBack | Outcome::Failed | Outcome::Refused) => status::State::Failure,
        Some(Outcome::Stuck | Outcome::Cancelled) => status::State::Error,
    }
}

fn deployment_of(outcome: Outcome) -> deployment::State {
    match outcome {
        Outcome::Waiting => deployment::State::InProgress,
        Outcome::Succeeded => deployment::State::Success,
        Outcome::RolledBack | Outcome::Failed | Outcome::Refused | Outcome::Cancelled => {
            deployment::State::Failure
        }
        Outcome::Stuck => deployment::State::Error,
    }
}

fn conclusion(outcome: Outcome, cause: RunCause) -> Conclusion {
    match outcome {
        Outcome::Succeeded => Conclusion::Success,
        // The release is not to blame: the job was cancelled, and all is as before.
        Outcome::RolledBack if cause == RunCause::Rollout(Cause::Cancelled) => {
            Conclusion::Cancelled
        }
        Outcome::RolledBack | Outcome::Failed | Outcome::Stuck => Conclusion::Failure,
        Outcome::Waiting => Conclusion::Neutral,
        Outcome::Cancelled => Conclusion::Cancelled,
        Outcome::Refused if cause == RunCause::Rollout(Cause::Locked) => Conclusion::ActionRequired,
        Outcome::Refused => Conclusion::Neutral,
    }
}

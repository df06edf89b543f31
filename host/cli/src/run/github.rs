//! A run in a job of GitHub: what it tells, and what it hands out at the end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::hook::Annotation;
use baepo_core::report::Report;
use baepo_core::verdict::Level;
use serde_json::Value;

use super::Work;
use super::command::{cancelled_by_signals, variable};
use crate::config::Config;
use crate::github::api::{Access, Api, Clock};
use crate::github::delivery::Surface;
use crate::github::event::{Reach, Trigger};
use crate::github::output;
use crate::github::place::Place;
use crate::github::pull_request;
use crate::github::surfaces::{self, EnvironmentPage, Told, Wanted, annotations};
use crate::github::teller::Teller;
use crate::render::{headline, json, markdown};
use crate::show::Show;

/// How long the beginning of a run may wait for the pull request of its commit.
const LOOKUP_TIME: Duration = Duration::from_secs(10);
/// How many annotations of one level a step can make.
/// Source: docs.github.com/actions/reference/limits, "annotations per step".
const MOST_COMMANDS: usize = 10;

/// Which surfaces are told of this run.
pub(crate) fn wanted(
    config: &Config,
    environments: &[String],
    trigger: &Trigger,
    work: &Work,
) -> Wanted {
    let pages = config.environments.iter().map(|environment| {
        let page = EnvironmentPage {
            url: environment.url.clone(),
            is_transient: environment.ephemeral,
        };
        (environment.name.clone(), page)
    });
    Wanted {
        id: surfaces::name(&config.app, environments),
        environments: environments.to_vec(),
        comment: config.github.comment,
        check: config.github.check,
        status: config.github.status,
        deployment: config.github.deployment,
        only_rollouts: !work.is_of_checkout(),
        is_pull_request: trigger.reach == Reach::Preview,
        regression_labels: config.github.regression_labels.clone(),
        speaks: config.github.commands.is_some(),
        pages: pages.collect(),
    }
}

/// A client of GitHub, in a job that has a token.
pub(crate) fn client(config: &Config, show: &Show) -> Option<Api> {
    let Some(token) =
        crate::outside::secret("GITHUB_TOKEN").filter(|token| !token.expose().is_empty())
    else {
        show.line("note: the job has no GITHUB_TOKEN, so GitHub is told nothing but the summary");
        return None;
    };
    let api_url = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".into());
    let graphql_url =
        variable("GITHUB_GRAPHQL_URL").unwrap_or_else(|| "https://api.github.com/graphql".into());
    let access = Access {
        api_url,
        graphql_url,
        token,
        patience: config.github.patience,
        clock: Clock::real(),
    };
    match Api::new(access) {
        Ok(api) => Some(api),
        Err(error) => {
            show.line(&format!(
                "warning: GitHub is told nothing but the summary: {error}"
            ));
            None
        }
    }
}

/// Who tells GitHub, in a job that has a token; and which pull request the
/// commit belongs to, where the event does not say.
pub(crate) async fn teller(
    config: &Config,
    place: Option<Place>,
    wanted: Wanted,
    trigger: &mut Trigger,
    show: &Show,
) -> Option<Teller> {
    let place = place?;
    let api = client(config, show)?;
    if trigger.pull_request.is_none() && wanted.comment && !wanted.only_rollouts {
        let lookup = pull_request::of_commit(&api, &place, &place.head);
        match tokio::time::timeout(LOOKUP_TIME, lookup).await {
            Ok(Ok(Some(number))) => trigger.pull_request = Some(number),
            Ok(Ok(None)) => {
                show.line("note: this commit belongs to no pull request, so there is no comment");
            }
            Ok(Err(error)) => show.line(&format!(
                "warning: the pull request of this commit cannot be found, so there is no comment: {error}"
            )),
            Err(_) => show.line(
                "warning: GitHub does not say in time which pull request this commit belongs to, so there is no comment",
            ),
        }
    }
    let redactor = crate::outside::outside().secrets.redactor();
    let cancel = cancelled_by_signals();
    Some(Teller::start(api, place, wanted, redactor, cancel))
}

/// Outputs and summary of a GitHub job, and in its log what became of the
/// surfaces. What cannot be written is said, and changes nothing.
pub(super) fn hand_out(report: &Report, journal: &Path, told: Option<&Told>, show: &Show) {
    let nothing = Told::default();
    let told = told.unwrap_or(&nothing);
    let parts = told.delivery.parts();
    if !parts.is_empty() {
        show.line(&format!(
            "GitHub ({} requests): {}",
            told.requests,
            parts.join(" · ")
        ));
    }
    if !told.delivery.is_told(Surface::Check) {
        for annotation in worst(&annotations(report)) {
            show.annotate(annotation);
        }
    }
    let mut troubles = Vec::new();
    let file = |name| std::env::var_os(name).map(PathBuf::from);
    if let Some(handed) = file("GITHUB_OUTPUT") {
        troubles.extend(
            outputs(report, journal, told)
                .into_iter()
                .filter_map(|(name, value)| output::set(&handed, name, &value).err()),
        );
    }
    if let Some(summary) = file("GITHUB_STEP_SUMMARY") {
        let mut links = told.links.clone();
        let escaped = parts.iter().map(|part| markdown::escape::brief(part, 600));
        let escaped: Vec<String> = escaped.collect();
        links.delivery = (!escaped.is_empty()).then(|| escaped.join(" · "));
        let redactor = crate::outside::outside().secrets.redactor();
        let text = redactor.text(markdown::summary(report, &links));
        troubles.extend(output::append(&summary, &text).err());
    }
    if let Some(error) = troubles.first() {
        show.line(&format!(
            "warning: the job's outputs could not be written: {error}"
        ));
    }
}

/// The digest of a bundle for the jobs that roll it out.
pub(super) fn hand_out_bundle(digest: Digest, show: &Show) {
    let Some(handed) = std::env::var_os("GITHUB_OUTPUT").map(PathBuf::from) else {
        return;
    };
    if let Err(error) = output::set(&handed, "bundle-digest", &digest.to_string()) {
        show.line(&format!(
            "warning: the job's outputs could not be written: {error}"
        ));
    }
}

fn outputs(report: &Report, journal: &Path, told: &Told) -> Vec<(&'static str, String)> {
    let end = report.ended.as_ref();
    let cause = end.and_then(|end| serde_json::to_value(end.cause).ok());
    let cause = cause.as_ref().and_then(Value::as_str).unwrap_or_default();
    let id = |id: Option<u64>| id.map_or(String::new(), |id| id.to_string());
    vec![
        (
            "outcome",
            end.map_or(String::new(), |end| end.outcome.to_string()),
        ),
        ("reason-code", cause.to_owned()),
        ("headline", headline(report)),
        ("result", json::line(report).unwrap_or_default()),
        ("report-path", journal.display().to_string()),
        ("comment-id", id(told.comment_id)),
        ("check-run-id", id(told.check_run_id)),
        ("deployment-id", id(told.deployment_id)),
        (
            "environment-url",
            told.environment_url.clone().unwrap_or_default(),
        ),
    ]
}

/// The annotations that a step can make, the worst first.
fn worst(all: &[Annotation]) -> Vec<&Annotation> {
    let mut chosen = Vec::new();
    for level in [Level::Failure, Level::Warning, Level::Notice] {
        let of_level = all.iter().filter(|annotation| annotation.level == level);
        chosen.extend(of_level.take(MOST_COMMANDS));
    }
    chosen
}

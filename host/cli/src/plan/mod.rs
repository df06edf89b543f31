//! `baepo plan`: what a rollout would do, before anything happens.
//!
//! The strategy plugin is run for real against a model of a fleet, once with
//! every verdict healthy and once failing where it hurts most. The guardrails
//! are the real ones, so a plan that cannot work is refused here.

mod table;

use std::path::PathBuf;

use baepo_core::pipeline::RolloutPlan;
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::forecast::{Evidence, Forecast, Model, Moment};
use baepo_core::rollout::{Deadlines, Directive, Done, Entry, Outcome};
use baepo_core::time::{Millis, Time};
use baepo_core::weight::BasisPoints;
use clap::Args;

use crate::config::{Config, Environment, Finding};
use crate::exit::Exit;
use crate::operate;
use crate::output::Output;
use crate::plugins::{EnvironmentPlugins, Plugins};
use crate::rehearsal::{self, Cast, PACE};

/// Show what a rollout would do, and change nothing.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only this environment; may be given more than once.
    #[arg(long)]
    environment: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl PlanArgs {
    /// These environments of a configuration, or all where there are none, for people.
    pub(crate) fn of(config: Option<PathBuf>, environment: Vec<String>) -> PlanArgs {
        PlanArgs {
            config,
            environment,
            output: Output::Text,
        }
    }
}

/// The plan of one environment.
pub(crate) struct Plan {
    /// What happens if everything is fine.
    pub moments: Vec<Moment>,
    /// How long the way back takes in the model, where the largest step fails.
    pub way_back: Option<(BasisPoints, Millis)>,
}

/// Why there is no plan.
pub(crate) enum NoPlan {
    /// The settings of the strategy are wrong.
    Config(Vec<Finding>),
    /// A guardrail would refuse it, or it would not end well.
    Refused(String),
}

/// Show the plans.
///
/// # Errors
/// If the configuration is not there or not right.
pub(crate) async fn plan(args: PlanArgs) -> anyhow::Result<Exit> {
    let root = crate::root()?;
    if let Some(exit) = crate::refuse_untrusted(&root) {
        return Ok(exit);
    }
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let plugins = match Plugins::load(config.clone(), &root).await {
        Ok(plugins) => plugins,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let revision = crate::revision::of_checkout(&root)?;
    for name in &args.environment {
        config.known(name)?;
    }
    let mut findings = Vec::new();
    for environment in config.named(&args.environment) {
        let Some(loaded) = plugins.environment(&environment.name) else {
            continue;
        };
        let serves = serving(&config, environment).await;
        match forecast(&config, environment, loaded, &revision, serves.as_ref()).await {
            Ok(plan) if args.output.is_json() => crate::print(&table::json(environment, &plan)),
            Ok(plan) => {
                let is_watched = is_watched(loaded);
                let serves = serves.as_ref();
                crate::print(&table::text(
                    environment,
                    &plan,
                    &revision,
                    serves,
                    is_watched,
                ));
            }
            Err(NoPlan::Config(problems)) => findings.extend(problems),
            Err(NoPlan::Refused(reason)) => {
                let span = config.locate(&environment.name, "strategy");
                findings.push(Finding::new(span, reason));
            }
        }
    }
    if !findings.is_empty() {
        return Ok(crate::refuse(&config.findings(findings)));
    }
    if !args.output.is_json() {
        crate::print(&table::granted(&plugins.granted(&args.environment)));
    }
    Ok(Exit::Success)
}

/// Whether somebody watches a candidate while no run is alive.
fn is_watched(plugins: &EnvironmentPlugins) -> bool {
    match &plugins.target {
        Some((_, Some(description))) => description.has_watchdog,
        Some((_, None)) => false,
        // An agent is a watchdog, and one that ends with its run leaves nothing.
        None => true,
    }
}

/// What serves now, where its target answers.
async fn serving(config: &Config, environment: &Environment) -> Option<Release> {
    let (state, _) = operate::look(config, environment).await.ok()?;
    state.environment.stable
}

/// Check the strategies of these environments before anything is built.
///
/// # Errors
/// All that is wrong, each at its place in the file.
pub(crate) async fn check(plugins: &Plugins, revision: &Revision) -> Result<(), Vec<Finding>> {
    let config = &plugins.config;
    let mut findings = Vec::new();
    for environment in &config.environments {
        let Some(loaded) = plugins.environment(&environment.name) else {
            continue;
        };
        match forecast(config, environment, loaded, revision, None).await {
            Ok(_) => {}
            Err(NoPlan::Config(problems)) => findings.extend(problems),
            Err(NoPlan::Refused(reason)) => {
                let span = config.locate(&environment.name, "strategy");
                findings.push(Finding::new(span, reason));
            }
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// The plan of one environment over what serves there now, for a report;
/// nothing where there is none, which [`check`] has said already.
pub(crate) async fn entry(
    plugins: &Plugins,
    environment: &Environment,
    revision: &Revision,
) -> Option<RolloutPlan> {
    let config = &plugins.config;
    let loaded = plugins.environment(&environment.name)?;
    let serves = serving(config, environment).await;
    let plan = forecast(config, environment, loaded, revision, serves.as_ref()).await;
    Some(table::entry(
        environment,
        &plan.ok()?,
        revision,
        serves.as_ref(),
    ))
}

/// The plan of one environment; over what serves, or over something made up.
///
/// # Errors
/// If the settings are wrong or the plan would be refused.
pub(crate) async fn forecast(
    config: &Config,
    environment: &Environment,
    plugins: &EnvironmentPlugins,
    revision: &Revision,
    serves: Option<&Release>,
) -> Result<Plan, NoPlan> {
    let healthy = rehearse(
        config,
        environment,
        plugins,
        revision,
        serves,
        Evidence::Healthy,
    )
    .await?;
    let (forecast, done) = healthy;
    if done.outcome != Outcome::Succeeded {
        return Err(NoPlan::Refused(format!(
            "even if everything were healthy: {}",
            done.reason
        )));
    }
    let moments = forecast.moments().to_vec();
    let worst = moments
        .iter()
        .map(|moment| moment.weight)
        .filter(|w| *w < BasisPoints::FULL)
        .max();
    let worst = worst
        .filter(|w| *w > BasisPoints::ZERO)
        .unwrap_or(BasisPoints::FULL);
    let failing = Evidence::FailingAt(worst);
    let (bad, _) = rehearse(config, environment, plugins, revision, serves, failing).await?;
    let at = |wanted: &dyn Fn(&Entry) -> bool| {
        bad.moments()
            .iter()
            .find(|moment| wanted(&moment.record.entry))
            .map(|moment| moment.at)
    };
    let turned = at(&|entry| matches!(entry, Entry::TurnedBack { .. }));
    let back = at(&|entry| matches!(entry, Entry::WentBack));
    let way_back = turned
        .zip(back)
        .map(|(turned, back)| (worst, Millis(back.0 - turned.0)));
    Ok(Plan { moments, way_back })
}

async fn rehearse(
    config: &Config,
    environment: &Environment,
    plugins: &EnvironmentPlugins,
    revision: &Revision,
    serves: Option<&Release>,
    evidence: Evidence,
) -> Result<(Forecast, Done), NoPlan> {
    let cast = Cast::of(revision, serves);
    let model = Model::serving(PACE, cast.stable.digest, environment.instances);
    // How long instances take is the model's assumption, so the user's
    // deadline says nothing here.
    let deadlines = Deadlines::default();
    let (state, begin) = cast.begin("plan", environment, plugins, deadlines);
    let mut forecast = Forecast::new(state, begin, model, evidence, Time(0));
    let done = rehearsal::run(&mut forecast, config, plugins).await;
    let done = done.map_err(NoPlan::Config)?;
    Ok((forecast, done))
}

/// The directive of a decision, if this is one.
fn directive(moment: &Moment) -> Option<&Directive> {
    match &moment.record.entry {
        Entry::Decided { decision } => Some(&decision.directive),
        _ => None,
    }
}

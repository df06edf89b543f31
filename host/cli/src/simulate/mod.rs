//! `baepo simulate`: this configuration against named scenarios, on a virtual
//! clock and without touching anything outside.
//!
//! The state machine, the guardrails, the strategy and the monitors that only
//! think are the real ones; fleet and requests are a model made from a seed.
//! Each renderer is one file: [`table`] for all scenarios, [`story`] for one,
//! [`plot`] and [`svg`] for pictures, [`json`] for programs. What is good and
//! what to do about the rest is said in [`assess`].

mod assess;
mod json;
mod plot;
mod scale;
mod story;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod timeline;

use std::path::{Path, PathBuf};

use anyhow::Context;
use baepo_core::release::Revision;
use baepo_core::rollout::forecast::{Evidence, Forecast, Model, Moment, Scenario, Toll, Traffic};
use baepo_core::rollout::{Deadlines, Done, OnNoEvidence};
use baepo_core::time::{Millis, Time};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::config::{Config, Environment, Finding, PluginRef};
use crate::exit::Exit;
use crate::output::Output;
use crate::plan::{self, NoPlan};
use crate::plugins::{EnvironmentPlugins, Plugins};
use crate::rehearsal::{self, Cast, PACE};
use crate::render::terminal::Paint;

/// For how long stable has served when a simulation begins: so much of its
/// requests is known to compare with.
const HISTORY: Time = Time(3_600_000);
/// The shortest progress deadline that says something in a model whose
/// instances take seconds to start.
const LEAST_PROGRESS: Millis = Millis(60_000);

/// Try this configuration against releases that are bad, and against nobody
/// watching.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// What happens; may be repeated. One alone is shown in detail [default: all]
    #[arg(long = "scenario", value_name = "NAME", value_parser = scenario_parser())]
    scenarios: Vec<Scenario>,
    /// Only this environment.
    #[arg(long)]
    environment: Option<String>,
    /// How many requests arrive each second, 0 to 10000.
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    requests_per_second: u32,
    /// What failures and latencies are drawn from.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Also draw the share over time into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn scenario_parser() -> impl TypedValueParser<Value = Scenario> {
    let values =
        Scenario::ALL.map(|scenario| PossibleValue::new(scenario.name()).help(scenario.about()));
    PossibleValuesParser::new(values).map(|name| {
        let named = Scenario::ALL.into_iter().find(|s| s.name() == name);
        named.expect("only names of scenarios are possible values")
    })
}

/// What is simulated in one environment, as far as it is said to people.
struct Setting {
    /// The environment's name.
    environment: String,
    /// The strategy's name.
    strategy: String,
    instances: u32,
    /// The names of the monitors.
    monitors: Vec<String>,
    /// Whether some monitor is not one that comes with baepo.
    has_own_monitor: bool,
    /// Monitors that cannot be asked here, each with the key of `allow:` by
    /// which it reaches outside.
    not_asked: Vec<(String, &'static str)>,
    on_no_evidence: OnNoEvidence,
    /// For how long a person is waited for.
    hold: Millis,
}

impl Setting {
    fn of(environment: &Environment) -> Setting {
        let monitors = environment.monitors.iter();
        let not_asked = monitors.clone().filter_map(|used| {
            let key = rehearsal::needs_outside(used)?;
            Some((used.name.clone(), key))
        });
        Setting {
            environment: environment.name.clone(),
            strategy: environment.strategy.name.clone(),
            instances: environment.instances,
            not_asked: not_asked.collect(),
            has_own_monitor: monitors
                .clone()
                .any(|used| !matches!(used.plugin, PluginRef::Builtin(_))),
            monitors: monitors.map(|used| used.name.clone()).collect(),
            on_no_evidence: environment.on_no_evidence,
            hold: environment.hold_timeout,
        }
    }
}

/// One scenario, played to its end.
struct Simulation {
    scenario: Scenario,
    /// As asked for on the command line.
    traffic: Traffic,
    done: Done,
    toll: Toll,
    moments: Vec<Moment>,
}

/// Simulate.
///
/// # Errors
/// If the configuration is not there, names no such environment, or the
/// picture cannot be written.
pub(crate) async fn simulate(args: SimulateArgs) -> anyhow::Result<Exit> {
    let root = crate::root()?;
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let plugins = match Plugins::load(config.clone(), &root).await {
        Ok(plugins) => plugins,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let revision = crate::revision::of_checkout(&root)?;
    if let Some(name) = &args.environment {
        config.known(name)?;
    }
    let wanted = |e: &&Environment| args.environment.as_ref().is_none_or(|name| *name == e.name);
    let chosen: Vec<&Environment> = config.environments.iter().filter(wanted).collect();
    let mut findings = Vec::new();
    let mut played = Vec::new();
    for environment in chosen {
        let Some(loaded) = plugins.environment(&environment.name) else {
            continue;
        };
        match play_all(&args, &config, environment, loaded, &revision).await {
            Ok(simulations) => played.push((Setting::of(environment), simulations)),
            Err(problems) => findings.extend(problems),
        }
    }
    if !findings.is_empty() {
        return Ok(crate::refuse(&config.findings(findings)));
    }
    if let Some(path) = &args.svg {
        draw(&root.join(path), &played)?;
    }
    let paint = Paint(crate::config::is_stdout_coloured());
    for (setting, simulations) in &played {
        match (args.output, simulations.as_slice()) {
            (Output::Json, all) => {
                for simulation in all {
                    crate::print(&json::line(setting, simulation));
                }
            }
            (Output::Text, [one]) => crate::print(&story::text(setting, one, paint)),
            (Output::Text, all) => crate::print(&table::text(setting, all, paint)),
        }
    }
    Ok(Exit::Success)
}

fn draw(path: &Path, played: &[(Setting, Vec<Simulation>)]) -> anyhow::Result<()> {
    let picture = svg::picture(played);
    std::fs::write(path, picture).with_context(|| {
        let shown = path.display();
        format!("the picture cannot be written to {shown}; name a file in a folder that exists")
    })
}

/// All scenarios that are asked for in one environment.
async fn play_all(
    args: &SimulateArgs,
    config: &Config,
    environment: &Environment,
    plugins: &EnvironmentPlugins,
    revision: &Revision,
) -> Result<Vec<Simulation>, Vec<Finding>> {
    // What a plan refuses is a mistake in the file, and shown at its line.
    let plan = plan::forecast(config, environment, plugins, revision, None).await;
    plan.map_err(|error| match error {
        NoPlan::Config(problems) => problems,
        NoPlan::Refused(reason) => {
            let span = config.locate(&environment.name, "strategy");
            vec![Finding::new(span, reason)]
        }
    })?;
    let scenarios = match args.scenarios.as_slice() {
        [] => Scenario::ALL.as_slice(),
        some => some,
    };
    let traffic = Traffic {
        requests_per_second: args.requests_per_second,
        seed: args.seed,
        is_measured: true,
    };
    let mut simulations = Vec::new();
    for scenario in scenarios {
        let cast = Cast::of(revision, None);
        let model = Model::serving(PACE, cast.stable.digest, environment.instances)
            .with_conduct(cast.candidate.digest, scenario.conduct())
            .with_traffic(scenario.traffic(traffic), HISTORY);
        let deadlines = Deadlines {
            progress: environment.progress_deadline.max(LEAST_PROGRESS),
            hold: environment.hold_timeout,
            ..Deadlines::default()
        };
        let (state, begin) = cast.begin("simulation", environment, plugins, deadlines);
        let mut forecast = Forecast::new(state, begin, model, Evidence::Asked, HISTORY);
        let done = rehearsal::run(&mut forecast, config, plugins).await?;
        simulations.push(Simulation {
            scenario: *scenario,
            traffic,
            done,
            toll: forecast.toll(),
            moments: forecast.moments().to_vec(),
        });
    }
    Ok(simulations)
}

//! A rollout against a model of a fleet, with the plugins of a configuration:
//! what `plan` and `simulate` have in common.

use baepo_core::digest::Digest;
use baepo_core::hook::{ConfigProblem, HookError};
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::forecast::{Ask, Forecast, Pace};
use baepo_core::rollout::{
    Begin, Deadlines, Decision, Done, Environment as State, LookRequest, Observation, Settings,
    View,
};
use baepo_core::time::Millis;
use baepo_runtime::plugin::{CallContext, CallError};

use crate::config::{Allow, Config, Environment, Finding, PluginUse};
use crate::error::one_line;
use crate::plugins::{EnvironmentPlugins, Loaded};

/// How long an instance takes to become ready, and to drain, in a model.
pub(crate) const PACE: Pace = Pace {
    start: Millis(4_000),
    drain: Millis(1_000),
};

/// Which releases play in it.
pub(crate) struct Cast {
    /// What serves, or something made up in its place.
    pub stable: Release,
    /// What is rolled out: the revision at hand, with a digest that is made up.
    pub candidate: Release,
}

impl Cast {
    /// The revision at hand over what serves.
    pub(crate) fn of(revision: &Revision, serves: Option<&Release>) -> Cast {
        let made_up = |byte: u8| Release {
            digest: Digest::from_bytes([byte; 32]),
            revision: revision.clone(),
            artifacts: Vec::new(),
        };
        Cast {
            stable: serves.cloned().unwrap_or_else(|| made_up(1)),
            candidate: made_up(2),
        }
    }

    /// The state before, and what is wanted. `run` is its name in the journal.
    pub(crate) fn begin(
        self,
        run: &str,
        environment: &Environment,
        plugins: &EnvironmentPlugins,
        deadlines: Deadlines,
    ) -> (State, Begin) {
        let state = State {
            stable: Some(self.stable),
            ..State::default()
        };
        let mut limits = environment.limits;
        if let Some((_, Some(target))) = &plugins.target {
            limits.weight_granularity = target.weight_granularity;
        }
        let begin = Begin {
            run: run.into(),
            candidate: self.candidate,
            settings: Settings {
                environment: environment.name.clone(),
                instances: environment.instances,
                limits,
                on_no_evidence: environment.on_no_evidence,
                deadlines,
                strategy: plugins.strategy.pinned(),
                monitors: plugins.pinned_monitors(),
                // Which a forecast takes to pass.
                verify: plugins.pinned_verify(),
                // What comes after it is what is rehearsed.
                needs_approval: false,
            },
            retry: true,
            pull_request: None,
            told_as: Vec::new(),
            heard: 0,
        };
        (state, begin)
    }
}

/// Bring a forecast to its end: the strategy decides, and monitors that only
/// think are asked.
///
/// # Errors
/// What the strategy says of its settings, each at its place in the file.
pub(crate) async fn run(
    forecast: &mut Forecast,
    config: &Config,
    plugins: &EnvironmentPlugins,
) -> Result<Done, Vec<Finding>> {
    loop {
        match forecast.proceed() {
            Ask::Done(done) => return Ok(done),
            Ask::Decide(view) => {
                let decision = decide(config, &plugins.strategy, &view).await?;
                forecast.answer(decision);
            }
            Ask::Judge(requests) => {
                let mut observations = Vec::with_capacity(requests.len());
                for (name, request) in requests {
                    let monitor = plugins.monitors.iter().find(|m| m.used.name == name);
                    let observation = observe(monitor, &name, &request).await;
                    observations.push((name, observation));
                }
                forecast.observed(observations);
            }
        }
    }
}

async fn decide(
    config: &Config,
    strategy: &Loaded,
    view: &View,
) -> Result<Result<Decision, String>, Vec<Finding>> {
    let context = CallContext::bare();
    let decision = strategy.plugin.decide(&context, view).await.result;
    if let Err(CallError::Plugin(HookError::InvalidConfig(problems))) = &decision {
        let used = &strategy.used;
        let located = |p: &ConfigProblem| config.locate_problem(used, &p.path, &p.message);
        return Err(problems.iter().map(located).collect());
    }
    Ok(decision.map_err(|error| one_line(&error)))
}

async fn observe(
    monitor: Option<&Loaded>,
    name: &str,
    request: &LookRequest,
) -> Result<Observation, String> {
    let Some(monitor) = monitor else {
        return Err("it is not loaded".into());
    };
    if needs_outside(&monitor.used).is_some() {
        return Err(format!("`{name}` is not asked: nothing outside is touched"));
    }
    let outcome = monitor
        .plugin
        .observe(&CallContext::bare(), request, name)
        .await;
    outcome.result.map_err(|error| one_line(&error))
}

/// The first key of `allow:` by which a plugin reaches what is outside of it;
/// `None` where it only thinks.
pub(crate) fn needs_outside(used: &PluginUse) -> Option<&'static str> {
    let Allow {
        run,
        net,
        read,
        write,
        env,
        secrets,
        socket,
    } = &used.allow;
    [
        ("run", run),
        ("net", net),
        ("read", read),
        ("write", write),
        ("env", env),
        ("secrets", secrets),
        ("socket", socket),
    ]
    .into_iter()
    .find(|(_, granted)| !granted.is_empty())
    .map(|(key, _)| key)
}

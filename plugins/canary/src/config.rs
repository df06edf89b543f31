//! What users write under `with:`, and whether the environment allows it.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::strategy::{View, check_surge};
use baepo_plugin::units::{Millis, Percent};
use baepo_plugin::{ConfigProblem, HookError};

/// The shares that a canary goes through unless it is told others.
const LADDER: [Percent; 4] = [Percent(100), Percent(500), Percent(2_500), Percent(5_000)];

pub(crate) struct Canary {
    pub(crate) steps: Steps,
    pub(crate) observe: Window,
    pub(crate) hold_at: Vec<Percent>,
    pub(crate) scaling: Scaling,
    pub(crate) max_observe: Millis,
    pub(crate) bake: Millis,
    pub(crate) keep_warm: Millis,
}

/// The shares before 100 %.
pub(crate) enum Steps {
    /// As the user wants them.
    Listed(Vec<Percent>),
    /// The usual ones, fitted to what the environment allows and the target
    /// can make.
    Auto,
}

/// How long to watch each step.
pub(crate) struct Window {
    pub(crate) min: Millis,
    pub(crate) max: Millis,
}

/// How many candidates run at each step.
#[derive(Clone, Copy)]
pub(crate) enum Scaling {
    /// As many as the share needs.
    MatchWeight,
    /// n from the start.
    Full,
}

impl Config for Canary {
    fn read(fields: &mut Fields) -> Canary {
        let steps = read_steps(fields);
        let config = Canary {
            observe: read_window(fields),
            hold_at: fields.list("hold-at").unwrap_or_default(),
            scaling: fields
                .one_of(
                    "scale",
                    &[
                        ("match-weight", Scaling::MatchWeight),
                        ("full", Scaling::Full),
                    ],
                )
                .unwrap_or(Scaling::MatchWeight),
            max_observe: fields.or("max-observe", Millis::minutes(30)),
            bake: fields.or("bake", Millis::minutes(5)),
            keep_warm: fields.or("keep-warm", Millis(0)),
            steps,
        };
        if let Steps::Listed(steps) = &config.steps {
            check_growing(steps, fields);
            for (i, share) in config
                .hold_at
                .iter()
                .enumerate()
                .filter(|(_, share)| !steps.contains(share))
            {
                fields.problem(
                    &format!("hold-at.{i}"),
                    format!("{share} is not one of the steps"),
                );
            }
        }
        if config.bake < Millis::seconds(1) {
            fields.problem(
                "bake",
                "must be at least 1s: a release is not finished without a look at it",
            );
        }
        config
    }
}

fn read_steps(fields: &mut Fields) -> Steps {
    match fields.take("steps") {
        None => Steps::Listed(LADDER.to_vec()),
        Some(word) if word == "auto" => Steps::Auto,
        Some(other) => match other.as_array() {
            Some(items) if items.is_empty() => {
                fields.problem(
                    "steps",
                    "is empty; leave it out for 1 %, 5 %, 25 %, 50 %, or use `direct`",
                );
                Steps::Auto
            }
            Some(items) => {
                let read =
                    |(i, item): (usize, &_)| fields.read(&format!("steps.{i}"), Clone::clone(item));
                let count = items.len();
                let steps: Vec<Percent> = items.iter().enumerate().filter_map(read).collect();
                // Half a list would give mistakes that are none.
                if steps.len() == count {
                    Steps::Listed(steps)
                } else {
                    Steps::Auto
                }
            }
            None => {
                fields.problem(
                    "steps",
                    "must be a list of shares like `[1%, 25%]`, or `auto`",
                );
                Steps::Auto
            }
        },
    }
}

fn check_growing(steps: &[Percent], fields: &mut Fields) {
    let mut before = Percent(0);
    for (i, &share) in steps.iter().enumerate() {
        let path = format!("steps.{i}");
        if share == Percent(0) {
            fields.problem(&path, "must be more than 0 %");
        } else if share <= before {
            fields.problem(
                &path,
                format!("must be larger than the step before ({before})"),
            );
        } else if share == Percent::ALL {
            fields.problem(&path, "100 % comes by itself after the last step");
        }
        before = before.max(share);
    }
}

/// `observe: 1m`, or `observe: { min: 30s, max: 2m }`.
fn read_window(fields: &mut Fields) -> Window {
    let usual = Window {
        min: Millis::seconds(30),
        max: Millis::minutes(2),
    };
    let window = match fields.has_mapping("observe") {
        true => fields.block("observe", |inner| {
            let min: Option<Millis> = inner.optional("min");
            let max: Option<Millis> = inner.optional("max");
            Window {
                min: min.unwrap_or(usual.min.min(max.unwrap_or(usual.min))),
                max: max.unwrap_or(usual.max.max(min.unwrap_or(usual.max))),
            }
        }),
        false => fields.optional("observe").map(|time| Window {
            min: time,
            max: time,
        }),
    };
    let window = window.unwrap_or(usual);
    if window.max < Millis::seconds(1) {
        fields.problem(
            "observe",
            "must be at least 1s: a step is not done without a look at it",
        );
    } else if window.min > window.max {
        fields.problem(
            "observe",
            format!("min ({}) is longer than max ({})", window.min, window.max),
        );
    }
    window
}

impl Canary {
    /// The shares before 100 %, checked against what the environment allows
    /// and the target can make.
    pub(crate) fn resolve_steps(&self, view: &View) -> Result<Vec<Percent>, HookError> {
        let unjudged = Percent(view.limits.max_exposure_unjudged_basis_points);
        let grain = Percent(view.limits.weight_granularity_basis_points.max(1));
        let mut problems = Vec::new();
        let mut problem =
            |path: String, message: String| problems.push(ConfigProblem { path, message });
        if let Err(why) = check_surge(view, view.instances) {
            problem(String::new(), why);
        }
        let steps = match &self.steps {
            Steps::Auto => auto_steps(unjudged, grain),
            Steps::Listed(steps) => steps.clone(),
        };
        for (i, share) in steps.iter().enumerate() {
            if !share.0.is_multiple_of(grain.0) {
                problem(
                    format!("steps.{i}"),
                    format!(
                        "{share} cannot be made: the target's shares are multiples of {grain}; `steps: auto` fits them"
                    ),
                );
            }
        }
        match steps.first() {
            Some(first) if *first > unjudged => problem(
                "steps.0".into(),
                format!(
                    "{first} is more than the environment's `max-exposure-unjudged` of {unjudged}"
                ),
            ),
            None => problem(
                "steps".into(),
                format!(
                    "the target's smallest share is {grain}, but the environment's `max-exposure-unjudged` \
                     is {unjudged}"
                ),
            ),
            Some(_) => {}
        }
        if problems.is_empty() {
            Ok(steps)
        } else {
            Err(HookError::InvalidConfig(problems))
        }
    }
}

/// The ladder, each rung rounded up to what the target can make; the first at
/// most what may be exposed unjudged. Empty where nothing fits.
fn auto_steps(unjudged: Percent, grain: Percent) -> Vec<Percent> {
    let fit = |share: Percent| Percent(share.0.div_ceil(grain.0) * grain.0);
    let mut steps: Vec<Percent> = Vec::new();
    let smaller = Percent(unjudged.0 / grain.0 * grain.0);
    if smaller < fit(LADDER[0]) && smaller > Percent(0) {
        steps.push(smaller);
    }
    for share in LADDER.map(fit) {
        if share < Percent::ALL && steps.last().is_none_or(|last| *last < share) {
            steps.push(share);
        }
    }
    if steps.first().is_some_and(|first| *first > unjudged) {
        Vec::new()
    } else {
        steps
    }
}

/// The steps of the configuration in a view.
#[cfg(test)]
pub(crate) fn read_for_tests(view: &View) -> Result<Vec<Percent>, HookError> {
    baepo_plugin::config::parse::<Canary>(&view.config)?.resolve_steps(view)
}

//! `direct`: all traffic at once. Simple, fast and cheap; the previous release
//! stays staged, so that it can be rolled back.
//!
//! `replace` starts the new instances beside the old ones and switches;
//! `recreate` stops the old ones first, for services of which only one may
//! run, and needs `allow-downtime`.

use baepo_plugin::HookError;
use baepo_plugin::config::{self, Config, Fields};
use baepo_plugin::strategy::{
    Act, Decision, Patience, Program, Strategy, View, check_surge, instances,
};
use baepo_plugin::units::{Millis, Percent};

/// What users write under `with:`.
struct Direct {
    mode: Mode,
    bake: Millis,
    max_observe: Millis,
    keep_warm: Millis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Replace,
    Recreate,
}

impl Config for Direct {
    fn read(fields: &mut Fields) -> Direct {
        let config = Direct {
            mode: fields
                .one_of(
                    "mode",
                    &[("replace", Mode::Replace), ("recreate", Mode::Recreate)],
                )
                .unwrap_or(Mode::Replace),
            bake: fields.or("bake", Millis::seconds(30)),
            max_observe: fields.or("max-observe", Millis::minutes(30)),
            keep_warm: fields.or("keep-warm", Millis(0)),
        };
        if config.bake < Millis::seconds(1) {
            fields.problem(
                "bake",
                "must be at least 1s: a release is not finished without a look at it",
            );
        }
        if config.mode == Mode::Recreate && config.keep_warm > Millis(0) {
            fields.problem(
                "keep-warm",
                "there is nothing to keep warm after `recreate`",
            );
        }
        config
    }
}

impl Strategy for Direct {
    type Config = Direct;

    fn decide(config: Direct, view: &View) -> Result<Decision, HookError> {
        config.check(view)?;
        config.program(view.instances).decide(view)
    }
}

baepo_plugin::export_strategy!(Direct);

impl Direct {
    /// Whether the environment allows it.
    fn check(&self, view: &View) -> Result<(), HookError> {
        let unjudged = Percent(view.limits.max_exposure_unjudged_basis_points);
        if self.mode == Mode::Recreate && !view.limits.allow_downtime {
            return Err(config::invalid(
                "mode",
                "`recreate` stops the service for a moment, which needs `allow-downtime: true` in the \
                 environment's limits",
            ));
        }
        if unjudged < Percent::ALL {
            return Err(config::invalid(
                "",
                &format!(
                    "sends 100 % at once to what nobody has judged, but the environment's \
                     `max-exposure-unjudged` is {unjudged}; raise it or use `canary` or `blue-green`"
                ),
            ));
        }
        match self.mode {
            Mode::Replace => {
                check_surge(view, view.instances).map_err(|why| config::invalid("", &why))
            }
            Mode::Recreate => Ok(()),
        }
    }

    fn program(&self, n: u32) -> Program {
        let mut program = Program::new();
        program.part();
        match self.mode {
            Mode::Replace => {
                program.then(
                    Act::Scale(n, n),
                    format!("starting {} of the new release", instances(n)),
                );
            }
            Mode::Recreate => {
                program.then(Act::Scale(0, 0), format!("stopping {}", instances(n)));
                program.then(
                    Act::Scale(0, n),
                    format!("starting {} of the new release", instances(n)),
                );
            }
        }
        program.part();
        program.then(Act::Route(Percent::ALL), "switching all traffic");
        program.part();
        let bake = Patience {
            what: "100 %".into(),
            min: self.bake,
            max: self.bake,
            total: self.max_observe,
            health_is_enough: false,
        };
        program.then(
            Act::Watch(bake),
            format!("watching all traffic for {}", self.bake),
        );
        program.then(Act::Finish(self.keep_warm), "the new release is stable");
        program
    }
}

#[cfg(test)]
mod tests;

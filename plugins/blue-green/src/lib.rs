//! `blue-green`: a second environment beside the first, looked at without
//! traffic, then one switch. Returns at once while the old one is warm, and
//! stops paying for it afterwards.

use baepo_plugin::HookError;
use baepo_plugin::config::{self, Config, Fields};
use baepo_plugin::strategy::{
    Act, Decision, Patience, Program, Strategy, View, check_surge, instances,
};
use baepo_plugin::units::{Millis, Percent};

/// What users write under `with:`.
struct BlueGreen {
    preview: Millis,
    hold: bool,
    bake: Millis,
    max_observe: Millis,
    keep_warm: Millis,
}

impl Config for BlueGreen {
    fn read(fields: &mut Fields) -> BlueGreen {
        let config = BlueGreen {
            preview: fields.or("preview", Millis::minutes(1)),
            hold: fields.or("hold", false),
            bake: fields.or("bake", Millis::minutes(5)),
            max_observe: fields.or("max-observe", Millis::minutes(30)),
            keep_warm: fields.or("keep-warm", Millis::minutes(10)),
        };
        for (key, time) in [("preview", config.preview), ("bake", config.bake)] {
            if time < Millis::seconds(1) {
                fields.problem(
                    key,
                    "must be at least 1s: nothing goes on without a look at it",
                );
            }
        }
        config
    }
}

impl Strategy for BlueGreen {
    type Config = BlueGreen;

    fn decide(config: BlueGreen, view: &View) -> Result<Decision, HookError> {
        check_surge(view, view.instances).map_err(|why| config::invalid("", &why))?;
        config.program(view).decide(view)
    }
}

baepo_plugin::export_strategy!(BlueGreen);

impl BlueGreen {
    fn program(&self, view: &View) -> Program {
        let n = view.instances;
        let mut program = Program::new();
        program.part();
        program.then(
            Act::Scale(n, n),
            format!("starting {} beside the old ones", instances(n)),
        );
        // Without traffic most monitors cannot know, so healthy instances are
        // enough, unless the environment wants a verdict before any exposure.
        let unjudged = Percent(view.limits.max_exposure_unjudged_basis_points);
        let preview = Patience {
            what: "the preview".into(),
            min: self.preview,
            max: self.preview,
            total: self.max_observe,
            health_is_enough: unjudged == Percent::ALL,
        };
        program.then(
            Act::Watch(preview),
            format!("watching the preview for {}, without traffic", self.preview),
        );
        if self.hold {
            program.then(
                Act::Hold("the preview is ready to be looked at; promote to switch".into()),
                "waiting for a person",
            );
        }
        program.part();
        program.full_from_here();
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
        program.then(
            Act::Finish(self.keep_warm),
            format!(
                "the new release is stable, the old one stays warm for {}",
                self.keep_warm
            ),
        );
        program
    }
}

#[cfg(test)]
mod tests;

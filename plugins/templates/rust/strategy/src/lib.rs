//! A strategy: some users first, then all of them.
//!
//! Change [`Settings`] to what your users are to write under `with:`, and
//! `program` to the steps of your rollout.

use baepo_plugin::HookError;
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::strategy::{Act, Decision, Patience, Program, Strategy, View, instances};
use baepo_plugin::units::{Millis, Percent};

/// What users write under `with:`.
struct Settings {
    /// How many users meet it first.
    share: Percent,
    /// How long each step is watched.
    watch: Millis,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        let settings = Settings {
            share: fields.or("share", Percent(1_000)),
            watch: fields.or("watch", Millis::minutes(2)),
        };
        if !(1..10_000).contains(&settings.share.0) {
            fields.problem("share", "must be more than nothing and less than all");
        }
        settings
    }
}

struct Plugin;

impl Strategy for Plugin {
    type Config = Settings;

    /// Asked after each step; the same view must give the same decision.
    fn decide(settings: Settings, view: &View) -> Result<Decision, HookError> {
        program(&settings, view.instances).decide(view)
    }
}

baepo_plugin::export_strategy!(Plugin);

fn program(settings: &Settings, n: u32) -> Program {
    let watch = |what: &str| {
        Act::Watch(Patience {
            what: what.into(),
            // Healthy at the earliest after half of it, and unknown after all.
            min: Millis(settings.watch.0 / 2),
            max: settings.watch,
            // Where nobody knows it is watched again, up to this long.
            total: Millis::minutes(30),
            health_is_enough: false,
        })
    };
    let share = settings.share;
    let mut program = Program::new();
    program.part();
    program.then(Act::Scale(n, n), format!("starting {}", instances(n)));
    program.then(Act::Route(share), format!("letting {share} of users in"));
    program.then(watch("the first users"), format!("watching {share}"));
    program.part();
    program.then(Act::Route(Percent::ALL), "letting everybody in");
    program.then(watch("everybody"), "watching all traffic");
    program.then(Act::Finish(Millis(0)), "the new release is stable");
    program
}

#[cfg(test)]
mod tests {
    use baepo_plugin::rehearsal::{End, Rehearsal};
    use baepo_plugin::strategy::Ending;

    use super::*;

    #[test]
    fn a_good_release_gets_to_everybody() {
        let mut rehearsal = Rehearsal::new(4, r#"{"share": "25%"}"#);
        assert_eq!(rehearsal.run::<Plugin>(), End::Finished);
    }

    #[test]
    fn nobody_knowing_is_not_going_on() {
        let mut rehearsal = Rehearsal::new(4, "{}");
        rehearsal.verdict = Box::new(|_, _| Ending::Inconclusive);
        assert_ne!(rehearsal.run::<Plugin>(), End::Finished);
    }
}

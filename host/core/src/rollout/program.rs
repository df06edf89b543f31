//! The host's own programs: what is decided where no strategy is asked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::directive::{Decision, Directive, Ended, Ending, Progress, View};
use crate::time::Millis;
use crate::verdict::Verdict;
use crate::weight::BasisPoints;

fn decision(step: u32, of: u32, directive: Directive, reason: String) -> Decision {
    let progress = Progress { step, of };
    Decision {
        memory: Vec::new(),
        directive,
        progress,
        reason,
    }
}

/// Nothing was there before: scale, health, all traffic, a short bake, finish.
/// Health is enough, for there is nothing to compare with.
pub(super) fn first_install(view: &View, bake: Millis) -> Decision {
    let n = view.instances;
    let healthy = view
        .judgement
        .as_ref()
        .is_some_and(|j| j.health == Verdict::Healthy);
    match &view.last {
        None => decision(
            1,
            4,
            Directive::Scale {
                stable: 0,
                candidate: n,
            },
            first_reason(n),
        ),
        Some(Ended {
            directive: Directive::Scale { .. },
            ..
        }) => {
            let reason = "all instances are healthy; all traffic to them".into();
            decision(2, 4, Directive::Route(BasisPoints::FULL), reason)
        }
        Some(Ended {
            directive: Directive::Route(_),
            ..
        }) => {
            let reason = format!("watching the first install for {bake}");
            decision(
                3,
                4,
                Directive::Observe {
                    min: bake,
                    max: bake,
                },
                reason,
            )
        }
        Some(Ended { ending, .. }) => match (ending, healthy) {
            (Ending::Healthy, _) | (Ending::Promoted, _) => decision(
                4,
                4,
                Directive::Finish {
                    keep_warm: Millis::ZERO,
                },
                "first install is healthy".into(),
            ),
            (_, true) => decision(
                4,
                4,
                Directive::Finish {
                    keep_warm: Millis::ZERO,
                },
                "all instances stayed healthy; there was too little traffic to judge more".into(),
            ),
            (_, false) => {
                let reason = "instances of the first install did not stay healthy".into();
                decision(4, 4, Directive::Abort { reason }, "not healthy".into())
            }
        },
    }
}

fn first_reason(n: u32) -> String {
    format!("nothing is installed yet; starting {n} instances")
}

/// Back to a release that served before: its instances (at once where they are
/// still warm), all traffic, done.
pub(super) fn rollback(view: &View) -> Decision {
    let n = view.instances;
    match &view.last {
        None => {
            let stable = view.fleet.stable.asked;
            let reason = format!("starting {n} instances of the release to go back to");
            decision(
                1,
                3,
                Directive::Scale {
                    stable,
                    candidate: n,
                },
                reason,
            )
        }
        Some(Ended {
            directive: Directive::Scale { .. },
            ..
        }) => {
            let reason = "they are healthy; all traffic to them".into();
            decision(2, 3, Directive::Route(BasisPoints::FULL), reason)
        }
        Some(_) => {
            let reason = "rolled back by a person".into();
            decision(
                3,
                3,
                Directive::Finish {
                    keep_warm: Millis::ZERO,
                },
                reason,
            )
        }
    }
}

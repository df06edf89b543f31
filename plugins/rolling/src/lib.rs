//! `rolling`: group by group, without a second environment.
//!
//! With n instances, at most `s` more and at most `u` fewer, m = max(1, n − u)
//! must always serve. Round by round the candidate gets the share that its
//! proven instances can carry, old instances that are no longer needed drain
//! and stop, and new ones start in the room that is really free.
//!
//! Unlike the other strategies it has no list of steps: what to do next
//! follows from the fleet as it is, so it goes on from wherever a crash or an
//! instance that died has left it.

mod config;
mod memory;

use baepo_plugin::strategy::{
    Decision, Directive, Finish, Observe, Patience, Progress, Scale, Strategy, View, Waited,
    instances,
};
use baepo_plugin::units::{Millis, Percent};
use baepo_plugin::{Fleet, HookError, RoleFleet};

use config::{Bounds, Rolling};
use memory::{At, Memory};

impl Strategy for Rolling {
    type Config = Rolling;

    fn decide(config: Rolling, view: &View) -> Result<Decision, HookError> {
        let bounds = config.bounds(view)?;
        let memory = Memory::load(&view.memory)?;
        Ok(Round {
            config,
            bounds,
            view,
            memory,
        }
        .decide())
    }
}

baepo_plugin::export_strategy!(Rolling);

/// One decision in the making.
struct Round<'a> {
    config: Rolling,
    bounds: Bounds,
    view: &'a View,
    memory: Memory,
}

impl Round<'_> {
    fn decide(mut self) -> Decision {
        let because = match self.memory.at {
            At::Group => match self.wait(self.group_patience()) {
                Waited::Over(because) => {
                    self.memory.proven = self.view.fleet.candidate.ready;
                    because
                }
                Waited::Ask(directive, reason) => return self.answer(directive, reason),
            },
            At::Bake => match self.wait(self.bake_patience()) {
                Waited::Over(because) => {
                    let finish = Directive::Finish(Finish { keep_warm_ms: 0 });
                    return self.answer(finish, format!("{because}; the new release is stable"));
                }
                Waited::Ask(directive, reason) => return self.answer(directive, reason),
            },
            At::Moving => String::new(),
        };
        (self.memory.at, self.memory.watched_ms) = (At::Moving, 0);
        let (directive, reason) = self.advance();
        let reason = if because.is_empty() {
            reason
        } else {
            format!("{because}; {reason}")
        };
        self.answer(directive, reason)
    }

    /// The next move, from what the fleet looks like.
    fn advance(&mut self) -> (Directive, String) {
        let n = self.view.instances;
        let Fleet { stable, candidate } = self.view.fleet;
        // Instances that nobody has looked at yet carry nothing, and those
        // that have gone carry nothing either.
        // A person who wants all traffic now does not want to wait for groups.
        let proven = match self.view.promote_full {
            true => candidate.ready,
            false => self.memory.proven.min(candidate.ready),
        };
        let share = self.bounds.share(proven);
        if self.view.weight_basis_points < share.0 {
            return (
                Directive::Route(share.0),
                format!("{} can carry {share}", instances(proven)),
            );
        }
        let needed = self.bounds.floor.saturating_sub(proven).min(stable.asked);
        if needed < stable.asked {
            let reason = format!(
                "{} of the old release can stop",
                instances(stable.asked - needed)
            );
            return (
                Directive::Scale(Scale {
                    stable: needed,
                    candidate: candidate.asked,
                }),
                reason,
            );
        }
        if candidate.asked < n {
            let room =
                (n + self.bounds.surge).saturating_sub(occupied(stable) + occupied(candidate));
            let wanted = (candidate.asked + room).min(n);
            if wanted > candidate.asked {
                self.memory.drain_waits = 0;
                let reason = format!(
                    "starting {} of the new release",
                    instances(wanted - candidate.asked)
                );
                return (
                    Directive::Scale(Scale {
                        stable: stable.asked,
                        candidate: wanted,
                    }),
                    reason,
                );
            }
            if stable.draining + candidate.draining > 0 {
                return self.wait_for_drain(stable.draining + candidate.draining);
            }
        }
        if candidate.ready < candidate.asked || stable.ready != stable.asked {
            let reason = "waiting until all instances are ready".to_string();
            return (
                Directive::Scale(Scale {
                    stable: stable.asked,
                    candidate: candidate.asked,
                }),
                reason,
            );
        }
        if proven < candidate.ready {
            self.memory.at = At::Group;
            let patience = self.group_patience();
            return (
                patience.begin(),
                format!("watching {} for {}", patience.what, patience.min),
            );
        }
        self.memory.at = At::Bake;
        let patience = self.bake_patience();
        (
            patience.begin(),
            format!("all instances are new; watching them for {}", patience.min),
        )
    }

    /// What drains is still there and uses up room. The window doubles, so
    /// that a long drain costs few decisions.
    fn wait_for_drain(&mut self, draining: u32) -> (Directive, String) {
        let window = Millis::seconds(1 << self.memory.drain_waits.min(4));
        self.memory.drain_waits += 1;
        let observe = Observe {
            min_ms: window.0,
            max_ms: window.0,
        };
        (
            Directive::Observe(observe),
            format!("waiting for {} to drain", instances(draining)),
        )
    }

    fn wait(&mut self, patience: Patience) -> Waited {
        let mut watched = Millis(self.memory.watched_ms);
        let waited = patience.next(self.view, &mut watched);
        self.memory.watched_ms = watched.0;
        waited
    }

    fn group_patience(&self) -> Patience {
        let weight = Percent(self.view.weight_basis_points);
        let what = match weight {
            Percent(0) => "the first group".to_string(),
            share => format!("the group at {share}"),
        };
        let unjudged = Percent(self.view.limits.max_exposure_unjudged_basis_points);
        Patience {
            what,
            min: self.config.min_ready,
            max: self.config.min_ready.max(Millis::minutes(1)),
            total: self.config.max_observe,
            // Before the first traffic only health can be judged.
            health_is_enough: weight.0 == 0 && unjudged == Percent::ALL,
        }
    }

    fn bake_patience(&self) -> Patience {
        Patience {
            what: "100 %".into(),
            min: self.config.bake,
            max: self.config.bake,
            total: self.config.max_observe,
            health_is_enough: false,
        }
    }

    fn answer(self, directive: Directive, reason: String) -> Decision {
        // A part for each group that is started, one more for the bake.
        let n = self.view.instances;
        let groups = self.bounds.groups(n);
        let done = match self.memory.at {
            At::Bake => groups + 1,
            At::Group | At::Moving => self
                .view
                .fleet
                .candidate
                .asked
                .div_ceil(self.bounds.group())
                .clamp(1, groups),
        };
        Decision {
            memory: self.memory.save(),
            directive,
            progress: Progress {
                step: done,
                of: groups + 1,
            },
            reason,
        }
    }
}

/// How many instances there are or will be: those that drain are still there.
fn occupied(role: RoleFleet) -> u32 {
    role.asked.max(role.ready + role.starting) + role.draining
}

#[cfg(test)]
mod tests;

//! What the host refuses, whoever asks for it.
//!
//! Guardrails judge directives, not the weather. A directive is judged twice:
//! when given, against the fleet as asked for (a fault there is the strategy's,
//! and refused for good), and again before each call, against the newest
//! observed fleet (a fault there is the weather's, and waited for).

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::directive::{Limits, RoleFleet, RoleFleets};
use crate::weight::BasisPoints;

/// Which guardrail; the numbers are those of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Guardrail {
    /// Weights are integers that sum to 10000, or there is no route.
    G1,
    /// A role gets new weight only with at least one ready instance.
    G2,
    /// Each role has capacity for its weight.
    G3,
    /// Not too few ready instances, not too many in all.
    G4,
    /// Exposure stays below its limit until judged healthy.
    G5,
    /// After a failing verdict only the way back.
    G6,
    /// Finish only with all weight, all instances, and a healthy bake.
    G7,
    /// A bounded number of decisions.
    G10,
}

impl fmt::Display for Guardrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A refusal with the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which guardrail.
    pub guardrail: Guardrail,
    /// Why, for people.
    pub reason: String,
}

/// What is to be checked against: the environment and the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// n.
    pub instances: u32,
    /// What the environment allows.
    pub limits: Limits,
    /// The fleet: as asked for, or as observed.
    pub fleet: RoleFleets,
    /// The candidate's share as observed.
    pub weight: BasisPoints,
    /// Whether there is no stable: G3 to G5 do not bind a first install.
    pub first_install: bool,
    /// Whether a recreate is on its way: both roles were asked to have nothing.
    pub exclusive: bool,
    /// Most instances in all, terminating ones too.
    pub ceiling: u32,
}

/// Why the candidate may have more traffic than `max-exposure-unjudged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// A window of this rollout ended healthy.
    pub healthy: bool,
    /// A person promoted over an inconclusive verdict, or health alone counts
    /// and was healthy.
    pub waived: bool,
    /// A verdict was failing.
    pub failing: bool,
    /// The last window begun at 10000 as observed ended healthy, or was waived.
    pub baked: bool,
}

fn refuse(guardrail: Guardrail, reason: String) -> Result<(), Refusal> {
    Err(Refusal { guardrail, reason })
}

/// G3 for one role: `ready × 10000 ≥ (weight − 1) × m`. The one basis point of
/// slack lets `floor(10000·ready/m)` and its rest be carried exactly. Without
/// ready instances nothing is carried.
pub fn is_carried(ready: u32, weight: BasisPoints, floor: u32) -> bool {
    let needed = u64::from(weight.value().saturating_sub(1)) * u64::from(floor);
    weight == BasisPoints::ZERO || (ready > 0 && u64::from(ready) * 10_000 >= needed)
}

/// The largest share that so many ready instances carry.
pub fn carried_share(ready: u32, floor: u32) -> BasisPoints {
    BasisPoints::saturating(u64::from(ready) * 10_000 / u64::from(floor.max(1)))
}

impl Ground {
    fn floor(&self) -> u32 {
        self.limits.floor(self.instances)
    }

    /// The same ground if everything that was asked for were ready and nothing
    /// else there: what a directive may be blamed for.
    pub fn as_asked(&self) -> Ground {
        let settled = |role: RoleFleet| RoleFleet {
            ready: role.asked,
            starting: 0,
            draining: 0,
            ..role
        };
        Ground {
            fleet: RoleFleets {
                stable: settled(self.fleet.stable),
                candidate: settled(self.fleet.candidate),
            },
            ..*self
        }
    }

    /// Whether a `scale` directive may be begun at all (G3, G4).
    ///
    /// # Errors
    /// The refusal, if it may not.
    pub fn check_scale(&self, stable: u32, candidate: u32) -> Result<(), Refusal> {
        let total = stable.saturating_add(candidate);
        if total > self.ceiling {
            return refuse(
                Guardrail::G4,
                format!(
                    "{total} instances in all are more than {} (instances {} and max-surge {})",
                    self.ceiling, self.instances, self.limits.max_surge
                ),
            );
        }
        let roles = [
            ("stable", self.fleet.stable, stable, self.weight.rest()),
            ("candidate", self.fleet.candidate, candidate, self.weight),
        ];
        let n = self.instances;
        for (role, present, wanted, _) in roles {
            if wanted > n.max(present.asked) {
                let reason = format!("{wanted} {role} instances are more than instances {n}");
                return refuse(Guardrail::G4, reason);
            }
        }
        let recreates = self.limits.allow_downtime && stable == 0;
        if self.first_install || (recreates && (candidate == 0 || self.exclusive)) {
            return Ok(());
        }
        let floor = self.floor();
        let shrinks = roles
            .iter()
            .any(|(_, present, wanted, _)| *wanted < present.asked);
        if total < floor && shrinks {
            return refuse(
                Guardrail::G4,
                format!(
                    "{total} instances in all are fewer than {floor} (instances {n} less max-unavailable {})",
                    self.limits.max_unavailable
                ),
            );
        }
        for (role, present, wanted, weight) in roles {
            if wanted < present.asked && !is_carried(wanted, weight, floor) {
                return refuse(
                    Guardrail::G3,
                    format!("{wanted} {role} instances cannot carry {weight} of the traffic"),
                );
            }
        }
        Ok(())
    }

    /// Whether one role may grow to `wanted` now (G4, all instances counted).
    pub fn may_grow(&self, present: RoleFleet, other: RoleFleet, wanted: u32) -> bool {
        let living = present.ready + present.starting;
        let added = wanted.saturating_sub(living);
        present.total() + other.total() + added <= self.ceiling
    }

    /// Whether one role may shrink to `wanted` now (G3, G4): ready instances
    /// are taken away only where the rest is enough.
    pub fn may_shrink(
        &self,
        present: RoleFleet,
        other: RoleFleet,
        wanted: u32,
        weight: BasisPoints,
    ) -> bool {
        if self.exclusive && wanted == 0 {
            return true;
        }
        let left = present.ready.min(wanted);
        if left == present.ready {
            return wanted > 0 || weight == BasisPoints::ZERO;
        }
        left + other.ready >= self.floor() && is_carried(left, weight, self.floor())
    }

    /// Whether the candidate may get this share (G2, G3, G5).
    ///
    /// # Errors
    /// The refusal, if it may not.
    pub fn check_route(&self, weight: BasisPoints, standing: Standing) -> Result<(), Refusal> {
        let floor = self.floor();
        let share = self.limits.real_share(weight);
        let grows = [
            ("candidate", self.fleet.candidate.ready, self.weight, share),
            (
                "stable",
                self.fleet.stable.ready,
                self.weight.rest(),
                share.rest(),
            ),
        ];
        for (role, ready, from, to) in grows {
            if to <= from && !self.first_install {
                continue;
            }
            if ready == 0 && to > from {
                return refuse(
                    Guardrail::G2,
                    format!("{role} has no ready instance and cannot get {to} of the traffic"),
                );
            }
            if !self.first_install && !is_carried(ready, to, floor) {
                return refuse(
                    Guardrail::G3,
                    format!("{ready} ready {role} instances cannot carry {to} of the traffic"),
                );
            }
        }
        let limit = self.limits.max_exposure_unjudged;
        let judged = standing.healthy || standing.waived || self.first_install;
        if share > self.weight && share > limit && !judged {
            return refuse(
                Guardrail::G5,
                format!(
                    "{share} of the traffic is more than max-exposure-unjudged {limit}, and nothing has judged the candidate healthy yet"
                ),
            );
        }
        Ok(())
    }

    /// Whether the rollout may finish (G7).
    ///
    /// # Errors
    /// The refusal, if it may not.
    pub fn check_finish(&self, standing: Standing) -> Result<(), Refusal> {
        if self.weight != BasisPoints::FULL {
            return refuse(
                Guardrail::G7,
                format!(
                    "the candidate has {} of the traffic, not all of it",
                    self.weight
                ),
            );
        }
        if self.fleet.candidate.ready < self.instances {
            return refuse(
                Guardrail::G7,
                format!(
                    "{} of {} candidate instances are ready",
                    self.fleet.candidate.ready, self.instances
                ),
            );
        }
        if !standing.baked {
            return refuse(
                Guardrail::G7,
                "no window that began with all traffic on the candidate ended healthy".into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(stable: u32, candidate: u32, weight: u64) -> Ground {
        let role = |ready| RoleFleet {
            asked: ready,
            ready,
            ..RoleFleet::default()
        };
        Ground {
            instances: 4,
            limits: Limits {
                max_surge: 4,
                max_unavailable: 0,
                max_exposure_unjudged: BasisPoints::saturating(500),
                max_exposure_unwatched: BasisPoints::saturating(500),
                allow_downtime: false,
                weight_granularity: BasisPoints::saturating(1),
            },
            fleet: RoleFleets {
                stable: role(stable),
                candidate: role(candidate),
            },
            weight: BasisPoints::saturating(weight),
            first_install: false,
            exclusive: false,
            ceiling: 8,
        }
    }

    fn which(result: Result<(), Refusal>) -> Option<Guardrail> {
        result.err().map(|refusal| refusal.guardrail)
    }

    #[test]
    fn weight_needs_a_ready_instance_and_capacity() {
        let share = BasisPoints::saturating(500);
        let judged = Standing {
            healthy: true,
            ..Standing::default()
        };
        assert_eq!(
            which(ground(4, 0, 0).check_route(share, judged)),
            Some(Guardrail::G2)
        );
        assert_eq!(
            which(ground(4, 1, 0).check_route(BasisPoints::FULL, judged)),
            Some(Guardrail::G3)
        );
        assert_eq!(which(ground(4, 1, 0).check_route(share, judged)), None);
        assert_eq!(
            which(ground(0, 4, 10_000).check_route(BasisPoints::ZERO, judged)),
            Some(Guardrail::G2)
        );
    }

    #[test]
    fn exposure_above_its_limit_needs_a_judgement() {
        let share = BasisPoints::saturating(501);
        let unjudged = ground(4, 4, 0).check_route(share, Standing::default());
        assert_eq!(which(unjudged), Some(Guardrail::G5));
        let waived = Standing {
            waived: true,
            ..Standing::default()
        };
        assert_eq!(which(ground(4, 4, 0).check_route(share, waived)), None);
    }

    #[test]
    fn a_coarse_target_counts_by_what_it_really_gives() {
        let mut coarse = ground(4, 4, 0);
        coarse.limits.weight_granularity = BasisPoints::saturating(2500);
        let one_percent = BasisPoints::saturating(100);
        assert_eq!(
            which(coarse.check_route(one_percent, Standing::default())),
            Some(Guardrail::G5)
        );
    }

    #[test]
    fn instances_stay_between_floor_and_ceiling() {
        assert_eq!(
            which(ground(4, 0, 0).check_scale(4, 5)),
            Some(Guardrail::G4)
        );
        assert_eq!(
            which(ground(4, 0, 0).check_scale(3, 0)),
            Some(Guardrail::G4)
        );
        assert_eq!(
            which(ground(4, 4, 0).check_scale(0, 4)),
            Some(Guardrail::G3)
        );
        assert_eq!(which(ground(4, 4, 10_000).check_scale(0, 4)), None);
        let mut down = ground(4, 0, 0);
        down.limits.allow_downtime = true;
        assert_eq!(which(down.check_scale(0, 0)), None);
    }

    #[test]
    fn finishing_needs_everything() {
        let baked = Standing {
            baked: true,
            ..Standing::default()
        };
        assert_eq!(
            which(ground(4, 4, 9_999).check_finish(baked)),
            Some(Guardrail::G7)
        );
        assert_eq!(
            which(ground(4, 3, 10_000).check_finish(baked)),
            Some(Guardrail::G7)
        );
        assert_eq!(
            which(ground(4, 4, 10_000).check_finish(Standing::default())),
            Some(Guardrail::G7)
        );
        assert_eq!(which(ground(4, 4, 10_000).check_finish(baked)), None);
    }
}

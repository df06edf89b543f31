//! Moving weight to where the capacity is, while a directive waits: instances
//! die and come back, and no strategy is asked for that.

use alloc::format;

use super::entry::{Cause, Operation, Purpose};
use super::guardrail::{Ground, carried_share, is_carried};
use super::machine::{Machine, Next};
use super::settings::Kind;
use crate::fleet::Fleet;
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// How long lost capacity must be back before its traffic comes back, so that
/// an instance that flaps does not make the route flap.
const CALM: Millis = Millis(5_000);

impl Machine {
    /// Keep the candidate's share as near to `asked` as the ready instances of
    /// both roles allow. `None`: nothing to do now.
    pub(super) fn repair(&mut self, now: Time, fleet: &Fleet, asked: BasisPoints) -> Option<Next> {
        let rollout = self.env.active()?;
        if rollout.stable.is_none() || rollout.kind != Kind::Strategy {
            return None;
        }
        let wanted = repaired_weight(&rollout.ground(fleet), asked, rollout.judged_share);
        let (is_asked, is_wanted) = (
            rollout.is_routed(&fleet.route, asked),
            rollout.is_routed(&fleet.route, wanted),
        );
        let (weight, route) = (rollout.weight, rollout.route_for(wanted));
        let limit = rollout.begin.settings.deadlines.progress;
        if is_asked && wanted == asked {
            (self.trouble_since, self.calm_since) = (None, None);
            return None;
        }
        let since = *self.trouble_since.get_or_insert(now);
        if now.since(since) >= limit {
            let reason = format!("capacity for {asked} did not come back in {limit}");
            return Some(self.turn_back(now, Cause::Deadline, reason));
        }
        let away = |share: BasisPoints| share.value().abs_diff(asked.value());
        if is_wanted || away(wanted) >= away(weight) {
            self.calm_since = None;
        } else if now.since(*self.calm_since.get_or_insert(now)) < CALM {
            return None;
        }
        if is_wanted {
            return None;
        }
        Some(self.ask_and_poll(now, Operation::Route { route }, Purpose::Repair))
    }
}

/// The share that the candidate should have, given what is ready now: `asked`
/// where both roles carry their part. Down to what ready candidates carry,
/// where stable carries the rest; up to what stable does not carry, but never
/// above what was judged; the present one where neither is enough.
fn repaired_weight(ground: &Ground, asked: BasisPoints, judged: BasisPoints) -> BasisPoints {
    let floor = ground.limits.floor(ground.instances);
    let (stable, candidate) = (ground.fleet.stable.ready, ground.fleet.candidate.ready);
    if is_carried(candidate, asked, floor) && is_carried(stable, asked.rest(), floor) {
        return asked;
    }
    let most = carried_share(candidate, floor);
    let least = carried_share(stable, floor).rest();
    match (stable, candidate) {
        (0, 0) => ground.weight,
        (_, 0) => BasisPoints::ZERO,
        _ if asked >= least && most >= least => asked.min(most),
        _ if asked < least => {
            // Stable answers less than it is to: towards the candidate.
            let useful = least.min(most).min(judged);
            useful.max(asked.min(most)).max(ground.weight.min(asked))
        }
        _ => ground.weight.min(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::super::directive::{Limits, RoleFleet, RoleFleets};
    use super::*;

    fn repaired(stable: u32, candidate: u32, weight: u32, asked: u32, judged: u32) -> u32 {
        let role = |ready| RoleFleet {
            asked: ready,
            ready,
            ..RoleFleet::default()
        };
        let ground = Ground {
            instances: 4,
            limits: Limits {
                max_surge: 4,
                max_unavailable: 0,
                max_exposure_unjudged: BasisPoints::FULL,
                max_exposure_unwatched: BasisPoints::ZERO,
                allow_downtime: false,
                weight_granularity: BasisPoints::saturating(1),
            },
            fleet: RoleFleets {
                stable: role(stable),
                candidate: role(candidate),
            },
            weight: BasisPoints::saturating(weight.into()),
            first_install: false,
            exclusive: false,
            ceiling: 8,
        };
        let (asked, judged) = (
            BasisPoints::saturating(asked.into()),
            BasisPoints::saturating(judged.into()),
        );
        repaired_weight(&ground, asked, judged).value()
    }

    #[test]
    fn nothing_moves_where_both_roles_carry_their_part() {
        assert_eq!(repaired(4, 1, 500, 500, 0), 500);
        assert_eq!(repaired(2, 2, 5_000, 5_000, 0), 5_000);
        assert_eq!(repaired(0, 4, 10_000, 10_000, 0), 10_000);
    }

    #[test]
    fn a_candidate_that_lost_capacity_loses_the_weight_that_stable_can_take() {
        assert_eq!(repaired(4, 1, 5_000, 5_000, 0), 2_500);
        assert_eq!(repaired(4, 0, 5_000, 5_000, 0), 0);
        assert_eq!(repaired(2, 0, 5_000, 5_000, 0), 0);
    }

    #[test]
    fn weight_never_goes_to_a_role_without_a_ready_instance() {
        assert_eq!(repaired(0, 3, 10_000, 10_000, 10_000), 10_000);
        assert_eq!(repaired(0, 0, 7_000, 10_000, 10_000), 7_000);
        assert_eq!(repaired(4, 0, 0, 0, 10_000), 0);
    }

    #[test]
    fn a_stable_that_lost_capacity_hands_over_no_more_than_was_judged() {
        assert_eq!(repaired(3, 4, 100, 100, 500), 500);
        assert_eq!(repaired(3, 4, 100, 100, 5_000), 2_500);
        assert_eq!(repaired(3, 4, 100, 100, 0), 100);
        assert_eq!(repaired(0, 4, 100, 100, 2_500), 2_500);
    }

    #[test]
    fn where_neither_is_enough_the_share_stays() {
        assert_eq!(repaired(2, 1, 5_000, 5_000, 5_000), 5_000);
        assert_eq!(repaired(2, 1, 2_500, 5_000, 5_000), 2_500);
    }
}

//! The way back, and what is left to do when nothing is being rolled out.
//!
//! The way back needs no plugin. It has no plan of its own either: each time it
//! looks at the fleet and does the next thing that is missing, so that it works
//! from every state, and does the same however often it is begun.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use super::directive::RoleFleet;
use super::entry::{Cause, DueItem, Entry, Operation, Outcome, Purpose};
use super::guardrail::carried_share;
use super::machine::{Machine, Next};
use super::port::{Call, Done, Intent};
use super::settings::{Begin, Kind};
use super::state::Rollout;
use super::step::Step;
use crate::digest::Digest;
use crate::fleet::{Fleet, Route};
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// The next thing that is missing on the way back.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Ask(Operation),
    /// It was asked for and takes its time.
    Time,
    Nothing,
}

impl Machine {
    pub(super) fn go_back(
        &mut self,
        now: Time,
        since: Time,
        cause: Cause,
        weightless: bool,
    ) -> Next {
        let fleet = match self.look_at_fleet(now, self.poll()) {
            Ok(fleet) => fleet,
            Err(next) => {
                return self
                    .stuck(now, since, cause, "the target does not answer")
                    .unwrap_or(next);
            }
        };
        let Some(rollout) = self.env.active() else {
            return Next::Again;
        };
        let free = fleet.route.weight(rollout.candidate()) == BasisPoints::ZERO;
        if free && !weightless {
            self.push(now, Entry::WentBack);
            return Next::Again;
        }
        let (reason, outcome) = (rollout.reason.clone(), rollout.way_back_outcome());
        if free && self.is_in_a_hurry() {
            return Next::Done(Done {
                outcome,
                cause,
                reason,
                resume_at: None,
            });
        }
        let patience = Millis(rollout.begin.settings.deadlines.progress.0 / 2);
        let is_patient = now < since.max(self.born) + patience;
        match rollout.missing(&fleet, is_patient) {
            Missing::Nothing => {
                self.push(
                    now,
                    Entry::Closed {
                        outcome,
                        cause,
                        reason,
                    },
                );
                Next::Again
            }
            Missing::Time => self
                .stuck(now, since, cause, &describe_fleet(rollout, &fleet))
                .unwrap_or(Next::Wait(self.next_poll(now))),
            Missing::Ask(operation) => self
                .stuck(now, since, cause, &describe_fleet(rollout, &fleet))
                .unwrap_or_else(|| self.ask_and_poll(now, operation, Purpose::Back)),
        }
    }

    /// Past its deadline the way back is stuck, and says so.
    fn stuck(&mut self, now: Time, since: Time, cause: Cause, why: &str) -> Option<Next> {
        let rollout = self.env.active()?;
        if now < self.deadline(since) {
            return None;
        }
        let took = now.since(since);
        let reason = format!(
            "{}; the way back is stuck after {took}: {why}",
            rollout.reason
        );
        self.push(
            now,
            Entry::Closed {
                outcome: Outcome::Stuck,
                cause,
                reason: reason.clone(),
            },
        );
        Some(Next::Done(Done {
            outcome: Outcome::Stuck,
            cause,
            reason,
            resume_at: None,
        }))
    }

    /// Nothing is being rolled out: do what is due, then begin what is wanted.
    pub(super) fn rest(&mut self, now: Time) -> Next {
        let pointless = self.why_not_begin();
        let begins = pointless.is_none() && !matches!(self.intent, Intent::Resume);
        if !self.is_in_a_hurry()
            && let Some(next) = self.work_off_due(now, begins)
        {
            return next;
        }
        if let Some(done) = pointless {
            return Next::Done(done);
        }
        let (begin, kind) = match &self.intent {
            Intent::Resume => return Next::Done(self.last_done()),
            Intent::Deploy(begin) => (begin.clone(), Kind::Strategy),
            Intent::Rollback(begin) => (begin.clone(), Kind::Rollback),
        };
        self.intent = Intent::Resume;
        self.begin(now, begin, kind)
    }

    /// What there is to say where the wanted release need not, or must not, be
    /// rolled out.
    fn why_not_begin(&self) -> Option<Done> {
        let (begin, by_person) = match &self.intent {
            Intent::Resume => return None,
            Intent::Deploy(begin) => (begin, begin.retry),
            Intent::Rollback(begin) => (begin, true),
        };
        let (digest, name) = (begin.candidate.digest, begin.candidate.revision.short());
        let stable = self.env.stable.as_ref().map(|stable| stable.digest);
        if stable == Some(digest) {
            return Some(Done {
                outcome: Outcome::Succeeded,
                cause: Cause::AlreadyServing,
                reason: format!("already serving: {name}"),
                resume_at: None,
            });
        }
        if !by_person && self.env.rolled_back.contains(&digest) {
            return Some(Done {
                outcome: Outcome::Refused,
                cause: Cause::RolledBackBefore,
                reason: format!(
                    "{name} was rolled back before; it needs a retry to be rolled out again"
                ),
                resume_at: None,
            });
        }
        None
    }

    fn begin(&mut self, now: Time, begin: Box<Begin>, kind: Kind) -> Next {
        let stable = self.env.stable.clone();
        let program = if stable.is_none() {
            Kind::FirstInstall
        } else {
            kind
        };
        self.staged = false;
        self.measured = None;
        self.issued = None;
        self.seen = None;
        self.push(
            now,
            Entry::Began {
                begin,
                program,
                stable,
            },
        );
        Next::Again
    }

    /// How the last rollout ended, where nothing else is to be said.
    pub(super) fn last_done(&self) -> Done {
        let over = self
            .env
            .rollout
            .as_ref()
            .map(|rollout| (&rollout.step, &rollout.reason));
        match over {
            Some((Step::Over { outcome, cause, .. }, reason)) => Done {
                outcome: *outcome,
                cause: *cause,
                reason: reason.clone(),
                resume_at: None,
            },
            Some(_) | None => Done {
                outcome: Outcome::Succeeded,
                cause: Cause::AlreadyServing,
                reason: "nothing to do".to_string(),
                resume_at: None,
            },
        }
    }

    /// Retire and discard what is due. A new rollout does not wait for warm
    /// windows: what it finds warm is stopped first, unless it is what is
    /// wanted again.
    fn work_off_due(&mut self, now: Time, begins: bool) -> Option<Next> {
        let wanted = match &self.intent {
            Intent::Deploy(begin) | Intent::Rollback(begin) => Some(begin.candidate.digest),
            Intent::Resume => None,
        };
        let item = self.present_due(now, wanted, begins)?;
        let deadlines = self
            .env
            .rollout
            .as_ref()
            .map_or_else(Default::default, |rollout| rollout.begin.settings.deadlines);
        let since = *self.due_since.get_or_insert(now);
        if now.since(since) >= deadlines.progress {
            self.give_up(item);
            return Some(Next::Again);
        }
        let fleet = match self.look_at_fleet(now, deadlines.poll) {
            Ok(fleet) => fleet,
            Err(next) => return Some(next),
        };
        Some(self.work_off(now, item, &fleet, now + deadlines.poll))
    }

    fn present_due(&self, now: Time, wanted: Option<Digest>, begins: bool) -> Option<DueItem> {
        let is_present = |item: DueItem, at: Time| {
            let is_free = Some(item.digest()) != wanted && !self.given_up.contains(&item);
            is_free && (at <= now || begins)
        };
        let due = self.env.due.iter();
        due.map(|due| (due.item, due.at))
            .find(|(item, at)| is_present(*item, *at))
            .map(|(item, _)| item)
    }

    fn give_up(&mut self, item: DueItem) {
        self.given_up.push(item);
        self.due_since = None;
    }

    /// The target refuses what is due: whoever comes next may try again.
    pub(super) fn give_up_due(&mut self, call: &Call) {
        if let Call::Act(Operation::Scale { digest, .. } | Operation::Discard { digest }) = call {
            self.give_up(DueItem::Retire(*digest));
            self.give_up(DueItem::Discard(*digest));
        }
    }

    fn work_off(&mut self, now: Time, item: DueItem, fleet: &Fleet, poll: Time) -> Next {
        let (DueItem::Retire(digest) | DueItem::Discard(digest)) = item;
        let stable = self.env.stable.as_ref().map(|stable| stable.digest);
        let needed = stable == Some(digest) || fleet.route.weight(digest) > BasisPoints::ZERO;
        let instances = fleet.of(digest);
        let is_gone =
            instances.asked == 0 && instances.ready + instances.starting + instances.draining == 0;
        let is_known = fleet.instances.iter().any(|known| known.digest == digest);
        let done = match item {
            _ if needed => true,
            DueItem::Retire(_) => is_gone,
            DueItem::Discard(_) => !is_known,
        };
        if done {
            self.due_since = None;
            self.push(now, Entry::DueDone { item });
            return Next::Again;
        }
        let operation = match item {
            DueItem::Discard(_) if is_gone => Operation::Discard { digest },
            DueItem::Retire(_) | DueItem::Discard(_) if instances.asked > 0 => Operation::Scale {
                digest,
                instances: 0,
            },
            DueItem::Retire(_) | DueItem::Discard(_) => return Next::Wait(poll),
        };
        match self.ask(now, operation, Purpose::Due) {
            Next::Wait(until) => Next::Wait(until.min(poll)),
            next => next,
        }
    }
}

impl Rollout {
    fn way_back_outcome(&self) -> Outcome {
        match self.kind {
            Kind::Strategy if self.stable.is_some() => Outcome::RolledBack,
            Kind::Strategy | Kind::FirstInstall | Kind::Rollback => Outcome::Failed,
        }
    }

    /// The next thing that is missing. Patience is for stable's capacity: once
    /// it is over, a candidate on its way out keeps no traffic and no instance
    /// because stable lacks some of its own.
    fn missing(&self, fleet: &Fleet, is_patient: bool) -> Missing {
        let candidate = self.candidate();
        let roles = self.roles(fleet);
        let (s, c) = (roles.stable, roles.candidate);
        let Some(stable) = self.stable_digest() else {
            if fleet.route != Route::NONE {
                return Missing::Ask(Operation::Route { route: Route::NONE });
            }
            return stop(candidate, c);
        };
        if self.exclusive && s.total() == 0 && c.total() > 0 {
            // Both at once is what a recreate must not have.
            return stop(candidate, c);
        }
        let settings = &self.begin.settings;
        let n = settings.instances;
        let floor = settings.limits.floor(n);
        let weight = fleet.route.weight(candidate);
        let wanted = match (s.ready, c.ready) {
            (0, _) => weight,
            (_, 1..) if is_patient => weight.min(carried_share(s.ready, floor).rest()),
            (_, _) => BasisPoints::ZERO,
        };
        if s.ready > 0 && !self.is_routed(&fleet.route, wanted) {
            return Missing::Ask(Operation::Route {
                route: self.route_for(wanted),
            });
        }
        if s.asked < n {
            return match room_for(s, c, n) {
                0 => Missing::Time,
                room => Missing::Ask(Operation::Scale {
                    digest: stable,
                    instances: s.asked + room.min(n - s.asked),
                }),
            };
        }
        if weight > BasisPoints::ZERO || (s.ready < floor && is_patient) {
            return Missing::Time;
        }
        stop(candidate, c)
    }
}

/// How many instances may be added on the way back: up to 2n in all.
fn room_for(stable: RoleFleet, candidate: RoleFleet, n: u32) -> u32 {
    let living = stable.asked.max(stable.ready + stable.starting);
    n.saturating_mul(2)
        .saturating_sub(living + stable.draining + candidate.total())
}

fn stop(digest: Digest, role: RoleFleet) -> Missing {
    if role.asked > 0 {
        Missing::Ask(Operation::Scale {
            digest,
            instances: 0,
        })
    } else if role.total() > 0 {
        Missing::Time
    } else {
        Missing::Nothing
    }
}

fn describe_fleet(rollout: &Rollout, fleet: &Fleet) -> alloc::string::String {
    let roles = rollout.roles(fleet);
    let trouble = rollout
        .stable_digest()
        .and_then(|digest| fleet.of(digest).trouble)
        .map_or_else(Default::default, |why| format!("; {why}"));
    format!(
        "{} of {} stable instances are ready, {} candidates, and the candidate has {} of the traffic{trouble}",
        roles.stable.ready,
        rollout.begin.settings.instances,
        roles.candidate.ready,
        fleet.route.weight(rollout.candidate()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{begun, digest, fleet};
    use super::*;

    fn missing(fleet: &Fleet, is_patient: bool) -> Option<Missing> {
        begun()
            .active()
            .map(|rollout| rollout.missing(fleet, is_patient))
    }

    fn route(weight: u32) -> Option<Missing> {
        let weight = BasisPoints::saturating(weight.into());
        let route = Route::split(digest(1), digest(2), weight);
        Some(Missing::Ask(Operation::Route { route }))
    }

    fn scale(number: u8, instances: u32) -> Option<Missing> {
        let digest = digest(number);
        Some(Missing::Ask(Operation::Scale { digest, instances }))
    }

    #[test]
    fn a_whole_stable_gets_everything_in_one_call_and_then_the_candidate_stops() {
        assert_eq!(missing(&fleet((4, 4, 0), (1, 1, 0), 500), true), route(0));
        assert_eq!(missing(&fleet((4, 4, 0), (1, 1, 0), 0), true), scale(2, 0));
        assert_eq!(
            missing(&fleet((4, 4, 0), (0, 0, 1), 0), true),
            Some(Missing::Time)
        );
        assert_eq!(
            missing(&fleet((4, 4, 0), (0, 0, 0), 0), true),
            Some(Missing::Nothing)
        );
    }

    #[test]
    fn a_small_stable_gets_what_it_carries_and_grows() {
        assert_eq!(
            missing(&fleet((1, 1, 0), (3, 3, 0), 10_000), true),
            route(7_500)
        );
        assert_eq!(
            missing(&fleet((1, 1, 0), (3, 3, 0), 7_500), true),
            scale(1, 4)
        );
        assert_eq!(
            missing(&fleet((4, 1, 0), (3, 3, 0), 7_500), true),
            Some(Missing::Time)
        );
    }

    #[test]
    fn there_are_never_more_than_twice_as_many_instances() {
        assert_eq!(
            missing(&fleet((0, 0, 2), (4, 4, 0), 10_000), true),
            scale(1, 2)
        );
        assert_eq!(
            missing(&fleet((0, 0, 4), (4, 4, 0), 10_000), true),
            Some(Missing::Time)
        );
    }

    #[test]
    fn a_candidate_that_answers_nothing_loses_its_weight_at_once() {
        assert_eq!(missing(&fleet((2, 1, 0), (4, 0, 0), 5_000), true), route(0));
    }

    #[test]
    fn a_stable_that_lacks_an_instance_does_not_keep_the_candidate_for_ever() {
        let fleet_now = fleet((4, 3, 0), (4, 4, 0), 2_500);
        assert_eq!(missing(&fleet_now, true), Some(Missing::Time));
        assert_eq!(missing(&fleet_now, false), route(0));
        let weightless = fleet((4, 3, 0), (4, 4, 0), 0);
        assert_eq!(missing(&weightless, true), Some(Missing::Time));
        assert_eq!(missing(&weightless, false), scale(2, 0));
    }

    #[test]
    fn traffic_is_never_given_to_a_stable_without_anybody() {
        let fleet_now = fleet((4, 0, 0), (4, 4, 0), 10_000);
        assert_eq!(missing(&fleet_now, true), Some(Missing::Time));
        assert_eq!(missing(&fleet_now, false), Some(Missing::Time));
    }
}

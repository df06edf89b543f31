//! The way forward: staging, decisions, and carrying out directives.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use super::directive::{Decision, Directive, Ending, RoleFleet, View};
use super::entry::{Cause, Entry, Operation, Purpose};
use super::guardrail::{Ground, Guardrail, Refusal};
use super::machine::{Machine, Next};
use super::memory::MOST_MEMORY;
use super::port::Call;
use super::program;
use super::settings::Kind;
use super::state::Rollout;
use crate::fleet::{Fleet, Instances};
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// Guardrail G10: more decisions than any sensible rollout has.
const MOST_DECISIONS: u32 = 1_000;
/// Guardrail G10: nobody waits longer for evidence or for a person.
const MOST_PATIENCE: Millis = Millis::from_secs(30 * 24 * 3600);
/// How many characters of a sentence for people are kept.
pub(super) const SENTENCE: usize = 500;

impl Machine {
    fn rollout(&self) -> &Rollout {
        self.env
            .rollout
            .as_ref()
            .expect("called only while a rollout is active")
    }

    pub(super) fn poll(&self) -> Millis {
        self.rollout().begin.settings.deadlines.poll
    }

    /// When a state that began at `since` is too late: each run has the full
    /// time, for a killed one could not use it, and tests of the candidate take
    /// theirs.
    pub(super) fn deadline(&self, since: Time) -> Time {
        let rollout = self.rollout();
        let since = since.max(self.born).max(rollout.verified.unwrap_or(since));
        since + rollout.begin.settings.deadlines.progress
    }

    pub(super) fn stage(&mut self, now: Time, since: Time) -> Next {
        let rollout = self.rollout();
        if now >= self.deadline(since) {
            let reason = "the target did not take the release in time".into();
            return self.turn_back(now, Cause::Deadline, reason);
        }
        // What a rollback goes to is staged: it served.
        if !self.staged && rollout.kind != Kind::Rollback {
            return Next::call(Call::Stage(rollout.begin.candidate.clone()));
        }
        let (stable, candidate) = (rollout.stable_digest(), rollout.candidate());
        let Some((_, counted)) = self.measured.take() else {
            return Next::call(Call::Measure { stable, candidate });
        };
        let restarts = |digest| self.fleet().map_or(0, |fleet| fleet.of(digest).restarts);
        let entry = Entry::Baseline {
            stable: counted.stable,
            candidate: counted.candidate,
            stable_restarts: stable.map_or(0, restarts),
            candidate_restarts: restarts(candidate),
        };
        self.push(now, entry);
        self.push(now, Entry::Staged);
        Next::Again
    }

    pub(super) fn decide(&mut self, now: Time, since: Time) -> Next {
        let rollout = self.rollout();
        let awaits_approval = rollout.awaits_approval();
        // A hold that has expired twice is not begun again.
        if rollout.pause || (awaits_approval && rollout.expiries < 2) {
            let until = now + rollout.begin.settings.deadlines.hold;
            let reason = match awaits_approval {
                true => "a person is to approve of this release".into(),
                false => "paused by a person".into(),
            };
            self.push(
                now,
                Entry::Holding {
                    reason,
                    until,
                    pause: true,
                },
            );
            return Next::Again;
        }
        if rollout.decisions >= MOST_DECISIONS {
            let reason = format!("{MOST_DECISIONS} decisions without an end");
            self.push(
                now,
                Entry::Refused {
                    guardrail: Guardrail::G10,
                    reason: reason.clone(),
                },
            );
            return self.turn_back(now, Cause::Guardrail, format!("G10: {reason}"));
        }
        if rollout.expiries >= 2 {
            let reason = "two holds in a row expired and nobody said go on".into();
            return self.turn_back(now, Cause::HoldExpired, reason);
        }
        if now >= self.deadline(since) {
            return self.turn_back(now, Cause::Deadline, "no decision in time".into());
        }
        let fleet = match self.look_at_fleet(now, self.poll()) {
            Ok(fleet) => fleet,
            Err(next) => return next,
        };
        let view = self.view(now, &fleet);
        match self.rollout().kind {
            Kind::Strategy => Next::call(Call::Decide(Box::new(view))),
            Kind::FirstInstall => {
                let bake = self.rollout().begin.settings.deadlines.first_bake;
                self.take_decision(now, program::first_install(&view, bake));
                Next::Again
            }
            Kind::Rollback => {
                self.take_decision(now, program::rollback(&view));
                Next::Again
            }
        }
    }

    fn view(&self, now: Time, fleet: &Fleet) -> View {
        let rollout = self.rollout();
        let settings = &rollout.begin.settings;
        View {
            config: settings.strategy.config.clone(),
            instances: settings.instances,
            limits: settings.limits,
            on_no_evidence: settings.on_no_evidence,
            memory: rollout.memory.clone(),
            fleet: rollout.roles(fleet),
            weight: rollout.weight,
            elapsed: now.since(rollout.started),
            decisions: rollout.decisions,
            last: rollout.last.clone(),
            judgement: rollout.judgement.clone(),
            promote_full: rollout.promote_full,
        }
    }

    pub(super) fn take_decision(&mut self, now: Time, mut decision: Decision) {
        if decision.memory.len() > MOST_MEMORY {
            let size = decision.memory.len();
            let reason =
                format!("the strategy wants to keep {size} bytes, more than {MOST_MEMORY}");
            self.turn_back(now, Cause::PluginFailed, reason);
            return;
        }
        shorten(&mut decision.reason);
        if let Directive::Hold { reason, .. } | Directive::Abort { reason } =
            &mut decision.directive
        {
            shorten(reason);
        }
        let rollout = self.rollout();
        let fleet = self.fleet().cloned().unwrap_or_default();
        let refusal = rollout
            .check_given(&rollout.ground(&fleet), &decision.directive)
            .err();
        if let Some(Refusal { guardrail, reason }) = refusal {
            self.push(
                now,
                Entry::Refused {
                    guardrail,
                    reason: reason.clone(),
                },
            );
            let what = decision.directive.in_words();
            let reason = format!("guardrail {guardrail} refused to {what}: {reason}");
            self.turn_back(now, Cause::Guardrail, reason);
        } else {
            self.push(now, Entry::Decided { decision });
        }
        self.issued = None;
        (self.trouble_since, self.calm_since) = (None, None);
    }

    pub(super) fn act(&mut self, now: Time, directive: &Directive, since: Time) -> Next {
        match directive {
            Directive::Scale { stable, candidate } => self.scale(now, since, *stable, *candidate),
            Directive::Route(weight) => self.route(now, since, *weight),
            Directive::Observe { max, .. } => self.observe(now, since, *max),
            Directive::Hold { reason, timeout } => {
                let usual = self.rollout().begin.settings.deadlines.hold;
                let timeout = if *timeout == Millis::ZERO {
                    usual
                } else {
                    *timeout
                };
                let reason = reason.clone();
                self.push(
                    now,
                    Entry::Holding {
                        reason,
                        until: now + timeout,
                        pause: false,
                    },
                );
                Next::Again
            }
            Directive::Finish { keep_warm } => self.finish(now, since, *keep_warm),
            Directive::Abort { reason } => self.turn_back(now, Cause::Strategy, reason.clone()),
        }
    }

    /// Ends when the ready instances are as asked. Instances of stable that
    /// are down are the weather's, not of a step that made candidates: a
    /// release that mends a broken one must get through.
    fn scale(&mut self, now: Time, since: Time, stable: u32, candidate: u32) -> Next {
        let fleet = match self.watch_fleet(now) {
            Ok(fleet) => fleet,
            Err(next) => return next,
        };
        let rollout = self.rollout();
        let (asked, ground) = (rollout.asked, rollout.ground(&fleet));
        let made_candidates = matches!(
            &self.issued,
            Some((Operation::Scale { digest, .. }, _)) if *digest == rollout.candidate()
        );
        let settled = |role: RoleFleet, wanted: u32, excused: bool| {
            let is_ready = role.ready == wanted || (excused && role.ready < wanted);
            role.asked == wanted && is_ready && (wanted > 0 || role.total() == 0)
        };
        if settled(ground.fleet.stable, stable, made_candidates)
            && settled(ground.fleet.candidate, candidate, false)
        {
            let verified = match candidate {
                0 => None,
                _ => self.verify(now, since, &fleet),
            };
            return verified.unwrap_or_else(|| self.reached(now));
        }
        if now >= self.deadline(since) {
            let reason = too_few(&fleet.of(rollout.candidate()), candidate, now.since(since));
            return self.turn_back(now, Cause::Deadline, reason);
        }
        if let Some(next) = self.repair(now, &fleet, asked) {
            return next;
        }
        match self.rollout().next_scale(&ground, stable, candidate) {
            Some(operation) => self.ask_and_poll(now, operation, Purpose::Forward),
            None => Next::Wait(self.next_poll(now).min(self.deadline(since))),
        }
    }

    fn route(&mut self, now: Time, since: Time, weight: BasisPoints) -> Next {
        let fleet = match self.watch_fleet(now) {
            Ok(fleet) => fleet,
            Err(next) => return next,
        };
        let rollout = self.rollout();
        let (route, present) = (rollout.route_for(weight), rollout.weight);
        if rollout.is_routed(&fleet.route, weight) {
            return self.reached(now);
        }
        let standing = rollout.standing_for_guardrails();
        let refusal = rollout.ground(&fleet).check_route(weight, standing).err();
        if now >= self.deadline(since) {
            let why = refusal.map_or("the target does not show it".to_string(), |r| r.reason);
            let reason = format!("{weight} of the traffic was not reached: {why}");
            return self.turn_back(now, Cause::Deadline, reason);
        }
        if refusal.is_none() {
            if weight > BasisPoints::ZERO
                && let Some(next) = self.verify(now, since, &fleet)
            {
                return next;
            }
            return self.ask_and_poll(now, Operation::Route { route }, Purpose::Forward);
        }
        let poll = self.next_poll(now).min(self.deadline(since));
        self.repair(now, &fleet, present)
            .unwrap_or(Next::Wait(poll))
    }

    fn finish(&mut self, now: Time, since: Time, keep_warm: Millis) -> Next {
        let fleet = match self.watch_fleet(now) {
            Ok(fleet) => fleet,
            Err(next) => return next,
        };
        let rollout = self.rollout();
        let asked = rollout.asked;
        let standing = rollout.standing_for_guardrails();
        match rollout.ground(&fleet).check_finish(standing) {
            Ok(()) => {
                let reason = rollout.reason.clone();
                self.push(now, Entry::Finished { keep_warm, reason });
                Next::Again
            }
            // Once weight had to be taken away, what was judged is no more.
            Err(refusal) if now >= self.deadline(since) || !standing.baked => self.turn_back(
                now,
                Cause::Deadline,
                format!("cannot finish: {}", refusal.reason),
            ),
            Err(_) => {
                let poll = self.next_poll(now).min(self.deadline(since));
                let nobody = rollout.roles(&fleet).candidate.ready == 0;
                let repair = if nobody {
                    self.repair(now, &fleet, asked)
                } else {
                    None
                };
                repair.unwrap_or(Next::Wait(poll))
            }
        }
    }

    pub(super) fn hold(&mut self, now: Time, until: Time) -> Next {
        if now >= until {
            self.end_wait(now, Ending::HoldExpired);
            return Next::Again;
        }
        let asked = self.rollout().asked;
        match self.watch_fleet(now) {
            Ok(fleet) => self
                .repair(now, &fleet, asked)
                .unwrap_or(Next::Wait(self.next_look(now).min(until))),
            Err(next) => next,
        }
    }

    fn reached(&mut self, now: Time) -> Next {
        self.end_wait(now, Ending::Reached);
        Next::Again
    }

    pub(super) fn next_poll(&self, now: Time) -> Time {
        now + self.poll()
    }

    pub(super) fn ask_and_poll(
        &mut self,
        now: Time,
        operation: Operation,
        purpose: Purpose,
    ) -> Next {
        match self.ask(now, operation, purpose) {
            Next::Wait(until) => Next::Wait(until.min(self.next_poll(now))),
            next => next,
        }
    }
}

impl Rollout {
    /// What guardrails may count on, for this kind of rollout: the host's own
    /// programs need no judge, and G6 binds them all.
    pub(super) fn standing_for_guardrails(&self) -> super::Standing {
        let mut standing = self.standing;
        if self.kind == Kind::Rollback {
            standing.waived = true;
            standing.baked = true;
        }
        standing
    }

    /// Whether a directive is refused for good: judged as if all that was
    /// asked for were there.
    fn check_given(&self, ground: &Ground, directive: &Directive) -> Result<(), Refusal> {
        let standing = self.standing_for_guardrails();
        let asked = ground.as_asked();
        if standing.failing && !matches!(directive, Directive::Abort { .. }) {
            let reason = "a verdict was failing, and after that there is only the way back".into();
            return Err(Refusal {
                guardrail: Guardrail::G6,
                reason,
            });
        }
        match directive {
            Directive::Scale { stable, candidate } => asked.check_scale(*stable, *candidate),
            Directive::Route(weight) => asked.check_route(*weight, standing),
            Directive::Finish { .. } => asked.check_finish(standing),
            Directive::Observe { max: time, .. } | Directive::Hold { timeout: time, .. } => {
                check_patience(*time)
            }
            Directive::Abort { .. } => Ok(()),
        }
    }

    /// The next change of the number of instances that a `scale` needs and the
    /// guardrails allow now: new ones first.
    fn next_scale(&self, ground: &Ground, stable: u32, candidate: u32) -> Option<Operation> {
        let (s, c) = (ground.fleet.stable, ground.fleet.candidate);
        let weight = ground.weight;
        let sides = [
            (self.stable_digest(), s, c, stable, weight.rest()),
            (Some(self.candidate()), c, s, candidate, weight),
        ];
        let grow = sides.iter().find(|(_, present, other, wanted, _)| {
            *wanted > present.asked && ground.may_grow(*present, *other, *wanted)
        });
        let shrink = sides.iter().find(|(_, present, other, wanted, weight)| {
            *wanted < present.asked && ground.may_shrink(*present, *other, *wanted, *weight)
        });
        let (digest, _, _, instances, _) = *grow.or(shrink)?;
        let digest = digest?;
        Some(Operation::Scale { digest, instances })
    }
}

fn check_patience(time: Millis) -> Result<(), Refusal> {
    if time <= MOST_PATIENCE {
        return Ok(());
    }
    let reason = format!("{time} is longer than anybody waits ({MOST_PATIENCE})");
    Err(Refusal {
        guardrail: Guardrail::G10,
        reason,
    })
}

fn too_few(candidates: &Instances, wanted: u32, took: Millis) -> String {
    let ready = candidates.ready;
    let trouble = candidates
        .trouble
        .as_ref()
        .map_or(String::new(), |why| format!(": {why}"));
    format!("{ready} of {wanted} candidate instances became ready in {took}{trouble}")
}

/// Cut a sentence of a plugin to what people read and the state can keep.
pub(super) fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
}

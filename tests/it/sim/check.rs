//! What must hold after every transition, whatever happens; written without
//! the guardrails' code.

use baepo_core::digest::Digest;
use baepo_core::fleet::{Fleet, Route};
use baepo_core::rollout::{
    Cause, Command, Directive, Entry, Kind, OnNoEvidence, Operation, Outcome, Purpose, Record,
};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Phase, Verdict};
use baepo_core::weight::BasisPoints;

use super::case::{Case, Tests};

/// What a checker knows, all of it from records, acts and the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Checker {
    n: u32,
    floor: u32,
    surge: u32,
    unjudged: u32,
    on_health: bool,
    calm: bool,
    /// Since when the way back lasts.
    back: Option<Time>,
    patience: Millis,
    kind: Option<Kind>,
    stable: Option<Digest>,
    candidate: Digest,
    exclusive: bool,
    /// Whether the candidate is to be tested before it gets traffic, and has
    /// passed.
    tested: bool,
    passed: bool,
    judged: bool,
    failing: bool,
    bake: bool,
    baked: bool,
    observing: bool,
    decisions: u32,
    begun: bool,
    weight: u32,
    total: u32,
    asked: Option<Operation>,
    back_routes: Option<u32>,
    /// Stable at the beginning of the way back was whole.
    whole: bool,
    ready: u32,
    /// Somebody has the right to an end of the way forward.
    must_turn: bool,
    grain: u32,
    /// The share that the strategy asked for, as the target can give it.
    share_asked: u32,
    /// The largest share that was judged good.
    share_judged: u32,
    pub(crate) routes: u32,
}

type Check = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

fn weights(fleet: &Fleet, digest: Digest) -> u32 {
    fleet.route.weight(digest).value()
}

fn total(fleet: &Fleet) -> u32 {
    fleet
        .instances
        .iter()
        .map(|i| i.ready + i.starting + i.draining)
        .sum()
}

impl Checker {
    pub(crate) fn new(case: &Case, fleet: &Fleet) -> Checker {
        Checker {
            n: case.n,
            floor: case.n.saturating_sub(case.unavailable).max(1),
            surge: case.surge,
            unjudged: case.unjudged,
            on_health: case.policy == OnNoEvidence::ContinueOnHealth,
            calm: case.is_calm(),
            back: None,
            patience: Millis(case.settings().deadlines.progress.0 / 2),
            kind: None,
            stable: None,
            candidate: super::case::NEW,
            exclusive: false,
            tested: case.tests != Tests::None,
            passed: false,
            judged: false,
            failing: false,
            bake: false,
            baked: false,
            observing: false,
            decisions: 0,
            begun: false,
            weight: 0,
            total: total(fleet),
            asked: None,
            back_routes: None,
            whole: false,
            ready: 0,
            must_turn: false,
            grain: case.grain,
            share_asked: 0,
            share_judged: 0,
            routes: 0,
        }
    }

    pub(crate) fn record(&mut self, record: &Record, fleet: &Fleet) -> Check {
        let weight = weights(fleet, self.candidate);
        match &record.entry {
            Entry::Began {
                begin,
                program,
                stable,
            } => {
                let fresh = Checker {
                    kind: Some(*program),
                    stable: stable.as_ref().map(|stable| stable.digest),
                    candidate: begin.candidate.digest,
                    begun: true,
                    passed: false,
                    judged: false,
                    failing: false,
                    exclusive: false,
                    back: None,
                    back_routes: None,
                    bake: false,
                    baked: false,
                    decisions: 0,
                    must_turn: false,
                    share_asked: 0,
                    share_judged: 0,
                    ..self.clone()
                };
                *self = fresh;
                self.weight = weights(fleet, self.candidate);
            }
            Entry::Decided { decision } => {
                self.still_forward()?;
                if let Directive::Route(weight) = decision.directive {
                    self.share_asked = weight.value().div_ceil(self.grain) * self.grain;
                }
                self.decisions += 1;
                let nothing = Directive::Scale {
                    stable: 0,
                    candidate: 0,
                };
                self.exclusive |= decision.directive == nothing;
                self.observing = matches!(decision.directive, Directive::Observe { .. });
                ensure(self.decisions <= 1_000, || {
                    "more than 1,000 decisions".into()
                })?;
                let back = matches!(decision.directive, Directive::Abort { .. });
                ensure(!self.failing || back, || {
                    "a decision after a failing verdict".into()
                })?;
            }
            Entry::WindowBegan { phase, .. } => {
                self.bake = *phase == Phase::Bake && weight == 10_000;
                self.baked = false;
            }
            Entry::Looked {
                judgement,
                last_look,
                ..
            } => {
                self.failing |= judgement.verdict == Verdict::Failing;
                let waives = self.on_health || self.kind == Some(Kind::FirstInstall);
                let waived = waives
                    && judgement.health == Verdict::Healthy
                    && judgement.verdict == Verdict::Inconclusive;
                let good = judgement.verdict == Verdict::Healthy || waived;
                let is_strategy = self.kind == Some(Kind::Strategy);
                let has_share = weight == self.share_asked || !is_strategy;
                ensure(!good || !*last_look || has_share, || {
                    format!("judged good at {weight}, not at {}", self.share_asked)
                })?;
                if *last_look && self.observing && good {
                    self.judged = true;
                    self.baked = self.bake;
                    self.share_judged = self.share_judged.max(weight);
                }
            }
            Entry::Signalled { signal } => match signal.command {
                Command::Promote | Command::PromoteFull => {
                    self.judged = true;
                    self.baked |= self.bake;
                }
                Command::Abort | Command::Superseded | Command::Unwatched | Command::Failing => {
                    self.must_turn_back()
                }
                Command::Approve | Command::Pause | Command::Resume => {}
            },
            Entry::TurnedBack { .. } => {
                self.must_turn = false;
                self.back = Some(record.at);
                self.back_routes = Some(self.routes);
                let stable = self.stable.map(|stable| fleet.of(stable));
                self.whole = stable.is_some_and(|s| s.ready == self.n && s.asked == self.n);
            }
            Entry::WentBack => {
                let used = self.routes - self.back_routes.unwrap_or(0);
                ensure(!(self.whole && self.calm) || used <= 1, || {
                    format!("{used} route calls to give all traffic back to a whole stable")
                })?;
            }
            Entry::Asked { operation, purpose } => {
                if *purpose == Purpose::Forward {
                    self.still_forward()?;
                }
                self.asked = Some(operation.clone());
            }
            Entry::Finished { .. } => {
                self.still_forward()?;
                let rollback = self.kind == Some(Kind::Rollback);
                ensure(self.baked || rollback, || "finished without a bake".into())?;
                ensure(weight == 10_000, || format!("finished at {weight}"))?;
                let ready = fleet.of(self.candidate).ready;
                ensure(!self.calm || ready == self.n, || {
                    format!("finished with {ready}")
                })?;
                self.stable = Some(self.candidate);
                self.kind = None;
            }
            Entry::Closed { .. } => self.kind = None,
            Entry::Verified { verified } => {
                self.passed = verified.iter().all(|found| found.objection().is_none());
            }
            Entry::Flapped
            | Entry::Weighed { .. }
            | Entry::Staged
            | Entry::Baseline { .. }
            | Entry::Refused { .. }
            | Entry::Ended { .. }
            | Entry::Holding { .. }
            | Entry::Unpaused
            | Entry::DueDone { .. } => {}
        }
        Ok(())
    }

    /// A person, or a newer release, ends the way forward.
    pub(crate) fn must_turn_back(&mut self) {
        self.must_turn = self.back.is_none() && self.kind.is_some();
    }

    fn still_forward(&self) -> Check {
        ensure(!self.must_turn, || {
            "it goes on, and was told to go back".into()
        })
    }

    /// A mutant's act is as if it had been recorded, so that what it does is
    /// what is noticed.
    pub(crate) fn expect_act(&mut self, operation: &Operation) {
        self.asked = Some(operation.clone());
    }

    /// Before an act: judged against the fleet as it is.
    pub(crate) fn act(&mut self, now: Time, operation: &Operation, fleet: &Fleet) -> Check {
        ensure(self.asked.as_ref() == Some(operation), || {
            "an act without a record".into()
        })?;
        match operation {
            Operation::Route { route } => {
                self.routes += 1;
                ensure(route.is_valid(), || format!("{route:?} is not valid"))?;
                for share in self.really(route).shares() {
                    let before = weights(fleet, share.digest);
                    let ready = fleet.of(share.digest).ready;
                    if share.weight.value() > before {
                        self.may_grow(now, share.digest, share.weight.value(), ready, fleet)?;
                    }
                }
                Ok(())
            }
            Operation::Scale { digest, instances } => {
                let bare = *instances == 0 && weights(fleet, *digest) > 0 && !self.exclusive;
                ensure(!bare, || {
                    format!("{digest:?} has traffic and is to have no instance")
                })
            }
            Operation::Discard { digest } => ensure(Some(*digest) != self.stable, || {
                "stable is to be forgotten".into()
            }),
        }
    }

    /// What a target with coarse shares makes of a route.
    fn really(&self, route: &Route) -> Route {
        match (self.stable, route.shares().len()) {
            (Some(stable), 2) => {
                let weight = route.weight(self.candidate).value();
                let real = weight.div_ceil(self.grain) * self.grain;
                Route::split(stable, self.candidate, BasisPoints::saturating(real.into()))
            }
            _ => route.clone(),
        }
    }

    fn may_grow(&self, now: Time, digest: Digest, to: u32, ready: u32, fleet: &Fleet) -> Check {
        ensure(ready > 0, || {
            format!("{to} to {digest:?}, which has nobody ready")
        })?;
        let is_known = self.kind == Some(Kind::Rollback) || digest != self.candidate;
        ensure(!self.tested || self.passed || is_known, || {
            format!("{to} to a candidate that was not tested")
        })?;
        let mends = digest != self.candidate && fleet.of(self.candidate).ready == 0;
        let late = self.back.is_some_and(|since| now >= since + self.patience);
        let free = self.stable.is_none() || self.exclusive || mends || late;
        let carried = u64::from(ready) * 10_000 + u64::from(self.floor)
            >= u64::from(to) * u64::from(self.floor);
        ensure(free || carried, || {
            format!("{ready} of {digest:?} cannot carry {to}")
        })
    }

    /// After every change of the fleet.
    pub(crate) fn fleet(&mut self, fleet: &Fleet) -> Check {
        let weight = weights(fleet, self.candidate);
        let (was, had) = (self.weight, self.total);
        (self.weight, self.total) = (weight, total(fleet));
        if !self.begun {
            return Ok(());
        }
        ensure(fleet.route.is_valid(), || {
            format!("{:?} is not valid", fleet.route)
        })?;
        let host = matches!(self.kind, Some(Kind::FirstInstall | Kind::Rollback));
        let ceiling = match self.kind {
            Some(Kind::Strategy) if self.back.is_none() => self.n + self.surge,
            _ => (2 * self.n).max(self.n + self.surge),
        };
        ensure(self.total <= ceiling.max(had), || {
            format!("{} instances in all, {ceiling} are allowed", self.total)
        })?;
        ensure(
            weight <= was || !(self.failing || self.back.is_some()),
            || format!("weight grew from {was} to {weight} after a reason to go back"),
        )?;
        ensure(
            weight <= was || weight <= self.unjudged || self.judged || host,
            || {
                format!(
                    "exposure {weight} is more than {} without a judgement",
                    self.unjudged
                )
            },
        )?;
        let known = self.share_asked.max(self.share_judged);
        ensure(weight <= was || weight <= known || host, || {
            format!("exposure {weight} is neither asked for nor judged")
        })?;
        let ready: u32 = fleet.instances.iter().map(|i| i.ready).sum();
        let (before, floor) = (self.ready, self.floor);
        self.ready = ready;
        let bound = self.calm && self.stable.is_some() && !self.exclusive;
        ensure(!bound || ready >= floor || ready >= before, || {
            format!("{ready} ready instances are fewer than {floor}")
        })?;
        for instances in &fleet.instances {
            let share = weights(fleet, instances.digest);
            let bound = self.calm && self.stable.is_some() && !self.exclusive && share > 0;
            ensure(!bound || instances.ready > 0, || {
                format!(
                    "{:?} has {share} of the traffic and nobody ready",
                    instances.digest
                )
            })?;
        }
        Ok(())
    }

    /// At the end of a rollout: wholly old, wholly new, nothing, or stuck said so.
    pub(crate) fn end(&self, outcome: Outcome, cause: Cause, fleet: &Fleet) -> Check {
        let candidate = fleet.of(self.candidate);
        let there = candidate.ready + candidate.starting + candidate.draining;
        match outcome {
            Outcome::Succeeded if cause == Cause::AlreadyServing => Ok(()),
            Outcome::Succeeded => {
                ensure(weights(fleet, self.candidate) == 10_000, || {
                    "not wholly new".into()
                })?;
                ensure(candidate.asked == self.n, || {
                    format!("{} asked", candidate.asked)
                })
            }
            Outcome::RolledBack | Outcome::Failed => {
                ensure(there == 0, || format!("{there} candidates are left"))?;
                match self.stable {
                    None => ensure(fleet.route.shares().is_empty(), || "routed".into()),
                    Some(stable) => {
                        ensure(weights(fleet, stable) == 10_000, || "not wholly old".into())?;
                        let asked = fleet.of(stable).asked;
                        ensure(asked >= self.n, || format!("{asked} of stable are asked"))
                    }
                }
            }
            Outcome::Stuck | Outcome::Waiting | Outcome::Refused | Outcome::Cancelled => Ok(()),
        }
    }
}

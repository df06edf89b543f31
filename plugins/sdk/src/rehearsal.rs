//! A tiny fleet for unit tests: drives a strategy to its end and doubts each
//! step, as the host's guardrails do. Not in components.
//!
//! ```
//! # use baepo_plugin::strategy::*;
//! # use baepo_plugin::{HookError, config::{Config, Fields}, units::{Millis, Percent}};
//! # struct Nothing;
//! # impl Config for Nothing { fn read(_: &mut Fields) -> Nothing { Nothing } }
//! # struct AllAtOnce;
//! # impl Strategy for AllAtOnce {
//! #     type Config = Nothing;
//! #     fn decide(_: Nothing, view: &View) -> Result<Decision, HookError> {
//! #         let patience = Patience { what: "100 %".into(), min: Millis(1), max: Millis(1),
//! #             total: Millis(1), health_is_enough: false };
//! #         let mut program = Program::new();
//! #         program.then(Act::Scale(view.instances, view.instances), "starting");
//! #         program.then(Act::Route(Percent::ALL), "switching");
//! #         program.then(Act::Watch(patience), "watching");
//! #         program.then(Act::Finish(Millis(0)), "done");
//! #         program.decide(view)
//! #     }
//! # }
//! use baepo_plugin::rehearsal::{End, Rehearsal};
//!
//! let mut rehearsal = Rehearsal::new(3, "{}");
//! assert_eq!(rehearsal.run::<AllAtOnce>(), End::Finished);
//! assert_eq!(rehearsal.transcript[0], "scale 3 + 3");
//! ```

use std::collections::VecDeque;

use crate::strategy::{
    Decision, Directive, Ended, Ending, Judgement, Limits, OnNoEvidence, Strategy, View,
};
use crate::units::{Millis, Percent};
use crate::{Fleet, HookError, RoleFleet, Verdict, config};

/// How a rehearsal ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The strategy asked to finish, and might.
    Finished,
    /// The strategy asked to go back, for this reason.
    Aborted(String),
    /// A person had to be asked, and none was there; the reason of the hold.
    Held(String),
    /// The strategy answered with an error.
    Refused(HookError),
}

/// What a person does at the next hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Says resume.
    Resumes,
    /// Says promote.
    Promotes,
    /// Says nothing until the hold has expired.
    Sleeps,
}

/// One environment and a script of what happens in it.
pub struct Rehearsal {
    /// The view of the next decision; change limits and policy before running.
    pub view: View,
    /// How an `observe` ends: given the candidate's share in basis points and
    /// the number of the window.
    pub verdict: Box<dyn FnMut(u32, u32) -> Ending>,
    /// The verdict of instance health alone.
    pub health: Verdict,
    /// What people do, hold by hold; afterwards nobody is there.
    pub people: VecDeque<Person>,
    /// Say that a person wants all traffic from this decision on.
    pub promote_full_at: Option<u32>,
    /// One line per directive.
    pub transcript: Vec<String>,
    /// One sentence per decision.
    pub reasons: Vec<String>,
    /// The largest share that was reached.
    pub largest_share: u32,
    windows: u32,
    is_judged: bool,
    is_baked: bool,
}

impl Rehearsal {
    /// n stable instances that serve, the environment's default limits, all
    /// verdicts healthy.
    pub fn new(instances: u32, config: &str) -> Rehearsal {
        let none = RoleFleet {
            asked: 0,
            ready: 0,
            starting: 0,
            draining: 0,
            restarts: 0,
        };
        let stable = RoleFleet {
            asked: instances,
            ready: instances,
            ..none
        };
        Rehearsal {
            view: View {
                config: config.into(),
                instances,
                limits: Limits {
                    max_surge: instances,
                    max_unavailable: 0,
                    max_exposure_unjudged_basis_points: 10_000,
                    allow_downtime: false,
                    weight_granularity_basis_points: 1,
                },
                on_no_evidence: OnNoEvidence::Hold,
                memory: Vec::new(),
                fleet: Fleet {
                    stable,
                    candidate: none,
                },
                weight_basis_points: 0,
                elapsed_ms: 0,
                decisions: 0,
                last: None,
                judgement: None,
                promote_full: false,
            },
            verdict: Box::new(|_, _| Ending::Healthy),
            health: Verdict::Healthy,
            people: VecDeque::new(),
            promote_full_at: None,
            transcript: Vec::new(),
            reasons: Vec::new(),
            largest_share: 0,
            windows: 0,
            is_judged: false,
            is_baked: false,
        }
    }

    /// Runs a strategy to its end.
    ///
    /// # Panics
    /// Where the strategy asks for something that the host would refuse, does
    /// not give the same answer twice, or does not end.
    pub fn run<S: Strategy>(&mut self) -> End {
        for number in 0..1_000 {
            self.view.decisions = number;
            self.view.promote_full |= self.promote_full_at.is_some_and(|at| number >= at);
            let decision = match (decide::<S>(&self.view), decide::<S>(&self.view)) {
                (Ok(decision), Ok(again)) => {
                    assert_eq!(decision, again, "the same view must give the same decision");
                    decision
                }
                (Err(error), _) | (_, Err(error)) => return End::Refused(error),
            };
            assert!(!decision.reason.is_empty(), "people want a reason");
            let progress = decision.progress;
            assert!(
                (1..=progress.of).contains(&progress.step),
                "step {} of {}",
                progress.step,
                progress.of
            );
            if let Some(end) = self.act(decision) {
                return end;
            }
        }
        panic!("it does not end:\n{}", self.transcript.join("\n"));
    }

    fn act(&mut self, decision: Decision) -> Option<End> {
        let Decision {
            memory,
            directive,
            reason,
            ..
        } = decision;
        self.transcript.push(describe(&directive));
        self.reasons.push(reason);
        self.view.memory = memory;
        let (ending, took_ms) = match &directive {
            Directive::Scale(scale) => {
                self.scale(scale.stable, scale.candidate);
                (Ending::Reached, 1_000)
            }
            Directive::Route(weight) => {
                self.route(*weight);
                (Ending::Reached, 100)
            }
            Directive::Observe(observe) => {
                assert!(observe.min_ms <= observe.max_ms && observe.max_ms > 0);
                self.drained();
                let ending = self.watch();
                let took = if ending == Ending::Inconclusive {
                    observe.max_ms
                } else {
                    observe.min_ms
                };
                (ending, took.max(1))
            }
            Directive::Hold(hold) => match self.people.pop_front() {
                None => return Some(End::Held(hold.reason.clone())),
                Some(person) => {
                    self.is_judged |= person == Person::Promotes;
                    self.is_baked |=
                        person == Person::Promotes && self.view.weight_basis_points == 10_000;
                    let ending = match person {
                        Person::Resumes => Ending::Resumed,
                        Person::Promotes => Ending::Promoted,
                        Person::Sleeps => Ending::HoldExpired,
                    };
                    (ending, 60_000)
                }
            },
            Directive::Finish(_) => {
                let view = &self.view;
                assert_eq!(
                    view.weight_basis_points, 10_000,
                    "finish needs all traffic on the candidate"
                );
                assert_eq!(
                    view.fleet.candidate.ready, view.instances,
                    "finish needs n candidates"
                );
                let by_health = view.on_no_evidence == OnNoEvidence::ContinueOnHealth
                    && self.health == Verdict::Healthy;
                assert!(self.is_baked || by_health, "finish needs a healthy bake");
                return Some(End::Finished);
            }
            Directive::Abort(reason) => return Some(End::Aborted(reason.clone())),
        };
        self.view.elapsed_ms += took_ms;
        self.view.last = Some(Ended {
            directive,
            ending,
            took_ms,
        });
        None
    }

    fn scale(&mut self, stable: u32, candidate: u32) {
        let view = &mut self.view;
        let n = view.instances;
        let floor = n.saturating_sub(view.limits.max_unavailable).max(1);
        let weight = view.weight_basis_points;
        for (role, asked, share) in [
            (&mut view.fleet.stable, stable, 10_000 - weight),
            (&mut view.fleet.candidate, candidate, weight),
        ] {
            role.draining += role.ready.saturating_sub(asked);
            (role.asked, role.ready) = (asked, asked);
            let carries = asked * 10_000 + floor >= share * floor;
            assert!(
                carries || view.limits.allow_downtime,
                "{asked} instances cannot carry {share} of 10000"
            );
        }
        let (s, c) = (view.fleet.stable, view.fleet.candidate);
        assert!(
            s.ready + c.ready >= floor || view.limits.allow_downtime,
            "fewer than {floor} are ready"
        );
        if !view.limits.allow_downtime {
            let all = s.ready + s.draining + c.ready + c.draining;
            assert!(
                all <= n + view.limits.max_surge,
                "{all} instances are more than n + max-surge"
            );
        }
    }

    fn route(&mut self, weight: u32) {
        let view = &mut self.view;
        let floor = view
            .instances
            .saturating_sub(view.limits.max_unavailable)
            .max(1);
        assert!(weight <= 10_000);
        for (ready, share, before) in [
            (view.fleet.candidate.ready, weight, view.weight_basis_points),
            (
                view.fleet.stable.ready,
                10_000 - weight,
                10_000 - view.weight_basis_points,
            ),
        ] {
            let carries = ready > 0 && ready * 10_000 + floor >= share * floor;
            assert!(
                share <= before || carries,
                "{ready} instances cannot carry {share} of 10000"
            );
        }
        let grain = view.limits.weight_granularity_basis_points.max(1);
        let exposure = (weight.div_ceil(grain) * grain).min(10_000);
        let limit = view.limits.max_exposure_unjudged_basis_points;
        assert!(
            self.is_judged || exposure <= limit,
            "{exposure} before the first healthy verdict"
        );
        view.weight_basis_points = weight;
        self.largest_share = self.largest_share.max(weight);
        self.is_baked = false;
    }

    fn watch(&mut self) -> Ending {
        self.windows += 1;
        let weight = self.view.weight_basis_points;
        let ending = (self.verdict)(weight, self.windows);
        let verdict = match ending {
            Ending::Healthy => Verdict::Healthy,
            _ => Verdict::Inconclusive,
        };
        self.is_judged |= ending != Ending::Inconclusive
            || (self.view.on_no_evidence == OnNoEvidence::ContinueOnHealth
                && self.health == Verdict::Healthy);
        self.is_baked |= ending != Ending::Inconclusive && weight == 10_000;
        self.view.judgement = Some(Judgement {
            verdict,
            health: self.health,
            reason: "as the script says".into(),
        });
        ending
    }

    /// What was draining is gone.
    fn drained(&mut self) {
        self.view.fleet.stable.draining = 0;
        self.view.fleet.candidate.draining = 0;
    }
}

fn decide<S: Strategy>(view: &View) -> Result<Decision, HookError> {
    S::decide(config::parse(&view.config)?, view)
}

fn describe(directive: &Directive) -> String {
    match directive {
        Directive::Scale(scale) => format!("scale {} + {}", scale.stable, scale.candidate),
        Directive::Route(weight) => format!("route {}", Percent(*weight)),
        Directive::Observe(observe) => {
            format!(
                "observe {} to {}",
                Millis(observe.min_ms),
                Millis(observe.max_ms)
            )
        }
        Directive::Hold(_) => "hold".into(),
        Directive::Finish(finish) => format!("finish, warm for {}", Millis(finish.keep_warm_ms)),
        Directive::Abort(_) => "abort".into(),
    }
}

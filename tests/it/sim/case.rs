//! What is simulated: one strategy, one fleet, one kind of trouble.

use std::fmt;

use baepo_core::digest::Digest;
use baepo_core::hook::{CaseOutcome, Suite, TestCase, TestReport};
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::{
    Begin, Command, Deadlines, Decision, Environment, Intent, Limits, Observation, OnNoEvidence,
    PinnedMonitor, PinnedPlugin, Settings, View,
};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Judged, Phase, Verdict};
use baepo_core::weight::BasisPoints;

use super::script;
use super::world::World;

pub(crate) const OLD: Digest = Digest::from_bytes([0xaa; 32]);
pub(crate) const NEW: Digest = Digest::from_bytes([0xbb; 32]);
pub(crate) const NEXT: Digest = Digest::from_bytes([0xcc; 32]);

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Direct,
    Recreate,
    BlueGreen,
    Canary,
    Rolling,
    Hostile(u64),
    /// A component of `plugins/dist`, and what it is given as `with:`.
    Shipped(&'static str, &'static str),
}

/// How `direct` is told to stop the old release before it starts the new one.
pub(crate) const RECREATE: &str = r#"{"mode": "recreate", "max-observe": "12s", "bake": "5s"}"#;

impl Who {
    pub(crate) fn name(self) -> String {
        match self {
            Who::Shipped(name, _) => name.into(),
            Who::Hostile(seed) => format!("hostile {seed}"),
            Who::BlueGreen => "blue-green".into(),
            _ => format!("{self:?}").to_lowercase(),
        }
    }

    pub(crate) const ALL: [Who; 5] = [
        Who::Direct,
        Who::Recreate,
        Who::BlueGreen,
        Who::Canary,
        Who::Rolling,
    ];

    pub(crate) fn decide(self, view: &View) -> Result<Decision, String> {
        Ok(match self {
            Who::Direct => script::direct(view),
            Who::Recreate => script::recreate(view),
            Who::BlueGreen => script::blue_green(view),
            Who::Canary => script::canary(view),
            Who::Rolling => script::rolling(view),
            Who::Hostile(seed) => script::hostile(seed, view),
            Who::Shipped(name, _) => return Err(format!("{name} is not loaded")),
        })
    }
}

/// What is there when it begins, and what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// OLD serves, NEW is wanted.
    Serving,
    /// Nothing serves, NEW is wanted.
    Nothing,
    /// OLD serves, NEW served before and is still warm, and is to come back.
    Warm,
    /// The same, and NEW has no instances.
    Cold,
    /// NEW serves already, and is wanted.
    Same,
    /// NEW was rolled back before, and is wanted without a retry.
    RolledBack,
}

/// What monitors say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Healthy,
    FailingAt(u32),
    Inconclusive,
}

impl Evidence {
    pub(crate) fn verdict(self, weight: BasisPoints) -> Verdict {
        match self {
            Evidence::FailingAt(share) if weight.value() >= share => Verdict::Failing,
            Evidence::Healthy | Evidence::FailingAt(_) => Verdict::Healthy,
            Evidence::Inconclusive => Verdict::Inconclusive,
        }
    }

    /// What the one monitor says at this share.
    pub(crate) fn observation(self, weight: BasisPoints) -> Observation {
        Observation {
            memory: vec![7],
            judged: Judged {
                monitor: "judge".into(),
                verdict: self.verdict(weight),
                reason: "as the case says".into(),
                measurements: Vec::new(),
                findings: Vec::new(),
            },
        }
    }
}

/// What a test of the candidate finds before it gets traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tests {
    /// There is none.
    None,
    Pass,
    Fail,
}

impl Tests {
    pub(crate) fn report(self) -> TestReport {
        let outcome = match self {
            Tests::None | Tests::Pass => CaseOutcome::Passed,
            Tests::Fail => CaseOutcome::Failed("as the case says".into()),
        };
        TestReport {
            suites: vec![Suite {
                name: String::new(),
                cases: vec![TestCase {
                    name: "smoke".into(),
                    class_name: String::new(),
                    outcome,
                    duration: None,
                    file: None,
                    line: None,
                }],
            }],
            annotations: Vec::new(),
        }
    }
}

/// Something from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Says(Command),
    /// The job is cancelled; the machine starts anew after that.
    Cancel {
        pause: bool,
    },
    /// The run may wait no longer; another goes on after a while.
    Leave {
        watched: bool,
    },
    /// Another run wants NEXT.
    Supersede,
    Dies(Digest),
    AllDie(Digest),
    Flaps(Digest),
    Breaks(Digest),
    Unreachable(Millis),
    /// Changes are made for so long, and their answers are lost.
    LosesAnswers(Millis),
    /// Nobody counts, and no monitor answers.
    NoMetrics(Millis),
    /// Another run takes over while this one believes that it may act.
    TakenOver,
    /// The run goes on on a computer whose clock is so far ahead.
    Clock {
        ms: i64,
    },
}

/// An event, so long after the k-th decision (from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) decision: u32,
    pub(crate) after: Millis,
    pub(crate) event: Event,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) who: Who,
    pub(crate) n: u32,
    pub(crate) start: Start,
    pub(crate) evidence: Evidence,
    pub(crate) tests: Tests,
    pub(crate) policy: OnNoEvidence,
    pub(crate) surge: u32,
    pub(crate) unavailable: u32,
    pub(crate) grain: u32,
    pub(crate) unjudged: u32,
    pub(crate) events: Vec<Planned>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}/n={}/{:?}/{:?}/{:?}",
            self.who, self.n, self.start, self.evidence, self.policy
        )?;
        write!(f, "/surge={}/unavailable={}", self.surge, self.unavailable)?;
        write!(f, "/grain={}/unjudged={}", self.grain, self.unjudged)?;
        if self.tests != Tests::None {
            write!(f, "/tests={:?}", self.tests)?;
        }
        for planned in &self.events {
            let Planned {
                decision,
                after,
                event,
            } = planned;
            write!(f, "/{event:?}@{decision}+{}", after.0)?;
        }
        Ok(())
    }
}

impl Case {
    pub(crate) fn new(who: Who, n: u32) -> Case {
        let surge = if who == Who::Rolling {
            n.div_ceil(4)
        } else {
            n
        };
        Case {
            who,
            n,
            start: Start::Serving,
            evidence: Evidence::Healthy,
            tests: Tests::None,
            policy: OnNoEvidence::Hold,
            surge,
            unavailable: 0,
            grain: 1,
            unjudged: 10_000,
            events: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Case)) -> Case {
        change(&mut self);
        self
    }

    pub(crate) fn event(self, decision: u32, after: u64, event: Event) -> Case {
        let planned = Planned {
            decision,
            after: Millis(after),
            event,
        };
        self.with(|case| case.events.push(planned))
    }

    /// Whether every instance lives and everybody answers.
    pub(crate) fn is_calm(&self) -> bool {
        self.events.iter().all(|planned| {
            matches!(
                planned.event,
                Event::Says(_)
                    | Event::Cancel { .. }
                    | Event::Leave { .. }
                    | Event::Supersede
                    | Event::NoMetrics(_)
                    | Event::TakenOver
            )
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        let plugin = |name: &str| PinnedPlugin {
            name: name.into(),
            digest: Digest::from_bytes([1; 32]),
            config: match self.who {
                Who::Shipped(_, config) => config.into(),
                _ => "{}".into(),
            },
        };
        Settings {
            environment: "sim".into(),
            instances: self.n,
            limits: Limits {
                max_surge: self.surge,
                max_unavailable: self.unavailable,
                max_exposure_unjudged: BasisPoints::saturating(self.unjudged.into()),
                max_exposure_unwatched: BasisPoints::saturating(500),
                allow_downtime: matches!(self.who, Who::Recreate | Who::Shipped(_, RECREATE)),
                weight_granularity: BasisPoints::saturating(self.grain.into()),
            },
            on_no_evidence: self.policy,
            deadlines: Deadlines {
                progress: Millis::from_secs(60),
                hold: Millis::from_secs(90),
                first_bake: Millis::from_secs(5),
                ..Deadlines::default()
            },
            strategy: plugin(&self.who.name()),
            needs_approval: false,
            verify: match self.tests {
                Tests::None => Vec::new(),
                Tests::Pass | Tests::Fail => vec![plugin("smoke")],
            },
            monitors: vec![PinnedMonitor {
                plugin: plugin("judge"),
                phases: match self.evidence {
                    Evidence::FailingAt(0) => vec![Phase::Preview, Phase::Ramp, Phase::Bake],
                    _ => vec![Phase::Ramp, Phase::Bake],
                },
            }],
        }
    }

    pub(crate) fn begin(&self, digest: Digest) -> Box<Begin> {
        Box::new(Begin {
            run: "run 1".into(),
            candidate: release(digest),
            settings: self.settings(),
            retry: false,
            pull_request: None,
            told_as: Vec::new(),
            heard: 0,
        })
    }

    pub(crate) fn intent(&self) -> Intent {
        match self.start {
            Start::Serving | Start::Nothing | Start::Same | Start::RolledBack => {
                Intent::Deploy(self.begin(NEW))
            }
            Start::Warm | Start::Cold => Intent::Rollback(self.begin(NEW)),
        }
    }

    pub(crate) fn environment(&self) -> Environment {
        let mut env = Environment::default();
        if self.start != Start::Nothing {
            env.stable = Some(release(OLD));
        }
        match self.start {
            Start::Warm | Start::Cold => env.served.push(release(NEW)),
            Start::Same => env.stable = Some(release(NEW)),
            Start::RolledBack => env.rolled_back.push(NEW),
            Start::Serving | Start::Nothing => {}
        }
        env
    }

    pub(crate) fn world(&self) -> World {
        let world = World::new(BasisPoints::saturating(self.grain.into()));
        match self.start {
            Start::Nothing => world,
            Start::Same => world.with(NEW, self.n).serving(NEW),
            Start::Serving | Start::RolledBack => world.with(OLD, self.n).serving(OLD),
            Start::Warm => world.with(OLD, self.n).with(NEW, self.n).serving(OLD),
            Start::Cold => world.with(OLD, self.n).with(NEW, 0).serving(OLD),
        }
    }
}

pub(crate) fn release(digest: Digest) -> Release {
    Release {
        digest,
        revision: Revision {
            commit: digest.hex().chars().take(40).collect(),
            ref_name: "refs/heads/main".into(),
            summary: "a change".into(),
            committed_at: Time(0),
        },
        artifacts: Vec::new(),
    }
}

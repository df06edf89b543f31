//! A rollout against a model of a fleet: what `plan` shows before anything
//! happens, and what tests use for a target.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{Command, Counted, Entry, Operation, Signal};
use super::look::Observation;
use super::machine::Machine;
use super::port::{Answer, Call, CallError, CallId, Done, Input, Intent, Output};
use super::{Begin, Decision, Environment, Record, RoleFleets, View};
use crate::digest::Digest;
use crate::fleet::{Fleet, Instances, Route};
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Verdict};
use crate::weight::BasisPoints;

/// How long things take in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From asked for to ready.
    pub start: Millis,
    /// From out of rotation to gone.
    pub drain: Millis,
}

/// A fleet that does as it is asked, on a virtual clock.
#[derive(Debug, Clone)]
pub struct Model {
    pace: Pace,
    route: Route,
    releases: BTreeMap<Digest, ModelRelease>,
}

#[derive(Debug, Clone, Default)]
struct ModelRelease {
    asked: u32,
    /// When each becomes ready.
    instances: Vec<Time>,
    /// When each is gone.
    draining: Vec<Time>,
    restarts: u64,
}

impl Model {
    /// A fleet with nothing in it.
    pub fn new(pace: Pace) -> Model {
        Model {
            pace,
            route: Route::NONE,
            releases: BTreeMap::new(),
        }
    }

    /// A fleet in which so many instances of a release serve.
    pub fn serving(pace: Pace, digest: Digest, instances: u32) -> Model {
        let mut model = Model::new(pace);
        let ready = (0..instances).map(|_| Time(0)).collect();
        let release = ModelRelease {
            asked: instances,
            instances: ready,
            ..ModelRelease::default()
        };
        model.releases.insert(digest, release);
        model.route = Route::all(digest);
        model
    }

    /// Make a release ready to be scaled.
    pub fn stage(&mut self, digest: Digest) {
        self.releases.entry(digest).or_default();
    }

    /// Do what is asked.
    pub fn act(&mut self, now: Time, operation: &Operation) {
        match operation {
            Operation::Route { route } => self.route = route.clone(),
            Operation::Discard { digest } => {
                self.releases.remove(digest);
            }
            Operation::Scale { digest, instances } => {
                let (start, drain) = (self.pace.start, self.pace.drain);
                let release = self.releases.entry(*digest).or_default();
                release.asked = *instances;
                let wanted = *instances as usize;
                while release.instances.len() < wanted {
                    release.instances.push(now + start);
                }
                // Those that are not ready yet go first.
                release.instances.sort();
                for _ in release
                    .instances
                    .drain(wanted.min(release.instances.len())..)
                {
                    release.draining.push(now + drain);
                }
            }
        }
    }

    /// What is there at this time.
    pub fn observe(&mut self, now: Time) -> Fleet {
        for release in self.releases.values_mut() {
            release.draining.retain(|gone| *gone > now);
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let instances = self.releases.iter().map(|(digest, release)| {
            let ready = release.instances.iter().filter(|at| **at <= now).count();
            Instances {
                digest: *digest,
                asked: release.asked,
                ready: count(ready),
                starting: count(release.instances.len() - ready),
                draining: count(release.draining.len()),
                restarts: release.restarts,
                endpoints: Vec::new(),
                trouble: None,
            }
        });
        Fleet {
            instances: instances.collect(),
            route: self.route.clone(),
        }
    }

    /// One ready instance of a release dies and starts again.
    pub fn crash(&mut self, now: Time, digest: Digest) {
        let start = self.pace.start;
        if let Some(release) = self.releases.get_mut(&digest)
            && let Some(ready) = release.instances.iter_mut().find(|at| **at <= now)
        {
            *ready = now + start;
            release.restarts += 1;
        }
    }
}

/// What monitors of a model say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Healthy, always.
    Healthy,
    /// Failing as soon as the candidate has at least this share.
    FailingAt(BasisPoints),
    /// Nobody knows.
    Inconclusive,
}

impl Evidence {
    fn verdict(self, weight: BasisPoints) -> Verdict {
        match self {
            Evidence::Healthy => Verdict::Healthy,
            Evidence::FailingAt(share) if weight >= share => Verdict::Failing,
            Evidence::FailingAt(_) => Verdict::Healthy,
            Evidence::Inconclusive => Verdict::Inconclusive,
        }
    }
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Since the rollout began.
    pub at: Millis,
    /// The journal entry.
    pub record: Record,
    /// The candidate's share then.
    pub weight: BasisPoints,
    /// Both roles then.
    pub fleet: RoleFleets,
}

/// What [`Forecast`] wants next.
#[derive(Debug)]
pub enum Ask {
    /// A decision of the strategy; hand it to [`Forecast::answer`].
    Decide(Box<View>),
    /// It is over.
    Done(Done),
}

/// A rollout against a [`Model`]; only the strategy is real.
#[derive(Debug)]
pub struct Forecast {
    machine: Machine,
    model: Model,
    evidence: Evidence,
    now: Time,
    began: Time,
    deciding: Option<CallId>,
    moments: Vec<Moment>,
}

impl Forecast {
    /// What would happen if this were rolled out now, onto this fleet.
    pub fn new(
        env: Environment,
        begin: Begin,
        model: Model,
        evidence: Evidence,
        now: Time,
    ) -> Forecast {
        let machine = Machine::new(env, Intent::Deploy(Box::new(begin)), now);
        Forecast {
            machine,
            model,
            evidence,
            now,
            began: now,
            deciding: None,
            moments: Vec::new(),
        }
    }

    /// Go on to the next decision, or to the end. A hold is answered at once by
    /// a person's resume, so that the timeline shows what comes after it.
    pub fn proceed(&mut self) -> Ask {
        loop {
            match self.machine.poll_output(self.now) {
                Output::Record(record) => self.note(record),
                Output::Wait(until) => self.now = until,
                Output::Done(done) => return Ask::Done(done),
                Output::Call {
                    id,
                    call: Call::Decide(view),
                } => {
                    self.deciding = Some(id);
                    return Ask::Decide(view);
                }
                Output::Call { id, call } => {
                    let answer = Ok(self.outside(call));
                    self.machine
                        .handle_input(self.now, Input::Returned { id, answer });
                }
                Output::Pending => {
                    let reason = String::from("no decision was given");
                    self.answer(Err(reason));
                }
            }
        }
    }

    /// The strategy's answer to [`Ask::Decide`].
    pub fn answer(&mut self, decision: Result<Decision, String>) {
        if let Some(id) = self.deciding.take() {
            let answer = decision.map(Answer::Decision).map_err(CallError::Refused);
            self.machine
                .handle_input(self.now, Input::Returned { id, answer });
        }
    }

    /// Everything that happened so far.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The state so far.
    pub fn environment(&self) -> &Environment {
        self.machine.environment()
    }

    fn note(&mut self, record: Record) {
        let fleet = self.model.observe(self.now);
        let Some(rollout) = self.machine.environment().rollout.as_ref() else {
            return;
        };
        let moment = Moment {
            at: record.at.since(self.began),
            weight: fleet.route.weight(rollout.candidate()),
            fleet: rollout.roles(&fleet),
            record,
        };
        if let Entry::Holding { .. } = moment.record.entry {
            let number = rollout.heard + 1;
            let signal = Signal {
                reason: String::new(),
                number,
                by: "plan".into(),
                command: Command::Resume,
            };
            self.moments.push(moment);
            self.machine.handle_input(self.now, Input::Signal(signal));
        } else {
            self.moments.push(moment);
        }
    }

    fn outside(&mut self, call: Call) -> Answer {
        match call {
            Call::Stage(release) => {
                self.model.stage(release.digest);
                Answer::Accepted
            }
            Call::Act(operation) => {
                self.model.act(self.now, &operation);
                Answer::Accepted
            }
            Call::Observe | Call::Decide(_) => Answer::Fleet(self.model.observe(self.now)),
            Call::Measure { .. } => {
                let counted = Counted {
                    stable: Some(Telemetry::default()),
                    candidate: Some(Telemetry::default()),
                };
                Answer::Measured(self.model.observe(self.now), counted)
            }
            Call::Judge(requests) => {
                let fleet = self.model.observe(self.now);
                let observations = requests.into_iter().map(|(monitor, request)| {
                    let weight = fleet.route.weight(request.candidate.release.digest);
                    let verdict = self.evidence.verdict(weight);
                    let judged = Judged {
                        monitor: monitor.clone(),
                        verdict,
                        reason: String::from("as the plan assumes"),
                        measurements: Vec::new(),
                        findings: Vec::new(),
                    };
                    (
                        monitor,
                        Ok(Observation {
                            memory: Vec::new(),
                            judged,
                        }),
                    )
                });
                Answer::Observations(observations.collect())
            }
        }
    }
}

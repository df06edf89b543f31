//! A rollout against a model of a fleet: what `plan` shows before anything
//! happens, and what `simulate` tries against named scenarios.
//!
//! The machine and its guardrails are the real ones, and so is the strategy.
//! The clock is virtual. What monitors say is assumed ([`Evidence`]), or they
//! are asked for real about requests that a [`Model`] makes up from a seed.

mod chance;
mod latency;
mod model;
mod requests;
mod scenario;
mod toll;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{Command, Counted, Entry, Signal};
use super::environment::slim;
use super::look::{LookRequest, Observation};
use super::machine::Machine;
use super::port::{Answer, Call, CallError, CallId, Done, Input, Intent, Output};
use super::{Begin, Decision, Environment, Record, RoleFleets, VerifyRequest, View};
use crate::hook::{CaseOutcome, Suite, TestCase, TestReport};
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Verdict};
use crate::weight::BasisPoints;

pub use model::{Conduct, Life, Model, Pace};
pub use requests::{Answered, Traffic};
pub use scenario::Scenario;
pub use toll::Toll;

/// What monitors of a model say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Healthy, always.
    Healthy,
    /// Failing as soon as the candidate has at least this share.
    FailingAt(BasisPoints),
    /// Whatever they answer; [`Ask::Judge`] asks for it.
    Asked,
}

impl Evidence {
    /// What is assumed at this share; `None` where it is to be asked.
    fn verdict(self, weight: BasisPoints) -> Option<Verdict> {
        match self {
            Evidence::Healthy => Some(Verdict::Healthy),
            Evidence::FailingAt(share) if weight >= share => Some(Verdict::Failing),
            Evidence::FailingAt(_) => Some(Verdict::Healthy),
            Evidence::Asked => None,
        }
    }
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Since the rollout began.
    pub at: Millis,
    /// The journal entry, without what is bulky.
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
    /// What these monitors say; hand it to [`Forecast::observed`].
    Judge(Vec<(String, LookRequest)>),
    /// It is over.
    Done(Done),
}

/// A rollout against a [`Model`].
#[derive(Debug)]
pub struct Forecast {
    machine: Machine,
    model: Model,
    evidence: Evidence,
    now: Time,
    began: Time,
    asked: Option<CallId>,
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
            asked: None,
            moments: Vec::new(),
        }
    }

    /// Go on to the next question, or to the end.
    ///
    /// A hold is answered at once by a person's resume, so that the timeline
    /// shows what comes after it. Over a verdict that is not healthy nobody
    /// comes, nor to a hold that follows one that expired: what happens when
    /// nobody knows is what is asked for.
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
                    self.asked = Some(id);
                    return Ask::Decide(view);
                }
                Output::Call {
                    id,
                    call: Call::Judge(requests),
                } => {
                    self.asked = Some(id);
                    match self.assumed(&requests) {
                        Some(observations) => self.observed(observations),
                        None => return Ask::Judge(requests),
                    }
                }
                Output::Call { id, call } => {
                    let answer = Ok(self.outside(call));
                    self.machine
                        .handle_input(self.now, Input::Returned { id, answer });
                }
                Output::Pending => {
                    let reason = String::from("no answer was given");
                    self.returned(Err(CallError::Refused(reason)));
                }
            }
        }
    }

    /// The strategy's answer to [`Ask::Decide`].
    pub fn answer(&mut self, decision: Result<Decision, String>) {
        self.returned(decision.map(Answer::Decision).map_err(CallError::Refused));
    }

    /// The monitors' answers to [`Ask::Judge`], in the order asked.
    pub fn observed(&mut self, observations: Vec<(String, Result<Observation, String>)>) {
        self.returned(Ok(Answer::Observations(observations)));
    }

    fn returned(&mut self, answer: Result<Answer, CallError>) {
        if let Some(id) = self.asked.take() {
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
        let is_clear = rollout
            .judgement
            .as_ref()
            .is_none_or(|judgement| judgement.verdict == Verdict::Healthy);
        // Whoever did not come the first time does not come the second time.
        let is_resumed = is_clear && rollout.expiries == 0;
        let moment = Moment {
            at: record.at.since(self.began),
            weight: fleet.route.weight(rollout.candidate()),
            fleet: rollout.roles(&fleet),
            record: slim(&record),
        };
        let is_hold = matches!(moment.record.entry, Entry::Holding { .. });
        let number = rollout.heard + 1;
        self.moments.push(moment);
        if is_hold && is_resumed {
            let signal = Signal {
                reason: String::new(),
                number,
                by: "a person".into(),
                command: Command::Resume,
            };
            self.machine.handle_input(self.now, Input::Signal(signal));
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
            Call::Verify(requests) => {
                let passed = |request: VerifyRequest| (request.plugin.name, Ok(passed()));
                Answer::Reports(requests.into_iter().map(passed).collect())
            }
            Call::Observe | Call::Decide(_) | Call::Judge(_) => {
                Answer::Fleet(self.model.observe(self.now))
            }
            Call::Measure { stable, candidate } => {
                let counted = Counted {
                    stable: stable.and_then(|digest| self.model.telemetry(self.now, digest)),
                    candidate: self.model.telemetry(self.now, candidate),
                };
                Answer::Measured(self.model.observe(self.now), counted)
            }
        }
    }

    /// What monitors say where that is assumed.
    fn assumed(
        &mut self,
        requests: &[(String, LookRequest)],
    ) -> Option<Vec<(String, Result<Observation, String>)>> {
        let fleet = self.model.observe(self.now);
        let observations = requests.iter().map(|(monitor, request)| {
            let weight = fleet.route.weight(request.candidate.release.digest);
            let judged = Judged {
                monitor: monitor.clone(),
                verdict: self.evidence.verdict(weight)?,
                reason: String::from("as the plan assumes"),
                measurements: Vec::new(),
                findings: Vec::new(),
            };
            let memory = Vec::new();
            Some((monitor.clone(), Ok(Observation { memory, judged })))
        });
        observations.collect()
    }
}

/// What a plan assumes of tests of the candidate.
fn passed() -> TestReport {
    let case = TestCase {
        name: String::from("as the plan assumes"),
        class_name: String::new(),
        outcome: CaseOutcome::Passed,
        duration: None,
        file: None,
        line: None,
    };
    TestReport {
        suites: Vec::from([Suite {
            name: String::new(),
            cases: Vec::from([case]),
        }]),
        annotations: Vec::new(),
    }
}

#[cfg(test)]
mod tests;

//! The loop: the machine, the world, the checkers, on a virtual clock.

use baepo_core::fleet::{Fleet, Route};
use baepo_core::rollout::{
    Answer, Call, CallError, CallId, Cause, Counted, Done, Entry, Environment, Input, Intent,
    Machine, Observation, Operation, Outcome, Output, Record, Signal, Step,
};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::Judged;

use super::case::{Case, Event, NEW, NEXT, OLD, Planned};
use super::check::Checker;
use super::world::{Fault, World};

pub(crate) const BEGIN: Time = Time(1_000_000_000);
/// How long an answer of a plugin takes.
const THINKING: Millis = Millis(40);
const LONGEST: Millis = Millis::from_secs(40 * 24 * 3600);
const MOST_OUTPUTS: usize = 200_000;

/// Who decides, as the loop sees it.
pub(crate) type Strategy<'a> =
    dyn Fn(&baepo_core::rollout::View) -> Result<baepo_core::rollout::Decision, String> + 'a;

/// How a host could go wrong: what it asks for is changed on its way. Each must
/// be noticed by a checker, or the checkers check nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Every split gives everything to the candidate.
    AllToCandidate,
    /// Traffic never goes back.
    NeverBack,
    /// One instance more than asked for, and another n.
    TooMany,
    /// The candidate's instances stop when they are to grow.
    StopsWhatServes,
    /// Stable loses all but one instance with the first scale.
    TooFew,
    /// A route is asked for twice on the way back.
    TwoCallsBack,
    /// A record is lost.
    LosesRecord,
}

impl Mutant {
    pub(crate) const ALL: [Mutant; 7] = [
        Mutant::AllToCandidate,
        Mutant::NeverBack,
        Mutant::TooMany,
        Mutant::StopsWhatServes,
        Mutant::TooFew,
        Mutant::TwoCallsBack,
        Mutant::LosesRecord,
    ];

    fn change(self, operation: Operation, n: u32) -> Operation {
        match (self, operation) {
            (Mutant::AllToCandidate, Operation::Route { route }) if route.shares().len() == 2 => {
                Operation::Route {
                    route: Route::all(NEW),
                }
            }
            (Mutant::NeverBack, Operation::Route { route }) if route == Route::all(OLD) => {
                Operation::Route {
                    route: Route::all(NEW),
                }
            }
            (Mutant::TooMany, Operation::Scale { digest, instances }) => Operation::Scale {
                digest,
                instances: instances + n + 1,
            },
            (
                Mutant::StopsWhatServes,
                Operation::Scale {
                    digest,
                    instances: 1..,
                },
            ) => {
                let digest = if digest == NEW { OLD } else { digest };
                Operation::Scale {
                    digest,
                    instances: 0,
                }
            }
            (Mutant::TooFew, Operation::Scale { .. }) => Operation::Scale {
                digest: OLD,
                instances: 1,
            },
            (_, operation) => operation,
        }
    }
}

/// A crash: right after the record of this number, with the call that would
/// have followed done or not, and how long nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) record: usize,
    pub(crate) called: bool,
    pub(crate) gap: Millis,
}

#[derive(Clone)]
pub(crate) struct Run<'a> {
    case: &'a Case,
    strategy: &'a Strategy<'a>,
    pub(crate) world: World,
    machine: Machine,
    /// The fold of the records handed out: all that survives a crash.
    pub(crate) durable: Environment,
    intent: Intent,
    pub(crate) now: Time,
    checker: Checker,
    waiting: Vec<Planned>,
    armed: Vec<(Time, Event)>,
    signals: u64,
    decided: u32,
    pub(crate) journal: Vec<Record>,
    pub(crate) transitions: u64,
    at_once: (Time, u32),
    /// The newest fleet that was told, and when.
    seen: (Time, Fleet),
    /// Whether something was recorded since the two states were compared.
    fresh: bool,
    /// Whether saved states are read back each time.
    pub(crate) reread: bool,
    pub(crate) mutant: Option<Mutant>,
    /// Whether somebody watches when the run leaves.
    watched: bool,
}

pub(crate) enum Stop {
    Done(Done),
    /// The run ended so, and another has taken the rollout up.
    Resumed(Done),
    /// A record was handed out; the run may be cloned here to crash it.
    Recorded,
}

impl<'a> Run<'a> {
    pub(crate) fn new(case: &'a Case, strategy: &'a Strategy<'a>) -> Run<'a> {
        let (world, durable) = (case.world(), case.environment());
        let checker = Checker::new(case, &world.fleet(BEGIN));
        Run {
            case,
            strategy,
            world,
            machine: Machine::new(durable.clone(), case.intent(), BEGIN),
            durable,
            intent: case.intent(),
            now: BEGIN,
            checker,
            waiting: case.events.clone(),
            armed: Vec::new(),
            signals: 0,
            decided: 0,
            journal: Vec::new(),
            transitions: 0,
            at_once: (BEGIN, 0),
            seen: (Time(0), Fleet::default()),
            fresh: true,
            reread: false,
            mutant: None,
            watched: false,
        }
    }

    /// Start again from what is durable.
    pub(crate) fn crash(&mut self, gap: Millis) -> Result<(), String> {
        self.advance(self.now + gap)?;
        self.machine = Machine::new(self.durable.clone(), self.intent.clone(), self.now);
        Ok(())
    }

    /// The call that would follow is done, though nobody hears of it.
    pub(crate) fn do_next_call(&mut self) -> Result<bool, String> {
        let mut machine = self.machine.clone();
        let call = match machine.poll_output(self.now) {
            Output::Call { call, .. } => call,
            Output::Record(_) | Output::Pending | Output::Wait(_) | Output::Done(_) => {
                return Ok(false);
            }
        };
        match call {
            Call::Stage(_) | Call::Act(_) if self.now >= self.world.unreachable_until => {
                self.answer(call)?.ok();
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) fn finish(&mut self) -> Result<Done, String> {
        loop {
            if let Stop::Done(done) = self.step()? {
                return Ok(done);
            }
        }
    }

    /// On to the next record or the end.
    pub(crate) fn step(&mut self) -> Result<Stop, String> {
        loop {
            self.transitions += 1;
            self.count_at_once()?;
            let output = self.machine.poll_output(self.now);
            let settled = !matches!(output, Output::Record(_)) && self.fresh;
            if settled && self.durable != *self.machine.environment() {
                return Err("the state is not the fold of its records".into());
            }
            self.fresh = matches!(output, Output::Record(_));
            match output {
                Output::Record(record) => {
                    self.record(record)?;
                    return Ok(Stop::Recorded);
                }
                Output::Wait(until) => {
                    if until <= self.now {
                        return Err("a wait for the past".into());
                    }
                    self.advance(until)?;
                }
                Output::Pending => return Err("pending, and nothing is".into()),
                Output::Call { id, call } => self.call(id, call)?,
                Output::Done(done) => {
                    if self.is_to_go_on(&done) {
                        self.crash(self.absence(&done)?)?;
                        return Ok(Stop::Resumed(done));
                    }
                    self.end()?;
                    return Ok(Stop::Done(done));
                }
            }
        }
    }

    /// A cancelled run leaves the rest to the next one.
    fn is_to_go_on(&mut self, done: &Done) -> bool {
        let left = self.durable.active().is_some() && done.outcome != Outcome::Stuck;
        left && self.transitions < MOST_OUTPUTS as u64
    }

    /// How long nobody is there until the next run. One that waits comes when
    /// it said there is something to do, and must not leave too much of the
    /// traffic unwatched.
    fn absence(&self, done: &Done) -> Result<Millis, String> {
        if done.outcome != Outcome::Waiting {
            return Ok(Millis(1_000));
        }
        let candidate = self.durable.active().map_or(NEW, |r| r.candidate());
        let weight = self.world.fleet(self.now).route.weight(candidate);
        let limit = self.case.settings().limits.max_exposure_unwatched;
        if weight > limit && !self.watched {
            return Err(format!("it left {weight} unwatched"));
        }
        match (done.cause, done.resume_at) {
            (Cause::MaxWait, None) => Err("it waits and does not say how long".into()),
            (_, Some(at)) => Ok(at.since(self.now).max(Millis(1))),
            (_, None) => Ok(Millis(1_000)),
        }
    }

    fn count_at_once(&mut self) -> Result<(), String> {
        if self.journal.len() > MOST_OUTPUTS || self.now.since(BEGIN) > LONGEST {
            return Err("it does not end".into());
        }
        if self.at_once.0 != self.now {
            self.at_once = (self.now, 0);
        }
        self.at_once.1 += 1;
        if self.at_once.1 > 12_000 {
            return Err("it turns round on the spot".into());
        }
        Ok(())
    }

    fn record(&mut self, record: Record) -> Result<(), String> {
        if self.mutant == Some(Mutant::LosesRecord) && record.seq == 5 {
            return Ok(());
        }
        self.durable.apply(&record);
        let fleet = self.world.fleet(self.now);
        self.checker.record(&record, &fleet)?;
        if let Entry::Decided { .. } = record.entry {
            self.decided += 1;
            let (now, decided) = (self.now, self.decided);
            let armed = &mut self.armed;
            self.waiting.retain(|planned| {
                let is_now = planned.decision == decided;
                if is_now {
                    armed.push((now + planned.after, planned.event));
                }
                !is_now
            });
            armed.sort_by_key(|(at, _)| *at);
        }
        if self.reread {
            let text = serde_json::to_string(&self.durable).map_err(|e| e.to_string())?;
            if text.len() > 256 * 1024 {
                return Err(format!("the state is {} bytes", text.len()));
            }
            let read: Environment = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            if read != self.durable {
                return Err("the state read back is another".into());
            }
        }
        self.journal.push(record);
        Ok(())
    }

    fn call(&mut self, id: CallId, call: Call) -> Result<(), String> {
        if matches!(call, Call::Decide(_) | Call::Judge(_)) {
            self.advance(self.now + THINKING)?;
            if !self.machine.is_waiting_for(id) {
                return Ok(());
            }
        }
        let answer = self.answer(call)?;
        let again = answer.clone();
        self.machine
            .handle_input(self.now, Input::Returned { id, answer });
        // Acknowledged twice.
        self.machine
            .handle_input(self.now, Input::Returned { id, answer: again });
        Ok(())
    }

    fn answer(&mut self, call: Call) -> Result<Result<Answer, CallError>, String> {
        let outside = !matches!(call, Call::Decide(_) | Call::Judge(_));
        if outside && self.now < self.world.unreachable_until {
            return Ok(Err(CallError::Unreachable("no answer".into())));
        }
        Ok(Ok(match call {
            Call::Stage(release) => {
                self.world.stage(release.digest);
                Answer::Accepted
            }
            Call::Observe => Answer::Fleet(self.look()),
            Call::Measure { .. } => {
                let counted = Counted {
                    stable: Some(Telemetry::default()),
                    candidate: Some(Telemetry::default()),
                };
                Answer::Measured(self.look(), counted)
            }
            Call::Act(mut operation) => {
                let fleet = self.world.fleet(self.now);
                if let Some(mutant) = self.mutant {
                    operation = mutant.change(operation, self.case.n);
                    self.checker.expect_act(&operation);
                    let is_route = matches!(operation, Operation::Route { .. });
                    if mutant == Mutant::TwoCallsBack && is_route {
                        self.checker.act(self.now, &operation, &fleet)?;
                    }
                }
                self.check_act(&operation, &fleet)?;
                self.world.act(self.now, &operation);
                self.checker.fleet(&self.world.fleet(self.now))?;
                Answer::Accepted
            }
            Call::Decide(view) => match (self.strategy)(&view) {
                Ok(decision) => Answer::Decision(decision),
                Err(why) => return Ok(Err(CallError::Refused(why))),
            },
            Call::Judge(requests) => {
                let fleet = self.world.fleet(self.now);
                let observation = |digest| {
                    let verdict = self.case.evidence.verdict(fleet.route.weight(digest));
                    Observation {
                        memory: vec![7],
                        judged: Judged {
                            monitor: "judge".into(),
                            verdict,
                            reason: "as the case says".into(),
                            measurements: Vec::new(),
                            findings: Vec::new(),
                        },
                    }
                };
                let observations = requests.into_iter().map(|(monitor, request)| {
                    (monitor, Ok(observation(request.candidate.release.digest)))
                });
                Answer::Observations(observations.collect())
            }
        }))
    }

    /// Nobody can know better than what was just seen: an act must be right
    /// for the fleet as it is, or as it was at most one poll ago.
    fn check_act(&mut self, operation: &Operation, fleet: &Fleet) -> Result<(), String> {
        let before = self.checker.clone();
        let result = self.checker.act(self.now, operation, fleet);
        let (at, seen) = &self.seen;
        let poll = self.case.settings().deadlines.poll;
        if result.is_ok() || self.now.since(*at) >= poll {
            return result;
        }
        self.checker = before;
        self.checker.act(self.now, operation, seen)
    }

    fn look(&mut self) -> Fleet {
        let fleet = self.world.fleet(self.now);
        self.seen = (self.now, fleet.clone());
        fleet
    }

    /// Let time pass up to a moment, or to the first thing that the machine
    /// must hear of.
    fn advance(&mut self, until: Time) -> Result<(), String> {
        loop {
            let change = self.world.next_change(self.now).unwrap_or(until);
            let event = self.armed.first().map_or(until, |(at, _)| *at);
            self.now = until.min(change).min(event).max(self.now);
            self.checker.fleet(&self.world.fleet(self.now))?;
            let mut heard = false;
            while self.armed.first().is_some_and(|(at, _)| *at <= self.now) {
                let (_, event) = self.armed.remove(0);
                heard |= self.happen(event)?;
            }
            if heard || self.now >= until {
                return Ok(());
            }
        }
    }

    fn happen(&mut self, event: Event) -> Result<bool, String> {
        let fault = match event {
            Event::Says(command) => {
                self.signals += 1;
                let signal = Signal {
                    number: self.signals,
                    by: "ann".into(),
                    command,
                };
                self.machine
                    .handle_input(self.now, Input::Signal(signal.clone()));
                self.machine.handle_input(self.now, Input::Signal(signal));
                return Ok(true);
            }
            Event::Cancel { pause } => {
                self.machine.handle_input(
                    self.now,
                    Input::Cancel {
                        pause,
                        watched: false,
                    },
                );
                return Ok(true);
            }
            Event::Leave { watched } => {
                self.watched = watched;
                self.machine
                    .handle_input(self.now, Input::Leave { watched });
                return Ok(true);
            }
            Event::Supersede => {
                self.intent = Intent::Deploy(self.case.begin(NEXT));
                // Nobody else holds the lease: the other run is gone.
                self.machine = Machine::new(self.durable.clone(), self.intent.clone(), self.now);
                return Ok(true);
            }
            Event::Dies(digest) => Fault::Dies(digest),
            Event::AllDie(digest) => Fault::AllDie(digest),
            Event::Flaps(digest) => Fault::Flaps(digest, Millis(1_500)),
            Event::Breaks(digest) => Fault::Breaks(digest),
            Event::Unreachable(time) => Fault::Unreachable(self.now + time),
        };
        self.world.strike(self.now, fault);
        self.checker.fleet(&self.world.fleet(self.now))?;
        Ok(false)
    }

    fn end(&self) -> Result<(), String> {
        let fleet = self.world.fleet(self.now);
        let Some(rollout) = &self.durable.rollout else {
            return Err("it ended before it began".into());
        };
        match rollout.step {
            Step::Over { outcome, cause, .. } => self.checker.end(outcome, cause, &fleet),
            _ => Err("it ended and is not over".into()),
        }
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.durable.rollout.as_ref()?.step {
            Step::Over { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

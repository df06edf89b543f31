//! The loop: the machine, the world, the checkers, on a virtual clock.

use baepo_core::fleet::Fleet;
use baepo_core::rollout::{
    Answer, Call, CallError, CallId, Cause, Command, Counted, Done, Entry, Environment, Input,
    Intent, Machine, Operation, Outcome, Output, Record, Signal, Step, VerifyRequest,
};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::{Millis, Time};

use super::case::{Case, Event, NEW, NEXT, Planned, Start};
use super::check::Checker;
use super::mutant::Mutant;
use super::wire::Wire;
use super::world::{Fault, World};

pub(crate) const BEGIN: Time = Time(1_000_000_000);
/// How long an answer of a plugin takes.
const THINKING: Millis = Millis(40);
const LONGEST: Millis = Millis::from_secs(40 * 24 * 3600);
const MOST_OUTPUTS: usize = 200_000;

/// Who decides, as the loop sees it.
pub(crate) type Strategy<'a> =
    dyn Fn(&baepo_core::rollout::View) -> Result<baepo_core::rollout::Decision, String> + 'a;

/// A crash: right after the record of this number, with the call that would
/// have followed done or not, and how long nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) record: usize,
    pub(crate) called: bool,
    pub(crate) gap: Millis,
    /// Whether a person has said abort meanwhile.
    pub(crate) aborted: bool,
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
    /// How many outputs there were at this time.
    pub(crate) at_once: (Time, u32),
    /// The newest fleet that was told, and when.
    seen: (Time, Fleet),
    /// Whether something was recorded since the two states were compared.
    fresh: bool,
    /// Whether saved states are read back each time.
    pub(crate) reread: bool,
    pub(crate) mutant: Option<Mutant>,
    /// Whether somebody watches when the run leaves.
    watched: bool,
    wire: Wire,
}

pub(crate) enum Stop {
    Done(Done),
    /// The run ended so, and another has taken the rollout up.
    Resumed(Done),
    /// A record was handed out; the run may be cloned here to crash it.
    Recorded,
}

fn is_asked_of_plugins(call: &Call) -> bool {
    matches!(call, Call::Decide(_) | Call::Judge(_) | Call::Verify(_))
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
            wire: Wire::default(),
        }
    }

    /// What the clock of the machine's computer says.
    fn clock(&self) -> Time {
        self.wire.clock(self.now)
    }

    fn start_anew(&mut self) {
        self.wire.forget();
        self.machine = Machine::new(self.durable.clone(), self.intent.clone(), self.clock());
    }

    /// Start again from what is durable.
    pub(crate) fn crash(&mut self, gap: Millis) -> Result<(), String> {
        self.advance(self.now + gap)?;
        self.start_anew();
        Ok(())
    }

    /// The call that would follow is done, though nobody hears of it.
    pub(crate) fn do_next_call(&mut self) -> Result<bool, String> {
        let mut machine = self.machine.clone();
        let call = match machine.poll_output(self.clock()) {
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
            let output = self.machine.poll_output(self.clock());
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
                    let clock = self.clock();
                    if until <= clock {
                        return Err("a wait for the past".into());
                    }
                    self.advance(self.now + until.since(clock))?;
                }
                Output::Pending => return Err("pending, and nothing is".into()),
                Output::Call { id, call } => self.call(id, call)?,
                Output::Done(done) => {
                    if self.is_to_go_on(&done) {
                        self.crash(self.absence(&done)?)?;
                        return Ok(Stop::Resumed(done));
                    }
                    self.end(&done)?;
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
            (_, Some(at)) => Ok(at.since(self.clock()).max(Millis(1))),
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
        if is_asked_of_plugins(&call) {
            self.advance(self.now + THINKING)?;
            if !self.machine.is_waiting_for(id) {
                return Ok(());
            }
        }
        let answer = self.answer(call)?;
        // What was answered before comes again, and this comes twice.
        for (id, answer) in self.wire.deliver(id, answer) {
            let now = self.clock();
            self.machine
                .handle_input(now, Input::Returned { id, answer });
        }
        Ok(())
    }

    fn answer(&mut self, call: Call) -> Result<Result<Answer, CallError>, String> {
        if !is_asked_of_plugins(&call) && self.now < self.world.unreachable_until {
            return Ok(Err(CallError::Unreachable("no answer".into())));
        }
        let lost = self.wire.is_deaf(self.now);
        let answer = match call {
            Call::Stage(release) => {
                self.world.stage(release.digest);
                Answer::Accepted
            }
            Call::Observe => Answer::Fleet(self.look()),
            Call::Measure { .. } => {
                let counts = !self.wire.is_blind(self.now);
                let counted = Counted {
                    stable: counts.then(Telemetry::default),
                    candidate: counts.then(Telemetry::default),
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
                        self.checker.act(self.clock(), &operation, &fleet)?;
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
            Call::Verify(requests) => {
                let report =
                    |asked: VerifyRequest| (asked.plugin.name, Ok(self.case.tests.report()));
                Answer::Reports(requests.into_iter().map(report).collect())
            }
            Call::Judge(requests) => {
                let fleet = self.world.fleet(self.now);
                let observation =
                    |digest| self.case.evidence.observation(fleet.route.weight(digest));
                let blind = self.wire.is_blind(self.now);
                let observations = requests.into_iter().map(|(monitor, request)| {
                    let said = match blind {
                        true => Err("the metrics are down".into()),
                        false => Ok(observation(request.candidate.release.digest)),
                    };
                    (monitor, said)
                });
                Answer::Observations(observations.collect())
            }
        };
        Ok(match lost && matches!(answer, Answer::Accepted) {
            true => Err(CallError::Unreachable("done, and nobody heard".into())),
            false => Ok(answer),
        })
    }

    /// Nobody can know better than what was just seen: an act must be right
    /// for the fleet as it is, or as it was at most one poll ago.
    fn check_act(&mut self, operation: &Operation, fleet: &Fleet) -> Result<(), String> {
        let before = self.checker.clone();
        let now = self.clock();
        let result = self.checker.act(now, operation, fleet);
        let (at, seen) = &self.seen;
        let poll = self.case.settings().deadlines.poll;
        if result.is_ok() || self.now.since(*at) >= poll {
            return result;
        }
        self.checker = before;
        self.checker.act(now, operation, seen)
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

    /// A person says something, and it is delivered twice.
    pub(crate) fn hear(&mut self, command: Command) {
        self.signals += 1;
        let signal = Signal {
            reason: String::new(),
            number: self.signals,
            by: "ann".into(),
            command,
        };
        let now = self.clock();
        self.machine
            .handle_input(now, Input::Signal(signal.clone()));
        self.machine.handle_input(now, Input::Signal(signal));
    }

    fn happen(&mut self, event: Event) -> Result<bool, String> {
        let fault = match event {
            Event::Says(command) => {
                self.hear(command);
                return Ok(true);
            }
            Event::Cancel { pause } => {
                self.machine.handle_input(
                    self.wire.clock(self.now),
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
                    .handle_input(self.wire.clock(self.now), Input::Leave { watched });
                return Ok(true);
            }
            Event::Supersede => {
                self.intent = Intent::Deploy(self.case.begin(NEXT));
                // Nobody else holds the lease: the other run is gone.
                self.start_anew();
                if self.durable.active().is_some_and(|r| r.candidate() != NEXT) {
                    self.checker.must_turn_back();
                }
                return Ok(true);
            }
            Event::TakenOver => {
                let stale = self.machine.clone();
                self.start_anew();
                super::wire::fenced_off(stale, self.clock())?;
                return Ok(true);
            }
            Event::Clock { ms } => {
                // Clocks of one computer do not jump for a run; those of two
                // differ.
                self.wire.set_clock(ms);
                self.start_anew();
                return Ok(true);
            }
            Event::LosesAnswers(time) => {
                self.wire.deaf_until = self.now + time;
                return Ok(false);
            }
            Event::NoMetrics(time) => {
                self.wire.blind_until = self.now + time;
                return Ok(false);
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

    fn end(&self, done: &Done) -> Result<(), String> {
        let fleet = self.world.fleet(self.now);
        let nothing = match self.case.start {
            Start::Same => Some((Outcome::Succeeded, Cause::AlreadyServing)),
            Start::RolledBack => Some((Outcome::Refused, Cause::RolledBackBefore)),
            Start::Serving | Start::Nothing | Start::Warm | Start::Cold => None,
        };
        if let Some(expected) = nothing {
            let as_expected = (done.outcome, done.cause) == expected && self.journal.is_empty();
            return match as_expected {
                true => Ok(()),
                false => Err(format!(
                    "{:?}, {:?}, not {expected:?}",
                    done.outcome, done.cause
                )),
            };
        }
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

//! The state machine without its I/O: inputs in, outputs drained, all time is
//! an input.
//!
//! What it knows for certain is the [`Environment`], a fold over entries; what
//! it has merely seen (the newest fleet, the outstanding call) is forgotten in
//! a crash and asked for again. Each [`Output::Record`] must be durable before
//! the next output is asked for: that is how "record before call" holds.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::directive::{RoleFleet, RoleFleets};
use super::entry::{Cause, Counted, DueItem, Entry, Operation, Outcome, Purpose, Record};
use super::environment::Environment;
use super::guardrail::Ground;
use super::port::{Answer, Call, CallError, CallId, Done, Input, Intent, Output};
use super::settings::Kind;
use super::state::Rollout;
use super::step::Step;
use crate::digest::Digest;
use crate::fleet::{Fleet, Route};
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// How long to wait before a target that did not answer is asked again.
const RETRY: Millis = Millis(500);
/// How long an operation may go unseen before it is asked for again.
const REASK: Millis = Millis(2_000);

/// The state machine of one environment.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) env: Environment,
    pub(super) intent: Intent,
    pub(super) seen: Option<(Time, Fleet)>,
    pub(super) measured: Option<(Time, Counted)>,
    /// What the target was last asked for, and when it took it.
    pub(super) issued: Option<(Operation, Time)>,
    /// When it began to run: a deadline gives at least its full time to each
    /// run, for a killed one could not use it.
    pub(super) born: Time,
    /// Since when the share is not the one that was asked for.
    pub(super) trouble_since: Option<Time>,
    /// Since when it could be that again.
    pub(super) calm_since: Option<Time>,
    pub(super) staged: bool,
    /// Since when the present due item is worked on.
    pub(super) due_since: Option<Time>,
    /// Due items that this run could not do.
    pub(super) given_up: Vec<DueItem>,
    pub(super) hurry: bool,
    /// Whether this run is to end where it only waits, and if so whether
    /// somebody watches then.
    pub(super) leaving: Option<bool>,
    pub(super) done: Option<Done>,
    calling: Option<(CallId, Call)>,
    calls: u64,
    retry_at: Time,
    unreachable: Option<(Time, String)>,
    records: VecDeque<Record>,
}

/// How often one poll may look again at what to do: each time something is
/// recorded, so that more than a few are a mistake here.
const MOST_TURNS: u32 = 1_000;

/// What to do next.
pub(super) enum Next {
    /// Something was recorded; look again.
    Again,
    /// Call.
    Call(Box<Call>),
    /// Wait until then.
    Wait(Time),
    /// Over.
    Done(Done),
}

impl Next {
    pub(super) fn call(call: Call) -> Next {
        Next::Call(Box::new(call))
    }
}

impl Machine {
    /// A machine that goes on from this state. The same for a fresh start and
    /// after a crash.
    pub fn new(env: Environment, intent: Intent, now: Time) -> Machine {
        let mut machine = Machine {
            env,
            intent,
            seen: None,
            measured: None,
            issued: None,
            born: now,
            trouble_since: None,
            calm_since: None,
            staged: false,
            due_since: None,
            given_up: Vec::new(),
            hurry: false,
            leaving: None,
            done: None,
            calling: None,
            calls: 0,
            retry_at: Time(0),
            unreachable: None,
            records: VecDeque::new(),
        };
        machine.start(now);
        machine
    }

    /// The state as it will be once all records are durable.
    pub fn environment(&self) -> &Environment {
        &self.env
    }

    /// Whether this is the call that the machine waits for; others may be
    /// dropped.
    pub fn is_waiting_for(&self, id: CallId) -> bool {
        self.calling
            .as_ref()
            .is_some_and(|(calling, _)| *calling == id)
    }

    /// The newest fleet that was seen.
    pub fn fleet(&self) -> Option<&Fleet> {
        self.seen.as_ref().map(|(_, fleet)| fleet)
    }

    fn start(&mut self, now: Time) {
        let Some(rollout) = &self.env.rollout else {
            return;
        };
        if let Step::Over {
            outcome: Outcome::Stuck,
            cause,
            ..
        } = rollout.step
        {
            let reason = rollout.reason.clone();
            self.push(now, Entry::TurnedBack { cause, reason });
        }
        let (digest, by_rollback) = match &self.intent {
            Intent::Deploy(begin) => (begin.candidate.digest, false),
            Intent::Rollback(begin) => (begin.candidate.digest, true),
            Intent::Resume => return,
        };
        let Some(rollout) = self.env.active() else {
            return;
        };
        let is_same = rollout.candidate() == digest;
        if is_same && (!by_rollback || rollout.kind == Kind::Rollback) {
            self.intent = Intent::Resume;
        } else if !matches!(rollout.step, Step::Back { .. }) {
            let (cause, reason) = match &self.intent {
                Intent::Deploy(begin) => {
                    let newer = begin.candidate.revision.short();
                    (Cause::Superseded, format!("superseded by {newer}"))
                }
                Intent::Rollback(_) | Intent::Resume => {
                    (Cause::Person, "a person asked for a rollback".into())
                }
            };
            self.turn_back(now, cause, reason);
        }
    }

    /// Take one input in.
    pub fn handle_input(&mut self, now: Time, input: Input) {
        match input {
            Input::Returned { id, answer } => {
                let Some((_, call)) = self.calling.take_if(|(calling, _)| *calling == id) else {
                    return;
                };
                match answer {
                    Ok(answer) => self.take_answer(now, call, answer),
                    Err(error) => self.take_error(now, &call, error),
                }
            }
            Input::Signal(signal) => self.take_signal(now, signal),
            Input::Cancel { pause, watched } => self.take_cancel(now, pause, watched),
            Input::Leave { watched } => self.leaving = Some(watched),
            Input::Fenced => self.fenced(),
        }
    }

    /// The next output. Ask again until it is [`Output::Pending`],
    /// [`Output::Wait`] or [`Output::Done`].
    pub fn poll_output(&mut self, now: Time) -> Output {
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < MOST_TURNS, "the machine turns round on the spot");
            if let Some(record) = self.records.pop_front() {
                return Output::Record(record);
            }
            if let Some(done) = &self.done {
                return Output::Done(done.clone());
            }
            if self.calling.is_some() {
                return Output::Pending;
            }
            if now < self.retry_at {
                return Output::Wait(self.retry_at);
            }
            let next = self.advance(now);
            if !self.records.is_empty() && !matches!(next, Next::Done(_)) {
                // Record before call: what follows is asked for again.
                continue;
            }
            match next {
                Next::Again => {}
                Next::Wait(until) => match self.waiting() {
                    Some(done) => self.done = Some(done),
                    None => return Output::Wait(until.max(now + Millis(1))),
                },
                Next::Done(done) => self.done = Some(done),
                Next::Call(call) => {
                    self.calls += 1;
                    let id = CallId(self.calls);
                    self.calling = Some((id, (*call).clone()));
                    return Output::Call { id, call: *call };
                }
            }
        }
    }

    fn advance(&mut self, now: Time) -> Next {
        let Some(rollout) = self.env.active() else {
            return self.rest(now);
        };
        if let Some(pending) = rollout.pending.clone() {
            self.act_upon(now, pending);
            return Next::Again;
        }
        let step = rollout.step.clone();
        if !matches!(step, Step::Back { .. })
            && let Some((since, why)) = &self.unreachable
            && now.since(*since) >= rollout.begin.settings.deadlines.progress
        {
            let reason = format!("the target did not answer for {}: {why}", now.since(*since));
            return self.turn_back(now, Cause::Target, reason);
        }
        match step {
            Step::Staging { since } => self.stage(now, since),
            Step::Deciding { since } => self.decide(now, since),
            Step::Acting { directive, since } => self.act(now, &directive, since),
            Step::Holding { until, .. } => self.hold(now, until),
            Step::Back {
                since,
                cause,
                weightless,
            } => self.go_back(now, since, cause, weightless),
            Step::Over { .. } => self.rest(now),
        }
    }

    fn take_answer(&mut self, now: Time, call: Call, answer: Answer) {
        if !matches!(call, Call::Decide(_) | Call::Judge(_) | Call::Verify(_)) {
            self.unreachable = None;
        }
        match answer {
            Answer::Accepted => match call {
                Call::Stage(_) => self.staged = true,
                Call::Act(operation) => {
                    self.issued = Some((operation, now));
                    self.seen = None;
                }
                Call::Observe
                | Call::Measure { .. }
                | Call::Judge(_)
                | Call::Verify(_)
                | Call::Decide(_) => {}
            },
            Answer::Fleet(fleet) => self.take_fleet(now, fleet),
            Answer::Measured(fleet, counted) => {
                self.take_fleet(now, fleet);
                self.measured = Some((now, counted));
            }
            Answer::Observations(observations) => self.take_observations(now, observations),
            Answer::Reports(reports) => self.take_reports(now, reports),
            Answer::Decision(decision) => self.take_decision(now, decision),
        }
    }

    fn take_error(&mut self, now: Time, call: &Call, error: CallError) {
        let (why, for_good) = match error {
            CallError::Fenced => return self.fenced(),
            CallError::Unreachable(why) => (why, false),
            CallError::Refused(why) => (why, true),
        };
        match call {
            // Monitors that cannot be asked know nothing.
            Call::Judge(requests) => {
                let observations = requests.iter();
                let observations = observations.map(|(name, _)| (name.clone(), Err(why.clone())));
                self.take_observations(now, observations.collect());
            }
            Call::Decide(_) | Call::Verify(_) if for_good => {
                self.turn_back(now, Cause::PluginFailed, why);
            }
            Call::Decide(_) | Call::Verify(_) => self.retry_at = now + RETRY,
            Call::Stage(_) | Call::Observe | Call::Measure { .. } | Call::Act(_) => {
                self.take_target_error(now, call, why, for_good);
            }
        }
    }

    /// The way forward ends where the target refuses for good. The way back
    /// goes on trying, and a due item is left to whoever comes next.
    fn take_target_error(&mut self, now: Time, call: &Call, why: String, for_good: bool) {
        match self.env.active() {
            Some(rollout) if for_good && !matches!(rollout.step, Step::Back { .. }) => {
                self.turn_back(now, Cause::Target, why);
                return;
            }
            Some(_) => {}
            None if for_good => self.give_up_due(call),
            None => {}
        }
        let since = self.unreachable.take().map_or(now, |(since, _)| since);
        self.unreachable = Some((since, why));
        self.retry_at = now + RETRY;
    }

    fn take_fleet(&mut self, now: Time, fleet: Fleet) {
        if let Some(rollout) = self.env.active() {
            let weight = fleet.route.weight(rollout.candidate());
            if weight != rollout.weight {
                self.push(now, Entry::Weighed { weight });
            }
        }
        self.seen = Some((now, fleet));
    }

    /// From here on only the way back; whatever was outstanding is dropped.
    pub(super) fn turn_back(&mut self, now: Time, cause: Cause, reason: String) -> Next {
        self.forget_call();
        self.issued = None;
        self.push(now, Entry::TurnedBack { cause, reason });
        Next::Again
    }

    /// The answer of the outstanding call is no longer wanted.
    pub(super) fn forget_call(&mut self) {
        self.calling = None;
        self.measured = None;
        self.retry_at = Time(0);
    }

    /// Record an entry; it takes effect at once and is handed out in order.
    pub(super) fn push(&mut self, now: Time, entry: Entry) {
        let record = Record {
            seq: self.env.seq + 1,
            at: now,
            entry,
        };
        self.env.apply(&record);
        self.records.push_back(record);
    }

    /// The newest fleet if it is not older than `age`, or the call for it.
    #[allow(
        clippy::result_large_err,
        reason = "a step that is taken once per poll; boxing it would cost more than it saves"
    )]
    pub(super) fn look_at_fleet(&self, now: Time, age: Millis) -> Result<Fleet, Next> {
        match &self.seen {
            Some((at, fleet)) if now.since(*at) < age => Ok(fleet.clone()),
            Some(_) | None => Err(Next::call(Call::Observe)),
        }
    }

    /// Ask the target for something, unless it was just asked.
    pub(super) fn ask(&mut self, now: Time, operation: Operation, purpose: Purpose) -> Next {
        match &self.issued {
            Some((issued, at)) if *issued == operation && now.since(*at) < REASK => {
                Next::Wait(*at + REASK)
            }
            Some((issued, _)) if *issued == operation => Next::call(Call::Act(operation)),
            Some(_) | None => {
                self.issued = Some((operation.clone(), Time(0)));
                self.push(now, Entry::Asked { operation, purpose });
                Next::Again
            }
        }
    }
}

impl Rollout {
    /// Both roles as a strategy sees them.
    pub(super) fn roles(&self, fleet: &Fleet) -> RoleFleets {
        let role = |digest: Option<Digest>, before: u64| {
            digest.map_or(RoleFleet::default(), |digest| {
                let instances = fleet.of(digest);
                RoleFleet {
                    asked: instances.asked,
                    ready: instances.ready,
                    starting: instances.starting,
                    draining: instances.draining,
                    restarts: u32::try_from(instances.restarts.saturating_sub(before))
                        .unwrap_or(u32::MAX),
                }
            })
        };
        RoleFleets {
            stable: role(self.stable_digest(), self.restarts_before.0),
            candidate: role(Some(self.candidate()), self.restarts_before.1),
        }
    }

    /// What guardrails are checked against.
    pub(super) fn ground(&self, fleet: &Fleet) -> Ground {
        let settings = &self.begin.settings;
        let (n, limits) = (settings.instances, settings.limits);
        Ground {
            instances: n,
            limits,
            fleet: self.roles(fleet),
            weight: fleet.route.weight(self.candidate()),
            first_install: self.stable.is_none(),
            exclusive: self.exclusive,
            ceiling: match self.kind {
                Kind::Strategy => n.saturating_add(limits.max_surge),
                Kind::FirstInstall | Kind::Rollback => n.saturating_mul(2),
            },
        }
    }

    /// Whether this is the split that gives the candidate this share, or what
    /// the target makes of it.
    pub(super) fn is_routed(&self, route: &Route, weight: BasisPoints) -> bool {
        let real = self.begin.settings.limits.real_share(weight);
        *route == self.route_for(weight) || *route == self.route_for(real)
    }

    /// The split that gives the candidate this share.
    pub(super) fn route_for(&self, weight: BasisPoints) -> Route {
        match self.stable_digest() {
            Some(stable) => Route::split(stable, self.candidate(), weight),
            None if weight == BasisPoints::ZERO => Route::NONE,
            None => Route::all(self.candidate()),
        }
    }
}

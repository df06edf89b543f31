//! The only loop: runs the core's state machine against a real target and real
//! plugins.
//!
//! **Invariant:** an entry is saved with the target before the call that it
//! announces is made, and every changing call carries the token of the lease.

mod calls;
mod deciders;
mod document;
mod lease;
mod saving;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use baepo_core::fleet::Fleet;
use baepo_core::hook::Annotation;
use baepo_core::lease::{Lease, Token};
use baepo_core::pipeline::Served;
use baepo_core::release::Release;
use baepo_core::rollout::{
    Answer, Call, CallError, Cause, Command, Counted, Done, Entry, Found, Input, Intent, Machine,
    Observation, Outcome, Output, Record,
};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::Time;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use deciders::Deciders;
pub use document::{EnvironmentLock, StateDocument, StateError, load, set_lock, signal};
pub use lease::{Holder, LeaseError, WATCHDOG};

use crate::capability::Outside;
use crate::capability::log::LogSink;
use crate::capability::uses::UseLog;
use crate::clock::Clock;
use crate::target::{Staging, Target};

/// How long a cancelled run may take for the first step back.
const CANCEL_PATIENCE: Duration = Duration::from_secs(8);

/// What the driver tells whoever watches.
#[derive(Debug)]
pub enum Event<'a> {
    /// The lease is ours, and this is there: a rollout on its way, or one that
    /// ended with nobody there to tell of it.
    TakenUp(&'a Found<'a>),
    /// An entry is durable.
    Recorded(&'a Record),
    /// The newest look at the fleet.
    Seen(&'a Fleet),
    /// Somebody else acts; waiting for them.
    Locked(&'a Lease),
    /// What does not answer; it is asked again.
    Away(&'a str),
    /// What tests of the candidate say of lines of code.
    Remarked(&'a [Annotation]),
}

/// Where a release is on this machine, and how its instances are run.
pub type Stagings<'a> = dyn Fn(&Release) -> Result<Staging, String> + Send + Sync + 'a;

/// One rollout and all that it needs.
pub struct Drive<'a> {
    /// Where instances live.
    pub target: Arc<dyn Target>,
    /// Who decides and judges.
    pub deciders: Deciders,
    /// What to hand over when the target lacks a release.
    pub stagings: &'a Stagings<'a>,
    /// The checkout, for monitors that may read files of it; absent where the
    /// run has none.
    pub checkout: Option<Arc<Path>>,
    /// Names this run, for people.
    pub holder: String,
    /// Where lines of plugins go.
    pub log: LogSink,
    /// What granted capabilities of plugins lead to.
    pub outside: Arc<Outside>,
    /// What plugins used of that is noted there.
    pub uses: UseLog,
    /// Cancelled when the job is.
    pub cancel: CancellationToken,
    /// On cancel, stay at the present weight instead of going back.
    pub pause_on_cancel: bool,
    /// When to end as waiting where there is nothing to do but wait; absent
    /// to stay to the end.
    pub leave_at: Option<tokio::time::Instant>,
    /// What to say to the rollout that is on its way, once the lease is ours,
    /// and why: a watchdog's word.
    pub say: Option<(Command, String)>,
    /// Whether nobody hears of what is recorded, so that it is kept for the next
    /// run to tell of.
    pub is_unheard: bool,
}

/// How a drive ended.
#[derive(Debug)]
pub struct Driven {
    /// How the rollout ended.
    pub done: Done,
    /// The state then.
    pub environment: baepo_core::rollout::Environment,
    /// Requests that stable and candidate answered meanwhile, where measured.
    pub served: Option<(Served, Served)>,
}

/// Why there was no drive.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The lease.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// A person has locked the environment.
    #[error("{0}")]
    Locked(EnvironmentLock),
}

/// What monitors said, by name.
type Observations = Vec<(String, Result<Observation, String>)>;

/// What is heard while a rollout goes on.
enum Heard {
    Signal(baepo_core::rollout::Signal),
    Fenced,
}

impl Drive<'_> {
    /// Take the lease, go on from the target's state, and run to an end.
    ///
    /// # Errors
    /// If the lease is somebody else's or the state cannot be read: nothing
    /// was changed.
    pub async fn run(
        &self,
        mut intent: Intent,
        watch: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Driven, DriveError> {
        if let Some(lock) = document::lock_against(&*self.target, &intent).await? {
            return Err(DriveError::Locked(lock));
        }
        let lease = lease::acquire(&*self.target, &self.holder, &intent, watch).await?;
        let holder = Holder::keep(Arc::clone(&self.target), self.holder.clone(), lease.token);
        if let Some((command, why)) = &self.say {
            signal(&*self.target, *command, &self.holder, why).await?;
        }
        let (mut version, mut state) = load(&*self.target).await?;
        let mut unheard = None;
        if self.is_unheard {
            let next = state.environment.seq + 1;
            unheard = state.untold.or(state.environment.active().map(|_| next));
        } else if let Some(found) = state.environment.found(state.untold) {
            watch(Event::TakenUp(&found));
            if state.untold.take().is_some() {
                version = document::save(&*self.target, lease.token, version, &mut state).await?;
            }
        }
        if let Intent::Deploy(begin) | Intent::Rollback(begin) = &mut intent {
            begin.heard = state.signalled();
        }
        let heard_before = match state.environment.active() {
            Some(rollout) => rollout.heard,
            None => state.signalled(),
        };
        let clock = Clock::start();
        let mut machine = Machine::new(state.environment.clone(), intent, clock.now());
        // What was said while nobody was there comes before anything is asked.
        for signal in &state.signals {
            if signal.number > heard_before {
                machine.handle_input(clock.now(), Input::Signal(signal.clone()));
            }
        }
        let heard_before = state.signalled();
        let watched = self
            .target
            .describe()
            .await
            .is_ok_and(|target| target.has_watchdog);
        let (sender, heard) = mpsc::channel(16);
        let listener = tokio::spawn(listen(
            Arc::clone(&self.target),
            holder.lost(),
            heard_before,
            sender,
        ));
        let mut run = Run {
            drive: self,
            token: lease.token,
            machine,
            clock,
            version,
            state,
            unheard,
            heard,
            baseline: Counted::default(),
            watched,
            is_leaving: false,
        };
        let done = run.run(watch).await;
        listener.abort();
        let served = run.served().await;
        holder.release().await;
        Ok(Driven {
            done,
            environment: run.machine.environment().clone(),
            served,
        })
    }
}

/// Hears signals (each second) and the loss of the lease.
async fn listen(
    target: Arc<dyn Target>,
    lost: CancellationToken,
    mut heard: u64,
    sender: mpsc::Sender<Heard>,
) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = lost.cancelled() => {
                // The receiver is gone only when the run is over.
                let _ = sender.send(Heard::Fenced).await;
                return;
            }
            _ = tick.tick() => {}
        }
        let Ok((_, state)) = load(&*target).await else {
            continue;
        };
        for signal in state.signals {
            if signal.number <= heard {
                continue;
            }
            heard = signal.number;
            if sender.send(Heard::Signal(signal)).await.is_err() {
                return;
            }
        }
    }
}

struct Run<'a, 'b> {
    drive: &'a Drive<'b>,
    token: Token,
    machine: Machine,
    clock: Clock,
    version: u64,
    state: StateDocument,
    /// The first entry that nobody tells of.
    unheard: Option<u64>,
    heard: mpsc::Receiver<Heard>,
    baseline: Counted,
    /// Whether somebody watches when this run has left.
    watched: bool,
    is_leaving: bool,
}

impl Run<'_, '_> {
    async fn run(&mut self, watch: &mut (dyn FnMut(Event<'_>) + Send)) -> Done {
        let mut fresh: Vec<Record> = Vec::new();
        let mut cancelled_at: Option<tokio::time::Instant> = None;
        loop {
            if self.drive.cancel.is_cancelled() && cancelled_at.is_none() {
                cancelled_at = Some(tokio::time::Instant::now());
                let pause = self.drive.pause_on_cancel;
                let watched = self.watched;
                self.machine
                    .handle_input(self.clock.now(), Input::Cancel { pause, watched });
            }
            if cancelled_at.is_some_and(|at| at.elapsed() > CANCEL_PATIENCE) {
                return Done {
                    outcome: Outcome::Cancelled,
                    cause: Cause::Cancelled,
                    reason: "cancelled before the way back was seen to be made".into(),
                    resume_at: None,
                };
            }
            if self.is_time_to_leave() {
                self.is_leaving = true;
                let watched = self.watched;
                self.machine
                    .handle_input(self.clock.now(), Input::Leave { watched });
            }
            let output = self.machine.poll_output(self.clock.now());
            if let Output::Record(record) = output {
                fresh.push(record);
                continue;
            }
            if !fresh.is_empty() {
                if let Err(error) = self.persist(watch).await {
                    return self.unsaved(error).await;
                }
                for record in fresh.drain(..) {
                    self.note(&record);
                    watch(Event::Recorded(&record));
                }
            }
            match output {
                Output::Record(_) => {}
                Output::Done(done) => return done,
                Output::Pending => tokio::task::yield_now().await,
                Output::Wait(until) => self.wait(until).await,
                Output::Call { id, call } => {
                    if let (Call::Decide(_), Some(done)) = (&call, self.not_as_pinned()) {
                        return done;
                    }
                    let (call, strangers) = self.without_strangers(call);
                    if let Some(mut answer) = self.call(id, call).await {
                        if let Ok(Answer::Observations(said)) = &mut answer {
                            said.extend(strangers);
                        }
                        if let Ok(Answer::Reports(reports)) = &answer {
                            for report in reports.iter().filter_map(|(_, r)| r.as_ref().ok()) {
                                watch(Event::Remarked(&report.annotations));
                            }
                        }
                        let is_answer = answer.is_ok();
                        if let Err(CallError::Unreachable(what)) = &answer {
                            watch(Event::Away(what));
                        }
                        self.machine
                            .handle_input(self.clock.now(), Input::Returned { id, answer });
                        if let Some(fleet) = self.machine.fleet().filter(|_| is_answer) {
                            watch(Event::Seen(fleet));
                        }
                    }
                }
            }
        }
    }

    fn is_time_to_leave(&self) -> bool {
        let is_time = |at| at <= tokio::time::Instant::now();
        !self.is_leaving && self.drive.leave_at.is_some_and(is_time)
    }

    fn not_as_pinned(&self) -> Option<Done> {
        let rollout = self.machine.environment().active()?;
        self.drive.deciders.at_hand().refused(rollout)
    }

    fn without_strangers(&self, call: Call) -> (Call, Observations) {
        match (call, self.machine.environment().active()) {
            (Call::Judge(asked), Some(rollout)) => {
                let at_hand = self.drive.deciders.at_hand();
                let (asked, unasked) = at_hand.without_strangers(rollout, asked);
                (Call::Judge(asked), unasked)
            }
            (call, _) => (call, Vec::new()),
        }
    }

    fn note(&mut self, record: &Record) {
        if let Entry::Baseline {
            stable, candidate, ..
        } = &record.entry
        {
            self.baseline = Counted {
                stable: stable.clone(),
                candidate: candidate.clone(),
            };
        }
    }

    fn take(&mut self, heard: Option<Heard>) {
        match heard {
            Some(Heard::Signal(signal)) => self
                .machine
                .handle_input(self.clock.now(), Input::Signal(signal)),
            Some(Heard::Fenced) => self.machine.handle_input(self.clock.now(), Input::Fenced),
            None => {}
        }
    }

    async fn wait(&mut self, until: Time) {
        let left = until.since(self.clock.now()).to_duration();
        let cancelled = self.drive.cancel.is_cancelled();
        let leave_at = self.drive.leave_at.filter(|_| !self.is_leaving);
        let left = leave_at.map_or(left, |at| {
            left.min(at.saturating_duration_since(tokio::time::Instant::now()))
        });
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            heard = self.heard.recv() => self.take(heard),
            () = self.drive.cancel.cancelled(), if !cancelled => {}
        }
    }

    /// The answer of a call, or `None` where a signal made it pointless.
    async fn call(
        &mut self,
        id: baepo_core::rollout::CallId,
        call: Call,
    ) -> Option<Result<Answer, CallError>> {
        let (drive, token) = (self.drive, self.token);
        let calling = drive.answer(token, call);
        tokio::pin!(calling);
        loop {
            let cancelled = self.drive.cancel.is_cancelled();
            tokio::select! {
                answer = &mut calling => return Some(answer),
                heard = self.heard.recv() => {
                    self.take(heard);
                    if !self.machine.is_waiting_for(id) {
                        return None;
                    }
                }
                () = self.drive.cancel.cancelled(), if !cancelled => {
                    let pause = self.drive.pause_on_cancel;
                    let watched = self.watched;
                self.machine
                    .handle_input(self.clock.now(), Input::Cancel { pause, watched });
                    return None;
                }
            }
        }
    }

    async fn served(&self) -> Option<(Served, Served)> {
        let rollout = self.machine.environment().rollout.as_ref()?;
        let count = |now: Option<Telemetry>, before: &Option<Telemetry>| {
            let now = now?;
            let since = before
                .as_ref()
                .map_or(now.clone(), |before| now.since(before));
            Some(Served {
                requests: since.requests,
                failures: since.failures,
                cut: since.cut,
            })
        };
        let target = &self.drive.target;
        let candidate = target.telemetry(rollout.candidate()).await.ok().flatten();
        let candidate = count(candidate, &self.baseline.candidate)?;
        let stable = match rollout.stable_digest() {
            Some(digest) => target.telemetry(digest).await.ok().flatten(),
            None => None,
        };
        let before = self
            .baseline
            .stable
            .clone()
            .or_else(|| rollout.stable_before.clone());
        Some((count(stable, &before).unwrap_or_default(), candidate))
    }
}

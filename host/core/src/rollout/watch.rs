//! Windows of observation: when monitors are asked, and what comes of it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{Cause, Counted, Entry};
use super::forward::shorten;
use super::look::{LookRequest, Observation, Side};
use super::machine::{Machine, Next};
use super::memory::MOST_MEMORY;
use super::port::Call;
use super::settings::Kind;
use super::state::Rollout;
use super::step::Window;
use crate::fleet::Fleet;
use crate::release::Release;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Verdict};
use crate::weight::BasisPoints;

/// How often monitors look while the candidate has weight and no `observe`
/// says otherwise: at first, and at the least. In between it is a sixtieth of
/// how long the step lasts, so that a hold over night does not fill journals.
const LOOK_IN_PASSING: (Millis, Millis) = (Millis(5_000), Millis(60_000));
/// Never more often than this.
const LOOK_AT_MOST: Millis = Millis(1_000);
/// How many of each a monitor may say at one look.
const MOST_SAID: usize = 16;
/// How many points a plot may have.
const MOST_SAMPLES: usize = 60;

impl Machine {
    /// The newest fleet for a state that waits. On the way it does what every
    /// wait does: note flapping, end on a crash loop, ask monitors when due.
    #[allow(
        clippy::result_large_err,
        reason = "a step that is taken once per poll; boxing it would cost more than it saves"
    )]
    pub(super) fn watch_fleet(&mut self, now: Time) -> Result<Fleet, Next> {
        let Some(rollout) = self.env.active() else {
            return Err(Next::Again);
        };
        if let Some((at, _)) = self.measured {
            return Err(self.look(now, at));
        }
        if now >= rollout.look_due() && rollout.is_watched() {
            return Err(self.measure());
        }
        let fleet = self.look_at_fleet(now, self.poll())?;
        let Some(rollout) = self.env.active() else {
            return Err(Next::Again);
        };
        let candidate = rollout.roles(&fleet).candidate;
        if candidate.restarts >= candidate.asked.max(3) {
            let trouble = fleet.of(rollout.candidate()).trouble;
            let trouble = trouble.map_or(String::new(), |why| format!(": {why}"));
            let reason = format!(
                "its instances crashed {} times{trouble}",
                candidate.restarts
            );
            return Err(self.turn_back(now, Cause::Unhealthy, reason));
        }
        let is_news = rollout.window.is_some_and(|window| !window.flapped);
        if rollout.observing().is_some() && is_news && candidate.ready < candidate.asked {
            self.push(now, Entry::Flapped);
            return Err(Next::Again);
        }
        Ok(fleet)
    }

    fn measure(&self) -> Next {
        let Some(rollout) = self.env.active() else {
            return Next::Again;
        };
        let (stable, candidate) = (rollout.stable_digest(), rollout.candidate());
        Next::call(Call::Measure { stable, candidate })
    }

    /// When a waiting state has something to do next, deadlines aside.
    pub(super) fn next_look(&self, now: Time) -> Time {
        let poll = now + self.poll().max(LOOK_AT_MOST);
        match self.env.active() {
            Some(rollout) if rollout.is_watched() => rollout.look_due().min(poll),
            Some(_) | None => poll,
        }
    }

    /// An `observe` directive.
    pub(super) fn observe(&mut self, now: Time, since: Time, max: Millis) -> Next {
        let Some(rollout) = self.env.active() else {
            return Next::Again;
        };
        if rollout.window.is_none() {
            return match self.look_at_fleet(now, self.poll()) {
                Ok(fleet) => self.begin_window(now, &fleet),
                Err(next) => next,
            };
        }
        let asked = rollout.asked;
        match self.watch_fleet(now) {
            Ok(fleet) => self
                .repair(now, &fleet, asked)
                .unwrap_or(Next::Wait(self.next_look(now).min(since + max))),
            Err(next) => next,
        }
    }

    fn begin_window(&mut self, now: Time, fleet: &Fleet) -> Next {
        let Some(rollout) = self.env.active() else {
            return Next::Again;
        };
        let entry = Entry::WindowBegan {
            window: rollout.windows + 1,
            phase: rollout.phase(),
            restarts: fleet.of(rollout.candidate()).restarts,
        };
        self.push(now, entry);
        Next::Again
    }

    /// Counters were read at `at`: ask the monitors that can judge now. Outside
    /// of an `observe` each part of a rollout is a window of its own.
    fn look(&mut self, now: Time, at: Time) -> Next {
        let Some(rollout) = self.env.active() else {
            return Next::Again;
        };
        let fits = |window: Window| window.phase == rollout.phase();
        if !rollout.window.is_some_and(fits) && rollout.observing().is_none() {
            let fleet = self.fleet().cloned().unwrap_or_default();
            return self.begin_window(now, &fleet);
        }
        let requests = self.requests(at);
        if requests.is_empty() {
            self.take_observations(now, Vec::new());
            return Next::Again;
        }
        Next::call(Call::Judge(requests))
    }

    fn requests(&self, at: Time) -> Vec<(String, LookRequest)> {
        let (Some(rollout), Some((_, counted))) = (self.env.active(), &self.measured) else {
            return Vec::new();
        };
        let Some(window) = rollout.window else {
            return Vec::new();
        };
        let phase = rollout.phase();
        let fleet = self.fleet().cloned().unwrap_or_default();
        let side = |release: &Release, now: &Option<Telemetry>, before: &Option<Telemetry>| Side {
            release: release.clone(),
            endpoints: fleet.of(release.digest).endpoints,
            telemetry: now.as_ref().map(|now| match before {
                Some(before) => now.since(before),
                None => now.clone(),
            }),
        };
        let asked = rollout.begin.settings.monitors.iter();
        asked
            .filter(|monitor| monitor.phases.contains(&phase))
            .map(|monitor| {
                let name = monitor.plugin.name.clone();
                let request = LookRequest {
                    config: monitor.plugin.config.clone(),
                    memory: rollout.memories.get(&name).cloned().unwrap_or_default(),
                    phase,
                    window: window.number,
                    window_elapsed: at.since(window.began),
                    since_last_look: at.since(window.looked.unwrap_or(window.began)),
                    last_look: rollout.is_window_over(at),
                    weight: window.weight,
                    stable: rollout
                        .stable
                        .as_ref()
                        .map(|stable| side(stable, &counted.stable, &rollout.counted.stable)),
                    candidate: side(
                        &rollout.begin.candidate,
                        &counted.candidate,
                        &rollout.counted.candidate,
                    ),
                    stable_before: rollout.stable_before.clone(),
                    now: at,
                };
                (name, request)
            })
            .collect()
    }

    /// Monitors answered (or none was to be asked): record it and end the
    /// window if that is what it says.
    pub(super) fn take_observations(
        &mut self,
        now: Time,
        observations: Vec<(String, Result<Observation, String>)>,
    ) {
        let Some((measured, counted)) = self.measured.take() else {
            return;
        };
        let Some(rollout) = self.env.active() else {
            return;
        };
        let Some(window) = rollout.window else { return };
        let counted = Counted {
            stable: counted.stable.or_else(|| rollout.counted.stable.clone()),
            candidate: counted
                .candidate
                .or_else(|| rollout.counted.candidate.clone()),
        };
        let mut judged = Vec::new();
        let mut memories = BTreeMap::new();
        for (monitor, observation) in observations {
            let (memory, said) = bounded(monitor.clone(), observation);
            memories.extend(memory.map(|memory| (monitor, memory)));
            judged.push(said);
        }
        let fleet = self.fleet().cloned().unwrap_or_default();
        let judgement = rollout.judge(&fleet, &window, measured, &judged);
        let verdict = judgement.verdict;
        let last_look =
            verdict == Verdict::Failing || rollout.window_ending(measured, verdict).is_some();
        self.push(
            now,
            Entry::Looked {
                judgement,
                judged,
                memories,
                counted,
                measured,
                last_look,
            },
        );
    }
}

/// What a monitor said and wants to keep, cut to what the state has room for.
/// One that could not be asked knows nothing.
fn bounded(monitor: String, observation: Result<Observation, String>) -> (Option<Vec<u8>>, Judged) {
    let unknown = |mut reason: String, monitor| {
        shorten(&mut reason);
        let judged = Judged {
            monitor,
            verdict: Verdict::Inconclusive,
            reason,
            measurements: Vec::new(),
            findings: Vec::new(),
        };
        (None, judged)
    };
    let Observation { memory, mut judged } = match observation {
        Ok(observation) => observation,
        Err(reason) => return unknown(reason, monitor),
    };
    if memory.len() > MOST_MEMORY {
        let size = memory.len();
        let reason = format!("it wants to keep {size} bytes, more than {MOST_MEMORY}");
        return unknown(reason, monitor);
    }
    judged.monitor = monitor;
    shorten(&mut judged.reason);
    judged.measurements.truncate(MOST_SAID);
    judged.findings.truncate(MOST_SAID);
    for measurement in &mut judged.measurements {
        measurement.samples.truncate(MOST_SAMPLES);
        shorten(&mut measurement.name);
        shorten(&mut measurement.unit);
        shorten(&mut measurement.evidence);
    }
    for finding in &mut judged.findings {
        shorten(&mut finding.title);
        shorten(&mut finding.message);
    }
    (Some(memory), judged)
}

impl Rollout {
    /// Whether monitors are asked at all: whenever the candidate has weight,
    /// and in every `observe`; a rollback is a person's own judgement.
    fn is_watched(&self) -> bool {
        let is_seen = self.weight > BasisPoints::ZERO || self.observing().is_some();
        is_seen && self.kind != Kind::Rollback
    }

    /// When monitors are to be asked next.
    fn look_due(&self) -> Time {
        let since = self.step.since();
        let Some(window) = self.window else {
            return since;
        };
        let Some((_, min, max)) = self.observing() else {
            let (often, seldom) = LOOK_IN_PASSING;
            let last = window.looked.unwrap_or(window.began).max(since);
            return last + Millis(last.since(since).0 / 60).clamp(often, seldom);
        };
        let Some(looked) = window.looked else {
            return window.began;
        };
        // One look falls on each end: the earliest chance to be healthy, and
        // the last one.
        let regular = looked + Millis(max.0 / 60).max(LOOK_AT_MOST);
        let ends = [since + min, since + max];
        ends.into_iter()
            .filter(|end| *end > looked)
            .fold(regular, Time::min)
    }

    fn is_window_over(&self, at: Time) -> bool {
        self.observing()
            .is_some_and(|(since, _, max)| at.since(since) >= max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::directive::{Decision, Directive, Judgement, Progress};
    use super::super::environment::Environment;
    use super::super::fixture::{apply, begun};
    use super::*;
    use crate::verdict::Phase;

    fn watching(min: u64, max: u64) -> Environment {
        let mut env = begun();
        let directive = Directive::Observe {
            min: Millis(min),
            max: Millis(max),
        };
        let decision = Decision {
            memory: Vec::new(),
            directive,
            progress: Progress::default(),
            reason: String::new(),
        };
        apply(&mut env, 1_000, Entry::Decided { decision });
        let entry = Entry::WindowBegan {
            window: 1,
            phase: Phase::Preview,
            restarts: 0,
        };
        apply(&mut env, 1_100, entry);
        env
    }

    fn due(env: &Environment) -> Option<u64> {
        env.active().map(|rollout| rollout.look_due().0)
    }

    fn look(env: &mut Environment, at: u64) {
        let entry = Entry::Looked {
            judgement: Judgement {
                verdict: Verdict::Inconclusive,
                health: Verdict::Healthy,
                reason: String::new(),
            },
            judged: Vec::new(),
            memories: BTreeMap::new(),
            counted: Counted::default(),
            measured: Time(at),
            last_look: false,
        };
        apply(env, at, entry);
    }

    #[test]
    fn looks_come_at_once_then_regularly_and_at_both_ends() {
        let mut env = watching(2_500, 4_200);
        let mut looks = Vec::new();
        while let Some(at) = due(&env).filter(|_| looks.len() < 8) {
            if env.active().is_none_or(|r| r.pending.is_some()) {
                break;
            }
            looks.push(at);
            look(&mut env, at);
        }
        assert_eq!(looks, [1_100, 2_100, 3_100, 3_500, 4_500, 5_200]);
    }

    #[test]
    fn long_windows_are_looked_at_sixty_times() {
        let mut env = watching(0, 600_000);
        look(&mut env, 2_000);
        assert_eq!(due(&env), Some(12_000));
    }

    #[test]
    fn holds_are_looked_at_less_and_less_often() {
        let mut env = watching(0, 600_000);
        let entry = Entry::Holding {
            reason: String::new(),
            until: Time(86_400_000),
            pause: false,
        };
        apply(&mut env, 2_000, entry);
        look(&mut env, 3_000);
        assert_eq!(due(&env), Some(8_000));
        look(&mut env, 1_202_000);
        assert_eq!(due(&env), Some(1_222_000));
        look(&mut env, 40_000_000);
        assert_eq!(due(&env), Some(40_060_000));
    }

    #[test]
    fn a_monitor_that_says_too_much_is_cut_and_one_that_keeps_too_much_is_unknown() {
        let said = |memory: usize| Observation {
            memory: alloc::vec![0; memory],
            judged: Judged {
                monitor: String::new(),
                verdict: Verdict::Healthy,
                reason: "x".repeat(9_000),
                measurements: Vec::new(),
                findings: Vec::new(),
            },
        };
        let (memory, judged) = bounded("m".into(), Ok(said(10)));
        assert_eq!(memory.map(|memory| memory.len()), Some(10));
        assert_eq!(judged.reason.chars().count(), 501);
        let (memory, judged) = bounded("m".into(), Ok(said(MOST_MEMORY + 1)));
        assert_eq!((memory, judged.verdict), (None, Verdict::Inconclusive));
    }
}

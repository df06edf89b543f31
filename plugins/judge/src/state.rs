//! The evidence of one rollout, and the verdict that it comes to.

mod bytes;

use crate::absolute::{self, Above};
use crate::comparative::{Comparison, Seen, against_record};
use crate::latency::{Histogram, Late, Latency};
use crate::mixture::{Evidence, Mixture};
use crate::noise::Moves;
use crate::{Counts, Settings};

/// Above this a window alone speaks against the candidate, though not loudly
/// enough to fail it: E is above 5 by chance at most once in five.
const DOUBT: f64 = 5.0;

/// What a verdict may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The evidence says that it is fine.
    Healthy,
    /// The evidence says that it is bad.
    Failing,
    /// There is not enough evidence, or none.
    Inconclusive,
}

impl Verdict {
    /// The worst of several: failing, then inconclusive, then healthy.
    pub fn worst(all: impl IntoIterator<Item = Verdict>) -> Verdict {
        all.into_iter()
            .fold(Verdict::Healthy, |worst, one| match (worst, one) {
                (Verdict::Failing, _) | (_, Verdict::Failing) => Verdict::Failing,
                (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
                (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
            })
    }
}

/// What part of a rollout a look is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Both roles carry traffic.
    Ramp,
    /// The candidate carries all of it.
    Bake,
}

/// How long requests took since the last look. All have the same bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latencies<'a> {
    /// Stable's; absent where there is no stable.
    pub stable: Option<Histogram<'a>>,
    /// The candidate's.
    pub candidate: Histogram<'a>,
    /// What stable measured before the rollout, in all.
    pub recorded: Option<Histogram<'a>>,
}

/// What was counted since the last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look<'a> {
    /// What part of the rollout it is in.
    pub phase: Phase,
    /// A number that is new for each window and grows.
    pub window: u32,
    /// Since the last look, in seconds.
    pub seconds: f64,
    /// Stable's requests; absent where there is no stable.
    pub stable: Option<Counts>,
    /// The candidate's requests.
    pub candidate: Counts,
    /// What stable measured before the rollout, in all.
    pub recorded: Option<Counts>,
    /// How long they took; absent where that is not judged.
    pub latency: Option<Latencies<'a>>,
}

/// One thing that is judged, by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// What it comes to.
    pub verdict: Verdict,
    /// Against "it is no worse"; failing at 1 / [`Judgement::level`].
    pub fail: Evidence,
    /// Against "it is bad"; fine at 1/β.
    pub pass: Evidence,
    /// Whether the buckets were too coarse to tell.
    pub is_coarse: bool,
    /// Whether this window alone speaks against the candidate.
    pub is_doubtful: bool,
    /// Whether stable itself does not keep the limit.
    pub stable_is_above_limit: bool,
}

/// A verdict and the numbers that decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What it comes to: the worst of what is judged.
    pub verdict: Verdict,
    /// What failures alone come to.
    pub failures: Verdict,
    /// The part of α that each thing that is judged has.
    pub level: f64,
    /// Against "no worse than stable"; failing at 1 / `level`.
    pub comparative_fail: Evidence,
    /// Against "twice as bad as stable"; fine at 1/β.
    pub comparative_pass: Evidence,
    /// Against "no better than stable"; better at 1 / `level`.
    pub comparative_low: Evidence,
    /// Against "within the limit"; failing at 1 / `level`. Absent without a limit.
    pub absolute_fail: Option<Evidence>,
    /// Against "at or above the limit"; fine at 1/β. Absent without a limit.
    pub absolute_pass: Option<Evidence>,
    /// Whether stable itself is above the limit, so that being above it cannot
    /// fail the candidate.
    pub stable_is_above_limit: bool,
    /// Whether this window alone speaks against the candidate, not loudly
    /// enough to fail it, but too loudly to be healthy.
    pub is_doubtful: bool,
    /// Whether most of the candidate's requests in this window failed: that is
    /// healthy nowhere, whatever stable does.
    pub is_broken: bool,
    /// Whether the comparison is with stable's earlier requests.
    pub is_against_record: bool,
    /// Stable's requests that the candidate is compared with.
    pub stable: Counts,
    /// The candidate's requests in the same stretch.
    pub candidate: Counts,
    /// The candidate's requests in this window.
    pub in_window: u64,
    /// Latency against stable's; absent where there is nothing to compare.
    pub latency: Option<Gate>,
    /// Latency against its limit; absent without one.
    pub max_latency: Option<Gate>,
}

/// All evidence of a rollout so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// The number of the present window as the caller counts.
    window: u32,
    /// How many windows there were, this one included.
    windows: u32,
    whole: Part,
    current: Part,
    /// The candidate's requests while it had all traffic.
    bake: Counts,
    comparative: Mixture,
    absolute: Mixture,
    latency: Latency,
    /// Whether latency was ever there to be compared.
    has_latency: bool,
    latencies: Mixture,
    /// Of those that were timed at the same time, how many were above the limit.
    late_stable: Late,
    late_candidate: Late,
}

/// What is added up over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    comparison: Comparison,
    above: Above,
    stable: Counts,
    candidate: Counts,
}

impl Part {
    fn new() -> Part {
        Part {
            comparison: Comparison::default(),
            above: Above::new(),
            stable: Counts::default(),
            candidate: Counts::default(),
        }
    }

    fn add(&mut self, settings: &Settings, look: &Look, moves: &Moves) {
        let failures = |counts: Counts| counts.split().1;
        let before = failures(self.stable) + failures(self.candidate);
        let stable = look.stable.unwrap_or_default();
        if let Some(seen) = Seen::of(stable, look.candidate, before) {
            self.comparison.take(&seen, moves);
        }
        if let Some(limit) = settings.max_failure_rate {
            let seen = absolute::Seen::of(look.candidate, limit, self.candidate.requests);
            self.above.take(&seen, moves);
        }
        self.stable.add(stable);
        self.candidate.add(look.candidate);
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}

impl State {
    /// No evidence.
    pub fn new() -> State {
        State {
            window: 0,
            windows: 0,
            whole: Part::new(),
            current: Part::new(),
            bake: Counts::default(),
            comparative: Mixture::NEW,
            absolute: Mixture::NEW,
            latency: Latency::new(),
            has_latency: false,
            latencies: Mixture::NEW,
            late_stable: Late::default(),
            late_candidate: Late::default(),
        }
    }

    /// Adds one look and judges everything so far.
    pub fn look(&mut self, settings: &Settings, look: &Look) -> Judgement {
        if self.windows == 0 || look.window != self.window {
            self.begin_window(look.window);
        }
        let moves = Moves::within(look.seconds);
        self.whole.add(settings, look, &moves);
        // The first window is the whole so far.
        match self.windows {
            1 => self.current = self.whole,
            _ => self.current.add(settings, look, &moves),
        }
        if look.phase == Phase::Bake {
            self.bake.add(look.candidate);
        }
        if let Some(latency) = &look.latency {
            self.add_latency(settings, look, latency, &moves);
        }
        self.judge(settings, look)
    }

    fn add_latency(
        &mut self,
        settings: &Settings,
        look: &Look,
        latency: &Latencies,
        moves: &Moves,
    ) {
        let floor = settings.latency_floor;
        let is_compared = settings.compares_latency;
        if let Some(stable) = latency.stable.as_ref().filter(|_| is_compared) {
            self.has_latency = true;
            self.latency.add(stable, &latency.candidate, floor, moves);
        }
        let record = latency.recorded.as_ref().filter(|_| is_compared);
        if let (Phase::Bake, Some(record)) = (look.phase, record) {
            self.has_latency = true;
            self.latency.add_bake(record, &latency.candidate, floor);
        }
        if let Some((_, limit)) = settings.max_latency {
            self.late_candidate.add(Late::of(&latency.candidate, limit));
            let stable = latency.stable.as_ref();
            self.late_stable
                .add(stable.map_or(Late::default(), |stable| Late::of(stable, limit)));
        }
    }

    fn begin_window(&mut self, window: u32) {
        self.comparative
            .close(self.current.comparison.log_fail(), self.windows);
        self.absolute
            .close(self.current.above.log_fail(), self.windows);
        self.latencies
            .close(self.latency.log_fail().1, self.windows);
        self.latency.begin_window();
        self.current = Part::new();
        self.window = window;
        self.windows = self.windows.saturating_add(1);
    }

    fn judge(&self, settings: &Settings, look: &Look) -> Judgement {
        let gates = 1
            + u32::from(self.has_latency)
            + u32::from(settings.max_latency.is_some())
            + settings.other_gates;
        let level = settings.alpha / f64::from(gates);
        let is_bake = look.phase == Phase::Bake;
        let is_one_sided = !is_bake && self.current.stable.requests == 0;
        let in_window = self.current.candidate.requests;
        // Whatever else the evidence says.
        let has_enough = !is_one_sided && in_window >= settings.min_requests.max(1);
        let mut judgement = self.judge_failures(settings, look, level, has_enough);
        judgement.in_window = in_window;
        judgement.latency = self.judge_latency(settings, look, level, has_enough);
        judgement.max_latency = self.judge_limit(settings, look, level, has_enough);
        let others = judgement.latency.iter().chain(&judgement.max_latency);
        judgement.verdict =
            Verdict::worst(others.map(|gate| gate.verdict).chain([judgement.failures]));
        judgement
    }

    fn judge_failures(
        &self,
        settings: &Settings,
        look: &Look,
        level: f64,
        has_enough: bool,
    ) -> Judgement {
        let window_fail = self.current.comparison.log_fail();
        let mut fail =
            self.comparative
                .total(self.whole.comparison.log_fail(), window_fail, self.windows);
        let mut pass = Evidence(self.whole.comparison.log_pass());

        let record = look.recorded.unwrap_or_default();
        let is_bake = look.phase == Phase::Bake;
        let recorded = match is_bake {
            true => against_record(record, self.bake, level, settings.beta),
            false => None,
        };
        if let Some(recorded) = recorded {
            // Failing on either is failing; what passed on the ramp must not be
            // contradicted now.
            fail = Evidence(fail.0.max(recorded.log_fail));
            pass = Evidence(if self.whole.stable.requests == 0 {
                recorded.log_pass
            } else {
                pass.0
            });
        }

        let mut all_stable = record;
        all_stable.add(self.whole.stable);
        let limit = settings.max_failure_rate;
        let window_above = self.current.above.log_fail();
        let whole_above = self.whole.above.log_fail();
        let absolute_fail =
            limit.map(|_| self.absolute.total(whole_above, window_above, self.windows));
        let absolute_pass = limit.map(|p| Evidence(absolute::log_pass(self.whole.candidate, p)));
        let stable_is_above_limit =
            limit.is_some_and(|p| Evidence(absolute::log_fail(all_stable, p)).refutes(level));

        // Going back helps only where stable is better, of which there must be
        // some sign as long as both serve.
        let is_worse = fail.0 >= libm::log(DOUBT) || look.stable.is_none_or(|s| s.requests == 0);
        let above =
            absolute_fail.is_some_and(|e| e.refutes(level)) && !stable_is_above_limit && is_worse;
        let is_failing = fail.refutes(level) || above;
        let passes =
            pass.refutes(settings.beta) || absolute_pass.is_some_and(|e| e.refutes(settings.beta));
        let doubt = libm::log(DOUBT);
        let is_doubtful = window_fail >= doubt
            || (window_above >= doubt && !stable_is_above_limit)
            || recorded.is_some_and(|recorded| recorded.log_fail >= doubt);
        let (fine, failed) = self.current.candidate.split();
        let is_broken = failed > fine;
        let is_fine = passes && !is_doubtful && !is_broken && has_enough;
        let failures = verdict(is_failing, is_fine);
        Judgement {
            verdict: failures,
            failures,
            level,
            comparative_fail: fail,
            comparative_pass: pass,
            comparative_low: Evidence(self.whole.comparison.log_low()),
            absolute_fail,
            absolute_pass,
            stable_is_above_limit,
            is_doubtful,
            is_broken,
            is_against_record: recorded.is_some(),
            stable: if is_bake { record } else { self.whole.stable },
            candidate: if is_bake {
                self.bake
            } else {
                self.whole.candidate
            },
            in_window: 0,
            latency: None,
            max_latency: None,
        }
    }

    fn judge_latency(
        &self,
        settings: &Settings,
        look: &Look,
        level: f64,
        has_enough: bool,
    ) -> Option<Gate> {
        if !self.has_latency {
            return None;
        }
        let (whole, window) = self.latency.log_fail();
        let mut fail = self.latencies.total(whole, window, self.windows);
        let pass = Evidence(self.latency.log_pass());
        let mut loudest = window;
        let record = look.latency.and_then(|latency| latency.recorded);
        if let (Phase::Bake, Some(record)) = (look.phase, record)
            && let Some(recorded) = self.latency.log_fail_against(&record, level)
        {
            fail = Evidence(fail.0.max(recorded));
            loudest = loudest.max(recorded);
        }
        let is_coarse = self.latency.is_coarse();
        let is_doubtful = loudest >= libm::log(DOUBT);
        let is_fine = pass.refutes(settings.beta) && !is_doubtful && !is_coarse && has_enough;
        Some(Gate {
            verdict: verdict(fail.refutes(level), is_fine),
            fail,
            pass,
            is_coarse,
            is_doubtful,
            stable_is_above_limit: false,
        })
    }

    fn judge_limit(
        &self,
        settings: &Settings,
        look: &Look,
        level: f64,
        has_enough: bool,
    ) -> Option<Gate> {
        let (quantile, limit) = settings.max_latency?;
        let share = 1.0 - quantile;
        let fail = Evidence(absolute::log_fail(self.late_candidate.certain, share));
        let pass = Evidence(absolute::log_pass(self.late_candidate.possible, share));
        // A record is the same at every look, and counts once.
        let mut stable = self.late_stable;
        let record = look.latency.and_then(|latency| latency.recorded);
        stable.add(record.map_or(Late::default(), |record| Late::of(&record, limit)));
        let stable_is_above_limit =
            Evidence(absolute::log_fail(stable.certain, share)).refutes(level);
        let is_failing = fail.refutes(level) && !stable_is_above_limit;
        Some(Gate {
            verdict: verdict(is_failing, pass.refutes(settings.beta) && has_enough),
            fail,
            pass,
            is_coarse: false,
            is_doubtful: false,
            stable_is_above_limit,
        })
    }
}

fn verdict(is_failing: bool, is_fine: bool) -> Verdict {
    match (is_failing, is_fine) {
        (true, _) => Verdict::Failing,
        (false, true) => Verdict::Healthy,
        (false, false) => Verdict::Inconclusive,
    }
}

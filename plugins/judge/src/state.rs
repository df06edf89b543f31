//! The evidence of one rollout, and the verdict that it comes to.

use crate::comparative::{Comparison, against_record};
use crate::mixture::{Evidence, Mixture};
use crate::{Counts, Settings, absolute};

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

/// What part of a rollout a look is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Both roles carry traffic.
    Ramp,
    /// The candidate carries all of it.
    Bake,
}

/// What was counted since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What part of the rollout it is in.
    pub phase: Phase,
    /// A number that is new for each window and grows.
    pub window: u32,
    /// Stable's requests; absent where there is no stable.
    pub stable: Option<Counts>,
    /// The candidate's requests.
    pub candidate: Counts,
    /// What stable measured before the rollout, in all.
    pub recorded: Option<Counts>,
}

/// A verdict and the numbers that decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What it comes to.
    pub verdict: Verdict,
    /// Against "no worse than stable"; failing at 1/α.
    pub comparative_fail: Evidence,
    /// Against "twice as bad as stable"; fine at 1/β.
    pub comparative_pass: Evidence,
    /// Against "within the limit"; failing at 1/α. Absent without a limit.
    pub absolute_fail: Option<Evidence>,
    /// Against "at or above the limit"; fine at 1/β. Absent without a limit.
    pub absolute_pass: Option<Evidence>,
    /// Whether stable itself is above the limit, so that being above it cannot
    /// fail the candidate.
    pub stable_is_above_limit: bool,
    /// Whether this window alone speaks against the candidate, not loudly
    /// enough to fail it, but too loudly to be healthy.
    pub is_doubtful: bool,
    /// Whether the comparison is with stable's earlier requests.
    pub is_against_record: bool,
    /// Stable's requests that the candidate is compared with.
    pub stable: Counts,
    /// The candidate's requests in the same stretch.
    pub candidate: Counts,
    /// The candidate's requests in this window.
    pub in_window: u64,
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
}

/// What is added up over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Part {
    comparison: Comparison,
    stable: Counts,
    candidate: Counts,
}

impl Part {
    fn add(&mut self, stable: Counts, candidate: Counts) {
        self.comparison.add(stable, candidate);
        self.stable.add(stable);
        self.candidate.add(candidate);
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
            whole: Part::default(),
            current: Part::default(),
            bake: Counts::default(),
            comparative: Mixture::NEW,
            absolute: Mixture::NEW,
        }
    }

    /// Adds one look and judges everything so far.
    pub fn look(&mut self, settings: &Settings, look: &Look) -> Judgement {
        if self.windows == 0 || look.window != self.window {
            self.begin_window(settings, look.window);
        }
        let stable = look.stable.unwrap_or_default();
        self.whole.add(stable, look.candidate);
        self.current.add(stable, look.candidate);
        if look.phase == Phase::Bake {
            self.bake.add(look.candidate);
        }
        self.judge(settings, look)
    }

    fn begin_window(&mut self, settings: &Settings, window: u32) {
        self.comparative
            .close(self.current.comparison.log_fail(), self.windows);
        if let Some(limit) = settings.max_failure_rate {
            self.absolute.close(
                absolute::log_fail(self.current.candidate, limit),
                self.windows,
            );
        }
        self.current = Part::default();
        self.window = window;
        self.windows = self.windows.saturating_add(1);
    }

    fn judge(&self, settings: &Settings, look: &Look) -> Judgement {
        let window_fail = self.current.comparison.log_fail();
        let mut fail =
            self.comparative
                .total(self.whole.comparison.log_fail(), window_fail, self.windows);
        let mut pass = Evidence(self.whole.comparison.log_pass());

        let record = look.recorded.unwrap_or_default();
        let is_bake = look.phase == Phase::Bake;
        let recorded = match is_bake {
            true => against_record(record, self.bake, settings.alpha, settings.beta),
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
        let window_above = limit.map_or(0.0, |p| absolute::log_fail(self.current.candidate, p));
        let absolute_fail = limit.map(|p| {
            self.absolute.total(
                absolute::log_fail(self.whole.candidate, p),
                window_above,
                self.windows,
            )
        });
        let absolute_pass = limit.map(|p| Evidence(absolute::log_pass(self.whole.candidate, p)));
        let stable_is_above_limit = limit
            .is_some_and(|p| Evidence(absolute::log_fail(all_stable, p)).refutes(settings.alpha));

        let above =
            absolute_fail.is_some_and(|e| e.refutes(settings.alpha)) && !stable_is_above_limit;
        let is_failing = fail.refutes(settings.alpha) || above;
        let passes =
            pass.refutes(settings.beta) || absolute_pass.is_some_and(|e| e.refutes(settings.beta));
        let is_one_sided = !is_bake && self.current.stable.requests == 0;
        let in_window = self.current.candidate.requests;
        let doubt = libm::log(DOUBT);
        let is_doubtful = window_fail >= doubt
            || (window_above >= doubt && !stable_is_above_limit)
            || recorded.is_some_and(|recorded| recorded.log_fail >= doubt);

        let verdict = if is_failing {
            Verdict::Failing
        } else if passes
            && !is_one_sided
            && !is_doubtful
            && in_window >= settings.min_requests.max(1)
        {
            Verdict::Healthy
        } else {
            Verdict::Inconclusive
        };
        Judgement {
            verdict,
            comparative_fail: fail,
            comparative_pass: pass,
            absolute_fail,
            absolute_pass,
            stable_is_above_limit,
            is_doubtful,
            is_against_record: recorded.is_some(),
            stable: if is_bake { record } else { self.whole.stable },
            candidate: if is_bake {
                self.bake
            } else {
                self.whole.candidate
            },
            in_window,
        }
    }
}

const VERSION: u64 = 1;
const WORDS: usize = 33;

/// How long a saved state is, in bytes.
pub const STATE_BYTES: usize = WORDS * 8;

impl State {
    /// The state as bytes, the same on every machine.
    pub fn to_bytes(&self) -> [u8; STATE_BYTES] {
        let mut words = [0; WORDS];
        let counts = |c: Counts| [c.requests, c.failures];
        let part = |p: &Part| {
            let bits = p
                .comparison
                .worse
                .into_iter()
                .chain(p.comparison.fine)
                .map(f64::to_bits);
            bits.chain(counts(p.stable)).chain(counts(p.candidate))
        };
        let all = [VERSION, u64::from(self.window), u64::from(self.windows)]
            .into_iter()
            .chain(part(&self.whole))
            .chain(part(&self.current))
            .chain(counts(self.bake))
            .chain([self.comparative.to_bits(), self.absolute.to_bits()]);
        for (word, value) in words.iter_mut().zip(all) {
            *word = value;
        }
        let mut bytes = [0; STATE_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The state that was saved as these bytes; `None` where they are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<State> {
        if bytes.len() != STATE_BYTES {
            return None;
        }
        let mut words = bytes.chunks_exact(8).map(|chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or_default();
        if next() != VERSION {
            return None;
        }
        let (window, windows) = (u32::try_from(next()).ok()?, u32::try_from(next()).ok()?);
        let counts = |next: &mut dyn FnMut() -> u64| Counts {
            requests: next(),
            failures: next(),
        };
        let part = |next: &mut dyn FnMut() -> u64| {
            let mut comparison = Comparison::default();
            for log in comparison.worse.iter_mut().chain(&mut comparison.fine) {
                *log = f64::from_bits(next());
            }
            Part {
                comparison,
                stable: counts(next),
                candidate: counts(next),
            }
        };
        Some(State {
            window,
            windows,
            whole: part(&mut next),
            current: part(&mut next),
            bake: counts(&mut next),
            comparative: Mixture::from_bits(next()),
            absolute: Mixture::from_bits(next()),
        })
    }
}

//! The requests that reach a model of a fleet, and what comes of them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::chance::{Chance, Probability};
use super::latency::Latencies;
use super::model::Conduct;
use crate::digest::Digest;
use crate::telemetry::{Histogram, Telemetry, latency_bounds_us};
use crate::time::{Millis, Time};
use crate::weight::BasisPoints;

/// One in a million.
const MILLION: u64 = 1_000_000;

/// Who asks a model, and whether anybody counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// How many requests arrive in a second, evenly.
    pub requests_per_second: u32,
    /// What failures and latencies are drawn from.
    pub seed: u64,
    /// Whether the target has telemetry.
    pub is_measured: bool,
}

impl Traffic {
    /// Nobody asks, and that is measured.
    pub const NONE: Traffic = Traffic {
        requests_per_second: 0,
        seed: 0,
        is_measured: true,
    };
}

/// What came of the requests whose turn was one release's, as those who asked
/// saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answered {
    /// All of them.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Of the failures, those that a release without a fault would not have had.
    pub caused: u64,
    /// Those that found no ready instance and were answered by stable. A router
    /// counts them as failures of the release, and nobody who asked does.
    pub rescued: u64,
    /// When the first one was failed, slowed or not taken through the fault of
    /// this release.
    pub first_bad: Option<Time>,
}

/// One release in the route, as requests find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) digest: Digest,
    pub(super) weight: BasisPoints,
    pub(super) is_ready: bool,
    pub(super) conduct: Conduct,
}

/// The counters of one release as a target keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Counters {
    requests: u64,
    failures: u64,
    latencies: Vec<u64>,
    /// Answers whose latency is not drawn yet: nobody has looked.
    untimed: u64,
    later: usize,
}

/// All requests so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Requests {
    traffic: Traffic,
    chance: Chance,
    shape: Latencies,
    until: Time,
    /// What is left of the second share's next turn, in basis points of a
    /// request: shares are kept as exactly as a router does.
    turn: u64,
    counters: BTreeMap<Digest, Counters>,
    answered: BTreeMap<Digest, Answered>,
    unrouted: u64,
}

impl Requests {
    pub(super) fn new(traffic: Traffic) -> Requests {
        Requests {
            traffic,
            chance: Chance::new(traffic.seed),
            shape: Latencies::new(),
            until: Time(0),
            turn: 0,
            counters: BTreeMap::new(),
            answered: BTreeMap::new(),
            unrouted: 0,
        }
    }

    /// Until when requests have arrived.
    pub(super) fn until(&self) -> Time {
        self.until
    }

    /// Forget what came of the requests so far; counters stay.
    pub(super) fn forget(&mut self) {
        self.answered.clear();
        self.unrouted = 0;
    }

    /// What came of the requests of one release.
    pub(super) fn answered(&self, digest: Digest) -> Answered {
        self.answered.get(&digest).copied().unwrap_or_default()
    }

    /// How many arrived, wherever they went.
    pub(super) fn all(&self) -> u64 {
        self.unrouted + self.answered.values().map(|a| a.requests).sum::<u64>()
    }

    /// Let the requests up to `now` arrive. `seats` are those of the route in
    /// force since the last time, stable first.
    pub(super) fn arrive(&mut self, now: Time, seats: &[Seat]) {
        let from = self.until;
        if now <= from {
            return;
        }
        self.until = now;
        let rate = u64::from(self.traffic.requests_per_second);
        let by = |time: Time| rate.saturating_mul(time.0) / 1_000;
        let arrived = by(now) - by(from);
        let Some(first) = seats.first() else {
            self.unrouted += arrived;
            return;
        };
        let mut others = 0;
        if let Some(second) = seats.get(1) {
            self.turn += arrived * u64::from(second.weight.value());
            others = self.turn / 10_000;
            self.turn %= 10_000;
            self.serve(second, others, first.is_ready, from);
        }
        self.serve(first, arrived - others, false, from);
    }

    fn serve(&mut self, seat: &Seat, requests: u64, has_fallback: bool, from: Time) {
        if requests == 0 {
            return;
        }
        let Conduct {
            failures_per_million,
            later,
            ..
        } = seat.conduct;
        let (failures, caused) = if seat.is_ready {
            let all = u64::from(failures_per_million);
            let excess = u64::from(failures_per_million.saturating_sub(Conduct::USUAL_FAILURES));
            let failures = self
                .chance
                .count(requests, Probability::ratio(all, MILLION));
            let caused = self.chance.count(failures, Probability::ratio(excess, all));
            (failures, caused)
        } else {
            (requests, requests)
        };
        let is_late = later > 0;
        let bad = if is_late { requests } else { caused };
        let is_first = self.answered(seat.digest).first_bad.is_none();
        let first_bad = match is_first {
            true => self.first_of(bad, from, self.until.since(from)),
            false => None,
        };

        let counters = self.counters.entry(seat.digest).or_default();
        counters.requests += requests;
        counters.failures += failures;
        counters.untimed += requests;
        counters.later = later;
        let answered = self.answered.entry(seat.digest).or_default();
        answered.requests += requests;
        if !seat.is_ready && has_fallback {
            answered.rescued += requests;
        } else {
            answered.failures += failures;
            answered.caused += caused;
        }
        answered.first_bad = answered.first_bad.or(first_bad);
    }

    /// When the first of so many happened that are spread over a stretch.
    fn first_of(&mut self, many: u64, from: Time, stretch: Millis) -> Option<Time> {
        let times = (0..many).map(|_| self.chance.below(stretch.0));
        times.min().map(|ms| from + Millis(ms))
    }

    /// What the target has counted for one release; `None` where it does not
    /// count.
    pub(super) fn telemetry(&mut self, digest: Digest) -> Option<Telemetry> {
        if !self.traffic.is_measured {
            return None;
        }
        let counters = self.counters.entry(digest).or_default();
        let answers = core::mem::take(&mut counters.untimed);
        let (later, counts) = (counters.later, &mut counters.latencies);
        self.shape.draw(&mut self.chance, answers, later, counts);
        Some(Telemetry {
            requests: counters.requests,
            failures: counters.failures,
            latency: Histogram {
                bounds_us: latency_bounds_us(),
                counts: counters.latencies.clone(),
            },
            cut: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(number: u8, weight: u64, is_ready: bool, conduct: Conduct) -> Seat {
        Seat {
            digest: Digest::from_bytes([number; 32]),
            weight: BasisPoints::saturating(weight),
            is_ready,
            conduct,
        }
    }

    fn requests(seed: u64) -> Requests {
        Requests::new(Traffic {
            requests_per_second: 200,
            seed,
            is_measured: true,
        })
    }

    #[test]
    fn shares_are_kept_exactly_however_short_the_stretches_are() {
        let mut requests = requests(1);
        let seats = [
            seat(1, 9_900, true, Conduct::USUAL),
            seat(2, 100, true, Conduct::USUAL),
        ];
        for ms in (250..=60_000).step_by(250) {
            requests.arrive(Time(ms), &seats);
        }
        let of = |seat: &Seat| requests.answered(seat.digest).requests;
        assert_eq!((of(&seats[0]), of(&seats[1])), (11_880, 120));
        assert_eq!(requests.all(), 12_000);
    }

    #[test]
    fn only_failures_beyond_the_usual_are_blamed_on_a_release() {
        let failing = Conduct {
            failures_per_million: 20_000,
            ..Conduct::USUAL
        };
        let seats = [
            seat(1, 5_000, true, Conduct::USUAL),
            seat(2, 5_000, true, failing),
        ];
        let mut requests = requests(1);
        requests.arrive(Time(1_000_000), &seats);
        let stable = requests.answered(seats[0].digest);
        let candidate = requests.answered(seats[1].digest);
        assert_eq!((stable.caused, stable.first_bad), (0, None));
        assert!((60..140).contains(&stable.failures), "{stable:?}");
        assert!(
            (1_850..2_150).contains(&candidate.failures),
            "{candidate:?}"
        );
        let usual = candidate.failures - candidate.caused;
        assert!((60..140).contains(&usual), "{candidate:?}");
        assert!(candidate.first_bad.is_some_and(|at| at.0 < 5_000));
    }

    #[test]
    fn a_candidate_without_instances_is_blamed_and_stable_answers_for_it() {
        let seats = [
            seat(1, 9_000, true, Conduct::USUAL),
            seat(2, 1_000, false, Conduct::USUAL),
        ];
        let mut requests = requests(1);
        requests.arrive(Time(1_000), &seats);
        let answered = requests.answered(seats[1].digest);
        assert_eq!((answered.rescued, answered.failures), (20, 0));
        let counted = requests.telemetry(seats[1].digest);
        assert_eq!(counted.map(|t| (t.requests, t.failures)), Some((20, 20)));
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_one_others() {
        let counted = |seed| {
            let mut requests = requests(seed);
            let seats = [seat(1, 10_000, true, Conduct::USUAL)];
            requests.arrive(Time(600_000), &seats);
            requests.telemetry(seats[0].digest)
        };
        assert_eq!(counted(1), counted(1));
        assert_ne!(counted(1), counted(2));
    }

    #[test]
    fn a_target_without_telemetry_has_none_and_the_requests_still_arrive() {
        let mut requests = Requests::new(Traffic {
            requests_per_second: 10,
            seed: 1,
            is_measured: false,
        });
        let seats = [seat(1, 10_000, true, Conduct::USUAL)];
        requests.arrive(Time(1_000), &seats);
        assert_eq!(requests.telemetry(seats[0].digest), None);
        assert_eq!(requests.all(), 10);
    }
}

//! A fleet that does as it is asked, or as badly as a scenario has it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::requests::{Answered, Requests, Seat, Traffic};
use crate::digest::Digest;
use crate::fleet::{Fleet, Instances, Route};
use crate::rollout::entry::Operation;
use crate::telemetry::Telemetry;
use crate::time::{Millis, Time};

/// How long an instance that flaps is ready, and how long it is not. Not whole
/// seconds: who looks each second is always a little late.
const FLAP: (Millis, Millis) = (Millis(9_300), Millis(3_700));
/// How finely it is told who answers where instances come and go.
const GRAIN: Millis = Millis(100);

/// How long things take in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From asked for to ready.
    pub start: Millis,
    /// From out of rotation to gone.
    pub drain: Millis,
}

/// What becomes of the instances of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// They start, become ready and stay so.
    Steady,
    /// They crash just when they should become ready, and are started again.
    CrashLoop,
    /// The oldest is ready for 9.3 s, not ready for 3.7 s, and so on; it does
    /// not crash.
    Flapping,
}

/// How a release behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conduct {
    /// What becomes of its instances.
    pub life: Life,
    /// How many of a million requests it fails.
    pub failures_per_million: u32,
    /// How many buckets of a latency histogram its answers come later than
    /// usual.
    pub later: usize,
}

impl Conduct {
    /// What any release fails of a million requests.
    pub const USUAL_FAILURES: u32 = 1_000;
    /// A release without a fault.
    pub const USUAL: Conduct = Conduct {
        life: Life::Steady,
        failures_per_million: Conduct::USUAL_FAILURES,
        later: 0,
    };
}

/// A fleet on a virtual clock, and those who send it requests.
#[derive(Debug, Clone)]
pub struct Model {
    pace: Pace,
    route: Route,
    releases: BTreeMap<Digest, ModelRelease>,
    conducts: BTreeMap<Digest, Conduct>,
    requests: Requests,
}

#[derive(Debug, Clone, Default)]
struct ModelRelease {
    asked: u32,
    /// When each becomes ready.
    instances: Vec<Time>,
    /// When each is gone.
    draining: Vec<Time>,
    restarts: u64,
    first_down: Option<Time>,
}

impl ModelRelease {
    fn is_ready(&self, conduct: Conduct, index: usize, now: Time) -> bool {
        let Some(ready) = self.instances.get(index).filter(|at| **at <= now) else {
            return false;
        };
        let (up, down) = FLAP;
        match conduct.life {
            Life::Flapping if index == 0 => now.since(*ready).0 % (up.0 + down.0) < up.0,
            Life::Steady | Life::Flapping => true,
            Life::CrashLoop => false,
        }
    }

    fn ready(&self, conduct: Conduct, now: Time) -> usize {
        let all = 0..self.instances.len();
        all.filter(|index| self.is_ready(conduct, *index, now))
            .count()
    }

    /// What happens to its instances by themselves, up to now.
    fn live(&mut self, conduct: Conduct, start: Millis, now: Time) {
        self.draining.retain(|gone| *gone > now);
        let down = match conduct.life {
            Life::Steady => None,
            Life::Flapping => self
                .instances
                .first()
                .map(|ready| *ready + FLAP.0)
                .filter(|down| *down <= now),
            Life::CrashLoop => {
                let first = self.instances.iter().copied().filter(|at| *at <= now).min();
                for ready in &mut self.instances {
                    while *ready <= now {
                        self.restarts += 1;
                        *ready = *ready + start.max(Millis(1));
                    }
                }
                first
            }
        };
        self.first_down = self.first_down.or(down);
    }
}

impl Model {
    /// A fleet with nothing in it.
    pub fn new(pace: Pace) -> Model {
        Model {
            pace,
            route: Route::NONE,
            releases: BTreeMap::new(),
            conducts: BTreeMap::new(),
            requests: Requests::new(Traffic::NONE),
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

    /// The same fleet, whose release behaves like this once it is there.
    #[must_use]
    pub fn with_conduct(mut self, digest: Digest, conduct: Conduct) -> Model {
        self.conducts.insert(digest, conduct);
        self
    }

    /// The same fleet with requests from time zero on. Those before `now` are
    /// history: they are in the counters, but not in [`Model::answered`].
    #[must_use]
    pub fn with_traffic(mut self, traffic: Traffic, now: Time) -> Model {
        self.requests = Requests::new(traffic);
        self.advance(now);
        self.requests.forget();
        self
    }

    /// Make a release ready to be scaled.
    pub fn stage(&mut self, digest: Digest) {
        self.releases.entry(digest).or_default();
    }

    /// Do what is asked.
    pub fn act(&mut self, now: Time, operation: &Operation) {
        self.advance(now);
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
        self.advance(now);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let instances = self.releases.iter().map(|(digest, release)| {
            let conduct = self.conduct(*digest);
            let ready = release.ready(conduct, now);
            Instances {
                digest: *digest,
                asked: release.asked,
                ready: count(ready),
                starting: count(release.instances.len() - ready),
                draining: count(release.draining.len()),
                restarts: release.restarts,
                endpoints: alloc::sync::Arc::default(),
                trouble: (conduct.life == Life::CrashLoop)
                    .then(|| String::from("exit code 1 before the first health check")),
            }
        });
        Fleet {
            instances: instances.collect(),
            route: self.route.clone(),
        }
    }

    /// What the target has counted for a release by now; `None` where it does
    /// not count.
    pub fn telemetry(&mut self, now: Time, digest: Digest) -> Option<Telemetry> {
        self.advance(now);
        self.requests.telemetry(digest)
    }

    /// What came of the requests of one release.
    pub fn answered(&self, digest: Digest) -> Answered {
        self.requests.answered(digest)
    }

    /// How many requests arrived in all.
    pub fn requests(&self) -> u64 {
        self.requests.all()
    }

    /// When an instance of a release first crashed, or was not ready any more.
    pub fn first_down(&self, digest: Digest) -> Option<Time> {
        self.releases.get(&digest)?.first_down
    }

    fn conduct(&self, digest: Digest) -> Conduct {
        self.conducts
            .get(&digest)
            .copied()
            .unwrap_or(Conduct::USUAL)
    }

    /// Let time pass. Whoever answers at the beginning of a stretch answers all
    /// of its requests, so stretches are short where instances flap.
    fn advance(&mut self, now: Time) {
        let shares = self.route.shares().iter();
        let is_even = shares
            .map(|share| self.conduct(share.digest).life)
            .all(|life| life != Life::Flapping);
        while !is_even && self.requests.until() + GRAIN < now {
            let until = self.requests.until() + GRAIN;
            let seats = self.seats();
            self.requests.arrive(until, &seats);
        }
        let seats = self.seats();
        self.requests.arrive(now, &seats);
        let start = self.pace.start;
        for (digest, release) in &mut self.releases {
            let conduct = self.conducts.get(digest).copied();
            release.live(conduct.unwrap_or(Conduct::USUAL), start, now);
        }
    }

    /// Who answers from now on, stable first.
    fn seats(&self) -> Vec<Seat> {
        let now = self.requests.until();
        let shares = self.route.shares().iter();
        shares
            .map(|share| {
                let conduct = self.conduct(share.digest);
                let release = self.releases.get(&share.digest);
                Seat {
                    digest: share.digest,
                    weight: share.weight,
                    is_ready: release.is_some_and(|release| release.ready(conduct, now) > 0),
                    conduct,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        start: Millis(4_000),
        drain: Millis(1_000),
    };

    fn started(life: Life, instances: u32) -> (Model, Digest) {
        let digest = Digest::from_bytes([2; 32]);
        let conduct = Conduct {
            life,
            ..Conduct::USUAL
        };
        let mut model = Model::new(PACE).with_conduct(digest, conduct);
        model.act(Time(0), &Operation::Scale { digest, instances });
        (model, digest)
    }

    #[test]
    fn steady_instances_become_ready_and_stay_so() {
        let (mut model, digest) = started(Life::Steady, 2);
        let mut ready = |at| model.observe(Time(at)).of(digest).ready;
        assert_eq!((ready(3_999), ready(4_000), ready(9_000_000)), (0, 2, 2));
    }

    #[test]
    fn a_crash_loop_is_never_ready_and_its_restarts_grow() {
        let (mut model, digest) = started(Life::CrashLoop, 2);
        let seen: Vec<(u32, u64)> = [3_000, 4_000, 8_500, 13_000]
            .map(|at| model.observe(Time(at)).of(digest))
            .map(|instances| (instances.ready, instances.restarts))
            .into();
        assert_eq!(seen, [(0, 0), (0, 2), (0, 4), (0, 6)]);
        assert_eq!(model.first_down(digest), Some(Time(4_000)));
    }

    #[test]
    fn one_flapping_instance_comes_and_goes_without_a_restart() {
        let (mut model, digest) = started(Life::Flapping, 2);
        let seen: Vec<u32> = [4_000, 13_299, 13_300, 16_999, 17_000, 26_300]
            .map(|at| model.observe(Time(at)).of(digest).ready)
            .into();
        assert_eq!(seen, [2, 2, 1, 1, 2, 1]);
        assert_eq!(model.observe(Time(30_000)).of(digest).restarts, 0);
        assert_eq!(model.first_down(digest), Some(Time(13_300)));
    }
}

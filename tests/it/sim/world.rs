//! A fleet on a virtual clock that also does what fleets do: instances die,
//! flap and never start, and nobody answers for a while.

use std::collections::BTreeMap;

use baepo_core::digest::Digest;
use baepo_core::fleet::{Fleet, Instances, Route, Share};
use baepo_core::rollout::Operation;
use baepo_core::time::{Millis, Time};
use baepo_core::weight::BasisPoints;

/// From asked for to ready, and from out of rotation to gone.
pub(crate) const START: Millis = Millis(2_000);
pub(crate) const DRAIN: Millis = Millis(3_000);

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A ready instance dies and is started again.
    Dies(Digest),
    /// All instances die and are started again.
    AllDie(Digest),
    /// A ready instance answers no probe for so long.
    Flaps(Digest, Millis),
    /// Nobody answers until then.
    Unreachable(Time),
    /// Instances of it never become ready from now on.
    Breaks(Digest),
}

#[derive(Debug, Clone, Default)]
struct Staged {
    asked: u32,
    /// When each is ready.
    living: Vec<Time>,
    /// When each is gone.
    draining: Vec<Time>,
    restarts: u64,
    broken: bool,
}

/// Everything outside of the machine.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) grain: BasisPoints,
    pub(crate) unreachable_until: Time,
    /// Acts so far, for "one route call".
    pub(crate) routes: u32,
    route: Route,
    staged: BTreeMap<Digest, Staged>,
}

impl World {
    pub(crate) fn new(grain: BasisPoints) -> World {
        World {
            grain,
            unreachable_until: Time(0),
            routes: 0,
            route: Route::NONE,
            staged: BTreeMap::new(),
        }
    }

    /// So many instances of a release are ready and not routed to.
    pub(crate) fn with(mut self, digest: Digest, instances: u32) -> World {
        let staged = Staged {
            asked: instances,
            living: vec![Time(0); instances as usize],
            ..Staged::default()
        };
        self.staged.insert(digest, staged);
        self
    }

    pub(crate) fn serving(mut self, digest: Digest) -> World {
        self.route = Route::all(digest);
        self
    }

    pub(crate) fn stage(&mut self, digest: Digest) {
        self.staged.entry(digest).or_default();
    }

    pub(crate) fn act(&mut self, now: Time, operation: &Operation) {
        match operation {
            Operation::Route { route } => {
                self.routes += 1;
                self.route = self.really(route);
            }
            Operation::Discard { digest } => {
                self.staged.remove(digest);
            }
            Operation::Scale { digest, instances } => {
                let staged = self.staged.entry(*digest).or_default();
                staged.asked = *instances;
                let wanted = *instances as usize;
                let ready = if staged.broken {
                    Time(u64::MAX)
                } else {
                    now + START
                };
                while staged.living.len() < wanted {
                    staged.living.push(ready);
                }
                // Those that are not ready go first, at once; the others drain.
                staged.living.sort();
                for ready in staged.living.split_off(wanted) {
                    if ready <= now {
                        staged.draining.push(now + DRAIN);
                    }
                }
            }
        }
    }

    /// What a target with coarse shares makes of a route.
    fn really(&self, route: &Route) -> Route {
        match route.shares() {
            [Share { digest: stable, .. }, Share { digest, weight }] => {
                let grain = u64::from(self.grain.value());
                let real = u64::from(weight.value()).div_ceil(grain) * grain;
                Route::split(*stable, *digest, BasisPoints::saturating(real))
            }
            _ => route.clone(),
        }
    }

    pub(crate) fn strike(&mut self, now: Time, fault: Fault) {
        if let Fault::Unreachable(until) = fault {
            self.unreachable_until = until;
            return;
        }
        let (Fault::Dies(digest)
        | Fault::AllDie(digest)
        | Fault::Flaps(digest, _)
        | Fault::Breaks(digest)) = fault
        else {
            return;
        };
        let Some(staged) = self.staged.get_mut(&digest) else {
            return;
        };
        staged.broken |= matches!(fault, Fault::Breaks(_));
        let back = match fault {
            Fault::Flaps(_, how_long) => now + how_long,
            _ if staged.broken => Time(u64::MAX),
            _ => now + START,
        };
        let victims = match fault {
            Fault::Dies(_) | Fault::Flaps(..) => 1,
            _ => usize::MAX,
        };
        for ready in staged
            .living
            .iter_mut()
            .filter(|ready| **ready <= now)
            .take(victims)
        {
            *ready = back;
            staged.restarts += u64::from(!matches!(fault, Fault::Flaps(..)));
        }
    }

    /// The next moment at which something changes by itself.
    pub(crate) fn next_change(&self, now: Time) -> Option<Time> {
        let all = self.staged.values();
        all.flat_map(|staged| staged.living.iter().chain(&staged.draining))
            .copied()
            .filter(|at| *at > now && *at < Time(u64::MAX))
            .min()
    }

    pub(crate) fn fleet(&self, now: Time) -> Fleet {
        let count = |times: &[Time], test: &dyn Fn(Time) -> bool| {
            times.iter().filter(|at| test(**at)).count() as u32
        };
        let instances = self.staged.iter().map(|(digest, staged)| {
            let ready = count(&staged.living, &|at| at <= now);
            Instances {
                digest: *digest,
                asked: staged.asked,
                ready,
                starting: staged.living.len() as u32 - ready,
                draining: count(&staged.draining, &|gone| gone > now),
                restarts: staged.restarts,
                endpoints: std::sync::Arc::default(),
                trouble: None,
            }
        });
        Fleet {
            instances: instances.collect(),
            route: self.route.clone(),
        }
    }
}

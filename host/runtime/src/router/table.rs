//! Who gets which request: one immutable table, replaced as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use baepo_core::digest::Digest;
use baepo_core::weight::BasisPoints;

use super::backend::{Backend, InFlight};
use super::counters::Counters;
use super::split::is_candidate;
use super::sticky::Seat;

/// One release in a table: its share, its counters, its ready instances.
#[derive(Debug)]
pub struct Lane {
    /// The release.
    pub digest: Digest,
    /// Its share.
    pub weight: BasisPoints,
    /// Where its requests are counted.
    pub counters: Arc<Counters>,
    /// Its instances in rotation.
    pub backends: Vec<Arc<Backend>>,
}

/// At most two lanes, stable first; none where nothing is routed.
#[derive(Debug, Default)]
pub struct Table {
    stable: Option<Row>,
    candidate: Option<Row>,
}

#[derive(Debug)]
struct Row {
    lane: Lane,
    cursor: AtomicUsize,
}

impl Table {
    /// The table of these lanes, in the order of a route: stable first.
    ///
    /// # Panics
    /// With more than two lanes, or shares that do not sum to 10000.
    pub fn new(lanes: Vec<Lane>) -> Table {
        let sum: u32 = lanes.iter().map(|lane| lane.weight.value()).sum();
        assert!(
            lanes.len() <= 2 && (lanes.is_empty() || sum == 10_000),
            "not a route"
        );
        let mut rows = lanes.into_iter().map(|lane| Row {
            lane,
            cursor: AtomicUsize::new(0),
        });
        Table {
            stable: rows.next(),
            candidate: rows.next(),
        }
    }

    /// The lanes, stable first.
    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.stable
            .iter()
            .chain(&self.candidate)
            .map(|row| &row.lane)
    }

    fn row(&self, asker: Asker) -> Option<&Row> {
        let is_his = |lane: &Lane| match asker {
            Asker::Turn(turn) => is_candidate(turn, lane.weight),
            Asker::Seat(seat) => seat.is_candidate(lane.digest, lane.weight),
        };
        match &self.candidate {
            Some(row) if is_his(&row.lane) => Some(row),
            _ => self.stable.as_ref(),
        }
    }
}

impl Row {
    /// The instance with the fewest requests in flight, in turns where they
    /// are equal; one that refused a connection lately only where all did.
    fn pick(&self, tried: &[Arc<Backend>]) -> Option<&Arc<Backend>> {
        let backends = &self.lane.backends;
        let first = self.cursor.fetch_add(1, Ordering::Relaxed);
        (0..backends.len())
            .map(|step| &backends[(first + step) % backends.len()])
            .filter(|backend| !tried.iter().any(|other| Arc::ptr_eq(other, backend)))
            .min_by_key(|backend| (backend.is_ejected(), backend.in_flight()))
    }
}

/// By what a request is given to a release.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker {
    /// Its number.
    Turn(u64),
    /// The seat of its user.
    Seat(Seat),
}

/// The table in force, and the number of the next request.
#[derive(Debug, Default)]
pub(super) struct Current {
    table: ArcSwap<Table>,
    generation: AtomicU64,
    turn: AtomicU64,
    users: AtomicU64,
}

/// What a request was given.
#[derive(Debug)]
pub(super) struct Choice {
    /// The release whose turn it is.
    pub(super) digest: Digest,
    /// Its counters.
    pub(super) counters: Arc<Counters>,
    /// The instance; `None` where no instance can take it.
    pub(super) instance: Option<InFlight>,
    /// The release has no instance left to try, so that another was taken.
    pub(super) is_fallback: bool,
}

impl Current {
    pub(super) fn set(&self, table: Table) {
        self.table.store(Arc::new(table));
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    pub(super) fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The seat of a user who was not seen before.
    pub(super) fn next_seat(&self) -> Seat {
        Seat::of(self.users.fetch_add(1, Ordering::Relaxed))
    }

    /// An instance for the request of `asker`, not one of those `tried`. `within` is
    /// the release that was chosen first, where this is not the first choice.
    /// `None` where nothing is routed.
    ///
    /// The instance is counted as in use before the table is looked at again:
    /// whoever takes it out of the table and then finds its count at zero
    /// knows that no request is on its way to it.
    pub(super) fn choose(
        &self,
        asker: Asker,
        within: Option<Digest>,
        tried: &[Arc<Backend>],
    ) -> Option<Choice> {
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            let table = self.table.load();
            let same = |row: &&Row| Some(row.lane.digest) == within;
            let row = table
                .candidate
                .as_ref()
                .filter(same)
                .or(table.stable.as_ref().filter(same))
                .or_else(|| table.row(asker))?;
            let own = row.pick(tried);
            // From candidate to stable, never the other way.
            let other = || table.stable.as_ref().and_then(|stable| stable.pick(tried));
            let picked = own.or_else(other);
            let instance = picked.map(InFlight::new);
            if self.generation.load(Ordering::SeqCst) == generation {
                return Some(Choice {
                    digest: row.lane.digest,
                    counters: row.lane.counters.clone(),
                    is_fallback: own.is_none() && instance.is_some(),
                    instance,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(mark: u8, weight: u64, instances: u16) -> Lane {
        Lane {
            digest: Digest::from_bytes([mark; 32]),
            weight: BasisPoints::saturating(weight),
            counters: Arc::default(),
            backends: (0..instances)
                .map(|port| {
                    Backend::new(format!("{mark}-{port}"), ([127, 0, 0, 1], port + 1).into())
                })
                .collect(),
        }
    }

    fn current(lanes: Vec<Lane>) -> Current {
        let current = Current::default();
        current.set(Table::new(lanes));
        current
    }

    fn name(choice: &Choice) -> Option<&str> {
        choice
            .instance
            .as_ref()
            .map(|instance| instance.backend().name())
    }

    #[test]
    fn requests_go_to_the_instance_with_the_fewest_in_flight() {
        let current = current(vec![lane(1, 10_000, 3)]);
        let held: Vec<Choice> = (0..6)
            .filter_map(|turn| current.choose(Asker::Turn(turn), None, &[]))
            .collect();
        for backend in &current.table().lanes().next().unwrap().backends {
            assert_eq!(backend.in_flight(), 2);
        }
        drop(held);
        for backend in &current.table().lanes().next().unwrap().backends {
            assert_eq!(backend.in_flight(), 0);
        }
    }

    #[test]
    fn idle_instances_take_turns() {
        let current = current(vec![lane(1, 10_000, 3)]);
        let names: std::collections::BTreeSet<String> = (0..3)
            .filter_map(|turn| current.choose(Asker::Turn(turn), None, &[]))
            .filter_map(|choice| name(&choice).map(str::to_owned))
            .collect();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn a_candidate_without_instances_falls_back_to_stable_and_never_the_other_way() {
        let down = current(vec![lane(1, 5_000, 1), lane(2, 5_000, 0)]);
        let candidate = Digest::from_bytes([2; 32]);
        for turn in 0..16 {
            let choice = down.choose(Asker::Turn(turn), None, &[]).unwrap();
            assert_eq!(name(&choice), Some("1-0"));
            assert_eq!(choice.is_fallback, choice.digest == candidate);
        }
        let down = current(vec![lane(1, 5_000, 0), lane(2, 5_000, 1)]);
        for turn in 0..16 {
            let choice = down.choose(Asker::Turn(turn), None, &[]).unwrap();
            assert_eq!(choice.instance.is_some(), choice.digest == candidate);
        }
    }

    #[test]
    fn a_second_try_stays_inside_the_release_and_off_the_instance_tried() {
        let current = current(vec![lane(1, 9_000, 1), lane(2, 1_000, 2)]);
        let candidate = Digest::from_bytes([2; 32]);
        let mut tried = Vec::new();
        for expected in [false, false, true] {
            let choice = current
                .choose(Asker::Turn(0), Some(candidate), &tried)
                .unwrap();
            assert_eq!((choice.digest, choice.is_fallback), (candidate, expected));
            tried.push(choice.instance.unwrap().backend().clone());
        }
        assert!(
            current
                .choose(Asker::Turn(0), Some(candidate), &tried)
                .unwrap()
                .instance
                .is_none()
        );
    }

    #[test]
    fn an_ejected_instance_is_asked_only_when_all_are() {
        let current = current(vec![lane(1, 10_000, 2)]);
        let table = current.table();
        let backends = &table.lanes().next().unwrap().backends;
        backends[0].eject();
        for turn in 0..4 {
            let choice = current.choose(Asker::Turn(turn), None, &[]).unwrap();
            assert_eq!(name(&choice), Some("1-1"));
        }
        backends[1].eject();
        assert!(
            current
                .choose(Asker::Turn(9), None, &[])
                .unwrap()
                .instance
                .is_some()
        );
    }

    #[test]
    fn nothing_is_chosen_where_nothing_is_routed() {
        assert!(
            Current::default()
                .choose(Asker::Turn(0), None, &[])
                .is_none()
        );
    }
}

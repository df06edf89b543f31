//! What the unit tests of this folder begin with.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::directive::{Limits, OnNoEvidence};
use super::entry::{Entry, Record};
use super::environment::Environment;
use super::settings::{Begin, Deadlines, Kind, PinnedPlugin, Settings};
use crate::digest::Digest;
use crate::fleet::{Fleet, Instances, Route};
use crate::release::{Release, Revision};
use crate::time::Time;
use crate::weight::BasisPoints;

pub(super) fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

pub(super) fn release(number: u8) -> Release {
    Release {
        digest: digest(number),
        revision: Revision {
            commit: digest(number).hex().chars().take(40).collect(),
            ref_name: "refs/heads/main".into(),
            summary: String::new(),
            committed_at: Time(0),
        },
        artifacts: Vec::new(),
    }
}

/// Four instances, nothing fancy.
pub(super) fn begin(number: u8) -> Box<Begin> {
    let strategy = PinnedPlugin {
        name: "canary".to_string(),
        digest: digest(0),
        config: "{}".to_string(),
    };
    Box::new(Begin {
        run: "run 1".to_string(),
        candidate: release(number),
        settings: Settings {
            environment: "production".to_string(),
            instances: 4,
            limits: Limits {
                max_surge: 4,
                max_unavailable: 0,
                max_exposure_unjudged: BasisPoints::FULL,
                max_exposure_unwatched: BasisPoints::FULL,
                allow_downtime: false,
                weight_granularity: BasisPoints::saturating(1),
            },
            on_no_evidence: OnNoEvidence::Hold,
            deadlines: Deadlines::default(),
            strategy,
            monitors: Vec::new(),
            verify: Vec::new(),
            needs_approval: false,
        },
        retry: false,
        pull_request: None,
        told_as: Vec::new(),
        heard: 0,
    })
}

pub(super) fn apply(env: &mut Environment, at: u64, entry: Entry) {
    let seq = env.seq + 1;
    let at = Time(at);
    env.apply(&Record { seq, at, entry });
}

/// Stable 1 serves and candidate 2 has begun.
pub(super) fn begun() -> Environment {
    let mut env = Environment {
        stable: Some(release(1)),
        ..Environment::default()
    };
    let entry = Entry::Began {
        begin: begin(2),
        program: Kind::Strategy,
        stable: env.stable.clone(),
    };
    apply(&mut env, 0, entry);
    env
}

/// (asked, ready, draining) of stable 1 and candidate 2, and the candidate's
/// share.
pub(super) fn fleet(stable: (u32, u32, u32), candidate: (u32, u32, u32), weight: u32) -> Fleet {
    let of = |number, (asked, ready, draining): (u32, u32, u32)| Instances {
        digest: digest(number),
        asked,
        ready,
        starting: asked.saturating_sub(ready),
        draining,
        restarts: 0,
        endpoints: alloc::sync::Arc::default(),
        trouble: None,
    };
    Fleet {
        instances: [of(1, stable), of(2, candidate)].into(),
        route: Route::split(digest(1), digest(2), BasisPoints::saturating(weight.into())),
    }
}

//! What a target reports: instances by release, and the route in force.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::weight::BasisPoints;

/// The two sides of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What served before.
    Stable,
    /// What is being rolled out.
    Candidate,
}

/// The instances of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Instances {
    /// Their release.
    pub digest: Digest,
    /// How many the target was last asked for.
    pub asked: u32,
    /// Healthy and in rotation.
    pub ready: u32,
    /// Starting or not healthy; no traffic.
    pub starting: u32,
    /// Out of rotation: finishing requests or being stopped.
    pub draining: u32,
    /// Unasked restarts since staged; only grows.
    pub restarts: u64,
    /// Base addresses of the ready ones, for probes. Shared: fleets are handed
    /// around at each step, and no step may cost more in a larger fleet.
    #[serde(default)]
    pub endpoints: Arc<[String]>,
    /// Why the newest of those not ready is not, for people: the last answer
    /// to a health probe, the exit code, the last lines of output.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// A release and its share of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Share {
    /// The release.
    pub digest: Digest,
    /// Its share.
    pub weight: BasisPoints,
}

/// A split of traffic between at most two releases; empty for none. Non-empty
/// ones sum to 10000 and name no release twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Route(Vec<Share>);

impl Route {
    /// Nothing is routed.
    pub const NONE: Route = Route(Vec::new());

    /// All traffic to one release.
    pub fn all(digest: Digest) -> Route {
        Route(alloc::vec![Share {
            digest,
            weight: BasisPoints::FULL
        }])
    }

    /// The candidate's share to it, the rest to stable. Shares of zero are
    /// left out, so that equal splits are equal values.
    pub fn split(stable: Digest, candidate: Digest, weight: BasisPoints) -> Route {
        if weight == BasisPoints::FULL || stable == candidate {
            return Route::all(candidate);
        }
        if weight == BasisPoints::ZERO {
            return Route::all(stable);
        }
        Route(alloc::vec![
            Share {
                digest: stable,
                weight: weight.rest()
            },
            Share {
                digest: candidate,
                weight
            },
        ])
    }

    /// The shares; sum 10000 or empty.
    pub fn shares(&self) -> &[Share] {
        &self.0
    }

    /// The share of one release.
    pub fn weight(&self, digest: Digest) -> BasisPoints {
        self.0
            .iter()
            .find(|share| share.digest == digest)
            .map_or(BasisPoints::ZERO, |share| share.weight)
    }

    /// Whether it keeps the rules of the type; for routes that come from
    /// outside.
    pub fn is_valid(&self) -> bool {
        let sum: u32 = self.0.iter().map(|share| share.weight.value()).sum();
        match self.0.as_slice() {
            [] => true,
            [_] => sum == 10_000,
            [one, two] => sum == 10_000 && one.digest != two.digest,
            _ => false,
        }
    }
}

/// Everything that a target has, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fleet {
    /// One entry per staged release.
    pub instances: Vec<Instances>,
    /// The route as it is in force.
    pub route: Route,
}

impl Fleet {
    /// The instances of one release; zeros where it is not staged.
    pub fn of(&self, digest: Digest) -> Instances {
        self.instances
            .iter()
            .find(|instances| instances.digest == digest)
            .cloned()
            .unwrap_or(Instances {
                digest,
                asked: 0,
                ready: 0,
                starting: 0,
                draining: 0,
                restarts: 0,
                endpoints: Arc::default(),
                trouble: None,
            })
    }
}

/// What a target can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// For people, for example `local agent on 127.0.0.1:8080`.
    pub name: String,
    /// The smallest share of traffic it can make.
    pub weight_granularity: BasisPoints,
    /// Whether somebody watches while no run is alive.
    pub has_watchdog: bool,
    /// Whether it measures requests.
    pub has_telemetry: bool,
}

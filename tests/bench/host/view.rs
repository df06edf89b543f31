//! What a strategy is asked at first.

use baepo_core::rollout::{Limits, OnNoEvidence, RoleFleets, View};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;

pub(crate) fn first() -> View {
    View {
        config: "{}".into(),
        instances: 3,
        limits: Limits {
            max_surge: 3,
            max_unavailable: 0,
            max_exposure_unjudged: BasisPoints::FULL,
            max_exposure_unwatched: BasisPoints::FULL,
            allow_downtime: false,
            weight_granularity: BasisPoints::saturating(1),
        },
        on_no_evidence: OnNoEvidence::Hold,
        memory: Vec::new(),
        fleet: RoleFleets::default(),
        weight: BasisPoints::ZERO,
        elapsed: Millis(0),
        decisions: 0,
        last: None,
        judgement: None,
        promote_full: false,
    }
}

//! Records that are made up, to be changed where a test cares.

use super::Host;
use crate::feedback::{FeedbackRequest, PastRollout};
use crate::monitor::{Histogram, ObserveRequest, Phase, Side, Telemetry};
use crate::units::Millis;
use crate::{Release, Revision};

/// The commit `c0ffee…` on the branch `main`.
pub fn revision() -> Revision {
    Revision {
        commit: "c0ffee0000000000000000000000000000000000".into(),
        ref_name: "refs/heads/main".into(),
        summary: "A revision that is made up".into(),
        committed_at_ms: 1_700_000_000_000,
    }
}

/// A release without files; each number is another one.
pub fn release(number: u8) -> Release {
    Release {
        digest: format!("sha256:{}", format!("{number:02x}").repeat(32)),
        revision: revision(),
        artifacts: Vec::new(),
    }
}

/// What a target measures of so many requests, of which so many failed and all
/// took about this long. The buckets are those of the local target: 100 µs to
/// 100 s, each bound at most 10 % above the one before.
pub fn telemetry(requests: u64, failures: u64, latency: Millis) -> Telemetry {
    let mut bounds_us = vec![100_u64];
    let mut last = 100;
    while last < 100_000_000 {
        last = (last + last / 10).min(100_000_000);
        bounds_us.push(last);
    }
    let mut counts = vec![0; bounds_us.len() + 1];
    let us = latency.0.saturating_mul(1_000);
    counts[bounds_us.partition_point(|bound| *bound < us)] = requests;
    Telemetry {
        requests,
        failures,
        latency: Histogram { bounds_us, counts },
    }
}

/// The first look of a rollout, ten seconds into its first window: a candidate
/// beside a stable release, both measured and without any request.
pub fn look_request(config: &str) -> ObserveRequest {
    let side = |number| Side {
        release: release(number),
        endpoints: Vec::new(),
        telemetry: Some(telemetry(0, 0, Millis(0))),
    };
    ObserveRequest {
        config: config.into(),
        memory: Vec::new(),
        phase: Phase::Ramp,
        window: 1,
        window_elapsed_ms: 10_000,
        since_last_look_ms: 10_000,
        last_look: false,
        weight_basis_points: None,
        stable: Some(side(1)),
        candidate: side(2),
        stable_before: None,
        now_ms: Host::new().now_ms() + 10_000,
    }
}

/// A rollout to `production` that took a minute and ended like this:
/// `succeeded`, `rolled-back`, …
pub fn past_rollout(outcome: &str) -> PastRollout {
    PastRollout {
        revision: revision(),
        environment: "production".into(),
        outcome: outcome.into(),
        reason: "as the test says".into(),
        started_at_ms: 1_700_000_000_000,
        ended_at_ms: 1_700_000_060_000,
    }
}

/// A rollout that has just ended like this, after others that did so, newest
/// first. Nobody said anything.
pub fn feedback_request(config: &str, outcome: &str, before: &[&str]) -> FeedbackRequest {
    FeedbackRequest {
        config: config.into(),
        rollout: past_rollout(outcome),
        signals: Vec::new(),
        history: before.iter().map(|outcome| past_rollout(outcome)).collect(),
    }
}

//! A monitor: how many of the candidate's requests fail.
//!
//! Change [`Settings`] to what your users are to write under `with:`, and
//! `observe` to what you know about a release that is bad.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::monitor::{
    Capability, Measurement, Monitor, Observation, ObserveRequest, Phase, Sample,
};
use baepo_plugin::text::{count, percent};
use baepo_plugin::units::Percent;
use baepo_plugin::{HookError, Verdict};

/// What users write under `with:`.
struct Settings {
    /// The share of requests that may fail.
    limit: Percent,
    /// Fewer requests than this prove nothing.
    least: u64,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        Settings {
            limit: fields.or("limit", Percent(100)),
            least: fields.or("least", 100),
        }
    }
}

struct Plugin;

impl Monitor for Plugin {
    type Config = Settings;

    /// When it can judge; in other phases it is not asked.
    fn describe(_: Settings) -> Result<Capability, HookError> {
        let phases = vec![Phase::Ramp, Phase::Bake];
        Ok(Capability { phases })
    }

    /// One look. What it returns as `memory` it gets again at the next one.
    fn observe(settings: Settings, request: &ObserveRequest) -> Result<Observation, HookError> {
        let mut sums = Sums::read(&request.memory).unwrap_or_default();
        let Some(seen) = &request.candidate.telemetry else {
            return Ok(unknown(request, "the target measures nothing"));
        };
        sums.requests += seen.requests;
        sums.failures += seen.failures;
        let limit = f64::from(settings.limit.0) / 10_000.0;
        let rate = match sums.requests {
            0 => return Ok(unknown(request, "nobody has asked the candidate yet")),
            requests => sums.failures as f64 / requests as f64,
        };
        let verdict = match sums.requests < settings.least {
            // Without evidence nothing is healthy.
            true => Verdict::Inconclusive,
            false if rate > limit => Verdict::Failing,
            false => Verdict::Healthy,
        };
        let requests = count(sums.requests);
        Ok(Observation {
            memory: sums.write(),
            verdict,
            reason: format!("{} of {requests} requests failed", percent(rate)),
            measurements: vec![Measurement {
                name: "failures".into(),
                unit: "%".into(),
                stable: None,
                candidate: Some(rate * 100.0),
                limit: Some(limit * 100.0),
                verdict,
                evidence: format!("{requests} requests"),
                samples: vec![Sample {
                    at_ms: request.window_elapsed_ms,
                    stable: None,
                    candidate: Some(rate * 100.0),
                }],
            }],
            findings: Vec::new(),
        })
    }
}

baepo_plugin::export_monitor!(Plugin);

fn unknown(request: &ObserveRequest, reason: &str) -> Observation {
    Observation {
        memory: request.memory.clone(),
        verdict: Verdict::Inconclusive,
        reason: reason.into(),
        measurements: Vec::new(),
        findings: Vec::new(),
    }
}

/// What is kept between two looks.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    requests: u64,
    failures: u64,
}

impl Sums {
    fn read(memory: &[u8]) -> Option<Sums> {
        let (requests, rest) = memory.split_first_chunk()?;
        Some(Sums {
            requests: u64::from_le_bytes(*requests),
            failures: u64::from_le_bytes(rest.try_into().ok()?),
        })
    }

    fn write(&self) -> Vec<u8> {
        [self.requests.to_le_bytes(), self.failures.to_le_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use Verdict::{Failing, Healthy, Inconclusive};
    use baepo_plugin::fake::Looks;

    use super::*;

    #[test]
    fn a_verdict_needs_requests_of_all_looks_together() {
        let looks = Looks::of(r#"{"limit": "2%", "least": 200}"#);
        let looks = looks.candidate(0, 0).candidate(150, 3).candidate(150, 3);
        let verdicts = looks.candidate(100, 20).verdicts::<Plugin>();
        assert_eq!(verdicts, [Inconclusive, Inconclusive, Healthy, Failing]);
    }

    #[test]
    fn a_target_that_measures_nothing_forgets_nothing() {
        let looks = Looks::of("{}").candidate(50, 0).candidate_measured(None);
        let verdicts = looks.candidate(50, 0).verdicts::<Plugin>();
        assert_eq!(verdicts, [Inconclusive, Inconclusive, Healthy]);
    }

    #[test]
    fn what_is_kept_stays_small() {
        let last = Looks::of("{}").candidate(50, 0).again(500).last::<Plugin>();
        assert_eq!(last.reason, "0 % of 25,050 requests failed");
        assert_eq!(last.memory.len(), 16);
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let sums = Sums {
            requests: 300,
            failures: 7,
        };
        assert_eq!(Sums::read(&sums.write()), Some(sums));
        assert_eq!(Sums::read(b"of another plugin"), None);
    }
}

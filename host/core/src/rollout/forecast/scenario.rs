//! Named scenarios: what may be wrong with a candidate, or with those who
//! watch it.

use super::latency;
use super::model::{Conduct, Life};
use super::requests::Traffic;

/// What happens to a rollout in a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// The candidate is as good as stable.
    Healthy,
    /// The candidate's answers take four times as long.
    Slow,
    /// The candidate fails 2 % of its requests, stable 0.1 %.
    Errors,
    /// The candidate's instances crash again and again.
    CrashLoop,
    /// Nobody asks for anything.
    NoTraffic,
    /// The candidate is fine, and the target measures nothing.
    MetricsDown,
    /// One instance of the candidate is now ready, now not.
    Flapping,
}

impl Scenario {
    /// All of them, the good one first.
    pub const ALL: [Scenario; 7] = [
        Scenario::Healthy,
        Scenario::Slow,
        Scenario::Errors,
        Scenario::CrashLoop,
        Scenario::Flapping,
        Scenario::NoTraffic,
        Scenario::MetricsDown,
    ];

    /// As it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Scenario::Healthy => "healthy",
            Scenario::Slow => "slow",
            Scenario::Errors => "errors",
            Scenario::CrashLoop => "crash-loop",
            Scenario::NoTraffic => "no-traffic",
            Scenario::MetricsDown => "metrics-down",
            Scenario::Flapping => "flapping",
        }
    }

    /// What it is, in one clause for people.
    pub const fn about(self) -> &'static str {
        match self {
            Scenario::Healthy => "the candidate is as good as stable",
            Scenario::Slow => "the candidate's answers take four times as long",
            Scenario::Errors => "the candidate fails 2 % of its requests, stable 0.1 %",
            Scenario::CrashLoop => "the candidate's instances crash again and again",
            Scenario::NoTraffic => "nobody asks for anything",
            Scenario::MetricsDown => "the candidate is fine, and the target measures nothing",
            Scenario::Flapping => {
                "one instance of the candidate is ready for 9s, not for 4s, and so on"
            }
        }
    }

    /// Whether the candidate is at fault, so that it should not come to serve.
    pub const fn is_bad(self) -> bool {
        match self {
            Scenario::Slow | Scenario::Errors | Scenario::CrashLoop | Scenario::Flapping => true,
            Scenario::Healthy | Scenario::NoTraffic | Scenario::MetricsDown => false,
        }
    }

    /// How the candidate behaves.
    pub const fn conduct(self) -> Conduct {
        let usual = Conduct::USUAL;
        match self {
            Scenario::Healthy | Scenario::NoTraffic | Scenario::MetricsDown => usual,
            Scenario::Slow => Conduct {
                later: latency::SLOWER,
                ..usual
            },
            Scenario::Errors => Conduct {
                failures_per_million: 20_000,
                ..usual
            },
            Scenario::CrashLoop => Conduct {
                life: Life::CrashLoop,
                ..usual
            },
            Scenario::Flapping => Conduct {
                life: Life::Flapping,
                ..usual
            },
        }
    }

    /// What is left of the traffic that there would be.
    pub const fn traffic(self, traffic: Traffic) -> Traffic {
        match self {
            Scenario::NoTraffic => Traffic {
                requests_per_second: 0,
                ..traffic
            },
            Scenario::MetricsDown => Traffic {
                is_measured: false,
                ..traffic
            },
            Scenario::Healthy
            | Scenario::Slow
            | Scenario::Errors
            | Scenario::CrashLoop
            | Scenario::Flapping => traffic,
        }
    }
}

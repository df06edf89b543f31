//! `traffic`: judges the requests that the target measured.
//!
//! On the ramp the candidate's failures are compared with those of stable at
//! the same time; in the bake, when stable has no traffic, with what it
//! measured before. Beside that, no more than `max-failure-rate` of the
//! candidate's requests may fail, unless stable itself does not keep to it.
//!
//! Latency is compared in the same way, by how many requests are slower than a
//! quantile of both roles; differences below `latency-floor` do not matter. With
//! `max-latency` it must keep a limit, too. With `slo` it must not use up the
//! error budget that many times too fast.
//!
//! Healthy means: no evidence against the candidate, enough evidence for it
//! from the whole rollout so far, and at least `min-requests` of its own in
//! this window.
//!
//! The mathematics is in the crate `baepo-judge`.

mod budget;
mod latency;
mod memory;

use baepo_judge::{Counts, Evidence, Judgement, Look, Settings};
use baepo_limits::{read, show};
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::monitor::{
    Capability, Finding, Measurement, Monitor, Observation, ObserveRequest, Phase, Sample,
    Telemetry,
};
use baepo_plugin::text::{count, evidence};
use baepo_plugin::{HookError, Level, Role, Verdict};

use budget::{Budget, Guarded};
use latency::{Timed, Timing};
use memory::Memory;

/// What users write under `with:`.
struct Traffic {
    settings: Settings,
    timing: Timing,
    budget: Option<Budget>,
}

impl Config for Traffic {
    fn read(fields: &mut Fields) -> Traffic {
        let usual = Settings::default();
        let max_failure_rate = read::max_failure_rate(fields, usual.max_failure_rate);
        let min_requests = read::min_requests(fields, usual.min_requests);
        let budget = Budget::read(fields);
        let timing = Timing::read(fields);
        Traffic {
            settings: Settings {
                max_failure_rate,
                min_requests,
                other_gates: u32::from(budget.is_some()),
                compares_latency: timing.is_compared,
                latency_floor: timing.floor_us,
                max_latency: timing.limit_us,
                ..usual
            },
            timing,
            budget,
        }
    }
}

impl Monitor for Traffic {
    type Config = Traffic;

    fn describe(_: Traffic) -> Result<Capability, HookError> {
        Ok(Capability {
            phases: vec![Phase::Ramp, Phase::Bake],
        })
    }

    fn observe(config: Traffic, request: &ObserveRequest) -> Result<Observation, HookError> {
        let mut memory = Memory::load(&request.memory)
            .ok_or_else(|| HookError::Failed("the memory is not of this monitor".into()))?;
        let phase = match request.phase {
            Phase::Preview => return Ok(blind(request, "a preview has no traffic to judge")),
            Phase::Ramp => baepo_judge::Phase::Ramp,
            Phase::Bake => baepo_judge::Phase::Bake,
        };
        let Some(candidate) = &request.candidate.telemetry else {
            return Ok(blind(request, "the target measures no requests"));
        };
        let stable = request
            .stable
            .as_ref()
            .and_then(|side| side.telemetry.as_ref());
        let timed = Timed::of(stable, candidate, request.stable_before.as_ref());
        let look = Look {
            phase,
            window: request.window,
            seconds: request.since_last_look_ms as f64 / 1_000.0,
            stable: stable.map(counts),
            candidate: counts(candidate),
            recorded: request.stable_before.as_ref().map(counts),
            latency: timed.latencies(&config.timing),
        };
        let judgement = memory.state.look(&config.settings, &look);
        let guarded = config.budget.map(|budget| {
            let Counts { requests, failures } = look.candidate;
            memory.minutes.add(request.now_ms, requests, failures);
            budget.guard(&memory.minutes, request.now_ms, &judgement)
        });
        let shown = Shown {
            settings: config.settings,
            judgement,
            guarded,
            look,
            at_ms: request.window_elapsed_ms,
        };
        let mut measurements = vec![
            shown.failures(),
            shown.requests(),
            shown.latency(stable, candidate, &config.timing),
        ];
        measurements.extend(shown.burn_rate());
        Ok(Observation {
            memory: memory.save(),
            verdict: shown.verdict(),
            reason: shown.reason(),
            measurements,
            findings: shown.findings(),
        })
    }
}

baepo_plugin::export_monitor!(Traffic);

/// An answer where there is nothing to judge.
fn blind(request: &ObserveRequest, reason: &str) -> Observation {
    Observation {
        memory: request.memory.clone(),
        verdict: Verdict::Inconclusive,
        reason: reason.into(),
        measurements: Vec::new(),
        findings: Vec::new(),
    }
}

fn counts(telemetry: &Telemetry) -> Counts {
    Counts {
        requests: telemetry.requests,
        failures: telemetry.failures,
    }
}

fn verdict(verdict: baepo_judge::Verdict) -> Verdict {
    match verdict {
        baepo_judge::Verdict::Healthy => Verdict::Healthy,
        baepo_judge::Verdict::Failing => Verdict::Failing,
        baepo_judge::Verdict::Inconclusive => Verdict::Inconclusive,
    }
}

/// `0.21 %`, `4.9 %`, `12 %`.
fn percent(rate: Option<f64>) -> String {
    rate.map_or("unknown".into(), baepo_plugin::text::percent)
}

/// A judgement as people want it.
struct Shown<'a> {
    settings: Settings,
    judgement: Judgement,
    guarded: Option<Guarded>,
    look: Look<'a>,
    at_ms: u64,
}

impl Shown<'_> {
    /// The worst of what is judged and of what is guarded.
    fn verdict(&self) -> Verdict {
        let guarded = self.guarded.map_or(Verdict::Healthy, Guarded::verdict);
        match (verdict(self.judgement.verdict), guarded) {
            (Verdict::Failing, _) | (_, Verdict::Failing) => Verdict::Failing,
            (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
            (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
        }
    }

    fn burn_rate(&self) -> Option<Measurement> {
        let Guarded {
            burn,
            speed,
            is_excused,
        } = self.guarded?;
        Some(show::burn_rate(burn, speed, is_excused, self.at_ms))
    }

    /// `errors 4.9 % against 0.2 % (E = 1,240, limit 100)` and the like.
    fn reason(&self) -> String {
        let Judgement {
            candidate,
            in_window,
            ..
        } = self.judgement;
        let least = self.settings.min_requests;
        let judged = verdict(self.judgement.verdict);
        if candidate.requests == 0 {
            return "no request has reached the candidate yet".into();
        }
        let errors = format!("errors {}{}", percent(candidate.rate()), self.against());
        let burn = self.guarded.and_then(|guarded| guarded.burn);
        if let Some(burn) = burn.filter(|_| judged != Verdict::Failing) {
            let burning = show::burning(&burn);
            let with_both = match self.verdict() {
                Verdict::Failing => "",
                _ => ", and so it is with stable",
            };
            return format!("{burning}{with_both}; {errors}");
        }
        if let Some(reason) = self.latency_reason(&errors) {
            return reason;
        }
        match self.judgement.failures {
            baepo_judge::Verdict::Failing => format!("{errors} ({})", self.evidence()),
            baepo_judge::Verdict::Healthy => {
                format!("{errors}, {} requests", count(candidate.requests))
            }
            baepo_judge::Verdict::Inconclusive if in_window < least => {
                format!(
                    "{errors}; {} of at least {least} requests in this window",
                    count(in_window)
                )
            }
            baepo_judge::Verdict::Inconclusive if self.is_one_sided() => {
                format!("{errors}; stable got no request to compare with")
            }
            baepo_judge::Verdict::Inconclusive if self.judgement.is_broken => {
                format!("{errors}; most requests of this window failed, which is not healthy")
            }
            baepo_judge::Verdict::Inconclusive if self.judgement.is_doubtful => {
                format!("{errors}; this window alone looks worse than that")
            }
            baepo_judge::Verdict::Inconclusive => {
                format!(
                    "{errors}; not enough evidence after {} requests ({})",
                    count(candidate.requests),
                    self.evidence()
                )
            }
        }
    }

    /// What the failure rate is compared with, by the test that decides.
    fn against(&self) -> String {
        if self.decided_by_limit() {
            return match self.settings.max_failure_rate {
                Some(limit) => format!(", limit {}", percent(Some(limit))),
                None => String::new(),
            };
        }
        match (
            self.judgement.stable.rate(),
            self.judgement.is_against_record,
        ) {
            (None, _) => String::new(),
            (rate, false) => format!(" against {}", percent(rate)),
            (rate, true) => format!(" against {} before the switch", percent(rate)),
        }
    }

    fn is_one_sided(&self) -> bool {
        self.look.phase == baepo_judge::Phase::Ramp && self.judgement.stable.requests == 0
    }

    /// Whether it was `max-failure-rate` and not the comparison that failed it.
    fn decided_by_limit(&self) -> bool {
        let is_failing = self.judgement.failures == baepo_judge::Verdict::Failing;
        is_failing
            && !self
                .judgement
                .comparative_fail
                .refutes(self.judgement.level)
    }

    /// The number that decided, or is nearest to deciding, and its limit.
    fn evidence(&self) -> String {
        let Judgement {
            comparative_fail,
            comparative_pass,
            absolute_fail,
            absolute_pass,
            ..
        } = self.judgement;
        let nothing = Evidence(f64::NEG_INFINITY);
        let level = self.judgement.level;
        let (e, level) = match self.judgement.failures {
            baepo_judge::Verdict::Failing if self.decided_by_limit() => {
                (absolute_fail.unwrap_or(nothing), level)
            }
            baepo_judge::Verdict::Failing => (comparative_fail, level),
            _ => {
                let absolute = absolute_pass.unwrap_or(nothing);
                let best = if absolute > comparative_pass {
                    absolute
                } else {
                    comparative_pass
                };
                (best, self.settings.beta)
            }
        };
        format!(
            "E = {}, limit {}",
            evidence(e.value()),
            count((1.0 / level) as u64)
        )
    }

    fn failures(&self) -> Measurement {
        let in_percent =
            |counts: Option<Counts>| counts.and_then(Counts::rate).map(|rate| rate * 100.0);
        let mut evidence = self.evidence();
        if self.judgement.is_against_record {
            evidence += ", stable not concurrent";
        }
        let sample = Sample {
            at_ms: self.at_ms,
            stable: in_percent(self.look.stable),
            candidate: in_percent(Some(self.look.candidate)),
        };
        Measurement {
            name: "failures".into(),
            unit: "%".into(),
            stable: in_percent(Some(self.judgement.stable)),
            candidate: in_percent(Some(self.judgement.candidate)),
            limit: self.settings.max_failure_rate.map(|limit| limit * 100.0),
            verdict: verdict(self.judgement.failures),
            evidence,
            samples: vec![sample],
        }
    }

    fn requests(&self) -> Measurement {
        let Judgement {
            stable,
            candidate,
            in_window,
            ..
        } = self.judgement;
        let least = self.settings.min_requests;
        Measurement {
            name: "requests".into(),
            unit: String::new(),
            stable: (stable.requests > 0).then_some(stable.requests as f64),
            candidate: Some(candidate.requests as f64),
            limit: None,
            verdict: if in_window < least {
                Verdict::Inconclusive
            } else {
                Verdict::Healthy
            },
            evidence: format!("{} in this window, at least {least}", count(in_window)),
            samples: Vec::new(),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let is_above = self
            .judgement
            .absolute_fail
            .is_some_and(|e| e.refutes(self.judgement.level));
        let limit = percent(self.settings.max_failure_rate);
        if !(is_above && self.judgement.stable_is_above_limit) {
            return Vec::new();
        }
        vec![Finding {
            level: Level::Warning,
            role: Role::Stable,
            title: format!("both releases fail more than {limit} of their requests"),
            message: format!(
                "Going back would not help: stable does not keep max-failure-rate ({limit}) either, so it \
                 does not count against the candidate."
            ),
        }]
    }
}

#[cfg(test)]
mod tests;

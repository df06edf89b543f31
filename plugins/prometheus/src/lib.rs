//! `prometheus`: judges what a Prometheus has collected.
//!
//! Two kinds of queries. *Counters*: requests and failures as raw counters,
//! whose increase since the last look goes into the test of the crate
//! `baepo-judge`, as the monitor `traffic` does with what the target measures.
//! Resets are found here, series by series, because an averaged `rate()` is no
//! count. *Gauges*: one value, compared with a limit.
//!
//! Data that are absent, not a number, partial or of the wrong shape are
//! inconclusive with a reason, and never healthy.

mod ask;
mod config;
mod counter;
mod gauge;
mod memory;
mod template;

use baepo_plugin::http::{HttpError, Request, Response};
use baepo_plugin::monitor::{
    Capability, Finding, Measurement, Monitor, Observation, ObserveRequest, Phase,
};
use baepo_plugin::{HookError, Verdict};

use ask::Asker;
use config::Prometheus;
use memory::Memory;

/// How a request is sent; tests have their own way.
type Send<'a> = &'a mut dyn FnMut(Request<'_>) -> Result<Response, HttpError>;

impl Monitor for Prometheus {
    type Config = Prometheus;

    fn describe(config: Prometheus) -> Result<Capability, HookError> {
        let mut phases = vec![Phase::Ramp, Phase::Bake];
        if config.gauges.iter().any(|gauge| gauge.is_judged()) {
            phases.insert(0, Phase::Preview);
        }
        Ok(Capability { phases })
    }

    fn observe(config: Prometheus, request: &ObserveRequest) -> Result<Observation, HookError> {
        let mut send = |request: Request<'_>| baepo_plugin::http::send(&request);
        let token = config.token.as_deref().map(ask::open).transpose()?;
        let mut asker = Asker::new(&config, request.now_ms, token.as_ref(), &mut send);
        observe(&config, request, &mut asker)
    }
}

baepo_plugin::export_monitor!(Prometheus);

/// What one query, or pair of queries, came to.
struct Part {
    /// Absent where it is only shown.
    verdict: Option<Verdict>,
    /// A fragment for people.
    reason: String,
    measurement: Measurement,
    findings: Vec<Finding>,
}

fn observe(
    config: &Prometheus,
    request: &ObserveRequest,
    asker: &mut Asker<'_>,
) -> Result<Observation, HookError> {
    let mut memory = Memory::load(&request.memory, config)?;
    let mut parts = Vec::new();
    if request.phase != Phase::Preview {
        for (counter, kept) in config.counters.iter().zip(&mut memory.counters) {
            parts.push(counter::observe(config, counter, kept, request, asker)?);
        }
    }
    for (gauge, kept) in config.gauges.iter().zip(&mut memory.gauges) {
        parts.push(gauge::observe(config, gauge, kept, request, asker)?);
    }
    let has = |wanted: Verdict| parts.iter().any(|part| part.verdict == Some(wanted));
    let verdict = if has(Verdict::Failing) {
        Verdict::Failing
    } else if has(Verdict::Healthy) && !has(Verdict::Inconclusive) {
        Verdict::Healthy
    } else {
        Verdict::Inconclusive
    };
    let reasons = parts.iter().filter(|part| part.verdict == Some(verdict));
    let reasons: Vec<&str> = reasons.map(|part| part.reason.as_str()).collect();
    Ok(Observation {
        memory: memory.save()?,
        verdict,
        reason: match reasons.as_slice() {
            [] => "nothing of it can be judged in this phase".into(),
            reasons => reasons.join("; "),
        },
        findings: parts
            .iter_mut()
            .flat_map(|part| std::mem::take(&mut part.findings))
            .collect(),
        measurements: parts.into_iter().map(|part| part.measurement).collect(),
    })
}

#[cfg(test)]
mod tests;

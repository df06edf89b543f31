//! `http`: asks the instances themselves and judges their answers.
//!
//! The candidate is asked a few times at each look, past the router, so it can
//! be judged before it has users. What may fail is `max-failure-rate` of the
//! probes, what may be slow is the rest beyond `latency-quantile`; stable is
//! asked as often, because going back helps only where it keeps the limit.
//!
//! Verdicts come from the absolute test of the crate `baepo-judge`, over all
//! probes of the rollout and over those of each window; see [`judge`].

mod config;
mod judge;
mod memory;
mod probe;
mod show;

use baepo_plugin::http::{HttpError, Request, Response};
use baepo_plugin::monitor::{Capability, Monitor, Observation, ObserveRequest, Phase};
use baepo_plugin::{HookError, Verdict};

use config::Http;
use memory::Memory;
use probe::Prober;
use show::Shown;

/// How a request is sent; tests have their own way.
type Send<'a> = &'a mut dyn FnMut(Request<'static>) -> Result<Response, HttpError>;

impl Monitor for Http {
    type Config = Http;

    fn describe(_: Http) -> Result<Capability, HookError> {
        Ok(Capability {
            phases: vec![Phase::Preview, Phase::Ramp, Phase::Bake],
        })
    }

    fn observe(config: Http, request: &ObserveRequest) -> Result<Observation, HookError> {
        let mut send = |request: Request<'static>| baepo_plugin::http::send(&request);
        observe(&config, request, &mut send)
    }
}

baepo_plugin::export_monitor!(Http);

fn observe(
    config: &Http,
    request: &ObserveRequest,
    send: Send<'_>,
) -> Result<Observation, HookError> {
    let mut memory = Memory::load(&request.memory)?;
    memory.begin_look(request.window);
    if request.candidate.endpoints.is_empty() {
        return Ok(Observation {
            memory: memory.save()?,
            verdict: Verdict::Inconclusive,
            reason: "the candidate has no instance to ask".into(),
            measurements: Vec::new(),
            findings: Vec::new(),
        });
    }
    let mut prober = Prober::new(config, send);
    let candidate = prober.ask(&request.candidate.endpoints, memory.candidate.whole.asked)?;
    let stable = match &request.stable {
        Some(stable) => Some(prober.ask(&stable.endpoints, memory.stable.asked)?),
        None => None,
    };
    memory.add(config, request.now_ms, &candidate, stable.as_ref());
    let judgement = judge::judge(config, &memory, request.window, request.now_ms);
    let shown = Shown {
        config,
        memory: &memory,
        judgement: &judgement,
        look: (&candidate, stable.as_ref()),
        at_ms: request.window_elapsed_ms,
    };
    Ok(Observation {
        verdict: judgement.verdict,
        reason: shown.reason(),
        measurements: shown.measurements(),
        findings: shown.findings(),
        memory: memory.save()?,
    })
}

#[cfg(test)]
mod tests;

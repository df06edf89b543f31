//! The hook `monitor`.

use baepo_core::rollout::{LookRequest, Observation, Side};
use baepo_core::telemetry::Telemetry;
use baepo_core::time::Millis;
use baepo_core::verdict::{Finding, Judged, Measurement, Phase, Sample};
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::baepo::hooks::types;
use super::super::bindings::exports::baepo::hooks::monitor as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::{from_hook_error, from_level, from_role, from_verdict, to_release};

/// Most points of a plot that are kept.
const MOST_SAMPLES: usize = 60;

impl Plugin {
    /// In which phases this monitor can judge with this configuration (the
    /// `with:` block as JSON), and whether that is right. Nothing is granted to
    /// this call.
    pub async fn describe_monitor(
        &self,
        context: &CallContext,
        config: &str,
    ) -> CallOutcome<Vec<Phase>> {
        self.call(context, Describe { config }).await
    }

    /// Look once. The answer carries `name`, the monitor's name in the file.
    pub async fn observe(
        &self,
        context: &CallContext,
        request: &LookRequest,
        name: &str,
    ) -> CallOutcome<Observation> {
        self.call(context, Observe { request, name }).await
    }
}

struct Describe<'a> {
    config: &'a str,
}

impl HookCall for Describe<'_> {
    type Answer = Vec<Phase>;
    const HOOK: Hook = Hook::Monitor;
    const PURE: bool = true;

    fn function(&self) -> &'static str {
        "monitor.describe"
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Vec<Phase>>, Refused> {
        let indices = exports.monitor.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let capability = guest.call_describe(store, self.config).await?;
        let capability = capability.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
        let size_bytes = capability.phases.len();
        let mut phases: Vec<Phase> = capability.phases.into_iter().map(from_phase).collect();
        phases.sort_unstable();
        phases.dedup();
        Ok(Answered {
            answer: phases,
            size_bytes,
        })
    }
}

struct Observe<'a> {
    request: &'a LookRequest,
    name: &'a str,
}

impl HookCall for Observe<'_> {
    type Answer = Observation;
    const HOOK: Hook = Hook::Monitor;
    const PURE: bool = false;

    fn function(&self) -> &'static str {
        "monitor.observe"
    }

    fn endpoints(&self) -> Vec<&str> {
        let sides = self.request.stable.iter().chain([&self.request.candidate]);
        sides
            .flat_map(|side| side.endpoints.iter().map(String::as_str))
            .collect()
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Observation>, Refused> {
        let indices = exports.monitor.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let observation = guest.call_observe(store, &to_request(self.request)).await?;
        let observation = observation.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
        let size_bytes = observation_bytes(&observation);
        let measurements = observation.measurements.into_iter().map(from_measurement);
        let answer = Observation {
            memory: observation.memory,
            judged: Judged {
                monitor: self.name.into(),
                verdict: from_verdict(observation.verdict),
                reason: observation.reason,
                measurements: measurements.collect(),
                findings: observation.findings.into_iter().map(from_finding).collect(),
            },
        };
        Ok(Answered { answer, size_bytes })
    }
}

fn to_request(request: &LookRequest) -> wit::ObserveRequest {
    wit::ObserveRequest {
        config: request.config.clone(),
        memory: request.memory.clone(),
        phase: match request.phase {
            Phase::Preview => wit::Phase::Preview,
            Phase::Ramp => wit::Phase::Ramp,
            Phase::Bake => wit::Phase::Bake,
        },
        window: request.window,
        window_elapsed_ms: request.window_elapsed.0,
        since_last_look_ms: request.since_last_look.0,
        last_look: request.last_look,
        weight_basis_points: request.weight.map(|weight| weight.value()),
        stable: request.stable.as_ref().map(to_side),
        candidate: to_side(&request.candidate),
        stable_before: request.stable_before.as_ref().map(to_telemetry),
        now_ms: request.now.0,
    }
}

fn to_side(side: &Side) -> wit::Side {
    wit::Side {
        release: to_release(&side.release),
        endpoints: side.endpoints.to_vec(),
        telemetry: side.telemetry.as_ref().map(to_telemetry),
    }
}

fn to_telemetry(telemetry: &Telemetry) -> wit::Telemetry {
    let bounds_us = telemetry.latency.bounds_us.clone();
    // The core may leave out counts that are all zero; plugins get them.
    let mut counts = telemetry.latency.counts.clone();
    counts.resize(bounds_us.len() + 1, 0);
    wit::Telemetry {
        requests: telemetry.requests,
        failures: telemetry.failures,
        latency: types::Histogram { bounds_us, counts },
    }
}

fn from_phase(phase: wit::Phase) -> Phase {
    match phase {
        wit::Phase::Preview => Phase::Preview,
        wit::Phase::Ramp => Phase::Ramp,
        wit::Phase::Bake => Phase::Bake,
    }
}

/// Numbers that are none are left out: JSON has no word for them, and nobody
/// can compare with them.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn from_measurement(measurement: wit::Measurement) -> Measurement {
    let sample = |sample: wit::Sample| Sample {
        at: Millis(sample.at_ms),
        stable: finite(sample.stable),
        candidate: finite(sample.candidate),
    };
    Measurement {
        name: measurement.name,
        unit: measurement.unit,
        stable: finite(measurement.stable),
        candidate: finite(measurement.candidate),
        limit: finite(measurement.limit),
        verdict: from_verdict(measurement.verdict),
        evidence: measurement.evidence,
        samples: measurement
            .samples
            .into_iter()
            .take(MOST_SAMPLES)
            .map(sample)
            .collect(),
    }
}

fn from_finding(finding: wit::Finding) -> Finding {
    Finding {
        level: from_level(finding.level),
        role: from_role(finding.role),
        title: finding.title,
        message: finding.message,
    }
}

fn observation_bytes(observation: &wit::Observation) -> usize {
    let measurement = |measurement: &wit::Measurement| {
        measurement.name.len()
            + measurement.unit.len()
            + measurement.evidence.len()
            + size_of_val(measurement.samples.as_slice())
            + size_of_val(measurement)
    };
    let finding =
        |finding: &wit::Finding| finding.title.len() + finding.message.len() + size_of_val(finding);
    observation.memory.len()
        + observation.reason.len()
        + observation
            .measurements
            .iter()
            .map(measurement)
            .sum::<usize>()
        + observation.findings.iter().map(finding).sum::<usize>()
}

//! Monitors: what they say where there is nothing to know, whether they say it
//! twice, and what they keep.

use baepo_core::hook::HookError;
use baepo_core::rollout::{LookRequest, MOST_MEMORY, Observation, Side};
use baepo_core::telemetry::{Histogram, Telemetry, latency_bounds_us};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Phase, Verdict};
use baepo_runtime::plugin::{CallError, Plugin};

use super::{Line, configuration, context, further, release, with_unknown_key};
use crate::render::{size, verdict_word};

/// Looks of the rollout that is tried.
const LOOKS: u32 = 200;
/// A look every five seconds, twelve of them a window.
const EVERY: u64 = 5_000;
const WINDOW: u32 = 12;

pub(super) async fn check(plugin: &Plugin, config: &str, imports: &[String]) -> Vec<Line> {
    let context = context();
    let ours = plugin.describe_monitor(&context, config).await.result;
    let odd = with_unknown_key(config);
    let nonsense = plugin.describe_monitor(&context, &odd).await.result.err();
    if let Err(CallError::Plugin(error)) = &ours
        && !matches!(error, HookError::InvalidConfig(_))
    {
        return vec![Line::bad(
            "configuration",
            format!("`describe` says: {error}"),
            "it looks at its configuration and nothing else: answer the phases, or `invalid-config`",
        )];
    }
    let phases = ours.as_ref().ok().cloned();
    let (line, goes_on) = configuration("configuration", ours.err(), nonsense);
    let mut lines = vec![line];
    let Some(phases) = phases.filter(|_| goes_on) else {
        return lines;
    };
    if phases.is_empty() {
        let help = "answer the phases in which it can judge: preview, ramp, bake";
        lines.push(Line::bad(
            "phases",
            "it judges in none, and is never asked",
            help,
        ));
        return lines;
    }
    let names = phases.iter().map(|phase| match phase {
        Phase::Preview => "preview",
        Phase::Ramp => "ramp",
        Phase::Bake => "bake",
    });
    let names: Vec<&str> = names.collect();
    lines.push(Line::good("phases", names.join(", ")));
    lines.push(without_evidence(plugin, config, &phases).await);
    if further(imports).is_empty() {
        lines.push(twice(plugin, config, &phases).await);
    }
    lines.push(long(plugin, config, &phases).await);
    lines
}

async fn observe(plugin: &Plugin, request: &LookRequest) -> Result<Observation, CallError> {
    let context = context();
    let outcome = plugin.observe(&context, request, plugin.name()).await;
    outcome.result
}

/// Nothing is known, so nothing may be healthy.
async fn without_evidence(plugin: &Plugin, config: &str, phases: &[Phase]) -> Line {
    let cases: [(&str, Option<Telemetry>); 2] = [
        ("the target measures nothing", None),
        ("no request was made", Some(telemetry(0, 0))),
    ];
    for phase in phases {
        for (how, seen) in &cases {
            let mut request = request(config, *phase, 1, Vec::new());
            request.candidate.telemetry = seen.clone();
            request.stable_before = None;
            if let Some(stable) = &mut request.stable {
                stable.telemetry = seen.clone();
            }
            match observe(plugin, &request).await {
                Ok(said) if said.judged.verdict == Verdict::Healthy => {
                    return Line::bad(
                        "no evidence",
                        format!("it says healthy where {how}"),
                        "answer inconclusive as long as nothing speaks for the candidate",
                    );
                }
                Ok(_) | Err(CallError::Plugin(_)) => {}
                Err(error) => {
                    let text = format!("where {how}: {error}");
                    return Line::bad("no evidence", text, error.help());
                }
            }
        }
    }
    Line::good(
        "no evidence",
        "never healthy without requests or measurements",
    )
}

/// The same look twice.
async fn twice(plugin: &Plugin, config: &str, phases: &[Phase]) -> Line {
    let request = request(config, phases[0], 1, Vec::new());
    let (one, other) = (
        observe(plugin, &request).await,
        observe(plugin, &request).await,
    );
    match one == other {
        true => Line::good("same", "same look, same answer"),
        false => Line::bad(
            "same",
            "the same look gave two answers",
            "use only what the request has: no clock, no randomness, nothing kept but `memory`",
        ),
    }
}

/// A rollout of many looks, in which the candidate is as good as stable.
async fn long(plugin: &Plugin, config: &str, phases: &[Phase]) -> Line {
    let phase = match phases.contains(&Phase::Ramp) {
        true => Phase::Ramp,
        false => phases[0],
    };
    let mut memory = Vec::new();
    let (mut most, mut last) = (0, None);
    for look in 1..=LOOKS {
        match observe(plugin, &request(config, phase, look, memory)).await {
            Ok(said) => {
                memory = said.memory;
                most = most.max(memory.len());
                last = Some(said.judged.verdict);
                let numbers = said.judged.measurements.iter();
                let odd = numbers
                    .flat_map(|m| [m.stable, m.candidate, m.limit].map(|value| (m, value)))
                    .find(|(_, value)| value.is_some_and(|value| !value.is_finite()));
                if let Some((measurement, _)) = odd {
                    return Line::bad(
                        "numbers",
                        format!("`{}` is no number at look {look}", measurement.name),
                        "leave a value out where there is none",
                    );
                }
            }
            Err(CallError::Plugin(error @ HookError::Failed(_))) => {
                return Line::bad(
                    "looks",
                    format!("look {look}: {error}"),
                    "a look that comes to nothing is inconclusive, with a reason; an error is for what nobody expected",
                );
            }
            // Where nothing is granted it may know nothing.
            Err(CallError::Plugin(error)) => {
                return Line::note(
                    "looks",
                    format!("with what is granted here it says: {error}"),
                    "check it with what it needs: `--allow '{…}'`, as under `allow:`",
                );
            }
            Err(error) => {
                return Line::bad("looks", format!("look {look}: {error}"), error.help());
            }
        }
        if most > MOST_MEMORY {
            return Line::bad(
                "memory",
                format!(
                    "it keeps {} after {look} looks; at most {} are kept",
                    size(most as u64),
                    size(MOST_MEMORY as u64)
                ),
                "keep sums and not values, so that it does not grow with the rollout",
            );
        }
    }
    let last = last.map_or("nothing", verdict_word);
    Line::good(
        "looks",
        format!(
            "{LOOKS} looks at an equal candidate: {last} at the end, keeps at most {}",
            size(most as u64)
        ),
    )
}

fn request(config: &str, phase: Phase, look: u32, memory: Vec<u8>) -> LookRequest {
    let side = |byte, requests| Side {
        release: release(byte),
        endpoints: std::sync::Arc::default(),
        telemetry: Some(telemetry(requests, requests / 1_000)),
    };
    // A few more or fewer at each look, as they come.
    let requests = 2_000 + u64::from(look % 7) * 10;
    LookRequest {
        config: config.into(),
        memory,
        phase,
        window: look.div_ceil(WINDOW),
        window_elapsed: Millis(u64::from((look - 1) % WINDOW + 1) * EVERY),
        since_last_look: Millis(EVERY),
        last_look: look.is_multiple_of(WINDOW),
        weight: None,
        stable: Some(side(1, requests)),
        candidate: side(2, requests),
        stable_before: Some(telemetry(100_000, 100)),
        now: Time(1_700_000_000_000 + u64::from(look) * EVERY),
    }
}

/// All of them took about 20 ms.
fn telemetry(requests: u64, failures: u64) -> Telemetry {
    let bounds_us = latency_bounds_us();
    let mut counts = vec![0; bounds_us.len() + 1];
    counts[bounds_us.partition_point(|bound| *bound < 20_000)] = requests;
    Telemetry {
        requests,
        failures,
        latency: Histogram { bounds_us, counts },
        cut: 0,
    }
}

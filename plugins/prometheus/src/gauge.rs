//! One value that is compared with a limit.

use baepo_plugin::monitor::{Finding, Measurement, ObserveRequest, Sample};
use baepo_plugin::text::number;
use baepo_plugin::{HookError, Level, Role, Verdict};

use crate::Part;
use crate::ask::{Asker, NoAnswer};
use crate::config::{Direction, Gauge, Prometheus};
use crate::memory::KeptGauge;
use crate::template::render;

/// What a value is, or why there is none.
type Value = Result<f64, String>;

/// Looks once at one gauge.
///
/// # Errors
/// What ends the whole look.
pub(crate) fn observe(
    config: &Prometheus,
    gauge: &Gauge,
    kept: &mut KeptGauge,
    request: &ObserveRequest,
    asker: &mut Asker<'_>,
) -> Result<Part, HookError> {
    let candidate = ask(gauge, Role::Candidate, request, asker)?;
    let stable = match request.stable.is_some() && !gauge.query.stable.is_empty() {
        true => ask(gauge, Role::Stable, request, asker)?,
        false => Err("there is no stable to compare with".into()),
    };
    let (verdict, why) = judge(config, gauge, kept, request, (&stable, &candidate));
    let shown = describe(gauge, &stable, &candidate);
    let reason = format!(
        "{}: {shown}{}",
        gauge.name,
        ["", "; "][usize::from(!why.is_empty())]
    );
    let reason = reason + &why;
    let mut findings = Vec::new();
    if verdict == Verdict::Failing && !gauge.is_critical {
        findings.push(Finding {
            level: Level::Warning,
            role: Role::Candidate,
            title: format!("{} is beyond its limit", gauge.name),
            message: format!("{reason}\nIt is not critical, so it does not fail the rollout."),
        });
    }
    Ok(Part {
        verdict: gauge.is_judged().then_some(verdict),
        measurement: Measurement {
            name: gauge.name.clone(),
            unit: gauge.unit.clone(),
            stable: stable.as_ref().ok().copied(),
            candidate: candidate.as_ref().ok().copied(),
            // A distance from stable is no value to draw a line at.
            limit: gauge.limit.filter(|_| gauge.direction != Direction::Either),
            verdict,
            evidence: match gauge.limit {
                None => "shown, not judged".into(),
                Some(_) => reason.clone(),
            },
            samples: vec![Sample {
                at_ms: request.window_elapsed_ms,
                stable: stable.ok(),
                candidate: candidate.ok(),
            }],
        },
        reason,
        findings,
    })
}

fn ask(
    gauge: &Gauge,
    role: Role,
    request: &ObserveRequest,
    asker: &mut Asker<'_>,
) -> Result<Value, HookError> {
    let answer = render(gauge.query.of(role), role, request)
        .map_err(NoAnswer::Because)
        .and_then(|query| asker.value(&query));
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(NoAnswer::Because(why)) => Ok(Err(why)),
        Err(NoAnswer::Ends(error)) => Err(error),
    }
}

/// The verdict, and what is to be said beside the value.
fn judge(
    config: &Prometheus,
    gauge: &Gauge,
    kept: &mut KeptGauge,
    request: &ObserveRequest,
    (stable, candidate): (&Value, &Value),
) -> (Verdict, String) {
    if kept.window != request.window {
        *kept = KeptGauge {
            window: request.window,
            ..KeptGauge::default()
        };
    }
    let Some(limit) = gauge.limit else {
        return (Verdict::Inconclusive, String::new());
    };
    let value = match candidate {
        Ok(value) => *value,
        // Said already in place of the value.
        Err(_) => return (Verdict::Inconclusive, String::new()),
    };
    let is_beyond = match (gauge.direction, stable) {
        (Direction::Increase, _) => value > limit,
        (Direction::Decrease, _) => value < limit,
        (Direction::Either, Ok(stable)) => (value - stable).abs() > limit,
        (Direction::Either, Err(why)) => return (Verdict::Inconclusive, why.clone()),
    };
    let is_new = kept
        .counted_ms
        .is_none_or(|counted| request.now_ms.saturating_sub(counted) >= config.interval.0);
    if is_new {
        kept.counted_ms = Some(request.now_ms);
        (kept.beyond, kept.within) = match is_beyond {
            true => (kept.beyond.saturating_add(1), 0),
            false => (0, kept.within.saturating_add(1)),
        };
    }
    let times = gauge.times;
    match (is_beyond, kept.beyond, kept.within) {
        (true, beyond, _) if beyond >= times => {
            (Verdict::Failing, format!("{beyond} times in a row"))
        }
        (false, _, within) if within >= times => (Verdict::Healthy, String::new()),
        (true, beyond, _) => {
            let why = format!("{beyond} of {times} times in a row beyond it");
            (Verdict::Inconclusive, why)
        }
        (false, _, within) => {
            let why = format!("{within} of {times} times in a row within it");
            (Verdict::Inconclusive, why)
        }
    }
}

/// `512 MB against 480 MB, limit 500 MB`.
fn describe(gauge: &Gauge, stable: &Value, candidate: &Value) -> String {
    let unit = match gauge.unit.as_str() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let value = match candidate {
        Ok(value) => format!("{}{unit}", number(*value)),
        Err(why) => return why.clone(),
    };
    let against = match stable {
        Ok(stable) => format!(" against {}{unit}", number(*stable)),
        Err(_) => String::new(),
    };
    let limit = match (gauge.limit, gauge.direction) {
        (None, _) => String::new(),
        (Some(limit), Direction::Increase) => format!(", at most {}{unit}", number(limit)),
        (Some(limit), Direction::Decrease) => format!(", at least {}{unit}", number(limit)),
        (Some(limit), Direction::Either) => {
            format!(", at most {}{unit} apart", number(limit))
        }
    };
    format!("{value}{against}{limit}")
}

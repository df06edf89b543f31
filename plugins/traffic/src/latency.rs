//! Latency: what is configured, what was measured, and how it is told.

use baepo_judge::{Gate, Latencies, Verdict};
use baepo_plugin::config::Fields;
use baepo_plugin::monitor::{Histogram, Measurement, Sample, Telemetry};
use baepo_plugin::text::{count, evidence};
use baepo_plugin::units::Millis;

use crate::Shown;

/// Differences below this matter to nobody unless the configuration says so.
const USUAL_FLOOR_US: f64 = 5_000.0;

/// What users write about latency.
pub(crate) struct Timing {
    /// Whether it is compared with stable's.
    pub(crate) is_compared: bool,
    /// Differences below this do not matter.
    pub(crate) floor_us: f64,
    /// A quantile and its limit.
    pub(crate) limit_us: Option<(f64, f64)>,
}

impl Timing {
    pub(crate) fn read(fields: &mut Fields) -> Timing {
        let is_compared = match fields.take("latency") {
            None => true,
            Some(word) if word == "on" || word == true => true,
            Some(word) if word == "off" || word == false => false,
            Some(other) => {
                fields.problem("latency", format!("{other} is neither `on` nor `off`"));
                true
            }
        };
        let floor = fields.optional::<Millis>("latency-floor");
        let limit = fields.take("max-latency");
        let limit_us = limit.and_then(|value| {
            let parsed = value.as_str().and_then(limit_of);
            if parsed.is_none() {
                let message = format!(
                    "{value} is no limit; write a percentile and a time, for example `p95 300ms`"
                );
                fields.problem("max-latency", message);
            }
            parsed
        });
        Timing {
            is_compared,
            floor_us: floor.map_or(USUAL_FLOOR_US, micros),
            limit_us,
        }
    }
}

fn micros(time: Millis) -> f64 {
    time.0 as f64 * 1_000.0
}

/// `p95 300ms`.
fn limit_of(text: &str) -> Option<(f64, f64)> {
    let (percentile, time) = text.trim().split_once(' ')?;
    let percent: f64 = percentile.strip_prefix('p')?.parse().ok()?;
    let time = Millis::parse(time).ok()?;
    let is_sensible = (50.0..100.0).contains(&percent) && time.0 > 0;
    is_sensible.then(|| (percent / 100.0, micros(time)))
}

/// The histograms of one look, as the judge takes them.
pub(crate) struct Timed<'a> {
    bounds: Vec<f64>,
    stable: Option<&'a [u64]>,
    candidate: &'a [u64],
    recorded: Option<&'a [u64]>,
}

impl<'a> Timed<'a> {
    pub(crate) fn of(
        stable: Option<&'a Telemetry>,
        candidate: &'a Telemetry,
        recorded: Option<&'a Telemetry>,
    ) -> Timed<'a> {
        let of = |telemetry: Option<&'a Telemetry>| {
            let histogram = &telemetry?.latency;
            // Others cannot be compared.
            let is_same = histogram.bounds_us == candidate.latency.bounds_us;
            is_same.then_some(histogram.counts.as_slice())
        };
        let bounds = candidate.latency.bounds_us.iter();
        Timed {
            bounds: bounds.map(|bound| *bound as f64).collect(),
            stable: of(stable),
            candidate: &candidate.latency.counts,
            recorded: of(recorded),
        }
    }

    /// What the judge compares, where it is to.
    pub(crate) fn latencies(&self, timing: &Timing) -> Option<Latencies<'_>> {
        let histogram = |counts| baepo_judge::Histogram {
            bounds: &self.bounds,
            counts,
        };
        let is_wanted = timing.is_compared || timing.limit_us.is_some();
        (is_wanted && !self.bounds.is_empty()).then(|| Latencies {
            stable: self.stable.map(histogram),
            candidate: histogram(self.candidate),
            recorded: self.recorded.map(histogram),
        })
    }
}

impl Shown<'_> {
    /// Why it is what it is, where that is for latency and not for failures.
    pub(crate) fn latency_reason(&self, errors: &str) -> Option<String> {
        let judgement = &self.judgement;
        if judgement.failures == Verdict::Failing || judgement.verdict == judgement.failures {
            return None;
        }
        let gates = [
            (judgement.latency, "latency"),
            (judgement.max_latency, "max-latency"),
        ];
        let (gate, name) = gates
            .into_iter()
            .filter_map(|(gate, name)| Some((gate?, name)))
            .find(|(gate, _)| gate.verdict == judgement.verdict)?;
        let numbers = self.gate_numbers(&gate);
        Some(match gate.verdict {
            Verdict::Failing if name == "latency" => {
                format!("slower than stable ({numbers}); {errors}")
            }
            Verdict::Failing => {
                format!("more requests than allowed are above {name} ({numbers}); {errors}")
            }
            _ if gate.is_coarse => {
                format!("{errors}; the buckets of the histogram are too coarse to judge latency by")
            }
            _ if gate.is_doubtful => format!("{errors}; in this window alone latency looks worse"),
            _ => format!("{errors}; not enough evidence about {name} yet ({numbers})"),
        })
    }

    fn gate_numbers(&self, gate: &Gate) -> String {
        let (e, level) = match gate.verdict {
            Verdict::Failing => (gate.fail, self.judgement.level),
            _ => (gate.pass, self.settings.beta),
        };
        format!(
            "E = {}, limit {}",
            evidence(e.value()),
            count((1.0 / level) as u64)
        )
    }

    /// The 95th percentile since the last look, or the one that has a limit.
    pub(crate) fn latency(
        &self,
        stable: Option<&Telemetry>,
        candidate: &Telemetry,
        timing: &Timing,
    ) -> Measurement {
        let quantile = timing.limit_us.map_or(0.95, |(quantile, _)| quantile);
        let of = |telemetry: &Telemetry| percentile_ms(&telemetry.latency, quantile);
        let gates = [self.judgement.latency, self.judgement.max_latency];
        let judged: Vec<Gate> = gates.into_iter().flatten().collect();
        let worst = Verdict::worst(judged.iter().map(|gate| gate.verdict));
        let decisive = judged.iter().find(|gate| gate.verdict == worst);
        let sample = Sample {
            at_ms: self.at_ms,
            stable: stable.and_then(of),
            candidate: of(candidate),
        };
        // What is slower and healthy needs a word.
        let is_slower = sample
            .stable
            .zip(sample.candidate)
            .is_some_and(|(stable, candidate)| candidate > 1.1 * stable);
        let floor = (is_slower && timing.is_compared && worst == Verdict::Healthy).then(|| {
            let floor = Millis((timing.floor_us / 1_000.0) as u64);
            format!("; less than {floor} (latency-floor) does not matter")
        });
        Measurement {
            name: format!("p{} latency", plain(quantile * 100.0)),
            unit: "ms".into(),
            stable: sample.stable,
            candidate: sample.candidate,
            limit: timing.limit_us.map(|(_, limit)| limit / 1_000.0),
            verdict: match decisive {
                None => baepo_plugin::Verdict::Inconclusive,
                Some(_) => crate::verdict(worst),
            },
            evidence: match decisive {
                None => "shown, not judged".into(),
                Some(gate) => self.gate_numbers(gate) + &floor.unwrap_or_default(),
            },
            samples: vec![sample],
        }
    }
}

/// A percentile, straight within its bucket; the last bucket has no end, so
/// its begin is all that is known. `None` without requests.
pub(crate) fn percentile_ms(histogram: &Histogram, quantile: f64) -> Option<f64> {
    let total: u64 = histogram.counts.iter().sum();
    let wanted = (total as f64 * quantile).max(f64::MIN_POSITIVE);
    let mut below = 0.0;
    let mut begin = 0;
    for (i, &inside) in histogram.counts.iter().enumerate() {
        let end = histogram.bounds_us.get(i).copied();
        let inside = inside as f64;
        if inside > 0.0 && below + inside >= wanted {
            let us = match end {
                Some(end) => {
                    begin as f64 + (end.saturating_sub(begin)) as f64 * (wanted - below) / inside
                }
                None => begin as f64,
            };
            return Some(us / 1_000.0);
        }
        below += inside;
        begin = end.unwrap_or(begin);
    }
    None
}

/// Without digits that do not matter: `95`, `99.9`.
fn plain(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

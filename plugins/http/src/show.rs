//! A judgement as people want it.

use baepo_judge::Counts;
use baepo_limits::show;
use baepo_plugin::monitor::{Finding, Measurement, Sample};
use baepo_plugin::text::{count, evidence, number, percent};
use baepo_plugin::units::Millis;
use baepo_plugin::{Level, Role, Verdict};

use crate::config::Http;
use crate::judge::{Gate, Judgement};
use crate::memory::Memory;
use crate::probe::Probed;

pub(crate) struct Shown<'a> {
    pub(crate) config: &'a Http,
    pub(crate) memory: &'a Memory,
    pub(crate) judgement: &'a Judgement,
    /// What this look saw of the candidate and of stable.
    pub(crate) look: (&'a Probed, Option<&'a Probed>),
    pub(crate) at_ms: u64,
}

impl Shown<'_> {
    /// `12 % of 150 probes failed, limit 1 % (E = 4,000, limit 200)` and the
    /// like.
    pub(crate) fn reason(&self) -> String {
        let Judgement {
            failures,
            latency,
            burn,
            ..
        } = self.judgement;
        let failed = describe(failures, "failed");
        let slow = latency.as_ref().map(|gate| describe(gate, &self.slowly()));
        if failures.verdict == Verdict::Failing {
            return format!("{failed}{}{}", self.example(), proof(failures));
        }
        if let (Some(gate), Some(slow)) = (latency, &slow)
            && gate.verdict == Verdict::Failing
        {
            return format!("{slow}{}", proof(gate));
        }
        if let Some(burn) = burn.filter(|_| !self.judgement.is_burn_excused) {
            return show::burning(&burn);
        }
        let whole = self.memory.candidate.whole.asked;
        if self.judgement.verdict == Verdict::Healthy {
            let slow = slow.map(|slow| format!(", {slow}")).unwrap_or_default();
            return format!("{failed}{slow}");
        }
        let why = if whole == 0 {
            return "no probe had a result: the limits of this call leave no room".into();
        } else if self.judgement.is_young {
            "this window has had too few probes yet".to_string()
        } else if self.is_excused() {
            "stable does not keep the limit either".to_string()
        } else if failures.is_doubtful || latency.is_some_and(|gate| gate.is_doubtful) {
            "this window alone looks worse than that".to_string()
        } else {
            let undecided = latency.filter(|_| failures.verdict == Verdict::Healthy);
            let gate = undecided.unwrap_or(*failures);
            format!("not enough evidence yet{}", proof(&gate))
        };
        format!("{failed}; {why}")
    }

    fn is_excused(&self) -> bool {
        self.judgement.failures.is_excused
            || self.judgement.latency.is_some_and(|gate| gate.is_excused)
            || self.judgement.is_burn_excused
    }

    /// The most frequent failure of this look.
    fn example(&self) -> String {
        let kinds = self.look.0.kinds.iter();
        match kinds.max_by_key(|(_, times)| *times) {
            Some((kind, _)) => format!(", for example {kind}"),
            None => String::new(),
        }
    }

    fn slowly(&self) -> String {
        let most = self
            .config
            .latency
            .map_or(Millis(0), |latency| latency.most);
        format!("took longer than {most}")
    }

    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        let failures = &self.judgement.failures;
        let mut measurements = vec![share("failed probes", failures, vec![self.sample()])];
        if let (Some(latency), Some(gate)) = (self.config.latency, &self.judgement.latency) {
            measurements.push(share("slow probes", gate, Vec::new()));
            let took = |probed: Option<&Probed>| slowest_ms(probed?, latency.quantile.0);
            measurements.push(Measurement {
                name: format!("p{} latency", number(f64::from(latency.quantile.0) / 100.0)),
                unit: "ms".into(),
                stable: took(self.look.1),
                candidate: took(Some(self.look.0)),
                limit: Some(latency.most.0 as f64),
                verdict: gate.verdict,
                evidence: "of this look; judged by the share of slow probes".into(),
                samples: Vec::new(),
            });
        }
        measurements.extend(self.burn_rate());
        measurements
    }

    fn sample(&self) -> Sample {
        let rate = |probed: &Probed| {
            (probed.asked > 0).then(|| probed.failed as f64 * 100.0 / probed.asked as f64)
        };
        Sample {
            at_ms: self.at_ms,
            stable: self.look.1.and_then(rate),
            candidate: rate(self.look.0),
        }
    }

    fn burn_rate(&self) -> Option<Measurement> {
        let budget = self.config.error_budget?;
        let speed = self.memory.minutes.latest_speed(budget);
        Some(show::burn_rate(
            self.judgement.burn,
            speed,
            self.judgement.is_burn_excused,
            self.at_ms,
        ))
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.look.0.failed > 0 {
            let of = format!("{} of {} probes", self.look.0.failed, self.look.0.asked);
            let kinds = self.look.0.kinds.iter();
            let lines: Vec<String> = kinds.map(|(kind, n)| format!("{n}× {kind}")).collect();
            findings.push(Finding {
                level: Level::Warning,
                role: Role::Candidate,
                title: format!("{of} of GET {} failed", self.config.path),
                message: lines.join("\n"),
            });
        }
        if self.is_excused() {
            findings.push(Finding {
                level: Level::Warning,
                role: Role::Stable,
                title: "both releases are beyond the limit for probes".into(),
                message: "Going back would not help: stable does not keep the limit either, so it \
                          does not count against the candidate."
                    .into(),
            });
        }
        findings
    }
}

fn describe(gate: &Gate, what: &str) -> String {
    let rate = percent(gate.candidate.rate().unwrap_or(0.0));
    let of = count(gate.candidate.requests);
    let limit = percent(gate.limit);
    format!("{rate} of {of} probes {what}, limit {limit}")
}

fn proof(gate: &Gate) -> String {
    // The limit is 1/α or 1/β up to the rounding of its logarithm.
    let limit = count(gate.needed.exp().round() as u64);
    format!(" (E = {}, limit {limit})", evidence(gate.log_e.exp()))
}

fn share(name: &str, gate: &Gate, samples: Vec<Sample>) -> Measurement {
    let in_percent = |counts: Counts| counts.rate().map(|rate| rate * 100.0);
    Measurement {
        name: name.into(),
        unit: "%".into(),
        stable: in_percent(gate.stable),
        candidate: in_percent(gate.candidate),
        limit: Some(gate.limit * 100.0),
        verdict: gate.verdict,
        evidence: proof(gate)
            .trim_start_matches([' ', '('])
            .trim_end_matches(')')
            .into(),
        samples,
    }
}

/// A quantile of this look, in basis points: the smallest value that so many are
/// not above.
fn slowest_ms(probed: &Probed, quantile: u32) -> Option<f64> {
    let mut took = probed.took_us.clone();
    took.sort_unstable();
    let rank = (took.len() as u64 * u64::from(quantile))
        .div_ceil(10_000)
        .max(1);
    took.get(rank as usize - 1).map(|us| *us as f64 / 1_000.0)
}

//! What a look came to, as a verdict and as people want it.

use baepo_plugin::monitor::{Finding, Measurement, ObserveRequest, Phase, Sample};
use baepo_plugin::text::{count, evidence};
use baepo_plugin::{HookError, Level, Role, Verdict};

use crate::config::{Consequence, Logs, Pattern};
use crate::growth::{self, Growth};
use crate::memory::{Memory, Tally};
use crate::prints::Print;
use crate::{Exposure, worst};

/// New kinds of errors that get a finding of their own.
const MOST_FINDINGS: usize = 6;

/// One look and all before.
pub(crate) struct Shown<'a> {
    pub(crate) config: &'a Logs,
    pub(crate) request: &'a ObserveRequest,
    pub(crate) memory: &'a Memory,
    pub(crate) growth: Growth,
    pub(crate) exposure: Option<Exposure>,
    pub(crate) is_partial: bool,
    pub(crate) trouble: Option<HookError>,
}

impl Shown<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        let by_evidence = match self.lacking() {
            Some(_) => Verdict::Inconclusive,
            None => Verdict::Healthy,
        };
        worst([self.growth_verdict(), self.new_verdict(), by_evidence])
    }

    /// Why there is nothing to be healthy by; `None` where there is.
    fn lacking(&self) -> Option<String> {
        let patterns = || self.config.files.iter().map(Pattern::as_str);
        let trouble = || match &self.trouble {
            Some(HookError::Denied(what)) => format!(": {what} is not granted"),
            Some(HookError::Failed(why)) => format!(": {why}"),
            // A listing leaves out what is not granted.
            Some(_) | None => format!(
                ": no file that may be read is at `{}`",
                patterns().collect::<Vec<_>>().join("`, `")
            ),
        };
        if !self.memory.candidate.is_readable {
            return Some(format!("no log of the candidate can be read{}", trouble()));
        }
        let has_stable = self.request.stable.is_some();
        if has_stable && !self.memory.stable.is_readable {
            return Some(format!("no log of stable can be read{}", trouble()));
        }
        if let Some(HookError::Denied(_)) = &self.trouble {
            return Some(format!("some logs cannot be read{}", trouble()));
        }
        if !has_stable && self.new_kinds().next().is_some() {
            return Some("errors, and no stable to compare with".into());
        }
        if self.request.phase == Phase::Preview {
            return None;
        }
        let in_window = self.memory.in_window;
        match self.exposure {
            Some(exposure) if !exposure.is_requests && in_window > 0 => None,
            Some(exposure) if exposure.is_requests && in_window >= self.config.min_requests => None,
            None if in_window >= self.config.min_requests => None,
            _ => Some(format!(
                "{} of at least {} requests in this window",
                count(in_window),
                count(self.config.min_requests)
            )),
        }
    }

    fn growth_verdict(&self) -> Verdict {
        let is_failing = self.growth.is_failing;
        match self.config.on_growth {
            Consequence::Fail if is_failing => Verdict::Failing,
            Consequence::Fail if self.growth.is_doubtful => Verdict::Inconclusive,
            _ => Verdict::Healthy,
        }
    }

    fn new_verdict(&self) -> Verdict {
        match self
            .new_kinds()
            .any(|(_, print)| self.config.is_proven(print))
        {
            true => Verdict::Failing,
            false => Verdict::Healthy,
        }
    }

    /// New kinds that were seen often enough to be told, the most frequent
    /// first.
    fn new_kinds(&self) -> impl Iterator<Item = (usize, &Print)> {
        let all = self.memory.prints.list.iter().enumerate();
        let mut new: Vec<_> = all
            .filter(|(_, print)| self.config.is_told(print))
            .collect();
        new.sort_by_key(|(place, print)| (std::cmp::Reverse(print.candidate), *place));
        new.into_iter()
    }

    pub(crate) fn reason(&self) -> String {
        if self.growth_verdict() == Verdict::Failing {
            return format!("{} ({})", self.rates(), self.evidence());
        }
        let proven = self
            .new_kinds()
            .find(|(_, print)| self.config.is_proven(print));
        if let Some((place, print)) = proven {
            let text = self.memory.prints.samples_of(place).next();
            return format!(
                "a new error, {}, that stable does not write: {}",
                times(print.candidate),
                text.unwrap_or("see the findings")
            );
        }
        if let Some(lacking) = self.lacking() {
            return lacking;
        }
        if self.growth_verdict() == Verdict::Inconclusive {
            return format!(
                "{}; not enough evidence ({})",
                self.rates(),
                self.evidence()
            );
        }
        let new = self.new_kinds().count();
        let errors = self.memory.candidate.errors;
        match (errors, new) {
            (0, _) => format!(
                "no error in {} of the candidate",
                plural(self.memory.candidate.records, "line")
            ),
            (_, 0) => format!(
                "{} of the candidate, none of a new kind",
                plural(errors, "error")
            ),
            (_, new) => format!(
                "{} of the candidate, {} that stable does not write",
                plural(errors, "error"),
                plural(new as u64, "kind")
            ),
        }
    }

    /// `12 errors per 1,000 requests against 0.5`.
    fn rates(&self) -> String {
        let (stable, candidate) = (&self.memory.stable, &self.memory.candidate);
        let known = |tally: &Tally| self.rate(tally).map_or("unknown".into(), number);
        format!(
            "{} known errors {} against {}",
            known(candidate),
            self.unit(),
            known(stable)
        )
    }

    fn unit(&self) -> &'static str {
        match self.exposure {
            Some(Exposure {
                is_requests: false, ..
            }) => "a minute",
            _ => "per 1,000 requests",
        }
    }

    /// Failures per 1,000 requests or per minute.
    fn rate(&self, tally: &Tally) -> Option<f64> {
        let per = match self.exposure {
            Some(Exposure {
                is_requests: false, ..
            }) => 60_000.0,
            _ => 1_000.0,
        };
        (tally.exposure > 0).then(|| tally.failures as f64 * per / tally.exposure as f64)
    }

    fn evidence(&self) -> String {
        let limit = (1.0 / growth::alpha()) as u64;
        let e = evidence(self.growth.evidence.value());
        format!("E = {e}, limit {}", count(limit))
    }

    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        let (stable, candidate) = (&self.memory.stable, &self.memory.candidate);
        let sample = Sample {
            at_ms: self.request.window_elapsed_ms,
            stable: self.rate(stable),
            candidate: self.rate(candidate),
        };
        let growth = Measurement {
            name: "known errors".into(),
            unit: self.unit().into(),
            stable: self.rate(stable),
            candidate: self.rate(candidate),
            limit: None,
            verdict: match self.config.on_growth {
                Consequence::Off => Verdict::Inconclusive,
                _ if candidate.exposure == 0 => Verdict::Inconclusive,
                _ => self.growth_verdict(),
            },
            evidence: match self.config.on_growth {
                Consequence::Off => "shown, not judged".into(),
                _ => self.evidence(),
            },
            samples: vec![sample],
        };
        let seen = times(self.config.min_new);
        let kinds = format!("kinds of errors that stable does not write, seen at least {seen}");
        let (verdict, evidence) = match self.config.on_new {
            Consequence::Fail => (self.new_verdict(), kinds),
            _ => (Verdict::Inconclusive, format!("shown, not judged: {kinds}")),
        };
        let new = Measurement {
            name: "new errors".into(),
            unit: String::new(),
            stable: None,
            candidate: Some(self.new_kinds().count() as f64),
            limit: None,
            verdict,
            evidence,
            samples: Vec::new(),
        };
        let lines = Measurement {
            name: "error lines".into(),
            unit: String::new(),
            stable: self.request.stable.as_ref().map(|_| stable.errors as f64),
            candidate: Some(candidate.errors as f64),
            limit: None,
            verdict: Verdict::Inconclusive,
            evidence: format!(
                "shown, not judged; of {} lines and {}",
                count(stable.records),
                count(candidate.records)
            ),
            samples: Vec::new(),
        };
        vec![growth, new, lines]
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .new_kinds()
            .take(MOST_FINDINGS)
            .map(|(place, print)| self.new_finding(place, print))
            .collect();
        let more = self.new_kinds().count().saturating_sub(MOST_FINDINGS) as u64;
        if more > 0 {
            findings.push(notice(
                Role::Candidate,
                format!("{} more of new errors", plural(more, "kind")),
                "The most frequent ones are shown.".into(),
            ));
        }
        let is_grown = self.growth.is_failing;
        if self.config.on_growth == Consequence::Warn && is_grown {
            findings.push(Finding {
                level: Level::Warning,
                role: Role::Candidate,
                title: "errors that stable has as well are more frequent".into(),
                message: format!("{} ({})", self.rates(), self.evidence()),
            });
        }
        if self.memory.prints.homeless > 0 {
            findings.push(notice(
                Role::Candidate,
                "more kinds of errors than can be told apart".into(),
                format!(
                    "{} were of kinds that got no place in the table; whether they are new is not known.",
                    plural(self.memory.prints.homeless, "error")
                ),
            ));
        }
        if self.is_partial {
            findings.push(notice(
                Role::Candidate,
                "not all log lines were read".into(),
                "More was written between two looks, or set aside and removed, than a look reads. What was not \
                 read is not compared."
                    .into(),
            ));
        }
        findings
    }

    fn new_finding(&self, place: usize, print: &Print) -> Finding {
        let samples: Vec<&str> = self.memory.prints.samples_of(place).collect();
        let is_proven = self.config.is_proven(print);
        let title = match samples.first() {
            Some(sample) => format!("new error, {}: {sample}", times(print.candidate)),
            None => format!("new error, {}", times(print.candidate)),
        };
        let compared = match self.request.stable.is_some() {
            true => "Stable was not seen to write it. ",
            false => "",
        };
        Finding {
            level: match is_proven {
                true => Level::Failure,
                false => Level::Warning,
            },
            role: Role::Candidate,
            title,
            message: format!("{compared}For example:\n{}", samples.join("\n")),
        }
    }
}

fn notice(role: Role, title: String, message: String) -> Finding {
    Finding {
        level: Level::Notice,
        role,
        title,
        message,
    }
}

fn number(value: f64) -> String {
    match value {
        value if value >= 10.0 => count(value.round() as u64),
        value => {
            let text = format!("{value:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

fn times(number: u32) -> String {
    match number {
        1 => "once".into(),
        2 => "twice".into(),
        number => format!("{} times", count(number.into())),
    }
}

fn plural(number: u64, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        number => format!("{} {word}s", count(number)),
    }
}

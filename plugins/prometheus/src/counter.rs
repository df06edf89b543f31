//! Requests and failures as raw counters, judged as counts.

use baepo_judge::{Counts, Evidence, Judgement, Look, Phase as JudgePhase, Verdict as Judged};
use baepo_plugin::monitor::{Finding, Measurement, ObserveRequest, Phase, Sample};
use baepo_plugin::text::{count, evidence, percent};
use baepo_plugin::{HookError, Level, Role, Verdict};

use crate::Part;
use crate::ask::{Asker, Found, NoAnswer, Series};
use crate::config::{ByRole, Counter, Prometheus};
use crate::memory::{KeptCounter, Raw};
use crate::template::render;

/// Requests and failures of one role at this moment.
type Both = (Vec<Series>, Vec<Series>);

/// Looks once at one pair of counters. Where one of them says nothing, nothing
/// of this look is used, and what was counted meanwhile comes with the next.
pub(crate) fn observe(
    config: &Prometheus,
    counter: &Counter,
    kept: &mut KeptCounter,
    request: &ObserveRequest,
    asker: &mut Asker<'_>,
) -> Result<Part, HookError> {
    match look(config, counter, kept, request, asker) {
        Ok(part) => Ok(part),
        Err(NoAnswer::Ends(error)) => Err(error),
        Err(NoAnswer::Because(why)) => Ok(Part {
            verdict: Some(Verdict::Inconclusive),
            reason: format!("{}: {why}", counter.name),
            measurement: Measurement {
                name: counter.name.clone(),
                unit: "%".into(),
                stable: None,
                candidate: None,
                limit: config.settings.max_failure_rate.map(|limit| limit * 100.0),
                verdict: Verdict::Inconclusive,
                evidence: why,
                samples: Vec::new(),
            },
            findings: Vec::new(),
        }),
    }
}

fn look(
    config: &Prometheus,
    counter: &Counter,
    kept: &mut KeptCounter,
    request: &ObserveRequest,
    asker: &mut Asker<'_>,
) -> Result<Part, NoAnswer> {
    let phase = match request.phase {
        Phase::Ramp | Phase::Preview => JudgePhase::Ramp,
        Phase::Bake => JudgePhase::Bake,
    };
    // In the bake stable may be gone: there is the record.
    let can_lack_stable = phase == JudgePhase::Bake || request.stable.is_none();
    let (candidate, stable) = ask(counter, request, can_lack_stable, asker)?;
    let mut state = kept.state()?;
    let (raw, of_candidate) = Raw::since(kept.candidate.as_ref(), &candidate.0, &candidate.1);
    kept.candidate = Some(raw);
    let of_stable = stable.map(|(requests, failures)| {
        kept.set_record(&requests, &failures);
        let (raw, counts) = Raw::since(kept.stable.as_ref(), &requests, &failures);
        kept.stable = Some(raw);
        counts
    });
    let look = Look {
        phase,
        window: request.window,
        seconds: request.since_last_look_ms as f64 / 1_000.0,
        stable: of_stable,
        candidate: of_candidate,
        recorded: kept.record(),
        latency: None,
    };
    let judgement = state.look(&config.settings, &look);
    kept.keep(&state);
    let shown = Shown {
        config,
        counter,
        judgement: &judgement,
    };
    let in_percent =
        |counts: Option<Counts>| counts.and_then(Counts::rate).map(|rate| rate * 100.0);
    let verdict = match judgement.verdict {
        Judged::Healthy => Verdict::Healthy,
        Judged::Failing => Verdict::Failing,
        Judged::Inconclusive => Verdict::Inconclusive,
    };
    Ok(Part {
        verdict: Some(verdict),
        reason: shown.reason(),
        measurement: Measurement {
            name: counter.name.clone(),
            unit: "%".into(),
            stable: in_percent(Some(judgement.stable)),
            candidate: in_percent(Some(judgement.candidate)),
            limit: config.settings.max_failure_rate.map(|limit| limit * 100.0),
            verdict,
            evidence: shown.evidence(),
            samples: vec![Sample {
                at_ms: request.window_elapsed_ms,
                stable: in_percent(of_stable),
                candidate: in_percent(Some(of_candidate)),
            }],
        },
        findings: shown.findings(),
    })
}

/// What the candidate and stable have counted at the same moment.
fn ask(
    counter: &Counter,
    request: &ObserveRequest,
    can_lack_stable: bool,
    asker: &mut Asker<'_>,
) -> Result<(Both, Option<Both>), NoAnswer> {
    let queries = |role: Role| -> Result<[String; 2], String> {
        let of = |queries: &ByRole| render(queries.of(role), role, request);
        Ok([of(&counter.requests)?, of(&counter.failures)?])
    };
    let of_candidate = queries(Role::Candidate)?;
    let [requests, failures] = &of_candidate;
    let alone = |asker: &mut Asker<'_>| {
        let found = asker.together([requests, failures])?;
        Ok((both(&of_candidate, found)?, None))
    };
    let of_stable = match queries(Role::Stable) {
        Err(_) if can_lack_stable => return alone(asker),
        of_stable => of_stable?,
    };
    let found = asker.together([requests, failures, &of_stable[0], &of_stable[1]]);
    let [requests, failures, of_stable_requests, of_stable_failures] = match found {
        // The fault may be with the queries about stable.
        Err(NoAnswer::Because(_)) if can_lack_stable => return alone(asker),
        found => found?,
    };
    let candidate = both(&of_candidate, [requests, failures])?;
    match both(&of_stable, [of_stable_requests, of_stable_failures]) {
        Err(NoAnswer::Because(_)) if can_lack_stable => Ok((candidate, None)),
        stable => Ok((candidate, Some(stable?))),
    }
}

/// What the two queries about a role have found.
fn both(queries: &[String; 2], [requests, failures]: [Found; 2]) -> Result<Both, NoAnswer> {
    let counted = |query: &str, found: Found| {
        let series = found?;
        match series.iter().any(|(_, value)| *value < 0.0) {
            true => Err(NoAnswer::Because(format!(
                "`{query}` is below 0, so it is no counter"
            ))),
            false => Ok(series),
        }
    };
    Ok((
        counted(&queries[0], requests)?,
        counted(&queries[1], failures)?,
    ))
}

struct Shown<'a> {
    config: &'a Prometheus,
    counter: &'a Counter,
    judgement: &'a Judgement,
}

impl Shown<'_> {
    /// `errors 4.9 % against 0.2 % (E = 1,240, limit 100)` and the like.
    fn reason(&self) -> String {
        let name = &self.counter.name;
        let judgement = self.judgement;
        if judgement.candidate.requests == 0 {
            return format!("{name}: no request of the candidate has been counted yet");
        }
        let rate = |counts: Counts| counts.rate().map(percent);
        let failed = rate(judgement.candidate).unwrap_or_default();
        let against = match (rate(judgement.stable), judgement.is_against_record) {
            (None, _) => String::new(),
            (Some(rate), false) => format!(" against {rate}"),
            (Some(rate), true) => format!(" against {rate} before"),
        };
        let requests = count(judgement.candidate.requests);
        let head = format!("{name}: {failed} of {requests} requests failed{against}");
        let least = self.config.settings.min_requests;
        match judgement.verdict {
            Judged::Healthy => head,
            Judged::Failing => format!("{head} ({})", self.evidence()),
            Judged::Inconclusive if judgement.in_window < least => format!(
                "{head}; {} of at least {least} requests in this window",
                count(judgement.in_window)
            ),
            Judged::Inconclusive if judgement.is_doubtful => {
                format!("{head}; this window alone looks worse than that")
            }
            Judged::Inconclusive => format!("{head}; not enough evidence ({})", self.evidence()),
        }
    }

    /// The number that decided, or is nearest to deciding, and its limit.
    fn evidence(&self) -> String {
        let judgement = self.judgement;
        let settings = &self.config.settings;
        let best = |a: Evidence, b: Option<Evidence>| match b {
            Some(b) if b > a => b,
            _ => a,
        };
        let (e, level) = match judgement.verdict {
            Judged::Failing => (
                best(judgement.comparative_fail, judgement.absolute_fail),
                settings.alpha,
            ),
            _ => (
                best(judgement.comparative_pass, judgement.absolute_pass),
                settings.beta,
            ),
        };
        let limit = count((1.0 / level).round() as u64);
        format!("E = {}, limit {limit}", evidence(e.value()))
    }

    fn findings(&self) -> Vec<Finding> {
        let settings = &self.config.settings;
        let is_above = self
            .judgement
            .absolute_fail
            .is_some_and(|e| e.refutes(settings.alpha));
        if !(is_above && self.judgement.stable_is_above_limit) {
            return Vec::new();
        }
        let limit = percent(settings.max_failure_rate.unwrap_or_default());
        vec![Finding {
            level: Level::Warning,
            role: Role::Stable,
            title: format!(
                "both releases fail more than {limit} of their requests ({})",
                self.counter.name
            ),
            message: format!(
                "Going back would not help: stable does not keep max-failure-rate ({limit}) either, so \
                 it does not count against the candidate."
            ),
        }]
    }
}

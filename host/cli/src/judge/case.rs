//! One case: what was measured in, a verdict out.

use baepo_judge::series::{Direction, Series, Side};
use baepo_judge::{
    Counts, Evidence, Histogram, Judgement, Latencies, Look, Phase, Settings, State, Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{CaseConfig, is_off, settings};

/// How long a window is where a case does not say, in seconds.
const USUAL_SECONDS: f64 = 60.0;
/// The largest number that is written for evidence.
const MOST: f64 = 1e300;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Case {
    /// Comes back with the verdict.
    #[serde(default)]
    pub id: Value,
    /// How it is judged, as for the monitor `traffic`.
    #[serde(default)]
    pub config: CaseConfig,
    /// Looks, one after the other.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Numbers over time.
    #[serde(default)]
    pub series: Vec<SeriesCase>,
}

/// What was counted in one look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// The old release.
    #[serde(default)]
    pub stable: Option<Counted>,
    /// The new release.
    #[serde(default)]
    pub candidate: Option<Counted>,
    /// How long it was; a minute where absent.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Which stage of a rollout it belongs to, from 1; the first where absent.
    #[serde(default)]
    pub stage: Option<u32>,
}

/// What one role did.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counted {
    /// All requests; none are known of where it is absent.
    #[serde(default)]
    pub requests: Option<f64>,
    /// Of them, those that failed: none where absent. Where it is `null` nothing
    /// is known of the requests.
    #[serde(default = "none_failed")]
    pub failures: Option<f64>,
    /// How long they took.
    #[serde(default)]
    pub latency: Option<LatencyCase>,
}

/// A histogram.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LatencyCase {
    /// Upper bounds in milliseconds, growing.
    pub bounds_ms: Vec<f64>,
    /// One more than bounds.
    pub counts: Vec<f64>,
}

/// A number over time, of both roles.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeriesCase {
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Which way is bad.
    #[serde(default)]
    pub direction: Way,
    /// Whether it decides, or is only shown.
    #[serde(default = "yes")]
    pub critical: bool,
    /// Stable's points, `null` where one is missing.
    #[serde(default)]
    pub stable: Vec<Option<f64>>,
    /// The candidate's points.
    #[serde(default)]
    pub candidate: Vec<Option<f64>>,
}

fn none_failed() -> Option<f64> {
    Some(0.0)
}

fn yes() -> bool {
    true
}

/// Which way is bad.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Higher is worse.
    Increase,
    /// Lower is worse.
    Decrease,
    /// Any difference is.
    #[default]
    Either,
}

/// The verdict on a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judged {
    /// That of the case.
    pub id: Value,
    /// `healthy`, `failing` or `inconclusive`.
    pub verdict: &'static str,
    /// After how many windows, or points of series, it failed, or from when on it
    /// was healthy.
    pub decided_at: Option<usize>,
    /// What was judged, each by itself, as it stood then or at the end.
    pub gates: Vec<GateJudged>,
}

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GateJudged {
    /// `failures`, `latency`, `max-latency` or the name of a series.
    pub name: String,
    /// As of a case.
    pub verdict: &'static str,
    /// `high` or `low` where the candidate differs for certain.
    pub direction: Option<&'static str>,
    /// The evidence against it: failing at `limit`.
    pub e_fail: f64,
    /// The evidence for it: healthy at 1/β.
    pub e_pass: f64,
    /// What `e-fail` must reach.
    pub limit: f64,
    /// Requests of the candidate, or points of a series.
    pub n: u64,
    /// Stable's failure rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<f64>,
    /// The candidate's failure rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<f64>,
    /// How often the candidate fails as a multiple of stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// Judge a case: it is failing from its first failure on, else what it is at its
/// end.
///
/// # Errors
/// What is wrong with its configuration.
pub fn judge(case: &Case) -> Result<Judged, String> {
    let mut settings = settings(&case.config)?;
    let has_windows = !case.windows.is_empty();
    let critical = case.series.iter().filter(|one| one.critical).count();
    let critical = u32::try_from(critical).unwrap_or(u32::MAX);
    settings.other_gates = critical;
    let judges_latency = !is_off(case.config.latency.as_ref());
    let mut state = State::new();
    let mut series: Vec<Series> = case.series.iter().map(|_| Series::new()).collect();
    let lengths = case.series.iter();
    let lengths = lengths.map(|one| one.stable.len().max(one.candidate.len()));
    let longest = lengths.chain([case.windows.len()]).max().unwrap_or(0);
    let mut judgement = None;
    let mut verdict = Verdict::Inconclusive;
    let mut since = None;
    for index in 0..longest {
        if let Some(window) = case.windows.get(index) {
            judgement = Some(look(&mut state, &settings, window, judges_latency));
        }
        for (one, points) in series.iter_mut().zip(&case.series) {
            if index < points.stable.len().max(points.candidate.len()) {
                let at = |points: &[Option<f64>]| points.get(index).copied().flatten();
                one.add(at(&points.stable), at(&points.candidate));
            }
        }
        let level = level(&settings, judgement.as_ref(), critical);
        let of_series = series
            .iter()
            .zip(&case.series)
            .filter(|(_, points)| points.critical)
            .map(|(one, points)| one.judge(&settings, points.direction.into(), level).verdict);
        let of_windows = judgement.as_ref().map(|judgement| judgement.verdict);
        let now = match has_windows || critical > 0 {
            true => Verdict::worst(of_windows.into_iter().chain(of_series)),
            false => Verdict::Inconclusive,
        };
        if now != verdict {
            since = Some(index + 1);
            verdict = now;
        }
        if verdict == Verdict::Failing {
            break;
        }
    }
    let level = level(&settings, judgement.as_ref(), critical);
    let mut gates = judgement.map_or_else(Vec::new, |judgement| of_windows(&judgement));
    gates.extend(
        series
            .iter()
            .zip(&case.series)
            .map(|(one, points)| of_series(one, points, &settings, level)),
    );
    Ok(Judged {
        id: case.id.clone(),
        verdict: word(verdict),
        decided_at: since.filter(|_| verdict != Verdict::Inconclusive),
        gates,
    })
}

/// The part of α that each gate has.
fn level(settings: &Settings, judgement: Option<&Judgement>, critical: u32) -> f64 {
    match judgement {
        Some(judgement) => judgement.level,
        None => settings.alpha / f64::from(critical.max(1)),
    }
}

fn look(state: &mut State, settings: &Settings, window: &Window, latency: bool) -> Judgement {
    let counts = |counted: Option<&Counted>| {
        let counted = counted?;
        Some(Counts {
            requests: whole(counted.requests?),
            failures: whole(counted.failures?),
        })
    };
    let timed = |counted: Option<&Counted>| {
        let latency = counted?.latency.as_ref()?;
        let counts: Vec<u64> = latency.counts.iter().copied().map(whole).collect();
        Some((latency.bounds_ms.clone(), counts))
    };
    let stable = timed(window.stable.as_ref());
    let candidate = timed(window.candidate.as_ref());
    let is_wanted = latency || settings.max_latency.is_some();
    let latencies = candidate
        .as_ref()
        .filter(|_| is_wanted)
        .map(|candidate| Latencies {
            stable: stable.as_ref().map(histogram),
            candidate: histogram(candidate),
            recorded: None,
        });
    state.look(
        settings,
        &Look {
            phase: Phase::Ramp,
            window: window.stage.unwrap_or(1),
            seconds: window.seconds.unwrap_or(USUAL_SECONDS),
            stable: Some(counts(window.stable.as_ref()).unwrap_or_default()),
            candidate: counts(window.candidate.as_ref()).unwrap_or_default(),
            recorded: None,
            latency: latencies,
        },
    )
}

fn histogram((bounds, counts): &(Vec<f64>, Vec<u64>)) -> Histogram<'_> {
    Histogram { bounds, counts }
}

/// A count as JSON has it; what is none counts nothing.
fn whole(number: f64) -> u64 {
    // Negative numbers and NaN become zero, and what is too large the largest.
    number.round() as u64
}

impl From<Way> for Direction {
    fn from(way: Way) -> Direction {
        match way {
            Way::Increase => Direction::Increase,
            Way::Decrease => Direction::Decrease,
            Way::Either => Direction::Either,
        }
    }
}

fn of_windows(judgement: &Judgement) -> Vec<GateJudged> {
    let level = judgement.level;
    let nothing = Evidence(f64::NEG_INFINITY);
    // Where stable does not keep the limit, it says nothing of the candidate.
    let above = judgement
        .absolute_fail
        .filter(|_| !judgement.stable_is_above_limit)
        .unwrap_or(nothing);
    let below = judgement.absolute_pass.unwrap_or(nothing);
    let direction = match judgement.failures {
        Verdict::Failing => Some("high"),
        _ if judgement.comparative_low.refutes(level) => Some("low"),
        _ => None,
    };
    let (stable, candidate) = (judgement.stable.rate(), judgement.candidate.rate());
    let ratio = stable.zip(candidate).map(|(s, c)| c / s);
    let mut gates = vec![GateJudged {
        name: "failures".into(),
        verdict: word(judgement.failures),
        direction,
        e_fail: number(judgement.comparative_fail).max(number(above)),
        e_pass: number(judgement.comparative_pass).max(number(below)),
        limit: 1.0 / level,
        n: judgement.candidate.requests,
        stable,
        candidate,
        ratio: ratio.filter(|ratio| ratio.is_finite()),
    }];
    let others = [
        ("latency", judgement.latency),
        ("max-latency", judgement.max_latency),
    ];
    gates.extend(others.into_iter().filter_map(|(name, gate)| {
        let gate = gate?;
        Some(GateJudged {
            name: name.into(),
            verdict: word(gate.verdict),
            direction: (gate.verdict == Verdict::Failing).then_some("high"),
            e_fail: number(gate.fail),
            e_pass: number(gate.pass),
            limit: 1.0 / level,
            n: judgement.candidate.requests,
            stable: None,
            candidate: None,
            ratio: None,
        })
    }));
    gates
}

fn of_series(one: &Series, points: &SeriesCase, settings: &Settings, level: f64) -> GateJudged {
    let judged = one.judge(settings, points.direction.into(), level);
    GateJudged {
        name: points.name.clone(),
        verdict: word(judged.verdict),
        direction: judged.side.map(|side| match side {
            Side::High => "high",
            Side::Low => "low",
        }),
        e_fail: number(judged.fail),
        e_pass: number(judged.pass),
        limit: 1.0 / level,
        n: u64::from(judged.points),
        stable: None,
        candidate: None,
        ratio: None,
    }
}

/// E as JSON can hold it.
fn number(evidence: Evidence) -> f64 {
    evidence.value().min(MOST)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Failing => "failing",
        Verdict::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(case: Value) -> Judged {
        judge(&serde_json::from_value(case).unwrap()).unwrap()
    }

    fn windows(many: usize, stable: (u64, u64), candidate: (u64, u64)) -> Value {
        let side = |(requests, failures)| json!({ "requests": requests, "failures": failures });
        let window = json!({ "stable": side(stable), "candidate": side(candidate) });
        Value::Array(vec![window; many])
    }

    #[test]
    fn a_regression_fails_when_it_is_certain_and_says_so() {
        let case =
            json!({ "id": "a", "config": {}, "windows": windows(20, (1_000, 1), (1_000, 5)) });
        let judged = judged(case);
        assert_eq!((judged.verdict, judged.id), ("failing", json!("a")));
        assert!(
            judged.decided_at.is_some_and(|at| at <= 5),
            "{:?}",
            judged.decided_at
        );
        let gate = &judged.gates[0];
        assert_eq!(
            (gate.name.as_str(), gate.direction),
            ("failures", Some("high"))
        );
        assert!(gate.e_fail >= gate.limit && gate.limit == 100.0);
        assert_eq!(gate.ratio, Some(5.0));
    }

    #[test]
    fn without_data_nothing_is_healthy() {
        let nan = json!([null, null, null]);
        for case in [
            json!({}),
            json!({ "id": 1, "windows": [] }),
            json!({ "windows": [{}, { "stable": null, "candidate": null }] }),
            json!({ "windows": windows(3, (1_000, 0), (0, 0)) }),
            json!({ "windows": windows(3, (0, 0), (1_000, 0)) }),
            json!({ "windows": windows(1, (10, 0), (10, 0)) }),
            json!({ "series": [{ "name": "cpu", "stable": nan, "candidate": nan }] }),
            json!({ "series": [{ "name": "cpu", "stable": [1, 2, 3], "candidate": [] }] }),
            json!({ "series": [{ "name": "cpu", "critical": false, "stable": [1], "candidate": [1] }] }),
        ] {
            let judged = judged(case.clone());
            assert_eq!(
                (judged.verdict, judged.decided_at),
                ("inconclusive", None),
                "{case}"
            );
        }
        let clean = judged(json!({ "windows": windows(1, (1_000, 0), (1_000, 0)) }));
        assert_eq!((clean.verdict, clean.decided_at), ("healthy", Some(1)));
    }

    #[test]
    fn all_that_gates_must_be_fine_and_shares_the_level() {
        let steady = vec![json!(5.0); 60];
        let higher = vec![json!(9.0); 60];
        let series = |candidate: &[Value], critical: bool| {
            json!({ "name": "cpu", "direction": "increase", "critical": critical,
                    "stable": steady, "candidate": candidate })
        };
        let case = |series: Value| json!({ "windows": windows(60, (500, 0), (500, 0)), "series": [series] });
        let fine = judged(case(series(&steady, true)));
        assert_eq!(fine.verdict, "healthy");
        assert_eq!(fine.gates[0].limit, 200.0);
        let bad = judged(case(series(&higher, true)));
        assert_eq!(bad.verdict, "failing");
        assert_eq!(bad.gates[1].direction, Some("high"));
        let shown = judged(case(series(&higher, false)));
        assert_eq!(
            (shown.verdict, shown.gates[1].verdict),
            ("healthy", "failing")
        );
        assert_eq!(shown.gates[0].limit, 100.0);
    }
}

//! Strategies: thousands of simulated rollouts, with the guardrails as judge.

use baepo_core::rollout::forecast::{Ask, Conduct, Evidence, Forecast, Life, Model};
use baepo_core::rollout::{
    Begin, Cause, Deadlines, Decision, Done, Entry, Environment, Limits, Observation, OnNoEvidence,
    Outcome, PinnedMonitor, PinnedPlugin, RoleFleets, Settings, View,
};
use baepo_core::time::{Millis, Time};
use baepo_core::verdict::{Judged, Phase, Verdict};
use baepo_core::weight::BasisPoints;
use baepo_runtime::plugin::{CallContext, CallError, Plugin};

use super::{Line, configuration, release, with_unknown_key};
use crate::error::one_line;
use crate::rehearsal::PACE;
use crate::render::grouped;

/// More decisions than any sensible rollout has: beyond, it is taken to go on
/// forever.
const MOST_DECISIONS: u32 = 500;
/// How long a person is waited for: whether a day or this makes no difference
/// for a strategy, and is watched in fewer looks.
const NOBODY_COMES: Millis = Millis(600_000);
/// Calls that are made twice and compared.
const TWICE: u32 = 1_000;

/// What monitors say in the course of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Always fine.
    Healthy,
    /// Bad as soon as the candidate has this share.
    FailingAt(BasisPoints),
    /// Nobody ever knows.
    Unknown,
    /// Fine or unknown, by chance.
    Mixed,
}

/// One rollout to be tried.
struct Case {
    instances: u32,
    limits: Limits,
    on_no_evidence: OnNoEvidence,
    script: Script,
    life: Life,
    chance: Chance,
}

/// SplitMix64, so that every check tries the same.
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
/// 2014.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

impl Case {
    fn number(number: u32) -> Case {
        let mut chance = Chance(number.into());
        let instances = chance.of(&[1, 2, 3, 4, 5, 8, 13]);
        let share = |chance: &mut Chance| BasisPoints::saturating(chance.below(10_001));
        let script = match number % 4 {
            0 => Script::Healthy,
            1 => Script::FailingAt(share(&mut chance)),
            2 => Script::Unknown,
            _ => Script::Mixed,
        };
        Case {
            instances,
            limits: Limits {
                // Tighter ones are refused before a rollout begins, by `plan`.
                max_surge: instances,
                max_unavailable: chance.of(&[0, 0, instances / 4]),
                max_exposure_unjudged: BasisPoints::FULL,
                max_exposure_unwatched: BasisPoints::FULL,
                allow_downtime: false,
                weight_granularity: BasisPoints::saturating(1),
            },
            on_no_evidence: chance.of(&[
                OnNoEvidence::Hold,
                OnNoEvidence::ContinueOnHealth,
                OnNoEvidence::Abort,
            ]),
            script,
            life: match chance.below(8) {
                0 => Life::CrashLoop,
                1 => Life::Flapping,
                _ => Life::Steady,
            },
            chance,
        }
    }

    fn verdict(&mut self, weight: BasisPoints) -> Verdict {
        match self.script {
            Script::Healthy => Verdict::Healthy,
            Script::FailingAt(share) if weight >= share && weight > BasisPoints::ZERO => {
                Verdict::Failing
            }
            Script::FailingAt(_) => Verdict::Healthy,
            Script::Unknown => Verdict::Inconclusive,
            Script::Mixed => self.chance.of(&[Verdict::Healthy, Verdict::Inconclusive]),
        }
    }

    fn described(&self) -> String {
        let monitors = match self.script {
            Script::Healthy => "every verdict healthy".into(),
            Script::FailingAt(share) => format!("failing from {share} on"),
            Script::Unknown => "every verdict inconclusive".into(),
            Script::Mixed => "verdicts healthy or inconclusive".to_string(),
        };
        let limits = self.limits;
        let life = match self.life {
            Life::Steady => "",
            Life::CrashLoop => " that crash",
            Life::Flapping => ", one of them not always ready",
        };
        format!(
            "{} instances{life}, {monitors}, max-surge {}, max-unavailable {}",
            self.instances, limits.max_surge, limits.max_unavailable
        )
    }
}

/// What became of all of them.
#[derive(Default)]
struct Tally {
    rollouts: u32,
    calls: u32,
    longest: u32,
    /// The first of each kind, with its circumstances; how many follows below.
    refused: Option<String>,
    failed: Option<String>,
    differed: Option<String>,
    endless: Option<String>,
    /// Good candidates that did not come to serve although nothing spoke
    /// against it.
    stopped: Option<String>,
    refusals: u32,
    failures: u32,
}

pub(super) async fn check(plugin: &Plugin, config: &str, rollouts: u32) -> Vec<Line> {
    let ours = decide(plugin, &view(config)).await.err();
    let nonsense = decide(plugin, &view(&with_unknown_key(config))).await.err();
    let (line, goes_on) = configuration("configuration", ours, nonsense);
    let mut lines = vec![line];
    if !goes_on {
        return lines;
    }
    let mut tally = Tally::default();
    for number in 0..rollouts {
        play(plugin, config, Case::number(number), &mut tally).await;
        if tally.failures > 20 {
            break;
        }
    }
    lines.push(match &tally.differed {
        None => Line::good(
            "same",
            format!(
                "same view, same decision ({} calls made twice)",
                grouped(tally.calls.min(TWICE).into())
            ),
        ),
        Some(how) => Line::bad(
            "same",
            format!("the same view gave two decisions: {how}"),
            "use only the view: no clock, no randomness, nothing kept between calls but `memory`",
        ),
    });
    lines.extend(tally.lines());
    lines
}

impl Tally {
    fn lines(&self) -> Vec<Line> {
        let rollouts = grouped(self.rollouts.into());
        let mut lines = Vec::new();
        if let Some(first) = &self.failed {
            let text = format!(
                "{} of {rollouts} rollouts failed in it: {first}",
                self.failures
            );
            lines.push(Line::bad(
                "calls",
                text,
                "answer every view; an error ends a rollout",
            ));
        }
        if let Some(first) = &self.refused {
            let text = format!(
                "the host refused {} directives in {rollouts} rollouts; the first: {first}",
                grouped(self.refusals.into())
            );
            let help = "the limits are in the view: ask for no more than they allow";
            lines.push(Line::bad("guardrails", text, help));
        }
        if let Some(how) = &self.endless {
            let text = format!("after {MOST_DECISIONS} decisions one had not ended: {how}");
            let help = "end with `finish` or `abort`; `decisions` in the view counts";
            lines.push(Line::bad("end", text, help));
        }
        if let Some(how) = &self.stopped {
            let text = format!("a good candidate did not come to serve: {how}");
            let help = "go on when a window ends healthy, and end with `finish` at 100 %";
            lines.push(Line::bad("progress", text, help));
        }
        if lines.is_empty() {
            lines.push(Line::good(
                "rollouts",
                format!(
                    "{rollouts} simulated, 0 refused by a guardrail, all ended (longest {} decisions)",
                    self.longest
                ),
            ));
        }
        lines
    }
}

async fn decide(plugin: &Plugin, view: &View) -> Result<Decision, CallError> {
    plugin.decide(&CallContext::bare(), view).await.result
}

async fn play(plugin: &Plugin, config: &str, mut case: Case, tally: &mut Tally) {
    tally.rollouts += 1;
    let circumstances = case.described();
    let is_good = case.life == Life::Steady && case.script == Script::Healthy;
    let mut forecast = forecast(plugin, config, &case);
    let mut decisions = 0;
    let done = loop {
        match forecast.proceed() {
            Ask::Done(done) => break done,
            Ask::Judge(requests) => {
                let observations = requests
                    .into_iter()
                    .map(|(name, request)| {
                        let weight = request.weight.unwrap_or(match request.phase {
                            Phase::Preview => BasisPoints::ZERO,
                            Phase::Ramp | Phase::Bake => BasisPoints::FULL,
                        });
                        (name, Ok(observation(case.verdict(weight))))
                    })
                    .collect();
                forecast.observed(observations);
            }
            Ask::Decide(view) => {
                decisions += 1;
                if decisions > MOST_DECISIONS {
                    tally.endless.get_or_insert(circumstances);
                    return;
                }
                let decision = decide(plugin, &view).await;
                if tally.calls < TWICE && tally.differed.is_none() {
                    let again = decide(plugin, &view).await;
                    if again != decision {
                        tally.differed = Some(circumstances.clone());
                    }
                }
                tally.calls += 1;
                if let Err(error) = &decision {
                    tally.failures += 1;
                    let how = format!("{error} ({circumstances})");
                    tally.failed.get_or_insert(how);
                    return;
                }
                forecast.answer(decision.map_err(|error| one_line(&error)));
            }
        }
    };
    tally.longest = tally.longest.max(decisions);
    for moment in forecast.moments() {
        if let Entry::Refused { reason, .. } = &moment.record.entry {
            tally.refusals += 1;
            let how = || format!("{reason} ({circumstances})");
            tally.refused.get_or_insert_with(how);
        }
    }
    if is_good && !is_well(&done) {
        let how = format!("{} ({circumstances})", done.reason);
        tally.stopped.get_or_insert(how);
    }
}

/// Whether that is no fault of the strategy.
fn is_well(done: &Done) -> bool {
    let is_refused = matches!(done.cause, Cause::Guardrail);
    done.outcome == Outcome::Succeeded || is_refused
}

fn observation(verdict: Verdict) -> Observation {
    Observation {
        memory: Vec::new(),
        judged: Judged {
            monitor: String::new(),
            verdict,
            reason: "as the check says".into(),
            measurements: Vec::new(),
            findings: Vec::new(),
        },
    }
}

fn forecast(plugin: &Plugin, config: &str, case: &Case) -> Forecast {
    let pinned = |name: &str, config: &str| PinnedPlugin {
        name: name.into(),
        digest: plugin.digest(),
        config: config.into(),
    };
    let (stable, candidate) = (release(1), release(2));
    let conduct = Conduct {
        life: case.life,
        ..Conduct::USUAL
    };
    let model =
        Model::serving(PACE, stable.digest, case.instances).with_conduct(candidate.digest, conduct);
    let state = Environment {
        stable: Some(stable),
        ..Environment::default()
    };
    let begin = Begin {
        run: "check".into(),
        candidate,
        settings: Settings {
            environment: "check".into(),
            instances: case.instances,
            limits: case.limits,
            on_no_evidence: case.on_no_evidence,
            deadlines: Deadlines {
                hold: NOBODY_COMES,
                ..Deadlines::default()
            },
            strategy: pinned("strategy", config),
            monitors: vec![PinnedMonitor {
                plugin: pinned("monitor", "{}"),
                phases: vec![Phase::Preview, Phase::Ramp, Phase::Bake],
            }],
            verify: Vec::new(),
            needs_approval: false,
        },
        retry: true,
        pull_request: None,
        told_as: Vec::new(),
        heard: 0,
    };
    Forecast::new(state, begin, model, Evidence::Asked, Time(0))
}

/// The first view of a rollout.
fn view(config: &str) -> View {
    let case = Case::number(0);
    View {
        config: config.into(),
        instances: case.instances,
        limits: case.limits,
        on_no_evidence: OnNoEvidence::Hold,
        memory: Vec::new(),
        fleet: RoleFleets::default(),
        weight: BasisPoints::ZERO,
        elapsed: Millis(0),
        decisions: 0,
        last: None,
        judgement: None,
        promote_full: false,
    }
}

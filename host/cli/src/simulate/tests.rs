use baepo_core::digest::Digest;
use baepo_core::release::{Release, Revision};
use baepo_core::rollout::forecast::Ask;
use baepo_core::rollout::{
    Begin, Cause, Decision, Directive, Ending, Environment as State, Limits, LookRequest,
    Observation, Outcome, PinnedMonitor, PinnedPlugin, Progress, Settings, View,
};
use baepo_core::verdict::{Judged, Phase, Verdict};
use baepo_core::weight::BasisPoints;
use expect_test::{Expect, expect};

use super::*;

const PLAIN: Paint = Paint(false);

fn setting(monitors: &[&str]) -> Setting {
    Setting {
        environment: "production".into(),
        strategy: "script".into(),
        instances: 4,
        monitors: monitors.iter().map(|name| (*name).to_owned()).collect(),
        has_own_monitor: false,
        not_asked: Vec::new(),
        on_no_evidence: OnNoEvidence::Hold,
        hold: Millis(24 * 3_600_000),
    }
}

fn release(number: u8) -> Release {
    Release {
        digest: Digest::from_bytes([number; 32]),
        revision: Revision {
            commit: "9f31c2e".into(),
            ref_name: "refs/heads/main".into(),
            summary: String::new(),
            committed_at: Time(0),
        },
        artifacts: Vec::new(),
    }
}

/// 5 %, then all; what is not clear is held.
fn decide(view: &View) -> Decision {
    let observe = Directive::Observe {
        min: Millis(30_000),
        max: Millis(60_000),
    };
    let hold = Directive::Hold {
        reason: "nobody knows".into(),
        timeout: Millis::ZERO,
    };
    let directive = match view.last.as_ref().map(|l| (&l.directive, l.ending)) {
        None => Directive::Scale {
            stable: 4,
            candidate: 4,
        },
        Some((Directive::Scale { .. }, _)) => Directive::Route(BasisPoints::saturating(500)),
        Some((Directive::Route(_), _)) => observe,
        Some((_, Ending::Inconclusive | Ending::HoldExpired)) => hold,
        Some(_) if view.weight < BasisPoints::FULL => Directive::Route(BasisPoints::FULL),
        Some(_) => Directive::Finish {
            keep_warm: Millis::ZERO,
        },
    };
    Decision {
        memory: Vec::new(),
        directive,
        progress: Progress::default(),
        reason: String::new(),
    }
}

/// Failing above 1 % of at least 300 requests.
fn observe(request: &LookRequest) -> Observation {
    let telemetry = request.candidate.telemetry.clone().unwrap_or_default();
    let mut sums = [telemetry.requests, telemetry.failures];
    for (sum, word) in sums.iter_mut().zip(request.memory.chunks(8)) {
        *sum += u64::from_le_bytes(word.try_into().unwrap());
    }
    let [requests, failures] = sums;
    let verdict = match (requests, failures) {
        (300.., bad) if bad * 100 > requests => Verdict::Failing,
        (100.., _) => Verdict::Healthy,
        _ => Verdict::Inconclusive,
    };
    let judged = Judged {
        monitor: String::new(),
        verdict,
        reason: format!("{failures} of {requests} failed <&>"),
        measurements: Vec::new(),
        findings: Vec::new(),
    };
    Observation {
        memory: sums.iter().flat_map(|sum| sum.to_le_bytes()).collect(),
        judged,
    }
}

fn simulation(scenario: Scenario) -> Simulation {
    let traffic = Traffic {
        requests_per_second: 200,
        seed: 1,
        is_measured: true,
    };
    let plugin = PinnedPlugin {
        name: "script".into(),
        digest: Digest::from_bytes([0; 32]),
        config: "{}".into(),
    };
    let begin = Begin {
        run: "simulation".into(),
        candidate: release(2),
        settings: Settings {
            environment: "production".into(),
            instances: 4,
            limits: Limits {
                max_surge: 4,
                max_unavailable: 0,
                max_exposure_unjudged: BasisPoints::FULL,
                max_exposure_unwatched: BasisPoints::FULL,
                allow_downtime: false,
                weight_granularity: BasisPoints::saturating(1),
            },
            on_no_evidence: OnNoEvidence::Hold,
            deadlines: Deadlines::default(),
            strategy: plugin.clone(),
            monitors: vec![PinnedMonitor {
                plugin,
                phases: vec![Phase::Ramp, Phase::Bake],
            }],
        },
        retry: true,
        pull_request: None,
        heard: 0,
    };
    let state = State {
        stable: Some(release(1)),
        ..State::default()
    };
    let model = Model::serving(PACE, release(1).digest, 4)
        .with_conduct(release(2).digest, scenario.conduct())
        .with_traffic(scenario.traffic(traffic), HISTORY);
    let mut forecast = Forecast::new(state, begin, model, Evidence::Asked, HISTORY);
    let done = loop {
        match forecast.proceed() {
            Ask::Done(done) => break done,
            Ask::Decide(view) => forecast.answer(Ok(decide(&view))),
            Ask::Judge(requests) => {
                let said = requests
                    .into_iter()
                    .map(|(name, r)| (name, Ok(observe(&r))));
                forecast.observed(said.collect());
            }
        }
    };
    Simulation {
        scenario,
        traffic,
        done,
        toll: forecast.toll(),
        moments: forecast.moments().to_vec(),
    }
}

fn check_story(scenario: Scenario, expected: Expect) {
    let text = story::text(&setting(&["traffic"]), &simulation(scenario), PLAIN);
    let widest = text
        .lines()
        .filter(|line| line.contains(['│', '└', '█']))
        .map(|line| line.chars().count());
    assert!(widest.max().is_some_and(|wide| wide <= 80), "{text}");
    expected.assert_eq(&text);
}

#[test]
fn the_story_of_a_bad_release_says_what_it_cost_and_how_soon_it_was_noticed() {
    check_story(Scenario::Errors, expect![[""]]);
}

#[test]
fn the_story_of_a_wait_of_two_days_cuts_it_short() {
    check_story(Scenario::MetricsDown, expect![[""]]);
}

#[test]
fn the_table_answers_first_then_says_what_to_do() {
    let all: Vec<Simulation> = Scenario::ALL.map(simulation).into();
    let text = table::text(&setting(&["traffic"]), &all, PLAIN);
    expect![[""]].assert_eq(&text);
}

#[test]
fn a_monitor_that_reaches_outside_is_named_once() {
    let setting = Setting {
        not_asked: vec![("prometheus".into(), "net")],
        ..setting(&["traffic", "prometheus"])
    };
    let all = [Scenario::NoTraffic, Scenario::CrashLoop].map(simulation);
    let text = table::text(&setting, &all, PLAIN);
    assert_eq!(
        text.matches("`prometheus` (`allow: { net: … }`)").count(),
        1,
        "{text}"
    );
}

#[test]
fn the_document_for_programs_names_its_form_and_has_every_number() {
    let line = json::line(&setting(&["traffic"]), &simulation(Scenario::CrashLoop));
    expect![[""]].assert_eq(&line);
}

#[test]
fn a_picture_has_a_panel_for_each_scenario_and_no_raw_text() {
    let all = vec![
        simulation(Scenario::Errors),
        simulation(Scenario::NoTraffic),
    ];
    let mut odd = setting(&["traffic"]);
    odd.environment = "a<b>&\"c\u{7}".into();
    let picture = svg::picture(&[(odd, all)]);
    assert_eq!(picture.matches("<g transform").count(), 2);
    assert!(picture.contains("a&lt;b&gt;&amp;&quot;c, errors: rolled back"));
    assert!(picture.contains("failed &lt;&amp;&gt;"));
    assert!(!picture.contains("<&") && !picture.contains('\u{7}'));
    assert!(picture.contains("turns back,") && picture.contains("waits 48h"));
}

#[test]
fn a_bad_release_that_is_not_noticed_comes_with_what_to_change() {
    let mut slow = simulation(Scenario::Healthy);
    slow.scenario = Scenario::Slow;
    let advice = |setting: &Setting, simulation: &Simulation| {
        let assessed = assess::assess(setting, simulation);
        assert!(assessed.is_bad());
        assessed.advice().to_owned()
    };
    assert!(advice(&setting(&["traffic"]), &slow).contains("does not judge it"));
    slow.scenario = Scenario::Errors;
    assert!(advice(&setting(&[]), &slow).contains("monitors: [traffic]"));
    let mut held = simulation(Scenario::MetricsDown);
    assert_eq!(
        (held.done.outcome, held.done.cause),
        (Outcome::RolledBack, Cause::HoldExpired)
    );
    held.scenario = Scenario::Healthy;
    assert!(advice(&setting(&["traffic"]), &held).contains("larger first step"));
}

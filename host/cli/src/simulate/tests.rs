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
            verify: Vec::new(),
            needs_approval: false,
            monitors: vec![PinnedMonitor {
                plugin,
                phases: vec![Phase::Ramp, Phase::Bake],
            }],
        },
        retry: true,
        pull_request: None,
        told_as: Vec::new(),
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
    check_story(
        Scenario::Errors,
        expect![[r#"
            ✓ production · errors: rolled back 21s after the first bad request, having had 5 % of the traffic: 6 of 300 failed <&>
              next: nothing to do; it is found and taken back

              script · 4 instances · the candidate fails 2 % of its requests, stable 0.1 %

              at         share   candidate   stable   what happened
              0s           0 %       0 → 4        4   new instances start
              4s           5 %           4        4   is watched for 30s to 1m
              34s          5 %           4        4   turns back: 6 of 300 failed <&>
              34s          0 %           4        4   no traffic goes to the candidate
              35s          0 %           0        4   rolled back

               5 % │       ████████████████████████████████████████████████████████
                   │       ████████████████████████████████████████████████████████
                   │       ████████████████████████████████████████████████████████
                   │       ████████████████████████████████████████████████████████
                   │       ████████████████████████████████████████████████████████
               0 % │       ████████████████████████████████████████████████████████
                   └────────────────────────────────────────────────────────────────
                           ??????????????????+++++++++++++++++++++++++++++++++++++!
                                                                                  ▲
                    0s               10s               20s                       35s
                    + healthy   ? nobody knows   ! failing   ▲ turns back

              outcome                    rolled back, verdict-failing
              largest exposure           5 % of the traffic
              first bad request          12s after the rollout began
              decision to go back        21s after the first bad request
              all traffic back           21s after the first bad request
              failed because of it       6 of 7,000 requests (300 were the candidate's)
              took                       35s, with 3 decisions

            Nothing outside was touched. The model: 200 requests a second, seed 1, 4s until an instance is ready.
        "#]],
    );
}

#[test]
fn the_story_of_a_wait_of_two_days_cuts_it_short() {
    check_story(
        Scenario::MetricsDown,
        expect![[r#"
            ● production · metrics-down: rolled back after 48h 1m, having had 5 % of the traffic: two holds in a row expired and nobody said go on
              next: a person is waited for, 48h in all; `on-no-evidence: abort` goes back by itself, `hold-timeout` waits for less

              script · 4 instances · the candidate is fine, and the target measures nothing

              at         share   candidate   stable   what happened
              0s           0 %       0 → 4        4   new instances start
              4s           5 %           4        4   is watched for 30s to 1m
              1m 4s        5 %           4        4   no clear verdict after 1m: 0 of 0 failed <&>
              1m 4s        5 %           4        4   waits for a person, at most 24h
              24h 1m       5 %           4        4   nobody came for 24h
              24h 1m       5 %           4        4   waits for a person, at most 24h
              48h 1m       5 %           4        4   nobody came for 24h
              48h 1m       5 %           4        4   turns back: two holds in a row expired and nobody said go on
              48h 1m       0 %           4        4   no traffic goes to the candidate
              48h 1m       0 %           0        4   rolled back

               5 % │   █████████████████████████████████████████████████████████████
                   │   █████████████████████████████████████████████████████████████
                   │   █████████████████████████████████████████████████████████████
                   │   █████████████████████████████████████████████████████████████
                   │   █████████████████████████████████████████████████████████████
               0 % │   █████████████████████████████████████████████████████████████
                   └────────────────────────────────────────────────────────≈≈≈≈≈≈≈≈
                       ?????????????????????????????????????????????????????????????
                                                                                   ▲
                    0s              20s              40s              1m      48h 1m
                    ? nobody knows   ▲ turns back   ≈ a long wait, cut short

              outcome                    rolled back, hold-expired
              largest exposure           5 % of the traffic
              decision to go back        48h 1m after the rollout began
              failed because of it       0 of 34,573,000 requests (1,728,600 were the candidate's)
              took                       48h 1m, with 5 decisions

            Nothing outside was touched. The model: 200 requests a second, seed 1, 4s until an instance is ready.
        "#]],
    );
}

#[test]
fn the_table_answers_first_then_says_what_to_do() {
    let all: Vec<Simulation> = Scenario::ALL.map(simulation).into();
    let text = table::text(&setting(&["traffic"]), &all, PLAIN);
    expect![[r#"
        ✗ production · script: 3 of 4 bad releases are taken back; not noticed: slow
          next: slow: `traffic` did not find it: `latency: off`, a `latency-floor` above the difference, or too few requests in a window

          scenario      outcome      largest  time to      failed because      took
                                    exposure    abort       of it, of all
          healthy       succeeded      100 %        -         0 of 13,000     1m 4s
          slow          succeeded      100 %        -         0 of 13,000     1m 4s
          errors        rolled back      5 %      21s          6 of 7,000       35s
          crash-loop    rolled back      0 %       0s          0 of 1,000        5s
          flapping      rolled back      5 %      48h     0 of 34,573,000    48h 1m
          no-traffic    rolled back      5 %        -              0 of 0    48h 1m
          metrics-down  rolled back      5 %        -     0 of 34,573,000    48h 1m

        flapping, no-traffic, metrics-down: a person is waited for, 48h in all; `on-no-evidence: abort` goes back by itself, `hold-timeout` waits for less.
        Nothing outside was touched. See one of them: baepo simulate --environment production --scenario errors
    "#]].assert_eq(&text);
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
    expect![[r#"{"format":"baepo-simulation-1","environment":"production","strategy":"script","instances":4,"scenario":"crash-loop","seed":1,"requests-per-second":200,"outcome":"rolled-back","reason-code":"unhealthy","reason":"its instances crashed 4 times: exit code 1 before the first health check","largest-exposure-basis-points":0,"first-trouble-ms":4000,"time-to-abort-ms":0,"time-to-back-ms":0,"requests":1000,"candidate-requests":0,"failed-because-of-candidate":0,"answered-by-stable-instead":0,"took-ms":5000,"decisions":1,"monitors-not-asked":[],"timeline":[{"at-ms":0,"weight-basis-points":0,"candidate":"0 → 4","stable":"4","what":"new instances start"},{"at-ms":4000,"weight-basis-points":0,"candidate":"4","stable":"4","what":"turns back: its instances crashed 4 times: exit code 1 before the first health check"},{"at-ms":4000,"weight-basis-points":0,"candidate":"4","stable":"4","what":"no traffic goes to the candidate"},{"at-ms":5000,"weight-basis-points":0,"candidate":"0","stable":"4","what":"rolled back"}],"shares":[{"at-ms":0,"weight-basis-points":0}],"verdicts":[]}"#]].assert_eq(&line);
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
    assert!(advice(&setting(&["traffic"]), &slow).contains("`latency-floor`"));
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

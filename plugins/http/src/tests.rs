use baepo_plugin::monitor::Side;
use baepo_plugin::{ConfigProblem, Release, Revision, config};

use super::*;

const STABLE: &str = "http://127.0.0.1:1001";
const CANDIDATE: &str = "http://127.0.0.1:2001";

fn side(endpoints: &[&str]) -> Side {
    let revision = Revision {
        commit: "c".into(),
        ref_name: "r".into(),
        summary: "s".into(),
        committed_at_ms: 0,
    };
    let release = Release {
        digest: "sha256:0".into(),
        revision,
        artifacts: Vec::new(),
    };
    Side {
        release,
        endpoints: endpoints.iter().map(ToString::to_string).collect(),
        telemetry: None,
    }
}

fn request(config: &str) -> ObserveRequest {
    ObserveRequest {
        config: config.into(),
        memory: Vec::new(),
        phase: Phase::Ramp,
        window: 1,
        window_elapsed_ms: 1_000,
        since_last_look_ms: 1_000,
        last_look: false,
        weight_basis_points: None,
        stable: Some(side(&[STABLE])),
        candidate: side(&[CANDIDATE]),
        stable_before: None,
        now_ms: 1_795_443_306_000,
    }
}

fn answer(status: u16, body: &str, took_ms: u64) -> Result<Response, HttpError> {
    Ok(Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        duration_us: took_ms * 1_000,
    })
}

fn look(
    request: &ObserveRequest,
    mut answers: impl FnMut(&str) -> Result<Response, HttpError>,
) -> Observation {
    let config = config::parse(&request.config).unwrap();
    observe(&config, request, &mut |asked| answers(&asked.url)).unwrap()
}

/// So many looks in the same window; the last observation.
fn looks(
    times: u64,
    request: &mut ObserveRequest,
    mut answers: impl FnMut(&str) -> Result<Response, HttpError>,
) -> Observation {
    let mut last = None;
    for _ in 0..times {
        let observation = look(request, &mut answers);
        request.memory.clone_from(&observation.memory);
        request.now_ms += 1_000;
        last = Some(observation);
    }
    last.unwrap()
}

/// Answers of which the candidate's fail once in so many.
fn failing_once_in(n: u64) -> impl FnMut(&str) -> Result<Response, HttpError> {
    let mut asked = 0;
    move |url: &str| {
        asked += u64::from(url.starts_with(CANDIDATE));
        match url.starts_with(CANDIDATE) && asked.is_multiple_of(n) {
            true => answer(500, "", 1),
            false => answer(200, "", 1),
        }
    }
}

fn problems(config: &str) -> Vec<ConfigProblem> {
    match config::parse::<Http>(config).map(|_| ()) {
        Err(HookError::InvalidConfig(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn good_answers_are_healthy_once_there_are_enough_of_them() {
    let mut request = request("");
    let observation = looks(20, &mut request, |_| answer(200, "", 1));
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(
        observation.reason,
        "0 % of 200 probes failed, limit 1 %; not enough evidence yet (E = 4.8, limit 20)"
    );
    let observation = looks(20, &mut request, |_| answer(200, "", 1));
    assert_eq!(observation.verdict, Verdict::Healthy);
    assert_eq!(observation.reason, "0 % of 400 probes failed, limit 1 %");
    assert!(request.memory.len() < 400, "{}", request.memory.len());
}

#[test]
fn a_candidate_that_fails_one_in_ten_is_failing_and_the_answer_is_shown() {
    let observation = looks(12, &mut request("{}"), failing_once_in(10));
    assert_eq!(observation.verdict, Verdict::Failing);
    assert_eq!(
        observation.reason,
        "10 % of 120 probes failed, limit 1 %, for example http://127.0.0.1:2001: status 500 \
         (E = 1,084,991, limit 200)"
    );
    assert_eq!(
        observation.findings[0].title,
        "1 of 10 probes of GET / failed"
    );
    let measurement = &observation.measurements[0];
    assert_eq!(measurement.stable, Some(0.0));
    assert_eq!(measurement.limit, Some(1.0));
}

#[test]
fn an_instance_that_cannot_be_reached_is_a_failure() {
    for error in [
        HttpError::Connect("refused".into()),
        HttpError::Timeout,
        HttpError::Failed("reset".into()),
    ] {
        let observation = looks(2, &mut request(""), |url| {
            match url.starts_with(CANDIDATE) {
                true => Err(error.clone()),
                false => answer(200, "", 1),
            }
        });
        assert_eq!(observation.verdict, Verdict::Failing, "{error:?}");
    }
}

#[test]
fn a_hanging_instance_does_not_use_up_the_time_of_the_call() {
    let mut asked = 0;
    look(
        &request(r#"{"timeout":"2s","requests-per-look":20}"#),
        |_| {
            asked += 1;
            Err(HttpError::Timeout)
        },
    );
    // Two roles, each within 4 s.
    assert_eq!(asked, 4);
    let mut asked = 0;
    look(&request(""), |_| {
        asked += 1;
        answer(200, "", 600)
    });
    assert_eq!(asked, 12);
}

#[test]
fn without_instances_nothing_is_healthy() {
    let mut request = request("");
    request.candidate.endpoints.clear();
    let observation = look(&request, |_| panic!("nobody is to be asked"));
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(observation.reason, "the candidate has no instance to ask");
}

#[test]
fn a_first_install_is_judged_without_stable() {
    let mut request = request("");
    request.stable = None;
    let observation = looks(40, &mut request, |_| answer(200, "", 1));
    assert_eq!(observation.verdict, Verdict::Healthy);
}

#[test]
fn what_stable_fails_as_well_does_not_count_against_the_candidate() {
    let observation = looks(20, &mut request(""), |_| answer(404, "", 1));
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert!(
        observation
            .reason
            .ends_with("stable does not keep the limit either"),
        "{}",
        observation.reason
    );
    assert_eq!(observation.findings[1].role, baepo_plugin::Role::Stable);
}

#[test]
fn a_missing_grant_is_told_as_one_and_a_used_up_limit_is_no_failure() {
    let request = request("");
    let config = config::parse("").unwrap();
    let denied = observe(&config, &request, &mut |_| {
        Err(HttpError::Denied("http://127.0.0.1:2001".into()))
    });
    assert!(matches!(denied, Err(HookError::Denied(_))), "{denied:?}");
    let observation = look(&request, |_| Err(HttpError::Limit("50 requests".into())));
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(
        observation.reason,
        "no probe had a result: the limits of this call leave no room"
    );
}

#[test]
fn status_and_body_must_be_as_expected() {
    let config = r#"{"path":"/x?y=1","expect":{"status":[200,"300-304"],"body":"welcome"}}"#;
    for (status, body, is_good) in [
        (200, "you are welcome here", true),
        (301, "welcome", true),
        (204, "welcome", false),
        (200, "wel come", false),
        (200, "", false),
    ] {
        let observation = look(&request(config), |url| {
            assert!(url.ends_with(":1001/x?y=1") || url.ends_with(":2001/x?y=1"));
            answer(status, body, 1)
        });
        let failed = observation.measurements[0].candidate;
        assert_eq!(failed == Some(0.0), is_good, "{status} {body}");
    }
}

#[test]
fn all_instances_have_their_turn() {
    let mut request = request(r#"{"requests-per-look":3}"#);
    request.stable = None;
    request.candidate = side(&["http://a", "http://b/", "http://c", "http://d"]);
    let mut asked = Vec::new();
    looks(4, &mut request, |url| {
        asked.push(url.to_string());
        answer(200, "", 1)
    });
    assert_eq!(asked.len(), 12);
    for url in ["http://a/", "http://b/", "http://c/", "http://d/"] {
        assert_eq!(asked.iter().filter(|one| *one == url).count(), 3, "{url}");
    }
}

#[test]
fn slow_answers_are_counted_against_a_quantile() {
    let config = r#"{"max-latency":"100ms","latency-quantile":"95%"}"#;
    let slow = |share: u64| {
        let mut asked = 0;
        move |url: &str| {
            asked += u64::from(url.starts_with(CANDIDATE));
            let is_slow = url.starts_with(CANDIDATE) && asked % 100 < share;
            answer(200, "", if is_slow { 150 } else { 50 })
        }
    };
    let observation = looks(40, &mut request(config), slow(40));
    assert_eq!(observation.verdict, Verdict::Failing);
    assert!(
        observation
            .reason
            .starts_with("40 % of 400 probes took longer than 100ms, limit 5 % (E = over"),
        "{}",
        observation.reason
    );
    let observation = looks(49, &mut request(config), slow(1));
    assert_eq!(
        observation.verdict,
        Verdict::Healthy,
        "{}",
        observation.reason
    );
    assert_eq!(observation.measurements[2].name, "p95 latency");
    assert_eq!(observation.measurements[2].candidate, Some(50.0));
}

#[test]
fn a_window_that_breaks_late_is_found_by_itself() {
    let mut request = request("");
    let healthy = looks(300, &mut request, |_| answer(200, "", 1));
    assert_eq!(healthy.verdict, Verdict::Healthy);
    request.window = 4;
    let first = looks(1, &mut request, failing_once_in(4));
    assert_ne!(first.verdict, Verdict::Healthy, "{}", first.reason);
    let observation = looks(2, &mut request, failing_once_in(4));
    assert_eq!(observation.verdict, Verdict::Failing);
}

#[test]
fn a_new_window_needs_probes_of_its_own() {
    let mut request = request("");
    looks(60, &mut request, |_| answer(200, "", 1));
    request.window = 2;
    let mut left = 3;
    let observation = look(&request, |_| {
        left -= 1;
        match left {
            0.. => answer(200, "", 1),
            _ => Err(HttpError::Limit("used up".into())),
        }
    });
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert!(
        observation
            .reason
            .ends_with("this window has had too few probes yet"),
        "{}",
        observation.reason
    );
}

#[test]
fn a_budget_that_burns_fails_below_the_failure_rate() {
    let config = r#"{"slo":"99.9%","max-failure-rate":"20%"}"#;
    let observation = looks(60, &mut request(config), failing_once_in(20));
    assert_eq!(observation.verdict, Verdict::Failing);
    assert!(
        observation.reason.starts_with(
            "the error budget is used up 50 times as fast as it may be, limit 14 over 1h and 5m"
        ) || observation.reason.contains("limit 6 over 6h and 30m"),
        "{}",
        observation.reason
    );
    let quiet = looks(60, &mut request(config), |_| answer(200, "", 1));
    assert_eq!(quiet.verdict, Verdict::Healthy);
    let both = looks(60, &mut request(config), {
        let mut n = 0;
        move |_| {
            n += 1;
            answer(if n % 19 == 0 { 500 } else { 200 }, "", 1)
        }
    });
    assert_eq!(both.verdict, Verdict::Inconclusive, "{}", both.reason);
}

#[test]
fn a_good_candidate_is_seldom_failed() {
    // A fixed generator, so that the figure is the same each time.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut failed = 0;
    for _ in 0..300 {
        let mut request = request("");
        // At the limit, the worst of all good ones: two windows of 40 looks.
        for window in 1..=2 {
            request.window = window;
            let observation = looks(40, &mut request, |_| {
                answer(if random() < 0.01 { 500 } else { 200 }, "", 1)
            });
            if observation.verdict == Verdict::Failing {
                failed += 1;
                break;
            }
        }
    }
    assert!(failed <= 3, "{failed} of 300 are more than 1 %");
}

#[test]
fn all_mistakes_of_a_configuration_are_told_with_their_place() {
    let config = r#"{
        "path": "healthz", "expect": {"status": ["2xx", 200], "body": ""}, "timeout": "5s",
        "requests-per-look": 0, "max-failure-rate": "100%", "latency-quantile": "95%",
        "slo": "90%", "methd": "GET"
    }"#;
    let told: Vec<String> = problems(config)
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    let expected = [
        "path: `healthz` is not a path, expected for example `/healthz`",
        "expect.status.0: `2xx` is not a status, expected for example `200`, `200-299` or a list of these",
        "expect.body: is empty; leave it out where any body is right, or write a text that must be in it",
        "timeout: must be above 0 and at most 2s, so that all probes fit into one look",
        "requests-per-look: must be from 1 to 20",
        "max-failure-rate: 100 % can never be judged; use a share in between",
        "latency-quantile: means nothing without `max-latency`",
        "slo: 90 % is not a goal that can be guarded; use 94% to 99.99%, or `off`",
    ];
    for line in expected {
        assert!(told.iter().any(|one| one == line), "{line}\n{told:#?}");
    }
    assert!(
        told.iter()
            .any(|line| line.starts_with("methd: unknown key"))
    );
    assert_eq!(told.len(), expected.len() + 1, "{told:#?}");
}

#[test]
fn it_can_judge_in_every_phase_and_knows_its_memory() {
    let config = config::parse("").unwrap();
    assert_eq!(Http::describe(config).unwrap().phases.len(), 3);
    let mut request = request("");
    request.memory = br#"{"v":2}"#.to_vec();
    let config = config::parse("").unwrap();
    let refused = observe(&config, &request, &mut |_| answer(200, "", 1));
    assert!(matches!(refused, Err(HookError::Failed(_))), "{refused:?}");
}

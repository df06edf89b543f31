use baepo_plugin::monitor::Side;
use baepo_plugin::{Release, Revision, config};
use serde_json::{Value, json};

use super::*;

mod gauges;
mod settings;

fn side(digest: &str, endpoints: &[&str]) -> Side {
    let revision = Revision {
        commit: "0a1b2c".into(),
        ref_name: "r".into(),
        summary: "s".into(),
        committed_at_ms: 0,
    };
    let release = Release {
        digest: digest.into(),
        revision,
        artifacts: Vec::new(),
    };
    Side {
        release,
        endpoints: endpoints.iter().map(ToString::to_string).collect(),
        telemetry: None,
    }
}

fn request(config: Value) -> ObserveRequest {
    ObserveRequest {
        config: config.to_string(),
        memory: Vec::new(),
        phase: Phase::Ramp,
        window: 1,
        window_elapsed_ms: 90_000,
        since_last_look_ms: 5_000,
        last_look: false,
        weight_basis_points: None,
        stable: Some(side("sha256:aa", &["http://127.0.0.1:1001"])),
        candidate: side("sha256:bb", &["http://127.0.0.1:2001", "http://[::1]:2002"]),
        stable_before: None,
        now_ms: 1_795_443_306_050,
    }
}

/// An answer of this shape.
fn answer(status: u16, body: &Value) -> Result<Response, HttpError> {
    Ok(Response {
        status,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        duration_us: 1_000,
    })
}

fn vector(series: &[(&str, &str)]) -> Result<Response, HttpError> {
    let item = |(labels, value): &(&str, &str)| json!({ "metric": { "instance": labels }, "value": [1_795_443_306.05, value] });
    let result: Vec<Value> = series.iter().map(item).collect();
    let data = json!({ "resultType": "vector", "result": result });
    answer(200, &json!({ "status": "success", "data": data }))
}

/// The query in the body of a request.
fn asked(request: &Request<'_>) -> String {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let query = body
        .split('&')
        .find_map(|part| part.strip_prefix("query="))
        .unwrap();
    let mut bytes = Vec::new();
    let mut rest = query.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What a Prometheus that finds this for single queries says to several in one.
fn evaluate(
    query: &str,
    answers: &mut impl FnMut(&str) -> Result<Response, HttpError>,
) -> Result<Response, HttpError> {
    let mut all = Vec::new();
    for part in query.split(" or label_replace((\n") {
        let part = part.strip_prefix("label_replace((\n").unwrap_or(part);
        let Some((query, labelled)) = part.split_once("\n), \"baepo_part\", ") else {
            return answers(query);
        };
        let found = answers(query)?;
        let mut answer: Value = serde_json::from_slice(&found.body).unwrap();
        let is_partial = answer.get("warnings").is_some() || answer.get("isPartial").is_some();
        if found.status != 200 || is_partial || answer["data"]["resultType"] != "vector" {
            return Ok(found);
        }
        let label = labelled.split('"').nth(1).unwrap();
        for value in answer["data"]["result"].as_array_mut().unwrap() {
            value["metric"]["baepo_part"] = label.into();
            all.push(value.take());
        }
    }
    let data = json!({ "resultType": "vector", "result": all });
    answer(200, &json!({ "status": "success", "data": data }))
}

fn try_look(
    request: &mut ObserveRequest,
    mut answers: impl FnMut(&str) -> Result<Response, HttpError>,
) -> Result<Observation, HookError> {
    let config = config::parse(&request.config).unwrap();
    let mut send = |asking: Request<'_>| evaluate(&asked(&asking), &mut answers);
    let mut asker = Asker::new(&config, request.now_ms, None, &mut send);
    let observation = observe(&config, request, &mut asker)?;
    request.memory.clone_from(&observation.memory);
    request.now_ms += 5_000;
    Ok(observation)
}

fn look(
    request: &mut ObserveRequest,
    answers: impl FnMut(&str) -> Result<Response, HttpError>,
) -> Observation {
    try_look(request, answers).unwrap()
}

/// A baepo agent as a Prometheus sees it: requests and failures of stable and
/// of the candidate.
fn agent(
    stable: (u64, u64),
    candidate: (u64, u64),
) -> impl FnMut(&str) -> Result<Response, HttpError> {
    move |query| {
        let (requests, failures) = match query.contains("sha256:bb") {
            true => candidate,
            false => stable,
        };
        let value = match query.starts_with("baepo_requests_total{") {
            true => requests,
            false => failures,
        };
        vector(&[("agent", &value.to_string())])
    }
}

#[test]
fn without_settings_the_counters_of_the_agent_are_judged() {
    let mut request = request(json!({}));
    let mut seen = Vec::new();
    let first = look(&mut request, |query| {
        seen.push(query.to_string());
        vector(&[("agent", "5")])
    });
    assert_eq!(
        seen,
        [
            r#"baepo_requests_total{release="sha256:bb"}"#,
            r#"baepo_failures_total{release="sha256:bb"}"#,
            r#"baepo_requests_total{release="sha256:aa"}"#,
            r#"baepo_failures_total{release="sha256:aa"}"#,
        ]
    );
    assert_eq!(first.verdict, Verdict::Inconclusive);
    assert_eq!(
        first.reason,
        "baepo: no request of the candidate has been counted yet"
    );
    let second = look(&mut request, agent((2_005, 5), (1_005, 5)));
    assert_eq!(second.verdict, Verdict::Healthy);
    assert_eq!(
        second.reason,
        "baepo: 0 % of 1,000 requests failed against 0 %"
    );
    let third = look(&mut request, agent((4_005, 5), (2_005, 105)));
    assert_eq!(third.verdict, Verdict::Failing);
    assert!(
        third
            .reason
            .starts_with("baepo: 5 % of 2,000 requests failed against 0 % (E = over"),
        "{}",
        third.reason
    );
    assert!(request.memory.len() < 1_400, "{}", request.memory.len());
}

/// What is scraped while a monitor looks is in all of its counters or in none.
#[test]
fn requests_and_failures_are_of_the_same_scrapes() {
    let mut request = request(json!({}));
    let mut scrapes = 0;
    let mut look = |request: &mut ObserveRequest| {
        let config = config::parse(&request.config).unwrap();
        let mut send = |asking: Request<'_>| {
            scrapes += 1;
            let counted = (1_000 * scrapes, 5 * scrapes);
            evaluate(&asked(&asking), &mut agent(counted, counted))
        };
        let mut asker = Asker::new(&config, request.now_ms, None, &mut send);
        let observation = observe(&config, request, &mut asker).unwrap();
        request.memory.clone_from(&observation.memory);
        observation
    };
    look(&mut request);
    for _ in 0..10 {
        let observation = look(&mut request);
        let sample = &observation.measurements[0].samples[0];
        assert_eq!((sample.stable, sample.candidate), (Some(0.5), Some(0.5)));
    }
    assert_eq!(scrapes, 11, "one query a look");
}

#[test]
fn of_several_queries_the_one_that_is_wrong_is_told() {
    let wrong = r#"rate(failed_total{release="{{release}}")"#;
    let right = r#"requests_total{release="{{release}}"} # all of them"#;
    let mut request = request(json!({ "queries": [
        { "name": "errors", "requests": right, "failures": { "candidate": right, "stable": wrong } },
    ] }));
    let mut answers = |query: &str| match query.contains("rate(") {
        true => answer(
            400,
            &json!({ "status": "error", "error": format!("parse error at {}", query.len()) }),
        ),
        false => vector(&[("a", "5")]),
    };
    let length = wrong.replace("{{release}}", "sha256:aa").len();
    let ramp = look(&mut request, &mut answers);
    let told = format!("parse error at {length}");
    assert!(ramp.reason.ends_with(&told), "{}", ramp.reason);
    // In the bake the candidate is judged without stable.
    request.phase = Phase::Bake;
    look(&mut request, &mut answers);
    let bake = look(&mut request, &mut answers);
    assert!(!bake.reason.contains("parse error"), "{}", bake.reason);
}

#[test]
fn false_alarms_are_shared_by_all_counters() {
    let of = |kind: &str| format!("baepo_{kind}_total{{r=\"{{{{release}}}}\"}}");
    let query = |name: &str| json!({ "name": name, "requests": of("requests"), "failures": of("failures") });
    let mut request = request(json!({ "queries": [query("a"), query("b"), query("c")] }));
    look(&mut request, agent((0, 0), (0, 0)));
    let observation = look(&mut request, agent((100, 0), (100, 50)));
    assert_eq!(observation.verdict, Verdict::Failing);
    assert!(
        observation.reason.contains("limit 300)"),
        "{}",
        observation.reason
    );
}

#[test]
fn what_was_counted_before_the_first_look_is_not_the_candidates() {
    let mut request = request(json!({}));
    look(&mut request, agent((10_000, 20), (5_000, 4_000)));
    let second = look(&mut request, agent((12_000, 24), (6_000, 4_002)));
    assert_eq!(second.verdict, Verdict::Healthy, "{}", second.reason);
    assert_eq!(second.measurements[0].candidate, Some(0.2));
}

#[test]
fn a_counter_that_begins_again_is_counted_from_zero() {
    let mut request = request(json!({ "max-failure-rate": "50%" }));
    let mut at = |one: u64, two: Option<u64>| {
        let (one, two) = (one.to_string(), two.map(|two| two.to_string()));
        look(&mut request, |query| match query.contains("failures") {
            true => vector(&[("a", "0")]),
            false => {
                let mut series = vec![("a", &*one)];
                series.extend(two.as_deref().map(|two| ("b", two)));
                vector(&series)
            }
        })
    };
    let total = |observation: Observation| {
        let words = observation.reason.split_whitespace();
        let number = words.skip_while(|word| *word != "of").nth(1);
        number.map(|number| number.replace(',', "").parse::<u64>().unwrap())
    };
    at(1_000, Some(500));
    assert_eq!(total(at(1_100, Some(600))), Some(200));
    // One began again, then is gone, comes back, and a third one is new.
    assert_eq!(total(at(40, Some(700))), Some(340));
    assert_eq!(total(at(140, None)), Some(440));
    assert_eq!(total(at(140, Some(710))), Some(450));
    let new = look(&mut request, |query| match query.contains("failures") {
        true => vector(&[("a", "0")]),
        false => vector(&[("a", "140"), ("b", "710"), ("c", "7")]),
    });
    assert_eq!(total(new), Some(457));
}

#[test]
fn what_is_no_evidence_is_inconclusive_and_says_why() {
    let data = |kind: &str, result: Value| {
        answer(
            200,
            &json!({ "status": "success", "data": { "resultType": kind, "result": result } }),
        )
    };
    let value = json!([{ "metric": {}, "value": [1, "5"] }]);
    let many: Vec<Value> = (0..41)
        .map(|n| json!({ "metric": { "n": n.to_string() }, "value": [1, "5"] }))
        .collect();
    let cases: Vec<(Result<Response, HttpError>, &str)> = vec![
        (
            vector(&[]),
            "no data for `baepo_requests_total{release=\"sha256:bb\"}`",
        ),
        (vector(&[("a", "NaN")]), "is NaN, not a number"),
        (vector(&[("a", "+Inf")]), "is inf, not a number"),
        (vector(&[("a", "-1")]), "is below 0, so it is no counter"),
        (data("vector", many.into()), "has 41 series, at most 40"),
        (data("matrix", json!([])), "the query gives a matrix"),
        (
            data("vector", json!([{ "metric": {}, "histogram": [1, {}] }])),
            "not a plain number",
        ),
        (
            answer(
                200,
                &json!({ "status": "success", "warnings": ["store x is down"],
                "data": { "resultType": "vector", "result": value } }),
            ),
            "the answer is partial: store x is down",
        ),
        (
            answer(
                200,
                &json!({ "status": "success", "isPartial": true,
                "data": { "resultType": "vector", "result": value } }),
            ),
            "the answer is partial",
        ),
        (
            answer(
                400,
                &json!({ "status": "error", "errorType": "bad_data", "error": "parse error" }),
            ),
            "status 400, the query was not answered: parse error",
        ),
        (
            answer(502, &json!("<html>")),
            "status 502, the query was not answered",
        ),
        (Err(HttpError::Timeout), "it does not answer in time"),
        (
            Err(HttpError::Connect("refused".into())),
            "nothing answers there: refused",
        ),
        (Err(HttpError::TooLarge(9)), "more than 9 bytes"),
    ];
    for (response, why) in cases {
        let mut request = request(json!({}));
        look(&mut request, agent((5, 0), (5, 0)));
        look(&mut request, agent((1_005, 0), (1_005, 0)));
        let before = request.memory.clone();
        let observation = look(&mut request, |_| response.clone());
        assert_eq!(observation.verdict, Verdict::Inconclusive, "{why}");
        assert!(
            observation.reason.contains(why),
            "{why}: {}",
            observation.reason
        );
        assert_eq!(before, observation.memory, "nothing of the look is used");
        // What was counted meanwhile comes with the next look that works.
        let next = look(&mut request, agent((2_005, 0), (2_005, 0)));
        assert_eq!(
            next.reason,
            "baepo: 0 % of 2,000 requests failed against 0 %"
        );
    }
}

#[test]
fn without_data_of_stable_the_ramp_is_inconclusive_and_the_bake_goes_on() {
    let mut request = request(json!({}));
    look(&mut request, agent((10_000, 10), (0, 0)));
    let gone = |query: &str| match query.contains("sha256:aa") {
        true => vector(&[]),
        false => vector(&[(
            "a",
            if query.contains("failures") {
                "0"
            } else {
                "2000"
            },
        )]),
    };
    let ramp = look(&mut request, gone);
    assert_eq!(ramp.verdict, Verdict::Inconclusive);
    assert!(ramp.reason.contains("sha256:aa"), "{}", ramp.reason);
    request.phase = Phase::Bake;
    let bake = look(&mut request, gone);
    assert_eq!(bake.verdict, Verdict::Healthy, "{}", bake.reason);
    assert_eq!(
        bake.reason,
        "baepo: 0 % of 2,000 requests failed against 0.1 % before"
    );
}

#[test]
fn a_source_that_is_silent_is_asked_once_a_look() {
    let mut times = 0;
    look(&mut request(json!({})), |_| {
        times += 1;
        Err(HttpError::Timeout)
    });
    assert_eq!(times, 1);
    let denied = try_look(&mut request(json!({})), |_| {
        Err(HttpError::Denied("http://127.0.0.1:9090".into()))
    });
    assert!(matches!(denied, Err(HookError::Denied(_))), "{denied:?}");
}

#[test]
fn many_series_are_remembered_within_what_the_host_keeps() {
    let names: Vec<String> = (0..40).map(|n| format!("i{n}")).collect();
    let mut request = request(json!({}));
    let mut answers = |_: &str| {
        let series: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "123.456")).collect();
        vector(&series)
    };
    look(&mut request, &mut answers);
    look(&mut request, &mut answers);
    assert!(
        request.memory.len() <= 16 * 1024,
        "{}",
        request.memory.len()
    );
}

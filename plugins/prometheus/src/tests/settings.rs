//! The `with:` block, placeholders, templates.

use baepo_plugin::ConfigProblem;

use super::*;

#[test]
fn placeholders_stand_for_the_role_that_is_asked_about() {
    let query =
        r#"x{r="{{role}}",d="{{ release }}",c="{{commit}}",i=~"{{endpoints}}"}[{{window}}]"#;
    let config = json!({ "queries": [{ "name": "x", "query": query, "limit": 1 }] });
    let mut seen = Vec::new();
    look(&mut request(config), |query| {
        seen.push(query.to_string());
        vector(&[("a", "1")])
    });
    assert_eq!(
        seen,
        [
            r#"x{r="candidate",d="sha256:bb",c="0a1b2c",i=~"127[.]0[.]0[.]1:2001|[[]::1[]]:2002"}[90s]"#,
            r#"x{r="stable",d="sha256:aa",c="0a1b2c",i=~"127[.]0[.]0[.]1:1001"}[90s]"#,
        ]
    );
    let mut sly = request(json!({ "template": "nginx" }));
    sly.candidate.endpoints = vec![r#"http://x"} or vector(1"#.into()];
    let observation = look(&mut sly, |query| panic!("{query}"));
    assert!(
        observation.reason.contains("is not an instance"),
        "{}",
        observation.reason
    );
    sly.candidate.endpoints.clear();
    let observation = look(&mut sly, |query| panic!("{query}"));
    assert_eq!(observation.reason, "nginx: candidate has no instance");
}

#[test]
fn templates_ask_for_counters_of_common_exporters() {
    for (config, requests, failures) in [
        (
            json!({ "template": "baepo", "selector": "job=\"shop\"" }),
            r#"baepo_requests_total{release="sha256:bb",job="shop"}"#,
            r#"baepo_failures_total{release="sha256:bb",job="shop"}"#,
        ),
        (
            json!({ "template": "haproxy", "selector": "proxy=\"shop-{{role}}\"" }),
            r#"haproxy_backend_http_responses_total{proxy="shop-candidate"}"#,
            r#"haproxy_backend_http_responses_total{proxy="shop-candidate",code="5xx"}"#,
        ),
        (
            json!({ "template": "envoy", "selector": "envoy_cluster_name=\"{{role}}\"" }),
            r#"envoy_cluster_upstream_rq_completed{envoy_cluster_name="candidate"}"#,
            r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="candidate",envoy_response_code_class="5"} or 0 * envoy_cluster_upstream_rq_completed{envoy_cluster_name="candidate"}"#,
        ),
    ] {
        let mut seen = Vec::new();
        look(&mut request(config), |query| {
            seen.push(query.to_string());
            vector(&[("a", "1")])
        });
        assert_eq!(seen[..2], [requests, failures]);
    }
}

#[test]
fn the_moment_and_the_time_limit_are_those_of_the_look() {
    let request = request(json!({ "address": "https://prom.acme.dev/base/", "timeout": "3s" }));
    let config = config::parse(&request.config).unwrap();
    let mut send = |asking: Request<'_>| {
        assert_eq!(asking.url, "https://prom.acme.dev/base/api/v1/query");
        assert_eq!((&*asking.method, asking.timeout_ms), ("POST", Some(3_000)));
        let body = String::from_utf8(asking.body).unwrap();
        assert!(
            body.ends_with("&time=1795443306.050&timeout=3000ms"),
            "{body}"
        );
        assert!(
            body.starts_with("query=label_replace%28%28%0Abaepo_"),
            "{body}"
        );
        vector(&[("a", "1")])
    };
    let mut asker = Asker::new(&config, request.now_ms, None, &mut send);
    observe(&config, &request, &mut asker).unwrap();
}

fn problems(config: &Value) -> Vec<ConfigProblem> {
    match config::parse::<Prometheus>(&config.to_string()).map(|_| ()) {
        Err(HookError::InvalidConfig(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_mistakes_of_a_configuration_are_told_with_their_place() {
    let config = json!({
        "address": "prom.acme.dev", "timeout": "0s", "interval": "0s", "min-requests": 0,
        "template": "haproxy", "max-failure-rate": "0%",
        "queries": [
            { "name": "a", "query": "x{r=\"{{rôle}}\"}", "direction": "up" },
            { "query": "x", "limit": 1, "times": 0 },
            { "name": "a", "requests": { "stable": "s" }, "failures": "x{{" },
            { "name": "b", "candidate": "x", "stable": "", "query": "y", "limit": -1, "direction": "either" },
            "up",
        ],
    });
    let told: Vec<String> = problems(&config)
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    for line in [
        "address: `prom.acme.dev` is not the address of a Prometheus, expected for example `http://127.0.0.1:9090`",
        "timeout: must be above 0 and at most 5s",
        "interval: must be above 0: it is how often values are scraped",
        "min-requests: must be at least 1: nothing is healthy without a request",
        "max-failure-rate: 0 % can never be judged; use a share in between, or `off`",
        "selector: is missing: the template `haproxy` needs matchers for each role, for example `proxy=\"shop-{{role}}\"`",
        "queries.0.query: `{{rôle}}` is unknown, expected one of `{{role}}`, `{{release}}`, `{{commit}}`, `{{endpoints}}`, `{{window}}`",
        "queries.0.direction: `up` is unknown, expected `increase` or `decrease` or `either`",
        "queries.1.name: is missing, expected for example `errors`",
        "queries.1.times: must be from 1 to 100",
        "queries.2.requests: needs a query under `candidate`",
        "queries.2.failures: has `{{` without `}}` behind it",
        "queries.3.limit: must not be below 0: it is a distance from stable",
        "queries.3.stable: is empty, expected a query in PromQL",
        "queries.4: must be a mapping, not `\"up\"`",
        "queries: two are called `a`",
    ] {
        assert!(told.iter().any(|one| one == line), "{line}\n{told:#?}");
    }
    assert_eq!(told.len(), 17, "{told:#?}");
    let shown = json!({ "queries": [{ "name": "a", "query": "x" }] });
    assert!(
        problems(&shown)[0]
            .message
            .contains("nothing that can fail or pass")
    );
    let idle =
        json!({ "queries": [{ "name": "a", "query": "x", "limit": 1 }], "selector": "a=\"b\"" });
    assert_eq!(problems(&idle)[0].path, "selector");
}

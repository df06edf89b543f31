//! Values that are compared with limits.

use super::*;

fn gauge(settings: Value) -> Value {
    let mut query = json!({ "name": "memory", "unit": "MB", "query": "max(m{r=\"{{role}}\"})" });
    let keys = query.as_object_mut().unwrap();
    keys.extend(settings.as_object().unwrap().clone());
    json!({ "queries": [query] })
}

fn values(
    stable: &'static str,
    candidate: &'static str,
) -> impl FnMut(&str) -> Result<Response, HttpError> {
    move |query| match query.contains("candidate") {
        true => vector(&[("a", candidate)]),
        false => vector(&[("a", stable)]),
    }
}

/// Looks until there have been so many new values.
fn looks(
    times: u32,
    request: &mut ObserveRequest,
    stable: &'static str,
    candidate: &'static str,
) -> Observation {
    let mut last = look(request, values(stable, candidate));
    for _ in 1..times {
        request.now_ms += 10_000;
        last = look(request, values(stable, candidate));
    }
    last
}

#[test]
fn a_gauge_needs_several_values_in_a_row() {
    for (settings, stable, candidate, verdict) in [
        (json!({ "limit": 500 }), "480", "512", Verdict::Failing),
        (json!({ "limit": 500 }), "480", "500", Verdict::Healthy),
        (
            json!({ "limit": 500, "direction": "decrease" }),
            "700",
            "499",
            Verdict::Failing,
        ),
        (
            json!({ "limit": 500, "direction": "decrease" }),
            "700",
            "700",
            Verdict::Healthy,
        ),
        (
            json!({ "limit": 50, "direction": "either" }),
            "700",
            "760",
            Verdict::Failing,
        ),
        (
            json!({ "limit": 50, "direction": "either" }),
            "700",
            "640",
            Verdict::Failing,
        ),
        (
            json!({ "limit": 50, "direction": "either" }),
            "700",
            "740",
            Verdict::Healthy,
        ),
        (
            json!({ "limit": 50, "direction": "either" }),
            "NaN",
            "740",
            Verdict::Inconclusive,
        ),
        (json!({ "limit": 500 }), "480", "NaN", Verdict::Inconclusive),
        (
            json!({ "limit": 500, "critical": false }),
            "1",
            "512",
            Verdict::Inconclusive,
        ),
    ] {
        let mut config = gauge(settings.clone());
        if settings["critical"] == false {
            config["template"] = json!("baepo");
        }
        let mut request = request(config);
        let two = looks(2, &mut request, stable, candidate);
        assert_eq!(two.verdict, Verdict::Inconclusive, "{settings}");
        request.now_ms += 10_000;
        let three = looks(1, &mut request, stable, candidate);
        assert_eq!(three.verdict, verdict, "{settings}: {}", three.reason);
    }
}

#[test]
fn the_same_value_seen_twice_is_one() {
    let mut request = request(gauge(json!({ "limit": 500 })));
    let mut last = None;
    // Six looks, 5 s apart, of a source with new values each 15 s.
    for _ in 0..6 {
        last = Some(look(&mut request, values("1", "600")));
    }
    assert_eq!(
        last.unwrap().reason,
        "memory: 600 MB against 1 MB, at most 500 MB; 2 of 3 times in a row beyond it"
    );
    let failing = look(&mut request, values("1", "600"));
    assert_eq!(failing.verdict, Verdict::Failing);
    assert_eq!(
        failing.reason,
        "memory: 600 MB against 1 MB, at most 500 MB; 3 times in a row"
    );
    request.window = 2;
    let new = look(&mut request, values("1", "600"));
    assert_eq!(new.verdict, Verdict::Inconclusive, "a window has its own");
}

#[test]
fn several_values_where_one_is_expected_are_none() {
    let mut request = request(gauge(json!({ "limit": 500, "times": 1 })));
    let observation = look(&mut request, |_| vector(&[("a", "1"), ("b", "2")]));
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert!(
        observation
            .reason
            .contains("has 2 series where one is expected"),
        "{}",
        observation.reason
    );
}

#[test]
fn a_preview_is_judged_by_gauges_alone() {
    let phases = |json: Value| {
        Prometheus::describe(config::parse(&json.to_string()).unwrap())
            .unwrap()
            .phases
            .len()
    };
    assert_eq!(phases(json!({})), 2);
    assert_eq!(phases(gauge(json!({ "limit": 1 }))), 3);
    let mut both = gauge(json!({ "limit": 500, "times": 1 }));
    both["template"] = json!("baepo");
    let mut request = request(both);
    request.phase = Phase::Preview;
    let observation = look(&mut request, |query| {
        assert!(!query.contains("baepo"), "{query}");
        vector(&[("a", "1")])
    });
    assert_eq!(observation.verdict, Verdict::Healthy);
}

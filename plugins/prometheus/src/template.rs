//! Queries of common exporters, and what stands in queries for the role that is
//! asked about.

use baepo_plugin::Role;
use baepo_plugin::monitor::{ObserveRequest, Side};
use baepo_plugin::units::Millis;

/// Counters that an exporter is known to have.
pub(crate) struct Template {
    pub(crate) name: &'static str,
    /// Raw counters of requests; `SELECTOR` is for the matchers.
    pub(crate) requests: &'static str,
    pub(crate) failures: &'static str,
    /// Matchers for the series of a role; `None` where nobody can know them.
    pub(crate) selector: Option<&'static str>,
    /// What they may look like.
    pub(crate) example: &'static str,
}

/// The first is the one of baepo itself. Where an exporter makes a series for
/// failures only with the first of them, `or 0 * …` makes it a zero: data that
/// are absent mean nothing, and must not be taken for one.
///
/// Source: `host/runtime/src/router/metrics.rs`; HAProxy's promex; the
/// Prometheus format of nginx-module-vts; Envoy's cluster statistics.
pub(crate) const TEMPLATES: [Template; 4] = [
    Template {
        name: "baepo",
        requests: r#"baepo_requests_total{release="{{release}}",SELECTOR}"#,
        failures: r#"baepo_failures_total{release="{{release}}",SELECTOR}"#,
        selector: Some(""),
        example: r#"job="shop""#,
    },
    Template {
        name: "haproxy",
        requests: "haproxy_backend_http_responses_total{SELECTOR}",
        failures: r#"haproxy_backend_http_responses_total{SELECTOR,code="5xx"}"#,
        selector: None,
        example: r#"proxy="shop-{{role}}""#,
    },
    Template {
        name: "nginx",
        requests: r#"nginx_vts_upstream_requests_total{SELECTOR,code=~"[1-5]xx"}"#,
        failures: r#"nginx_vts_upstream_requests_total{SELECTOR,code="5xx"}"#,
        selector: Some(r#"backend=~"{{endpoints}}""#),
        example: r#"backend=~"{{endpoints}}""#,
    },
    Template {
        name: "envoy",
        requests: "envoy_cluster_upstream_rq_completed{SELECTOR}",
        failures: r#"envoy_cluster_upstream_rq_xx{SELECTOR,envoy_response_code_class="5"} or 0 * envoy_cluster_upstream_rq_completed{SELECTOR}"#,
        selector: None,
        example: r#"envoy_cluster_name="shop-{{role}}""#,
    },
];

/// A template's query with the matchers in it. PromQL takes a comma at the end
/// of matchers, but none before the first.
pub(crate) fn with_selector(query: &str, selector: &str) -> String {
    let selector = selector.trim().trim_matches(',');
    match selector {
        "" => query.replace(",SELECTOR", "").replace("SELECTOR,", ""),
        selector => query.replace("SELECTOR", selector),
    }
}

/// What may stand between two braces.
const PLACEHOLDERS: [&str; 5] = ["role", "release", "commit", "endpoints", "window"];

/// `{{window}}` is at least this, so that there are two scrapes in it.
const LEAST_WINDOW: Millis = Millis::minutes(1);

/// … and at most this, so that it is answered soon.
const MOST_WINDOW: Millis = Millis::minutes(60);

/// Whether all placeholders of a query are known.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn check_placeholders(query: &str) -> Result<(), String> {
    if query.trim().is_empty() {
        return Err("is empty, expected a query in PromQL".into());
    }
    let mut unknown = None;
    replace(query, |name| {
        let is_known = PLACEHOLDERS.contains(&name);
        if !is_known {
            unknown = Some(name.to_string());
        }
        Ok(String::new())
    })?;
    match unknown {
        None => Ok(()),
        Some(name) => Err(format!(
            "`{{{{{name}}}}}` is unknown, expected one of `{{{{{}}}}}`",
            PLACEHOLDERS.join("}}`, `{{")
        )),
    }
}

/// A query about one role. An empty one stays empty.
///
/// # Errors
/// Why there is none, for people: what a placeholder stands for is not there, or
/// would be more than a value inside of quotes.
pub(crate) fn render(query: &str, role: Role, request: &ObserveRequest) -> Result<String, String> {
    let side = match role {
        Role::Candidate => Some(&request.candidate),
        Role::Stable => request.stable.as_ref(),
    };
    let name = match role {
        Role::Candidate => "candidate",
        Role::Stable => "stable",
    };
    let side = side.ok_or("there is no stable release")?;
    replace(query, |placeholder| match placeholder {
        "role" => Ok(name.to_string()),
        "release" => plain(&side.release.digest),
        "commit" => plain(&side.release.revision.commit),
        "endpoints" => endpoints(side, name),
        "window" => {
            let elapsed = Millis(request.window_elapsed_ms);
            let window = elapsed.clamp(LEAST_WINDOW, MOST_WINDOW);
            Ok(format!("{}s", window.0 / 1_000))
        }
        other => Err(format!("`{{{{{other}}}}}` is unknown")),
    })
}

/// Replaces what stands between double braces.
fn replace(
    query: &str,
    mut value: impl FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = query;
    while let Some((before, inside)) = rest.split_once("{{") {
        let (name, after) = inside
            .split_once("}}")
            .ok_or("has `{{` without `}}` behind it")?;
        text += before;
        text += &value(name.trim())?;
        rest = after;
    }
    Ok(text + rest)
}

/// A digest or a commit id, which needs no quoting.
fn plain(value: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":._-".contains(c);
    match !value.is_empty() && value.chars().all(is_plain) {
        true => Ok(value.to_string()),
        false => Err(format!(
            "`{}` cannot stand in a query",
            value.escape_debug()
        )),
    }
}

/// `127[.]0[.]0[.]1:4711|127[.]0[.]0[.]1:4712`: a regular expression for hosts
/// and ports, to stand in any kind of quotes, so without backslashes.
/// Prometheus anchors it at both ends.
fn endpoints(side: &Side, name: &str) -> Result<String, String> {
    if side.endpoints.is_empty() {
        return Err(format!("{name} has no instance"));
    }
    let escaped = side.endpoints.iter().map(|endpoint| {
        let host = endpoint
            .split_once("://")
            .map_or(&**endpoint, |(_, host)| host);
        let host = host.split('/').next().unwrap_or_default();
        let mut text = String::new();
        for c in host.chars() {
            match c {
                '.' | '[' | ']' => text.extend(['[', c, ']']),
                c if c.is_ascii_alphanumeric() || ":-_".contains(c) => text.push(c),
                _ => return Err(format!("`{}` is not an instance", endpoint.escape_debug())),
            }
        }
        Ok(text)
    });
    Ok(escaped.collect::<Result<Vec<_>, _>>()?.join("|"))
}

//! What users write under `with:`.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::units::{Millis, Percent};
use serde_json::Value;

/// The most probes of one role in one look: two roles stay below the 50 requests
/// that a call may make.
const MOST_PROBES: u64 = 20;

/// The longest that one probe may take, so that a hanging instance is counted
/// as a failure within the time of a call.
const MOST_TIMEOUT: Millis = Millis::seconds(2);

/// The whole block.
pub(crate) struct Http {
    /// The path that is asked for, with its query.
    pub(crate) path: String,
    pub(crate) expect: Expect,
    pub(crate) timeout: Millis,
    /// Probes of each role in one look.
    pub(crate) probes: u64,
    /// The share of probes that may fail, above 0 and below 1.
    pub(crate) max_failure_rate: f64,
    pub(crate) latency: Option<Latency>,
    /// The share of probes that the service may fail at all: 0.001 for 99.9 %.
    pub(crate) error_budget: Option<f64>,
}

/// What a good answer looks like.
pub(crate) struct Expect {
    /// Ranges of statuses, ends included.
    pub(crate) statuses: Vec<(u16, u16)>,
    /// A text that must be in the body.
    pub(crate) body: Option<String>,
}

/// How long answers may take.
#[derive(Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) most: Millis,
    /// The share of answers that may take longer, above 0 and below 1.
    pub(crate) may_be_slow: f64,
    /// The quantile for people, `p95`.
    pub(crate) quantile: Percent,
}

impl Config for Http {
    fn read(fields: &mut Fields) -> Http {
        Http {
            path: read_path(fields),
            expect: fields.block("expect", read_expect).unwrap_or(Expect {
                statuses: vec![(200, 299)],
                body: None,
            }),
            timeout: read_timeout(fields),
            probes: read_probes(fields),
            max_failure_rate: share(fields, "max-failure-rate", Percent(100)),
            latency: read_latency(fields),
            error_budget: baepo_limits::read::error_budget(fields),
        }
    }
}

fn read_path(fields: &mut Fields) -> String {
    let path: String = fields.or("path", "/".to_string());
    let is_path =
        path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()) && !path.contains('#');
    if !is_path {
        fields.problem(
            "path",
            format!(
                "`{}` is not a path, expected for example `/healthz`",
                path.escape_debug()
            ),
        );
    }
    path
}

fn read_expect(fields: &mut Fields) -> Expect {
    let statuses = match fields.take("status") {
        None => vec![(200, 299)],
        Some(Value::Array(items)) if !items.is_empty() => items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| read_status(fields, &format!("status.{i}"), item))
            .collect(),
        Some(item) => read_status(fields, "status", &item).into_iter().collect(),
    };
    let body: Option<String> = fields.optional("body");
    if body.as_deref() == Some("") {
        fields.problem(
            "body",
            "is empty; leave it out where any body is right, or write a text that must be in it",
        );
    }
    Expect { statuses, body }
}

/// `200`, or `200-299`.
fn read_status(fields: &mut Fields, at: &str, value: &Value) -> Option<(u16, u16)> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let number = |text: &str| {
        let number: u16 = text.trim().parse().ok()?;
        (100..=599).contains(&number).then_some(number)
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Some((first, last)),
        _ => {
            let message = format!(
                "`{}` is not a status, expected for example `200`, `200-299` or a list of these",
                text.escape_debug()
            );
            fields.problem(at, message);
            None
        }
    }
}

fn read_timeout(fields: &mut Fields) -> Millis {
    let timeout = fields.or("timeout", Millis::seconds(1));
    if timeout == Millis(0) || timeout > MOST_TIMEOUT {
        let message = format!(
            "must be above 0 and at most {MOST_TIMEOUT}, so that all probes fit into one look"
        );
        fields.problem("timeout", message);
    }
    timeout
}

fn read_probes(fields: &mut Fields) -> u64 {
    let probes = fields.or("requests-per-look", 10);
    if !(1..=MOST_PROBES).contains(&probes) {
        fields.problem(
            "requests-per-look",
            format!("must be from 1 to {MOST_PROBES}"),
        );
    }
    probes
}

fn read_latency(fields: &mut Fields) -> Option<Latency> {
    let most = match fields.take("max-latency") {
        None => None,
        Some(word) if word == "off" || word == false => None,
        Some(value) => fields.read::<Millis>("max-latency", value),
    };
    if most == Some(Millis(0)) {
        fields.problem("max-latency", "must be above 0");
    }
    let has_quantile = fields.has("latency-quantile");
    let fast = share(fields, "latency-quantile", Percent(9_500));
    if has_quantile && most.is_none() && fields.is_fine("max-latency") {
        fields.problem("latency-quantile", "means nothing without `max-latency`");
    }
    Some(Latency {
        most: most?,
        may_be_slow: 1.0 - fast,
        quantile: Percent((fast * 10_000.0).round() as u32),
    })
}

/// A share between nothing and everything, as a number.
fn share(fields: &mut Fields, key: &'static str, default: Percent) -> f64 {
    let share = fields.or(key, default);
    if !(1..=9_999).contains(&share.0) {
        fields.problem(
            key,
            format!("{share} can never be judged; use a share in between"),
        );
        return f64::from(default.0) / 10_000.0;
    }
    f64::from(share.0) / 10_000.0
}

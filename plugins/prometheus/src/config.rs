//! What users write under `with:`.

use baepo_judge::Settings;
use baepo_limits::read;
use baepo_plugin::Role;
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::units::Millis;
use serde_json::Value;

use crate::template::{self, TEMPLATES, check_placeholders};

/// The most queries that users may write: each is asked for two roles, and a call
/// may make 50 requests.
const MOST_QUERIES: usize = 10;

/// The longest that one query may take.
const MOST_TIMEOUT: Millis = Millis::seconds(5);

/// The whole block.
pub(crate) struct Prometheus {
    /// Without `/` at its end.
    pub(crate) address: String,
    /// The name of a secret that is sent as a bearer token.
    pub(crate) token: Option<String>,
    pub(crate) timeout: Millis,
    /// How often the source has new values.
    pub(crate) interval: Millis,
    pub(crate) settings: Settings,
    pub(crate) counters: Vec<Counter>,
    pub(crate) gauges: Vec<Gauge>,
}

/// Requests and failures as raw counters.
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) requests: ByRole,
    pub(crate) failures: ByRole,
}

/// One value.
pub(crate) struct Gauge {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) query: ByRole,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<f64>,
    /// Whether its verdict counts.
    pub(crate) is_critical: bool,
    /// Values in a row that it takes for a verdict.
    pub(crate) times: u32,
}

impl Gauge {
    /// Whether its verdict counts.
    pub(crate) fn is_judged(&self) -> bool {
        self.limit.is_some() && self.is_critical
    }
}

/// A query for each role, with placeholders.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ByRole {
    pub(crate) stable: String,
    pub(crate) candidate: String,
}

impl ByRole {
    pub(crate) fn of(&self, role: Role) -> &str {
        match role {
            Role::Stable => &self.stable,
            Role::Candidate => &self.candidate,
        }
    }

    pub(crate) fn both(query: String) -> ByRole {
        ByRole {
            stable: query.clone(),
            candidate: query,
        }
    }
}

/// Which way is bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    /// Above the limit.
    Increase,
    /// Below the limit.
    Decrease,
    /// Further from stable than the limit.
    Either,
}

enum Query {
    Counter(Counter),
    Gauge(Gauge),
}

impl Config for Prometheus {
    fn read(fields: &mut Fields) -> Prometheus {
        let address = read_address(fields);
        let settings = read_settings(fields);
        let mut config = Prometheus {
            address,
            token: fields.optional("token"),
            timeout: read_timeout(fields),
            interval: read_interval(fields),
            settings,
            counters: read_template(fields).into_iter().collect(),
            gauges: Vec::new(),
        };
        let written = fields.blocks("queries", read_query).unwrap_or_default();
        if written.len() > MOST_QUERIES {
            fields.problem("queries", format!("has more than {MOST_QUERIES} entries"));
        }
        for query in written {
            match query {
                Query::Counter(counter) => config.counters.push(counter),
                Query::Gauge(gauge) => config.gauges.push(gauge),
            }
        }
        check_names(fields, &config);
        // Each counter has its part, so that false alarms of all of them together
        // stay below α.
        config.settings.alpha /= config.counters.len().max(1) as f64;
        let is_judged = config.gauges.iter().any(Gauge::is_judged);
        if config.counters.is_empty() && !is_judged && fields.is_fine("queries") {
            fields.problem(
                "queries",
                "have nothing that can fail or pass: one needs a `limit`, or `requests` and `failures`",
            );
        }
        config
    }
}

fn read_address(fields: &mut Fields) -> String {
    let address: String = fields.or("address", "http://127.0.0.1:9090".to_string());
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let is_fine = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', '@', ' '])
    });
    if !is_fine {
        fields.problem(
            "address",
            format!(
                "`{}` is not the address of a Prometheus, expected for example `http://127.0.0.1:9090`",
                address.escape_debug()
            ),
        );
    }
    address.trim_end_matches('/').to_string()
}

fn read_settings(fields: &mut Fields) -> Settings {
    let usual = Settings::default();
    Settings {
        max_failure_rate: read::max_failure_rate(fields, usual.max_failure_rate),
        min_requests: read::min_requests(fields, usual.min_requests),
        ..usual
    }
}

fn read_timeout(fields: &mut Fields) -> Millis {
    let timeout = fields.or("timeout", Millis::seconds(2));
    if timeout == Millis(0) || timeout > MOST_TIMEOUT {
        fields.problem(
            "timeout",
            format!("must be above 0 and at most {MOST_TIMEOUT}"),
        );
    }
    timeout
}

fn read_interval(fields: &mut Fields) -> Millis {
    let interval = fields.or("interval", Millis::seconds(15));
    if interval == Millis(0) {
        fields.problem(
            "interval",
            "must be above 0: it is how often values are scraped",
        );
    }
    interval
}

/// The counters of a common exporter. Without `queries` it is that of baepo's
/// agent.
fn read_template(fields: &mut Fields) -> Option<Counter> {
    let names: Vec<(&str, usize)> = TEMPLATES
        .iter()
        .enumerate()
        .map(|(i, template)| (template.name, i))
        .collect();
    let is_written = fields.has("template");
    let found = match fields.one_of("template", &names) {
        Some(found) => Some(&TEMPLATES[found]),
        None if is_written || fields.has("queries") => None,
        None => Some(&TEMPLATES[0]),
    };
    let selector: Option<String> = fields.optional("selector");
    if let Some(selector) = &selector {
        if let Err(why) = check_placeholders(selector) {
            fields.problem("selector", why);
        }
        if found.is_none() && !is_written {
            fields.problem("selector", "means nothing without a `template`");
        }
    }
    let template = found?;
    let selector = match (selector, template.selector) {
        (Some(selector), _) => selector,
        (None, Some(selector)) => selector.to_string(),
        (None, None) => {
            fields.problem(
                "selector",
                format!(
                    "is missing: the template `{}` needs matchers for each role, for example `{}`",
                    template.name, template.example
                ),
            );
            String::new()
        }
    };
    Some(Counter {
        name: template.name.to_string(),
        requests: ByRole::both(template::with_selector(template.requests, &selector)),
        failures: ByRole::both(template::with_selector(template.failures, &selector)),
    })
}

fn read_query(fields: &mut Fields) -> Query {
    let name: String = fields.or("name", String::new());
    if name.is_empty() && fields.is_fine("name") {
        fields.problem("name", "is missing, expected for example `errors`");
    }
    if fields.has("requests") || fields.has("failures") {
        return Query::Counter(Counter {
            name,
            requests: read_by_role(fields, "requests"),
            failures: read_by_role(fields, "failures"),
        });
    }
    let query = read_gauge_query(fields);
    let limit: Option<f64> = fields.optional("limit");
    let directions = [
        ("increase", Direction::Increase),
        ("decrease", Direction::Decrease),
        ("either", Direction::Either),
    ];
    let direction = fields.one_of("direction", &directions);
    let direction = direction.unwrap_or(Direction::Increase);
    if direction == Direction::Either && limit.is_some_and(|limit| limit < 0.0) {
        fields.problem("limit", "must not be below 0: it is a distance from stable");
    }
    let times = fields.or("times", 3);
    if !(1..=100).contains(&times) {
        fields.problem("times", "must be from 1 to 100");
    }
    Query::Gauge(Gauge {
        name,
        unit: fields.or("unit", String::new()),
        query,
        direction,
        limit,
        is_critical: fields.or("critical", true),
        times,
    })
}

/// `query` for both roles, or `stable` and `candidate`.
fn read_gauge_query(fields: &mut Fields) -> ByRole {
    if fields.has("stable") || fields.has("candidate") {
        let stable = fields.or("stable", String::new());
        let candidate = fields.or("candidate", String::new());
        if candidate.is_empty() && fields.is_fine("candidate") {
            fields.problem("candidate", "is missing: it is what is judged");
        }
        if fields.has("query") {
            fields.problem(
                "query",
                "is there beside `stable` and `candidate`; write one or the other",
            );
        }
        fields.take("query");
        for (key, query) in [("stable", &stable), ("candidate", &candidate)] {
            if let Err(why) = check_placeholders(query) {
                fields.problem(key, why);
            }
        }
        return ByRole { stable, candidate };
    }
    read_by_role(fields, "query")
}

/// A text, or a mapping with `stable` and `candidate`.
fn read_by_role(fields: &mut Fields, key: &'static str) -> ByRole {
    let by_role = match fields.take(key) {
        None => {
            fields.problem(key, "is missing, expected a query in PromQL");
            return ByRole::default();
        }
        Some(Value::Object(mut queries)) => {
            let mut of = |role: &str| match queries.remove(role) {
                Some(Value::String(query)) => query,
                _ => {
                    fields.problem(key, format!("needs a query under `{role}`"));
                    String::new()
                }
            };
            let by_role = ByRole {
                stable: of("stable"),
                candidate: of("candidate"),
            };
            if let Some(other) = queries.keys().next() {
                let message = format!("`{other}` is unknown, expected `stable` and `candidate`");
                fields.problem(key, message);
            }
            by_role
        }
        Some(value) => ByRole::both(fields.read(key, value).unwrap_or_default()),
    };
    for query in [&by_role.stable, &by_role.candidate] {
        if let Err(why) = check_placeholders(query)
            && fields.is_fine(key)
        {
            fields.problem(key, why);
        }
    }
    by_role
}

fn check_names(fields: &mut Fields, config: &Prometheus) {
    let counters = config.counters.iter().map(|counter| &counter.name);
    let mut names: Vec<&String> = counters
        .chain(config.gauges.iter().map(|gauge| &gauge.name))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        fields.problem("queries", format!("two are called `{}`", twice[0]));
    }
}

//! Queries at one moment. Source:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use baepo_plugin::HookError;
use baepo_plugin::bindings::imports::secrets::{self, Secret, SecretError};
use baepo_plugin::http::{HeaderValue, HttpError, Request, Response, explain};
use baepo_plugin::text::line;
use serde_json::{Map, Value as Json};

use crate::Send;
use crate::config::Prometheus;

/// The largest answer, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// The most series of one query; each is remembered until the next look.
pub(crate) const MOST_SERIES: usize = 40;

/// The label that tells apart what several queries in one have found.
const PART: &str = "baepo_part";

/// What all queries of a look may take, in microseconds, of the 10 s of a call.
const MOST_SPENT_US: u64 = 8_000_000;

/// Why a query says nothing.
#[derive(Debug, PartialEq)]
pub(crate) enum NoAnswer {
    /// For people, as a fragment: the verdict is inconclusive.
    Because(String),
    /// The whole look ends.
    Ends(HookError),
}

impl From<String> for NoAnswer {
    fn from(why: String) -> NoAnswer {
        NoAnswer::Because(why)
    }
}

impl From<HookError> for NoAnswer {
    fn from(error: HookError) -> NoAnswer {
        NoAnswer::Ends(error)
    }
}

/// A number, and a mark of the labels that it came with.
pub(crate) type Series = (u64, f64);

/// What one query has found: at least one value and all of them finite, or why
/// there is none.
pub(crate) type Found = Result<Vec<Series>, NoAnswer>;

/// Asks the queries of one look, all about the same moment.
pub(crate) struct Asker<'a> {
    config: &'a Prometheus,
    now_ms: u64,
    token: Option<&'a Secret>,
    send: Send<'a>,
    spent_us: u64,
    /// Why nobody is asked any more.
    silent: Option<String>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        config: &'a Prometheus,
        now_ms: u64,
        token: Option<&'a Secret>,
        send: Send<'a>,
    ) -> Asker<'a> {
        Asker {
            config,
            now_ms,
            token,
            send,
            spent_us: 0,
            silent: None,
        }
    }

    /// What each of several queries finds, all of them among the same scrapes.
    /// Asked one after the other, what is scraped in between would be in the later
    /// ones alone, and failures without their requests are those of a bad release.
    ///
    /// # Errors
    /// Why nobody answers all of them, about the first query that is to blame.
    pub(crate) fn together<const N: usize>(
        &mut self,
        queries: [&str; N],
    ) -> Result<[Found; N], NoAnswer> {
        let parts: Vec<String> = queries.iter().enumerate().map(part).collect();
        let answer = match self.ask(&parts.join(" or ")) {
            Err(NoAnswer::Because(why)) => {
                for query in queries {
                    self.series(query)?;
                }
                return Err(NoAnswer::Because(why));
            }
            answer => answer?,
        };
        Ok(std::array::from_fn(|part| {
            let of = answer.iter().filter(|value| value.part == Some(part));
            checked(queries[part], of.map(|value| value.series).collect())
        }))
    }

    /// What one query finds.
    fn series(&mut self, query: &str) -> Found {
        let answer = self.ask(query)?;
        checked(query, answer.iter().map(|value| value.series).collect())
    }

    /// The one value of a query.
    pub(crate) fn value(&mut self, query: &str) -> Result<f64, NoAnswer> {
        match self.series(query)?.as_slice() {
            [(_, value)] => Ok(*value),
            series => Err(NoAnswer::Because(format!(
                "`{}` has {} series where one is expected; aggregate them, for example with max(…)",
                line(query, 80),
                series.len()
            ))),
        }
    }

    fn ask(&mut self, query: &str) -> Result<Vec<Value>, NoAnswer> {
        if let Some(why) = &self.silent {
            return Err(NoAnswer::Because(why.clone()));
        }
        let address = &self.config.address;
        if self.spent_us + self.config.timeout.0 * 1_000 > MOST_SPENT_US {
            let why = format!("{address} answers too slowly to ask all queries in one look");
            self.silent = Some(why.clone());
            return Err(NoAnswer::Because(why));
        }
        let request = self.request(query);
        let answer = (self.send)(request);
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                // What is too large is the answer to this query alone.
                let is_about_all = !matches!(error, HttpError::TooLarge(_));
                let why = format!("{address}: {}", explain(error)?);
                if is_about_all {
                    self.silent = Some(why.clone());
                }
                return Err(NoAnswer::Because(why));
            }
        };
        self.spent_us += response.duration_us;
        let read = read(&response);
        read.map_err(|why| NoAnswer::Because(format!("{address}: {why}")))
    }

    fn request(&self, query: &str) -> Request<'a> {
        let (seconds, ms) = (self.now_ms / 1_000, self.now_ms % 1_000);
        let timeout_ms = self.config.timeout.0;
        let body = format!(
            "query={}&time={seconds}.{ms:03}&timeout={timeout_ms}ms",
            encoded(query)
        );
        let form = "application/x-www-form-urlencoded".to_string();
        let mut headers = vec![("content-type".to_string(), HeaderValue::Plain(form))];
        if let Some(token) = self.token {
            let value = HeaderValue::Secret(("Bearer ".to_string(), token));
            headers.push(("authorization".to_string(), value));
        }
        Request {
            method: "POST".into(),
            url: format!("{}/api/v1/query", self.config.address),
            headers,
            body: body.into_bytes(),
            timeout_ms: Some(timeout_ms),
            limit_bytes: Some(MOST_BYTES),
        }
    }
}

/// One of several queries, as a part of one. On lines of its own, for a query may
/// end in a comment.
fn part((part, query): (usize, &&str)) -> String {
    format!("label_replace((\n{query}\n), \"{PART}\", \"{part}\", \"\", \"\")")
}

/// What a query has found, if it can be counted on.
fn checked(query: &str, series: Vec<Series>) -> Found {
    let query = line(query, 80);
    if series.is_empty() {
        return Err(NoAnswer::Because(format!("no data for `{query}`")));
    }
    if series.len() > MOST_SERIES {
        let why = format!(
            "`{query}` has {} series, at most {MOST_SERIES} are read; sum them, for example by instance",
            series.len()
        );
        return Err(NoAnswer::Because(why));
    }
    match series.iter().find(|(_, value)| !value.is_finite()) {
        Some((_, value)) => Err(NoAnswer::Because(format!(
            "`{query}` is {value}, not a number to judge"
        ))),
        None => Ok(series),
    }
}

/// A handle to the token.
///
/// # Errors
/// A missing grant, or a run that was given no value.
pub(crate) fn open(name: &str) -> Result<Secret, HookError> {
    secrets::open(name).map_err(|error| match error {
        SecretError::Denied(name) => HookError::Denied(format!("secrets: {name}")),
        SecretError::Missing(name) => {
            HookError::Failed(format!("this run was given no value for secret `{name}`"))
        }
    })
}

/// As a form wants it.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// One value of an answer.
struct Value {
    /// Which of several queries it is of.
    part: Option<usize>,
    series: Series,
}

/// The values of an answer, or why there are none.
fn read(response: &Response) -> Result<Vec<Value>, String> {
    let answer: Option<Json> = serde_json::from_slice(&response.body).ok();
    let text = |value: &Json| value.as_str().map(|text| line(text, 160));
    let Some(answer) = answer else {
        return Err(format!("status {}, and no JSON", response.status));
    };
    if answer["status"] != "success" || response.status != 200 {
        let why = text(&answer["error"]).unwrap_or_else(|| "it does not say why".into());
        return Err(format!(
            "status {}, the query was not answered: {why}",
            response.status
        ));
    }
    // Some of the sources behind it did not answer; what is missing may be the
    // failures.
    let warnings = answer["warnings"].as_array();
    if let Some(warning) = warnings.and_then(|warnings| warnings.first()) {
        let warning = text(warning).unwrap_or_default();
        return Err(format!("the answer is partial: {warning}"));
    }
    if answer["isPartial"] == true {
        return Err("the answer is partial".into());
    }
    let result = &answer["data"]["result"];
    match answer["data"]["resultType"].as_str() {
        Some("scalar") => Ok(vec![Value {
            part: None,
            series: (0, number(result)?),
        }]),
        Some("vector") => {
            let items = result.as_array().ok_or("the answer has no result")?;
            items
                .iter()
                .map(|item| {
                    let labels = &item["metric"];
                    let part = labels[PART].as_str();
                    Ok(Value {
                        part: part.and_then(|part| part.parse().ok()),
                        series: (mark(labels), number(&item["value"])?),
                    })
                })
                .collect()
        }
        Some(other) => Err(format!(
            "the query gives a {}, expected one value per series at one moment",
            line(other, 20)
        )),
        None => Err("the answer has no result".into()),
    }
}

/// The second of `[time, "value"]`. Prometheus writes `NaN` and `+Inf`, which
/// Rust reads.
fn number(sample: &Json) -> Result<f64, String> {
    let value = sample[1].as_str().and_then(|text| text.parse().ok());
    value.ok_or_else(|| "the answer has a value that is not a plain number".into())
}

/// The same number for the same labels, but for the one that is ours. Source: FNV-1a, 64 bits; keys of a map
/// are sorted.
fn mark(labels: &Json) -> u64 {
    let nothing = Map::new();
    let mut mark = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |text: &str| {
        for byte in text.bytes().chain([0]) {
            mark = (mark ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    let labels = labels.as_object().unwrap_or(&nothing);
    for (name, value) in labels.iter().filter(|(name, _)| *name != PART) {
        eat(name);
        eat(value.as_str().unwrap_or_default());
    }
    mark
}

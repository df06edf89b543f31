//! How a case is judged: its configuration, and the settings that it comes to.

use baepo_judge::Settings;
use serde::Deserialize;
use serde_json::Value;

use crate::config::unit::parse_duration;

/// How a case is judged.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaseConfig {
    /// `1%`, 0.01 or `off`.
    pub max_failure_rate: Option<Value>,
    /// How many requests the candidate needs.
    pub min_requests: Option<u64>,
    /// `off`: latency is not judged.
    pub latency: Option<Value>,
    /// Differences below this do not matter, for example `5ms`.
    pub latency_floor: Option<String>,
    /// A percentile and its limit, for example `p95 300ms`.
    pub max_latency: Option<String>,
    /// The chance of failing what is fine.
    pub alpha: Option<f64>,
    /// The chance of passing what is bad.
    pub beta: Option<f64>,
}

pub(super) fn is_off(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == "off" || *value == false)
}

/// The settings of the judge.
///
/// # Errors
/// What is wrong with the configuration.
pub(super) fn settings(config: &CaseConfig) -> Result<Settings, String> {
    let usual = Settings::default();
    let share = |name: &str, value: f64| match value > 0.0 && value < 1.0 {
        true => Ok(value),
        false => Err(format!("{name}: {value} is not between 0 and 1")),
    };
    let max_failure_rate = match &config.max_failure_rate {
        None => usual.max_failure_rate,
        Some(Value::Null) => None,
        Some(value) if is_off(Some(value)) => None,
        Some(value) => Some(share("max-failure-rate", rate(value)?)?),
    };
    let latency_floor = match &config.latency_floor {
        None => 0.0,
        Some(text) => milliseconds(text).map_err(|error| format!("latency-floor: {error}"))?,
    };
    let max_latency = config.max_latency.as_deref().map(limit).transpose()?;
    Ok(Settings {
        alpha: share("alpha", config.alpha.unwrap_or(usual.alpha))?,
        beta: share("beta", config.beta.unwrap_or(usual.beta))?,
        max_failure_rate,
        min_requests: config.min_requests.unwrap_or(usual.min_requests),
        compares_latency: !is_off(config.latency.as_ref()),
        latency_floor,
        max_latency,
        other_gates: 0,
    })
}

/// `1%` or 0.01.
fn rate(value: &Value) -> Result<f64, String> {
    let of_text = |text: &str| -> Option<f64> {
        let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
        Some(percent / 100.0)
    };
    let read = value.as_f64().or_else(|| value.as_str().and_then(of_text));
    read.ok_or_else(|| {
        format!("max-failure-rate: {value} is no share, write for example `1%` or `off`")
    })
}

fn milliseconds(text: &str) -> Result<f64, String> {
    parse_duration(text).map(|time| time.0 as f64)
}

/// `p95 300ms`.
fn limit(text: &str) -> Result<(f64, f64), String> {
    let wrong = || format!("max-latency: `{text}` is no limit, write for example `p95 300ms`");
    let (percentile, time) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let percent = percentile
        .strip_prefix('p')
        .and_then(|text| text.parse().ok());
    let percent: f64 = percent.ok_or_else(wrong)?;
    let most = milliseconds(time).map_err(|_| wrong())?;
    match (50.0..100.0).contains(&percent) && most > 0.0 {
        true => Ok((percent / 100.0, most)),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::judge::case::{Case, judge};

    #[test]
    fn a_configuration_that_is_wrong_is_named() {
        for (config, word) in [
            (json!({ "max-failure-rate": "lots" }), "max-failure-rate"),
            (json!({ "max-failure-rate": 2 }), "max-failure-rate"),
            (json!({ "max-latency": "300ms" }), "max-latency"),
            (json!({ "alpha": 0 }), "alpha"),
        ] {
            let case = serde_json::from_value(json!({ "config": config })).unwrap();
            assert!(judge(&case).unwrap_err().contains(word));
        }
        let unknown = json!({ "config": { "max-failures": 1 } });
        assert!(serde_json::from_value::<Case>(unknown).is_err());
    }
}

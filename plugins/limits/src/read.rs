//! Keys of a `with:` block.

use baepo_plugin::config::Fields;
use baepo_plugin::units::Percent;

/// `max-failure-rate`: the largest share of requests that may fail, above 0 and
/// below 1; `None` for `off`.
pub fn max_failure_rate(fields: &mut Fields, usual: Option<f64>) -> Option<f64> {
    let value = match fields.take("max-failure-rate") {
        None => return usual,
        Some(word) if word == "off" || word == false => return None,
        Some(value) => value,
    };
    match fields.read::<Percent>("max-failure-rate", value)? {
        Percent(share @ 1..=9_999) => Some(f64::from(share) / 10_000.0),
        share => {
            let message = format!("{share} can never be judged; use a share in between, or `off`");
            fields.problem("max-failure-rate", message);
            None
        }
    }
}

/// `min-requests`: how many requests a window needs to be healthy.
pub fn min_requests(fields: &mut Fields, usual: u64) -> u64 {
    let least = fields.or("min-requests", usual);
    if least == 0 {
        fields.problem(
            "min-requests",
            "must be at least 1: nothing is healthy without a request",
        );
    }
    least
}

/// The error budget that `slo` leaves, above 0 and below 1; `None` for `off` or
/// without the key.
pub fn error_budget(fields: &mut Fields) -> Option<f64> {
    let value = match fields.take("slo") {
        None => return None,
        Some(word) if word == "off" || word == false => return None,
        Some(value) => value,
    };
    match fields.read::<Percent>("slo", value)? {
        // Fourteen times the budget must be a rate that can be judged.
        Percent(slo @ 9_400..=9_999) => Some(f64::from(10_000 - slo) / 10_000.0),
        slo => {
            let message =
                format!("{slo} is not a goal that can be guarded; use 94% to 99.99%, or `off`");
            fields.problem("slo", message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use baepo_plugin::HookError;
    use baepo_plugin::config::{Config, parse};

    use super::*;

    #[derive(Debug, PartialEq)]
    struct All(Option<f64>, u64, Option<f64>);

    impl Config for All {
        fn read(fields: &mut Fields) -> All {
            All(
                max_failure_rate(fields, Some(0.01)),
                min_requests(fields, 30),
                error_budget(fields),
            )
        }
    }

    #[test]
    fn what_is_not_written_is_usual_and_off_is_off() {
        let read = |json| parse::<All>(json).unwrap();
        assert_eq!(read("{}"), All(Some(0.01), 30, None));
        let off = r#"{"max-failure-rate": "off", "slo": false, "min-requests": 5}"#;
        assert_eq!(read(off), All(None, 5, None));
        let set = r#"{"max-failure-rate": "2%", "slo": "99.9%"}"#;
        assert_eq!(read(set), All(Some(0.02), 30, Some(0.001)));
    }

    #[test]
    fn what_can_never_be_judged_is_refused_and_all_of_it_at_once() {
        let json = r#"{"max-failure-rate": "100%", "slo": "100%", "min-requests": 0}"#;
        let Err(HookError::InvalidConfig(problems)) = parse::<All>(json) else {
            panic!("it was taken")
        };
        let told: Vec<String> = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        assert_eq!(
            told,
            [
                "max-failure-rate: 100 % can never be judged; use a share in between, or `off`",
                "min-requests: must be at least 1: nothing is healthy without a request",
                "slo: 100 % is not a goal that can be guarded; use 94% to 99.99%, or `off`",
            ]
        );
    }
}

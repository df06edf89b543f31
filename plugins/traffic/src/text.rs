//! Numbers as people read them.

use baepo_judge::Evidence;

/// Beyond this E is not more convincing, only longer.
const MOST: f64 = 1e9;

/// A share with two or three digits that matter: `0.21 %`, `4.9 %`, `12 %`.
pub(crate) fn percent(rate: Option<f64>) -> String {
    let Some(rate) = rate else {
        return "unknown".into();
    };
    let percent = rate * 100.0;
    let digits = match percent {
        p if p == 0.0 || p >= 10.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} %")
}

/// E, rounded down so that it never seems to reach a limit that it does not.
pub(crate) fn evidence(e: Evidence) -> String {
    match e.value() {
        value if value > MOST => format!("over {}", count(MOST as u64)),
        value if value >= 10.0 => count(value as u64),
        value => format!("{:.1}", (value * 10.0) as u64 as f64 / 10.0),
    }
}

/// Without digits that do not matter: `95`, `99.9`.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// `20,377`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let percents = [0.0, 0.00003, 0.0021, 0.00999, 0.05, 0.049, 0.123, 1.0]
            .map(|rate| percent(Some(rate)));
        assert_eq!(
            percents,
            [
                "0 %", "0.003 %", "0.21 %", "1 %", "5 %", "4.9 %", "12 %", "100 %"
            ]
        );
        assert_eq!(
            [7, 999, 20_377, 1_000_000].map(count),
            ["7", "999", "20,377", "1,000,000"]
        );
        let logs = [f64::NEG_INFINITY, 0.0, 2.0, 4.6, 7.123, 800.0];
        assert_eq!(
            logs.map(|log| evidence(Evidence(log))),
            ["0.0", "1.0", "7.3", "99", "1,240", "over 1,000,000,000"]
        );
    }
}

//! Numbers as people read them.

/// Beyond this E is not more convincing, only longer.
const MOST: f64 = 1e9;

/// A share, 0 to 1, with two or three digits that matter: `0.21 %`, `4.9 %`,
/// `12 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A number with two or three digits that matter: `0.21`, `4.9`, `1,240`.
pub fn number(number: f64) -> String {
    let size = number.abs();
    let digits = match size {
        n if n == 0.0 || n >= 10.0 => 0,
        n if n >= 1.0 => 1,
        n if n >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{size:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or(whole.to_string(), count);
    let sign = if number < 0.0 { "-" } else { "" };
    match part.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part}"),
    }
}

/// E, rounded down so that it never seems to reach a limit that it does not.
pub fn evidence(e: f64) -> String {
    match e {
        e if e > MOST => format!("over {}", count(MOST as u64)),
        e if e >= 10.0 => count(e as u64),
        e => format!("{:.1}", (e * 10.0) as u64 as f64 / 10.0),
    }
}

/// `20,377`.
pub fn count(number: u64) -> String {
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

/// A text on one line of at most so many characters.
pub fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let shares = [0.0, 0.00003, 0.0021, 0.00999, 0.05, 0.049, 0.123, 1.0];
        assert_eq!(
            shares.map(percent),
            [
                "0 %", "0.003 %", "0.21 %", "1 %", "5 %", "4.9 %", "12 %", "100 %"
            ]
        );
        assert_eq!(
            [-4.25, 1_234_567.8, 1e18].map(number),
            ["-4.2", "1,234,568", "1,000,000,000,000,000,000"]
        );
        assert_eq!(
            [0.0, 1.0, 7.39, 99.9, 1_240.5, f64::INFINITY].map(evidence),
            ["0.0", "1.0", "7.3", "99", "1,240", "over 1,000,000,000"]
        );
        assert_eq!(line(" a\n b  c", 3), "a b…");
    }
}

//! Durations and shares of traffic as people write them.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};

/// A duration in milliseconds. In a `with:` block: `500ms`, `30s`, `5m`,
/// `1h30m`, `2d`; a bare number only where it is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Millis {
        Millis(seconds * 1_000)
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Millis {
        Millis::seconds(minutes * 60)
    }

    /// Parses `1h30m` and the like.
    ///
    /// # Errors
    /// A lower-case fragment that says what is expected.
    pub fn parse(text: &str) -> Result<Millis, String> {
        let wrong =
            || format!("`{text}` is not a duration, expected for example `30s`, `5m` or `1h30m`");
        let mut rest: &str = &text.replace(' ', "");
        if rest == "0" {
            return Ok(Millis(0));
        }
        let mut total: u64 = 0;
        let mut last_unit = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(rest.len());
            let unit = match &rest[..letters] {
                "ms" => 1,
                "s" => 1_000,
                "m" | "min" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            // Units shrink from left to right, so that `5m1h` is a mistake.
            if unit >= last_unit {
                return Err(wrong());
            }
            last_unit = unit;
            rest = &rest[letters..];
            total = number
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(wrong)?;
        }
        if last_unit == u64::MAX {
            Err(wrong())
        } else {
            Ok(Millis(total))
        }
    }
}

impl fmt::Display for Millis {
    /// `0s`, `1.5s`, `30s`, `1m 30s`, `2h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 10_000 && !self.0.is_multiple_of(1_000) {
            return match self.0 {
                ms @ 0..1_000 => write!(f, "{ms}ms"),
                ms => write!(f, "{}.{}s", ms / 1_000, ms % 1_000 / 100),
            };
        }
        let seconds = self.0 / 1_000;
        let parts = [
            (seconds / 3600, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ];
        let mut separator = "";
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{separator}{number}{unit}")?;
            separator = " ";
        }
        if separator.is_empty() {
            write!(f, "0s")
        } else {
            Ok(())
        }
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        Millis::parse(&scalar(deserializer)?).map_err(de::Error::custom)
    }
}

/// A share in basis points, 0 to 10000. In a `with:` block: `25%`, `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(pub u32);

impl Percent {
    /// Everything.
    pub const ALL: Percent = Percent(10_000);

    /// Parses `12.5%` exactly, without rounding.
    ///
    /// # Errors
    /// A lower-case fragment that says what is expected.
    pub fn parse(text: &str) -> Result<Percent, String> {
        let wrong = || format!("`{text}` is not a share, expected for example `25%` or `0.5%`");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || whole.len() > 3 {
            return Err(wrong());
        }
        let part = part.trim_end_matches('0');
        if part.len() > 2 {
            return Err(format!(
                "`{text}` is finer than 0.01 %, the smallest share there is"
            ));
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let part: u32 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
        match whole * 100 + part {
            share @ 0..=10_000 => Ok(Percent(share)),
            _ => Err(format!("`{text}` is more than 100 %")),
        }
    }
}

impl fmt::Display for Percent {
    /// `0 %`, `0.5 %`, `12.34 %`, `100 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole} %"),
            _ if part.is_multiple_of(10) => write!(f, "{whole}.{} %", part / 10),
            _ => write!(f, "{whole}.{part:02} %"),
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Percent, D::Error> {
        Percent::parse(&scalar(deserializer)?).map_err(de::Error::custom)
    }
}

/// A number of instances, or a share of n. In a `with:` block: `2` or `25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOrPercent {
    /// So many.
    Count(u32),
    /// Such a share of n.
    Percent(Percent),
}

impl CountOrPercent {
    /// Of n, rounded up.
    pub fn ceil(self, n: u32) -> u32 {
        match self {
            CountOrPercent::Count(count) => count,
            CountOrPercent::Percent(share) => share_of(n, share, 9_999),
        }
    }

    /// Of n, rounded down.
    pub fn floor(self, n: u32) -> u32 {
        match self {
            CountOrPercent::Count(count) => count,
            CountOrPercent::Percent(share) => share_of(n, share, 0),
        }
    }
}

fn share_of(n: u32, share: Percent, round: u64) -> u32 {
    // At most n, so it fits.
    ((u64::from(n) * u64::from(share.0) + round) / 10_000) as u32
}

impl fmt::Display for CountOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountOrPercent::Count(count) => write!(f, "{count}"),
            CountOrPercent::Percent(share) => write!(f, "{share}"),
        }
    }
}

impl<'de> Deserialize<'de> for CountOrPercent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CountOrPercent, D::Error> {
        let text = scalar(deserializer)?;
        if let Ok(count) = text.parse() {
            return Ok(CountOrPercent::Count(count));
        }
        Percent::parse(&text)
            .map(CountOrPercent::Percent)
            .map_err(|_| {
                de::Error::custom(format!(
                    "`{text}` is neither a number of instances nor a share like `25%`"
                ))
            })
    }
}

/// A string, or a number as its text: YAML makes numbers of `0` and `30`.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(de::Error::custom(format!("`{other}` is not a text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_people_do() {
        for (text, ms, shown) in [
            ("30s", 30_000, "30s"),
            ("5m", 300_000, "5m"),
            ("1h30m", 5_400_000, "1h 30m"),
            ("1h 30m", 5_400_000, "1h 30m"),
            ("1500ms", 1_500, "1.5s"),
            ("250ms", 250, "250ms"),
            ("2d", 172_800_000, "48h"),
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(Millis::parse(text), Ok(Millis(ms)), "{text}");
            assert_eq!(Millis(ms).to_string(), shown);
        }
        for text in [
            "",
            "30",
            "s",
            "5 minutes",
            "5m1h",
            "-5s",
            "1.5s",
            "99999999999999999999s",
            "300000000000d",
        ] {
            assert!(Millis::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_exact_to_a_basis_point() {
        for (text, share, shown) in [
            ("1%", 100, "1 %"),
            ("0.5%", 50, "0.5 %"),
            ("12.34 %", 1234, "12.34 %"),
            ("0.01%", 1, "0.01 %"),
            ("100%", 10_000, "100 %"),
            ("5.00%", 500, "5 %"),
        ] {
            assert_eq!(Percent::parse(text), Ok(Percent(share)), "{text}");
            assert_eq!(Percent(share).to_string(), shown);
        }
        for text in ["", "5", "%", "101%", "0.001%", "1e1%", "-1%", ".5%", "5.%"] {
            assert!(Percent::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_of_instances_rounds_the_way_that_is_asked() {
        let quarter = CountOrPercent::Percent(Percent(2500));
        assert_eq!((quarter.ceil(5), quarter.floor(5)), (2, 1));
        assert_eq!((quarter.ceil(4), quarter.floor(4)), (1, 1));
        assert_eq!(CountOrPercent::Count(3).ceil(1), 3);
    }
}

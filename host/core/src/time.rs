//! Time as an input: a point in time and a stretch of it, in milliseconds.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A stretch of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Time {
    /// How long ago `earlier` was; zero where a clock went backwards.
    pub fn since(self, earlier: Time) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// `14:15:06`, UTC.
    pub fn clock(self) -> String {
        let seconds = self.0 / 1000 % 86_400;
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// `2026-11-23T14:15:06Z`. Source: the civil-from-days algorithm of
    /// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    pub fn rfc3339(self) -> String {
        let days = self.0 / 86_400_000 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}T{}Z", self.clock())
    }
}

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Millis {
        Millis(seconds * 1000)
    }

    /// As the standard library's duration.
    pub const fn to_duration(self) -> core::time::Duration {
        core::time::Duration::from_millis(self.0)
    }
}

impl Add<Millis> for Time {
    type Output = Time;
    fn add(self, stretch: Millis) -> Time {
        Time(self.0.saturating_add(stretch.0))
    }
}

impl Sub<Millis> for Time {
    type Output = Time;
    fn sub(self, stretch: Millis) -> Time {
        Time(self.0.saturating_sub(stretch.0))
    }
}

impl fmt::Display for Millis {
    /// `850ms`, `4s`, `2m 4s`, `1h 5m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Millis(ms) = *self;
        let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
        match ms {
            0 => write!(f, "0s"),
            1..1000 => write!(f, "{ms}ms"),
            1000..10_000 if ms % 1000 >= 100 => write!(f, "{seconds}.{}s", ms % 1000 / 100),
            1000..60_000 => write!(f, "{seconds}s"),
            60_000..3_600_000 if seconds % 60 == 0 => write!(f, "{minutes}m"),
            60_000..3_600_000 => write!(f, "{minutes}m {}s", seconds % 60),
            _ if minutes % 60 == 0 => write!(f, "{hours}h"),
            _ => write!(f, "{hours}h {}m", minutes % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn stretches_are_short_to_read() {
        let shown: alloc::vec::Vec<String> =
            [0, 850, 1000, 1500, 124_000, 120_000, 3_900_000, 7_200_000]
                .iter()
                .map(|ms| Millis(*ms).to_string())
                .collect();
        assert_eq!(
            shown,
            ["0s", "850ms", "1s", "1.5s", "2m 4s", "2m", "1h 5m", "2h"]
        );
    }

    #[test]
    fn dates_are_right_across_leap_years() {
        assert_eq!(Time(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Time(951_782_400_000).rfc3339(), "2000-02-29T00:00:00Z");
        assert_eq!(Time(1_795_443_306_000).rfc3339(), "2026-11-23T14:15:06Z");
    }
}

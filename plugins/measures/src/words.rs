//! Measures as people read them: one wording wherever they are shown.

use alloc::format;
use alloc::string::String;

use super::{Measure, Measures};

/// One measure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub name: &'static str,
    /// Its value with a unit, or that there are too few to say.
    pub value: String,
    /// From what it is.
    pub samples: String,
}

impl Measures {
    /// Whether any of them has a value.
    pub fn say_anything(&self) -> bool {
        let all = [
            self.frequency,
            self.lead_time,
            self.failure_rate,
            self.restore_time,
        ];
        all.iter().any(|measure| measure.value.is_some())
    }

    /// All four, in words.
    pub fn rows(&self) -> [Row; 4] {
        let row = |name, measure: Measure, what: &str, words: &dyn Fn(f64) -> String| Row {
            name,
            value: measure.value.map_or("too few to say".into(), words),
            samples: match measure.samples {
                1 => format!("1 {what}"),
                many => format!("{many} {what}s"),
            },
        };
        [
            row(
                "Deployment frequency",
                self.frequency,
                "live rollout",
                &|value| format!("{value:.1} a week"),
            ),
            row("Lead time", self.lead_time, "revision", &duration),
            row(
                "Change failure rate",
                self.failure_rate,
                "change",
                &|value| format!("{:.0} %", value * 100.0),
            ),
            row("Time to restore", self.restore_time, "failure", &duration),
        ]
    }

    /// `the last 12 days`: what the history covers of the window.
    pub fn span(&self) -> String {
        match self.covered_ms.div_ceil(super::DAY_MS) {
            0 | 1 => "the last day".into(),
            days => format!("the last {days} days"),
        }
    }
}

/// `45 s`, `12 m`, `3 h 12 m`, `5 d 4 h`: two units are enough for a median.
fn duration(ms: f64) -> String {
    let seconds = (ms / 1_000.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} m"),
        (0, ..) => format!("{hours} h {} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_said_with_its_unit_and_none_is_said_as_such() {
        let measures = Measures {
            covered_ms: 12 * super::super::DAY_MS - 5,
            lead_time: Measure {
                samples: 5,
                value: Some(11_520_000.0),
            },
            ..Measures::default()
        };
        let [frequency, lead, ..] = measures.rows();
        assert_eq!(
            (frequency.value.as_str(), frequency.samples.as_str()),
            ("too few to say", "0 live rollouts")
        );
        assert_eq!(
            (lead.value.as_str(), lead.samples.as_str()),
            ("3 h 12 m", "5 revisions")
        );
        assert_eq!(measures.span(), "the last 12 days");
        assert!(measures.say_anything() && !Measures::default().say_anything());
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let said = [45e3, 721e3, 11_520e3, 446_400e3].map(duration);
        assert_eq!(said, ["45 s", "12 m", "3 h 12 m", "5 d 4 h"]);
    }
}

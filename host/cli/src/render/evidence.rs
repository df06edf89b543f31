//! Why a rollout was turned back, by the numbers: in a sentence, and as a curve
//! of a few letters for where no picture is drawn.

use baepo_core::report::{Course, RolloutReport};
use baepo_core::rollout::Outcome;
use baepo_core::verdict::{Measurement, Verdict};

use super::words::{at_turning, grouped};

/// Letters of a curve.
const WIDTH: usize = 12;
/// Fewer parts are no curve.
const LEAST: usize = 3;
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `Rolled back at 25 % because failures came to 4.93 %, with stable at 0.21 %
/// and a limit of 1 %: E = 1,240, limit 100 (traffic), 15s after that share was
/// in force.` Each text of a plugin is `quoted` before it is put in.
pub(super) fn because(rollout: &RolloutReport, quoted: &dyn Fn(&str) -> String) -> Option<String> {
    let (judged, number) = rollout.decided_by()?;
    let turned = rollout.turned_back?;
    let how = match rollout.outcome {
        Some(Outcome::RolledBack) => "Rolled back",
        Some(_) => "Turned back",
        None => "Going back",
    };
    let unit = quoted(&number.unit);
    let mut because = match number.candidate {
        Some(value) => format!("{} came to {}", quoted(&number.name), amount(value, &unit)),
        None => format!("{} failed", quoted(&number.name)),
    };
    let beside = [("stable at", number.stable), ("a limit of", number.limit)];
    let beside: Vec<String> = beside
        .into_iter()
        .filter_map(|(what, value)| Some(format!("{what} {}", amount(value?, &unit))))
        .collect();
    if !beside.is_empty() {
        because.push_str(&format!(", with {}", beside.join(" and ")));
    }
    if !number.evidence.is_empty() {
        because.push_str(&format!(": {}", quoted(&number.evidence)));
    }
    because.push_str(&format!(" ({})", quoted(&judged.monitor)));
    // At its share since then.
    let since = rollout.weights.iter().rfind(|(at, _)| *at <= turned);
    if let Some((since, _)) = since {
        let after = turned.since(*since);
        because.push_str(&format!(", {after} after that share was in force"));
    }
    let share = at_turning(rollout);
    Some(format!("{how} at {share} because {because}."))
}

/// The numbers that fail, each with its monitor and how it went.
pub(super) fn failing(rollout: &RolloutReport) -> Vec<(&Measurement, Option<&Course>)> {
    let judged = rollout.judged.iter();
    let failing = judged.flat_map(|judged| {
        let failing = judged.measurements.iter();
        let failing = failing.filter(|m| m.verdict == Verdict::Failing);
        failing.map(|m| (m, rollout.course(&judged.monitor, &m.name)))
    });
    failing.collect()
}

/// A value with three digits that matter, and its unit: `20,377`, `4.93 %`,
/// `0.0031 %`.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let size = value.abs();
    let number = if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        grouped(value as u64)
    } else {
        let digits = match size {
            _ if size >= 100.0 => 0,
            _ if size >= 10.0 => 1,
            _ if size >= 0.1 => 2,
            // Two digits behind the zeros, and an end to them.
            _ => (1.0 - size.log10().floor()).clamp(2.0, 9.0) as usize,
        };
        format!("{value:.digits$}")
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// The candidate's and stable's curves, in one scale: `▁▁▂▅█`. `None` where
/// there are too few points, or none at all of that role.
pub(super) fn sparklines(course: &Course) -> (Option<String>, Option<String>) {
    let parts = course.binned(WIDTH);
    let stable: Vec<Option<f64>> = parts.iter().map(|(_, stable, _)| *stable).collect();
    let candidate: Vec<Option<f64>> = parts.iter().map(|(.., candidate)| *candidate).collect();
    let Some((low, high)) = scale(stable.iter().chain(&candidate).flatten().copied()) else {
        return (None, None);
    };
    let line = |values: &[Option<f64>]| {
        let values = filled(values)?;
        let height = |value: &f64| {
            let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
            HEIGHTS[((share * 7.0).round() as usize).min(7)]
        };
        (values.len() >= LEAST).then(|| values.iter().map(height).collect())
    };
    (line(&candidate), line(&stable))
}

/// From where to where a plot goes: from zero, unless all is far above it.
pub(super) fn scale(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold(None, |ends: Option<(f64, f64)>, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })?;
    let low = if low > 0.5 * high { low } else { low.min(0.0) };
    Some((low, high))
}

/// Where nothing was measured it is what it was before; `None` where there is
/// nothing at all.
pub(super) fn filled(values: &[Option<f64>]) -> Option<Vec<f64>> {
    let mut last = values.iter().find_map(|value| *value)?;
    let fill = |value: &Option<f64>| {
        last = value.unwrap_or(last);
        last
    };
    Some(values.iter().map(fill).collect())
}

#[cfg(test)]
mod tests {
    use baepo_core::report::Point;
    use baepo_core::time::Time;

    use super::*;

    fn course(values: &[(Option<f64>, Option<f64>)]) -> Course {
        let point = |(second, (stable, candidate)): (usize, &(Option<f64>, Option<f64>))| Point {
            at: Time(second as u64 * 1_000),
            stable: *stable,
            candidate: *candidate,
        };
        Course {
            monitor: "traffic".into(),
            gate: "failures".into(),
            points: values.iter().enumerate().map(point).collect(),
        }
    }

    #[test]
    fn both_curves_have_one_scale() {
        let values: Vec<_> = (0..8).map(|n| (Some(1.0), Some(f64::from(n)))).collect();
        let (candidate, stable) = sparklines(&course(&values));
        assert_eq!(candidate.as_deref(), Some("▁▂▃▄▅▆▇█"));
        assert_eq!(stable.as_deref(), Some("▂▂▂▂▂▂▂▂"));
    }

    #[test]
    fn gaps_are_what_was_before_and_few_points_are_no_curve() {
        let gaps = [(None, Some(0.0)), (None, Some(4.0)), (None, Some(2.0))];
        assert_eq!(sparklines(&course(&gaps)), (Some("▁█▅".into()), None));
        assert_eq!(sparklines(&course(&gaps[..2])), (None, None));
        assert_eq!(sparklines(&course(&[])), (None, None));
        let gap = [Some(1.0), None, Some(3.0)];
        assert_eq!(filled(&gap), Some(vec![1.0, 1.0, 3.0]));
        assert_eq!(filled(&[None, Some(2.0)]), Some(vec![2.0, 2.0]));
    }

    #[test]
    fn what_does_not_move_is_flat_and_what_moves_far_above_zero_is_seen() {
        let still = [(None, Some(0.0)); 4];
        assert_eq!(sparklines(&course(&still)).0.as_deref(), Some("▁▁▁▁"));
        let above = [100.0, 101.0, 102.0].map(|value| (None, Some(value)));
        assert_eq!(sparklines(&course(&above)).0.as_deref(), Some("▁▅█"));
        let far = [-1e300, 1e300, 1e-300].map(|value| (None, Some(value)));
        assert!(sparklines(&course(&far)).0.is_some());
    }

    #[test]
    fn amounts_have_the_digits_that_matter() {
        let shown = [20_377.0, 4.928, 0.0031, 45.23, 812.4, 0.0, -2.5, 1e-12];
        let shown = shown.map(|value| amount(value, "%"));
        let expected = [
            "20,377 %",
            "4.93 %",
            "0.0031 %",
            "45.2 %",
            "812 %",
            "0 %",
            "-2.50 %",
            "0.000000000 %",
        ];
        assert_eq!(shown, expected);
        assert_eq!(amount(0.0, ""), "0");
    }
}

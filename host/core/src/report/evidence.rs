//! The numbers of a rollout in the course of time, for plots.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::RolloutReport;
use crate::rollout::Cause;
use crate::time::{Millis, Time};
use crate::verdict::{Judged, Measurement, Verdict};

/// The most points that are kept of one gate: enough for a plot, and little
/// beside the rest of a report.
const MOST_POINTS: usize = 120;
/// The most gates that are followed: each monitor may name some anew at every
/// look.
const MOST_GATES: usize = 64;

/// What one gate measured from look to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Course {
    /// The monitor's name in the user's file.
    pub monitor: String,
    /// The name of what was measured.
    pub gate: String,
    /// In the order of time, at most 120: every second of them is left out where
    /// there were more.
    pub points: Vec<Point>,
}

/// One point of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// When.
    pub at: Time,
    /// Stable's value.
    pub stable: Option<f64>,
    /// The candidate's value.
    pub candidate: Option<f64>,
}

impl Course {
    /// Adds what was sampled until `now` in a window that began then. A monitor
    /// may hand in only what is new or all of the window again.
    fn add(&mut self, began: Time, now: Time, measurement: &Measurement) {
        let is_number = |value: Option<f64>| value.filter(|value| value.is_finite());
        let mut samples: Vec<Point> = measurement
            .samples
            .iter()
            .map(|sample| Point {
                at: began + sample.at,
                stable: is_number(sample.stable),
                candidate: is_number(sample.candidate),
            })
            .filter(|point| point.stable.is_some() || point.candidate.is_some())
            // Nobody has measured the future.
            .filter(|point| point.at <= now)
            .collect();
        samples.sort_by_key(|point| point.at);
        let Some(first) = samples.first() else { return };
        self.points.retain(|point| point.at < first.at);
        self.points.append(&mut samples);
        while self.points.len() > MOST_POINTS {
            // The newest of all stays: it is what was decided by.
            let last = self.points.len() - 1;
            let mut index = 0;
            self.points.retain(|_| {
                let is_kept = (last - index).is_multiple_of(2);
                index += 1;
                is_kept
            });
        }
    }

    /// The mean of the points in each of `bins` equal parts of the time they
    /// span: stable's and the candidate's. `None` where there was none.
    pub fn binned(&self, bins: usize) -> Vec<(Time, Option<f64>, Option<f64>)> {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return Vec::new();
        };
        let bins = bins.clamp(1, self.points.len()) as u128;
        // The last point lies in the last part, not behind it.
        let span = u128::from(last.at.since(first.at).0) + 1;
        let mean = |bin: u128, of: fn(&Point) -> Option<f64>| {
            let inside = self
                .points
                .iter()
                .filter(|point| u128::from(point.at.since(first.at).0) * bins / span == bin);
            let (sum, count) = inside
                .filter_map(of)
                .fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
            (count > 0).then(|| sum / f64::from(count))
        };
        (0..bins)
            .map(|bin| {
                let begin = u64::try_from(span * bin / bins).unwrap_or(u64::MAX);
                let begin = first.at + Millis(begin);
                let stable = mean(bin, |point| point.stable);
                (begin, stable, mean(bin, |point| point.candidate))
            })
            .collect()
    }
}

/// Follows every gate of one look.
pub(super) fn follow(courses: &mut Vec<Course>, began: Time, now: Time, judged: &[Judged]) {
    for Judged {
        monitor,
        measurements,
        ..
    } in judged
    {
        for measurement in measurements.iter().filter(|m| !m.samples.is_empty()) {
            let known = courses
                .iter()
                .position(|course| course.monitor == *monitor && course.gate == measurement.name);
            let index = match known {
                Some(index) => index,
                None if courses.len() >= MOST_GATES => continue,
                None => {
                    courses.push(Course {
                        monitor: monitor.clone(),
                        gate: measurement.name.clone(),
                        points: Vec::new(),
                    });
                    courses.len() - 1
                }
            };
            courses[index].add(began, now, measurement);
        }
    }
}

impl RolloutReport {
    /// The monitor and the number for which it was turned back; `None` where
    /// it was not, where that was for another reason, or where the monitor
    /// named no number.
    pub fn decided_by(&self) -> Option<(&Judged, &Measurement)> {
        let is_for_evidence =
            self.turned_back.is_some() && self.cause == Some(Cause::VerdictFailing);
        let mut failing = self
            .judged
            .iter()
            .filter(|judged| is_for_evidence && judged.verdict == Verdict::Failing);
        // The reason is that of the last of the worst.
        let judged = failing.next_back()?;
        let mut numbers = judged.measurements.iter();
        let number = numbers.find(|m| m.verdict == Verdict::Failing)?;
        Some((judged, number))
    }

    /// How a gate went, where that was recorded.
    pub fn course(&self, monitor: &str, gate: &str) -> Option<&Course> {
        let mut courses = self.courses.iter();
        courses.find(|course| course.monitor == monitor && course.gate == gate)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::verdict::Sample;

    const NOW: Time = Time(1_000_000);

    fn judged(samples: Vec<Sample>) -> Vec<Judged> {
        vec![Judged {
            monitor: "traffic".into(),
            verdict: Verdict::Healthy,
            reason: String::new(),
            measurements: vec![Measurement {
                name: "failures".into(),
                unit: "%".into(),
                stable: None,
                candidate: None,
                limit: None,
                verdict: Verdict::Healthy,
                evidence: String::new(),
                samples,
            }],
            findings: Vec::new(),
        }]
    }

    fn sample(at: u64, candidate: f64) -> Sample {
        Sample {
            at: Millis(at),
            stable: Some(1.0),
            candidate: Some(candidate),
        }
    }

    fn candidates(course: &Course) -> Vec<(u64, f64)> {
        let points = course.points.iter();
        points
            .filter_map(|point| Some((point.at.0, point.candidate?)))
            .collect()
    }

    #[test]
    fn looks_add_up_whether_a_monitor_tells_all_or_the_new() {
        let mut courses = Vec::new();
        follow(
            &mut courses,
            Time(1_000),
            NOW,
            &judged(vec![sample(1, 0.1)]),
        );
        let both = vec![sample(1, 0.1), sample(2, 0.2)];
        follow(&mut courses, Time(1_000), NOW, &judged(both));
        follow(
            &mut courses,
            Time(2_000),
            NOW,
            &judged(vec![sample(1, 0.3)]),
        );
        assert_eq!(courses.len(), 1);
        let all = [(1_001, 0.1), (1_002, 0.2), (2_001, 0.3)];
        assert_eq!(candidates(&courses[0]), all);
    }

    #[test]
    fn a_long_rollout_keeps_few_points_and_the_newest() {
        let mut courses = Vec::new();
        for second in 0..5_000 {
            let new = judged(vec![sample(second, second as f64)]);
            follow(&mut courses, Time(0), NOW, &new);
            let points = &courses[0].points;
            assert!(points.len() <= MOST_POINTS);
            assert_eq!(points.last().map(|point| point.at), Some(Time(second)));
        }
        assert!(courses[0].points.len() > MOST_POINTS / 3);
        assert!(courses[0].points.is_sorted_by_key(|point| point.at));
    }

    #[test]
    fn what_is_no_number_or_not_yet_is_no_point() {
        let mut courses = Vec::new();
        let future = judged(vec![sample(2_000_000, 1.0), sample(u64::MAX, 1.0)]);
        follow(&mut courses, Time(0), NOW, &future);
        let mut strange = vec![sample(1, f64::NAN), sample(2, f64::INFINITY)];
        strange.iter_mut().for_each(|sample| sample.stable = None);
        follow(&mut courses, Time(0), NOW, &judged(strange));
        assert_eq!(candidates(&courses[0]), []);
        assert_eq!(courses[0].binned(5), []);
    }

    #[test]
    fn parts_of_the_time_have_their_means() {
        let mut courses = Vec::new();
        let samples = [(0, 1.0), (10, 3.0), (90, 8.0), (99, 10.0)];
        let samples = samples.map(|(at, value)| sample(at, value));
        follow(&mut courses, Time(0), NOW, &judged(samples.to_vec()));
        let binned = courses[0].binned(4);
        let means: Vec<Option<f64>> = binned.iter().map(|(.., candidate)| *candidate).collect();
        assert_eq!(means, [Some(2.0), None, None, Some(9.0)]);
        assert_eq!(binned[3].0, Time(75));
        assert_eq!(courses[0].binned(1).len(), 1);
    }

    #[test]
    fn many_names_are_not_followed_forever() {
        let mut courses = Vec::new();
        for number in 0..1_000 {
            let mut said = judged(vec![sample(1, 1.0)]);
            said[0].measurements[0].name = alloc::format!("gate {number}");
            follow(&mut courses, Time(0), NOW, &said);
        }
        assert_eq!(courses.len(), MOST_GATES);
    }
}

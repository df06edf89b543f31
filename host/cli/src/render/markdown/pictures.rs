//! Sections with a picture: what is drawn is in a table or a line beside it, too.

use std::cmp::Reverse;

use baepo_core::report::{Report, RolloutReport};

use super::escape::{html, shorten};
use super::section::Section;
use super::{diagram, tables};

/// The most gates of a rollout of which a picture is drawn.
const MOST_COURSES: usize = 4;

/// How the gates went, what fails first: a picture and a table for each.
pub(super) fn courses(rollout: &RolloutReport) -> Vec<Section> {
    let judged = rollout.judged.iter();
    let mut measured: Vec<_> = judged
        .flat_map(|judged| judged.measurements.iter().map(move |m| (judged, m)))
        .filter_map(|(judged, m)| Some((rollout.course(&judged.monitor, &m.name)?, m)))
        .collect();
    measured.sort_by_key(|(_, m)| Reverse(m.verdict));
    measured.truncate(MOST_COURSES);
    measured
        .into_iter()
        .filter_map(|(course, m)| {
            let picture = diagram::course(course, m)?;
            let title = format!(
                "Evidence: {} in {}",
                html(&m.name, 60),
                html(&rollout.environment, 60)
            );
            let head = format!("{picture}\n\n{}", tables::COURSE);
            let rows = tables::course(course, &m.unit);
            Some(Section::folded("evidence", 5, &title, &head, rows))
        })
        .collect()
}

/// The candidate's share in the course of time.
pub(super) fn share(rollout: &RolloutReport, report: &Report) -> Option<Section> {
    let (picture, text) = diagram::share(rollout, report.updated)?;
    let title = format!("Share of traffic in {}", html(&rollout.environment, 60));
    let body = format!("{picture}\n\n{}", shorten(&text, 2_000));
    Some(Section::folded(
        "share of traffic",
        5,
        &title,
        &body,
        Vec::new(),
    ))
}

/// One picture for all of it, and a table for each rollout.
pub(super) fn timelines(report: &Report, with_picture: bool) -> Vec<Section> {
    let mut picture = diagram::timeline(report).filter(|_| with_picture);
    let mut all = Vec::new();
    for rollout in &report.rollouts {
        let title = format!("Timeline of {} (UTC)", html(&rollout.environment, 60));
        let head = match picture.take() {
            Some(picture) => format!("{picture}\n\n{}", tables::TIMELINE),
            None => tables::TIMELINE.to_owned(),
        };
        all.push(Section::folded(
            "timeline",
            4,
            &title,
            &head,
            tables::timeline(rollout),
        ));
    }
    all
}

//! A comment for what the job of a fork says of itself.

use baepo_core::pipeline::Stage;
use baepo_core::report::Report;

use super::escape::brief;
use super::section::{Room, Section, fit};
use super::{LONGEST_HEADLINE, Links, sections};
use crate::render::headline;

/// What the job of a fork says of itself, for a comment of at most
/// `most_characters`: it says whose word this is before anything else, and leaves
/// out what such a job cannot have done. `head` is the commit that GitHub says it
/// was for.
pub fn hearsay(mut report: Report, head: &str, links: &Links, most_characters: usize) -> String {
    report.rollouts.clear();
    let is_rollout = |stage: &Stage| matches!(stage, Stage::Rollout(_));
    report.stages.retain(|stage| !is_rollout(&stage.stage));
    report.feedback.clear();
    report.revision.commit = head.to_owned();
    let mut sections = sections(&report, links, true);
    sections[0] = Section::fixed(format!(
        "### ⚪ From a fork: {}",
        brief(&headline(&report), LONGEST_HEADLINE)
    ));
    sections.insert(
        1,
        Section::fixed(
            "> The job of a fork says this of itself, and its own code may have written it. Nothing was deployed, and no check or status says the same.",
        ),
    );
    // No command is for it.
    sections.pop();
    sections.push(Section::fixed(format!(
        "<sub>Passed on by baepo; the job ended its report at {} UTC.</sub>",
        report.updated.clock()
    )));
    let said = |names: &str| format!("> This is shortened to fit into a comment ({names}).");
    fit(&sections, Room::Characters(most_characters), &said)
}

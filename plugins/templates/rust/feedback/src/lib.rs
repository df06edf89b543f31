//! Feedback: how often it went wrong before, for the report.
//!
//! Change [`Settings`] to what your users are to write under `with:`, and
//! `respond` to what your reviewers want to know.

use baepo_plugin::HookError;
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::feedback::{Feedback, FeedbackRequest, PastRollout, Section};

/// What users write under `with:`.
struct Settings {
    /// How many rollouts are looked back at.
    last: usize,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        Settings {
            last: fields.or("last", 10),
        }
    }
}

struct Plugin;

impl Feedback for Plugin {
    type Config = Settings;

    fn respond(settings: Settings, request: &FeedbackRequest) -> Result<Vec<Section>, HookError> {
        let before: Vec<&PastRollout> = request.history.iter().take(settings.last).collect();
        let bad = before.iter().filter(|past| past.outcome != "succeeded");
        Ok(section(bad.count(), before.len()).into_iter().collect())
    }
}

baepo_plugin::export_feedback!(Plugin);

/// Nothing is said where there is nothing to say.
fn section(bad: usize, all: usize) -> Option<Section> {
    (bad > 0).then(|| Section {
        title: "Not the first time".into(),
        body: format!("{bad} of the last {all} rollouts were taken back."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_well_is_not_told() {
        assert_eq!(section(0, 10), None);
        let told = section(2, 10).unwrap();
        assert_eq!(told.body, "2 of the last 10 rollouts were taken back.");
    }
}

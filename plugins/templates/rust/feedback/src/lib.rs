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
    use baepo_plugin::fake::{Host, feedback_request};

    use super::*;

    fn told(config: &str, before: &[&str]) -> Vec<String> {
        let request = feedback_request(config, "rolled-back", before);
        let sections = Host::new().respond::<Plugin>(&request).unwrap();
        sections.into_iter().map(|section| section.body).collect()
    }

    #[test]
    fn what_went_wrong_before_is_counted() {
        let before = ["rolled-back", "succeeded", "failed", "failed"];
        let three = "3 of the last 4 rollouts were taken back.";
        assert_eq!(told("{}", &before), [three]);
        let one = "1 of the last 2 rollouts were taken back.";
        assert_eq!(told(r#"{"last": 2}"#, &before), [one]);
    }

    #[test]
    fn what_went_well_is_not_told() {
        assert!(told("{}", &["succeeded", "succeeded"]).is_empty());
        assert!(told("{}", &[]).is_empty());
    }
}

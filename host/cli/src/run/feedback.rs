//! After the rollouts: what feedback plugins make of them. Nothing here changes
//! how a run ends.

use std::time::Duration;

use baepo_core::hook::{FeedbackRequest, PastRollout, Section, Signal};
use baepo_core::pipeline::{RunEntry, Stage};
use baepo_core::verdict::Level;

use super::Run;
use crate::error::one_line;
use crate::github::surfaces::at_pull;
use crate::past;

/// How long a run waits at its end for what people said.
const LISTENING: Duration = Duration::from_secs(15);
/// How many sections of one plugin are kept.
const MOST_SECTIONS: usize = 10;

impl Run<'_> {
    /// Ask each feedback plugin about each rollout of this run that is over.
    pub(super) async fn hear(&mut self) {
        let plugins = self.plugins;
        let rollouts = self.record.report().rollouts.iter();
        let over: Vec<PastRollout> = rollouts.filter_map(|r| r.remembered()).collect();
        if plugins.feedback.is_empty() || over.is_empty() || self.options.cancel.is_cancelled() {
            return;
        }
        let signals = self.signals().await;
        let of_journals = past::of_journals(&self.options.journal, &plugins.config.app);
        for rollout in over {
            let mut known = of_journals.clone();
            known.extend(self.past.remove(&rollout.environment).unwrap_or_default());
            let history = past::before(&rollout, known);
            self.hear_of(&rollout, &signals, &history).await;
        }
    }

    async fn signals(&self) -> Vec<Signal> {
        let Some(teller) = self.record.teller() else {
            return Vec::new();
        };
        let Some(pull_request) = at_pull(self.record.report()) else {
            return Vec::new();
        };
        let signals = tokio::time::timeout(LISTENING, teller.signals(pull_request));
        signals.await.unwrap_or_default()
    }

    async fn hear_of(
        &mut self,
        rollout: &PastRollout,
        signals: &[Signal],
        history: &[PastRollout],
    ) {
        let plugins = self.plugins;
        let stage = Stage::Rollout(rollout.environment.clone());
        for loaded in &plugins.feedback {
            let request = FeedbackRequest {
                config: loaded.config(),
                rollout: rollout.clone(),
                signals: signals.to_vec(),
                history: history.to_vec(),
            };
            let plugin = loaded.used.name.clone();
            let outcome = loaded.plugin.respond(&self.context(&stage), &request).await;
            let entry = match outcome.result {
                Ok(sections) if sections.is_empty() => continue,
                Ok(sections) => RunEntry::Feedback {
                    environment: rollout.environment.clone(),
                    plugin,
                    sections: sections
                        .into_iter()
                        .take(MOST_SECTIONS)
                        .map(redacted)
                        .collect(),
                },
                Err(error) => RunEntry::Note {
                    level: Level::Warning,
                    text: format!(
                        "the feedback plugin `{plugin}` has nothing to say: {}",
                        one_line(&error)
                    ),
                },
            };
            self.record.record(entry);
        }
    }
}

fn redacted(section: Section) -> Section {
    let redactor = crate::outside::outside().secrets.redactor();
    Section {
        title: redactor.text(section.title),
        body: redactor.text(section.body),
    }
}

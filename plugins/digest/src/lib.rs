//! `digest`: what went wrong before and what to do next, what people said, and
//! the measures of delivery.
//!
//! It says nothing where there is nothing to say: the first rollout of an
//! environment that went well has no section.

mod before;
mod people;

use baepo_measures::{DAY_MS, Measures, Past, measure};
use baepo_plugin::HookError;
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::feedback::{Feedback, FeedbackRequest, PastRollout, Section};

/// What users write under `with:`.
struct Digest {
    /// How many rollouts are looked back at.
    last: usize,
    /// How many days the measures are of.
    days: u64,
}

impl Config for Digest {
    fn read(fields: &mut Fields) -> Digest {
        let config = Digest {
            last: fields.or("last", 5),
            days: fields.or("days", 90),
        };
        if config.last == 0 {
            fields.problem("last", "must be at least 1");
        }
        if !(1..=3_650).contains(&config.days) {
            fields.problem("days", "must be from 1 to 3650");
        }
        config
    }
}

impl Feedback for Digest {
    type Config = Digest;

    fn respond(config: Digest, request: &FeedbackRequest) -> Result<Vec<Section>, HookError> {
        let ours = newest_first(request);
        let mut sections = Vec::new();
        sections.extend(before::section(&ours, config.last));
        sections.extend(people::section(&request.signals));
        sections.extend(measures(&ours, config.days));
        Ok(sections)
    }
}

baepo_plugin::export_feedback!(Digest);

/// The rollout that has just ended and those before it in the same
/// environment.
fn newest_first(request: &FeedbackRequest) -> Vec<&PastRollout> {
    let environment = &request.rollout.environment;
    let earlier = request.history.iter();
    let earlier = earlier.filter(|past| past.environment == *environment);
    std::iter::once(&request.rollout).chain(earlier).collect()
}

fn measures(ours: &[&PastRollout], days: u64) -> Option<Section> {
    let history: Vec<Past<'_>> = ours
        .iter()
        .map(|past| Past {
            commit: &past.revision.commit,
            outcome: &past.outcome,
            committed_at_ms: past.revision.committed_at_ms,
            started_at_ms: past.started_at_ms,
            ended_at_ms: past.ended_at_ms,
        })
        .collect();
    let now_ms = ours.first()?.ended_at_ms;
    let measures = measure(&history, now_ms, days * DAY_MS);
    measures.say_anything().then(|| table(&measures))
}

fn table(measures: &Measures) -> Section {
    let rows = measures.rows();
    let rows = rows
        .iter()
        .map(|row| format!("| {} | {} | {} |\n", row.name, row.value, row.samples));
    Section {
        title: format!("How delivery goes, in {}", measures.span()),
        body: format!(
            "| Measure | Value | From |\n|---|---|---|\n{}",
            rows.collect::<String>()
        ),
    }
}

/// A text on one line, its beginning.
fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;

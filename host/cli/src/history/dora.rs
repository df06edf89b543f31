//! The measures of delivery, from journals and from what targets remember.

use std::collections::BTreeMap;
use std::path::PathBuf;

use baepo_core::hook::PastRollout;
use baepo_core::report::Report;
use baepo_measures::{DAY_MS, Measure, Measures, Past, measure};
use baepo_runtime::clock::now;
use baepo_runtime::journal;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::Output;
use crate::past;

/// The name and version of the form.
const FORMAT: &str = "baepo-measures-1";

/// Print them, of each environment.
///
/// # Errors
/// If they cannot be written.
pub(super) async fn dora(journals: &[PathBuf], days: u64, output: Output) -> anyhow::Result<Exit> {
    // A journal that cannot be read is told by the list.
    let reports = journals
        .iter()
        .filter_map(|path| Report::of(&journal::read(path).ok()?));
    let mut all: Vec<PastRollout> = reports
        .flat_map(|report| past::of_report(&report))
        .collect();
    // Without a configuration the journals are all there is.
    let config = crate::root().and_then(|root| Ok(crate::config::load(&root, None)?));
    if let Ok(config) = config {
        all.extend(past::of_targets(&config).await);
    }
    past::once(&mut all);
    let mut environments: BTreeMap<String, Vec<PastRollout>> = BTreeMap::new();
    for past in all {
        environments
            .entry(past.environment.clone())
            .or_default()
            .push(past);
    }
    let measured: Vec<(String, Measures)> = environments
        .into_iter()
        .map(|(name, history)| (name, of(&history, now().0, days)))
        .collect();
    if output.is_json() {
        let all = measured
            .iter()
            .map(|(name, measures)| as_json(name, measures));
        let document = json!({ "format": FORMAT, "environments": all.collect::<Vec<_>>() });
        crate::print(&document.to_string());
        return Ok(Exit::Success);
    }
    if measured.is_empty() {
        crate::print("no rollout that is over is known here");
    }
    for (name, measures) in &measured {
        crate::print(&in_words(name, measures));
    }
    Ok(Exit::Success)
}

fn of(history: &[PastRollout], now_ms: u64, days: u64) -> Measures {
    let history: Vec<Past<'_>> = history
        .iter()
        .map(|past| Past {
            commit: &past.revision.commit,
            outcome: &past.outcome,
            committed_at_ms: past.revision.committed_at.0,
            started_at_ms: past.started.0,
            ended_at_ms: past.ended.0,
        })
        .collect();
    measure(&history, now_ms, days * DAY_MS)
}

fn in_words(name: &str, measures: &Measures) -> String {
    let mut text = format!("{name}, {}", measures.span());
    for row in measures.rows() {
        text.push_str(&format!(
            "\n  {:<22} {:<16} {}",
            row.name, row.value, row.samples
        ));
    }
    text
}

fn as_json(name: &str, measures: &Measures) -> Value {
    let one = |measure: Measure, unit: &str| json!({ "samples": measure.samples, "value": measure.value, "unit": unit });
    json!({
        "environment": name,
        "window-ms": measures.window_ms,
        "covered-ms": measures.covered_ms,
        "deployment-frequency": one(measures.frequency, "per week"),
        "lead-time": one(measures.lead_time, "ms"),
        "change-failure-rate": one(measures.failure_rate, "share"),
        "time-to-restore": one(measures.restore_time, "ms"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rollouts_have_counts_and_no_values() {
        let measures = of(&[], 5, 90);
        let shown = in_words("production", &measures);
        assert_eq!(shown.matches("too few to say").count(), 4, "{shown}");
        let json = as_json("production", &measures);
        assert_eq!(
            json["lead-time"],
            json!({ "samples": 0, "value": null, "unit": "ms" })
        );
    }
}

//! A report for programs: one JSON document, its form named in it.

use baepo_core::report::Report;
use serde::Serialize;

/// The name and version of the form. A change that could break a reader gets a
/// new version.
pub const FORMAT: &str = "baepo-report-1";

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    format: &'static str,
    headline: String,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as one line of JSON.
///
/// # Errors
/// Never for a report made of a journal: all its keys are text.
pub fn line(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string(&Document {
        format: FORMAT,
        headline: super::headline(report),
        report,
    })
}

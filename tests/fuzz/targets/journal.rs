//! Any text is a journal or an error, and of each journal there is a report
//! that can be shown on every surface, however its entries follow each other.

#![no_main]

use std::path::Path;

use baepo::render::{json, markdown};
use baepo_core::report::Report;
use baepo_runtime::journal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(records) = journal::parse(Path::new("journal.jsonl"), text) else {
        return;
    };
    if let Some(report) = Report::of(&records) {
        drop(markdown::comment(&report, &Links::default(), 65_000));
        drop(markdown::summary(&report, &Links::default()));
        let line = json::line(&report).expect("a report is JSON");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
});

//! Any text is a report or a sentence that says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../../plugins/junit/src/place.rs"]
mod place;
#[allow(dead_code)]
#[path = "../../../plugins/junit/src/xml.rs"]
mod xml;

fuzz_target!(|text: &str| {
    match xml::parse(text) {
        Ok(suites) => assert!(suites.iter().all(|suite| !suite.cases.is_empty())),
        Err(why) => assert!(!why.is_empty() && why.lines().count() == 1, "{why:?}"),
    }
});

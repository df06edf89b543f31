//! Any text is a configuration or a list of findings, and findings can be shown.

#![no_main]

use baepo::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match config::parse("baepo.yml", text) {
        Ok(config) => assert!(!config.environments.is_empty(), "a run would do nothing"),
        Err(findings) => {
            let shown = findings.render(false);
            assert!(shown.starts_with("error: "), "{shown}");
            drop(findings.render(true));
        }
    }
});

//! Any text is a lockfile or a list of findings, and what is written is read again.

#![no_main]

use baepo::plugin::lock::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Lock::parse(text) {
        Ok(lock) => {
            let written = lock.text();
            let again = Lock::parse(&written);
            assert_eq!(again.as_ref().ok(), Some(&lock), "{written}");
        }
        Err(findings) => assert!(findings.render(false).starts_with("error: ")),
    }
});

//! The checks of the shop, against the real service, with a JUnit report.
//!
//! `cargo test` runs them all and writes `target/junit.xml`; words after `--`
//! select the checks whose name contains one of them.

mod front_page;
mod protocol;
mod report;
mod service;

use std::process::ExitCode;

use report::Check;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let checks: Vec<Check> = front_page::CHECKS
        .iter()
        .chain(protocol::CHECKS)
        .copied()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)))
        .collect();
    report::run("shop", &checks)
}

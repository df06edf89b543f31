//! What build and test plugins report, and why a hook could not work.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::release::Revision;
use crate::time::{Millis, Time};
use crate::verdict::Level;

/// A remark on lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Annotation {
    /// Path relative to the checkout.
    pub path: String,
    /// First line, counted from 1.
    pub start_line: u32,
    /// Last line, at least `start_line`.
    pub end_line: u32,
    /// How much it matters.
    pub level: Level,
    /// One short line.
    pub title: String,
    /// Plain text.
    pub message: String,
}

/// A file that a build plugin made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuiltFile {
    /// Name inside the release, without folders.
    pub name: String,
    /// Where it is, relative to the checkout.
    pub path: String,
    /// Media type.
    pub media_type: String,
}

/// What a build plugin made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildOutput {
    /// Files for the release.
    pub files: Vec<BuiltFile>,
    /// Remarks on the code.
    pub annotations: Vec<Annotation>,
}

/// How one test case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "message")]
pub enum CaseOutcome {
    /// As expected.
    Passed,
    /// An assertion did not hold.
    Failed(String),
    /// It could not be run to its end.
    Errored(String),
    /// Left out.
    Skipped(String),
}

/// One test case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Its class, module or file group.
    pub class_name: String,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// Wall time.
    pub duration: Option<Millis>,
    /// File relative to the checkout.
    pub file: Option<String>,
    /// Line in that file, counted from 1.
    pub line: Option<u32>,
}

impl TestCase {
    /// Its class, where it has one, and its name.
    pub fn full_name(&self) -> String {
        match self.class_name.as_str() {
            "" => self.name.clone(),
            class => alloc::format!("{class} {}", self.name),
        }
    }
}

/// Test cases that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Its cases.
    pub cases: Vec<TestCase>,
}

/// What a test plugin found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestReport {
    /// All suites.
    pub suites: Vec<Suite>,
    /// Remarks on the code.
    pub annotations: Vec<Annotation>,
}

/// Counts over a test report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestCounts {
    /// As expected.
    pub passed: u32,
    /// Failed or errored.
    pub failed: u32,
    /// Left out.
    pub skipped: u32,
}

impl TestCounts {
    /// Whether a report with these counts shows that all is well: nothing failed,
    /// and there was a case. A test that never ran has shown nothing.
    pub fn has_passed(&self) -> bool {
        self.failed == 0 && self.passed + self.skipped > 0
    }
}

impl TestReport {
    /// The first cases that failed or errored, at most so many, by full name and
    /// message.
    pub fn failures(&self, limit: usize) -> Vec<(String, String)> {
        let cases = self.suites.iter().flat_map(|suite| &suite.cases);
        let failures = cases.filter_map(|case| match &case.outcome {
            CaseOutcome::Failed(message) | CaseOutcome::Errored(message) => {
                Some((case.full_name(), message.clone()))
            }
            CaseOutcome::Passed | CaseOutcome::Skipped(_) => None,
        });
        failures.take(limit).collect()
    }

    /// How many passed, failed (or errored) and were skipped.
    pub fn counts(&self) -> TestCounts {
        let mut counts = TestCounts::default();
        for case in self.suites.iter().flat_map(|suite| &suite.cases) {
            match case.outcome {
                CaseOutcome::Passed => counts.passed += 1,
                CaseOutcome::Failed(_) | CaseOutcome::Errored(_) => counts.failed += 1,
                CaseOutcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }
}

/// What a person said on the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signal {
    /// `reaction`, `comment`, `command` or `issue`.
    pub kind: String,
    /// Who.
    pub author: String,
    /// What.
    pub text: String,
    /// When.
    pub at: Time,
}

/// One rollout that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PastRollout {
    /// What it rolled out.
    pub revision: Revision,
    /// Where.
    pub environment: String,
    /// How it ended, in one word.
    pub outcome: String,
    /// Why, in one sentence.
    pub reason: String,
    /// When it began.
    pub started: Time,
    /// When it ended.
    pub ended: Time,
}

/// What a feedback plugin is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FeedbackRequest {
    /// The `with:` block as JSON.
    pub config: String,
    /// The rollout that has just ended.
    pub rollout: PastRollout,
    /// What people said, oldest first.
    pub signals: Vec<Signal>,
    /// Earlier rollouts, newest first.
    pub history: Vec<PastRollout>,
}

/// A part of the report that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Section {
    /// One short line.
    pub title: String,
    /// Markdown of a stranger: who shows it makes it harmless.
    pub body: String,
}

/// One mistake in a plugin's `with:` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConfigProblem {
    /// Keys and indexes joined by dots; empty for the whole.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
}

/// Why a hook could not do its work; the plugin's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookError {
    /// The `with:` block is wrong.
    InvalidConfig(Vec<ConfigProblem>),
    /// It cannot go on without this capability.
    Denied(String),
    /// Something outside is not there; worth another try after so long.
    Unavailable(Millis),
    /// It failed.
    Failed(String),
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HookError::InvalidConfig(problems) => {
                write!(f, "its configuration is wrong")?;
                for (i, problem) in problems.iter().enumerate() {
                    let separator = if i == 0 { ": " } else { "; " };
                    match problem.path.as_str() {
                        "" => write!(f, "{separator}{}", problem.message)?,
                        path => write!(f, "{separator}`{path}` {}", problem.message)?,
                    }
                }
                Ok(())
            }
            HookError::Denied(capability) => {
                write!(f, "it needs `{capability}`, which is not granted")
            }
            HookError::Unavailable(after) => {
                write!(
                    f,
                    "something it needs is not there at the moment (try again in {after})"
                )
            }
            HookError::Failed(message) => write!(f, "{message}"),
        }
    }
}

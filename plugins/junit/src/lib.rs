//! `junit`: runs a command and reads the JUnit XML reports that it wrote.
//!
//! ```yaml
//! with: { run: [cargo, nextest, run, --profile, ci], reports: [target/nextest/ci/junit.xml] }
//! allow: { run: [cargo], read: [target/nextest] }
//! ```
//!
//! Failing cases are the report, not an error. A command that fails although
//! no case did becomes a case of its own, so that nothing is swallowed. Under
//! `verify:` the command finds the candidate's addresses in the variable
//! `BAEPO_ENDPOINTS`, separated by spaces.
//!
//! **Reports of an earlier run must not count.** A report that was there before
//! is emptied first where a `write` grant allows that; where not, it is taken
//! for an old one if its content is the same afterwards. Reports carry
//! durations, so those of two runs differ; where yours do not, grant `write`.

mod place;
mod stale;
mod xml;

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::process::Invocation;
use baepo_plugin::test::{Outcome, Suite, Test, TestCase, TestReport, TestRequest};
use baepo_plugin::{Annotation, HookError, Level, workspace};
use baepo_plugin::{info, process};

use stale::Before;

/// The largest report, in bytes; real ones are below 1 MiB.
const REPORT_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Pull requests show no more than 50 remarks at once.
/// Source: GitHub, REST API, "Update a check run", `annotations`.
const MOST_ANNOTATIONS: usize = 50;

/// What users write under `with:`.
struct Junit {
    /// Nothing is run where `argv` is empty: the reports are there already.
    invocation: Invocation,
    reports: Vec<String>,
    allow_empty: bool,
}

impl Config for Junit {
    fn read(fields: &mut Fields) -> Junit {
        let is_asked_to_run = fields.has("run");
        let invocation = Invocation::read(fields);
        if is_asked_to_run && invocation.argv.is_empty() && fields.is_fine("run") {
            fields.problem(
                "run",
                "is empty; leave it out where the reports are there already",
            );
        }
        let reports: Vec<String> = fields.required_list("reports", "[target/nextest/ci/junit.xml]");
        for (i, pattern) in reports.iter().enumerate() {
            if pattern.is_empty()
                || pattern.starts_with('/')
                || pattern.split('/').any(|part| part == "..")
            {
                let message = format!(
                    "`{pattern}` is not a path inside the checkout (no leading `/`, no `..`)"
                );
                fields.problem(&format!("reports.{i}"), message);
            }
        }
        Junit {
            invocation,
            reports,
            allow_empty: fields.or("allow-empty", false),
        }
    }
}

impl Test for Junit {
    type Config = Junit;

    fn test(config: Junit, request: &TestRequest) -> Result<TestReport, HookError> {
        if config.invocation.argv.is_empty() {
            let reports = config.read_reports()?;
            return config.finish(reports, None);
        }
        let before: Vec<Before> = config
            .read_reports()?
            .into_iter()
            .map(Before::set_aside)
            .collect();
        let endpoints = match request.endpoints.is_empty() {
            true => Vec::new(),
            false => vec![("BAEPO_ENDPOINTS".to_string(), request.endpoints.join(" "))],
        };
        let output = config.invocation.run(&endpoints)?;
        let (fresh, old) = stale::split(&before, config.read_reports()?);
        for path in &old {
            info!("{path} was there before and has not changed: it does not count");
        }
        let failure = (output.exit_code != 0).then(|| config.invocation.describe_failure(&output));
        if fresh.is_empty() && failure.is_none() && !old.is_empty() && !config.allow_empty {
            return Err(HookError::Failed(format!(
                "{} succeeded, but `{}` is as it was before, so it may be of an earlier run; grant `write` for it \
                 in `allow:`, then it is emptied first",
                process::line(&config.invocation.argv),
                old.join("`, `"),
            )));
        }
        config.finish(fresh, failure)
    }
}

baepo_plugin::export_test!(Junit);

/// One report file.
struct Report {
    path: String,
    content: Vec<u8>,
}

impl Junit {
    fn read_reports(&self) -> Result<Vec<Report>, HookError> {
        let mut paths = Vec::new();
        for pattern in &self.reports {
            paths.extend(
                workspace::glob_files(pattern)?
                    .into_iter()
                    .map(|file| file.path),
            );
        }
        paths.sort();
        paths.dedup();
        paths
            .into_iter()
            .map(|path| {
                Ok(Report {
                    content: workspace::read(&path, REPORT_LIMIT_BYTES)?,
                    path,
                })
            })
            .collect()
    }

    /// The report of the hook; `failure` is what became of the command, if it
    /// failed.
    fn finish(
        &self,
        reports: Vec<Report>,
        failure: Option<String>,
    ) -> Result<TestReport, HookError> {
        if reports.is_empty() && failure.is_none() && !self.allow_empty {
            return Err(HookError::Failed(format!(
                "no report that may be read matches `{}`; grant `read` for it in `allow:`, or say `allow-empty: true`",
                self.reports.join("`, `"),
            )));
        }
        let mut suites = Vec::new();
        for report in &reports {
            // A program that was killed may leave half a report behind: its
            // end says more than ours would.
            match (
                xml::parse(&String::from_utf8_lossy(&report.content)),
                &failure,
            ) {
                (Ok(found), _) => suites.extend(found),
                (Err(why), None) => {
                    return Err(HookError::Failed(format!(
                        "`{}` is not a JUnit report: {why}",
                        report.path
                    )));
                }
                (Err(why), Some(_)) => info!("a report cannot be read: {why}"; path = report.path),
            }
        }
        if let Some(failure) = failure
            && !suites.iter().flat_map(|suite| &suite.cases).any(is_bad)
        {
            suites.push(Suite {
                name: "command".into(),
                cases: vec![the_command(failure)],
            });
        }
        let annotations = annotations(&suites);
        Ok(TestReport {
            suites,
            annotations,
        })
    }
}

fn is_bad(case: &TestCase) -> bool {
    matches!(case.outcome, Outcome::Failed(_) | Outcome::Errored(_))
}

/// The case that stands for a command that failed on its own account.
fn the_command(failure: String) -> TestCase {
    TestCase {
        name: "the command itself".into(),
        class_name: String::new(),
        outcome: Outcome::Errored(failure),
        duration_ms: None,
        file: None,
        line: None,
    }
}

/// Remarks on the lines of cases that went wrong, where these are known.
fn annotations(suites: &[Suite]) -> Vec<Annotation> {
    let cases = suites.iter().flat_map(|suite| &suite.cases);
    cases
        .filter_map(|case| {
            let (Outcome::Failed(message) | Outcome::Errored(message)) = &case.outcome else {
                return None;
            };
            let (path, line) = (case.file.clone()?, case.line?.max(1));
            Some(Annotation {
                path,
                start_line: line,
                end_line: line,
                level: Level::Failure,
                title: case.name.clone(),
                message: message.clone(),
            })
        })
        .take(MOST_ANNOTATIONS)
        .collect()
}

#[cfg(test)]
mod tests;

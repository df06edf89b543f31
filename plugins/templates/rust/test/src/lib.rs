//! A test: a list of files that must be there.
//!
//! Change [`Settings`] to what your users are to write under `with:`. What is read
//! needs `allow: { read: [LICENSE] }` at the plugin's use.

use baepo_plugin::HookError;
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::test::{Outcome, Suite, Test, TestCase, TestReport, TestRequest};
use baepo_plugin::workspace;

/// No file may be larger, in bytes.
const LARGEST: u64 = 1 << 20;

/// What users write under `with:`.
struct Settings {
    files: Vec<String>,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        Settings {
            files: fields
                .list("files")
                .unwrap_or_else(|| vec!["LICENSE".into()]),
        }
    }
}

struct Plugin;

impl Test for Plugin {
    type Config = Settings;

    fn test(settings: Settings, _: &TestRequest) -> Result<TestReport, HookError> {
        let read = settings.files.into_iter().map(|path| {
            let content = workspace::read(&path, LARGEST);
            (path, content)
        });
        // A missing grant is no failed test, and goes up.
        let cases: Result<Vec<TestCase>, HookError> = read
            .map(|(path, content)| match content {
                Err(HookError::Denied(what)) => Err(HookError::Denied(what)),
                content => Ok(case(path, content)),
            })
            .collect();
        let suite = Suite {
            name: "files".into(),
            cases: cases?,
        };
        Ok(TestReport {
            suites: vec![suite],
            annotations: Vec::new(),
        })
    }
}

baepo_plugin::export_test!(Plugin);

fn case(path: String, content: Result<Vec<u8>, HookError>) -> TestCase {
    let outcome = match content {
        Ok(bytes) if bytes.is_empty() => Outcome::Failed("it is empty".into()),
        Ok(_) => Outcome::Passed,
        Err(HookError::Failed(why)) => Outcome::Failed(why),
        Err(_) => Outcome::Errored("it cannot be read".into()),
    };
    TestCase {
        name: format!("{path} is there"),
        class_name: String::new(),
        outcome,
        duration_ms: None,
        file: Some(path),
        line: None,
    }
}

#[cfg(test)]
mod tests {
    use baepo_plugin::fake::Host;

    use super::*;

    fn outcomes(host: &Host, config: &str) -> Vec<Outcome> {
        let report = host.test::<Plugin>(config).unwrap();
        let cases = report.suites[0].cases.iter();
        cases.map(|case| case.outcome.clone()).collect()
    }

    #[test]
    fn a_file_must_be_there_and_not_be_empty() {
        let host = Host::new()
            .file("LICENSE", "MIT")
            .file("NOTICE", "")
            .allow_read("README.md");
        let config = r#"{"files": ["LICENSE", "NOTICE", "README.md"]}"#;
        assert_eq!(
            outcomes(&host, config),
            [
                Outcome::Passed,
                Outcome::Failed("it is empty".into()),
                Outcome::Failed("there is no `README.md`".into()),
            ]
        );
    }

    #[test]
    fn a_missing_grant_is_no_failed_test() {
        let denied = Err(HookError::Denied("read LICENSE".into()));
        assert_eq!(Host::new().test::<Plugin>("{}"), denied);
    }
}

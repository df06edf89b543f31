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
    use super::*;

    #[test]
    fn an_empty_file_is_none() {
        let outcome = |content| case("a".into(), content).outcome;
        assert!(matches!(outcome(Ok(vec![1])), Outcome::Passed));
        assert!(matches!(outcome(Ok(Vec::new())), Outcome::Failed(_)));
        let gone = HookError::Failed("there is no `a`".into());
        assert!(matches!(outcome(Err(gone)), Outcome::Failed(_)));
    }
}

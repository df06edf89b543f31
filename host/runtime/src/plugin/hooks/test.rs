//! The hook `test`.

use baepo_core::hook::{CaseOutcome, Suite, TestCase, TestReport};
use baepo_core::release::Revision;
use baepo_core::time::Millis;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::exports::baepo::hooks::test as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::{annotation_bytes, from_annotation, from_hook_error, to_revision};

impl Plugin {
    /// Run tests. `config` is the `with:` block as JSON; `endpoints` are the
    /// base addresses of a running candidate, none in the test stage.
    pub async fn test(
        &self,
        context: &CallContext,
        config: &str,
        revision: &Revision,
        endpoints: &[String],
    ) -> CallOutcome<TestReport> {
        let call = Test {
            config,
            revision,
            endpoints,
        };
        self.call(context, call).await
    }
}

struct Test<'a> {
    config: &'a str,
    revision: &'a Revision,
    endpoints: &'a [String],
}

impl HookCall for Test<'_> {
    type Answer = TestReport;
    const HOOK: Hook = Hook::Test;
    const PURE: bool = false;

    fn function(&self) -> &'static str {
        "test.test"
    }

    fn endpoints(&self) -> Vec<&str> {
        self.endpoints.iter().map(String::as_str).collect()
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<TestReport>, Refused> {
        let indices = exports.test.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let request = wit::TestRequest {
            config: self.config.into(),
            revision: to_revision(self.revision),
            endpoints: self.endpoints.to_vec(),
        };
        let report = guest.call_test(store, &request).await?;
        let report = report.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
        let suites_bytes: usize = report.suites.iter().map(suite_bytes).sum();
        let size_bytes = annotation_bytes(&report.annotations) + suites_bytes;
        let answer = TestReport {
            suites: report.suites.into_iter().map(from_suite).collect(),
            annotations: report
                .annotations
                .into_iter()
                .map(from_annotation)
                .collect(),
        };
        Ok(Answered { answer, size_bytes })
    }
}

fn suite_bytes(suite: &wit::Suite) -> usize {
    let case_bytes = |case: &wit::TestCase| {
        let text = match &case.outcome {
            wit::Outcome::Passed => 0,
            wit::Outcome::Failed(text)
            | wit::Outcome::Errored(text)
            | wit::Outcome::Skipped(text) => text.len(),
        };
        let file = case.file.as_ref().map_or(0, String::len);
        case.name.len() + case.class_name.len() + text + file
    };
    let cases: usize = suite.cases.iter().map(case_bytes).sum();
    suite.name.len() + cases + size_of_val(suite.cases.as_slice()) + size_of_val(suite)
}

fn from_suite(suite: wit::Suite) -> Suite {
    Suite {
        name: suite.name,
        cases: suite.cases.into_iter().map(from_case).collect(),
    }
}

fn from_case(case: wit::TestCase) -> TestCase {
    TestCase {
        name: case.name,
        class_name: case.class_name,
        outcome: match case.outcome {
            wit::Outcome::Passed => CaseOutcome::Passed,
            wit::Outcome::Failed(text) => CaseOutcome::Failed(text),
            wit::Outcome::Errored(text) => CaseOutcome::Errored(text),
            wit::Outcome::Skipped(text) => CaseOutcome::Skipped(text),
        },
        duration: case.duration_ms.map(Millis),
        file: case.file,
        line: case.line,
    }
}

//! Tests of the candidate while it runs and nobody meets it yet.
//!
//! They are made once in a rollout: as soon as the first instances are ready, and
//! in any case before the candidate gets its first traffic. What fails, says
//! nothing or cannot be made ends the way forward.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::entry::{Cause, Entry};
use super::forward::shorten;
use super::machine::{Machine, Next};
use super::port::Call;
use super::settings::{Kind, PinnedPlugin};
use super::state::Rollout;
use crate::fleet::Fleet;
use crate::hook::{TestCounts, TestReport};
use crate::release::Revision;
use crate::time::Time;

/// How many cases that failed are kept by name.
const NAMED_FAILURES: usize = 10;

/// What a test plugin is asked about the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRequest {
    /// The plugin as the rollout began with it.
    pub plugin: PinnedPlugin,
    /// What the candidate was built from.
    pub revision: Revision,
    /// Base addresses of its ready instances.
    pub endpoints: Arc<[String]>,
}

/// What one test plugin found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verified {
    /// The plugin's name.
    pub name: String,
    /// Its cases.
    pub counts: TestCounts,
    /// Cases that failed, the first ones, by name and message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<(String, String)>,
    /// Why there is no report, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Verified {
    fn of(name: String, report: Result<TestReport, String>) -> Verified {
        match report {
            Ok(report) => {
                let mut failures = report.failures(NAMED_FAILURES);
                for (case, message) in &mut failures {
                    shorten(case);
                    shorten(message);
                }
                Verified {
                    name,
                    counts: report.counts(),
                    failures,
                    error: None,
                }
            }
            Err(mut why) => {
                shorten(&mut why);
                Verified {
                    name,
                    counts: TestCounts::default(),
                    failures: Vec::new(),
                    error: Some(why),
                }
            }
        }
    }

    /// What speaks against the candidate, in one sentence; `None` where it may go
    /// on.
    pub fn objection(&self) -> Option<(Cause, String)> {
        let (name, counts) = (&self.name, self.counts);
        if let Some(why) = &self.error {
            return Some((
                Cause::PluginFailed,
                format!("`{name}` could not verify it: {why}"),
            ));
        }
        if counts.has_passed() {
            return None;
        }
        let text = match (counts.failed, self.failures.first()) {
            (0, _) => format!("`{name}` reported no case, which shows nothing"),
            (failed, first) => {
                let all = failed + counts.passed + counts.skipped;
                let first = first.map_or(String::new(), |(case, message)| match message.as_str() {
                    "" => format!(": {case}"),
                    message => format!(": {case}: {message}"),
                });
                format!("`{name}` found {failed} of {all} cases failing{first}")
            }
        };
        Some((Cause::VerifyFailed, text))
    }

    /// In words, for people.
    pub fn in_words(&self) -> String {
        match self.objection() {
            Some((_, why)) => why,
            None => {
                let TestCounts {
                    passed, skipped, ..
                } = self.counts;
                let skipped = match skipped {
                    0 => String::new(),
                    n => format!(", {n} skipped"),
                };
                let cases = if passed == 1 { "case" } else { "cases" };
                format!("`{}` passed {passed} {cases}{skipped}", self.name)
            }
        }
    }
}

impl Machine {
    /// What comes before the candidate's first traffic, where something does.
    pub(super) fn verify(&mut self, now: Time, since: Time, fleet: &Fleet) -> Option<Next> {
        let rollout = self.env.active()?;
        if !rollout.is_to_be_verified() {
            return None;
        }
        if now >= self.deadline(since) {
            let reason = "the candidate was not verified in time".into();
            return Some(self.turn_back(now, Cause::Deadline, reason));
        }
        let endpoints = fleet.of(rollout.candidate()).endpoints;
        let requests = rollout
            .begin
            .settings
            .verify
            .iter()
            .map(|plugin| VerifyRequest {
                plugin: plugin.clone(),
                revision: rollout.begin.candidate.revision.clone(),
                endpoints: endpoints.clone(),
            });
        Some(Next::call(Call::Verify(requests.collect())))
    }

    pub(super) fn take_reports(
        &mut self,
        now: Time,
        reports: Vec<(String, Result<TestReport, String>)>,
    ) {
        let reports = reports.into_iter();
        let verified = reports.map(|(name, report)| Verified::of(name, report));
        let verified = verified.collect();
        self.push(now, Entry::Verified { verified });
    }
}

impl Rollout {
    fn is_to_be_verified(&self) -> bool {
        let is_known = self.verified.is_some() || self.kind == Kind::Rollback;
        !is_known && !self.begin.settings.verify.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::super::directive::{Decision, Directive, Progress};
    use super::super::entry::{Command, Operation, Signal};
    use super::super::environment::Environment;
    use super::super::fixture::{apply, begin, digest, fleet, release};
    use super::super::port::{Answer, CallError, CallId, Input, Intent, Output};
    use super::super::step::Step;
    use super::*;
    use crate::hook::{CaseOutcome, Suite, TestCase};
    use crate::weight::BasisPoints;

    const FULL: Directive = Directive::Route(BasisPoints::FULL);
    const DOUBLE: Directive = Directive::Scale {
        stable: 4,
        candidate: 4,
    };

    /// A rollout with a test plugin that carries out this directive.
    fn carrying_out(directive: Directive, program: Kind) -> Machine {
        let mut env = Environment {
            stable: Some(release(1)),
            ..Environment::default()
        };
        let mut begin = begin(2);
        begin.settings.verify = vec![PinnedPlugin {
            name: "smoke".to_string(),
            digest: digest(9),
            config: "{}".to_string(),
        }];
        let stable = env.stable.clone();
        let entry = Entry::Began {
            begin,
            program,
            stable,
        };
        apply(&mut env, 0, entry);
        apply(&mut env, 0, Entry::Staged);
        let decision = Decision {
            memory: Vec::new(),
            directive,
            progress: Progress::default(),
            reason: String::new(),
        };
        apply(&mut env, 0, Entry::Decided { decision });
        Machine::new(env, Intent::Resume, Time(0))
    }

    /// The next call that is no look at the fleet, in which all is ready.
    fn next_call(machine: &mut Machine, now: &mut Time) -> (CallId, Call) {
        for _ in 0..1_000 {
            match machine.poll_output(*now) {
                Output::Record(_) => {}
                Output::Wait(until) => *now = until,
                Output::Call { id, call } => {
                    let ready = fleet((4, 4, 0), (4, 4, 0), 0);
                    let answer = match &call {
                        Call::Observe => Answer::Fleet(ready),
                        Call::Measure { .. } => Answer::Measured(ready, Default::default()),
                        _ => return (id, call),
                    };
                    let answer = Ok(answer);
                    machine.handle_input(*now, Input::Returned { id, answer });
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it only looks")
    }

    fn report(outcomes: &[CaseOutcome]) -> TestReport {
        let case = |outcome: &CaseOutcome| TestCase {
            name: "log in".into(),
            class_name: "Shop".into(),
            outcome: outcome.clone(),
            duration: None,
            file: None,
            line: None,
        };
        TestReport {
            suites: vec![Suite {
                name: "smoke".into(),
                cases: outcomes.iter().map(case).collect(),
            }],
            annotations: Vec::new(),
        }
    }

    /// Answer the question; what comes next.
    fn answered(report: Result<TestReport, String>) -> (Machine, Call) {
        let mut now = Time(0);
        let mut machine = carrying_out(DOUBLE, Kind::Strategy);
        let (id, call) = next_call(&mut machine, &mut now);
        assert!(matches!(call, Call::Verify(_)), "{call:?}");
        // Longer than a step may take, which is the plugin's own affair.
        now = Time(3_000_000);
        let answer = Ok(Answer::Reports(vec![("smoke".into(), report)]));
        machine.handle_input(now, Input::Returned { id, answer });
        let (_, call) = next_call(&mut machine, &mut now);
        (machine, call)
    }

    fn turned(machine: &Machine) -> (Cause, String) {
        let rollout = machine.environment().active().unwrap();
        match &rollout.step {
            Step::Back { cause, .. } => (*cause, rollout.reason.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_candidate_that_passes_goes_on_and_is_not_asked_again() {
        let passed = [CaseOutcome::Passed, CaseOutcome::Skipped(String::new())];
        let (machine, call) = answered(Ok(report(&passed)));
        assert!(matches!(call, Call::Decide(_)), "{call:?}");
        let rollout = machine.environment().active().unwrap();
        assert_eq!(rollout.verified, Some(Time(3_000_000)));
        let env = machine.environment().clone();
        let mut again = Machine::new(env, Intent::Resume, Time(3_000_000));
        let (_, call) = next_call(&mut again, &mut Time(3_000_000));
        assert!(matches!(call, Call::Decide(_)), "{call:?}");
    }

    #[test]
    fn what_fails_says_nothing_or_cannot_be_made_turns_back() {
        let failed = |message: &str| CaseOutcome::Failed(message.to_string());
        let two = [failed("500, not 200"), CaseOutcome::Passed];
        for (said, cause, reason) in [
            (
                Ok(report(&two)),
                Cause::VerifyFailed,
                "`smoke` found 1 of 2 cases failing: Shop log in: 500, not 200",
            ),
            (
                Ok(report(&[])),
                Cause::VerifyFailed,
                "`smoke` reported no case, which shows nothing",
            ),
            (
                Err("it crashed".to_string()),
                Cause::PluginFailed,
                "`smoke` could not verify it: it crashed",
            ),
        ] {
            let (machine, call) = answered(said);
            let Call::Act(Operation::Scale { digest: of, .. }) = call else {
                panic!("{call:?}")
            };
            assert_eq!(of, digest(2), "only the candidate goes");
            assert_eq!(turned(&machine), (cause, reason.to_string()));
            assert_eq!(
                machine.environment().active().unwrap().peak,
                BasisPoints::ZERO
            );
        }
    }

    #[test]
    fn no_strategy_gives_traffic_without_it() {
        let call = next_call(&mut carrying_out(FULL, Kind::Strategy), &mut Time(0)).1;
        assert!(matches!(call, Call::Verify(_)), "{call:?}");
    }

    #[test]
    fn what_served_before_is_not_verified_again() {
        let call = next_call(&mut carrying_out(FULL, Kind::Rollback), &mut Time(0)).1;
        assert!(matches!(call, Call::Act(_)), "{call:?}");
    }

    #[test]
    fn who_cannot_be_asked_is_asked_again_until_the_deadline() {
        let mut machine = carrying_out(DOUBLE, Kind::Strategy);
        let mut now = Time(0);
        let mut asked = 0;
        loop {
            let (id, call) = next_call(&mut machine, &mut now);
            if !matches!(call, Call::Verify(_)) {
                break;
            }
            asked += 1;
            let answer = Err(CallError::Unreachable("busy".into()));
            machine.handle_input(now, Input::Returned { id, answer });
        }
        assert!(asked > 100, "asked {asked} times");
        assert_eq!(turned(&machine).0, Cause::Deadline);
    }

    #[test]
    fn a_persons_abort_does_not_wait_for_it() {
        let mut machine = carrying_out(DOUBLE, Kind::Strategy);
        let mut now = Time(0);
        let (id, _) = next_call(&mut machine, &mut now);
        let signal = Signal {
            number: 1,
            by: "ann".into(),
            command: Command::Abort,
            reason: String::new(),
        };
        machine.handle_input(now, Input::Signal(signal));
        assert!(!machine.is_waiting_for(id));
        next_call(&mut machine, &mut now);
        assert_eq!(turned(&machine).0, Cause::Person);
    }
}

//! A person approves of a release before any of it runs.
//!
//! The release is staged, and then the rollout holds at weight 0 without one
//! instance of it. Only the word `approve` with the digest of this release ends
//! that: whoever said `promote`, or approved of the release before, has not
//! looked at this one. A rollback needs no approval, for what it goes to has
//! served.

use super::entry::{Command, Signal};
use super::settings::Kind;
use super::state::Rollout;

impl Rollout {
    /// Whether a person is still to approve of the release.
    pub fn awaits_approval(&self) -> bool {
        let is_wanted = self.begin.settings.needs_approval && self.kind != Kind::Rollback;
        is_wanted && self.approved_by.is_none()
    }

    /// Whether a command has no meaning yet, because nobody has approved.
    pub(super) fn is_before_approval(&self, command: Command) -> bool {
        let goes_on = match command {
            Command::Promote | Command::PromoteFull | Command::Resume => true,
            Command::Approve
            | Command::Pause
            | Command::Abort
            | Command::Superseded
            | Command::Unwatched
            | Command::Failing => false,
        };
        goes_on && self.awaits_approval()
    }

    /// Take an approval in; whether it was the one that was waited for.
    pub(super) fn approve(&mut self, signal: &Signal) -> bool {
        if !signal.approves(self.candidate()) || !self.awaits_approval() {
            return false;
        }
        self.approved_by = Some(signal.by.clone());
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::string::ToString;

    use super::super::entry::{Cause, Counted, Entry, Operation, Outcome};
    use super::super::environment::Environment;
    use super::super::fixture::{apply, begin, digest, fleet, release};
    use super::super::machine::Machine;
    use super::super::port::{Answer, Call, Done, Input, Intent, Output};
    use super::super::settings::Begin;
    use super::super::step::Step;
    use super::*;
    use crate::time::Time;

    const DAY: u64 = 86_400_000;

    fn wanted() -> Box<Begin> {
        let mut begin = begin(2);
        begin.settings.needs_approval = true;
        begin
    }

    fn before() -> Environment {
        Environment {
            stable: Some(release(1)),
            ..Environment::default()
        }
    }

    /// Run until it is done, or asks for something that is no look; nothing of
    /// the candidate may be asked for on the way.
    fn drive(machine: &mut Machine, now: u64) -> Result<Done, Box<Call>> {
        let now = Time(now);
        for _ in 0..100 {
            match machine.poll_output(now) {
                Output::Record(_) => {}
                Output::Done(done) => return Ok(done),
                Output::Call { id, call } => {
                    let seen = fleet((4, 4, 0), (0, 0, 0), 0);
                    let answer = match call {
                        Call::Stage(_) => Answer::Accepted,
                        Call::Measure { .. } => Answer::Measured(seen, Counted::default()),
                        Call::Observe => Answer::Fleet(seen),
                        other => return Err(Box::new(other)),
                    };
                    let answer = Ok(answer);
                    machine.handle_input(now, Input::Returned { id, answer });
                }
                Output::Pending | Output::Wait(_) => {
                    panic!("it waits and does not say that a person is needed")
                }
            }
        }
        panic!("no end")
    }

    fn resumed(env: &Environment, now: u64) -> Machine {
        Machine::new(env.clone(), Intent::Resume, Time(now))
    }

    fn says(machine: &mut Machine, now: u64, command: Command, reason: &str) {
        let number = machine.environment().active().unwrap().heard + 1;
        let signal = Signal {
            number,
            by: "ann".into(),
            command,
            reason: reason.into(),
        };
        machine.handle_input(Time(now), Input::Signal(signal));
    }

    fn waiting() -> Environment {
        let mut machine = Machine::new(before(), Intent::Deploy(wanted()), Time(0));
        let done = drive(&mut machine, 0).unwrap();
        assert_eq!(
            (done.outcome, done.cause, done.resume_at),
            (Outcome::Waiting, Cause::NeedsApproval, Some(Time(DAY)))
        );
        machine.environment().clone()
    }

    #[test]
    fn a_run_ends_where_a_person_is_to_approve_and_one_after_it_goes_on() {
        let env = waiting();
        // Whoever comes by without a word of a person finds the same.
        let again = drive(&mut resumed(&env, 1_000), 1_000).unwrap();
        assert_eq!(again.cause, Cause::NeedsApproval);
        let mut machine = resumed(&env, 2_000);
        says(
            &mut machine,
            2_000,
            Command::Approve,
            &digest(2).to_string(),
        );
        let asked = drive(&mut machine, 2_000).unwrap_err();
        assert!(matches!(*asked, Call::Decide(_)), "{asked:?}");
        let rollout = machine.environment().active().unwrap();
        assert_eq!(rollout.approved_by.as_deref(), Some("ann"));
        assert!(
            rollout.last.is_none(),
            "a strategy is asked as if nothing had been"
        );
    }

    #[test]
    fn only_an_approval_of_this_release_counts() {
        let env = waiting();
        let other = digest(1).to_string();
        for (command, reason) in [
            (Command::Promote, ""),
            (Command::PromoteFull, ""),
            (Command::Resume, ""),
            (Command::Approve, ""),
            (Command::Approve, other.as_str()),
        ] {
            let mut machine = resumed(&env, 1_000);
            says(&mut machine, 1_000, command, reason);
            let done = drive(&mut machine, 1_000).unwrap();
            assert_eq!(done.cause, Cause::NeedsApproval, "{command} {reason}");
            let rollout = machine.environment().active().unwrap();
            assert!(
                !rollout.standing.waived,
                "{command} lets nothing pass later"
            );
        }
    }

    #[test]
    fn nobody_who_comes_in_two_days_is_a_no() {
        let mut env = waiting();
        let mut machine = resumed(&env, DAY);
        assert_eq!(
            drive(&mut machine, DAY).unwrap().cause,
            Cause::NeedsApproval
        );
        env = machine.environment().clone();
        let mut machine = resumed(&env, 2 * DAY);
        let outcome = drive(&mut machine, 2 * DAY);
        let rollout = machine.environment().rollout.clone().unwrap();
        let turned = match rollout.step {
            Step::Back { cause, .. } | Step::Over { cause, .. } => cause,
            other => panic!("{other:?} {outcome:?}"),
        };
        assert_eq!(turned, Cause::HoldExpired);
    }

    #[test]
    fn an_abort_needs_no_approval_and_touches_nothing() {
        let mut machine = resumed(&waiting(), 1_000);
        says(&mut machine, 1_000, Command::Abort, "");
        match drive(&mut machine, 1_000) {
            Ok(done) => assert_eq!(done.outcome, Outcome::RolledBack),
            Err(call) => {
                let Call::Act(Operation::Route { route }) = *call else {
                    panic!("{call:?}")
                };
                let weight = route.weight(digest(2));
                assert_eq!(weight, crate::weight::BasisPoints::ZERO);
            }
        }
    }

    #[test]
    fn going_back_needs_no_approval() {
        let mut env = before();
        let mut back = wanted();
        back.retry = true;
        let entry = Entry::Began {
            begin: back,
            program: Kind::Rollback,
            stable: env.stable.clone(),
        };
        apply(&mut env, 0, entry);
        assert!(!env.active().unwrap().awaits_approval());
    }
}

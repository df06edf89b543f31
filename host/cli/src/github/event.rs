//! What caused this run, and how far it may therefore go.

use serde_json::Value;

use crate::config::{Environment, Event};

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Build, test, release, roll out.
    Deploy,
    /// Build, test, release, and show the plan; only environments that ask for
    /// this event are deployed to.
    Preview,
    /// Bring on what is on its way, do what is due.
    Resume,
    /// Show the plan.
    Plan,
}

/// What caused a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// `push`, `pull_request`, …, or `command line`.
    pub event: String,
    /// How far the run goes.
    pub reach: Reach,
    /// The pull request that the event is about.
    pub pull_request: Option<u64>,
    /// The commit that the change starts from: the base of the pull request, or
    /// what the branch was before the push.
    pub base: Option<String>,
    /// The environment that a person chose (`workflow_dispatch`).
    pub environment: Option<String>,
}

impl Trigger {
    /// A person at a terminal, or another program.
    pub(crate) fn command_line() -> Trigger {
        let event = "command line".into();
        Trigger {
            event,
            reach: Reach::Deploy,
            pull_request: None,
            base: None,
            environment: None,
        }
    }

    /// Whether the event lets this environment be deployed to. Who says so
    /// themselves, at a terminal or in a comment, is no event of `on:`.
    pub(crate) fn allows(&self, environment: &Environment) -> bool {
        let is_on = |event| environment.on.contains(&event);
        match (self.reach, self.event.as_str()) {
            (Reach::Deploy, "push") => is_on(Event::Push),
            (Reach::Deploy, "workflow_dispatch") => is_on(Event::WorkflowDispatch),
            (Reach::Preview, _) => is_on(Event::PullRequest),
            (Reach::Deploy | Reach::Resume, _) => true,
            (Reach::Plan, _) => false,
        }
    }

    /// Whether the commit that is checked out is the one that the event is about.
    /// For `pull_request_target` GitHub checks out the base and not what the pull
    /// request brings, unless the workflow asks for that.
    pub(crate) fn is_about(&self, commit: &str, payload: &Value) -> bool {
        let named = ["/pull_request/head/sha", "/pull_request/merge_commit_sha"];
        self.event != "pull_request_target"
            || named
                .iter()
                .any(|path| payload.pointer(path).and_then(Value::as_str) == Some(commit))
    }

    /// From the job's variables; `variable` reads one, `payload` is the event
    /// file. Outside of Actions it is the command line.
    pub(crate) fn of(variable: &dyn Fn(&str) -> Option<String>, payload: &Value) -> Trigger {
        let Some(event) = variable("GITHUB_EVENT_NAME") else {
            return Trigger::command_line();
        };
        let number = |path: &str| payload.pointer(path).and_then(Value::as_u64);
        let default_branch = payload
            .pointer("/repository/default_branch")
            .and_then(Value::as_str);
        let ref_name = variable("GITHUB_REF").unwrap_or_default();
        let on_default = match default_branch {
            Some(branch) => ref_name == format!("refs/heads/{branch}"),
            // A payload without it says nothing against `main`.
            None => matches!(ref_name.as_str(), "refs/heads/main" | "refs/heads/master"),
        };
        let reach = match event.as_str() {
            "push" if on_default => Reach::Deploy,
            "workflow_dispatch" => Reach::Deploy,
            "pull_request" | "pull_request_target" => Reach::Preview,
            "schedule" => Reach::Resume,
            _ => Reach::Plan,
        };
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
        let base = text("/pull_request/base/sha").or_else(|| text("/before"));
        let environment = payload
            .pointer("/inputs/environment")
            .and_then(Value::as_str);
        Trigger {
            event,
            reach,
            pull_request: number("/pull_request/number").or_else(|| number("/issue/number")),
            // A branch that is new was all zeros before.
            base: base
                .filter(|base| base.bytes().any(|byte| byte != b'0'))
                .map(str::to_owned),
            environment: environment
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trigger(event: &str, reference: &str, payload: Value) -> Trigger {
        let variable = |name: &str| match name {
            "GITHUB_EVENT_NAME" => Some(event.to_owned()),
            "GITHUB_REF" => Some(reference.to_owned()),
            _ => None,
        };
        Trigger::of(&variable, &payload)
    }

    #[test]
    fn only_a_push_to_the_default_branch_deploys() {
        let repository = json!({ "repository": { "default_branch": "trunk" } });
        let push = |reference| trigger("push", reference, repository.clone()).reach;
        assert_eq!(push("refs/heads/trunk"), Reach::Deploy);
        assert_eq!(push("refs/heads/main"), Reach::Plan);
        assert_eq!(push("refs/tags/trunk"), Reach::Plan);
    }

    #[test]
    fn a_pull_request_is_built_and_planned_and_remembered() {
        let payload = json!({ "pull_request": { "number": 12 } });
        let trigger = trigger("pull_request", "refs/pull/12/merge", payload);
        assert_eq!(
            (trigger.reach, trigger.pull_request),
            (Reach::Preview, Some(12))
        );
    }

    #[test]
    fn the_base_is_not_what_the_pull_request_brings() {
        let payload =
            json!({ "pull_request": { "head": { "sha": "ab" }, "merge_commit_sha": null } });
        let about = |event, commit| {
            trigger(event, "refs/heads/main", payload.clone()).is_about(commit, &payload)
        };
        assert!(about("pull_request_target", "ab") && !about("pull_request_target", "cd"));
        assert!(about("pull_request", "cd"));
    }

    #[test]
    fn the_base_is_what_the_change_starts_from() {
        let base = |payload| trigger("push", "refs/heads/main", payload).base;
        let pull_request = json!({ "pull_request": { "base": { "sha": "abc" } } });
        assert_eq!(base(pull_request).as_deref(), Some("abc"));
        assert_eq!(base(json!({ "before": "def" })).as_deref(), Some("def"));
        assert_eq!(base(json!({ "before": "0".repeat(40) })), None);
        assert_eq!(base(json!({})), None);
    }

    #[test]
    fn a_timer_resumes_and_what_is_not_known_plans() {
        assert_eq!(
            trigger("schedule", "refs/heads/main", json!({})).reach,
            Reach::Resume
        );
        assert_eq!(
            trigger("fork", "refs/heads/main", json!({})).reach,
            Reach::Plan
        );
        assert_eq!(Trigger::of(&|_| None, &json!({})).reach, Reach::Deploy);
    }
}

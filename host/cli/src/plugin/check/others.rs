//! Build, test, target and feedback: that they answer, also where nothing is
//! granted, and do not crash.

use std::sync::Arc;

use baepo_core::hook::{FeedbackRequest, HookError, PastRollout};
use baepo_core::time::Time;
use baepo_runtime::capability::store::MemoryStore;
use baepo_runtime::plugin::{CallContext, CallError, Hook, Plugin, TargetCall};

use super::{Line, configuration, context, revision, with_unknown_key};

pub(super) async fn check(plugin: &Plugin, hook: Hook, config: &str) -> Vec<Line> {
    let what = hook.name();
    let empty = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return vec![Line::bad(what, error.to_string(), "")],
    };
    let context = CallContext {
        checkout: Some(Arc::from(empty.path())),
        store: Some(Arc::new(MemoryStore::default())),
        ..context()
    };
    let ours = ask(plugin, hook, &context, config).await;
    let nonsense = ask(plugin, hook, &context, &with_unknown_key(config)).await;
    let answer = answered(what, &ours);
    let (line, goes_on) = configuration("configuration", ours, nonsense);
    let mut lines = vec![line];
    if goes_on {
        lines.push(answer);
        if hook == Hook::Target {
            lines.extend(super::target::check(plugin, &context, config).await);
        }
    }
    lines
}

fn answered(what: &'static str, error: &Option<CallError>) -> Line {
    match error {
        None => Line::good(what, "it answers"),
        Some(CallError::Plugin(HookError::Denied(capability))) => Line::good(
            what,
            format!("it says that it needs {capability}, which is not granted here"),
        ),
        Some(CallError::Plugin(error)) => {
            Line::good(what, format!("in an empty checkout it says: {error}"))
        }
        Some(error) => Line::bad(what, error.to_string(), error.help()),
    }
}

/// One call; why it came to nothing, if it did.
async fn ask(
    plugin: &Plugin,
    hook: Hook,
    context: &CallContext,
    config: &str,
) -> Option<CallError> {
    let revision = revision();
    match hook {
        Hook::Build => {
            let outcome = plugin.build(context, config, &revision).await;
            outcome.result.err()
        }
        Hook::Test => {
            let outcome = plugin.test(context, config, &revision, &[]).await;
            outcome.result.err()
        }
        Hook::Target => {
            let outcome = plugin.target(context, config, TargetCall::Describe).await;
            outcome.result.err()
        }
        Hook::Feedback => {
            let request = FeedbackRequest {
                config: config.into(),
                rollout: past("rolled-back"),
                signals: Vec::new(),
                history: vec![past("succeeded")],
            };
            plugin.respond(context, &request).await.result.err()
        }
        Hook::Strategy | Hook::Monitor => None,
    }
}

fn past(outcome: &str) -> PastRollout {
    PastRollout {
        revision: revision(),
        environment: "production".into(),
        outcome: outcome.into(),
        reason: "errors 4.9 % against 0.2 %".into(),
        started: Time(1_700_000_000_000),
        ended: Time(1_700_000_060_000),
    }
}

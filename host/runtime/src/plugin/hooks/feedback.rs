//! The hook `feedback`.

use baepo_core::hook::{FeedbackRequest, PastRollout, Section, Signal};
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::exports::baepo::hooks::feedback as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::{cut, from_hook_error, to_revision};

/// The most of a section's text that is kept, in bytes; the WIT says so.
const LONGEST_BODY: usize = 8 * 1024;

/// The most of a person's text that is handed over, in characters; the same.
const LONGEST_SIGNAL: usize = 1000;

impl Plugin {
    /// Sections for the report on a rollout that has ended.
    pub async fn respond(
        &self,
        context: &CallContext,
        request: &FeedbackRequest,
    ) -> CallOutcome<Vec<Section>> {
        self.call(context, Respond { request }).await
    }
}

struct Respond<'a> {
    request: &'a FeedbackRequest,
}

impl HookCall for Respond<'_> {
    type Answer = Vec<Section>;
    const HOOK: Hook = Hook::Feedback;
    const PURE: bool = false;

    fn function(&self) -> &'static str {
        "feedback.respond"
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Vec<Section>>, Refused> {
        let indices = exports.feedback.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let sections = guest.call_respond(store, &to_request(self.request)).await?;
        let sections = sections.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
        let text = |section: &wit::Section| section.title.len() + section.body.len();
        let size_bytes = sections.iter().map(text).sum::<usize>() + size_of_val(&sections[..]);
        let section = |mut section: wit::Section| {
            cut(&mut section.body, LONGEST_BODY);
            Section {
                title: section.title,
                body: section.body,
            }
        };
        Ok(Answered {
            answer: sections.into_iter().map(section).collect(),
            size_bytes,
        })
    }
}

fn to_request(request: &FeedbackRequest) -> wit::FeedbackRequest {
    wit::FeedbackRequest {
        config: request.config.clone(),
        rollout: to_past(&request.rollout),
        signals: request.signals.iter().map(to_signal).collect(),
        history: request.history.iter().map(to_past).collect(),
    }
}

fn to_signal(signal: &Signal) -> wit::Signal {
    wit::Signal {
        kind: signal.kind.clone(),
        author: signal.author.clone(),
        text: signal.text.chars().take(LONGEST_SIGNAL).collect(),
        at_ms: signal.at.0,
    }
}

fn to_past(rollout: &PastRollout) -> wit::PastRollout {
    wit::PastRollout {
        revision: to_revision(&rollout.revision),
        environment: rollout.environment.clone(),
        outcome: rollout.outcome.clone(),
        reason: rollout.reason.clone(),
        started_at_ms: rollout.started.0,
        ended_at_ms: rollout.ended.0,
    }
}

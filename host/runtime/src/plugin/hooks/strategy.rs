//! The hook `strategy`.

use baepo_core::rollout::{
    Decision, Directive, Ended, Ending, Judgement, Limits, OnNoEvidence, Progress, RoleFleet,
    RoleFleets, View,
};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::baepo::hooks::types;
use super::super::bindings::exports::baepo::hooks::strategy as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::super::wasi::Weather;
use super::{from_hook_error, seed, to_verdict};

impl Plugin {
    /// Decide the next step of a rollout. Pure: grants do not count, and the
    /// same view gives the same decision.
    pub async fn decide(&self, context: &CallContext, view: &View) -> CallOutcome<Decision> {
        self.call(context, Decide { view }).await
    }
}

struct Decide<'a> {
    view: &'a View,
}

impl HookCall for Decide<'_> {
    type Answer = Decision;
    const HOOK: Hook = Hook::Strategy;
    const PURE: bool = true;
    const AT_ONCE: bool = true;

    fn function(&self) -> &'static str {
        "strategy.decide"
    }

    fn weather(&self) -> Weather {
        Weather::Fixed {
            elapsed: self.view.elapsed.to_duration(),
            seed: seed(&self.view.config),
        }
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Decision>, Refused> {
        let indices = exports.strategy.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        read(guest.call_decide(store, &to_view(self.view)).await?)
    }

    fn ask_at_once(
        &self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<Decision>, Refused> {
        type Told = Result<wit::Decision, types::HookError>;
        let decide = exports.decide.as_ref().ok_or(Refused::NoSuchHook)?;
        let decide = instance.get_typed_func::<(&wit::View,), (Told,)>(&mut *store, decide)?;
        let (told,) = decide.call(store, (&to_view(self.view),))?;
        read(told)
    }
}

fn read(told: Result<wit::Decision, types::HookError>) -> Result<Answered<Decision>, Refused> {
    let decision = told.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
    let words = match &decision.directive {
        wit::Directive::Hold(hold) => hold.reason.len(),
        wit::Directive::Abort(reason) => reason.len(),
        wit::Directive::Scale(_)
        | wit::Directive::Route(_)
        | wit::Directive::Observe(_)
        | wit::Directive::Finish(_) => 0,
    };
    let size_bytes = decision.memory.len() + decision.reason.len() + words;
    let answer = Decision {
        memory: decision.memory,
        directive: from_directive(decision.directive)?,
        progress: Progress {
            step: decision.progress.step,
            of: decision.progress.of,
        },
        reason: decision.reason,
    };
    Ok(Answered { answer, size_bytes })
}

fn to_view(view: &View) -> wit::View {
    wit::View {
        config: view.config.clone(),
        instances: view.instances,
        limits: to_limits(&view.limits),
        on_no_evidence: match view.on_no_evidence {
            OnNoEvidence::Hold => wit::OnNoEvidence::Hold,
            OnNoEvidence::ContinueOnHealth => wit::OnNoEvidence::ContinueOnHealth,
            OnNoEvidence::Abort => wit::OnNoEvidence::Abort,
        },
        memory: view.memory.clone(),
        fleet: to_fleet(&view.fleet),
        weight_basis_points: view.weight.value(),
        elapsed_ms: view.elapsed.0,
        decisions: view.decisions,
        last: view.last.as_ref().map(to_ended),
        judgement: view.judgement.as_ref().map(to_judgement),
        promote_full: view.promote_full,
    }
}

fn to_limits(limits: &Limits) -> wit::Limits {
    wit::Limits {
        max_surge: limits.max_surge,
        max_unavailable: limits.max_unavailable,
        max_exposure_unjudged_basis_points: limits.max_exposure_unjudged.value(),
        allow_downtime: limits.allow_downtime,
        weight_granularity_basis_points: limits.weight_granularity.value(),
    }
}

fn to_fleet(fleet: &RoleFleets) -> types::Fleet {
    let role = |role: &RoleFleet| types::RoleFleet {
        asked: role.asked,
        ready: role.ready,
        starting: role.starting,
        draining: role.draining,
        restarts: role.restarts,
    };
    types::Fleet {
        stable: role(&fleet.stable),
        candidate: role(&fleet.candidate),
    }
}

fn to_ended(ended: &Ended) -> wit::Ended {
    wit::Ended {
        directive: to_directive(&ended.directive),
        ending: match ended.ending {
            Ending::Reached => wit::Ending::Reached,
            Ending::Healthy => wit::Ending::Healthy,
            Ending::Inconclusive => wit::Ending::Inconclusive,
            Ending::Resumed => wit::Ending::Resumed,
            Ending::Promoted => wit::Ending::Promoted,
            Ending::HoldExpired => wit::Ending::HoldExpired,
        },
        took_ms: ended.took.0,
    }
}

fn to_judgement(judgement: &Judgement) -> wit::Judgement {
    wit::Judgement {
        verdict: to_verdict(judgement.verdict),
        health: to_verdict(judgement.health),
        reason: judgement.reason.clone(),
    }
}

fn to_directive(directive: &Directive) -> wit::Directive {
    match directive {
        Directive::Scale { stable, candidate } => wit::Directive::Scale(wit::Scale {
            stable: *stable,
            candidate: *candidate,
        }),
        Directive::Route(weight) => wit::Directive::Route(weight.value()),
        Directive::Observe { min, max } => wit::Directive::Observe(wit::Observe {
            min_ms: min.0,
            max_ms: max.0,
        }),
        Directive::Hold { reason, timeout } => wit::Directive::Hold(wit::Hold {
            reason: reason.clone(),
            timeout_ms: timeout.0,
        }),
        Directive::Finish { keep_warm } => wit::Directive::Finish(wit::Finish {
            keep_warm_ms: keep_warm.0,
        }),
        Directive::Abort { reason } => wit::Directive::Abort(reason.clone()),
    }
}

fn from_directive(directive: wit::Directive) -> Result<Directive, Refused> {
    Ok(match directive {
        wit::Directive::Scale(scale) => Directive::Scale {
            stable: scale.stable,
            candidate: scale.candidate,
        },
        wit::Directive::Route(weight) => {
            let nonsense =
                || Refused::Nonsense(format!("it routes {weight} basis points of 10000"));
            Directive::Route(BasisPoints::new(weight).ok_or_else(nonsense)?)
        }
        wit::Directive::Observe(observe) if observe.min_ms > observe.max_ms => {
            let why = format!(
                "it observes for at least {} ms and at most {} ms",
                observe.min_ms, observe.max_ms
            );
            return Err(Refused::Nonsense(why));
        }
        wit::Directive::Observe(observe) => Directive::Observe {
            min: Millis(observe.min_ms),
            max: Millis(observe.max_ms),
        },
        wit::Directive::Hold(hold) => Directive::Hold {
            reason: hold.reason,
            timeout: Millis(hold.timeout_ms),
        },
        wit::Directive::Finish(finish) => Directive::Finish {
            keep_warm: Millis(finish.keep_warm_ms),
        },
        wit::Directive::Abort(reason) => Directive::Abort { reason },
    })
}

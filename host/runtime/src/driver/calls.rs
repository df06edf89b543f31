//! What the machine wants from the outside, done: calls to the target and to
//! plugins, and their answers.

use std::sync::Arc;

use baepo_core::hook::HookError;
use baepo_core::lease::Token;
use baepo_core::release::Release;
use baepo_core::rollout::{
    Answer, Call, CallError, Counted, LookRequest, Operation, VerifyRequest,
};

use super::Drive;
use crate::capability::advice;
use crate::capability::output::RolloutOutput;
use crate::chain;
use crate::plugin::{self, CallContext};
use crate::target::TargetError;

impl Drive<'_> {
    pub(super) async fn answer(&self, token: Token, call: Call) -> Result<Answer, CallError> {
        let target = &self.target;
        match call {
            Call::Observe => Ok(Answer::Fleet(target.observe().await.map_err(refusal)?)),
            Call::Measure { stable, candidate } => {
                let fleet = target.observe().await.map_err(refusal)?;
                let stable = match stable {
                    Some(digest) => target.telemetry(digest).await.map_err(refusal)?,
                    None => None,
                };
                let candidate = target.telemetry(candidate).await.map_err(refusal)?;
                Ok(Answer::Measured(fleet, Counted { stable, candidate }))
            }
            Call::Stage(release) => self.stage(token, &release).await,
            Call::Act(operation) => {
                match &operation {
                    Operation::Scale { digest, instances } => {
                        target.scale(token, *digest, *instances).await
                    }
                    Operation::Route { route } => target.route(token, route).await,
                    Operation::Discard { digest } => target.discard(token, *digest).await,
                }
                .map_err(refusal)?;
                Ok(Answer::Accepted)
            }
            Call::Decide(view) => match &self.deciders.strategy {
                Some(plugin) => {
                    let decision = plugin.decide(&self.context(), &view).await.result;
                    decision.map(Answer::Decision).map_err(|error| match error {
                        plugin::CallError::Plugin(HookError::Unavailable(_))
                        | plugin::CallError::HostBusy => CallError::Unreachable(chain(&error)),
                        error => {
                            CallError::Refused(format!("the strategy failed: {}", chain(&error)))
                        }
                    })
                }
                None => Err(CallError::Refused(
                    "the strategy plugin is not loaded".into(),
                )),
            },
            Call::Verify(requests) => self.verify(requests).await,
            Call::Judge(requests) => Ok(Answer::Observations(self.judge(requests).await)),
        }
    }

    /// A judgement has the checkout, where the run has one, and what the
    /// instances of both roles write.
    fn judging(&self, request: &LookRequest) -> CallContext {
        let stable = request.stable.as_ref().map(|side| side.release.digest);
        let candidate = request.candidate.release.digest;
        let output = RolloutOutput::new(Arc::clone(&self.target), stable, candidate);
        CallContext {
            checkout: self.checkout.clone(),
            output: Some(Arc::new(output)),
            ..self.context()
        }
    }

    /// Decisions have no checkout.
    fn context(&self) -> CallContext {
        CallContext {
            checkout: None,
            log: Arc::clone(&self.log),
            cancel: self.cancel.clone(),
            outside: Arc::clone(&self.outside),
            uses: self.uses.clone(),
            store: None,
            output: None,
        }
    }

    async fn stage(&self, token: Token, release: &Release) -> Result<Answer, CallError> {
        let staging = match (self.stagings)(release) {
            Ok(staging) => staging,
            Err(why) => {
                // Resumed elsewhere: the files are not here, but the target may
                // have them already.
                let fleet = self.target.observe().await.map_err(refusal)?;
                let known = fleet
                    .instances
                    .iter()
                    .any(|known| known.digest == release.digest);
                return if known {
                    Ok(Answer::Accepted)
                } else {
                    Err(CallError::Refused(why))
                };
            }
        };
        self.target.stage(token, &staging).await.map_err(refusal)?;
        Ok(Answer::Accepted)
    }

    /// One after the other, for they may get into each other's way.
    async fn verify(&self, requests: Vec<VerifyRequest>) -> Result<Answer, CallError> {
        let context = CallContext {
            checkout: self.checkout.clone(),
            ..self.context()
        };
        let mut reports = Vec::new();
        for request in requests {
            let VerifyRequest {
                plugin: pinned,
                revision,
                endpoints,
            } = request;
            let plugins = &self.deciders.verify;
            let found = plugins.iter().find(|(name, _)| *name == pinned.name);
            let report = match found {
                None => Err("it is not loaded in this run".into()),
                Some((_, plugin)) if plugin.digest() != pinned.digest => {
                    Err("this run has other bytes of it than the rollout began with".into())
                }
                Some((_, plugin)) => {
                    let called = plugin.test(&context, &pinned.config, &revision, &endpoints);
                    let outcome = called.await;
                    if let Err(plugin::CallError::Plugin(HookError::Unavailable(_))) =
                        outcome.result
                    {
                        let why = format!("what `{}` needs is not there", pinned.name);
                        return Err(CallError::Unreachable(why));
                    }
                    let denied = advice(&outcome.denials, plugin.permit());
                    let report = outcome.result;
                    report.map_err(|error| format!("{}{denied}", chain(&error)))
                }
            };
            reports.push((pinned.name, report));
        }
        Ok(Answer::Reports(reports))
    }

    async fn judge(
        &self,
        requests: Vec<(String, LookRequest)>,
    ) -> Vec<(String, Result<baepo_core::rollout::Observation, String>)> {
        let mut asked = tokio::task::JoinSet::new();
        for (index, (name, request)) in requests.into_iter().enumerate() {
            let plugin = self
                .deciders
                .monitors
                .iter()
                .find(|(known, _)| *known == name);
            let plugin = plugin.map(|(_, plugin)| plugin.clone());
            let context = self.judging(&request);
            asked.spawn(async move {
                let observation = match plugin {
                    Some(plugin) => {
                        let outcome = plugin.observe(&context, &request, &name).await;
                        outcome.result.map_err(|error| chain(&error))
                    }
                    None => Err("the monitor plugin is not loaded".into()),
                };
                (index, name, observation)
            });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by_key(|(index, ..)| *index);
        answers
            .into_iter()
            .map(|(_, name, observation)| (name, observation))
            .collect()
    }
}

fn refusal(error: TargetError) -> CallError {
    match error {
        TargetError::Fenced | TargetError::Held(_) => CallError::Fenced,
        TargetError::Unreachable { .. } | TargetError::Conflict => {
            CallError::Unreachable(chain(&error))
        }
        TargetError::Refused(why) => CallError::Refused(why),
    }
}

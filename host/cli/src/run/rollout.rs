//! The rollout stage: one environment from stable to candidate.

use std::sync::Arc;

use baepo_core::pipeline::{RunEntry, Stage, StageOutput, StageResult};
use baepo_core::release::Release;
use baepo_core::rollout::{Begin, Cause, Deadlines, Done, Found, Intent, Outcome, Settings};
use baepo_runtime::clock::now;
use baepo_runtime::driver::{Deciders, Drive, DriveError, Event, LeaseError};
use baepo_runtime::target::plugin::PluginTarget;
use baepo_runtime::target::{Target, TargetError};

use super::keys::Listener;
use super::stages::{Ended, failed};
use super::{Run, Work};
use crate::agents::AgentProcess;
use crate::config::{Environment, OnCancel, TargetUse};
use crate::error::one_line;
use crate::plugins::Loaded;
use crate::targets::{self, Around};

impl Run<'_> {
    pub(super) async fn roll_out(&mut self, stage: &Stage, name: &str) -> Ended {
        let plugins = self.plugins;
        let Some(environment) = plugins.config.environment(name) else {
            return failed(format!("there is no environment `{name}`"));
        };
        self.show
            .stage_began(stage, environment.strategy.name.as_str());
        let (target, agent) = match self.reach(stage, environment).await {
            Ok(reached) => reached,
            Err(reason) => return ended(target_failed(reason)),
        };
        let done = self.deploy(stage, environment, target).await;
        if let Some(rollout) = self.record.rollout(name) {
            self.show.rollout_ended(rollout);
        }
        if let Some(mut agent) = agent {
            agent.stop().await;
        }
        ended(done)
    }

    /// Bring on what is on its way in an environment, and do what is due.
    pub(super) async fn resume(&mut self, stage: &Stage, name: &str) -> Ended {
        let plugins = self.plugins;
        let Some(environment) = plugins.config.environment(name) else {
            return failed(format!("there is no environment `{name}`"));
        };
        let nothing = |reason: &str| {
            let reason = reason.into();
            (
                StageResult::Passed,
                StageOutput::Nothing { reason },
                Vec::new(),
            )
        };
        if environment.ephemeral {
            return nothing("nothing outlives its run here");
        }
        let (target, _) = match self.reach(stage, environment).await {
            Ok(reached) => reached,
            Err(reason) => return ended(target_failed(reason)),
        };
        let document = match baepo_runtime::driver::load(&*target).await {
            Ok((_, document)) => document,
            Err(error) => return ended(target_failed(one_line(&error))),
        };
        let state = &document.environment;
        let is_there = state.found(document.untold).is_some();
        if !is_there && state.due.iter().all(|due| due.at > now()) {
            return nothing("nothing is on its way, and nothing is due");
        }
        self.show
            .stage_began(stage, environment.strategy.name.as_str());
        let done = self.drive(stage, environment, target, Intent::Resume).await;
        if let Some(rollout) = self.record.rollout(name) {
            self.show.rollout_ended(rollout);
        } else if !is_there {
            return nothing("what was due is done");
        }
        ended(done)
    }

    /// Go back to a release that served before.
    pub(super) async fn go_back(
        &mut self,
        stage: &Stage,
        name: &str,
        to: Release,
        by: &str,
    ) -> Ended {
        let plugins = self.plugins;
        let Some(environment) = plugins.config.environment(name) else {
            return failed(format!("there is no environment `{name}`"));
        };
        let (target, _) = match self.reach(stage, environment).await {
            Ok(reached) => reached,
            Err(reason) => return ended(target_failed(reason)),
        };
        let last = match baepo_runtime::driver::load(&*target).await {
            Ok((_, state)) => state.environment.rollout,
            Err(error) => return ended(target_failed(one_line(&error))),
        };
        let Some(last) = last else {
            return failed(format!("nothing was ever rolled out to `{name}`"));
        };
        self.show.stage_began(stage, "rollback");
        let begin = Begin {
            run: format!("rollback by {by}"),
            candidate: to,
            settings: last.begin.settings,
            retry: true,
            pull_request: last.begin.pull_request,
            told_as: last.begin.told_as,
            heard: 0,
        };
        let intent = Intent::Rollback(Box::new(begin));
        let done = self.drive(stage, environment, target, intent).await;
        if let Some(rollout) = self.record.rollout(name) {
            self.show.rollout_ended(rollout);
        }
        ended(done)
    }

    /// The target of an environment; an agent that lives only for this run is
    /// started here.
    async fn reach(
        &self,
        stage: &Stage,
        environment: &Environment,
    ) -> Result<(Arc<dyn Target>, Option<AgentProcess>), String> {
        let target = self.target_of(stage, environment)?;
        match target.describe().await {
            Ok(_) => Ok((target, None)),
            Err(TargetError::Unreachable { .. }) if environment.ephemeral => {
                let app = &self.plugins.config.app;
                let state = self.options.agents.state_dir(app, &environment.name);
                let agent = AgentProcess::start(environment, &state).await;
                let agent = agent.map_err(|error| format!("{error:#}"))?;
                Ok((target, Some(agent)))
            }
            Err(error) => Err(targets::unanswered(environment, &error)),
        }
    }

    /// The target of an environment, whether it answers or not.
    pub(super) fn target_of(
        &self,
        stage: &Stage,
        environment: &Environment,
    ) -> Result<Arc<dyn Target>, String> {
        match environment.target {
            TargetUse::Plugin(_) => Ok(Arc::new(self.plugin_target(stage, &environment.name)?)),
            TargetUse::Local(_) => {
                let app = &self.plugins.config.app;
                Ok(Arc::new(self.options.agents.target(app, &environment.name)))
            }
        }
    }

    /// The plugin that is the target of an environment.
    pub(super) fn plugin_target(&self, stage: &Stage, name: &str) -> Result<PluginTarget, String> {
        let plugins = self.plugins.environment(name);
        let target = plugins.and_then(|plugins| plugins.target.as_ref());
        let (loaded, _) = target.ok_or("its target is not loaded")?;
        let around = Around {
            root: self.options.root.clone(),
            log: self.plugin_log(stage),
            uses: self.uses.clone(),
        };
        let app = &self.plugins.config.app;
        let state = self.options.agents.state_dir(app, name);
        Ok(targets::of_plugin(loaded, &state, around))
    }

    async fn deploy(
        &mut self,
        stage: &Stage,
        environment: &Environment,
        target: Arc<dyn Target>,
    ) -> Done {
        let all = self.plugins;
        let Some(plugins) = all.environment(&environment.name) else {
            return target_failed("its plugins are not loaded".into());
        };
        let Some(prepared) = self.releases.get(&environment.name) else {
            return target_failed("there is no release for it".into());
        };
        let candidate = prepared.record.release();
        let description = match target.describe().await {
            Ok(description) => description,
            Err(error) => return target_failed(one_line(&error)),
        };
        let mut limits = environment.limits;
        limits.weight_granularity = description.weight_granularity;
        let begin = Begin {
            run: self.options.run.clone(),
            candidate,
            settings: Settings {
                environment: environment.name.clone(),
                instances: environment.instances,
                limits,
                on_no_evidence: environment.on_no_evidence,
                deadlines: Deadlines {
                    progress: environment.progress_deadline,
                    hold: environment.hold_timeout,
                    first_bake: environment.first_bake,
                    ..Deadlines::default()
                },
                strategy: plugins.strategy.pinned(),
                monitors: plugins.pinned_monitors(),
                verify: plugins.pinned_verify(),
                needs_approval: environment.approve,
            },
            retry: matches!(self.options.work, Work::Revision { retry: true, .. }),
            pull_request: self.options.trigger.pull_request,
            told_as: self.options.environments.clone(),
            heard: 0,
        };
        let state = baepo_runtime::driver::load(&*target).await.ok();
        let state = state.map(|(_, state)| state.environment);
        if let Some(done) = self.refuse_outdated(&begin, state.as_ref()) {
            return done;
        }
        if let Some(done) = self.refuse_out_of_order(stage, environment, &begin).await {
            return done;
        }
        if let Some(object) = &self.options.objection
            && let Some(reason) = object().await
        {
            return Done {
                outcome: Outcome::Refused,
                cause: Cause::Superseded,
                reason,
                resume_at: None,
            };
        }
        let intent = Intent::Deploy(Box::new(begin));
        self.drive(stage, environment, target, intent).await
    }

    async fn drive(
        &mut self,
        stage: &Stage,
        environment: &Environment,
        target: Arc<dyn Target>,
        intent: Intent,
    ) -> Done {
        let all = self.plugins;
        let Some(plugins) = all.environment(&environment.name) else {
            return target_failed("its plugins are not loaded".into());
        };
        let named = |all: &[Loaded]| {
            let named = all.iter().map(|l| (l.used.name.clone(), l.plugin.clone()));
            named.collect()
        };
        let deciders = Deciders {
            strategy: Some(plugins.strategy.plugin.clone()),
            monitors: named(&plugins.monitors),
            verify: named(&plugins.verify),
        };
        let ours = self.releases.get(&environment.name);
        let ours = ours.map(|prepared| prepared.staging.clone());
        let stagings = move |release: &Release| match &ours {
            Some(ours) if release.digest == ours.release.digest => Ok(ours.clone()),
            Some(_) | None => Err(format!(
                "{} is not in this checkout any more",
                release.revision.short()
            )),
        };
        let after = Arc::clone(&target);
        let drive = Drive {
            target,
            deciders,
            stagings: &stagings,
            checkout: Some(self.options.root.as_path().into()),
            holder: format!("run {}", self.options.run),
            log: self.plugin_log(stage),
            outside: crate::outside::outside(),
            uses: self.uses.clone(),
            cancel: self.options.cancel.clone(),
            pause_on_cancel: environment.on_cancel == OnCancel::Pause,
            leave_at: self.options.max_wait.map(|wait| self.began + wait),
            say: None,
            is_unheard: false,
        };
        let record = &mut self.record;
        let name = environment.name.as_str();
        let ours = match &intent {
            Intent::Deploy(begin) | Intent::Rollback(begin) => Some(begin.candidate.digest),
            Intent::Resume => None,
        };
        // What is over is told of, and what comes now is another rollout.
        let is_beside = |found: &Found<'_>| {
            let rollout = found.rollout;
            ours.is_some_and(|ours| rollout.candidate() != ours || rollout.is_over())
        };
        let mut watch = |event: Event<'_>| match event {
            Event::TakenUp(found) => record.take_up(name, found, is_beside(found)),
            event => record.watch(name, event),
        };
        let listener = Listener::begin(self.show, name, Arc::clone(&after));
        let driven = drive.run(intent, &mut watch).await;
        listener.end().await;
        if let Ok((_, state)) = baepo_runtime::driver::load(&*after).await {
            self.past.insert(name.to_owned(), state.environment.past);
        }
        match driven {
            Ok(driven) => {
                if let Some((stable, candidate)) = driven.served {
                    let environment = name.to_owned();
                    self.record.record(RunEntry::Served {
                        environment,
                        stable,
                        candidate,
                    });
                }
                driven.done
            }
            Err(error) => not_driven(&error),
        }
    }
}

fn target_failed(reason: String) -> Done {
    Done {
        outcome: Outcome::Failed,
        cause: Cause::Target,
        reason,
        resume_at: None,
    }
}

fn not_driven(error: &DriveError) -> Done {
    match error {
        DriveError::Lease(LeaseError::Held(lease)) => Done {
            outcome: Outcome::Refused,
            cause: Cause::Fenced,
            reason: format!(
                "{} is acting on this environment; try again when it has ended",
                lease.holder
            ),
            resume_at: None,
        },
        DriveError::Locked(lock) => Done {
            outcome: Outcome::Refused,
            cause: Cause::Locked,
            reason: lock.to_string(),
            resume_at: None,
        },
        DriveError::Lease(_) | DriveError::State(_) => target_failed(one_line(error)),
    }
}

fn ended(done: Done) -> Ended {
    let Done {
        outcome,
        cause,
        reason,
        resume_at,
    } = done;
    let result = match outcome {
        Outcome::Succeeded => StageResult::Passed,
        Outcome::Waiting => StageResult::Waiting,
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Stuck
        | Outcome::Refused
        | Outcome::Cancelled => StageResult::Failed,
    };
    (
        result,
        StageOutput::Rollout {
            outcome,
            cause,
            reason,
            resume_at,
        },
        Vec::new(),
    )
}

//! Releases of this run: one for each environment, for their config files and
//! variables differ.

use std::collections::BTreeMap;

use baepo_core::pipeline::Stage;
use baepo_core::release::Release;
use baepo_runtime::clock::now;
use baepo_runtime::release::{
    ConfigTemplate, How, Recipe, ReleaseStore, RunEntry, Secret, SecretKey, prepare,
};

use super::Run;
use crate::config::{Environment, TargetUse, Variable};
use crate::error::one_line;
use crate::targets;

impl Run<'_> {
    /// Make and keep the release of one environment.
    pub(super) async fn prepare(
        &mut self,
        stage: &Stage,
        environment: &Environment,
    ) -> Result<Release, String> {
        let config = &self.plugins.config;
        let folder = self.options.root.join(".baepo/releases");
        let (env, secrets) = variables(environment)?;
        let templates: Vec<ConfigTemplate> = config
            .files
            .iter()
            .map(|file| ConfigTemplate {
                template: file.template.clone(),
                to: file.to.clone(),
            })
            .collect();
        // Without secrets no key is needed, and none is made.
        let key = if secrets.is_empty() {
            SecretKey::from_bytes([0; 32])
        } else {
            self.secret_key(stage, environment).await?
        };
        let recipe = Recipe {
            app: &config.app,
            environment: &environment.name,
            revision: &self.options.revision,
            checkout: &self.options.root,
            artifacts: &self.built,
            templates: &templates,
            env: &env,
            secrets: &secrets,
            key: &key,
            how: how(&environment.target),
        };
        let store = ReleaseStore::new(&folder);
        let prepared = prepare(&recipe, &store, now()).map_err(|error| one_line(&error))?;
        let in_use = [prepared.record.digest].into();
        if let Err(error) = store.clear(&config.app, &environment.name, &in_use) {
            self.show.line(&format!(
                "warning: old releases were not removed: {}",
                one_line(&error)
            ));
        }
        let release = prepared.record.release();
        self.releases.insert(environment.name.clone(), prepared);
        Ok(release)
    }
    /// The key by which secrets take part in digests there: it is where the state
    /// is, so that the same secrets make the same release at the next run.
    async fn secret_key(
        &self,
        stage: &Stage,
        environment: &Environment,
    ) -> Result<SecretKey, String> {
        let name = &environment.name;
        if let TargetUse::Local(_) = environment.target {
            let app = &self.plugins.config.app;
            let state = self.options.agents.state_dir(app, name);
            return SecretKey::load(&state.join("secret.key")).map_err(|error| one_line(&error));
        }
        let new = SecretKey::random().map_err(|error| one_line(&error))?;
        let target = self.plugin_target(stage, name)?;
        if self.is_chosen(environment) {
            let key = target.secret_key(Some(&new)).await;
            let key = key.map_err(|error| targets::unanswered(environment, &error))?;
            return Ok(key.unwrap_or(new));
        }
        // A release that goes nowhere changes nothing, and needs nobody to answer.
        Ok(target.secret_key(None).await.ok().flatten().unwrap_or(new))
    }
}

/// How instances are run there.
fn how(target: &TargetUse) -> How {
    match target {
        TargetUse::Local(local) => How::Run(RunEntry {
            command: local.command.clone(),
            health_path: local.health_path.clone(),
            health_interval_ms: local.health_interval,
            health_timeout_ms: local.health_timeout,
            drain_deadline_ms: local.drain,
            stop_deadline_ms: local.stop,
        }),
        TargetUse::Plugin(plugin) => How::Target(plugin.with.clone()),
    }
}

type Variables = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Plain variables, and secrets with their values from this run.
fn variables(environment: &Environment) -> Result<Variables, String> {
    let (mut plain, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for (name, variable) in &environment.env {
        match variable {
            Variable::Literal(value) => {
                plain.insert(name.clone(), value.clone());
            }
            Variable::Secret(secret) => {
                let Some(value) = crate::outside::secret(secret) else {
                    return Err(format!(
                        "secret `{secret}` of environment `{}` has no value; set the variable {secret} for this run",
                        environment.name
                    ));
                };
                secrets.insert(name.clone(), Secret::new(secret, value.expose()));
            }
        }
    }
    Ok((plain, secrets))
}

/// The first secret of an environment that has no value in this process.
pub(super) fn missing_secret(environment: &Environment) -> Option<&str> {
    environment
        .env
        .values()
        .find_map(|variable| match variable {
            Variable::Secret(secret) if crate::outside::secret(secret).is_none() => {
                Some(secret.as_str())
            }
            Variable::Secret(_) | Variable::Literal(_) => None,
        })
}

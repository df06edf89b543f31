//! Releases of this run: one for each environment, for their config files and
//! variables differ.

use std::collections::BTreeMap;

use baepo_core::release::Release;
use baepo_runtime::clock::now;
use baepo_runtime::release::{
    ConfigTemplate, How, Recipe, ReleaseStore, RunEntry, Secret, SecretKey, prepare,
};

use super::Run;
use crate::config::{Environment, TargetUse, Variable};
use crate::error::one_line;

impl Run<'_> {
    /// Make and keep the release of one environment.
    pub(super) fn prepare(&mut self, environment: &Environment) -> Result<Release, String> {
        let config = &self.plugins.config;
        let folder = self.options.root.join(".baepo/releases");
        let key = self
            .options
            .agents
            .state_dir(&config.app, &environment.name)
            .join("secret.key");
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
            SecretKey::load(&key).map_err(|error| one_line(&error))?
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

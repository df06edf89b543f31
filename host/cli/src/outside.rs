//! What plugins can reach through this process: secrets, taken out of its
//! environment before anything else happens, the operator's proxies, and this
//! binary as the one that starts programs behind walls.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use baepo_runtime::capability::environment::{TOKENS, is_secretive};
use baepo_runtime::capability::http::proxy::Proxies;
use baepo_runtime::capability::moved::{self, Kind};
use baepo_runtime::capability::process::Confinement;
use baepo_runtime::capability::secrets::{SecretValue, SecretVault};
use baepo_runtime::capability::{Network, Outside};

use crate::agents::Where;
use crate::config::{Config, Variable};

static OUTSIDE: OnceLock<Arc<Outside>> = OnceLock::new();

/// Move secrets out of the environment of this process and make it one that
/// nobody may trace. To be called first of all, while there is one thread: the
/// process may start itself again.
pub(crate) fn settle() {
    let secrets = take_secrets();
    if let Err(error) = moved::make_undumpable() {
        warn(&format!(
            "other programs of this user can look into baepo: {error}"
        ));
    }
    let variable = |name: &str| {
        let moved = secrets.value(name).map(|value| value.expose().to_owned());
        std::env::var(name).ok().or(moved)
    };
    let proxies = Proxies::from_variables(&variable).unwrap_or_else(|error| {
        warn(&format!("{error}; requests go there directly"));
        Proxies::default()
    });
    let programs = match std::env::current_exe() {
        Ok(binary) => Confinement::by(binary).hiding([Where::Home.base()]),
        Err(error) => {
            warn(&format!("programs of plugins are not held in: {error}"));
            Confinement::default()
        }
    };
    let outside = Outside {
        secrets,
        network: Network {
            proxies,
            ..Network::default()
        },
        programs,
    };
    // Nobody else sets it.
    let _ = OUTSIDE.set(Arc::new(outside));
}

/// What plugins can reach.
pub(crate) fn outside() -> Arc<Outside> {
    Arc::clone(OUTSIDE.get_or_init(Arc::default))
}

/// The value of a secret of this run.
pub(crate) fn secret(name: &str) -> Option<SecretValue> {
    outside().secrets.value(name).cloned()
}

fn warn(text: &str) {
    crate::complain(&format!("warning: {text}"));
}

fn take_secrets() -> SecretVault {
    match moved::claim() {
        Ok(Some(secrets)) => return secrets,
        Ok(None) => {}
        Err(error) => warn(&format!("secrets of this run are lost: {error}")),
    }
    let variables = variables_to_move();
    if variables.is_empty() {
        return SecretVault::default();
    }
    let error = moved::move_out(&variables);
    warn(&format!(
        "secrets stay readable in the environment of this process: {error}"
    ));
    moved::of_environment(&variables)
}

/// Variables that are there and are secrets, or sound like some.
fn variables_to_move() -> BTreeMap<String, Kind> {
    let mut secrets: Vec<String> = TOKENS.iter().map(|name| (*name).to_owned()).collect();
    let given = config_argument(std::env::args_os());
    if let Ok(root) = crate::root()
        && let Ok(config) = crate::config::load(&root, given.as_deref())
    {
        secrets.extend(named(&config));
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let kinds = names.filter_map(|name| {
        let kind = match secrets.contains(&name) {
            true => Kind::Secret,
            false if is_secretive(&name) => Kind::Private,
            false => return None,
        };
        Some((name, kind))
    });
    kinds.collect()
}

/// Every command that reads a configuration is told another one by `--config`.
fn config_argument(arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        let glued = argument
            .to_str()
            .and_then(|text| text.strip_prefix("--config="));
        if let Some(path) = glued {
            return Some(Path::new(path).to_owned());
        }
    }
    None
}

/// The names that a configuration calls secrets.
fn named(config: &Config) -> Vec<String> {
    let variables = config.environments.iter().flat_map(|e| e.env.values());
    let of_instances = variables.filter_map(|variable| match variable {
        Variable::Secret(name) => Some(name.clone()),
        Variable::Literal(_) => None,
    });
    let of_plugins = config.plugins().flat_map(|used| used.allow.secrets.clone());
    of_instances.chain(of_plugins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_found_in_both_ways_of_writing() {
        for line in [
            &["baepo", "run", "--config", "a.yml"][..],
            &["baepo", "plan", "--config=a.yml"],
        ] {
            let line = line.iter().map(OsString::from);
            assert_eq!(config_argument(line), Some("a.yml".into()));
        }
        let line = ["baepo", "run"].iter().map(OsString::from);
        assert_eq!(config_argument(line), None);
    }

    #[test]
    fn secrets_are_named_by_plugins_and_environments() {
        let text = "app: a\nbuild:\n  - plugin: builtin:command\n    with: { run: [x] }\n    \
            allow: { secrets: [NPM_AUTH] }\nenvironments:\n  production:\n    \
            target: { local: { listen: 127.0.0.1:1, command: [a], health: / } }\n    \
            strategy: direct\n    monitors: [{ plugin: builtin:traffic, allow: { secrets: [PROM] } }]\n    \
            env: { DATABASE_URL: { secret: PRODUCTION_DATABASE }, PLAIN: x }\n";
        let config = crate::config::parse("baepo.yml", text).unwrap();
        let mut names = named(&config);
        names.sort();
        assert_eq!(names, ["NPM_AUTH", "PRODUCTION_DATABASE", "PROM"]);
    }
}

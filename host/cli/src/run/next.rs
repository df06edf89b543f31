//! What comes after what has waited: a run that ends as waiting leaves alone what
//! needs its environment, and nobody is there when the wait is over.

use baepo_core::release::Revision;
use baepo_runtime::clock::now;
use baepo_runtime::driver::StateDocument;

use crate::config::{Config, Environment, Event};
use crate::operate;

/// The environments whose turn has come with this revision: a push would have
/// rolled it out there, all that they need serve it, and it never came to them.
/// Those whose targets do not answer are left to others.
pub(super) async fn after(config: &Config, revision: &Revision, named: &[String]) -> Vec<String> {
    let mut next = Vec::new();
    for environment in config.named(named) {
        let waits = !environment.needs.is_empty() && environment.on.contains(&Event::Push);
        if !waits || environment.ephemeral {
            continue;
        }
        let is_its_turn = match state(config, environment).await {
            Some(state) => {
                is_open(&state, revision) && all_serve(config, environment, revision).await
            }
            None => false,
        };
        if is_its_turn {
            next.push(environment.name.clone());
        }
    }
    next
}

/// Whether nothing speaks against a revision that never was there. One that was
/// there and is gone was taken back by somebody.
fn is_open(state: &StateDocument, revision: &Revision) -> bool {
    let environment = &state.environment;
    let is_ours = |other: &Revision| other.commit == revision.commit;
    let stable = environment.stable.iter().map(|release| &release.revision);
    let past = environment.past.iter().map(|past| &past.revision);
    environment.active().is_none()
        && state.locked(now()).is_none()
        && !stable.chain(past).any(is_ours)
}

async fn all_serve(config: &Config, environment: &Environment, revision: &Revision) -> bool {
    for name in &environment.needs {
        let Some(needed) = config.environment(name) else {
            return false;
        };
        let Some(state) = state(config, needed).await else {
            return false;
        };
        let why = super::not_its_turn(
            &environment.name,
            name,
            &state.environment,
            &revision.commit,
        );
        if why.is_some() {
            return false;
        }
    }
    true
}

async fn state(config: &Config, environment: &Environment) -> Option<StateDocument> {
    let (state, _) = operate::look(config, environment).await.ok()?;
    Some(state)
}

//! What plugins have made use of. A report tells it, so that people see what
//! becomes of what they granted, and a grant that nobody uses can go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Capability;

/// Most uses that are told in one run; a plugin may talk to a million addresses.
const MOST: usize = 200;

/// Something granted that a plugin has used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Which plugin, by its name in the configuration.
    pub plugin: String,
    /// What it took to do it.
    pub capability: Capability,
    /// A program, address, variable or secret; for files the entry of `allow:`
    /// that covers them.
    pub target: String,
}

/// Collects the uses of all calls that share it, each once.
#[derive(Debug, Clone, Default)]
pub struct UseLog {
    uses: Arc<Mutex<Uses>>,
}

#[derive(Debug, Default)]
struct Uses {
    known: BTreeSet<Use>,
    new: Vec<Use>,
}

impl UseLog {
    pub(crate) fn note(&self, plugin: &str, capability: Capability, target: &str) {
        let one = Use {
            plugin: plugin.to_owned(),
            capability,
            target: target.to_owned(),
        };
        let mut uses = self.lock();
        if uses.known.len() < MOST && uses.known.insert(one.clone()) {
            uses.new.push(one);
        }
    }

    /// What was used and not taken yet, in the order of first use.
    pub fn take(&self) -> Vec<Use> {
        std::mem::take(&mut self.lock().new)
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_once_and_there_is_an_end_to_it() {
        let log = UseLog::default();
        log.note("a", Capability::Run, "cargo");
        log.clone().note("a", Capability::Run, "cargo");
        log.note("b", Capability::Run, "cargo");
        let told: Vec<String> = log.take().into_iter().map(|one| one.plugin).collect();
        assert_eq!(told, ["a", "b"]);
        log.note("a", Capability::Run, "cargo");
        assert_eq!(log.take(), []);
        for number in 0..10_000 {
            log.note("a", Capability::Net, &number.to_string());
        }
        assert_eq!(log.take().len(), MOST - 2);
    }
}

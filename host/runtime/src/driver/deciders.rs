//! Who decides, judges and tests in a rollout.

use baepo_core::rollout::AtHand;

use crate::plugin::Plugin;

/// The plugins of one rollout.
#[derive(Clone, Default)]
pub struct Deciders {
    /// Who decides; absent where only the host's own programs run.
    pub strategy: Option<Plugin>,
    /// Who judges, by name.
    pub monitors: Vec<(String, Plugin)>,
    /// Who tests the candidate before it gets traffic, by name.
    pub verify: Vec<(String, Plugin)>,
}

impl Deciders {
    /// The bytes that are there, to compare with those that a rollout began with.
    pub(super) fn at_hand(&self) -> AtHand {
        let monitors = self.monitors.iter();
        AtHand {
            strategy: self.strategy.as_ref().map(Plugin::digest),
            monitors: monitors
                .map(|(name, plugin)| (name.clone(), plugin.digest()))
                .collect(),
        }
    }
}

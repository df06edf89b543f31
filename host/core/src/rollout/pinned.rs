//! A rollout is decided and judged to its end by the bytes that it began with.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{Cause, Outcome};
use super::look::Observation;
use super::port::Done;
use super::settings::Kind;
use super::state::Rollout;
use crate::digest::Digest;

/// What a monitor that is not asked is taken to have said, by name.
type Unasked = Vec<(String, Result<Observation, String>)>;

/// The plugins that a run has at hand: SHA-256 of each component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtHand {
    /// Who decides; absent where only the host's own programs run.
    pub strategy: Option<Digest>,
    /// Who judges, by name.
    pub monitors: Vec<(String, Digest)>,
}

impl AtHand {
    /// How a run ends that may not decide for this rollout, because it has
    /// another strategy than the rollout began with; the rollout stays as it
    /// is. `None` where it may, and where no strategy decides.
    pub fn refused(&self, rollout: &Rollout) -> Option<Done> {
        let pinned = &rollout.begin.settings.strategy;
        let digest = self.strategy?;
        if rollout.kind != Kind::Strategy || digest == pinned.digest {
            return None;
        }
        Some(Done {
            outcome: Outcome::Failed,
            cause: Cause::PluginFailed,
            reason: format!(
                "the rollout of {} was begun with the strategy `{}` of sha256:{}, and this run has sha256:{}; \
                 go on with what began it, or abort it; until then it stays at {}",
                rollout.begin.candidate.revision.short(),
                pinned.name,
                pinned.digest.short(),
                digest.short(),
                rollout.weight,
            ),
            resume_at: None,
        })
    }

    /// Whom to ask of those that are to be asked, and the answers of the
    /// others: a monitor of other bytes than the rollout began with knows
    /// nothing about it.
    pub fn without_strangers<Look>(
        &self,
        rollout: &Rollout,
        asked: Vec<(String, Look)>,
    ) -> (Vec<(String, Look)>, Unasked) {
        let pinned = &rollout.begin.settings.monitors;
        let (asked, strangers): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(name, _)| {
            let pinned = pinned.iter().find(|pinned| pinned.plugin.name == *name);
            let at_hand = self.monitors.iter().find(|(known, _)| known == name);
            pinned
                .zip(at_hand)
                .is_none_or(|(pinned, (_, digest))| pinned.plugin.digest == *digest)
        });
        let why = "this run has other bytes of it than the rollout began with";
        let unasked = strangers
            .into_iter()
            .map(|(name, _)| (name, Err(why.into())));
        (asked, unasked.collect())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::fixture::{begun, digest};
    use super::super::settings::{PinnedMonitor, PinnedPlugin};
    use super::*;
    use crate::verdict::Phase;

    fn rollout() -> Rollout {
        let mut rollout = begun().active().expect("it has begun").clone();
        let monitor = |name: &str, number| PinnedMonitor {
            plugin: PinnedPlugin {
                name: name.to_string(),
                digest: digest(number),
                config: "{}".to_string(),
            },
            phases: Vec::from([Phase::Ramp]),
        };
        rollout.begin.settings.monitors = Vec::from([monitor("traffic", 7), monitor("probe", 8)]);
        rollout
    }

    fn strategy(number: u8) -> AtHand {
        AtHand {
            strategy: Some(digest(number)),
            monitors: Vec::new(),
        }
    }

    #[test]
    fn the_bytes_that_began_a_rollout_go_on_with_it() {
        assert_eq!(strategy(0).refused(&rollout()), None);
    }

    #[test]
    fn other_bytes_of_the_strategy_leave_the_rollout_as_it_is() {
        let done = strategy(9).refused(&rollout()).expect("they are others");
        assert_eq!(
            (done.outcome, done.cause),
            (Outcome::Failed, Cause::PluginFailed)
        );
        for part in [
            "`canary`",
            &digest(0).short(),
            &digest(9).short(),
            "it stays at 0 %",
        ] {
            assert!(done.reason.contains(part), "{part}: {}", done.reason);
        }
    }

    #[test]
    fn the_hosts_own_programs_need_no_strategy() {
        let mut rollout = rollout();
        rollout.kind = Kind::Rollback;
        assert_eq!(strategy(9).refused(&rollout), None);
        assert_eq!(AtHand::default().refused(&rollout), None);
    }

    #[test]
    fn a_monitor_of_other_bytes_is_not_asked() {
        let asked = ["traffic", "probe"].map(|name| (name.to_string(), "a look"));
        let at_hand = AtHand {
            strategy: None,
            monitors: Vec::from([
                ("traffic".to_string(), digest(7)),
                ("probe".to_string(), digest(9)),
            ]),
        };
        let (asked, unasked) = at_hand.without_strangers(&rollout(), asked.into());
        let names: Vec<_> = asked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["traffic"]);
        let [(name, Err(why))] = &unasked[..] else {
            panic!("one is a stranger: {unasked:?}");
        };
        assert_eq!(name, "probe");
        assert!(why.contains("other bytes"), "{why}");
    }
}

//! The health gate: what the instances alone show, at the share that was asked
//! for, and the worst of that and of what monitors say.

use alloc::format;

use super::directive::Judgement;
use super::state::Rollout;
use super::step::Window;
use crate::fleet::Fleet;
use crate::time::Time;
use crate::verdict::{Judged, Phase, Verdict};
use crate::weight::BasisPoints;

impl Rollout {
    /// What part of the rollout the present moment is in. Where all weight had
    /// to be taken away for a while, it is still the part that was asked for:
    /// nothing that needs traffic to judge is passed over.
    pub fn phase(&self) -> Phase {
        let weight = match self.weight {
            BasisPoints::ZERO => self.asked,
            weight => weight,
        };
        match weight {
            BasisPoints::ZERO => Phase::Preview,
            BasisPoints::FULL => Phase::Bake,
            _ if self.stable.is_none() => Phase::Bake,
            _ => Phase::Ramp,
        }
    }

    /// Whether the candidate has the share that was asked for: what a smaller
    /// one shows says nothing of it.
    fn has_its_share(&self) -> bool {
        let real = self.begin.settings.limits.real_share(self.asked);
        self.weight == self.asked || self.weight == real
    }

    /// The worst of the health gate and all monitors.
    pub(super) fn judge(
        &self,
        fleet: &Fleet,
        window: &Window,
        at: Time,
        judged: &[Judged],
    ) -> Judgement {
        let candidate = self.roles(fleet).candidate;
        let restarts = fleet
            .of(self.candidate())
            .restarts
            .saturating_sub(window.restarts);
        let (health, health_reason) = if restarts > 0 {
            (
                Verdict::Inconclusive,
                format!("{restarts} instances restarted in this window"),
            )
        } else if window.flapped || candidate.ready < candidate.asked || candidate.asked == 0 {
            (
                Verdict::Inconclusive,
                "not all instances were ready all the time".into(),
            )
        } else if !self.has_its_share() {
            (
                Verdict::Inconclusive,
                format!("it has {} of the traffic, not {}", self.weight, self.asked),
            )
        } else if at.since(window.began) < window.steady_for {
            (
                Verdict::Inconclusive,
                format!(
                    "its instances were not all ready before; they are since {}, of {}",
                    at.since(window.began),
                    window.steady_for
                ),
            )
        } else {
            let reason = format!("all {} instances were ready all the time", candidate.ready);
            (Verdict::Healthy, reason)
        };
        let worst = judged.iter().max_by_key(|judged| judged.verdict);
        match worst {
            Some(worst) if worst.verdict >= health => Judgement {
                verdict: worst.verdict,
                health,
                reason: worst.reason.clone(),
            },
            Some(_) | None => Judgement {
                verdict: health,
                health,
                reason: health_reason,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::directive::{Decision, Directive, Progress};
    use super::super::entry::{Counted, Entry};
    use super::super::environment::Environment;
    use super::super::fixture::{apply, begun, fleet};
    use super::*;
    use crate::time::Millis;

    fn decide(env: &mut Environment, at: u64, directive: Directive) {
        let decision = Decision {
            memory: Vec::new(),
            directive,
            progress: Progress::default(),
            reason: String::new(),
        };
        apply(env, at, Entry::Decided { decision });
    }

    fn observe(min: u64) -> Directive {
        Directive::Observe {
            min: Millis(min),
            max: Millis(60_000),
        }
    }

    fn begin_window(env: &mut Environment, at: u64) {
        let rollout = env.active().unwrap();
        let entry = Entry::WindowBegan {
            window: rollout.windows + 1,
            phase: rollout.phase(),
            restarts: 0,
        };
        apply(env, at, entry);
    }

    fn weigh(env: &mut Environment, at: u64, weight: u64) {
        let weight = BasisPoints::saturating(weight);
        apply(env, at, Entry::Weighed { weight });
    }

    /// What all of the candidate's instances being ready shows at this time.
    fn health(env: &Environment, at: u64) -> Verdict {
        let rollout = env.active().unwrap();
        let fleet = fleet((4, 4, 0), (2, 2, 0), rollout.weight.value());
        let window = rollout.window.unwrap();
        rollout.judge(&fleet, &window, Time(at), &[]).health
    }

    /// Routed to 5 %, and watched there for the first time.
    fn at_five_percent() -> Environment {
        let mut env = begun();
        decide(
            &mut env,
            1_000,
            Directive::Route(BasisPoints::saturating(500)),
        );
        weigh(&mut env, 1_000, 500);
        decide(&mut env, 1_000, observe(30_000));
        begin_window(&mut env, 1_000);
        env
    }

    #[test]
    fn a_share_that_was_taken_away_shows_nothing_of_the_one_asked_for() {
        let mut env = at_five_percent();
        assert_eq!(health(&env, 31_000), Verdict::Healthy);
        weigh(&mut env, 32_000, 0);
        begin_window(&mut env, 33_000);
        // No preview: those who judge traffic are asked, and know nothing.
        assert_eq!(env.active().unwrap().phase(), Phase::Ramp);
        assert_eq!(health(&env, 90_000), Verdict::Inconclusive);
        weigh(&mut env, 91_000, 500);
        assert_eq!(health(&env, 92_000), Verdict::Healthy);
    }

    #[test]
    fn after_a_window_with_a_gap_one_moment_is_not_enough() {
        let mut env = at_five_percent();
        apply(&mut env, 20_000, Entry::Flapped);
        let rollout = env.active().unwrap();
        let ready = fleet((4, 4, 0), (2, 2, 0), 500);
        let judgement = rollout.judge(&ready, &rollout.window.unwrap(), Time(61_000), &[]);
        assert_eq!(judgement.health, Verdict::Inconclusive);
        let entry = Entry::Looked {
            judgement,
            judged: Vec::new(),
            memories: BTreeMap::new(),
            counted: Counted::default(),
            measured: Time(61_000),
            last_look: true,
        };
        apply(&mut env, 61_000, entry);
        decide(&mut env, 61_000, observe(0));
        begin_window(&mut env, 61_000);
        assert_eq!(health(&env, 61_000), Verdict::Inconclusive);
        assert_eq!(health(&env, 90_999), Verdict::Inconclusive);
        assert_eq!(health(&env, 91_000), Verdict::Healthy);
    }
}

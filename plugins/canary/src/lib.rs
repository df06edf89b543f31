//! `canary`: few users first, more only on evidence.
//!
//! Each step makes the instances that its share needs, routes the share and
//! waits for a healthy verdict. At the end the candidate has all instances
//! and all traffic and is watched once more before it becomes stable.

mod config;

use baepo_plugin::HookError;
use baepo_plugin::strategy::{Act, Decision, Patience, Program, Strategy, View, instances};
use baepo_plugin::units::{Millis, Percent};

use config::{Canary, Scaling};

impl Strategy for Canary {
    type Config = Canary;

    fn decide(config: Canary, view: &View) -> Result<Decision, HookError> {
        let steps = config.resolve_steps(view)?;
        config.program(&steps, view.instances).decide(view)
    }
}

baepo_plugin::export_strategy!(Canary);

impl Canary {
    fn program(&self, steps: &[Percent], n: u32) -> Program {
        let mut program = Program::new();
        let mut running = 0;
        for &share in steps {
            program.part();
            let wanted = self.candidates(share, n);
            if wanted > running {
                program.then(
                    Act::Scale(n, wanted),
                    format!(
                        "next {share}, for which the candidate gets {}",
                        instances(wanted)
                    ),
                );
                running = wanted;
            }
            program.then(Act::Route(share), format!("next {share}"));
            program.then(Act::Watch(self.patience(share)), self.watching(share));
            if self.hold_at.contains(&share) {
                let reason = format!("{share} looks healthy; promote or resume to go on");
                program.then(
                    Act::Hold(reason),
                    format!("waiting for a person at {share}"),
                );
            }
        }
        program.part();
        if running < n {
            program.then(
                Act::Scale(n, n),
                format!("next 100 %, for which the candidate gets {}", instances(n)),
            );
        }
        program.full_from_here();
        program.then(Act::Route(Percent::ALL), "next 100 %");
        let bake = Patience {
            min: self.bake,
            max: self.bake,
            ..self.patience(Percent::ALL)
        };
        program.then(
            Act::Watch(bake),
            format!("watching all traffic for {}", self.bake),
        );
        program.then(Act::Finish(self.keep_warm), "the candidate is stable");
        program
    }

    /// How many candidates carry a share as well as n stable ones would.
    fn candidates(&self, share: Percent, n: u32) -> u32 {
        match self.scaling {
            Scaling::Full => n,
            Scaling::MatchWeight => candidates_for(share, n),
        }
    }

    fn patience(&self, share: Percent) -> Patience {
        Patience {
            what: share.to_string(),
            min: self.observe.min,
            max: self.observe.max,
            total: self.max_observe,
            health_is_enough: false,
        }
    }

    fn watching(&self, share: Percent) -> String {
        let config::Window { min, max } = self.observe;
        if min == max {
            return format!("watching {share} for {max}");
        }
        format!("watching {share} for {} to {max}", min.max(Millis(1)))
    }
}

/// ceil(n · share), never none.
fn candidates_for(share: Percent, n: u32) -> u32 {
    let exact = u64::from(n) * u64::from(share.0);
    (exact.div_ceil(10_000) as u32).max(1)
}

#[cfg(test)]
mod tests;

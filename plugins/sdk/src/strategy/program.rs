//! Strategies whose steps are known beforehand.

use serde::{Deserialize, Serialize};

use super::{
    Decision, Directive, Ended, Ending, Finish, Hold, Patience, Progress, Scale, View, Waited,
};
use crate::HookError;
use crate::units::{Millis, Percent};

/// What one step of a [`Program`] does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Have so many instances of stable and of the candidate.
    Scale(u32, u32),
    /// Send this share to the candidate.
    Route(Percent),
    /// Wait for evidence.
    Watch(Patience),
    /// Wait for a person; the text says why.
    Hold(String),
    /// Succeed; the previous release stays warm for so long.
    Finish(Millis),
}

/// A list of steps. Rebuilt from configuration and view at each decision; all
/// that is remembered is where it stands.
///
/// ```
/// use baepo_plugin::strategy::{Act, Program};
/// use baepo_plugin::units::{Millis, Percent};
///
/// let mut program = Program::new();
/// program.part();
/// program.then(Act::Scale(3, 3), "starting 3 instances");
/// program.full_from_here();
/// program.then(Act::Route(Percent::ALL), "switching");
/// program.then(Act::Finish(Millis(0)), "done");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    steps: Vec<Step>,
    parts: u32,
    full_from: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    act: Act,
    reason: String,
    part: u32,
}

/// Where a program stands; its memory.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cursor {
    v: u32,
    at: usize,
    watched_ms: u64,
}

impl Program {
    /// An empty one.
    pub fn new() -> Program {
        Program::default()
    }

    /// Begins the next part: what people see as `step 2 of 5`.
    pub fn part(&mut self) {
        self.parts += 1;
    }

    /// Adds a step. `reason` is a clause for people, of what it is about to do.
    pub fn then(&mut self, act: Act, reason: impl Into<String>) {
        let part = self.parts.max(1);
        self.steps.push(Step {
            act,
            reason: reason.into(),
            part,
        });
    }

    /// Marks where to go on when a person wants all traffic on the candidate:
    /// before the step that routes it. The last `Scale` before the mark is done
    /// first where its instances are not there yet.
    pub fn full_from_here(&mut self) {
        self.full_from = self.steps.len();
    }

    /// The next decision.
    ///
    /// # Errors
    /// [`HookError::Failed`] where the memory is not of this program.
    pub fn decide(&self, view: &View) -> Result<Decision, HookError> {
        let Some(mut cursor) = self.load(&view.memory)? else {
            let cursor = Cursor {
                v: 1,
                at: 0,
                watched_ms: 0,
            };
            return Ok(self.begin(&cursor, ""));
        };
        let full = self.full_target(view);
        if view.promote_full && cursor.at < full {
            cursor = Cursor {
                v: 1,
                at: full,
                watched_ms: 0,
            };
            return Ok(self.begin(&cursor, "a person wants all traffic on it"));
        }
        let step = &self.steps[cursor.at];
        let because = match &step.act {
            Act::Watch(patience) => {
                let mut watched = Millis(cursor.watched_ms);
                let waited = patience.next(view, &mut watched);
                cursor.watched_ms = watched.0;
                match waited {
                    Waited::Over(because) => because,
                    Waited::Ask(directive, reason) => {
                        return Ok(self.decision(&cursor, directive, reason));
                    }
                }
            }
            act if is_over(act, view.last.as_ref()) => String::new(),
            // Paused in between, or started again: the same once more does no
            // harm.
            _ => return Ok(self.begin(&cursor, "")),
        };
        if cursor.at + 1 == self.steps.len() {
            return Err(HookError::Failed(
                "asked again after the rollout had finished".into(),
            ));
        }
        cursor = Cursor {
            v: 1,
            at: cursor.at + 1,
            watched_ms: 0,
        };
        Ok(self.begin(&cursor, &because))
    }

    /// Where a person's wish for all traffic leads.
    fn full_target(&self, view: &View) -> usize {
        let is_unmet = |step: &Step| match step.act {
            Act::Scale(_, candidate) => view.fleet.candidate.ready < candidate,
            _ => false,
        };
        let is_scale = |step: &Step| matches!(step.act, Act::Scale(..));
        match self.steps[..self.full_from].iter().rposition(is_scale) {
            Some(at) if is_unmet(&self.steps[at]) => at,
            _ => self.full_from,
        }
    }

    /// Asks for the step at the cursor.
    fn begin(&self, cursor: &Cursor, because: &str) -> Decision {
        let step = &self.steps[cursor.at];
        let directive = match &step.act {
            Act::Scale(stable, candidate) => Directive::Scale(Scale {
                stable: *stable,
                candidate: *candidate,
            }),
            Act::Route(share) => Directive::Route(share.0),
            Act::Watch(patience) => patience.begin(),
            Act::Hold(reason) => Directive::Hold(Hold {
                reason: reason.clone(),
                timeout_ms: 0,
            }),
            Act::Finish(keep_warm) => Directive::Finish(Finish {
                keep_warm_ms: keep_warm.0,
            }),
        };
        let reason = match because {
            "" => step.reason.clone(),
            because => format!("{because}; {}", step.reason),
        };
        self.decision(cursor, directive, reason)
    }

    fn decision(&self, cursor: &Cursor, directive: Directive, reason: String) -> Decision {
        Decision {
            memory: serde_json::to_vec(cursor).unwrap_or_default(),
            directive,
            progress: Progress {
                step: self.steps[cursor.at].part,
                of: self.parts.max(1),
            },
            reason,
        }
    }

    fn load(&self, memory: &[u8]) -> Result<Option<Cursor>, HookError> {
        if memory.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice::<Cursor>(memory) {
            Ok(cursor) if cursor.v == 1 && cursor.at < self.steps.len() => Ok(Some(cursor)),
            _ => Err(HookError::Failed(
                "the memory is not of this strategy and configuration".into(),
            )),
        }
    }
}

/// Whether a step other than a watch is done.
fn is_over(act: &Act, last: Option<&Ended>) -> bool {
    match (act, last) {
        (
            Act::Scale(stable, candidate),
            Some(Ended {
                directive: Directive::Scale(asked),
                ending,
                ..
            }),
        ) => (asked.stable, asked.candidate) == (*stable, *candidate) && *ending == Ending::Reached,
        (
            Act::Route(share),
            Some(Ended {
                directive: Directive::Route(asked),
                ending,
                ..
            }),
        ) => *asked == share.0 && *ending == Ending::Reached,
        (Act::Hold(_), Some(ended)) => matches!(ended.ending, Ending::Resumed | Ending::Promoted),
        (Act::Finish(_), Some(ended)) => matches!(ended.directive, Directive::Finish(_)),
        _ => false,
    }
}

//! Waiting for evidence, and what to do when there is none.

use super::{Directive, Ended, Ending, Hold, Observe, OnNoEvidence, View};
use crate::Verdict;
use crate::units::Millis;

/// How long to wait for a healthy verdict, and about what.
#[derive(Debug, Clone, PartialEq)]
pub struct Patience {
    /// What is being watched, for people: `5 %`, `the preview`.
    pub what: String,
    /// Do not go on before this, however healthy it looks.
    pub min: Millis,
    /// The length of one window.
    pub max: Millis,
    /// How long to watch in all, window after window, while nobody knows.
    pub total: Millis,
    /// Whether healthy instances are enough to go on at the end of the first
    /// window. For a preview: without traffic most monitors cannot know.
    pub health_is_enough: bool,
}

/// Whether the wait is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Waited {
    /// It is over, for this reason: a clause for people.
    Over(String),
    /// It is not: ask for this, for this reason.
    Ask(Directive, String),
}

impl Patience {
    /// The first window.
    pub fn begin(&self) -> Directive {
        Directive::Observe(Observe {
            min_ms: self.min.0.min(self.max.0),
            max_ms: self.max.0,
        })
    }

    /// What to do after a window, or after a wait for a person, has ended.
    ///
    /// `watched` is how long this wait took so far; keep it in memory and
    /// start it at zero. A window that ended inconclusive is followed by
    /// another that may end at its first healthy look, until `total` is used
    /// up. Then the environment's `on-no-evidence` decides: hold (the
    /// default), go on if all instances are healthy, or abort.
    pub fn next(&self, view: &View, watched: &mut Millis) -> Waited {
        let Some(Ended {
            directive,
            ending,
            took_ms,
        }) = &view.last
        else {
            return Waited::Ask(self.begin(), format!("watching {}", self.what));
        };
        match (directive, ending) {
            (Directive::Observe(_), Ending::Healthy) => Waited::Over(format!(
                "{} was healthy for {}",
                self.what,
                Millis(watched.0 + took_ms)
            )),
            (_, Ending::Promoted) => {
                Waited::Over(format!("{} was promoted by a person", self.what))
            }
            (Directive::Observe(asked), Ending::Inconclusive) => {
                // An inconclusive window lasted at least as long as asked for,
                // so this grows and the wait ends.
                watched.0 = watched
                    .0
                    .saturating_add((*took_ms).max(asked.max_ms).max(1));
                self.after_inconclusive(view, *watched)
            }
            (Directive::Hold(hold), Ending::HoldExpired) => Waited::Ask(
                Directive::Hold(hold.clone()),
                format!("nobody answered; still waiting: {}", hold.reason),
            ),
            _ => {
                *watched = Millis(0);
                Waited::Ask(self.begin(), format!("watching {} again", self.what))
            }
        }
    }

    fn after_inconclusive(&self, view: &View, watched: Millis) -> Waited {
        let what = &self.what;
        let is_healthy = view
            .judgement
            .as_ref()
            .is_some_and(|j| j.health == Verdict::Healthy);
        if self.health_is_enough && is_healthy {
            return Waited::Over(format!(
                "all instances of {what} were healthy for {watched}, and nothing else can judge without traffic"
            ));
        }
        if watched < self.total {
            let left = Millis((self.total.0 - watched.0).min(self.max.0));
            return Waited::Ask(
                Directive::Observe(Observe {
                    min_ms: 0,
                    max_ms: left.0,
                }),
                format!("no clear verdict on {what} after {watched}; watching on"),
            );
        }
        let because = match &view.judgement {
            Some(judgement) if !judgement.reason.is_empty() => format!(" ({})", judgement.reason),
            _ => String::new(),
        };
        let unknown = format!("no clear verdict on {what} after {watched}{because}");
        match view.on_no_evidence {
            OnNoEvidence::ContinueOnHealth if is_healthy => {
                Waited::Over(format!("{unknown}, but all instances were healthy"))
            }
            OnNoEvidence::Abort => Waited::Ask(Directive::Abort(unknown.clone()), unknown),
            OnNoEvidence::Hold | OnNoEvidence::ContinueOnHealth => {
                let reason = format!("{unknown}: promote it, let it be watched again, or abort");
                Waited::Ask(
                    Directive::Hold(Hold {
                        reason: reason.clone(),
                        timeout_ms: 0,
                    }),
                    reason,
                )
            }
        }
    }
}

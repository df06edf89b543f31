//! Journal entries in words: what history, reports and scenarios show.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::directive::{Directive, Ending};
use super::entry::{Cause, DueItem, Entry, Operation, Purpose, Record};
use super::settings::{Begin, Kind};
use super::verification::Verified;
use crate::fleet::Route;
use crate::release::Release;
use crate::time::Millis;
use crate::verdict::{Phase, Verdict};

impl Record {
    /// One line for people, without the time: what happened.
    pub fn in_words(&self) -> String {
        match &self.entry {
            Entry::Began {
                begin,
                program,
                stable,
            } => began(begin, *program, stable.as_ref()),
            Entry::Staged => "the target has the release".into(),
            Entry::Baseline { .. } => "noted what was there before".into(),
            Entry::Decided { decision } => {
                let progress = decision.progress;
                let (directive, reason) = (decision.directive.in_words(), &decision.reason);
                format!(
                    "step {}/{}: {directive} ({reason})",
                    progress.step, progress.of
                )
            }
            Entry::Refused { guardrail, reason } => {
                format!("guardrail {guardrail} refuses: {reason}")
            }
            Entry::Asked { operation, purpose } => {
                format!("{}{}", purpose_in_words(*purpose), operation.in_words())
            }
            Entry::Weighed { weight } => format!("the candidate has {weight} of the traffic"),
            Entry::WindowBegan { window, phase, .. } => {
                let phase = match phase {
                    Phase::Preview => "before any traffic",
                    Phase::Ramp => "beside stable",
                    Phase::Bake => "with all traffic",
                };
                format!("window {window} begins, {phase}")
            }
            Entry::Flapped => "an instance of the candidate is not ready".into(),
            Entry::Looked {
                judgement,
                last_look,
                ..
            } => {
                let verdict = verdict_in_words(judgement.verdict);
                let end = if *last_look {
                    ", the window is over"
                } else {
                    ""
                };
                format!("{verdict}{end}: {}", judgement.reason)
            }
            Entry::Verified { verified } => {
                let found = verified.iter().map(Verified::in_words);
                found.collect::<Vec<_>>().join("; ")
            }
            Entry::Ended { ended } => {
                let what = match ended.ending {
                    Ending::Reached => "reached",
                    Ending::Healthy => "healthy",
                    Ending::Inconclusive => "inconclusive",
                    Ending::Resumed => "resumed",
                    Ending::Promoted => "promoted",
                    Ending::HoldExpired => "nobody came",
                };
                format!("{what} after {}", ended.took)
            }
            Entry::Holding {
                reason,
                until,
                pause,
            } => {
                let what = if *pause { "paused" } else { "waiting" };
                let patience = until.since(self.at);
                format!("{what} for a person, {patience} at most: {reason}")
            }
            Entry::Unpaused => "going on".into(),
            Entry::Signalled { signal } if signal.reason.is_empty() => {
                format!("{} says {}", signal.by, signal.command)
            }
            Entry::Signalled { signal } => {
                format!("{} says {}: {}", signal.by, signal.command, signal.reason)
            }
            Entry::TurnedBack { cause, reason } => format!("turning back, {cause}: {reason}"),
            Entry::WentBack => "no traffic goes to the candidate any more".into(),
            Entry::Finished { keep_warm, .. } => match *keep_warm {
                Millis::ZERO => "the candidate is stable now".into(),
                warm => {
                    format!("the candidate is stable now; what served before stays warm for {warm}")
                }
            },
            Entry::Closed {
                outcome,
                cause,
                reason,
            } => closed(&outcome.to_string(), *cause, reason),
            Entry::DueDone { item } => match item {
                DueItem::Retire(digest) => format!("{} has no instances left", digest.short()),
                DueItem::Discard(digest) => format!("{} is forgotten", digest.short()),
            },
        }
    }
}

impl Directive {
    /// In words, after "to".
    pub fn in_words(&self) -> String {
        match self {
            Directive::Scale { stable, candidate } => {
                format!("scale to {stable} stable and {candidate} candidate instances")
            }
            Directive::Route(weight) => format!("send {weight} of the traffic to the candidate"),
            Directive::Observe { min, max } if min == max => format!("observe for {max}"),
            Directive::Observe { min, max } => format!("observe for {min} to {max}"),
            Directive::Hold { .. } => "hold".into(),
            Directive::Finish { .. } => "finish".into(),
            Directive::Abort { .. } => "go back".into(),
        }
    }
}

impl Operation {
    /// In words, after "ask".
    pub fn in_words(&self) -> String {
        match self {
            Operation::Scale { digest, instances } => {
                format!("ask for {instances} instances of {}", digest.short())
            }
            Operation::Discard { digest } => format!("ask to forget {}", digest.short()),
            Operation::Route { route } => format!("ask for {}", route_in_words(route)),
        }
    }
}

fn route_in_words(route: &Route) -> String {
    match route.shares() {
        [] => "no route".into(),
        [all] => format!("all traffic to {}", all.digest.short()),
        shares => {
            let mut text = String::new();
            for share in shares {
                let comma = if text.is_empty() { "" } else { ", " };
                text += &format!("{comma}{} to {}", share.weight, share.digest.short());
            }
            text
        }
    }
}

fn began(begin: &Begin, program: Kind, stable: Option<&Release>) -> String {
    let candidate = begin.candidate.revision.short();
    let serving = stable.map_or("nothing", |stable| stable.revision.short());
    let strategy = &begin.settings.strategy.name;
    match program {
        Kind::Strategy => format!("{strategy}: from {serving} to {candidate}"),
        Kind::FirstInstall => format!("first install of {candidate}"),
        Kind::Rollback => format!("rollback from {serving} to {candidate}"),
    }
}

fn closed(outcome: &str, cause: Cause, reason: &str) -> String {
    format!("{outcome}, {cause}: {reason}")
}

fn purpose_in_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Forward => "",
        Purpose::Repair => "repair: ",
        Purpose::Back => "way back: ",
        Purpose::Due => "due: ",
    }
}

fn verdict_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Failing => "failing",
    }
}

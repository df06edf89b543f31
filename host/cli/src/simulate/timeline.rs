//! What happened in a simulation, line by line: for people and for programs.

use baepo_core::rollout::forecast::Moment;
use baepo_core::rollout::{
    Directive, Ended, Ending, Entry, Operation, Outcome, Purpose, RoleFleets,
};
use baepo_core::time::Millis;
use baepo_core::verdict::Verdict;
use baepo_core::weight::BasisPoints;

/// How many times an instance that comes and goes is told.
const TOLD_WEATHER: usize = 3;

/// One line.
pub(super) struct Row {
    /// Since the rollout began.
    pub at: Millis,
    /// The candidate's share.
    pub weight: BasisPoints,
    /// Its instances: `1`, or `1 → 4`.
    pub candidate: String,
    /// Those of stable.
    pub stable: String,
    /// What happened, for people.
    pub what: String,
    is_unclear: bool,
}

/// All lines.
pub(super) struct Timeline {
    /// In order.
    pub rows: Vec<Row>,
    /// How often instances came and went beside what is told.
    pub untold: usize,
}

/// What happened, without what is repeated over and over.
pub(super) fn timeline(moments: &[Moment]) -> Timeline {
    let mut writer = Writer {
        timeline: Timeline {
            rows: Vec::new(),
            untold: 0,
        },
        weather: 0,
        unclear: Millis::ZERO,
        reason: "",
        held_for: "",
        is_repair: false,
        weight: BasisPoints::ZERO,
    };
    for moment in moments {
        writer.take(moment);
    }
    writer.timeline
}

struct Writer<'a> {
    timeline: Timeline,
    weather: usize,
    /// For how long there was no clear verdict.
    unclear: Millis,
    /// What the newest judgement says.
    reason: &'a str,
    /// What a person was last waited for.
    held_for: &'a str,
    /// Whether the newest change of the route is a repair.
    is_repair: bool,
    weight: BasisPoints,
}

impl<'a> Writer<'a> {
    fn take(&mut self, moment: &'a Moment) {
        match &moment.record.entry {
            Entry::Decided { decision } => self.take_directive(moment, &decision.directive),
            Entry::Looked { judgement, .. } => self.reason = &judgement.reason,
            Entry::Ended { ended } => self.take_ended(moment, ended),
            Entry::Holding { reason, until, .. } => {
                let patience = until.since(moment.record.at);
                let is_said = self.is_after_unclear() || self.held_for == reason;
                self.held_for = reason;
                let why = match is_said {
                    true => String::new(),
                    false => format!(": {reason}"),
                };
                self.row(
                    moment,
                    format!("waits for a person, at most {patience}{why}"),
                );
            }
            Entry::Asked {
                operation: Operation::Route { .. },
                purpose,
            } => self.is_repair = *purpose == Purpose::Repair,
            Entry::Weighed { weight } => {
                if self.is_repair {
                    let what = match *weight < self.weight {
                        true => "its traffic goes to stable meanwhile",
                        false => "it is ready again; its traffic comes back",
                    };
                    self.weather(moment, what);
                }
                self.weight = *weight;
            }
            Entry::Flapped => self.weather(moment, "an instance of the candidate is not ready"),
            Entry::Refused { guardrail, reason } => {
                self.row(moment, format!("guardrail {guardrail} refuses: {reason}"));
            }
            Entry::TurnedBack { reason, .. } => self.row(moment, format!("turns back: {reason}")),
            Entry::WentBack => self.row(moment, "no traffic goes to the candidate".into()),
            Entry::Finished { .. } => self.row(moment, "the candidate is stable now".into()),
            Entry::Closed { outcome, .. } => self.row(moment, outcome_word(*outcome).into()),
            Entry::Began { .. }
            | Entry::Staged
            | Entry::Baseline { .. }
            | Entry::Asked { .. }
            | Entry::WindowBegan { .. }
            | Entry::Verified { .. }
            | Entry::Unpaused
            | Entry::Signalled { .. }
            | Entry::DueDone { .. } => {}
        }
    }

    fn take_directive(&mut self, moment: &'a Moment, directive: &Directive) {
        match directive {
            Directive::Scale { stable, candidate } => {
                let fleet = moment.fleet;
                let what = match (
                    *candidate > fleet.candidate.asked,
                    *stable < fleet.stable.asked,
                ) {
                    (true, true) => "new instances start, old ones stop",
                    (true, false) => "new instances start",
                    (false, true) => "old instances stop",
                    (false, false) => "instances are as wanted",
                };
                let arrow = |from: u32, to: u32| match from == to {
                    true => from.to_string(),
                    false => format!("{from} → {to}"),
                };
                self.row(moment, what.into());
                if let Some(row) = self.timeline.rows.last_mut() {
                    row.candidate = arrow(fleet.candidate.asked, *candidate);
                    row.stable = arrow(fleet.stable.asked, *stable);
                }
            }
            Directive::Observe { min, max } if !self.is_after_unclear() => {
                let time = match min == max {
                    true => max.to_string(),
                    false => format!("{min} to {max}"),
                };
                self.row(moment, format!("is watched for {time}"));
            }
            Directive::Observe { .. }
            | Directive::Route(_)
            | Directive::Hold { .. }
            | Directive::Finish { .. }
            | Directive::Abort { .. } => {}
        }
    }

    fn take_ended(&mut self, moment: &Moment, ended: &Ended) {
        let (took, reason) = (ended.took, self.reason);
        match (&ended.directive, ended.ending) {
            (Directive::Observe { .. }, Ending::Inconclusive) => {
                if self.is_after_unclear() {
                    self.timeline.rows.pop();
                } else {
                    self.unclear = Millis::ZERO;
                }
                self.unclear = Millis(self.unclear.0 + took.0);
                let what = format!("no clear verdict after {}: {reason}", self.unclear);
                self.row(moment, what);
                if let Some(row) = self.timeline.rows.last_mut() {
                    row.is_unclear = true;
                }
            }
            (Directive::Observe { .. }, _) => {
                self.row(moment, format!("healthy after {took}: {reason}"));
            }
            (Directive::Hold { .. }, Ending::HoldExpired) => {
                self.row(moment, format!("nobody came for {took}"));
            }
            (Directive::Hold { .. }, _) => self.row(moment, "a person lets it go on".into()),
            (
                Directive::Scale { .. }
                | Directive::Route(_)
                | Directive::Finish { .. }
                | Directive::Abort { .. },
                _,
            ) => {}
        }
    }

    fn is_after_unclear(&self) -> bool {
        self.timeline.rows.last().is_some_and(|row| row.is_unclear)
    }

    fn weather(&mut self, moment: &Moment, what: &str) {
        self.weather += 1;
        if self.weather > TOLD_WEATHER {
            self.timeline.untold += 1;
        } else {
            self.row(moment, what.into());
        }
    }

    fn row(&mut self, moment: &Moment, what: String) {
        let RoleFleets { stable, candidate } = moment.fleet;
        self.timeline.rows.push(Row {
            at: moment.at,
            weight: moment.weight,
            candidate: candidate.asked.to_string(),
            stable: stable.asked.to_string(),
            what,
            is_unclear: false,
        });
    }
}

/// `rolled back`.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::RolledBack => "rolled back",
        Outcome::Failed => "failed",
        Outcome::Stuck => "stuck",
        Outcome::Waiting => "waiting",
        Outcome::Refused => "refused",
        Outcome::Cancelled => "cancelled",
    }
}

/// The candidate's share whenever it changed, from zero on.
pub(super) fn shares(moments: &[Moment]) -> Vec<(Millis, BasisPoints)> {
    let mut shares = vec![(Millis::ZERO, BasisPoints::ZERO)];
    for moment in moments {
        if shares
            .last()
            .is_some_and(|(_, last)| *last != moment.weight)
        {
            shares.push((moment.at, moment.weight));
        }
    }
    shares
}

/// What each look came to, and when.
pub(super) fn looks(moments: &[Moment]) -> impl Iterator<Item = (Millis, Verdict)> {
    moments
        .iter()
        .filter_map(|moment| match &moment.record.entry {
            Entry::Looked { judgement, .. } => Some((moment.at, judgement.verdict)),
            _ => None,
        })
}

/// When a person was waited for, waits that follow each other as one.
pub(super) fn waits(moments: &[Moment]) -> Vec<(Millis, Millis)> {
    let mut waits: Vec<(Millis, Millis)> = Vec::new();
    let mut since = None;
    for moment in moments {
        match &moment.record.entry {
            Entry::Holding { .. } => since = Some(moment.at),
            Entry::Ended { .. } | Entry::TurnedBack { .. } => {
                let Some(from) = since.take() else { continue };
                match waits.last_mut() {
                    Some((_, end)) if from.0 <= end.0 + 1_000 => *end = moment.at,
                    Some(_) | None => waits.push((from, moment.at)),
                }
            }
            _ => {}
        }
    }
    waits
}

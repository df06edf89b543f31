//! What can be missing in the core, one thing at a time. Each change is a text
//! that stands once in a file, and what stands there instead.

/// A core that lacks something.
pub(super) struct Mutant {
    /// Its guardrail, and a word.
    pub(super) name: &'static str,
    /// What it lacks.
    pub(super) what: &'static str,
    /// File below `host/core/src`, text, and what is there instead.
    pub(super) edits: &'static [(&'static str, &'static str, &'static str)],
}

const GUARDRAIL: &str = "rollout/guardrail.rs";
const MACHINE: &str = "rollout/machine.rs";
const FORWARD: &str = "rollout/forward.rs";
const STATE: &str = "rollout/state.rs";
const BACK: &str = "rollout/way_back.rs";
const SIGNALS: &str = "rollout/signals.rs";
const VERIFICATION: &str = "rollout/verification.rs";

/// The floor of G4 is not among them: two roles that each carry their share
/// (G3) have that many ready instances together, so that dropping it changes
/// nothing. It is there because a person looks for it.
pub(super) const MUTANTS: [Mutant; 33] = [
    Mutant {
        name: "g1-sum",
        what: "shares of a split do not sum to all",
        edits: &[(
            "fleet.rs",
            "weight: weight.rest()",
            "weight: BasisPoints::FULL",
        )],
    },
    Mutant {
        name: "g2-ready",
        what: "a role without a ready instance gets traffic",
        edits: &[
            (GUARDRAIL, "if ready == 0 && to > from {", "if false {"),
            (
                GUARDRAIL,
                "|| (ready > 0 && u64::from(ready)",
                "|| (u64::from(ready)",
            ),
            (
                GUARDRAIL,
                "!self.first_install && !is_carried(ready, to, floor)",
                "ready > 0 && !self.first_install && !is_carried(ready, to, floor)",
            ),
        ],
    },
    Mutant {
        name: "g3-route",
        what: "a role gets more traffic than it carries",
        edits: &[(
            GUARDRAIL,
            "if !self.first_install && !is_carried(ready, to, floor) {",
            "if false {",
        )],
    },
    Mutant {
        name: "g3-scale",
        what: "instances that carry traffic may be asked to go",
        edits: &[
            (
                GUARDRAIL,
                "if wanted < present.asked && !is_carried(wanted, weight, floor) {",
                "if false {",
            ),
            (
                GUARDRAIL,
                "left + other.ready >= self.floor() && is_carried(left, weight, self.floor())",
                "left + other.ready >= self.floor()",
            ),
        ],
    },
    Mutant {
        name: "g4-ceiling",
        what: "more instances than instances and max-surge",
        edits: &[
            (GUARDRAIL, "if total > self.ceiling {", "if false {"),
            (
                GUARDRAIL,
                "present.total() + other.total() + added <= self.ceiling",
                "added > 0",
            ),
        ],
    },
    Mutant {
        name: "g4-draining",
        what: "instances that drain are not counted",
        edits: &[(
            GUARDRAIL,
            "present.total() + other.total() + added <= self.ceiling",
            "living + other.ready + other.starting + added <= self.ceiling",
        )],
    },
    Mutant {
        name: "g5-exposure",
        what: "more than max-exposure-unjudged without a judgement",
        edits: &[(
            GUARDRAIL,
            "if share > self.weight && share > limit && !judged {",
            "if false {",
        )],
    },
    Mutant {
        name: "g5-grain",
        what: "exposure is counted as asked for, not as the target gives it",
        edits: &[(
            GUARDRAIL,
            "let share = self.limits.real_share(weight);",
            "let share = weight;",
        )],
    },
    Mutant {
        name: "g5-repair",
        what: "a repair gives the candidate more than was judged",
        edits: &[(
            "rollout/repair.rs",
            "least.min(most).min(judged)",
            "least.min(most)",
        )],
    },
    Mutant {
        name: "g5-share",
        what: "a smaller share than was asked for counts as if it were that",
        edits: &[
            (
                "rollout/health.rs",
                "} else if !self.has_its_share() {",
                "} else if false {",
            ),
            (
                "rollout/health.rs",
                "BasisPoints::ZERO => self.asked,",
                "BasisPoints::ZERO => BasisPoints::ZERO,",
            ),
        ],
    },
    Mutant {
        name: "g6-failing",
        what: "a failing verdict turns nothing back",
        edits: &[
            (
                STATE,
                "self.turn_back_next(Cause::VerdictFailing, judgement.reason.clone());",
                "",
            ),
            (
                FORWARD,
                "if standing.failing && !matches!(directive, Directive::Abort { .. }) {",
                "if false {",
            ),
        ],
    },
    Mutant {
        name: "g7-weight",
        what: "finished without all traffic",
        edits: &[
            (
                GUARDRAIL,
                "if self.weight != BasisPoints::FULL {",
                "if false {",
            ),
            (
                STATE,
                "self.standing.baked &= *weight == BasisPoints::FULL;",
                "",
            ),
            (
                STATE,
                "if window.phase == Phase::Bake && self.weight == BasisPoints::FULL && is_last {",
                "if is_last {",
            ),
        ],
    },
    Mutant {
        name: "g7-instances",
        what: "finished without all instances",
        edits: &[(
            GUARDRAIL,
            "if self.fleet.candidate.ready < self.instances {",
            "if false {",
        )],
    },
    Mutant {
        name: "g7-bake",
        what: "finished without a bake",
        edits: &[(GUARDRAIL, "if !standing.baked {", "if false {")],
    },
    Mutant {
        name: "g7-evidence",
        what: "no evidence is taken for healthy",
        edits: &[
            (
                STATE,
                "Verdict::Healthy if elapsed >= min => Some(Ending::Healthy),",
                "Verdict::Healthy | Verdict::Inconclusive if elapsed >= min => Some(Ending::Healthy),",
            ),
            (
                STATE,
                "let healthy = judgement.verdict == Verdict::Healthy;",
                "let healthy = judgement.verdict != Verdict::Failing;",
            ),
        ],
    },
    Mutant {
        name: "g8-drain",
        what: "what still gets requests is stopped on the way back",
        edits: &[(
            BACK,
            "if weight > BasisPoints::ZERO || (s.ready < floor && is_patient) {",
            "if false {",
        )],
    },
    Mutant {
        name: "g8-shrink",
        what: "what still gets requests is stopped on the way forward",
        edits: &[
            (
                GUARDRAIL,
                "return wanted > 0 || weight == BasisPoints::ZERO;",
                "return true;",
            ),
            (
                GUARDRAIL,
                "left + other.ready >= self.floor() && is_carried(left, weight, self.floor())",
                "left + other.ready >= self.floor()",
            ),
            (
                GUARDRAIL,
                "if wanted < present.asked && !is_carried(wanted, weight, floor) {",
                "if false {",
            ),
        ],
    },
    Mutant {
        name: "g9-abort",
        what: "a person's abort is not heard",
        edits: &[(
            STATE,
            "self.turn_back_next(Cause::Person, format!(\"aborted by {by}\"));",
            "let _ = by;",
        )],
    },
    Mutant {
        name: "g9-order",
        what: "the end of a window comes before a reason to go back",
        edits: &[(
            STATE,
            "if !is_back && !is_turning {",
            "if !is_back && !is_turning && self.pending.is_none() {",
        )],
    },
    Mutant {
        name: "g9-capacity",
        what: "the way back gives stable more than it carries",
        edits: &[(
            BACK,
            "(_, 1..) if is_patient => weight.min(carried_share(s.ready, floor).rest()),",
            "",
        )],
    },
    Mutant {
        name: "g10-decisions",
        what: "decisions without an end",
        edits: &[(
            FORWARD,
            "if rollout.decisions >= MOST_DECISIONS {",
            "if false {",
        )],
    },
    Mutant {
        name: "g10-scale",
        what: "instances that never become ready are waited for",
        edits: &[(
            FORWARD,
            "if now >= self.deadline(since) {\n            let reason = too_few",
            "if false {\n            let reason = too_few",
        )],
    },
    Mutant {
        name: "g10-holds",
        what: "holds that nobody answers have no end",
        edits: &[(FORWARD, "if rollout.expiries >= 2 {", "if false {")],
    },
    Mutant {
        name: "g10-back",
        what: "a way back that is stuck does not say so",
        edits: &[(
            BACK,
            "if now < self.deadline(since) {",
            "if now > Time(0) {",
        )],
    },
    Mutant {
        name: "g11-fenced",
        what: "a run that was fenced off goes on",
        edits: &[(
            SIGNALS,
            "pub(super) fn fenced(&mut self) {\n        self.forget_call();",
            "pub(super) fn fenced(&mut self) {\n        self.forget_call();\n        if self.hurry || self.leaving.is_none() {\n            return;\n        }",
        )],
    },
    Mutant {
        name: "g11-unwatched",
        what: "a run leaves too much traffic unwatched",
        edits: &[
            (
                SIGNALS,
                "watched || self.weight <= self.begin.settings.limits.max_exposure_unwatched",
                "watched || self.weight <= BasisPoints::FULL",
            ),
            (
                SIGNALS,
                "use crate::time::{Millis, Time};",
                "use crate::time::{Millis, Time};\nuse crate::weight::BasisPoints;",
            ),
        ],
    },
    Mutant {
        name: "g12-record",
        what: "calls are made before they are recorded",
        edits: &[
            (
                MACHINE,
                "if !self.records.is_empty() && !matches!(next, Next::Done(_)) {",
                "if false {",
            ),
            (
                MACHINE,
                "self.push(now, Entry::Asked { operation, purpose });\n                Next::Again",
                "let call = Next::call(Call::Act(operation.clone()));\n                self.push(now, Entry::Asked { operation, purpose });\n                call",
            ),
            (
                MACHINE,
                "if let Some(record) = self.records.pop_front() {",
                "if self.calling.is_none() && let Some(record) = self.records.pop_front() {",
            ),
        ],
    },
    Mutant {
        name: "g13-superseded",
        what: "a newer release does not end the one on its way",
        edits: &[(
            MACHINE,
            "} else if !matches!(rollout.step, Step::Back { .. }) {\n            let (cause",
            "} else if false {\n            let (cause",
        )],
    },
    Mutant {
        name: "g13-again",
        what: "what was rolled back is rolled out again without a person's word",
        edits: &[(
            BACK,
            "if !by_person && self.env.rolled_back.contains(&digest) {",
            "if false {",
        )],
    },
    Mutant {
        name: "g13-same",
        what: "what serves is rolled out again",
        edits: &[(
            BACK,
            "if stable == Some(digest) {\n            return Some(Done {",
            "if false {\n            return Some(Done {",
        )],
    },
    Mutant {
        name: "g14-mapping",
        what: "after the promotion another release is stable",
        edits: &[(
            "rollout/environment.rs",
            "if let Some(stable) = self.stable.replace(candidate) {\n            self.add_due(at + keep_warm, DueItem::Retire(stable.digest));",
            "if let Some(stable) = self.stable.replace(candidate.clone()) {\n            self.stable = Some(stable.clone());\n            self.add_due(at + keep_warm, DueItem::Retire(candidate.digest));",
        )],
    },
    Mutant {
        name: "verify-first",
        what: "a candidate gets traffic before it was tested",
        edits: &[(
            VERIFICATION,
            "if !rollout.is_to_be_verified() {",
            "if true {",
        )],
    },
    Mutant {
        name: "verify-fails",
        what: "a candidate whose tests failed goes on",
        edits: &[(
            STATE,
            "verified.iter().find_map(Verified::objection)",
            "verified.iter().find_map(Verified::objection).filter(|_| false)",
        )],
    },
];

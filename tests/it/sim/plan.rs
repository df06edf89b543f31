//! Which rollouts are simulated.

use baepo_core::rollout::{Command, OnNoEvidence, Outcome};
use baepo_core::time::Millis;

use super::case::{Case, Event, Evidence, NEW, OLD, RECREATE, Start, Tests, Who};
use super::script;

impl Case {
    /// How it must end without a crash, where there is no doubt.
    pub(super) fn expected(&self) -> Option<Outcome> {
        if !self.events.is_empty() || matches!(self.who, Who::Hostile(_)) {
            return None;
        }
        if self.tests == Tests::Fail {
            return match self.start {
                Start::Serving => Some(Outcome::RolledBack),
                Start::Nothing => Some(Outcome::Failed),
                // What served before is not tested again.
                Start::Warm | Start::Cold => Some(Outcome::Succeeded),
                Start::Same | Start::RolledBack => None,
            };
        }
        match (self.start, self.evidence) {
            // What it must end as is not in a rollout: there is none.
            (Start::Same | Start::RolledBack, _) => None,
            (Start::Warm | Start::Cold, _) => Some(Outcome::Succeeded),
            (Start::Nothing, Evidence::FailingAt(_)) => Some(Outcome::Failed),
            (Start::Nothing, _) | (_, Evidence::Healthy) => Some(Outcome::Succeeded),
            (_, Evidence::FailingAt(_)) => Some(Outcome::RolledBack),
            (_, Evidence::Inconclusive) => Some(match self.policy {
                OnNoEvidence::ContinueOnHealth => Outcome::Succeeded,
                OnNoEvidence::Hold | OnNoEvidence::Abort => Outcome::RolledBack,
            }),
        }
    }
}

/// Every strategy, every kind of evidence and start, without trouble.
pub(super) fn plain(n: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    let evidence = [
        Evidence::Healthy,
        Evidence::FailingAt(1),
        Evidence::FailingAt(5_000),
        Evidence::FailingAt(10_000),
        Evidence::Inconclusive,
    ];
    let policies = [
        OnNoEvidence::Hold,
        OnNoEvidence::ContinueOnHealth,
        OnNoEvidence::Abort,
    ];
    for who in Who::ALL {
        for evidence in evidence {
            for policy in policies {
                if evidence == Evidence::Inconclusive || policy == OnNoEvidence::Hold {
                    cases.push(Case::new(who, n).with(|case| {
                        (case.evidence, case.policy) = (evidence, policy);
                    }));
                }
            }
        }
    }
    for start in [Start::Nothing, Start::Warm, Start::Cold] {
        for evidence in [
            Evidence::Healthy,
            Evidence::FailingAt(10_000),
            Evidence::Inconclusive,
        ] {
            cases.push(Case::new(Who::Canary, n).with(|case| {
                (case.start, case.evidence) = (start, evidence);
            }));
        }
    }
    for tests in [Tests::Pass, Tests::Fail] {
        for who in Who::ALL {
            cases.push(Case::new(who, n).with(|case| case.tests = tests));
        }
        for start in [Start::Nothing, Start::Warm, Start::Cold] {
            let case = Case::new(Who::Canary, n);
            cases.push(case.with(|case| (case.start, case.tests) = (start, tests)));
        }
    }
    for start in [Start::Same, Start::RolledBack] {
        cases.push(Case::new(Who::Direct, n).with(|case| case.start = start));
    }
    cases.push(Case::new(Who::Rolling, n).with(|case| case.unavailable = n.min(1)));
    cases.push(Case::new(Who::Rolling, n).with(|case| case.unavailable = n / 2));
    cases.push(Case::new(Who::Canary, n).with(|case| case.grain = 2_500));
    cases.push(Case::new(Who::BlueGreen, n).with(|case| case.unjudged = 500));
    cases
}

/// Something happens after each decision, at once and a while later.
pub(super) fn eventful(n: u32, starts: &[(Who, Start)], events: &[Event]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (who, start) in starts {
        for event in events {
            for decision in 1..=11 {
                for after in [0, 700, 2_500] {
                    let case = Case::new(*who, n).with(|case| case.start = *start);
                    cases.push(case.event(decision, after, *event));
                }
            }
        }
    }
    cases
}

pub(super) const EVERY_START: [(Who, Start); 7] = [
    (Who::Direct, Start::Serving),
    (Who::Recreate, Start::Serving),
    (Who::BlueGreen, Start::Serving),
    (Who::Canary, Start::Serving),
    (Who::Rolling, Start::Serving),
    (Who::Canary, Start::Nothing),
    (Who::Canary, Start::Cold),
];

/// What happens on the way between those who act and those who watch.
pub(super) const WIRE: [Event; 8] = [
    Event::LosesAnswers(Millis(1_000)),
    Event::LosesAnswers(Millis(20_000)),
    Event::NoMetrics(Millis(4_000)),
    Event::NoMetrics(Millis(86_400_000)),
    Event::TakenOver,
    Event::Clock { ms: -3_600_000 },
    Event::Clock { ms: 5_000 },
    Event::Clock { ms: 3_600_000 },
];

pub(super) const PEOPLE: [Event; 13] = [
    Event::Says(Command::Abort),
    Event::Says(Command::Pause),
    Event::Says(Command::Promote),
    Event::Says(Command::PromoteFull),
    Event::Says(Command::Superseded),
    Event::Says(Command::Resume),
    Event::Says(Command::Unwatched),
    Event::Says(Command::Failing),
    Event::Cancel { pause: false },
    Event::Cancel { pause: true },
    Event::Leave { watched: false },
    Event::Leave { watched: true },
    Event::Supersede,
];

pub(super) const WEATHER: [Event; 10] = [
    Event::Dies(NEW),
    Event::Dies(OLD),
    Event::AllDie(NEW),
    Event::AllDie(OLD),
    Event::Flaps(NEW),
    Event::Flaps(OLD),
    Event::Breaks(NEW),
    Event::Breaks(OLD),
    Event::Unreachable(Millis(10_000)),
    Event::Unreachable(Millis(86_400_000)),
];

/// Anything together: several events of all kinds, on any fleet.
pub(super) fn seeded(seed: u64) -> Case {
    let mut dice = script::Dice::new(seed);
    let n = 1 + dice.roll(6) as u32;
    let (who, start) = EVERY_START[dice.roll(7) as usize];
    let mut case = Case::new(who, n);
    case.start = start;
    case.evidence = match dice.roll(6) {
        0 => Evidence::FailingAt(1),
        1 => Evidence::FailingAt(10_000),
        2 => Evidence::Inconclusive,
        _ => Evidence::Healthy,
    };
    case.policy = [
        OnNoEvidence::Hold,
        OnNoEvidence::ContinueOnHealth,
        OnNoEvidence::Abort,
    ][dice.roll(3) as usize];
    case.unavailable = dice.roll(2) as u32;
    for _ in 0..1 + dice.roll(4) {
        let event = match dice.roll(3) {
            0 => PEOPLE[dice.roll(13) as usize],
            1 => WIRE[dice.roll(8) as usize],
            _ => WEATHER[dice.roll(10) as usize],
        };
        case = case.event(1 + dice.roll(12) as u32, dice.roll(9_000), event);
    }
    case.tests = [Tests::None, Tests::None, Tests::Pass, Tests::Fail][dice.roll(4) as usize];
    case
}

/// The strategies as they are shipped, with short times.
pub(super) const SHIPPED: [(&str, &str); 5] = [
    ("direct", r#"{"max-observe": "12s", "bake": "5s"}"#),
    ("direct", RECREATE),
    (
        "blue-green",
        r#"{"preview": "3s", "max-observe": "12s", "bake": "5s", "keep-warm": "1m"}"#,
    ),
    (
        "canary",
        r#"{"steps": ["1%", "50%"], "observe": {"min": "3s", "max": "6s"}, "max-observe": "12s", "bake": "5s"}"#,
    ),
    (
        "rolling",
        r#"{"min-ready": "3s", "max-observe": "12s", "bake": "5s"}"#,
    ),
];

pub(super) fn shipped(name: &'static str, config: &'static str, n: u32) -> Vec<Case> {
    let who = Who::Shipped(name, config);
    let mut cases = Vec::new();
    for evidence in [
        Evidence::Healthy,
        Evidence::FailingAt(1),
        Evidence::FailingAt(10_000),
    ] {
        cases.push(Case::new(who, n).with(|case| case.evidence = evidence));
    }
    for policy in [
        OnNoEvidence::Hold,
        OnNoEvidence::ContinueOnHealth,
        OnNoEvidence::Abort,
    ] {
        // A hold over two days is long, and the same for all.
        if policy == OnNoEvidence::Hold && (name, n) != ("canary", 3) {
            continue;
        }
        cases.push(Case::new(who, n).with(|case| {
            (case.evidence, case.policy) = (Evidence::Inconclusive, policy);
        }));
    }
    for event in [
        Event::Says(Command::Pause),
        Event::Says(Command::Promote),
        Event::Says(Command::PromoteFull),
        Event::Dies(NEW),
        Event::AllDie(OLD),
    ] {
        for decision in [2, 4, 6] {
            let case = Case::new(who, n).with(|case| case.policy = OnNoEvidence::Abort);
            cases.push(case.event(decision, 700, event));
        }
    }
    cases
}

/// A strategy that asks for anything, in narrow and in wide environments.
pub(super) fn hostile(seed: u64) -> Case {
    Case::new(Who::Hostile(seed), 1 + (seed % 5) as u32).with(|case| {
        case.unavailable = (seed / 5 % 2) as u32;
        case.surge = (seed / 10 % 4) as u32;
        case.unjudged = [10_000, 100][(seed / 40 % 2) as usize];
        case.grain = [1, 1, 2_500][(seed / 80 % 3) as usize];
        if seed % 3 == 1 {
            case.tests = Tests::Pass;
        }
        // Where instances come and go, a share may be smaller than asked for.
        if seed / 240 % 2 == 1 {
            let decision = 1 + (seed % 7) as u32;
            *case = case.clone().event(decision, 300, Event::Flaps(NEW));
        }
    })
}

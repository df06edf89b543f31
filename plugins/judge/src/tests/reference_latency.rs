//! Against what is said of latency a second time: `reference/latency.py`.

use super::std::format;
use super::std::string::{String, ToString};
use super::std::vec::Vec;

use crate::latency::{Edge, edges};

use super::*;

const VALUES: &str = include_str!("../../reference/latency.txt");

/// Both roles in one look; in a bake the record is in stable's place.
struct Seen {
    phase: Phase,
    window: u32,
    seconds: f64,
    stable: Vec<u64>,
    candidate: Vec<u64>,
}

fn numbers<T: core::str::FromStr>(text: &str) -> Vec<T> {
    let number = |part: &str| part.parse().ok().unwrap();
    text.split('/').map(number).collect()
}

impl Seen {
    fn parse(text: &str) -> Seen {
        let [phase, window, seconds, stable, candidate] = text.split(';').collect::<Vec<_>>()[..]
        else {
            panic!("{text}");
        };
        Seen {
            phase: match phase {
                "ramp" => Phase::Ramp,
                "bake" => Phase::Bake,
                other => panic!("{other}"),
            },
            window: window.parse().unwrap(),
            seconds: seconds.parse().unwrap(),
            stable: numbers(stable),
            candidate: numbers(candidate),
        }
    }

    fn look<'a>(&'a self, bounds: &'a [f64]) -> Look<'a> {
        let all = |role: &[u64]| counts(role.iter().sum(), 0);
        let histogram = |counts: &'a [u64]| Histogram { bounds, counts };
        let is_ramp = self.phase == Phase::Ramp;
        Look {
            phase: self.phase,
            window: self.window,
            seconds: self.seconds,
            stable: is_ramp.then(|| all(&self.stable)),
            candidate: all(&self.candidate),
            recorded: None,
            latency: Some(Latencies {
                stable: is_ramp.then(|| histogram(&self.stable)),
                candidate: histogram(&self.candidate),
                recorded: (!is_ramp).then(|| histogram(&self.stable)),
            }),
        }
    }
}

/// One line: the settings, the bounds and the looks.
struct Case {
    settings: Settings,
    bounds: Vec<f64>,
    looks: Vec<Seen>,
}

impl Case {
    fn parse(text: &str) -> Case {
        let mut parts = text.split(' ');
        let mut next = || parts.next().unwrap();
        let (floor, limit, bounds) = (next(), next(), next());
        Case {
            settings: Settings {
                latency_floor: floor.parse().unwrap(),
                max_latency: (limit != "none").then(|| {
                    let limit = numbers(limit);
                    (limit[0], limit[1])
                }),
                ..Settings::default()
            },
            bounds: numbers(bounds),
            looks: parts.map(Seen::parse).collect(),
        }
    }

    /// Who is slow at each quantile.
    fn slow(&self) -> String {
        let look = self.looks[0].look(&self.bounds).latency.unwrap();
        let stable = look.stable.unwrap();
        let shown = |edge| match edge {
            Edge::Slow(slow) => format!("{}/{}", slow.stable, slow.candidate),
            Edge::Coarse => "coarse".to_string(),
            Edge::Nothing => "none".to_string(),
        };
        edges(&stable, &look.candidate, self.settings.latency_floor)
            .map(shown)
            .join(" ")
    }

    /// What is said after the last look.
    fn judge(&self) -> Judgement {
        let mut state = State::new();
        let looks = self.looks.iter();
        let judgements = looks.map(|seen| state.look(&self.settings, &seen.look(&self.bounds)));
        judgements.last().unwrap()
    }
}

/// Whether two answers are the same, word by word, numbers as nearly as the noise
/// is saved.
fn is_same(ours: &str, theirs: &str) -> bool {
    let is_near = |ours: &str, theirs: &str| match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() / theirs.abs().max(1.0) < 1e-5,
        _ => ours == theirs,
    };
    let (ours, theirs) = (ours.split(' '), theirs.split(' '));
    ours.clone().count() == theirs.clone().count() && ours.zip(theirs).all(|(a, b)| is_near(a, b))
}

#[test]
fn what_is_said_of_latency_is_what_the_reference_says() {
    let mut answers = Vec::new();
    let mut wrong = Vec::new();
    for line in VALUES.lines().filter(|line| !line.starts_with('#')) {
        let (input, theirs) = line.split_once(" = ").unwrap();
        let (what, input) = input.split_once(' ').unwrap();
        let case = Case::parse(input);
        let shown = |gate: Gate| {
            let verdict = format!("{:?}", gate.verdict).to_lowercase();
            format!("{verdict} {} {}", gate.fail.0, gate.pass.0)
        };
        let ours = match what {
            "slow" => case.slow(),
            "latency" => {
                let gate = case.judge().latency.unwrap();
                let buckets = if gate.is_coarse { "coarse" } else { "fine" };
                format!("{} {buckets}", shown(gate))
            }
            "max-latency" => shown(case.judge().max_latency.unwrap()),
            other => panic!("{other}"),
        };
        if !is_same(&ours, theirs) {
            wrong.push(format!("{line}, and not {ours}"));
        }
        let verdict = theirs.split(' ').next().unwrap();
        let answer = match what {
            "slow" if !["coarse", "none"].contains(&verdict) => "counts",
            _ => verdict,
        };
        answers.push(format!("{what} {answer}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    answers.sort();
    answers.dedup();
    assert_eq!(
        answers,
        [
            "latency failing",
            "latency healthy",
            "latency inconclusive",
            "max-latency failing",
            "max-latency healthy",
            "max-latency inconclusive",
            "slow coarse",
            "slow counts",
            "slow none",
        ]
    );
}

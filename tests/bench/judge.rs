//! How often the judge is wrong and how soon it is right, beside the rules of
//! Kayenta and Flagger on the same streams; and how fast it is. Every run of
//! this draws the same streams: seeds are 1, 2, 3, ….

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "judge/others.rs"]
mod others;
#[path = "judge/sandbox.rs"]
mod sandbox;
#[path = "judge/stream.rs"]
mod stream;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use baepo_judge::series::{Direction, Series};
use baepo_judge::{Counts, Histogram, Latencies, Look, Phase, Settings, State, Verdict};
use stream::{Dice, Memory, Noise, Traffic, bounds, failures, latencies};

const RUNS: u64 = 1_000;
const COMPARISON: fn() -> Settings = || Settings {
    max_failure_rate: None,
    ..Settings::default()
};

fn main() -> Result<()> {
    println!("seeds 1 to {RUNS} in each row; α 0.01, β 0.05; looks each minute for an hour\n");
    false_alarms();
    series();
    power();
    passes();
    latency();
    side_by_side();
    speed()?;
    sandbox::speed()
}

/// What became of one rollout: when it failed, whether it ever passed, and how it
/// ended.
struct Came {
    failed: Option<usize>,
    passed: bool,
    end: Verdict,
}

fn judge(traffic: Traffic, seed: u64, settings: &Settings, looks: usize) -> Came {
    let mut state = State::new();
    let mut came = Came {
        failed: None,
        passed: false,
        end: Verdict::Inconclusive,
    };
    for (minute, (s, c)) in failures(traffic, seed).into_iter().take(looks).enumerate() {
        let side = |requests, failures| Counts { requests, failures };
        let look = Look {
            phase: Phase::Ramp,
            window: 1,
            seconds: 60.0,
            stable: Some(side(traffic.requests.0, s)),
            candidate: side(traffic.requests.1, c),
            recorded: None,
            latency: None,
        };
        came.end = state.look(settings, &look).verdict;
        came.passed |= came.end == Verdict::Healthy;
        if came.end == Verdict::Failing {
            came.failed = Some(minute + 1);
            break;
        }
    }
    came
}

fn percent(part: usize) -> f64 {
    part as f64 * 100.0 / RUNS as f64
}

/// The median over all runs, of which some never came.
fn median(mut found: Vec<usize>) -> String {
    found.sort_unstable();
    match found.get(RUNS as usize / 2) {
        Some(minute) => format!("{minute} min"),
        None => "never".into(),
    }
}

fn false_alarms() {
    println!("two equal releases, 1,000 requests a minute each: failed, and healthy at the end");
    for rate in [0.001, 0.01, 0.05] {
        for looks in [1, 60] {
            for noise in [
                Noise::None,
                Noise::Common(0.5),
                Noise::Common(0.8),
                Noise::Own(0.0),
                Noise::Own(0.5),
                Noise::Own(0.8),
            ] {
                let traffic = Traffic {
                    requests: (1_000, 1_000),
                    rates: (rate, rate),
                    noise,
                };
                let came: Vec<Came> = (1..=RUNS)
                    .map(|seed| judge(traffic, seed, &Settings::default(), looks))
                    .collect();
                let failed = came.iter().filter(|came| came.failed.is_some()).count();
                let fine = came.iter().filter(|came| came.end == Verdict::Healthy);
                println!(
                    "  {:>4} %  {looks:>2} looks  noise {:<12}  {:>5.1} %  {:>5.1} %",
                    rate * 100.0,
                    format!("{noise:?}").to_lowercase(),
                    percent(failed),
                    percent(fine.count())
                );
            }
        }
    }
}

fn series() {
    println!(
        "\n60 points around 100 with σ 10 that remember: any of the metrics failed, all healthy"
    );
    for metrics in [1, 10] {
        for much in [0.0, 0.5, 0.8] {
            for shift in [0.0, 20.0, 50.0] {
                let (mut failed, mut fine, mut when) = (0, 0, Vec::new());
                for seed in 1..=RUNS {
                    let (first, is_fine) = one_rollout(seed, metrics, much, shift);
                    failed += usize::from(first.is_some());
                    fine += usize::from(is_fine);
                    when.extend(first);
                }
                println!(
                    "  {metrics:>2} metrics  memory {much}  +{shift:>2} %  {:>5.1} %  {:>5.1} %  {}",
                    percent(failed),
                    percent(fine),
                    median(when).replace("min", "points")
                );
            }
        }
    }
}

fn one_rollout(seed: u64, metrics: usize, much: f64, shift: f64) -> (Option<usize>, bool) {
    let settings = Settings::default();
    let level = settings.alpha / metrics as f64;
    let mut dice = Dice::new(seed);
    let mut all: Vec<(Memory, Memory, Series)> = (0..metrics)
        .map(|_| {
            let mut noise = || Memory::new(much, &mut dice);
            (noise(), noise(), Series::new())
        })
        .collect();
    let mut is_fine = true;
    for point in 1..=60 {
        for (stable, candidate, series) in &mut all {
            let s = 100.0 + 10.0 * stable.next(&mut dice);
            let c = 100.0 + shift + 10.0 * candidate.next(&mut dice);
            series.add(Some(s), Some(c));
            let judged = series.judge(&settings, Direction::Either, level);
            if judged.verdict == Verdict::Failing {
                return (Some(point), false);
            }
            if point == 60 {
                is_fine &= judged.verdict == Verdict::Healthy;
            }
        }
    }
    (None, is_fine)
}

fn power() {
    println!("\none failure a minute before: when a regression fails, by comparison alone");
    for requests in [(1_000, 1_000), (9_000, 1_000)] {
        for ratio in [2.0, 3.0, 5.0, 10.0] {
            let rate = 0.001;
            let traffic = Traffic {
                requests,
                rates: (rate, rate * ratio),
                noise: Noise::None,
            };
            let found: Vec<usize> = (1..=RUNS)
                .filter_map(|seed| judge(traffic, seed, &COMPARISON(), 60).failed)
                .collect();
            println!(
                "  {:>2} %  of traffic  {ratio:>2} times  {:>5.1} %  {}",
                requests.1 * 100 / (requests.0 + requests.1),
                percent(found.len()),
                median(found)
            );
        }
    }
}

fn passes() {
    println!("\nwhat passes once within an hour although it is bad");
    let twice = Traffic {
        requests: (1_000, 1_000),
        rates: (0.001, 0.002),
        noise: Noise::None,
    };
    let at_limit = Traffic {
        requests: (1, 1_000),
        rates: (0.0, 0.01),
        noise: Noise::None,
    };
    for (what, traffic, settings) in [
        (
            "twice as many failures, by comparison alone",
            twice,
            COMPARISON(),
        ),
        ("at max-failure-rate", at_limit, Settings::default()),
    ] {
        let passed = (1..=RUNS).filter(|seed| judge(traffic, *seed, &settings, 60).passed);
        println!("  {what:<45} {:>5.1} %", percent(passed.count()));
    }
}

fn latency() {
    println!(
        "\nlatency, log-normal with σ 0.5, 1,000 requests a minute for each: failed within 20 minutes"
    );
    for (growth, slower) in [
        (1.1, 1.0),
        (1.1, 1.003),
        (1.05, 1.2),
        (1.1, 1.2),
        (1.1, 1.5),
    ] {
        let bounds = bounds(growth);
        let found: Vec<usize> = (1..=RUNS)
            .filter_map(|seed| slower_at(&bounds, slower, seed))
            .collect();
        println!(
            "  buckets of {:>2.0} %  {slower:>5} times  {:>5.1} %  {}",
            (growth - 1.0) * 100.0,
            percent(found.len()),
            median(found)
        );
    }
}

fn slower_at(bounds: &[f64], slower: f64, seed: u64) -> Option<usize> {
    let mut dice = Dice::new(seed);
    let mut state = State::new();
    let total = Counts {
        requests: 1_000,
        failures: 0,
    };
    (1..=20).find(|_| {
        let s = latencies(bounds, 1.0, 1_000, &mut dice);
        let c = latencies(bounds, slower, 1_000, &mut dice);
        let histogram = |counts| Histogram { bounds, counts };
        let look = Look {
            phase: Phase::Ramp,
            window: 1,
            seconds: 60.0,
            stable: Some(total),
            candidate: total,
            recorded: None,
            latency: Some(Latencies {
                stable: Some(histogram(&s)),
                candidate: histogram(&c),
                recorded: None,
            }),
        };
        state.look(&Settings::default(), &look).verdict == Verdict::Failing
    })
}

fn side_by_side() {
    println!("\nfailed within an hour, and when; on the same streams");
    println!(
        "  {:<52} {:>16} {:>16} {:>16}",
        "", "baepo", "Kayenta", "Flagger"
    );
    let rows = [
        (
            "healthy, 20 requests a minute, 0.5 % failures",
            (20, 20),
            (0.005, 0.005),
            Noise::None,
        ),
        (
            "healthy, 1,000 a minute, 1 % failures, noisy",
            (1_000, 1_000),
            (0.01, 0.01),
            Noise::Own(0.8),
        ),
        (
            "healthy, 1,000 a minute, 5 % failures, noisy",
            (1_000, 1_000),
            (0.05, 0.05),
            Noise::Own(0.8),
        ),
        (
            "3 times as many, 0.1 % before",
            (1_000, 1_000),
            (0.001, 0.003),
            Noise::None,
        ),
        (
            "5 times as many, 0.1 % before",
            (1_000, 1_000),
            (0.001, 0.005),
            Noise::None,
        ),
        (
            "10 times as many, 0.1 % before, 10 % of traffic",
            (9_000, 1_000),
            (0.001, 0.01),
            Noise::None,
        ),
    ];
    for (what, requests, rates, noise) in rows {
        let traffic = Traffic {
            requests,
            rates,
            noise,
        };
        let cell = |found: Vec<usize>| format!("{:.1} % {}", percent(found.len()), median(found));
        let of = |rule: &dyn Fn(u64) -> Option<usize>| cell((1..=RUNS).filter_map(rule).collect());
        println!(
            "  {what:<52} {:>16} {:>16} {:>16}",
            of(&|seed| judge(traffic, seed, &Settings::default(), 60).failed),
            of(&|seed| others::kayenta_fails_at(&failures(traffic, seed), requests)),
            of(&|seed| others::flagger_fails_at(&failures(traffic, seed), requests)),
        );
    }
}

/// 10,000 cases of 60 windows through the binary.
fn speed() -> Result<()> {
    let mut cases = String::new();
    for id in 0..10_000 {
        let traffic = Traffic {
            requests: (1_000, 1_000),
            rates: (0.002, 0.002),
            noise: Noise::None,
        };
        let windows = failures(traffic, id + 1).into_iter().map(|(s, c)| {
            format!(
                "{{\"stable\":{{\"requests\":1000,\"failures\":{s}}},\"candidate\":{{\"requests\":1000,\"failures\":{c}}}}}"
            )
        });
        let windows: Vec<String> = windows.collect();
        cases += &format!(
            "{{\"id\":{id},\"config\":{{}},\"windows\":[{}]}}\n",
            windows.join(",")
        );
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cases.jsonl");
    std::fs::write(&file, &cases)?;
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/baepo");
    let began = Instant::now();
    let output = Command::new(&binary)
        .arg("judge")
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let took = began.elapsed();
    ensure!(output.status.success(), "{}", output.status);
    let answers = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    println!(
        "\n{answers} cases of 60 windows, {:.1} MB of JSON: {:.2} s, {:.0} windows a second",
        cases.len() as f64 / 1e6,
        took.as_secs_f64(),
        answers as f64 * 60.0 / took.as_secs_f64()
    );
    Ok(())
}

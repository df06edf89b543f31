//! Numbers over time, which remember.

use super::std::vec::Vec;

use super::*;
use crate::series::{Direction, Series, Side};

/// 60 points of both roles around 100, each remembering this much of the last.
fn points(seed: u64, memory: f64, shift: f64) -> Vec<(f64, f64)> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut normal = || (0..12).map(|_| dice.next()).sum::<f64>() - 6.0;
    let (mut s, mut c) = (normal(), normal());
    let fresh = libm::sqrt(1.0 - memory * memory);
    (0..60)
        .map(|_| {
            s = memory * s + fresh * normal();
            c = memory * c + fresh * normal();
            (100.0 + 10.0 * s, 100.0 + shift + 10.0 * c)
        })
        .collect()
}

fn judge(points: &[(f64, f64)], direction: Direction) -> crate::series::SeriesJudgement {
    let mut series = Series::new();
    let settings = Settings::default();
    let mut last = series.judge(&settings, direction, settings.alpha);
    for (s, c) in points {
        series.add(Some(*s), Some(*c));
        last = series.judge(&settings, direction, settings.alpha);
        if last.verdict == Verdict::Failing {
            break;
        }
    }
    last
}

#[test]
fn numbers_that_remember_raise_no_false_alarm() {
    for memory in [0.0, 0.5, 0.8] {
        let failed = (1..=1_000)
            .filter(|seed| {
                judge(&points(*seed, memory, 0.0), Direction::Either).verdict == Verdict::Failing
            })
            .count();
        assert!(failed <= 10, "{failed} of 1000 at {memory}");
    }
}

#[test]
fn a_lasting_difference_is_found_where_it_is_bad() {
    let higher = points(1, 0.5, 50.0);
    let found = judge(&higher, Direction::Increase);
    assert_eq!(
        (found.verdict, found.side),
        (Verdict::Failing, Some(Side::High))
    );
    assert_ne!(
        judge(&higher, Direction::Decrease).verdict,
        Verdict::Failing
    );
    let swapped: Vec<(f64, f64)> = higher.iter().map(|(s, c)| (*c, *s)).collect();
    let mirrored = judge(&swapped, Direction::Decrease);
    assert_eq!(mirrored.side, Some(Side::Low));
    assert_eq!(
        (mirrored.verdict, mirrored.fail),
        (found.verdict, found.fail)
    );
}

#[test]
fn the_unit_does_not_matter() {
    for shift in [0.0, 15.0, 50.0] {
        let one = points(4, 0.5, shift);
        for scale in [1e-7, 1e7] {
            let scaled: Vec<(f64, f64)> = one.iter().map(|(s, c)| (s * scale, c * scale)).collect();
            for direction in [Direction::Increase, Direction::Decrease, Direction::Either] {
                let (a, b) = (judge(&one, direction), judge(&scaled, direction));
                assert_eq!(a.verdict, b.verdict);
                assert!((a.fail.0 - b.fail.0).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn what_is_missing_is_never_healthy() {
    let settings = Settings::default();
    let nothing = [
        (None, None),
        (Some(1.0), None),
        (None, Some(1.0)),
        (Some(f64::NAN), Some(1.0)),
        (Some(1.0), Some(f64::INFINITY)),
    ];
    for (s, c) in nothing {
        let mut series = Series::new();
        for _ in 0..60 {
            series.add(s, c);
        }
        let judged = series.judge(&settings, Direction::Either, settings.alpha);
        assert_eq!((judged.verdict, judged.points), (Verdict::Inconclusive, 0));
    }
    // More than half of it.
    let mut series = Series::new();
    for number in 0..200 {
        series.add(Some(100.0), (number % 3 == 0).then_some(100.0));
    }
    let judged = series.judge(&settings, Direction::Either, settings.alpha);
    assert_eq!(judged.verdict, Verdict::Inconclusive);
}

#[test]
fn what_never_moves_is_judged_too() {
    let same = [(5.0, 5.0); 60];
    assert_eq!(judge(&same, Direction::Either).verdict, Verdict::Healthy);
    let more = [(5.0, 6.0); 60];
    assert_eq!(judge(&more, Direction::Increase).verdict, Verdict::Failing);
    // Three thousandths are harmless, however certain.
    let little = [(5.0, 5.015); 60];
    assert_eq!(
        judge(&little, Direction::Increase).verdict,
        Verdict::Healthy
    );
    let zero = [(0.0, 0.0); 60];
    assert_eq!(
        judge(&zero, Direction::Either).verdict,
        Verdict::Inconclusive
    );
}

//! Against the same formulas written a second time: `reference/reference.py`.

use super::std::string::{String, ToString};
use super::std::vec::Vec;

use crate::absolute::{self, Above};
use crate::comparative::Comparison;
use crate::noise::Moves;
use crate::series::log_t_test;

use super::counts;

const VALUES: &str = include_str!("../../reference/values.txt");

fn numbers(text: &str) -> Vec<f64> {
    text.split('/').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn every_formula_is_that_of_the_reference() {
    let mut compared = Vec::new();
    for line in VALUES.lines().filter(|line| !line.starts_with('#')) {
        let (input, value) = line.split_once(" = ").unwrap();
        let (what, input) = input.split_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let ours = match what {
            "t-test" => {
                let values = input.split(' ').map(|part| part.parse().unwrap());
                log_t_test(&values.collect::<Vec<f64>>())
            }
            _ => of_counts(what, input),
        };
        // The t-test is integrated numerically there; the noise is kept as exact as
        // it is saved here.
        let most = if what.starts_with("absolute") {
            1e-9
        } else {
            1e-4
        };
        let away = (ours - value).abs() / value.abs().max(1.0);
        assert!(away < most, "{line}, and not {ours}");
        compared.push(what.to_string());
    }
    compared.sort();
    compared.dedup();
    let all: [String; 7] = [
        "above",
        "absolute-fail",
        "absolute-pass",
        "comparative-fail",
        "comparative-low",
        "comparative-pass",
        "t-test",
    ]
    .map(ToString::to_string);
    assert_eq!(compared, all);
}

fn of_counts(what: &str, input: &str) -> f64 {
    let (mut comparison, mut above) = (Comparison::default(), Above::new());
    let (mut failures, mut requests, mut all) = (0.0, 0, counts(0, 0));
    for look in input.split(' ') {
        let [seconds, n_s, f_s, n_c, f_c] = numbers(look)[..] else {
            panic!("{look}");
        };
        let (stable, candidate) = (
            counts(n_s as u64, f_s as u64),
            counts(n_c as u64, f_c as u64),
        );
        comparison.add(stable, candidate, failures, seconds);
        let seen = absolute::Seen::of(candidate, 0.01, requests);
        above.take(&seen, &Moves::within(seconds));
        failures += f_s + f_c;
        requests += candidate.requests;
        all.add(candidate);
    }
    match what {
        "comparative-fail" => comparison.log_fail(),
        "comparative-low" => comparison.log_low(),
        "comparative-pass" => comparison.log_pass(),
        "absolute-fail" => absolute::log_fail(all, 0.01),
        "absolute-pass" => absolute::log_pass(all, 0.01),
        "above" => above.log_fail(),
        other => panic!("{other}"),
    }
}

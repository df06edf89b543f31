//! How many tests passed and failed, read from what the runners print.

use std::fmt;

/// Tests that passed and tests that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Passed.
    pub(crate) passed: u64,
    /// Failed, timed out, or never began.
    pub(crate) failed: u64,
}

impl Count {
    /// Adds another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// This count, where a step without tests is one check, and a step that
    /// failed for another reason than its tests has one failure.
    pub(crate) fn or_one(self, is_well: bool) -> Self {
        Self {
            passed: self.passed + u64::from(is_well && self.is_empty()),
            failed: self.failed.max(u64::from(!is_well)),
        }
    }

    /// Adds what one line of output says, if it is a runner's last word.
    pub(crate) fn read(&mut self, line: &str) {
        let line = without_colour(line);
        let line = line.trim();
        let is_summary = line.contains("tests run:")
            || line.contains("test run:")
            || line.starts_with("test result:")
            || is_plain_summary(line);
        if is_summary {
            self.passed += number_before(line, "passed");
            for word in ["failed", "timed out", "exec failed"] {
                self.failed += number_before(line, word);
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Whether the line is `N passed, N failed`.
fn is_plain_summary(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], [n, "passed,", m, "failed"] if n.parse::<u64>().is_ok() && m.parse::<u64>().is_ok())
}

/// The number that stands directly before `word`.
fn number_before(line: &str, word: &str) -> u64 {
    line.split([',', ';', ':', '.'])
        .filter_map(|part| {
            part.trim()
                .strip_suffix(word)
                .or_else(|| part.trim().split_once(word).map(|(n, _)| n))
        })
        .find_map(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// The line without escape sequences for colour.
fn without_colour(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[track_caller]
    fn check(line: &str, passed: u64, failed: u64) {
        let mut count = Count::default();
        count.read(line);
        assert_eq!(count, Count { passed, failed }, "{line}");
    }

    #[test]
    fn the_last_word_of_each_runner_is_understood() {
        check(
            "     Summary [   3.201s] 12 tests run: 12 passed, 3 skipped",
            12,
            0,
        );
        check(
            "     Summary [   1.1s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 0 skipped",
            6,
            3,
        );
        check(
            "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped",
            1,
            0,
        );
        check(
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            7,
            0,
        );
        check("test result: FAILED. 5 passed; 2 failed; 0 ignored", 5, 2);
        check("16 passed, 1 failed", 16, 1);
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s] \u{1b}[1m4\u{1b}[0m tests run: \u{1b}[1m4\u{1b}[0m passed, 0 skipped",
            4,
            0,
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        check("the build passed, nothing failed", 0, 0);
        check("ok    3 passed, as the name of a check", 0, 0);
        check("running 5 tests", 0, 0);
    }

    #[test]
    fn a_step_that_fails_without_a_failing_test_counts_as_one_failure() {
        let counted = Count {
            passed: 3,
            failed: 0,
        };
        assert_eq!(
            counted.or_one(false),
            Count {
                passed: 3,
                failed: 1
            }
        );
        assert_eq!(
            Count::default().or_one(true),
            Count {
                passed: 1,
                failed: 0
            }
        );
    }
}

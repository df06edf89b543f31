//! Which reports are of this run, and which were there before.

use baepo_plugin::bindings::imports::workspace::write;

use crate::Report;

/// What a report is emptied to: no test runner writes this.
const EMPTIED: &[u8] = b"<!-- emptied before the tests -->\n";

/// A report that was there before the run.
pub(crate) struct Before {
    pub(crate) path: String,
    /// What is in it when the command starts.
    pub(crate) content: Vec<u8>,
}

impl Before {
    /// Empties the report where that is granted. Whatever the reason why not,
    /// its content still tells it apart.
    pub(crate) fn set_aside(report: Report) -> Before {
        let Report { path, content } = report;
        match write(&path, EMPTIED) {
            Ok(()) => Before {
                path,
                content: EMPTIED.to_vec(),
            },
            Err(_) => Before { path, content },
        }
    }
}

/// The reports that the run wrote, and the paths of those that it did not.
pub(crate) fn split(before: &[Before], after: Vec<Report>) -> (Vec<Report>, Vec<String>) {
    let is_old = |report: &Report| {
        report.content == EMPTIED
            || before
                .iter()
                .any(|old| old.path == report.path && old.content == report.content)
    };
    let (old, fresh): (Vec<Report>, Vec<Report>) = after.into_iter().partition(is_old);
    (fresh, old.into_iter().map(|report| report.path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(path: &str, content: &[u8]) -> Report {
        Report {
            path: path.into(),
            content: content.to_vec(),
        }
    }

    #[test]
    fn only_reports_that_are_new_or_changed_count() {
        let before = [
            ("same", &b"1"[..]),
            ("changed", b"1"),
            ("gone", b"1"),
            ("emptied", EMPTIED),
        ]
        .map(|(path, content)| Before {
            path: path.into(),
            content: content.to_vec(),
        });
        let after = vec![
            report("same", b"1"),
            report("changed", b"2"),
            report("new", b"1"),
            report("emptied", EMPTIED),
        ];
        let (fresh, old) = split(&before, after);
        let fresh: Vec<&str> = fresh.iter().map(|report| report.path.as_str()).collect();
        assert_eq!(
            (fresh, old),
            (
                vec!["changed", "new"],
                vec!["same".to_string(), "emptied".to_string()]
            )
        );
    }
}

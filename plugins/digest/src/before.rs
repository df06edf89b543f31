//! What went wrong before, by reason, and what follows from it.

use baepo_measures::Fate;
use baepo_plugin::feedback::{PastRollout, Section};

use crate::line;

/// How many reasons are told.
const MOST_REASONS: usize = 5;

/// Rollouts that ended for the same reason.
struct Group<'a> {
    key: String,
    /// Newest first.
    of: Vec<&'a PastRollout>,
}

/// What went wrong in the last rollouts, newest first; nothing where all went
/// well.
pub(crate) fn section(ours: &[&PastRollout], last: usize) -> Option<Section> {
    let counted = ours.iter().copied().filter(|past| is_told(past));
    let looked_at: Vec<&PastRollout> = counted.take(last).collect();
    let bad: Vec<&PastRollout> = looked_at
        .iter()
        .copied()
        .filter(|past| is_bad(past))
        .collect();
    // What has just happened is told by the report itself.
    let is_new = bad.len() == 1 && looked_at.first().is_some_and(|newest| is_bad(newest));
    if bad.is_empty() || is_new {
        return None;
    }
    let environment = line(&looked_at.first()?.environment, 60);
    let title = format!(
        "{} of the last {} rollouts to {environment} went wrong",
        bad.len(),
        looked_at.len()
    );
    let groups = group(&bad);
    let mut lines: Vec<String> = groups.iter().take(MOST_REASONS).map(describe).collect();
    if groups.len() > MOST_REASONS {
        lines.push(format!(
            "- and {} more reasons",
            groups.len() - MOST_REASONS
        ));
    }
    lines.push(String::new());
    lines.push(format!("**Next:** {}", advice(&groups, looked_at.first()?)));
    Some(Section {
        title,
        body: lines.join("\n"),
    })
}

/// Whether it says anything about a revision.
fn is_told(past: &PastRollout) -> bool {
    is_bad(past) || Fate::of(&past.outcome) == Fate::Live
}

fn is_bad(past: &PastRollout) -> bool {
    matches!(Fate::of(&past.outcome), Fate::TurnedBack | Fate::Undone)
        || matches!(past.outcome.as_str(), "failed" | "stuck")
}

/// By reason, the most frequent first, the newer first among equals.
fn group<'a>(bad: &[&'a PastRollout]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for past in bad {
        let key = without_numbers(split(&past.reason).1);
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.of.push(past),
            None => groups.push(Group {
                key,
                of: vec![past],
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.of.len()));
    groups
}

/// The share that a reason begins with (`at 5 %: …`), and the rest.
fn split(reason: &str) -> (Option<&str>, &str) {
    let parts = reason
        .strip_prefix("at ")
        .and_then(|rest| rest.split_once(": "))
        .filter(|(share, _)| share.ends_with('%') && share.len() < 12);
    match parts {
        Some((share, rest)) => (Some(share), rest),
        None => (None, reason),
    }
}

/// Reasons that differ in numbers alone are the same.
fn without_numbers(reason: &str) -> String {
    let mut key = String::new();
    for c in reason.chars() {
        let is_number = c.is_ascii_digit() || matches!(c, '.' | ',') && key.ends_with('0');
        if !is_number {
            key.push(c);
        } else if !key.ends_with('0') {
            key.push('0');
        }
    }
    key
}

/// `- 3 times, each at 5 %: failures …`.
fn describe(group: &Group<'_>) -> String {
    let newest = group.of[0];
    let (share, reason) = split(&newest.reason);
    let is_same = group.of.iter().all(|past| split(&past.reason).0 == share);
    let times = match group.of.len() {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => format!("{many} times"),
    };
    let share = match (share.filter(|_| is_same), group.of.len()) {
        (None, _) => String::new(),
        (Some(share), 1) => format!(" at {share}"),
        (Some(share), _) => format!(", each time at {share}"),
    };
    let revision = newest.revision.commit.get(..7).unwrap_or_default();
    let newest = match group.of.len() {
        1 => format!("({revision})"),
        _ => format!("(the last time {revision})"),
    };
    format!("- **{times}**{share}: {} {newest}", line(reason, 300))
}

/// What to do, from what happened again and again.
fn advice(groups: &[Group<'_>], newest: &PastRollout) -> &'static str {
    let repeated = groups.iter().find(|group| group.of.len() > 1);
    match (repeated, is_bad(newest)) {
        (Some(group), true) if group.of.iter().any(|past| std::ptr::eq(*past, newest)) => {
            "the same reason as before: find its cause first, because trying again would meet it again."
        }
        (_, true) => "this reason is a new one here: look at what this revision changed.",
        (Some(_), false) => {
            "this one went well; the reason that came again and again deserves a test before the rollout."
        }
        (None, false) => "nothing: this one went well, and no reason came twice.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_make_no_new_reason() {
        assert_eq!(
            without_numbers("failures 3.1 % > 1 %, 1,204 requests"),
            without_numbers("failures 12.75 % > 1 %, 20 requests")
        );
        assert_ne!(without_numbers("failures"), without_numbers("latency"));
    }

    #[test]
    fn a_share_is_one_only_at_the_beginning() {
        assert_eq!(split("at 5 %: bad"), (Some("5 %"), "bad"));
        assert_eq!(split("at last: bad"), (None, "at last: bad"));
    }
}

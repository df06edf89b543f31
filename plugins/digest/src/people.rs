//! What people said.

use std::collections::BTreeMap;

use baepo_plugin::feedback::{Section, Signal};

use crate::line;

/// How many comments and issues are shown.
const MOST_SHOWN: usize = 8;

/// How much of each is shown, in characters.
const LONGEST: usize = 200;

/// What people said; nothing where nobody said anything.
pub(crate) fn section(signals: &[Signal]) -> Option<Section> {
    let of = |kind: &'static str| signals.iter().filter(move |signal| signal.kind == kind);
    let mut lines = Vec::new();
    let reactions = count(of("reaction"));
    if !reactions.is_empty() {
        lines.push(format!("Reactions: {}", reactions.join(" · ")));
        lines.push(String::new());
    }
    for issue in of("issue").take(MOST_SHOWN) {
        lines.push(format!(
            "- **A regression was reported** by {}: {}",
            line(&issue.author, 60),
            line(&issue.text, LONGEST)
        ));
    }
    let comments: Vec<&Signal> = of("comment").collect();
    // The newest say most.
    let hidden = comments.len().saturating_sub(MOST_SHOWN);
    for comment in &comments[hidden..] {
        lines.push(format!(
            "- {}: {}",
            line(&comment.author, 60),
            line(&comment.text, LONGEST)
        ));
    }
    if hidden > 0 {
        lines.push(format!("- and {hidden} before them"));
    }
    let is_empty = lines.is_empty();
    (!is_empty).then(|| Section {
        title: "What people said".into(),
        body: lines.join("\n"),
    })
}

/// `👍 3`, the most frequent first.
fn count<'a>(reactions: impl Iterator<Item = &'a Signal>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reaction in reactions {
        *counts.entry(reaction.text.as_str()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts = counts.into_iter().take(MOST_SHOWN);
    counts
        .map(|(text, count)| format!("{} {count}", line(text, 20)))
        .collect()
}

//! What plugins want now and did not want at the base of a change, as the
//! lockfiles of both say it: whoever reviews a pull request reads it in the
//! report, beside what becomes of it.

use std::collections::BTreeMap;
use std::path::Path;

use baepo_runtime::plugin::wishes::Wishes;
use baepo_runtime::supply::Remote;

use super::lock::{Entry, FILE_NAME, Lock};
use super::wished;
use crate::revision;

/// A plugin whose wishes are others than at the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WishChange {
    /// Its source as the lockfile has it.
    pub(crate) source: String,
    /// What is new (`+`), gone (`-`) or to be known (`!`), one line each.
    pub(crate) lines: Vec<String>,
}

/// Why the base could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotCompared {
    /// The checkout does not reach that far.
    #[error(
        "what plugins want was not compared with the base {0}, which this checkout does not have; `fetch-depth: 2` at actions/checkout brings it"
    )]
    NotHere(String),
    /// The lockfile of the base has mistakes.
    #[error("what plugins want was not compared with the base {0}: its {FILE_NAME} has mistakes")]
    NotRight(String),
}

/// The changes from `base`, the commit that this checkout shall replace; none
/// where nothing is locked. `config` relative to `root`.
///
/// # Errors
/// If the base cannot be seen.
pub(crate) fn since(
    root: &Path,
    config: &Path,
    base: &str,
) -> Result<Vec<WishChange>, NotCompared> {
    // A lockfile with mistakes has ended the run before.
    let Ok(after) = Lock::read(root, config) else {
        return Ok(Vec::new());
    };
    if after.entries.is_empty() {
        return Ok(Vec::new());
    }
    let short = || base.chars().take(7).collect::<String>();
    let file = config.with_file_name(FILE_NAME);
    let before = match revision::file_at(root, base, &file) {
        Ok(Some(text)) => Lock::parse(&text).map_err(|_| NotCompared::NotRight(short()))?,
        Ok(None) => Lock::parse("version: 1\n").map_err(|_| NotCompared::NotRight(short()))?,
        Err(_) => return Err(NotCompared::NotHere(short())),
    };
    Ok(changes(&before.entries, &after.entries))
}

/// An entry under another tag is the same plugin: a new version of it must not
/// pass as one that was never seen.
fn changes(before: &BTreeMap<String, Entry>, after: &BTreeMap<String, Entry>) -> Vec<WishChange> {
    let mut changes = Vec::new();
    for (source, entry) in after {
        let same = before.get(source).or_else(|| {
            let same_place = |(old, _): &(&String, &Entry)| place(old) == place(source);
            before.iter().find(same_place).map(|(_, entry)| entry)
        });
        let lines = match same {
            Some(same) if same.sha256 == entry.sha256 => continue,
            Some(same) => wished::changes(same.wishes.as_ref(), entry.wishes.as_ref()),
            None => first_seen(entry.wishes.as_ref()),
        };
        if !lines.is_empty() {
            let source = source.clone();
            changes.push(WishChange { source, lines });
        }
    }
    changes
}

fn first_seen(wishes: Option<&Wishes>) -> Vec<String> {
    let mut lines = vec!["! it is new here".to_owned()];
    match wishes {
        Some(_) => lines.extend(wished::changes(Some(&Wishes::default()), wishes)),
        None => lines.push(format!("! {}", wished::UNSTATED)),
    }
    lines
}

fn place(source: &str) -> String {
    let remote = source.parse::<Remote>();
    remote.map_or_else(|_| source.to_owned(), |remote| remote.place())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn lock(entries: &[(&str, char, &str)]) -> BTreeMap<String, Entry> {
        let mut text = String::from("version: 1\nplugins:\n");
        for (source, digit, wishes) in entries {
            let sha256 = digit.to_string().repeat(64);
            text += &format!("  \"{source}\":\n    sha256: \"{sha256}\"\n{wishes}");
        }
        Lock::parse(&text).unwrap().entries
    }

    #[test]
    fn a_new_version_is_compared_with_the_one_before_it_whatever_its_tag() {
        let cargo = "    wishes: [{ capability: run, scope: cargo, reason: it builds }]\n";
        let before = lock(&[
            ("oci://ghcr.io/acme/a:1", '1', cargo),
            ("./same.wasm", '2', cargo),
            ("./gone.wasm", '3', cargo),
        ]);
        let more = "    wishes:\n      - { capability: run, scope: cargo, reason: it builds }\n      - { capability: net, scope: \"https://a.dev\", reason: it tells }\n";
        let after = lock(&[
            ("oci://ghcr.io/acme/a:2", '4', more),
            ("./same.wasm", '2', cargo),
            ("./new.wasm", '5', ""),
            ("./small.wasm", '6', "    wishes: []\n"),
        ]);
        let told: String = changes(&before, &after)
            .into_iter()
            .map(|change| format!("{}\n  {}\n", change.source, change.lines.join("\n  ")))
            .collect();
        expect![[r#"
            ./new.wasm
              ! it is new here
              ! it states no wishes: it wants whatever is granted
            ./small.wasm
              ! it is new here
            oci://ghcr.io/acme/a:2
              + net https://a.dev: it tells
        "#]]
        .assert_eq(&told);
        assert_eq!(changes(&after, &after), []);
    }
}

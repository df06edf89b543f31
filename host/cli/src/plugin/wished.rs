//! Wishes as people read them: a list, a block to paste, what has changed.

use std::collections::BTreeMap;

use baepo_runtime::capability::Capability;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::wishes::{ANY, Wish, Wishes};

/// What a plugin without the section wants.
pub(super) const UNSTATED: &str = "it states no wishes: it wants whatever is granted";

/// Each wish with its reason, one line each.
pub(super) fn lines(wishes: &Wishes) -> Vec<String> {
    wishes.list().iter().map(line).collect()
}

fn line(wish: &Wish) -> String {
    let scope = match wish.scope.as_str() {
        ANY => "whatever you say",
        scope => scope,
    };
    format!("{} {scope}: {}", wish.capability, wish.reason)
}

/// The plugin as it can stand in the configuration, with exactly the wished
/// `allow:` block.
pub(super) fn block(source: &str, wishes: Option<&Wishes>) -> String {
    let mut text = format!("plugin: {source}\n");
    let Some(wishes) = wishes else {
        text.push_str(&format!("# {UNSTATED}; nothing is, without `allow:`\n"));
        return text;
    };
    let mut by_key: BTreeMap<Capability, Vec<&Wish>> = BTreeMap::new();
    for wish in wishes.list() {
        by_key.entry(wish.capability).or_default().push(wish);
    }
    if by_key.is_empty() {
        text.push_str("# it wants nothing, so that it needs no `allow:`\n");
        return text;
    }
    text.push_str("allow:\n");
    for (capability, wishes) in by_key {
        let mut granted = Grants::default();
        for wish in &wishes {
            text.push_str(&format!("  # {}\n", line(wish)));
            if wish.scope != ANY {
                // A scope that is no entry was refused when it was read.
                let _ = granted.push(capability, &wish.scope);
            }
        }
        match granted == Grants::default() {
            true => text.push_str(&format!("  {capability}: []\n")),
            false => text.push_str(&format!("  {granted}\n")),
        }
    }
    text
}

/// What a plugin wants now that it did not want before, and the other way
/// round, one line each. Empty where nothing has changed.
pub(super) fn changes(before: Option<&Wishes>, after: Option<&Wishes>) -> Vec<String> {
    let nothing = Wishes::default();
    let (added, gone) = match (before, after) {
        (None, None) => return Vec::new(),
        (Some(_), None) => return vec![format!("! {UNSTATED}, and stated some before")],
        (None, Some(after)) => (after.list().iter().collect(), Vec::new()),
        (Some(before), Some(after)) => after.changes_since(before),
    };
    let mut lines: Vec<String> = Vec::new();
    if before.is_none() {
        lines.push("! it states its wishes now".into());
    }
    if added.is_empty() && gone.is_empty() && after == Some(&nothing) && before.is_none() {
        lines.push("  it wants nothing".into());
    }
    lines.extend(added.into_iter().map(|wish| format!("+ {}", line(wish))));
    lines.extend(gone.into_iter().map(|wish| format!("- {}", line(wish))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn wishes(list: &[(Capability, &str, &str)]) -> Wishes {
        let list = list.iter().map(|(capability, scope, reason)| Wish {
            capability: *capability,
            scope: (*scope).into(),
            reason: (*reason).into(),
        });
        Wishes::new(list.collect()).unwrap()
    }

    #[test]
    fn the_block_has_exactly_what_is_wished() {
        let some = wishes(&[
            (Capability::Net, "https://*.acme.dev", "it asks for numbers"),
            (Capability::Net, "http://10.0.0.0/8:9090", "and inside"),
            (Capability::Secrets, "*", "the token of your account"),
            (Capability::Read, "Cargo.lock", "it lists what is in it"),
        ]);
        let mut text = block("oci://ghcr.io/acme/sbom:1", Some(&some));
        text += &block("./a.wasm", None);
        text += &block("./b.wasm", Some(&Wishes::default()));
        expect![[r#"
            plugin: oci://ghcr.io/acme/sbom:1
            allow:
              # net https://*.acme.dev: it asks for numbers
              # net http://10.0.0.0/8:9090: and inside
              net: ["https://*.acme.dev", "http://10.0.0.0/8:9090"]
              # read Cargo.lock: it lists what is in it
              read: [Cargo.lock]
              # secrets whatever you say: the token of your account
              secrets: []
            plugin: ./a.wasm
            # it states no wishes: it wants whatever is granted; nothing is, without `allow:`
            plugin: ./b.wasm
            # it wants nothing, so that it needs no `allow:`
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn what_a_new_version_wants_more_is_told() {
        let before = wishes(&[(Capability::Run, "cargo", "it builds")]);
        let after = wishes(&[
            (Capability::Run, "cargo", "said otherwise"),
            (Capability::Run, "sh", "for hooks"),
        ]);
        assert_eq!(
            changes(Some(&before), Some(&after)),
            ["+ run sh: for hooks"]
        );
        assert_eq!(
            changes(Some(&after), Some(&before)),
            ["- run sh: for hooks"]
        );
        assert!(changes(Some(&before), Some(&before)).is_empty());
        assert!(changes(None, None).is_empty());
        assert_eq!(changes(Some(&before), None).len(), 1);
        assert_eq!(changes(None, Some(&before)).len(), 2);
    }
}

//! `baepo plugin update`: look again what the names in the lockfile mean.

use std::path::{Path, PathBuf};

use super::add::{Source, refuse_change};
use super::lock::{Entry, Lock};
use super::wished;
use crate::config;
use crate::exit::Exit;

/// Look again what the names in baepo.lock mean.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these: the name of a plugin in the configuration, or its source.
    name: Vec<String>,
    /// The configuration that baepo.lock is beside.
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let root = crate::root()?;
    let path = match config::locate_file(&root, args.config.as_deref()) {
        Ok(path) => path,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let lock = match Lock::read(&root, &path) {
        Ok(lock) => lock,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let chosen = match chosen(&root, args, &lock) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    // All of them first: a name that means nothing leaves the file as it is.
    let mut updated = Vec::new();
    for name in chosen {
        let source = match Source::parse(&name) {
            Ok(source) => source,
            Err((what, help)) => {
                super::complain(&what, help);
                return Ok(Exit::Usage);
            }
        };
        match source.pin(&root).await {
            Ok(pinned) => updated.push((name, pinned.entry)),
            Err(exit) => return Ok(exit),
        }
    }
    let entries = updated.clone();
    let changed = Lock::change(&root, &path, |lock| lock.entries.extend(entries));
    if let Err(error) = changed {
        return refuse_change(error);
    }
    for (name, entry) in &updated {
        crate::print(told(name, &lock.entries[name], entry).trim_end());
    }
    if updated.is_empty() {
        crate::print(&format!("{} pins no plugin", lock.shown()));
    }
    Ok(Exit::Success)
}

/// The sources that are meant; all of them where none is named.
fn chosen(root: &Path, args: &Args, lock: &Lock) -> Result<Vec<String>, Exit> {
    if args.name.is_empty() {
        return Ok(lock.entries.keys().cloned().collect());
    }
    // A configuration with mistakes still leaves sources to be named.
    let config = config::load(root, args.config.as_deref()).ok();
    let mut chosen = Vec::new();
    for name in &args.name {
        let plugins = config.iter().flat_map(|config| config.plugins());
        let of_name = plugins
            .filter(|used| used.name == *name)
            .map(|used| used.plugin.to_string())
            .find(|source| lock.entries.contains_key(source));
        let source = match lock.entries.contains_key(name) {
            true => Some(name.clone()),
            false => of_name,
        };
        match source {
            Some(source) => chosen.push(source),
            None => {
                let known: Vec<&str> = lock.entries.keys().map(String::as_str).collect();
                let help = match known.is_empty() {
                    true => "`baepo plugin add` pins one".to_owned(),
                    false => format!("known are: {}", known.join(", ")),
                };
                super::complain(&format!("{} does not pin `{name}`", lock.shown()), &help);
                return Err(Exit::Usage);
            }
        }
    }
    Ok(chosen)
}

/// What has changed, for people.
fn told(name: &str, before: &Entry, after: &Entry) -> String {
    if before == after {
        return format!("{name}: unchanged, sha256 {}\n", after.sha256.hex());
    }
    let mut text = format!("{name}:\n");
    if before.sha256 != after.sha256 {
        let (before, after) = (before.sha256.hex(), after.sha256.hex());
        text.push_str(&format!("  sha256 {before}\n      to {after}\n"));
    }
    if before.resolved != after.resolved
        && let Some(resolved) = &after.resolved
    {
        text.push_str(&format!("  resolved to {resolved}\n"));
    }
    let changes = wished::changes(before.wishes.as_ref(), after.wishes.as_ref());
    match changes.is_empty() {
        true => text.push_str("  its wishes are unchanged\n"),
        false => {
            text.push_str("  its wishes changed:\n");
            for line in changes {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use baepo_core::digest::Digest;
    use baepo_runtime::capability::Capability;
    use baepo_runtime::plugin::wishes::{Wish, Wishes};
    use expect_test::expect;

    #[test]
    fn what_changes_is_shown_and_what_it_wants_more() {
        let entry = |byte: u8, scopes: &[&str]| Entry {
            sha256: Digest::from_bytes([byte; 32]),
            resolved: None,
            wishes: Wishes::new(
                scopes
                    .iter()
                    .map(|scope| Wish {
                        capability: Capability::Run,
                        scope: (*scope).into(),
                        reason: "it must".into(),
                    })
                    .collect(),
            )
            .ok(),
        };
        let before = entry(0xaa, &["cargo"]);
        let mut text = told("./a.wasm", &before, &before);
        text += &told("./a.wasm", &before, &entry(0xbb, &["cargo"]));
        text += &told("./a.wasm", &before, &entry(0xbb, &["cargo", "sh"]));
        expect![[r#"
            ./a.wasm: unchanged, sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            ./a.wasm:
              sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
                  to bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              its wishes are unchanged
            ./a.wasm:
              sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
                  to bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              its wishes changed:
                + run sh: it must
        "#]]
        .assert_eq(&text);
    }
}

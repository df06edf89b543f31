//! `baepo.lock`, beside the configuration: which bytes each plugin is, where
//! they came from, and what they wanted when a person last looked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use baepo_core::digest::Digest;
use baepo_runtime::capability::Capability;
use baepo_runtime::plugin::wishes::{Wish, Wishes};
use baepo_runtime::supply::Remote;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::text_file::{self, TextFile};
use crate::config::locate::{locate, locate_key};
use crate::config::unit::{PlainText, Sha256Text};
use crate::config::{Finding, Findings, Span, check_spelling};

/// Its name.
pub(crate) const FILE_NAME: &str = "baepo.lock";

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LockText {
    /// The version of this format.
    #[schemars(example = 1)]
    #[allow(dead_code, reason = "it was compared before the rest is read")]
    version: u32,
    /// Each plugin by its source as it stands in the configuration.
    plugins: Option<BTreeMap<String, EntryText>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct EntryText {
    /// The SHA-256 of the component.
    #[schemars(example = &"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: Sha256Text,
    /// By what name the same bytes can be had again.
    resolved: Option<PlainText>,
    /// What the plugin states that it wants; absent where it states nothing.
    wishes: Option<Vec<WishText>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct WishText {
    /// Which capability.
    #[schemars(example = &"run")]
    capability: PlainText,
    /// For what.
    #[schemars(example = &"cargo")]
    scope: PlainText,
    /// Why.
    #[schemars(example = &"it builds")]
    reason: PlainText,
}

fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(LockText).to_value());
    &SCHEMA
}

/// One plugin of the lockfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The SHA-256 of the component.
    pub(crate) sha256: Digest,
    /// By what name the same bytes can be had again, where they came from
    /// elsewhere.
    pub(crate) resolved: Option<Remote>,
    /// What the plugin states that it wants; absent where it states nothing.
    pub(crate) wishes: Option<Wishes>,
}

/// The lockfile; empty where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    path: PathBuf,
    shown: String,
    /// Each plugin by its source as it stands in the configuration.
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Lock {
    /// The lockfile beside a configuration; `config` relative to `root`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn read(root: &Path, config: &Path) -> Result<Lock, Findings> {
        let relative = config.with_file_name(FILE_NAME);
        let shown = relative.display().to_string();
        let path = root.join(&relative);
        let entries = match text_file::read(&path, &shown, schema())? {
            Some(file) => entries(&shown, file)?,
            None => BTreeMap::new(),
        };
        Ok(Lock {
            path,
            shown,
            entries,
        })
    }

    /// The lockfile of a text; findings call it `baepo.lock`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str) -> Result<Lock, Findings> {
        let file = text_file::parse(FILE_NAME, text.to_owned(), schema())?;
        Ok(Lock {
            path: FILE_NAME.into(),
            shown: FILE_NAME.into(),
            entries: entries(FILE_NAME, file)?,
        })
    }

    /// As the user knows the file.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Change the file. Two commands at once do not lose each other's entries,
    /// and a file that is not right is left as it is.
    ///
    /// # Errors
    /// All that is wrong with the file that is there, or that it cannot be
    /// written.
    pub(crate) fn change(
        root: &Path,
        config: &Path,
        change: impl FnOnce(&mut Lock),
    ) -> Result<Lock, ChangeError> {
        let path = root.join(config.with_file_name(FILE_NAME));
        let folder = path.parent().unwrap_or(root);
        let turn = File::open(folder)?;
        turn.lock()?;
        let mut lock = Lock::read(root, config)?;
        change(&mut lock);
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(lock.text().as_bytes())?;
        file.as_file().sync_all()?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(&lock.path).map_err(|error| error.error)?;
        Ok(lock)
    }

    /// The file: sorted, the same for the same entries.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# Which bytes each plugin is. Written by `baepo plugin add` and `update`: commit it.\nversion: 1\n",
        );
        if self.entries.is_empty() {
            return text;
        }
        text.push_str("plugins:\n");
        // JSON text is YAML text in double quotes.
        let quote = |text: &str| Value::from(text).to_string();
        for (source, entry) in &self.entries {
            text.push_str(&format!("  {}:\n", quote(source)));
            text.push_str(&format!("    sha256: \"{}\"\n", entry.sha256.hex()));
            if let Some(resolved) = &entry.resolved {
                text.push_str(&format!("    resolved: {}\n", quote(&resolved.to_string())));
            }
            let Some(wishes) = &entry.wishes else {
                continue;
            };
            if wishes.list().is_empty() {
                text.push_str("    wishes: []\n");
                continue;
            }
            text.push_str("    wishes:\n");
            for wish in wishes.list() {
                text.push_str(&format!(
                    "      - {{ capability: {}, scope: {}, reason: {} }}\n",
                    wish.capability,
                    quote(&wish.scope),
                    quote(&wish.reason),
                ));
            }
        }
        text
    }
}

/// Why the lockfile was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// What is there is not right.
    #[error("{0}")]
    Findings(Findings),
    /// The system says no.
    #[error("baepo.lock cannot be written")]
    Io(#[from] std::io::Error),
}

impl From<Findings> for ChangeError {
    fn from(findings: Findings) -> ChangeError {
        ChangeError::Findings(findings)
    }
}

/// Wishes as they are written, of which `span` knows the place; what is wrong
/// with them goes to the findings.
pub(super) fn wishes_of(
    texts: &[WishText],
    span: &dyn Fn(&str) -> Span,
    findings: &mut Vec<Finding>,
) -> Option<Wishes> {
    let mut wishes = Vec::new();
    for (i, wish) in texts.iter().enumerate() {
        let capability = Value::from(wish.capability.0.as_str());
        match serde_json::from_value(capability) {
            Ok(capability) => wishes.push(Wish {
                capability,
                scope: wish.scope.0.clone(),
                reason: wish.reason.0.clone(),
            }),
            Err(_) => {
                let at = span(&format!("wishes.{i}.capability"));
                let keys = Capability::ALL.map(Capability::key);
                let help = match check_spelling(&wish.capability.0, keys) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("one of {}", keys.join(", ")),
                };
                findings.push(Finding::new(at, "there is no such capability").help(help));
            }
        }
    }
    match Wishes::new(wishes) {
        Ok(wishes) => Some(wishes),
        Err(error) => {
            findings.push(Finding::new(span("wishes"), error.to_string()));
            None
        }
    }
}

fn entries(shown: &str, file: TextFile<LockText>) -> Result<BTreeMap<String, Entry>, Findings> {
    let mut findings = Vec::new();
    let mut entries = BTreeMap::new();
    // Sources have dots in them, which a dotted path would take apart.
    let plugins = file.tree.entry("plugins").map(|entry| &entry.value);
    for (source, text) in file.value.plugins.unwrap_or_default() {
        let node = plugins.and_then(|plugins| plugins.entry(&source));
        let key = node.map_or_else(
            || locate_key(&file.tree, "", "plugins"),
            |node| node.key_span,
        );
        let span = |at: &str| node.map_or(key, |node| locate(&node.value, at));
        let is_path = source.starts_with("./") && !source.split('/').any(|part| part == "..");
        let is_remote = source
            .parse::<Remote>()
            .is_ok_and(|remote| remote.to_string() == source);
        if !is_path && !is_remote {
            let finding = Finding::new(key, "this is not a source that is pinned");
            let help = "a path that begins with `./`, or an address with `https://` or `oci://`; what comes with baepo needs no entry";
            findings.push(finding.help(help));
        }
        let resolved = match text.resolved.as_ref().map(|text| text.0.parse::<Remote>()) {
            Some(Err(error)) => {
                findings.push(Finding::new(span("resolved"), error.to_string()));
                None
            }
            other => other.and_then(Result::ok),
        };
        let wishes = text
            .wishes
            .as_deref()
            .and_then(|wishes| wishes_of(wishes, &span, &mut findings));
        match text.sha256.0.parse() {
            Ok(sha256) => {
                let entry = Entry {
                    sha256,
                    resolved,
                    wishes,
                };
                entries.insert(source, entry);
            }
            Err(error) => findings.push(Finding::new(span("sha256"), error.to_string())),
        }
    }
    match findings.is_empty() {
        true => Ok(entries),
        false => Err(Findings::new(shown, &file.source, findings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baepo_runtime::capability::Capability;
    use expect_test::expect;

    const CONFIG: &str = ".github/baepo.yml";

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(".github")).unwrap();
        root
    }

    fn write(root: &Path, text: &str) {
        std::fs::write(root.join(".github/baepo.lock"), text).unwrap();
    }

    fn read(root: &Path) -> Result<Lock, Findings> {
        Lock::read(root, Path::new(CONFIG))
    }

    fn entry(byte: u8, wishes: Option<Vec<Wish>>) -> Entry {
        Entry {
            sha256: Digest::from_bytes([byte; 32]),
            resolved: None,
            wishes: wishes.map(|list| Wishes::new(list).unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_and_is_sorted() {
        let root = root();
        assert!(read(root.path()).unwrap().entries.is_empty());
        let odd = Wish {
            capability: Capability::Run,
            scope: "it's \"odd\" # {x}".into(),
            reason: "ünïcode: yes\u{7ff}".into(),
        };
        let add = |source: &str, entry: Entry| {
            let source = source.to_owned();
            Lock::change(root.path(), Path::new(CONFIG), |lock| {
                lock.entries.insert(source, entry);
            })
            .unwrap()
        };
        add("oci://ghcr.io/acme/x:1", {
            let manifest = "c".repeat(64);
            let mut entry = entry(0xbb, Some(vec![odd]));
            entry.resolved = Some(
                format!("oci://ghcr.io/acme/x@sha256:{manifest}")
                    .parse()
                    .unwrap(),
            );
            entry
        });
        add("https://acme.dev/y.wasm", entry(0x11, Some(vec![])));
        let last = add("./plugins/z.wasm", entry(0xaa, None));
        assert_eq!(read(root.path()).unwrap(), last);
        expect![[r##"
            # Which bytes each plugin is. Written by `baepo plugin add` and `update`: commit it.
            version: 1
            plugins:
              "./plugins/z.wasm":
                sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "https://acme.dev/y.wasm":
                sha256: "1111111111111111111111111111111111111111111111111111111111111111"
                wishes: []
              "oci://ghcr.io/acme/x:1":
                sha256: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                resolved: "oci://ghcr.io/acme/x@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
                wishes:
                  - { capability: run, scope: "it's \"odd\" # {x}", reason: "ünïcode: yes߿" }
        "##]]
        .assert_eq(&last.text());
    }

    #[test]
    fn every_mistake_is_shown_at_its_place() {
        let root = root();
        write(
            root.path(),
            "version: 1\nplugins:\n  builtin:canary:\n    sha256: 12\n  ./x.wasm:\n    sha265: abc\n  oci://ghcr.io/acme/x:\n    sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n    resolved: ghcr.io/x\n",
        );
        let findings = read(root.path()).unwrap_err();
        expect![[r#"
            error: 2 problems in .github/baepo.lock

              .github/baepo.lock:4:13
               4 │     sha256: 12
                 │             ^^ `sha256` must be a SHA-256: 64 digits of `0-9a-f`, as `sha256sum FILE` prints them

              .github/baepo.lock:6:5
               6 │     sha265: abc
                 │     ^^^^^^ unknown key in `plugins../x.wasm`
              help: did you mean `sha256`?
        "#]]
        .assert_eq(&findings.render(false));
        write(
            root.path(),
            "version: 1\nplugins:\n  builtin:canary: &a\n    sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n  oci://ghcr.io/acme/x:\n    sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n    resolved: ghcr.io/x\n    wishes: [{ capability: fly, scope: x, reason: y }, { capability: read, scope: ../x, reason: y }]\n",
        );
        let findings = read(root.path()).unwrap_err();
        expect![[r#"
            error: 4 problems in .github/baepo.lock

              .github/baepo.lock:3:3
               3 │   builtin:canary: &a
                 │   ^^^^^^^^^^^^^^ this is not a source that is pinned
              help: a path that begins with `./`, or an address with `https://` or `oci://`; what comes with baepo needs no entry

              .github/baepo.lock:7:15
               7 │     resolved: ghcr.io/x
                 │               ^^^^^^^^^ `ghcr.io/x` names no plugin: it is no address

              .github/baepo.lock:8:5
               8 │     wishes: [{ capability: fly, scope: x, reason: y }, { capability: read, scope: ../x, reason: y }]
                 │     ^^^^^^ its wish for read `../x` is none: `../x` leads out of the checkout; give a path relative to it, without `..`

              .github/baepo.lock:8:28
               8 │     wishes: [{ capability: fly, scope: x, reason: y }, { capability: read, scope: ../x, reason: y }]
                 │                            ^^^ there is no such capability
              help: one of run, net, read, write, env, secrets, socket, store
        "#]]
        .assert_eq(&findings.render(false));
    }

    #[test]
    fn a_file_that_is_not_right_is_never_overwritten() {
        let root = root();
        for text in [
            "",
            "version: 2\nplugins: later\n",
            "version: 1\nplugin: {}\n",
            "version: 1\nplugins:\n  - a\n",
            "version: 1\nversion: 1\n",
            "<<<<<<< HEAD\nversion: 1\n",
            "plugins: {}\n",
            "\u{1}",
        ] {
            write(root.path(), text);
            let changed = Lock::change(root.path(), Path::new(CONFIG), |lock| {
                lock.entries.clear();
            });
            assert!(matches!(changed, Err(ChangeError::Findings(_))), "{text:?}");
            let kept = std::fs::read_to_string(root.path().join(".github/baepo.lock")).unwrap();
            assert_eq!(kept, text);
        }
    }

    #[test]
    fn two_commands_at_once_lose_nothing() {
        let root = root();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let root = root.path();
                scope.spawn(move || {
                    Lock::change(root, Path::new(CONFIG), |lock| {
                        lock.entries
                            .insert(format!("./{number}.wasm"), entry(number, None));
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(read(root.path()).unwrap().entries.len(), 8);
    }
}

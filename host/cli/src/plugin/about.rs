//! `baepo-plugin.yml`, beside the sources of a plugin: which hook it is, and
//! what it wants.

use std::path::Path;
use std::sync::LazyLock;

use baepo_runtime::plugin::Hook;
use baepo_runtime::plugin::wishes::Wishes;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::lock::{WishText, wishes_of};
use super::text_file;
use crate::config::locate::locate;
use crate::config::unit::PlainText;
use crate::config::{Finding, Findings, check_spelling};

/// Its name.
pub(super) const FILE_NAME: &str = "baepo-plugin.yml";

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AboutText {
    /// The version of this format.
    #[schemars(example = 1)]
    #[allow(dead_code, reason = "it was compared before the rest is read")]
    version: u32,
    /// build, test, strategy, monitor, target or feedback.
    #[schemars(example = &"monitor")]
    hook: Option<PlainText>,
    /// What the plugin states that it wants; absent where it states nothing.
    wishes: Option<Vec<WishText>>,
}

/// What a plugin's author says of it.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) hook: Option<Hook>,
    pub(super) wishes: Option<Wishes>,
}

/// What stands in the file; nothing where there is none.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn read(path: &Path) -> Result<About, Findings> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(AboutText).to_value());
    let shown = path.display().to_string();
    let Some(file) = text_file::read::<AboutText>(path, &shown, &SCHEMA)? else {
        return Ok(About::default());
    };
    let mut wrong = Vec::new();
    let hook = file.value.hook.and_then(|name| {
        let hook = parse_hook(&name.0);
        if hook.is_none() {
            let message = format!("`{}` is no hook", name.0);
            let finding = Finding::new(locate(&file.tree, "hook"), message);
            wrong.push(finding.help(hooks(&name.0)));
        }
        hook
    });
    let span = |at: &str| locate(&file.tree, at);
    let wishes = file.value.wishes.as_deref();
    let wishes = wishes.and_then(|wishes| wishes_of(wishes, &span, &mut wrong));
    match wrong.is_empty() {
        true => Ok(About { hook, wishes }),
        false => Err(Findings::new(&shown, &file.source, wrong)),
    }
}

/// The hook of this name.
pub(super) fn parse_hook(name: &str) -> Option<Hook> {
    Hook::ALL.into_iter().find(|hook| hook.name() == name)
}

/// `one of build, test, …`, or the one that was meant by this word.
pub(super) fn hooks(word: &str) -> String {
    let names = Hook::ALL.map(|hook| hook.name());
    match check_spelling(word, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> Result<About, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|findings| findings.render(false))
    }

    #[test]
    fn hook_and_wishes_are_read() {
        let about = about(
            "version: 1\nhook: monitor\nwishes:\n  - capability: net\n    scope: https://a.dev\n    reason: it asks\n",
        )
        .unwrap();
        assert_eq!(about.hook, Some(Hook::Monitor));
        assert_eq!(about.wishes.unwrap().list()[0].scope, "https://a.dev");
    }

    #[test]
    fn without_the_file_nothing_is_said() {
        let about = read(Path::new("/nowhere/baepo-plugin.yml")).unwrap();
        assert!(about.hook.is_none() && about.wishes.is_none());
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let hook = about("version: 1\nhook: watcher\n").unwrap_err();
        assert!(hook.contains("`watcher` is no hook"), "{hook}");
        assert!(hook.contains("one of build, test, strategy"), "{hook}");
        let hook = about("version: 1\nhook: monitr\n").unwrap_err();
        assert!(hook.contains("did you mean `monitor`?"), "{hook}");
        let wish = "version: 1\nwishes: [{ capability: fly, scope: x, reason: y }]\n";
        let wish = about(wish).unwrap_err();
        assert!(wish.contains("fly"), "{wish}");
        let wish = "version: 1\nwishes: [{ capability: nett, scope: x, reason: y }]\n";
        let wish = about(wish).unwrap_err();
        assert!(wish.contains("did you mean `net`?"), "{wish}");
        let key = about("version: 1\nhok: monitor\n").unwrap_err();
        assert!(key.contains("hok"), "{key}");
    }
}

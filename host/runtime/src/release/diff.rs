//! What changed between two releases.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::manifest::{How, Manifest};

/// What one release has at a place; absent where it has nothing.
pub type Side = Option<String>;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// `file`, `variable`, `secret` or `setting`.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// In the first release. Values of secrets are never known, so a secret
    /// has its name here and the word `changed` where only its value differs.
    pub before: Side,
    /// In the second release.
    pub after: Side,
}

/// All differences, files first.
pub fn diff(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("file", &files(before), &files(after), &mut changes);
    compare("variable", &before.env, &after.env, &mut changes);
    let (left, right) = secrets(before, after);
    compare("secret", &left, &right, &mut changes);
    compare("setting", &settings(before), &settings(after), &mut changes);
    changes
}

type Texts = BTreeMap<String, String>;

fn compare(kind: &'static str, before: &Texts, after: &Texts, changes: &mut Vec<Change>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (before, after) = (before.get(name), after.get(name));
        if before != after {
            changes.push(Change {
                kind,
                name: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
}

fn files(manifest: &Manifest) -> Texts {
    let show = |file: &super::FileEntry| {
        let mark = if file.executable { ", executable" } else { "" };
        format!(
            "sha256:{}, {} bytes, {}{mark}",
            file.sha256.short(),
            file.size_bytes,
            file.media_type
        )
    };
    manifest
        .files
        .iter()
        .map(|file| (file.name.clone(), show(file)))
        .collect()
}

fn secrets(before: &Manifest, after: &Manifest) -> (Texts, Texts) {
    let name = |manifest: &Manifest| -> Texts {
        let entries = manifest.secrets.iter();
        entries
            .map(|(variable, secret)| (variable.clone(), secret.name.clone()))
            .collect()
    };
    let left = name(before);
    let mut right = name(after);
    for (variable, secret) in &after.secrets {
        let old = before.secrets.get(variable);
        if old.is_some_and(|old| old.name == secret.name && old.keyed_hash != secret.keyed_hash) {
            right.insert(variable.clone(), format!("{} (changed)", secret.name));
        }
    }
    (left, right)
}

fn settings(manifest: &Manifest) -> Texts {
    let mut fields = vec![
        ("app", manifest.app.clone()),
        ("environment", manifest.environment.clone()),
    ];
    match &manifest.how {
        How::Run(run) => fields.extend([
            ("command", Value::from(run.command.clone()).to_string()),
            ("health", run.health_path.clone()),
            ("health.interval", run.health_interval_ms.to_string()),
            ("health.timeout", run.health_timeout_ms.to_string()),
            ("drain", run.drain_deadline_ms.to_string()),
            ("stop", run.stop_deadline_ms.to_string()),
        ]),
        How::Target(with) => fields.push(("target", with.to_string())),
    }
    let named = fields.into_iter();
    named
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

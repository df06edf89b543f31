//! The templates of `plugins/templates`: `LANGUAGE/project`, what all projects of
//! a language have, and `LANGUAGE/HOOK`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baepo_runtime::plugin::Hook;
use include_dir::{Dir, include_dir};

use super::File;
use crate::plugin::about;

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/templates");
/// The sources of the SDK, which stand in each project in Rust.
static SDK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk/src");

/// Files that would mean something where the templates are stored, and what they
/// are called in a project.
const RENAMED: [(&str, &str); 3] = [
    ("gitignore", ".gitignore"),
    ("github-check.yml", ".github/workflows/check.yml"),
    ("project.toml", "Cargo.toml"),
];
/// What a README shows as the use of a plugin.
const USE: &str = "use.yml";
/// What is not of the project: its use, and what makes a template in Rust one of
/// the crates beside it.
const OURS: [&str; 2] = [USE, "Cargo.toml"];

const ABOUT: &str = r#"version: 1
hook: @HOOK@
# What it wants of `allow:`, each with a reason that reviewers read, such as
#   - { capability: net, scope: "https://metrics.acme.dev", reason: reads the failure rate }
wishes: []
"#;

/// The hooks that a language has a template for.
pub(super) fn hooks(language: &str) -> impl Iterator<Item = Hook> {
    Hook::ALL
        .into_iter()
        .filter(move |hook| folder(language, hook.name()).is_some())
}

fn folder(language: &str, name: &str) -> Option<&'static Dir<'static>> {
    TEMPLATES.get_dir(Path::new(language).join(name))
}

/// The project without `wit/` and bindings. What a hook has of its own stands
/// in place of what all have.
pub(super) fn files(language: &str, name: &str, hook: Hook) -> Vec<File> {
    let mut files = BTreeMap::from([(PathBuf::from(about::FILE_NAME), ABOUT.into())]);
    for part in ["project", hook.name()] {
        if let Some(folder) = folder(language, part) {
            below(folder, folder.path(), &mut files);
        }
    }
    let usage = indented(&usage(language, name, hook));
    let fill = |content: Vec<u8>| match String::from_utf8(content) {
        Ok(text) => text
            .replace("@USE@", &usage)
            .replace("@NAME@", name)
            .replace("@CRATE@", &name.replace('-', "_"))
            .replace("@HOOK@", hook.name())
            .into_bytes(),
        Err(binary) => binary.into_bytes(),
    };
    let mut files: Vec<File> = files
        .into_iter()
        .filter(|(path, _)| !OURS.iter().any(|ours| path == Path::new(ours)))
        .map(|(path, content)| (renamed(&path), fill(content)))
        .collect();
    if language == "rust" {
        let mut sdk = BTreeMap::new();
        below(&SDK, Path::new(""), &mut sdk);
        let place = |(path, content)| (Path::new("baepo/sdk/src").join(path), content);
        files.extend(sdk.into_iter().map(place));
    }
    files
}

/// Where the plugin stands in a configuration.
pub(super) fn usage(language: &str, name: &str, hook: Hook) -> String {
    let folder = folder(language, hook.name());
    let file = folder.and_then(|folder| folder.get_file(folder.path().join(USE)));
    let text = file.and_then(|file| file.contents_utf8()).unwrap_or_default();
    text.replace("@NAME@", name)
}

/// All files of a folder, by their paths below `base`.
fn below(folder: &'static Dir<'static>, base: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for file in folder.files() {
        let path = file.path().strip_prefix(base).unwrap_or(file.path());
        into.insert(path.into(), file.contents().into());
    }
    for folder in folder.dirs() {
        below(folder, base, into);
    }
}

fn renamed(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str());
    match RENAMED.iter().find(|(stored, _)| name == Some(*stored)) {
        Some((_, real)) => path.with_file_name(real),
        None => path.into(),
    }
}

/// As a block of code in Markdown.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files below a folder, relative to it.
    fn on_disk(folder: &Path, base: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => on_disk(&path, base, into),
                false => into.push(path.strip_prefix(base).unwrap().into()),
            }
        }
    }

    #[test]
    fn what_is_embedded_is_what_is_there() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        for (embedded, folder) in [(&TEMPLATES, "templates"), (&SDK, "sdk/src")] {
            let mut files = BTreeMap::new();
            below(embedded, Path::new(""), &mut files);
            let embedded: Vec<PathBuf> = files.into_keys().collect();
            let mut there = Vec::new();
            let folder = plugins.join(folder);
            on_disk(&folder, &folder, &mut there);
            there.sort();
            assert_eq!(embedded, there);
        }
    }

    #[test]
    fn the_sdk_in_a_project_has_the_dependencies_that_it_has_here() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let workspace = std::fs::read_to_string(plugins.join("Cargo.toml")).unwrap();
        let files = files("rust", "mine", Hook::Strategy);
        let manifest = files
            .iter()
            .find(|(path, _)| path == Path::new("baepo/sdk/Cargo.toml"));
        let manifest = String::from_utf8(manifest.unwrap().1.clone()).unwrap();
        let (_, dependencies) = manifest.split_once("[dependencies]\n").unwrap();
        for line in dependencies.lines() {
            assert!(workspace.contains(line), "{line}");
        }
    }
}

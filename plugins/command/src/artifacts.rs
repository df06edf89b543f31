//! The files that a build leaves behind, and what they are called.

use baepo_plugin::build::BuiltFile;
use baepo_plugin::config::Fields;
use serde_json::Value;

/// One entry of `artifacts`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Artifact {
    /// A path or a pattern, relative to the checkout.
    pub(crate) path: String,
    name: Option<String>,
    media_type: String,
}

impl Artifact {
    pub(crate) fn is_pattern(&self) -> bool {
        self.path.contains(['*', '?', '{', '['])
    }
}

/// Reads `artifacts`.
pub(crate) fn read(fields: &mut Fields) -> Vec<Artifact> {
    let entries: Vec<Value> = fields.required_list("artifacts", "[target/release/shop]");
    let mut artifacts: Vec<Artifact> = Vec::new();
    for (i, entry) in entries.into_iter().enumerate() {
        let place = format!("artifacts.{i}");
        let Some(artifact) = read_one(fields, &place, entry) else {
            continue;
        };
        let path = &artifact.path;
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
            fields.problem(
                &place,
                format!("`{path}` is not a path inside the checkout (no leading `/`, no `..`)"),
            );
        } else if artifact
            .name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.contains('/'))
        {
            fields.problem(&place, "a name has no `/` and is not empty");
        } else if artifact.is_pattern() && artifact.name.is_some() {
            fields.problem(
                &place,
                "a pattern may match many files, so they cannot share one name",
            );
        } else if let Some(earlier) = artifacts
            .iter()
            .position(|a| !a.is_pattern() && a.name() == artifact.name())
        {
            let name = artifact.name();
            fields.problem(
                &place,
                format!(
                    "is named `{name}` like `{}`; give one a `name:`",
                    artifacts[earlier].path
                ),
            );
        }
        artifacts.push(artifact);
    }
    artifacts
}

fn read_one(fields: &mut Fields, place: &str, entry: Value) -> Option<Artifact> {
    let Value::Object(mut keys) = entry else {
        let path = fields.read(place, entry)?;
        return Some(Artifact {
            path,
            name: None,
            media_type: String::new(),
        });
    };
    let mut take = |key: &str| {
        keys.remove(key)
            .and_then(|value| fields.read::<String>(&format!("{place}.{key}"), value))
    };
    let (path, name, media_type) = (take("path"), take("name"), take("media-type"));
    for key in keys.keys() {
        fields.problem(
            &format!("{place}.{key}"),
            "unknown key, expected `path`, `name` or `media-type`",
        );
    }
    if path.is_none() {
        fields.problem(place, "has no `path`");
    }
    Some(Artifact {
        path: path?,
        name,
        media_type: media_type.unwrap_or_default(),
    })
}

impl Artifact {
    fn name(&self) -> &str {
        self.name
            .as_deref()
            .unwrap_or_else(|| file_name(&self.path))
    }
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

/// The files of all artifacts under names that are unique; `found` has the
/// paths of each artifact.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn name(
    artifacts: &[Artifact],
    found: &[Vec<String>],
) -> Result<Vec<BuiltFile>, String> {
    let mut files: Vec<BuiltFile> = Vec::new();
    for (artifact, paths) in artifacts.iter().zip(found) {
        if paths.is_empty() {
            let folder = artifact
                .path
                .split(['*', '?', '{', '['])
                .next()
                .unwrap_or_default();
            let folder = folder.rsplit_once('/').map_or(".", |(folder, _)| folder);
            return Err(format!(
                "no file that may be read matches `{}`; a pattern needs a grant such as `read: [{folder}]`",
                artifact.path
            ));
        }
        for path in paths {
            let name = artifact.name.as_deref().unwrap_or_else(|| file_name(path));
            // The same file by two patterns is one artifact.
            if files
                .iter()
                .any(|file| file.path == *path && file.name == name)
            {
                continue;
            }
            if let Some(other) = files.iter().find(|file| file.name == name) {
                return Err(format!(
                    "`{}` and `{path}` would both be named `{name}` in the release; give one a `name:`",
                    other.path
                ));
            }
            let file = BuiltFile {
                name: name.into(),
                path: path.clone(),
                media_type: artifact.media_type.clone(),
            };
            files.push(file);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use baepo_plugin::{HookError, config};

    use super::*;
    use crate::Command;

    fn problems(json: &str) -> Vec<String> {
        match config::parse::<Command>(json) {
            Err(HookError::InvalidConfig(problems)) => problems
                .into_iter()
                .map(|p| format!("{}: {}", p.path, p.message))
                .collect(),
            Err(other) => panic!("{other:?}"),
            Ok(_) => Vec::new(),
        }
    }

    fn named(artifacts: &str, found: &[&[&str]]) -> Result<Vec<String>, String> {
        let command: Command =
            config::parse(&format!(r#"{{"run": ["x"], "artifacts": {artifacts}}}"#)).unwrap();
        let found: Vec<Vec<String>> = found
            .iter()
            .map(|paths| paths.iter().map(|p| p.to_string()).collect())
            .collect();
        name(&command.artifacts, &found).map(|files| {
            files
                .into_iter()
                .map(|file| format!("{} {}", file.name, file.path))
                .collect()
        })
    }

    #[test]
    fn all_mistakes_in_the_configuration_are_told_at_once() {
        assert_eq!(
            problems(r#"{"artifacts": []}"#),
            [
                "run: is missing, expected for example `[cargo, build, --release]`",
                "artifacts: is empty, expected for example `[target/release/shop]`",
            ]
        );
        assert_eq!(
            problems(
                r#"{"run": [], "artifact": 1, "artifacts":
                    ["/etc/passwd", "a/shop", "b/shop", {"path": "x", "nme": "y"}, {"name": "z"}, 7,
                     {"path": "*.deb", "name": "all"}, {"path": "q", "name": "a/b"}]}"#
            ),
            [
                "run: is empty, expected for example `[cargo, build, --release]`",
                "artifacts.0: `/etc/passwd` is not a path inside the checkout (no leading `/`, no `..`)",
                "artifacts.2: is named `shop` like `a/shop`; give one a `name:`",
                "artifacts.3.nme: unknown key, expected `path`, `name` or `media-type`",
                "artifacts.4: has no `path`",
                "artifacts.5: must be a string, not `7`",
                "artifacts.6: a pattern may match many files, so they cannot share one name",
                "artifacts.7: a name has no `/` and is not empty",
                "artifact: unknown key, did you mean `artifacts`?",
            ]
        );
        assert_eq!(
            problems(r#"{"run": "cargo build", "artifacts": ["x"]}"#),
            ["run: must be a list, not `\"cargo build\"`"]
        );
    }

    #[test]
    fn files_are_called_like_themselves_or_as_asked() {
        assert_eq!(
            named(
                r#"["target/release/shop", "dist/*.deb", {"path": "LICENSE", "name": "licence.txt"}]"#,
                &[
                    &["target/release/shop"],
                    &["dist/a.deb", "dist/b.deb"],
                    &["LICENSE"]
                ],
            ),
            Ok([
                "shop target/release/shop",
                "a.deb dist/a.deb",
                "b.deb dist/b.deb",
                "licence.txt LICENSE"
            ]
            .map(String::from)
            .to_vec())
        );
    }

    #[test]
    fn a_file_that_two_patterns_match_is_one_artifact() {
        let files = named(
            r#"["dist/*", "dist/*.deb"]"#,
            &[&["dist/a.deb"], &["dist/a.deb"]],
        );
        assert_eq!(files.map(|files| files.len()), Ok(1));
    }

    #[test]
    fn two_files_of_one_name_and_patterns_without_a_match_are_refused() {
        assert_eq!(
            named(r#"["dist/*/shop"]"#, &[&["dist/arm/shop", "dist/x86/shop"]]),
            Err("`dist/arm/shop` and `dist/x86/shop` would both be named `shop` in the release; give one a `name:`".into())
        );
        assert_eq!(
            named(r#"["dist/*.deb"]"#, &[&[]]),
            Err("no file that may be read matches `dist/*.deb`; a pattern needs a grant such as `read: [dist]`".into())
        );
    }
}

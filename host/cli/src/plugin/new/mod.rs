//! `baepo plugin new`: a small project of an author's own, with its test, that
//! one command builds. Everything it needs is in it: the interfaces and, for
//! Rust, the SDK.

mod rust;
mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use baepo_runtime::plugin::{Hook, wit_files};

use super::about;
use crate::exit::Exit;

/// Begin a plugin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// rust or typescript
    #[arg(long)]
    lang: String,
    /// Which hook: not every language has a template for each
    #[arg(long)]
    hook: String,
    /// Its name, and that of its folder: small letters, digits and `-`
    name: String,
}

/// A language, and what there is of it.
struct Language {
    name: &'static str,
    hooks: &'static [Hook],
    /// The project without `wit/`.
    files: fn(&str, Hook) -> Vec<File>,
    /// What builds, tests and checks it.
    next: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "rust",
        hooks: &rust::HOOKS,
        files: rust::files,
        next: "make check",
    },
    Language {
        name: "typescript",
        hooks: &typescript::HOOKS,
        files: typescript::files,
        next: "npm install && npm run check",
    },
];

const ABOUT: &str = r#"version: 1
hook: @HOOK@
# What it wants of `allow:`, each with a reason that reviewers read, such as
#   - { capability: net, scope: "https://metrics.acme.dev", reason: reads the failure rate }
wishes: []
"#;

/// A file of the project and its text.
type File = (PathBuf, String);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let refuse = |what: &str, help: &str| {
        super::complain(what, help);
        Ok(Exit::Usage)
    };
    if !is_name(&args.name) {
        let what = format!("`{}` is no name for a plugin", args.name);
        return refuse(&what, "begin with a letter; small letters, digits and `-`");
    }
    let Some(hook) = about::parse_hook(&args.hook) else {
        return refuse(&format!("`{}` is no hook", args.hook), &about::hooks());
    };
    let known = LANGUAGES.iter().find(|known| known.name == args.lang);
    let Some(language) = known.filter(|known| known.hooks.contains(&hook)) else {
        let what = format!("there is no template for {hook} in {}", args.lang);
        return refuse(&what, &offers());
    };
    let folder = Path::new(&args.name);
    if folder.exists() {
        let what = format!("{} is there already", folder.display());
        return refuse(&what, "choose another name, or another folder to stand in");
    }
    let files = project(language, &args.name, hook);
    write(folder, &files).with_context(|| format!("cannot write {}", folder.display()))?;
    let sources = files.iter().filter(|(path, _)| path.starts_with("src"));
    let sources: Vec<String> = sources
        .map(|(path, _)| path.display().to_string())
        .collect();
    crate::print(&format!(
        "created {name}/  ({}, baepo-plugin.yml, README.md)\n  next: cd {name} && {}",
        sources.join(", "),
        language.next,
        name = args.name,
    ));
    Ok(Exit::Success)
}

/// `rust: build, test, …`.
fn offers() -> String {
    let offers = LANGUAGES.iter().map(|language| {
        let hooks: Vec<&str> = language.hooks.iter().map(Hook::name).collect();
        format!("{}: {}", language.name, hooks.join(", "))
    });
    let offers: Vec<String> = offers.collect();
    format!(
        "there are templates for {}; in any other language write it by wit/ and pack it",
        offers.join("; ")
    )
}

fn is_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(is_word)
        && !name.ends_with('-')
}

fn about_file(hook: Hook) -> File {
    let text = ABOUT.replace("@HOOK@", hook.name());
    (PathBuf::from(about::FILE_NAME), text)
}

fn project(language: &Language, name: &str, hook: Hook) -> Vec<File> {
    let mut files = (language.files)(name, hook);
    files.extend(wit_files().map(|(file, text)| (Path::new("wit").join(file), text.into())));
    files
}

/// Whole or not at all.
fn write(folder: &Path, files: &[File]) -> std::io::Result<()> {
    let unfinished = tempfile::Builder::new()
        .prefix(".new-plugin")
        .tempdir_in(".")?;
    for (path, text) in files {
        let path = unfinished.path().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    let all_may_look = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(unfinished.path(), all_may_look)?;
    fs::rename(unfinished.path(), folder)?;
    // It is somewhere else now.
    let _ = unfinished.keep();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates_and_folders() {
        assert!(is_name("office-hours") && is_name("a2"));
        for wrong in ["", "-a", "a-", "Office", "a b", "../x", "a/b", "2a", "ä"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_offered_comes_with_the_list() {
        assert_eq!(
            offers(),
            "there are templates for rust: build, test, strategy, monitor, feedback; typescript: strategy, monitor; in any other language write it by wit/ and pack it"
        );
    }

    #[test]
    fn a_project_is_complete_and_has_its_name() {
        for language in &LANGUAGES {
            for hook in language.hooks {
                let files = project(language, "my-plugin", *hook);
                let text = |name: &str| {
                    let file = files.iter().find(|(path, _)| path == Path::new(name));
                    &file.unwrap_or_else(|| panic!("{name} is missing")).1
                };
                assert!(text("README.md").contains("# my-plugin"));
                assert!(text("baepo-plugin.yml").contains(&format!("hook: {hook}")));
                assert!(text("wit/types.wit").contains("package baepo:hooks@0.1.0;"));
                match language.name {
                    "rust" => {
                        assert!(text("Cargo.toml").contains("name = \"my-plugin\""));
                        assert!(text("Makefile").contains("release/my_plugin.wasm"));
                        assert!(text("src/lib.rs").contains("#[cfg(test)]"));
                        assert!(text("baepo/sdk/src/lib.rs").contains("Write baepo plugins"));
                    }
                    _ => {
                        let package = text("package.json");
                        assert!(package.contains("\"name\": \"my-plugin\""), "{package}");
                        assert!(package.contains(&format!("-n {hook}-plugin")), "{package}");
                        assert!(text("src/plugin.ts").contains(&format!("export const {hook}")));
                    }
                }
                for (path, text) in &files {
                    for mark in ["@NAME@", "@HOOK@", "@USE@", "@CRATE@"] {
                        assert!(!text.contains(mark), "{}", path.display());
                    }
                }
            }
        }
    }
}

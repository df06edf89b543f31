//! `baepo plugin new`: a small project of an author's own, with its test, that
//! one command builds. Everything it needs is in it: the interfaces, and the
//! SDK or the bindings of its language.

mod template;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use baepo_runtime::plugin::{Hook, wit_files};

use super::{about, bindings};
use crate::exit::Exit;

/// Begin a plugin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// rust, typescript, javascript, python, go or c
    #[arg(long)]
    lang: String,
    /// Which hook: not every language has a template for each
    #[arg(long)]
    hook: String,
    /// Its name, and that of its folder: small letters, digits and `-`
    name: String,
}

/// A language by the word that people have for it.
fn full_name(word: &str) -> &str {
    match word {
        "rs" => "rust",
        "ts" => "typescript",
        "js" => "javascript",
        "py" => "python",
        "golang" => "go",
        name => name,
    }
}

/// A language that there are templates for, in a folder of its name.
struct Language {
    name: &'static str,
    /// What builds, tests and checks a project.
    next: &'static str,
    /// Where its sources are.
    sources: &'static str,
}

const LANGUAGES: [Language; 6] = [
    Language {
        name: "rust",
        next: "make check",
        sources: "src",
    },
    Language {
        name: "typescript",
        next: "npm install && npm run check",
        sources: "src",
    },
    Language {
        name: "javascript",
        next: "npm install && npm run check",
        sources: "src",
    },
    Language {
        name: "python",
        next: "make check",
        sources: "src",
    },
    Language {
        name: "go",
        next: "make check",
        sources: "",
    },
    Language {
        name: "c",
        next: "make check",
        sources: "src",
    },
];

/// A file of the project: where, and its content.
type File = (PathBuf, Vec<u8>);

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
        let what = format!("`{}` is no hook", args.hook);
        return refuse(&what, &about::hooks(&args.hook));
    };
    let lang = full_name(&args.lang);
    let known = LANGUAGES.iter().find(|known| known.name == lang);
    let offered = |language: &&Language| template::hooks(language.name).any(|known| known == hook);
    let Some(language) = known.filter(offered) else {
        let what = format!("there is no template for {hook} in {}", args.lang);
        return refuse(&what, &offers());
    };
    let folder = Path::new(&args.name);
    if folder.exists() {
        let what = format!("{} is there already", folder.display());
        return refuse(&what, "choose another name, or another folder to stand in");
    }
    let files = project(language, &args.name, hook)?;
    write(folder, &files).with_context(|| format!("cannot write {}", folder.display()))?;
    let mut sources: Vec<String> = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.parent() == Some(Path::new(language.sources)))
        .filter(|path| is_source(path))
        .map(|path| path.display().to_string())
        .collect();
    sources.sort();
    crate::print(&format!(
        "created {name}/  ({}, baepo-plugin.yml, README.md)\n  next: cd {name} && {}",
        sources.join(", "),
        language.next,
        name = args.name,
    ));
    Ok(Exit::Success)
}

fn is_source(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("rs" | "ts" | "js" | "py" | "go" | "c" | "h"))
}

/// `rust: build, test, …`.
fn offers() -> String {
    let offers = LANGUAGES.iter().map(|language| {
        let hooks: Vec<&str> = template::hooks(language.name)
            .map(|hook| hook.name())
            .collect();
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

fn project(language: &Language, name: &str, hook: Hook) -> anyhow::Result<Vec<File>> {
    let mut files = template::files(language.name, name, hook);
    files.extend(bindings::files(language.name, hook)?);
    let wit = wit_files();
    files.extend(wit.map(|(file, text)| (Path::new("wit").join(file), text.into())));
    Ok(files)
}

/// Whole or not at all.
fn write(folder: &Path, files: &[File]) -> std::io::Result<()> {
    let unfinished = tempfile::Builder::new()
        .prefix(".new-plugin")
        .tempdir_in(".")?;
    for (path, content) in files {
        let path = unfinished.path().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
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
        expect_test::expect!["there are templates for rust: build, test, strategy, monitor, target, feedback; typescript: build, test, strategy, monitor, target, feedback; javascript: strategy, monitor; python: test, strategy, monitor, feedback; go: build, strategy, monitor; c: test, strategy, monitor; in any other language write it by wit/ and pack it"].assert_eq(&offers());
    }

    #[test]
    fn each_language_has_at_least_strategies_and_monitors() {
        for language in &LANGUAGES {
            let hooks: Vec<Hook> = template::hooks(language.name).collect();
            for hook in [Hook::Strategy, Hook::Monitor] {
                assert!(hooks.contains(&hook), "{}: {hook}", language.name);
            }
        }
    }

    /// A configuration of which this is a part.
    fn config(usage: &str) -> String {
        let mut rest = String::from(
            "    target: { local: { listen: \"127.0.0.1:1\", command: [shop], health: /healthz } }\n",
        );
        if !usage.contains("strategy:") {
            rest.push_str("    strategy: canary\n");
        }
        match usage.contains("environments:") {
            true => format!("app: shop\n{usage}{rest}"),
            false => format!("app: shop\n{usage}environments:\n  production:\n{rest}"),
        }
    }

    #[test]
    fn what_a_readme_shows_as_its_use_can_be_used() {
        for language in &LANGUAGES {
            // A run drives no targets of plugins yet.
            for hook in template::hooks(language.name).filter(|hook| *hook != Hook::Target) {
                let usage = template::usage(language.name, "my-plugin", hook);
                let folder = tempfile::tempdir().unwrap();
                std::fs::create_dir(folder.path().join("my-plugin")).unwrap();
                std::fs::write(folder.path().join("my-plugin/plugin.wasm"), "").unwrap();
                let config = config(&usage);
                std::fs::write(folder.path().join("baepo.yml"), &config).unwrap();
                if let Err(error) = crate::config::load(folder.path(), None) {
                    panic!("{} {hook}: {error}\n{config}", language.name);
                }
            }
        }
    }

    #[test]
    fn a_project_is_complete_and_has_its_name() {
        for language in &LANGUAGES {
            for hook in template::hooks(language.name) {
                let files = project(language, "my-plugin", hook).unwrap();
                let about = format!("{} {hook}", language.name);
                let text = |name: &str| {
                    let file = files.iter().find(|(path, _)| path == Path::new(name));
                    let (_, content) = file.unwrap_or_else(|| panic!("{about}: {name} is missing"));
                    std::str::from_utf8(content).unwrap()
                };
                let readme = text("README.md");
                assert!(readme.starts_with("# my-plugin\n"), "{about}: {readme}");
                assert!(
                    readme.contains("plugin: ./my-plugin/plugin.wasm"),
                    "{about}: {readme}"
                );
                assert!(text("baepo-plugin.yml").contains(&format!("hook: {hook}")));
                assert!(text("wit/types.wit").contains("package baepo:hooks@0.1.0;"));
                assert!(text(".github/workflows/check.yml").contains("permissions: {"));
                assert!(text(".gitignore").contains("wasm"), "{about}");
                let mut paths: Vec<&PathBuf> = files.iter().map(|(path, _)| path).collect();
                paths.sort();
                assert!(paths.windows(2).all(|two| two[0] != two[1]), "{about}");
                for (path, content) in &files {
                    let Ok(text) = std::str::from_utf8(content) else {
                        continue;
                    };
                    for mark in ["@NAME@", "@HOOK@", "@USE@", "@CRATE@"] {
                        assert!(!text.contains(mark), "{about}: {}", path.display());
                    }
                }
            }
        }
    }
}

//! `baepo plugin new`: a small project of an author's own, with its test, that
//! one command builds. Everything it needs is in it: the interfaces and, for
//! Rust, the SDK.

mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use baepo_runtime::plugin::{Hook, wit_files};

use super::about;
use crate::exit::Exit;

/// Begin a plugin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The language
    #[arg(long)]
    lang: String,
    /// build, test, strategy, monitor or feedback
    #[arg(long)]
    hook: String,
    /// Its name, and that of its folder: small letters, digits and `-`
    name: String,
}

/// What there is a template for.
const OFFERED: [(&str, &[Hook]); 1] = [("rust", &rust::HOOKS)];

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
    let offered = OFFERED.iter().find(|(lang, _)| *lang == args.lang);
    let Some((_, _)) = offered.filter(|(_, hooks)| hooks.contains(&hook)) else {
        let what = format!("there is no template for {hook} in {}", args.lang);
        return refuse(&what, &offers());
    };
    let folder = Path::new(&args.name);
    if folder.exists() {
        let what = format!("{} is there already", folder.display());
        return refuse(&what, "choose another name, or another folder to stand in");
    }
    let files = project(&args.name, hook);
    write(folder, &files).with_context(|| format!("cannot write {}", folder.display()))?;
    crate::print(&format!(
        "created {name}/  ({shown})\n  next: cd {name} && make check",
        name = args.name,
        shown = "src/lib.rs, baepo-plugin.yml, Makefile, README.md",
    ));
    Ok(Exit::Success)
}

/// `rust: build, test, …`.
fn offers() -> String {
    let offers = OFFERED.iter().map(|(lang, hooks)| {
        let hooks: Vec<&str> = hooks.iter().map(Hook::name).collect();
        format!("{lang}: {}", hooks.join(", "))
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

fn project(name: &str, hook: Hook) -> Vec<File> {
    let mut files = rust::files(name, hook);
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
            "there are templates for rust: build, test, strategy, monitor, feedback; in any other language write it by wit/ and pack it"
        );
    }

    #[test]
    fn a_project_is_complete_and_has_its_name() {
        for hook in rust::HOOKS {
            let files = project("my-plugin", hook);
            let text = |name: &str| {
                let file = files.iter().find(|(path, _)| path == Path::new(name));
                &file.unwrap_or_else(|| panic!("{name} is missing")).1
            };
            assert!(text("Cargo.toml").contains("name = \"my-plugin\""));
            assert!(text("Makefile").contains("release/my_plugin.wasm"));
            assert!(text("baepo-plugin.yml").contains(&format!("hook: {hook}")));
            assert!(text("src/lib.rs").contains("#[cfg(test)]"));
            assert!(text("wit/types.wit").contains("package baepo:hooks@0.1.0;"));
            assert!(text("baepo/sdk/src/lib.rs").contains("Write baepo plugins in Rust"));
            for (path, text) in &files {
                assert!(!text.contains("@NAME@"), "{}", path.display());
            }
        }
    }
}

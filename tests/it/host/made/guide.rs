//! `docs/plugins.md` and `docs/hooks.md`, as somebody follows them who has read
//! nothing else: what is shown as a file is written, what is shown as commands is
//! typed, and what is shown as their output has to be it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Author;

pub(super) const GUIDE: &str = include_str!("../../../../docs/plugins.md");
pub(super) const HOOKS: &str = include_str!("../../../../docs/hooks.md");

/// One block of code.
pub(super) struct Block {
    /// What stands behind its first backticks: `sh`, `text`, `json look.json`.
    info: &'static str,
    text: &'static str,
}

/// The blocks under a heading.
fn blocks(page: &'static str, heading: &str) -> Vec<Block> {
    let begin = format!("\n## {heading}\n");
    let (_, section) = page
        .split_once(begin.as_str())
        .unwrap_or_else(|| panic!("the page has no part `{heading}`"));
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    for part in section.split("\n```").skip(1).step_by(2) {
        let (info, text) = part.split_once('\n').unwrap();
        blocks.push(Block { info, text });
    }
    assert!(!blocks.is_empty(), "`{heading}` shows nothing");
    blocks
}

/// All headings under which something is typed.
pub(super) fn headings(page: &'static str) -> Vec<&'static str> {
    let typed = |section: &&str| section.contains("\n```sh\n");
    let name = |section: &'static str| section.lines().next().unwrap();
    page.split("\n## ")
        .skip(1)
        .filter(typed)
        .map(name)
        .collect()
}

/// A checkout with what the guide takes as given: a module that somebody's
/// compiler made.
pub(super) fn prepare(folder: &Path) {
    let init = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(folder)
        .status();
    assert!(init.unwrap().success());
    let module = crate::host::guest::core_module(crate::host::guest::names::FEEDBACK).unwrap();
    std::fs::write(folder.join("core.wasm"), module).unwrap();
}

/// Follows a part of a page in this folder; where one stands at the end.
#[track_caller]
pub(super) fn follow(
    author: &Author,
    page: &'static str,
    heading: &str,
    folder: &Path,
) -> PathBuf {
    let tools = author.folder.path().join("bin");
    pretend_rustup(&tools);
    let mut here = folder.to_owned();
    let mut said = String::new();
    for Block { info, text } in blocks(page, heading) {
        match info.split_once(' ').unwrap_or((info, "")) {
            ("sh", _) => (said, here) = author.types(text, &here),
            ("text", _) => assert_eq!(said.trim_end(), text, "the output under `{heading}`"),
            ("json", "answer") => {
                let shown = serde_json::from_str(text).unwrap();
                let answered: Value = serde_json::from_str(&said).unwrap();
                assert_part(&shown, &answered["answer"], heading);
            }
            (_, "") => {}
            (_, file) => std::fs::write(here.join(file), text).unwrap(),
        }
    }
    here
}

/// What is shown may leave out keys of what is there.
#[track_caller]
fn assert_part(shown: &Value, whole: &Value, at: &str) {
    match shown {
        Value::Object(shown) => {
            for (key, value) in shown {
                assert_part(value, &whole[key.as_str()], &format!("{at}.{key}"));
            }
        }
        shown => assert_eq!(shown, whole, "{at}"),
    }
}

/// A target of rustup is fetched from where no registry is; the compiler that is
/// used here stands for it.
fn pretend_rustup(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("rustup");
    let script = "#!/bin/sh\ntest \"$*\" = 'target add wasm32-unknown-unknown'\n";
    std::fs::write(&path, script).unwrap();
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, may_run).unwrap();
}

impl Author {
    /// What this prints when it is typed, and where one stands then.
    #[track_caller]
    fn types(&self, commands: &str, within: &Path) -> (String, PathBuf) {
        let script = format!("set -eu\n{commands}\npwd >\"$STANDS\"\n");
        let stands = self.folder.path().join("stands");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .current_dir(within)
            .env("STANDS", &stands);
        let (text, _) = self.runs(command, self.compiler.variables());
        let here = std::fs::read_to_string(stands).unwrap();
        (text, PathBuf::from(here.trim_end()))
    }
}

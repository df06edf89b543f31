//! The house rules that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The longest source file, in lines.
const LONGEST_FILE: usize = 500;

/// Files that may be longer, and why.
const LONGER_FILES: &[(&str, usize, &str)] = &[];

/// Tests that may pause a thread, and why a deadline on a condition would not do.
const MAY_SLEEP: &[(&str, &str)] = &[(
    "tests/it/life/mod.rs",
    "it waits for other processes, whose state can only be asked again, up to a deadline",
)];

/// File names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "misc",
];

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The files of the repository whose names end in `suffix`, tracked or new, relative to the root.
fn files(suffix: &str) -> Result<Vec<PathBuf>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git lists the files")?;
    let listing = String::from_utf8(listing.stdout)?;
    let files: Vec<PathBuf> = listing
        .lines()
        .filter(|name| name.ends_with(suffix) && root().join(name).is_file())
        .map(PathBuf::from)
        .collect();
    ensure!(
        !files.is_empty(),
        "no file ends in `{suffix}`: is this a checkout?"
    );
    Ok(files)
}

/// Each line of the Rust sources for which `is_wrong` holds, as `file:line: text`.
fn wrong_lines(is_wrong: impl Fn(&Path, &str) -> bool) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    // This file names what it looks for.
    for file in files(".rs")?
        .into_iter()
        .filter(|file| file != Path::new(file!()))
    {
        let text = fs::read_to_string(root().join(&file))?;
        for (index, line) in text.lines().enumerate() {
            if is_wrong(&file, line) {
                wrong.push(format!("{}:{}: {}", file.display(), index + 1, line.trim()));
            }
        }
    }
    Ok(wrong)
}

fn none(wrong: &[String]) -> Result<()> {
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn no_source_file_is_too_long_to_read_at_once() -> Result<()> {
    let mut wrong = Vec::new();
    for file in files(".rs")?.into_iter().chain(files(".wit")?) {
        let lines = fs::read_to_string(root().join(&file))?.lines().count();
        let allowed = LONGER_FILES
            .iter()
            .find(|(name, ..)| file == Path::new(name))
            .map_or(LONGEST_FILE, |(_, lines, _)| *lines);
        if lines > allowed {
            wrong.push(format!(
                "{}: {lines} lines, at most {allowed}",
                file.display()
            ));
        }
    }
    none(&wrong)
}

#[test]
fn every_exception_is_still_needed() -> Result<()> {
    for (name, allowed, why) in LONGER_FILES {
        let lines = fs::read_to_string(root().join(name))?.lines().count();
        ensure!(
            lines > LONGEST_FILE,
            "{name} is short by now, although {why}"
        );
        ensure!(
            *allowed > LONGEST_FILE,
            "{name} needs no exception for {allowed} lines"
        );
    }
    for (name, _) in MAY_SLEEP {
        let text = fs::read_to_string(root().join(name))?;
        ensure!(text.contains("thread::sleep"), "{name} no longer sleeps");
    }
    Ok(())
}

#[test]
fn no_file_has_a_name_that_says_nothing() -> Result<()> {
    let wrong: Vec<String> = files("")?
        .iter()
        .filter(|file| {
            file.iter().any(|part| {
                let stem = Path::new(part).file_stem().unwrap_or_default();
                EMPTY_NAMES.iter().any(|name| stem == *name)
            })
        })
        .map(|file| file.display().to_string())
        .collect();
    none(&wrong)
}

#[test]
fn nothing_is_left_to_be_written() -> Result<()> {
    let unfinished = ["todo!(", "unimplemented!(", "dbg!("];
    none(&wrong_lines(|_, line| {
        unfinished.iter().any(|word| line.contains(word))
    })?)
}

#[test]
fn a_todo_names_the_condition_that_removes_it() -> Result<()> {
    none(&wrong_lines(|_, line| {
        let marked = ["// TODO", "// FIXME", "// XXX", "// HACK"];
        marked.iter().any(|mark| line.contains(mark))
            && !["when ", "until ", "once "]
                .iter()
                .any(|word| line.contains(word))
    })?)
}

#[test]
fn no_test_sleeps_to_wait_for_a_state() -> Result<()> {
    none(&wrong_lines(|file, line| {
        let is_test = file.starts_with("tests/it")
            || file.starts_with("plugins") && file.iter().any(|part| part == "tests");
        let may_sleep = MAY_SLEEP.iter().any(|(name, _)| file == Path::new(name));
        is_test && !may_sleep && line.contains("thread::sleep")
    })?)
}

#[test]
fn no_test_is_ignored() -> Result<()> {
    none(&wrong_lines(|_, line| {
        line.trim_start().starts_with("#[ignore")
    })?)
}

#[test]
fn every_crate_of_the_workspace_takes_the_lints_of_the_workspace() -> Result<()> {
    let mut wrong = Vec::new();
    for manifest in files("Cargo.toml")? {
        let text = fs::read_to_string(root().join(&manifest))?;
        let alone = manifest.starts_with("tests/sample")
            || manifest.starts_with("plugins")
            || manifest.starts_with("tests/bench")
            || manifest.starts_with("tests/fuzz")
            || manifest.starts_with("tests/guests");
        if text.contains("[package]") && !alone && !text.contains("[lints]\nworkspace = true") {
            wrong.push(format!(
                "{}: no `[lints] workspace = true`",
                manifest.display()
            ));
        }
    }
    none(&wrong)
}

#[test]
fn every_document_links_to_what_exists() -> Result<()> {
    let mut wrong = Vec::new();
    for document in files(".md")? {
        let text = fs::read_to_string(root().join(&document))?;
        let folder = root().join(document.parent().unwrap_or(Path::new("")));
        for (index, line) in text.lines().enumerate() {
            for target in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split([')', '#']).next())
            {
                let outside = target.contains("://") || target.is_empty();
                if !outside && !folder.join(target).exists() {
                    wrong.push(format!("{}:{}: {target}", document.display(), index + 1));
                }
            }
        }
    }
    none(&wrong)
}

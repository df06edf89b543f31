//! The pages as people see them: balanced, harmless, short enough, and drawn by
//! a browser to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::npm;

/// Draw these pages: `target/github/NUMBER.png`, beside the Markdown.
pub(super) fn keep(modules: &Path, pages: &[String]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.parent().unwrap().join("target/github");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (number, page) in pages.iter().enumerate() {
        let file = |ending: &str| folder.join(format!("{number:02}.{ending}"));
        fs::write(file("md"), page).unwrap();
        fs::write(file("html"), npm::node(modules, "page.mjs", &[], page)).unwrap();
    }
    let Some(browser) = browser() else { return };
    // The newest: they are the ends of runs.
    let drawn = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args([
            "--allow-file-access-from-files",
            "--virtual-time-budget=20000",
        ])
        .args(["--window-size=920,1700"])
        .arg(format!(
            "--screenshot={}",
            folder.join("comment.png").display()
        ))
        .arg(format!("file://{}", folder.join(shown(pages)).display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(drawn.success(), "{drawn}");
    let size = fs::metadata(folder.join("comment.png")).unwrap().len();
    assert!(size > 20_000, "an empty picture of {size} bytes");
}

/// The page that shows most: of a rollout that was turned back.
fn shown(pages: &[String]) -> String {
    let turned = pages
        .iter()
        .rposition(|page| page.contains("### 🔴 Rolled back"));
    format!("{:02}.html", turned.expect("one was rolled back"))
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("chromium"))
        .find(|file| file.is_file());
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "chromium is not on this machine: cargo xtask ci install"
    );
    found
}

/// What is opened in a page is closed in it.
#[track_caller]
pub(super) fn is_balanced(page: &str) {
    let fences = page
        .lines()
        .filter(|line| line.trim_start().starts_with("```"))
        .count();
    assert!(fences.is_multiple_of(2), "{fences} fences in\n{page}");
    let count = |word: &str| page.matches(word).count();
    assert_eq!(count("<details>"), count("</details>"), "{page}");
    assert_eq!(count("<summary>"), count("</summary>"), "{page}");
}

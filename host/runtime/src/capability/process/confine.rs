//! How programs are held in: who starts them, and what they may see and change.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::credentials;
use super::walls::{self, Walls};
use crate::capability::grants::PathPattern;

/// How programs are held in. The default starts them as they are, in a process
/// group of their own that is ended with the call, and nothing more.
#[derive(Debug, Default)]
pub struct Confinement {
    launcher: Option<PathBuf>,
    has_landlock: bool,
    hidden: Vec<PathBuf>,
    told: AtomicBool,
}

impl Confinement {
    /// Programs are started by this binary, whose `main` asks
    /// [`take_over`](super::take_over) first of all. Nothing that they leave
    /// behind outlives the call, and where the kernel has Landlock, they see
    /// no credentials and change only what is granted.
    pub fn by(launcher: PathBuf) -> Confinement {
        Confinement {
            launcher: Some(launcher),
            has_landlock: walls::is_offered(),
            ..Confinement::default()
        }
    }

    /// The same as on a kernel without Landlock.
    pub fn without_landlock(self) -> Confinement {
        Confinement {
            has_landlock: false,
            ..self
        }
    }

    /// Hide more places than those where credentials usually are.
    pub fn hiding(self, places: impl IntoIterator<Item = PathBuf>) -> Confinement {
        let mut hidden = self.hidden;
        hidden.extend(places);
        Confinement { hidden, ..self }
    }

    /// Whether the kernel helps to hold programs in.
    pub fn has_landlock(&self) -> bool {
        self.has_landlock
    }

    /// Whether a program cannot send signals to others, and so cannot end who
    /// keeps it.
    pub fn holds_signals(&self) -> bool {
        self.has_landlock && walls::holds_signals()
    }

    pub(super) fn launcher(&self) -> Option<&Path> {
        self.launcher.as_deref()
    }

    /// What to say about a kernel that does not help; once.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let is_missing = self.launcher.is_some() && !self.has_landlock;
        let is_first = is_missing && !self.told.swap(true, Ordering::Relaxed);
        is_first.then_some(
            "this kernel has no Landlock: programs that plugins run can read and change \
             whatever this user can; run them on Linux 5.13 or newer, with Landlock in \
             the kernel's list of security modules",
        )
    }

    /// The walls for one program; `None` where there can be none.
    pub(super) fn walls(
        &self,
        write: &[PathPattern],
        checkout: &Path,
        scratch: &Path,
        find: &dyn Fn(&str) -> Option<String>,
    ) -> std::io::Result<Option<Built>> {
        if !self.has_landlock {
            return Ok(None);
        }
        let root = checkout.canonicalize()?;
        let hide = credentials::places(find, &root, &self.hidden);
        let mut write = granted(write, &root)?;
        let is_split = |path: &PathBuf| hide.iter().any(|hidden| hidden.starts_with(path));
        let split = write.iter().find(|path| is_split(path)).cloned();
        write.push(scratch.to_owned());
        write.extend(caches(find));
        Ok(Some(Built {
            walls: Walls { write, hide },
            split,
        }))
    }
}

/// Walls, and what is to be said about them.
pub(super) struct Built {
    pub(super) walls: Walls,
    /// A granted folder with something hidden in it: nothing new can be made
    /// directly in the folders on the way there.
    pub(super) split: Option<PathBuf>,
}

/// What of the checkout may be changed, by real paths. A link that leads out of
/// it grants nothing.
fn granted(patterns: &[PathPattern], root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let dir = Dir::open_ambient_dir(root, ambient_authority())?;
    let mut paths = Vec::new();
    for pattern in patterns {
        let text = pattern.to_string();
        let fixed = fixed_part(&text);
        if fixed.is_empty() && !is_everything(&text) {
            paths.extend(top_level(&dir, pattern)?);
            continue;
        }
        if !fixed.is_empty() {
            make(&dir, &fixed, fixed.len() < text.trim_end_matches('/').len());
        }
        paths.push(fixed);
    }
    let real = |path: &String| {
        let real = root.join(path).canonicalize().ok()?;
        real.starts_with(root).then_some(real)
    };
    Ok(paths.iter().filter_map(real).collect())
}

fn is_everything(pattern: &str) -> bool {
    matches!(pattern.trim_end_matches('/'), "." | "**" | "./**" | "**/*")
}

/// The folders in front of the first wildcard. Below them a program may change
/// everything: Landlock knows no patterns.
fn fixed_part(pattern: &str) -> String {
    let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let fixed: Vec<&str> = parts
        .take_while(|part| !part.contains(['*', '?', '{', '[', '\\']))
        .collect();
    fixed.join("/")
}

fn top_level(dir: &Dir, pattern: &PathPattern) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in dir.entries()? {
        let name = entry?.file_name();
        found.extend(
            name.to_str()
                .filter(|name| pattern.covers(name))
                .map(str::to_owned),
        );
    }
    Ok(found)
}

/// What is not there yet cannot be allowed: a folder is made, and what looks
/// like a file is made empty. Where that cannot be, for a link that leads out
/// or to nowhere is in its place, nothing is granted.
fn make(dir: &Dir, path: &str, is_folder: bool) {
    if dir.exists(path) {
        return;
    }
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_file = !is_folder && name.trim_start_matches('.').contains('.');
    let folder = if is_file { above } else { path };
    if !folder.is_empty() && dir.create_dir_all(folder).is_err() {
        return;
    }
    if is_file {
        // Not there afterwards, it is left out.
        let _ = dir.create(path);
    }
}

/// Where build tools keep what they fetched: without these the ordinary build
/// does not work. They are folders of data, not of settings.
fn caches(find: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let home = find("HOME").map(PathBuf::from);
    let place = |variable: &str, at_home: &str| {
        let named = find(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        named.or_else(|| home.as_ref().map(|home| home.join(at_home)))
    };
    let places = [
        (
            place("CARGO_HOME", ".cargo"),
            &["registry", "git", ".package-cache", ".global-cache"][..],
        ),
        (find("CARGO_TARGET_DIR").map(PathBuf::from), &[""]),
        (place("XDG_CACHE_HOME", ".cache"), &[""]),
        (
            place("GRADLE_USER_HOME", ".gradle"),
            &["caches", "daemon", "native", "wrapper"],
        ),
        (place("GOCACHE", ".cache/go-build"), &[""]),
        (place("GOMODCACHE", "go/pkg/mod"), &[""]),
        (place("GOPATH", "go"), &["pkg"]),
        (
            home.clone(),
            &[
                ".npm",
                ".m2/repository",
                ".nuget/packages",
                ".local/share/pnpm",
                ".bun/install/cache",
            ],
        ),
    ];
    let all = places
        .into_iter()
        .filter_map(|(base, below)| Some((base?, below)));
    all.flat_map(|(base, below)| below.iter().map(move |name| base.join(name)))
        .filter_map(|path| path.canonicalize().ok())
        .filter(|path| path.parent().is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(patterns: &[&str]) -> Vec<PathPattern> {
        patterns.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn granted_patterns_become_the_folders_that_they_begin_with() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("a.txt"), "").unwrap();
        std::os::unix::fs::symlink("/tmp", root.join("out")).unwrap();
        let grants = write(&[
            "target",
            "reports/**/*.xml",
            "*.txt",
            "out",
            "new/report.json",
        ]);
        let paths = granted(&grants, &root).unwrap();
        let paths: Vec<_> = paths
            .iter()
            .map(|p| p.strip_prefix(&root).unwrap())
            .collect();
        let expected = ["target", "reports", "a.txt", "new/report.json"];
        assert_eq!(paths, expected.map(Path::new));
        assert!(root.join("target").is_dir() && root.join("reports").is_dir());
        assert!(root.join("new/report.json").is_file());
        assert_eq!(
            granted(&write(&["."]), &root).unwrap(),
            std::slice::from_ref(&root)
        );
    }

    #[test]
    fn a_folder_with_something_hidden_in_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join(".git")).unwrap();
        std::fs::write(root.join(".git/config"), "token").unwrap();
        let confinement = Confinement {
            has_landlock: true,
            ..Confinement::default()
        };
        let built = |patterns: &[&str]| {
            let walls = confinement.walls(&write(patterns), &root, &root, &|_| None);
            walls.unwrap().unwrap()
        };
        assert_eq!(built(&["."]).split, Some(root.clone()));
        assert_eq!(built(&["src"]).split, None);
        assert!(built(&[]).walls.hide.contains(&root.join(".git/config")));
    }

    #[test]
    fn a_kernel_without_landlock_is_told_once() {
        let confinement = Confinement::by("/bin/baepo".into()).without_landlock();
        assert!(
            confinement
                .missing()
                .is_some_and(|text| text.contains("no Landlock"))
        );
        assert_eq!(confinement.missing(), None);
        assert_eq!(Confinement::default().missing(), None);
    }
}

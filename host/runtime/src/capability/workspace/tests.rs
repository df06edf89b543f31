//! What can be read and written, and what no name leads to.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use rustix::fs::Mode;

use super::checkout::{Checkout, open};
use super::wit::WorkspaceError as Error;
use crate::capability::grants::Grants;

fn checkout(read: &[&str], write: &[&str]) -> (tempfile::TempDir, Checkout) {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for folder in [".git", "src/deep", "out"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    for file in [
        ".git/config",
        "Cargo.toml",
        "src/main.rs",
        "src/deep/a.rs",
        "private",
    ] {
        std::fs::write(at(file), file).unwrap();
    }
    symlink("/etc/passwd", at("src/passwd")).unwrap();
    symlink("../.git/config", at("src/config")).unwrap();
    symlink("../private", at("src/private")).unwrap();
    symlink("main.rs", at("src/link.rs")).unwrap();
    symlink("../.git", at("out/git")).unwrap();
    symlink("/tmp", at("out/tmp")).unwrap();
    let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let grants = Grants {
        read: patterns(read),
        write: patterns(write),
        ..Grants::default()
    };
    let dir = open(root.path()).unwrap();
    let permit = Arc::new(grants.into());
    (root, Checkout { dir, permit })
}

#[test]
fn only_granted_files_are_read() {
    let (_root, checkout) = checkout(&["src", "Cargo.toml"], &[]);
    assert_eq!(checkout.read("src/main.rs", 99).unwrap(), b"src/main.rs");
    assert_eq!(checkout.read("./src//link.rs", 99).unwrap(), b"src/main.rs");
    let said = |path, limit| format!("{:?}", checkout.read(path, limit).unwrap_err());
    assert_eq!(
        said("private", 99),
        r#"WorkspaceError::Denied("read private")"#
    );
    assert_eq!(said("src/main.rs", 3), "WorkspaceError::TooLarge(3)");
    assert_eq!(said("src/none", 3), "WorkspaceError::NotFound");
    assert!(matches!(checkout.read("src", 99), Err(Error::Failed(_))));
}

#[test]
fn a_piece_is_read_from_where_it_is_asked_for() {
    let (_root, checkout) = checkout(&["src"], &[]);
    let piece = |offset, limit| {
        let part = checkout.read_part("src/main.rs", offset, limit).unwrap();
        assert_eq!(part.size_bytes, 11);
        String::from_utf8(part.content).unwrap()
    };
    assert_eq!(piece(0, 99), "src/main.rs");
    assert_eq!(piece(4, 4), "main");
    assert_eq!([piece(11, 9), piece(u64::MAX, 9), piece(0, 0)], [""; 3]);
    for (path, said) in [
        ("private", "denied"),
        ("src/passwd", "link"),
        ("src/config", "git"),
        ("src/private", "denied"),
        ("src", "folder"),
    ] {
        assert!(checkout.read_part(path, 0, 9).is_err(), "{said}");
    }
}

#[test]
fn no_path_leads_out_or_to_git() {
    let (_root, checkout) = checkout(&["."], &["."]);
    for path in ["/etc/passwd", "../x", "src/../../x", "", ".", "a\\b", "a\0"] {
        let answer = checkout.read(path, 99);
        assert!(matches!(answer, Err(Error::InvalidPath)), "{path}");
    }
    for path in [".git/config", ".GIT/config", "src/config"] {
        let answer = checkout.read(path, 99);
        assert!(matches!(answer, Err(Error::NotFound)), "{path}");
    }
    assert!(checkout.read("src/passwd", 99).is_err());
    assert!(checkout.write(".git/hooks/x", b"").is_err());
    assert!(checkout.write("out/git/x", b"").is_err());
    assert!(checkout.write("out/tmp/x", b"").is_err());
}

#[test]
fn a_link_needs_a_grant_for_what_it_leads_to() {
    let (_root, checkout) = checkout(&["src"], &[]);
    let answer = checkout.read("src/private", 99);
    assert!(matches!(answer, Err(Error::Denied(what)) if what == "read private"));
}

#[test]
fn another_name_of_gits_configuration_does_not_show_it() {
    let (root, checkout) = checkout(&["."], &["."]);
    let at = |path: &str| root.path().join(path);
    std::fs::hard_link(at(".git/config"), at("src/innocent")).unwrap();
    std::fs::hard_link(at("private"), at("src/linked")).unwrap();
    assert!(matches!(
        checkout.read("src/innocent", 99),
        Err(Error::NotFound)
    ));
    assert_eq!(checkout.read("src/linked", 99).unwrap(), b"private");
    checkout.write("src/innocent", b"new").unwrap();
    assert_eq!(std::fs::read(at(".git/config")).unwrap(), b".git/config");
    // In a worktree `.git` is a file.
    std::fs::create_dir(at("tree")).unwrap();
    std::fs::write(at("tree/.git"), "gitdir: elsewhere").unwrap();
    assert!(matches!(
        checkout.read("tree/.git", 99),
        Err(Error::NotFound)
    ));
    assert!(checkout.write("tree/.GIT", b"gitdir: evil").is_err());
}

#[test]
fn a_pipe_is_told_and_does_not_block() {
    let (root, checkout) = checkout(&["."], &[]);
    let pipe = root.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(matches!(checkout.read("pipe", 99), Err(Error::Failed(_))));
}

/// Somebody swaps a folder for a link to `.git` and back, as fast as they
/// can, while it is read, listed and written.
#[test]
fn a_link_that_is_swapped_in_leads_nowhere() {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    let (root, checkout) = checkout(&["."], &["."]);
    let at = |path: &str| root.path().join(path);
    std::fs::create_dir(at("real")).unwrap();
    std::fs::write(at("real/config"), "harmless").unwrap();
    std::fs::write(at(".git/HEAD"), "ref: x").unwrap();
    symlink(".git", at("link")).unwrap();
    let (done, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _stop = Stop(&done);
        scope.spawn(|| {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            while !done.load(Ordering::Relaxed) {
                let exchange = RenameFlags::EXCHANGE;
                renameat_with(CWD, at("real"), CWD, at("link"), exchange).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut seen = 0;
        while seen < 3_000 || swaps.load(Ordering::Relaxed) < 3_000 {
            seen += 1;
            if let Ok(content) = checkout.read("real/config", 99) {
                assert_eq!(content, b"harmless");
            }
            let listed = checkout.list("real").unwrap();
            assert!(
                listed.iter().all(|(path, ..)| path != "real/HEAD"),
                "{listed:?}"
            );
            // Wherever it lands, it is not in `.git`.
            let _ = checkout.write("real/new/planted", b"x");
            let _ = std::fs::remove_dir_all(at("real/new"));
        }
    });
    let inside: Vec<_> = std::fs::read_dir(at(".git")).unwrap().flatten().collect();
    assert_eq!(inside.len(), 2, "{inside:?}");
    assert_eq!(std::fs::read(at(".git/config")).unwrap(), b".git/config");
}

#[test]
fn a_listing_has_what_is_granted_and_nothing_else() {
    let (_root, checkout) = checkout(&["src/**/*.rs"], &[]);
    let paths = |pattern| {
        let entries = checkout.glob(pattern).unwrap();
        entries
            .into_iter()
            .map(|entry| entry.path)
            .collect::<Vec<_>>()
    };
    assert_eq!(paths("**"), ["src/deep/a.rs", "src/link.rs", "src/main.rs"]);
    assert_eq!(paths("src/*.rs"), ["src/link.rs", "src/main.rs"]);
    assert_eq!(paths("src/main.rs"), ["src/main.rs"]);
    assert_eq!(paths("nothing/*"), Vec::<String>::new());
    assert_eq!(paths(".git/*"), Vec::<String>::new());
}

#[test]
fn a_file_is_written_whole_with_its_folders() {
    let (root, checkout) = checkout(&[], &["out"]);
    checkout.write("out/a/b.txt", b"one").unwrap();
    checkout.write("out/a/b.txt", b"two").unwrap();
    let folder = root.path().join("out/a");
    assert_eq!(std::fs::read(folder.join("b.txt")).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    let answer = checkout.write("src/x", b"");
    assert!(matches!(answer, Err(Error::Denied(what)) if what == "write src/x"));
}

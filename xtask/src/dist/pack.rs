//! One folder as `.tar.gz`: the same files give the same bytes.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Packs the folder `name` below `stage`, with its name.
///
/// # Errors
/// When GNU tar or gzip are missing, or a file cannot be read or written.
pub(super) fn pack(stage: &Path, name: &str, archive: &Path) -> Result<()> {
    // Not what this user's umask made of them.
    for entry in fs::read_dir(stage.join(name))? {
        let path = entry?.path();
        let mode = match path.ends_with("baepo") {
            true => 0o755,
            false => 0o644,
        };
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    fs::set_permissions(stage.join(name), Permissions::from_mode(0o755))?;
    let into =
        File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut tar = Command::new("tar")
        .args(["--create", "--format=ustar", "--sort=name", "--mtime=@0"])
        .args(["--owner=0", "--group=0", "--numeric-owner", "--directory"])
        .arg(stage)
        .arg(name)
        .env_remove("TAR_OPTIONS")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start tar")?;
    let files = tar.stdout.take().context("tar writes to a pipe")?;
    let packed = Command::new("gzip")
        .args(["--best", "--no-name"])
        .env_remove("GZIP")
        .stdin(files)
        .stdout(into)
        .status()
        .context("cannot start gzip")?;
    let listed = tar.wait().context("cannot wait for tar")?;
    ensure!(listed.success(), "tar: {listed}");
    ensure!(packed.success(), "gzip: {packed}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        let folder = std::env::temp_dir().join(format!("baepo-pack-{}", std::process::id()));
        let mut archives = Vec::new();
        // In another order, at another time, for other people.
        for (index, (names, mode)) in [
            (["baepo", "LICENSE-APACHE", "LICENSE-MIT"], 0o700),
            (["LICENSE-MIT", "LICENSE-APACHE", "baepo"], 0o664),
        ]
        .into_iter()
        .enumerate()
        {
            let stage = folder.join(index.to_string());
            let tree = stage.join("baepo-1.2.3-linux-x64");
            fs::create_dir_all(&tree).unwrap();
            for name in names {
                fs::write(tree.join(name), format!("this is {name}")).unwrap();
                fs::set_permissions(tree.join(name), Permissions::from_mode(mode)).unwrap();
                let then = SystemTime::now() - Duration::from_secs(1000 * index as u64);
                let file = File::options().write(true).open(tree.join(name)).unwrap();
                file.set_modified(then).unwrap();
            }
            let archive = stage.join("archive.tar.gz");
            pack(&stage, "baepo-1.2.3-linux-x64", &archive).unwrap();
            archives.push(fs::read(archive).unwrap());
        }
        let listing = Command::new("tar")
            .args(["--list", "--verbose", "--numeric-owner", "--utc", "--file"])
            .arg(folder.join("1/archive.tar.gz"))
            .output()
            .unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(archives[0] == archives[1], "the archives differ");
        let listing = String::from_utf8(listing.stdout).unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = listing.lines().map(words).collect();
        assert_eq!(
            lines,
            [
                "drwxr-xr-x 0/0 0 1970-01-01 00:00 baepo-1.2.3-linux-x64/",
                "-rw-r--r-- 0/0 22 1970-01-01 00:00 baepo-1.2.3-linux-x64/LICENSE-APACHE",
                "-rw-r--r-- 0/0 19 1970-01-01 00:00 baepo-1.2.3-linux-x64/LICENSE-MIT",
                "-rwxr-xr-x 0/0 13 1970-01-01 00:00 baepo-1.2.3-linux-x64/baepo",
            ]
        );
    }
}

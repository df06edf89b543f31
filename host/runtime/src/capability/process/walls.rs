//! Landlock: what a program may see and change of the file system.
//!
//! Landlock allows and never forbids, and what it allows for a folder holds for
//! all below it. So what is hidden is left out: the way down to it is allowed
//! entry by entry, as they are when the program starts. In those few folders a
//! program sees nothing that comes to be later.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, open, openat};
use serde::{Deserialize, Serialize};

/// The newest rules that are asked for; older kernels enforce what they know.
const NEWEST: ABI = ABI::V6;

/// Devices that programs use. No others: a disk is a file with everything in
/// it.
const DEVICES: [&str; 11] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
    "/dev/fd",
    "/dev/stdin",
];

/// What is allowed: to see all but what is hidden, and to change what is
/// listed. Absolute paths without links in them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Walls {
    /// Files and folders that may be changed.
    pub(super) write: Vec<PathBuf>,
    /// Files and folders whose content may not be read.
    pub(super) hide: Vec<PathBuf>,
}

/// Whether this kernel has Landlock, and has it switched on.
pub(super) fn is_offered() -> bool {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1));
    ruleset.and_then(Ruleset::create).is_ok()
}

/// Whether it keeps signals in, too: since Linux 6.12.
pub(super) fn holds_signals() -> bool {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::Signal);
    ruleset.and_then(Ruleset::create).is_ok()
}

/// Restrict this process and all that it becomes and starts, for ever.
pub(super) fn raise(walls: &Walls) -> Result<(), RulesetError> {
    // Making devices is handled, so that it can be allowed nowhere.
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
    let everything = AccessFs::from_all(NEWEST) & !devices;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let mut building = Building {
        ruleset,
        hide: walls.hide.clone(),
    };
    building.hide.push("/dev".into());
    let (read, root) = (AccessFs::from_read(NEWEST), OsStr::new("/"));
    if let Ok(folder) = open_path(None, root) {
        building.cover(&folder, Path::new("/"), read)?;
    }
    building.hide.pop();
    for path in DEVICES.iter().map(Path::new) {
        building.allow(path, everything)?;
    }
    for path in &walls.write {
        building.allow(path, everything)?;
    }
    building.ruleset.restrict_self().map(drop)
}

struct Building {
    ruleset: RulesetCreated,
    hide: Vec<PathBuf>,
}

impl Building {
    /// Allow a path, if it is there.
    fn allow(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        match open_path(None, path.as_os_str()) {
            Ok(fd) => self.cover(&fd, path, access),
            Err(_) => Ok(()),
        }
    }

    /// Allow what is at a path, but for what is hidden below it.
    fn cover(
        &mut self,
        at: &OwnedFd,
        path: &Path,
        access: BitFlags<AccessFs>,
    ) -> Result<(), RulesetError> {
        let Ok(stat) = fstat(at) else { return Ok(()) };
        let is_folder = match FileType::from_raw_mode(stat.st_mode) {
            // Where a link leads is allowed by its own name, or not at all.
            FileType::Symlink => return Ok(()),
            kind => kind == FileType::Directory,
        };
        if self.hide.iter().any(|hidden| path.starts_with(hidden)) {
            return Ok(());
        }
        if !self.hide.iter().any(|hidden| hidden.starts_with(path)) {
            let of_files = AccessFs::from_file(NEWEST);
            return self.add(at, if is_folder { access } else { access & of_files });
        }
        // Names may be listed, also those of what is hidden.
        self.add(at, AccessFs::ReadDir.into())?;
        let listing = openat(at, ".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        let Ok(listing) = listing.and_then(Dir::new) else {
            return Ok(());
        };
        for entry in listing.flatten() {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            // What vanishes while it is listed needs no rule.
            if let Ok(fd) = open_path(Some(at), name) {
                self.cover(&fd, &path.join(name), access)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, at: &OwnedFd, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        let rule = PathBeneath::new(at, access);
        (&mut self.ruleset).add_rule(rule).map(drop)
    }
}

/// A handle to what a name means, which does not follow a link in its place.
fn open_path(folder: Option<&OwnedFd>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match folder {
        Some(folder) => openat(folder, name, flags, Mode::empty()),
        None => open(name, flags, Mode::empty()),
    }
}

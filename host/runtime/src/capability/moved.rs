//! Secrets moved out of our own environment.
//!
//! What a process is started with stays readable in `/proc/PID/environ` as long
//! as it lives, whatever it does to its variables. So the process starts itself
//! again without them: the values go through a file in memory, the process
//! keeps its number, and what it was started with is gone.
//!
//! What holds afterwards: no process of another user, and none of the same user
//! without special rights, reads the values from this one, for it can be
//! neither traced nor dumped. Root can read the memory of every process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use zeroize::Zeroizing;

use super::secrets::{SecretValue, SecretVault};

/// Names the file in memory: its number and the process that may use it.
const MARK: &str = "BAEPO_MOVED";

/// What the file in memory is called in `/proc/self/fd`.
const FILE: &str = "baepo-moved";

/// A variable that is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A secret: hidden in all that is said.
    Secret,
    /// Kept out of sight, for its name sounds like one.
    Private,
}

/// What was moved when this process started itself again; `None` where it has
/// not.
///
/// # Errors
/// The file in memory cannot be read.
pub fn claim() -> std::io::Result<Option<SecretVault>> {
    let mark = std::env::var(MARK).ok();
    let mark = mark.as_deref().and_then(|mark| mark.split_once(':'));
    let Some((number, owner)) = mark else {
        return Ok(None);
    };
    // Inherited from a process that is not this one: not ours.
    let is_ours = owner.parse() == Ok(std::process::id());
    let Some(number) = number.parse::<i32>().ok().filter(|_| is_ours) else {
        return Ok(None);
    };
    let path = format!("/proc/self/fd/{number}");
    let is_file = |target: &Path| {
        target
            .to_string_lossy()
            .starts_with(&format!("/memfd:{FILE}"))
    };
    if !std::fs::read_link(&path).is_ok_and(|target| is_file(&target)) {
        return Ok(None);
    }
    let mut file = File::options().read(true).write(true).open(&path)?;
    let mut text = Zeroizing::new(Vec::new());
    file.read_to_end(&mut text)?;
    // The number itself cannot be closed without `unsafe`. What programs
    // inherit by it is an empty file.
    file.set_len(0)?;
    Ok(Some(read(&text)))
}

/// Start this process again without these variables. Returns only if that
/// fails. To be called while the process has one thread.
pub fn move_out(variables: &BTreeMap<String, Kind>) -> std::io::Error {
    let (file, mut command) = match prepare(variables) {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    // Where that works, the process is replaced with the file open.
    let error = command.exec();
    // Otherwise nobody is to inherit it. There is no more to be done.
    let _ = file.set_len(0);
    error
}

/// A vault of variables that could not be moved.
pub fn of_environment(variables: &BTreeMap<String, Kind>) -> SecretVault {
    read(&written(variables))
}

/// Make this process one that nobody may trace and that leaves no core behind.
///
/// # Errors
/// The kernel does not let it.
pub fn make_undumpable() -> std::io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

fn prepare(variables: &BTreeMap<String, Kind>) -> std::io::Result<(File, Command)> {
    let text = written(variables);
    // Not closed when the process starts again: that is what it is for.
    let mut file = File::from(memfd_create(FILE, MemfdFlags::empty())?);
    file.write_all(&text)?;
    let mark = format!("{}:{}", file.as_raw_fd(), std::process::id());
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(MARK, mark);
    for name in variables.keys() {
        command.env_remove(name);
    }
    Ok((file, command))
}

/// `SNAME=VALUE` or `PNAME=VALUE`, and a zero byte behind each.
fn written(variables: &BTreeMap<String, Kind>) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::new());
    for (name, kind) in variables {
        let Some(Ok(value)) = std::env::var_os(name).map(OsString::into_string) else {
            continue;
        };
        let value = Zeroizing::new(value);
        text.push(match kind {
            Kind::Secret => b'S',
            Kind::Private => b'P',
        });
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            text.extend_from_slice(part);
        }
    }
    text
}

fn read(text: &[u8]) -> SecretVault {
    let mut values = BTreeMap::new();
    let mut secrets = Vec::new();
    let entries = text
        .split(|byte| *byte == 0)
        .filter_map(<[u8]>::split_first);
    for (kind, entry) in entries {
        let entry = std::str::from_utf8(entry).unwrap_or_default();
        let Some((name, value)) = entry.split_once('=') else {
            continue;
        };
        if *kind == b'S' {
            secrets.push(name.to_owned());
        }
        values.insert(name.to_owned(), SecretValue::new(value.to_owned()));
    }
    SecretVault::new(values, |name| secrets.iter().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = b"STOKEN=a=b\nc\0PPASSWORD_FILE=/x\0SEMPTY=\0";
        let vault = read(text);
        assert_eq!(
            vault.value("TOKEN").map(SecretValue::expose),
            Some("a=b\nc")
        );
        assert_eq!(
            vault.value("PASSWORD_FILE").map(SecretValue::expose),
            Some("/x")
        );
        assert!(vault.value("EMPTY").is_none());
        assert_eq!(vault.redactor().text("a=b\nc in /x".into()), "*** in /x");
    }

    #[test]
    fn a_process_that_was_not_started_again_claims_nothing() {
        assert!(claim().unwrap().is_none());
    }
}

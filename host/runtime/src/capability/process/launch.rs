//! How a program is started behind walls: by this binary itself, twice.
//!
//! The **keeper** starts the program and outlives it. It adopts whatever the
//! program leaves behind (`PR_SET_CHILD_SUBREAPER`), and ends it when the
//! program has ended, when the host ends everything below it, or when the host
//! is gone. The **gate** gives up what root has beyond other users,
//! restricts itself by Landlock and becomes the program; it is a process of its own because a process can only restrict itself, and
//! the keeper must stay outside, where the program cannot reach it.
//!
//! Neither sees a variable of the program under its own name: a plugin that
//! sets `LD_PRELOAD` sets it for the program alone.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, pidfd_open,
    set_child_subreaper, set_dumpable_behavior, set_parent_process_death_signal, wait,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs,
};
use serde::{Deserialize, Serialize};

use super::descendants::end_all_below;
use super::walls::{self, Walls};

/// First words of the command line of keeper and gate.
const KEEPER: &str = "internal-keeper";
const GATE: &str = "internal-gate";

/// In front of the names of the program's variables.
const VEIL: &[u8] = b"BAEPO_VEILED_";

/// How long a program may take to die.
const PATIENCE: Duration = Duration::from_secs(5);

/// Exit code of what could not be started. Source: POSIX, the shell's exit
/// status for a command that is found and cannot be executed.
const NOT_STARTED: u8 = 126;

/// What keeper and gate are told.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    /// The process that the keeper belongs to.
    host: i32,
    /// Absent where the kernel has no Landlock.
    walls: Option<Walls>,
}

/// A command that starts a program behind walls, and the names under which its
/// variables are to be set.
pub(super) fn command(
    launcher: &Path,
    program: &Path,
    walls: Option<Walls>,
) -> Result<tokio::process::Command, String> {
    let host = getpid().as_raw_nonzero().get();
    let orders = serde_json::to_string(&Orders { host, walls });
    let orders = orders.map_err(|_| "a path of the checkout is not UTF-8".to_owned())?;
    let mut command = tokio::process::Command::new(launcher);
    command.arg(KEEPER).arg(orders).arg(program);
    Ok(command)
}

/// The name under which keeper and gate carry a variable of the program.
pub(super) fn veiled(name: &OsStr) -> OsString {
    OsString::from_vec([VEIL, name.as_bytes()].concat())
}

fn unveiled(name: &OsStr) -> Option<OsString> {
    let name = name.as_bytes().strip_prefix(VEIL)?;
    Some(OsString::from_vec(name.to_vec()))
}

/// Be keeper or gate, if the command line says so. To be asked first of all,
/// while the process has one thread.
pub fn take_over(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let role = arguments.next()?;
    let be = match role.to_str() {
        Some(KEEPER) => keep,
        Some(GATE) => pass,
        _ => return None,
    };
    let orders = arguments.next()?;
    let rest: Vec<OsString> = arguments.collect();
    let code = be(&orders, &rest).unwrap_or_else(|why| {
        // Standard error is the program's, which is where it is looked for.
        let _ = writeln!(std::io::stderr(), "baepo: {why}");
        ExitCode::from(NOT_STARTED)
    });
    Some(code)
}

fn read(orders: &OsStr) -> Result<Orders, String> {
    serde_json::from_slice(orders.as_bytes()).map_err(|error| error.to_string())
}

fn told(what: &'static str) -> impl Fn(Errno) -> String {
    move |error| format!("{what}: {error}")
}

fn keep(text: &OsStr, rest: &[OsString]) -> Result<ExitCode, String> {
    let orders = read(text)?;
    let me = getpid();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(told("undumpable"))?;
    set_child_subreaper(Some(me)).map_err(told("subreaper"))?;
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let host = getppid().filter(|parent| parent.as_raw_nonzero().get() == orders.host);
    let host = host.ok_or("the host is gone")?;
    let host = pidfd_open(host, PidfdFlags::empty()).map_err(told("the host"))?;
    let program = Command::new(exe)
        .arg(GATE)
        .arg(text)
        .args(rest)
        .spawn()
        .map_err(|error| format!("the gate: {error}"))?;
    let program = Pid::from_child(&program);
    std::thread::Builder::new()
        .spawn(move || {
            let mut fds = [PollFd::new(&host, PollFlags::IN)];
            // Interrupted or not: when the host is there no more, all ends.
            while poll(&mut fds, None).is_err() {}
            while !end_all_below(me) {}
        })
        .map_err(|error| error.to_string())?;
    let status = wait_for(program);
    end_the_rest(me);
    Ok(ExitCode::from(status.map_or(NOT_STARTED, code)))
}

/// How the program ended; whatever else ends meanwhile is buried.
fn wait_for(program: Pid) -> Option<ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                return Some(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

fn end_the_rest(me: Pid) {
    let begun = Instant::now();
    // A process in the middle of a system call dies when that returns.
    while begun.elapsed() < PATIENCE {
        end_all_below(me);
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

/// Of root's powers, keep those that a container leaves it: builds use them, and
/// none of them lets a program look into processes that are not its own.
/// Together with `no_new_privs` they do not come back. Who is not root has none
/// to give up. Source: capabilities(7), and the default of container engines.
fn give_up_powers() -> rustix::io::Result<()> {
    let kept = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::KILL
        | CapabilitySet::SETGID
        | CapabilitySet::SETUID
        | CapabilitySet::NET_BIND_SERVICE
        | CapabilitySet::NET_RAW
        | CapabilitySet::SYS_CHROOT
        | CapabilitySet::AUDIT_WRITE
        | CapabilitySet::SETFCAP;
    let now = capabilities(None)?;
    let sets = CapabilitySets {
        effective: now.effective & kept,
        permitted: now.permitted & kept,
        inheritable: now.inheritable & kept,
    };
    set_capabilities(None, sets)
}

fn pass(orders: &OsStr, rest: &[OsString]) -> Result<ExitCode, String> {
    let orders = read(orders)?;
    let (program, arguments) = rest.split_first().ok_or("there is no program")?;
    // Should the keeper be ended by force, at least the program goes with it.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    set_no_new_privs(true).map_err(told("no new privileges"))?;
    give_up_powers().map_err(told("capabilities"))?;
    if let Some(walls) = &orders.walls {
        walls::raise(walls).map_err(|error| format!("Landlock: {error}"))?;
    }
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((unveiled(&name)?, value)));
    let error = Command::new(PathBuf::from(program))
        .args(arguments)
        .env_clear()
        .envs(variables)
        .exec();
    let program = program.display();
    Err(format!("`{program}` could not be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_go_veiled_and_come_out_as_they_were() {
        let name = OsStr::new("LD_PRELOAD");
        assert_ne!(veiled(name), name);
        assert_eq!(unveiled(&veiled(name)).as_deref(), Some(name));
        assert_eq!(unveiled(name), None);
    }

    #[test]
    fn other_command_lines_are_left_alone() {
        for line in [&["baepo"][..], &["baepo", "run"], &["baepo", GATE]] {
            let line = line.iter().map(OsString::from);
            assert!(take_over(line).is_none());
        }
    }
}

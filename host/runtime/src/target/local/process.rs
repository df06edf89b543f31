//! Processes of instances: started in groups of their own, told from others by
//! when they were born, taken over from an agent that died.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// The variable that marks a process as an instance of an agent.
pub(super) const MARK: &str = "BAEPO_INSTANCE";

/// `text file busy`: the program is still open for writing in a process that
/// was forked by another thread and has not reached its exec.
const ETXTBSY: i32 = 26;

/// How often it is looked whether a process that was taken over still lives.
const ADOPTED_TICK: Duration = Duration::from_millis(50);

/// Which process: ids are used again, this is not. Source: proc(5), field 22
/// of `/proc/PID/stat`, ticks since boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Birth {
    pub(super) pid: i32,
    ticks: u64,
    boot: String,
}

impl Birth {
    /// Of the process that has this id now; `None` where it is gone.
    pub(super) fn of(pid: i32) -> Option<Birth> {
        static BOOT: LazyLock<String> = LazyLock::new(|| {
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|id| id.trim().to_owned())
                .unwrap_or_default()
        });
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // A zombie is dead; only nobody has asked yet how it died.
        if matches!(fields.first(), Some(&"Z" | &"X")) {
            return None;
        }
        Some(Birth {
            pid,
            ticks: fields.get(19)?.parse().ok()?,
            boot: BOOT.clone(),
        })
    }

    fn is_alive(&self) -> bool {
        Birth::of(self.pid).as_ref() == Some(self)
    }
}

/// A process that runs, and is to be waited for.
#[derive(Debug)]
pub(super) struct Process {
    birth: Birth,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Child(Child),
    /// Somebody else's child: its end is seen, its exit code is not. The
    /// descriptor names the process itself, whoever gets its id later.
    Adopted(OwnedFd),
}

impl Process {
    /// Start a program in a group of its own.
    pub(super) async fn start(mut command: Command) -> io::Result<Process> {
        command.process_group(0).kill_on_drop(false);
        let mut tries = 0;
        let child = loop {
            match command.spawn() {
                Ok(child) => break child,
                Err(error) if error.raw_os_error() == Some(ETXTBSY) && tries < 50 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(error),
            }
        };
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or_default();
        // One that is dead already has no birth to be read; `wait` tells.
        let birth = Birth::of(pid).unwrap_or(Birth {
            pid,
            ticks: 0,
            boot: String::new(),
        });
        Ok(Process {
            birth,
            kind: Kind::Child(child),
        })
    }

    /// Take over a process that another agent started; `None` where it is gone
    /// or where its id belongs to another by now.
    pub(super) fn adopt(birth: &Birth) -> Option<Process> {
        let fd = pidfd_open(Pid::from_raw(birth.pid)?, PidfdFlags::empty()).ok()?;
        // Asked after the descriptor was opened: what it names cannot change.
        birth.is_alive().then(|| Process {
            birth: birth.clone(),
            kind: Kind::Adopted(fd),
        })
    }

    pub(super) fn birth(&self) -> &Birth {
        &self.birth
    }

    /// Wait for its end and say how it ended, for people.
    pub(super) async fn wait(&mut self) -> String {
        match &mut self.kind {
            Kind::Child(child) => match child.wait().await {
                Ok(status) => describe(status),
                Err(error) => format!("is lost: {error}"),
            },
            Kind::Adopted(_) => {
                while self.birth.is_alive() {
                    tokio::time::sleep(ADOPTED_TICK).await;
                }
                "ended".to_owned()
            }
        }
    }

    /// Ask it to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// End it, and whatever it started in its group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
        self.kill_group();
    }

    /// End what it left behind in its group.
    pub(super) fn kill_group(&self) {
        if let Some(group) = Pid::from_raw(self.birth.pid) {
            // The id of a group is not given away while a member lives; a
            // group without members is what is hoped for.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        // Gone already is as good.
        let _ = match &self.kind {
            Kind::Child(child) => match child.id().and_then(|_| Pid::from_raw(self.birth.pid)) {
                Some(pid) => rustix::process::kill_process(pid, signal),
                None => Ok(()),
            },
            Kind::Adopted(fd) => pidfd_send_signal(fd, signal),
        };
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// A process that carries a mark of an agent.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) birth: Birth,
    /// What follows the name of the agent.
    pub(super) mark: String,
    /// Whether it leads its group, as the first process of an instance does.
    pub(super) is_leader: bool,
}

/// All processes that carry a mark of `agent`.
pub(super) fn find_marked(agent: &str) -> Vec<Marked> {
    let prefix = format!("{MARK}={agent}/");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            let mark = environ
                .split(|byte| *byte == 0)
                .filter_map(|entry| std::str::from_utf8(entry).ok())
                .find_map(|entry| entry.strip_prefix(&prefix))?
                .to_owned();
            let group = rustix::process::getpgid(Pid::from_raw(pid)).ok()?;
            let is_leader = group.as_raw_nonzero().get() == pid;
            Some(Marked {
                birth: Birth::of(pid)?,
                mark,
                is_leader,
            })
        })
        .collect()
}

/// End a process and its group, if it is still the one.
pub(super) fn end(birth: &Birth) {
    if let Some(pid) = Pid::from_raw(birth.pid).filter(|_| birth.is_alive()) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(agent: &str) -> Command {
        let mut command = Command::new("sleep");
        command.arg("60").env(MARK, format!("{agent}/one/1"));
        command
    }

    #[tokio::test]
    async fn a_process_is_found_by_its_mark_and_adopted_by_its_birth() {
        let agent = format!("test-{}", std::process::id());
        let mut started = Process::start(sleeper(&agent)).await.unwrap();
        // The kernel shows the variables of a program a moment after it began.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut found = find_marked(&agent);
        while found.is_empty() && std::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
            found = find_marked(&agent);
        }
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&found[0].birth, found[0].is_leader),
            (started.birth(), true)
        );
        assert_eq!(found[0].mark, "one/1");
        let mut adopted = Process::adopt(started.birth()).unwrap();
        adopted.terminate();
        assert_eq!(adopted.wait().await, "ended");
        assert_eq!(started.wait().await, "was killed by signal 15");
        assert!(Process::adopt(started.birth()).is_none());
    }

    #[tokio::test]
    async fn another_process_with_the_same_id_is_not_adopted() {
        let agent = format!("test-other-{}", std::process::id());
        let mut started = Process::start(sleeper(&agent)).await.unwrap();
        let mut other = started.birth().clone();
        other.ticks += 1;
        assert!(Process::adopt(&other).is_none());
        end(&other);
        assert!(Process::adopt(started.birth()).is_some());
        started.kill();
        started.wait().await;
    }
}

//! All processes below one, found in `/proc` by who is whose parent, and ended.

use std::collections::HashMap;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How often it is looked again for what was born meanwhile.
const PASSES: usize = 100;

/// When a process began and who its parent is: together with its number, what
/// it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Birth {
    parent: i32,
    began: u64,
}

/// Whether there is a process that is no zombie. Source: proc_pid_stat(5).
fn birth(pid: i32) -> Option<Birth> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may have anything in it.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let began = fields.nth(17)?.parse().ok()?;
    (!matches!(state, "Z" | "X" | "x")).then_some(Birth { parent, began })
}

/// Everything below a process, without it. Zombies are as good as gone, and
/// have no children.
fn below(root: Pid) -> Vec<(i32, Birth)> {
    let mut children: HashMap<i32, Vec<(i32, Birth)>> = HashMap::new();
    let listing = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in listing {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && let Some(birth) = birth(pid)
        {
            children.entry(birth.parent).or_default().push((pid, birth));
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.0);
            found.push(child);
        }
    }
    found
}

/// End one process, if it is still the one that was seen.
fn end(pid: i32, seen: Birth) {
    let Some(pid) = Pid::from_raw(pid) else {
        return;
    };
    // The handle keeps the number from meaning somebody else.
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    let now = birth(pid.as_raw_nonzero().get());
    if now.is_some_and(|now| now.began == seen.began) {
        // Who is gone meanwhile needs no signal.
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// End everything below a process, and look again until nothing is left.
/// Whether nothing was.
pub(super) fn end_all_below(root: Pid) -> bool {
    for _ in 0..PASSES {
        let found = below(root);
        if found.is_empty() {
            return true;
        }
        for (pid, seen) in found {
            end(pid, seen);
        }
    }
    below(root).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn all_below_a_process_are_found_and_ended_and_it_is_not() {
        let mut root = Command::new("sh")
            .args(["-c", "sh -c 'sleep 71.5 & sleep 71.5' & echo up; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(root.stdout.as_mut().unwrap(), &mut up).unwrap();
        let pid = Pid::from_child(&root);
        assert!(!below(pid).is_empty());
        assert!(end_all_below(pid));
        let status = root.wait().unwrap();
        assert_eq!(status.code(), Some(137), "the shell saw its `cat` killed");
    }

    #[test]
    fn a_number_that_means_somebody_else_is_left_alone() {
        let mut child = Command::new("sleep").arg("71.6").spawn().unwrap();
        let pid = child.id() as i32;
        let seen = birth(pid).unwrap();
        let other = Birth {
            began: seen.began + 1,
            ..seen
        };
        end(pid, other);
        assert_eq!(birth(pid), Some(seen));
        end(pid, seen);
        assert!(!child.wait().unwrap().success());
    }
}

//! Whether an address can be listened on, and who has it if not.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Check;
use crate::config::{Environment, Listen};

/// The address of an environment that has one: free, or held by an agent of
/// baepo.
pub(super) fn check_listen(environment: &Environment) -> Option<Check> {
    let about = environment.name.as_str();
    let local = environment.target.local()?;
    Some(match &local.listen {
        Listen::Tcp(address) => check_tcp(about, *address),
        Listen::Unix(path) => check_unix(about, path),
    })
}

fn check_tcp(about: &str, address: SocketAddr) -> Check {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Check::fine(about, format!("{address} is free")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => match find_listener(address) {
            Some((pid, name)) if name == "baepo" => {
                Check::fine(about, format!("{address} is held by baepo, process {pid}"))
            }
            Some((pid, name)) => Check::wrong(
                about,
                format!("{address} is held by `{name}`, process {pid}"),
                "stop that program, or choose another address in `listen`",
            ),
            None => Check::wrong(
                about,
                format!("{address} is held by a process of another user"),
                "choose another address in `listen`; `ss -ltnp` as root says who has it",
            ),
        },
        ErrorKind::PermissionDenied => Check::wrong(
            about,
            format!("this user may not listen on {address}"),
            "choose a port from 1024 up, or give the agent the capability CAP_NET_BIND_SERVICE",
        ),
        ErrorKind::AddrNotAvailable => Check::wrong(
            about,
            format!("{} is no address of this machine", address.ip()),
            "listen on 127.0.0.1, on 0.0.0.0, or on an address that `ip address` shows",
        ),
        _ => Check::wrong(about, format!("cannot listen on {address}: {error}"), ""),
    }
}

fn check_unix(about: &str, path: &Path) -> Check {
    let shown = path.display();
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        return Check::wrong(
            about,
            format!("there is no folder {}", folder.display()),
            "make it, or choose another path in `listen`",
        );
    }
    match UnixStream::connect(path) {
        Ok(_) => Check::note(
            about,
            format!("{shown} is answered by somebody"),
            "it must be an agent of this environment",
        ),
        Err(_) => Check::fine(about, format!("{shown} is free")),
    }
}

/// The process that listens on a port, by `/proc`: its id and name. `None`
/// where it belongs to another user. Source: proc_pid_net(5), proc_pid_fd(5).
fn find_listener(address: SocketAddr) -> Option<(u32, String)> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .collect();
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let handles = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut links = handles.filter_map(|handle| fs::read_link(handle.path()).ok());
        if links.any(|link| {
            wanted
                .iter()
                .any(|wanted| link.as_os_str() == wanted.as_str())
        }) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((pid, name.trim().to_owned()));
        }
    }
    None
}

/// Inodes of the sockets of a table that listen on a port.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&port) && row[3] == LISTEN)
        .map(|row| row[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_address_is_fine_and_a_held_one_names_its_holder() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let check = check_tcp("production", address);
        let me = std::process::id();
        assert!(check.found.contains(&format!("process {me}")), "{check}");
        assert_eq!(check.state, super::super::State::Wrong);
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert_eq!(check_tcp("production", any).found, "127.0.0.1:0 is free");
    }

    #[test]
    fn an_address_of_another_machine_is_told_apart() {
        let check = check_tcp("production", "192.0.2.1:8080".parse().unwrap());
        assert_eq!(check.found, "192.0.2.1 is no address of this machine");
    }

    #[test]
    fn a_socket_needs_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            check_unix("p", &folder.path().join("a.sock")).state,
            super::super::State::Fine
        );
        assert_eq!(
            check_unix("p", &folder.path().join("none/a.sock")).state,
            super::super::State::Wrong
        );
        let _held = std::os::unix::net::UnixListener::bind(folder.path().join("b.sock")).unwrap();
        assert_eq!(
            check_unix("p", &folder.path().join("b.sock")).state,
            super::super::State::Note
        );
    }
}

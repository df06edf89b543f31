//! `process`: run granted programs, with a scrubbed environment, behind the walls
//! that the kernel has, and so that nothing of them outlives the call.
//!
//! What holds is said at [`Confinement`]. With it, a program that leaves its
//! process group, its session and its parents is ended all the same, for its
//! keeper adopts it; not ended is only what somebody else starts on its behalf,
//! such as a service of the machine. Without it (in tests, or as a library)
//! what stays in the process group is ended.

mod capture;
mod confine;
mod credentials;
mod descendants;
mod launch;
mod walls;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use wasmtime::component::ResourceTable;

use super::environment::is_kept;
use super::log::{LogGate, LogLevel, LogStream};
use super::{Capability, Outside};
use crate::plugin::bindings::baepo::hooks::process as wit;
use crate::plugin::state::CallState;
use capture::{Capture, lock, pump};
pub use confine::Confinement;
use descendants::end_all_below;
pub use launch::take_over;

/// How long the output of a program that has ended is read on, where something
/// that left its process group still holds the other end.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the keeper of a program that was ended may take to go.
const FAREWELL: Duration = Duration::from_secs(6);

impl wit::Host for CallState {
    async fn run(
        &mut self,
        command: wit::Command,
    ) -> wasmtime::Result<Result<wit::Output, wit::ProcessError>> {
        self.enter("process.run");
        // Handles first: one that is none is a mistake of the plugin's code.
        let result = match variables(&command.env, self.table())? {
            Ok(variables) => run(self, command, variables).await,
            Err(error) => Err(error),
        };
        self.leave();
        Ok(result)
    }
}

fn failed(message: impl Into<String>) -> wit::ProcessError {
    wit::ProcessError::Failed(message.into())
}

type Variables = Vec<(OsString, OsString)>;

/// What the plugin adds to the environment. The outer error is a handle that is
/// none.
fn variables(
    asked: &[(String, wit::Value)],
    secrets: &ResourceTable,
) -> wasmtime::Result<Result<Variables, wit::ProcessError>> {
    let mut variables = Vec::new();
    for (key, value) in asked {
        let value = match value {
            wit::Value::Plain(value) => value.as_str(),
            wit::Value::Secret(handle) => secrets.get(handle)?.value().expose(),
        };
        if !is_variable(key) || value.contains('\0') {
            let key = key.escape_debug();
            return Ok(Err(failed(format!("`{key}` cannot be a variable"))));
        }
        variables.push((key.into(), value.into()));
    }
    Ok(Ok(variables))
}

async fn run(
    state: &mut CallState,
    command: wit::Command,
    variables: Variables,
) -> Result<wit::Output, wit::ProcessError> {
    let Some(name) = command.argv.first().filter(|name| !name.is_empty()) else {
        return Err(failed("there is no program to run: argv is empty"));
    };
    if !state.permit().allows_run(name) {
        state.deny(Capability::Run, name.clone());
        return Err(wit::ProcessError::Denied(name.clone()));
    }
    let Some(root) = state.checkout() else {
        return Err(failed("this call has no checkout to run programs in"));
    };
    let program = find_program(name, &root).ok_or(wit::ProcessError::NotFound(name.clone()))?;
    let folder = resolve_folder(&root, &command.working_directory).map_err(failed)?;
    let outside = state.outside();
    let Prepared {
        command: mut prepared,
        is_kept: keeper,
        temporary,
    } = prepare(state, &program, &root)?;
    let granted = &state.permit().variables();
    let account = state.account();
    account.used(Capability::Run, name);
    for variable in granted
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
    {
        account.used(Capability::Env, variable);
    }
    let temporary = temporary.map(|path| ("TMPDIR".into(), path.into_os_string()));
    let all = kept_variables(granted, &outside)
        .chain(temporary)
        .chain(variables);
    prepared
        .args(&command.argv[1..])
        .current_dir(folder)
        .env_clear()
        .envs(all.map(|(name, value)| match keeper {
            true => (launch::veiled(&name), value),
            false => (name, value),
        }))
        .stdin(if command.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(!keeper);
    let begun = Instant::now();
    let child = prepared.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wit::ProcessError::NotFound(name.clone()),
        _ => failed(format!("`{name}` could not be started: {error}")),
    })?;
    let running = Running {
        tree: Tree::of(&child, keeper),
        child,
        log: state.log_handle(),
        capture_limit: command.capture_limit_bytes as usize,
    };
    let timeout = command.timeout_ms.map(Duration::from_millis);
    let ended = running.run_out(command.stdin, timeout).await?;
    if keeper && outside.programs.has_landlock() {
        explain(state, &ended);
    }
    Ok(wit::Output {
        exit_code: exit_code(ended.status),
        stdout: ended.stdout.bytes,
        stderr: ended.stderr.bytes,
        truncated: ended.stdout.is_cut || ended.stderr.is_cut,
        duration_ms: begun.elapsed().as_millis() as u64,
    })
}

/// A command, and how it is to be ended.
struct Prepared {
    command: Command,
    is_kept: bool,
    /// The place for temporary files, where others cannot be written.
    temporary: Option<PathBuf>,
}

/// The command that starts a program, behind walls where there can be some.
fn prepare(
    state: &mut CallState,
    program: &Path,
    root: &Path,
) -> Result<Prepared, wit::ProcessError> {
    let outside = state.outside();
    let programs = &outside.programs;
    let Some(launcher) = programs.launcher() else {
        return Ok(Prepared {
            command: Command::new(program),
            is_kept: false,
            temporary: None,
        });
    };
    if let Some(note) = programs.missing() {
        state.gate().note(LogLevel::Warn, note.into());
    }
    let wrong = |error: std::io::Error| failed(format!("walls could not be built: {error}"));
    let scratch = state.scratch().map_err(wrong)?;
    let find = |name: &str| variable(name, &outside).and_then(|value| value.into_string().ok());
    let built = programs.walls(&state.permit().writable(), root, &scratch, &find);
    let built = built.map_err(wrong)?;
    if let Some(folder) = built.as_ref().and_then(|built| built.split.as_ref())
        && state.is_first_split()
    {
        let note = format!(
            "{} has credentials in it, which programs do not see; therefore they can make \
             nothing new directly in that folder, only in the folders that are there. In \
             GitHub Actions, check out with `persist-credentials: false`",
            folder.display()
        );
        state.gate().note(LogLevel::Warn, note);
    }
    let temporary = built.as_ref().map(|_| scratch);
    let walls = built.map(|built| built.walls);
    let command = launch::command(launcher, program, walls).map_err(failed)?;
    Ok(Prepared {
        command,
        is_kept: true,
        temporary,
    })
}

/// Where a program failed for want of a permission, say what it has.
fn explain(state: &mut CallState, ended: &Ended) {
    let says = |tail: &capture::Tail| {
        let text = String::from_utf8_lossy(&tail.bytes);
        ["Permission denied", "EACCES", "os error 13"]
            .iter()
            .any(|word| text.contains(word))
    };
    if ended.status.success() || !(says(&ended.stderr) || says(&ended.stdout)) {
        return;
    }
    let write = state.permit().writable();
    let list: Vec<String> = write.iter().map(ToString::to_string).collect();
    let present = match list.is_empty() {
        true => "nothing of the checkout".to_owned(),
        false => list.join(", "),
    };
    let note = format!(
        "programs of this plugin may change {present}; if that is why it failed, add \
         the folder under `allow: {{ write: […] }}`"
    );
    state.gate().note(LogLevel::Warn, note);
}

/// The absolute path of a program: looked up in `PATH`, or relative to the
/// checkout where it has a `/`.
fn find_program(name: &str, root: &Path) -> Option<PathBuf> {
    let is_file = |path: &Path| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    if name.contains('/') {
        return Some(root.join(name)).filter(|path| is_file(path));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_file(path))
}

fn resolve_folder(root: &Path, relative: &str) -> Result<PathBuf, String> {
    let error = |why: &str| format!("the working directory `{}` {why}", relative.escape_debug());
    let folder = root
        .join(relative)
        .canonicalize()
        .map_err(|_| error("is not there"))?;
    let root = root
        .canonicalize()
        .map_err(|_| error("is in no checkout"))?;
    if !folder.starts_with(root) {
        return Err(error("leads out of the checkout"));
    }
    Ok(folder)
}

/// A variable of the host, also one that was moved out of its environment.
fn variable(name: &str, outside: &Outside) -> Option<OsString> {
    std::env::var_os(name).or_else(|| outside.secrets.value(name).map(|v| v.expose().into()))
}

fn kept_variables<'a>(
    granted: &'a [String],
    outside: &'a Outside,
) -> impl Iterator<Item = (OsString, OsString)> + 'a {
    let is_kept = |name: &OsStr| name.to_str().is_some_and(|name| is_kept(name, granted));
    let moved = granted.iter().filter_map(|name| {
        let value = outside.secrets.value(name)?;
        Some((name.into(), value.expose().into()))
    });
    std::env::vars_os()
        .filter(move |(name, _)| is_kept(name))
        .chain(moved)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// What a program started; ended when dropped, so that a call that is given up
/// leaves nothing behind.
struct Tree(Option<Root>);

enum Root {
    /// The processes that stayed in this group.
    Group(Pid),
    /// All processes below this keeper, which then goes by itself.
    Keeper(Pid),
}

impl Tree {
    fn of(child: &Child, has_keeper: bool) -> Tree {
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
        Tree(pid.map(|pid| match has_keeper {
            true => Root::Keeper(pid),
            false => Root::Group(pid),
        }))
    }

    /// The program has ended, and so has its keeper, which saw to the rest: its
    /// number may be another's now.
    fn has_ended(&mut self) {
        if let Some(Root::Keeper(_)) = self.0 {
            self.0 = None;
        }
        self.end();
    }

    fn end(&mut self) {
        match self.0.take() {
            Some(Root::Group(pid)) => {
                // Nobody left in the group is as good as killed.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            Some(Root::Keeper(pid)) => {
                end_all_below(pid);
            }
            None => {}
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.end();
    }
}

/// The tree is ended before the child is let go.
struct Running {
    tree: Tree,
    child: Child,
    log: Arc<Mutex<LogGate>>,
    capture_limit: usize,
}

struct Ended {
    status: ExitStatus,
    stdout: capture::Tail,
    stderr: capture::Tail,
}

impl Running {
    async fn run_out(
        mut self,
        input: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<Ended, wit::ProcessError> {
        let stdin = self.child.stdin.take();
        let stdout = self.child.stdout.take();
        let stderr = self.child.stderr.take();
        let capture = |stream| Mutex::new(Capture::new(self.capture_limit, stream, &self.log));
        let out = capture(LogStream::ProgramStdout);
        let err = capture(LogStream::ProgramStderr);
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input to the end is in its
                // right; its exit code says what it thinks of it.
                let _ = stdin.write_all(&input).await;
            }
        };
        let streams = async { tokio::join!(pump(stdout, &out), pump(stderr, &err), feed) };
        tokio::pin!(streams);
        let mut drained = false;
        let wait = async {
            loop {
                tokio::select! {
                    status = self.child.wait() => return status,
                    _ = &mut streams, if !drained => drained = true,
                }
            }
        };
        let status = match timeout {
            Some(limit) => tokio::time::timeout(limit, wait).await,
            None => Ok(wait.await),
        };
        let Ok(status) = status else {
            self.tree.end();
            // The keeper goes when nothing is left below it, or else by force.
            if tokio::time::timeout(FAREWELL, self.child.wait())
                .await
                .is_err()
            {
                let _ = self.child.kill().await;
            }
            return Err(wit::ProcessError::Timeout);
        };
        self.tree.has_ended();
        if !drained {
            let _ = tokio::time::timeout(DRAIN, &mut streams).await;
        }
        let status = status.map_err(|error| failed(format!("it was lost: {error}")))?;
        let take = |capture: &Mutex<Capture>| lock(capture).finish();
        Ok(Ended {
            status,
            stdout: take(&out),
            stderr: take(&err),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_path_and_in_the_checkout() {
        let root = tempfile::tempdir().unwrap();
        let found = find_program("sh", root.path()).unwrap();
        assert!(found.is_absolute());
        assert_eq!(find_program("no-such-program-here", root.path()), None);
        assert_eq!(find_program("./gradlew", root.path()), None);
    }

    #[test]
    fn a_working_directory_stays_in_the_checkout() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("inside")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("out")).unwrap();
        assert!(resolve_folder(root.path(), "").is_ok());
        assert!(resolve_folder(root.path(), "inside").is_ok());
        for outside in ["..", "/", "out", "inside/../..", "missing"] {
            assert!(resolve_folder(root.path(), outside).is_err(), "{outside}");
        }
    }
}

//! `process`: run granted programs, with a scrubbed environment, in a process
//! group of their own that does not outlive the call.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Capability;
use super::environment::is_kept;
use super::log::{LogGate, LogLevel, LogStream};
use crate::plugin::bindings::baepo::hooks::process as wit;
use crate::plugin::state::CallState;

/// A line longer than this goes to the log in pieces.
const LONGEST_LINE: usize = 16 * 1024;

/// How long the output of a program that has ended is read on, where something
/// that left its process group still holds the other end.
const DRAIN: Duration = Duration::from_secs(2);

impl wit::Host for CallState {
    async fn run(
        &mut self,
        command: wit::Command,
    ) -> wasmtime::Result<Result<wit::Output, wit::ProcessError>> {
        self.enter("process.run");
        let result = run(self, command).await;
        self.leave();
        Ok(result)
    }
}

async fn run(
    state: &mut CallState,
    command: wit::Command,
) -> Result<wit::Output, wit::ProcessError> {
    let failed = |message: String| wit::ProcessError::Failed(message);
    let Some(name) = command.argv.first().filter(|name| !name.is_empty()) else {
        return Err(failed("there is no program to run: argv is empty".into()));
    };
    if !state.permit().allows_run(name) {
        state.deny(Capability::Run, name.clone());
        return Err(wit::ProcessError::Denied(name.clone()));
    }
    let Some(root) = state.checkout() else {
        return Err(failed(
            "this call has no checkout to run programs in".into(),
        ));
    };
    let program = find_program(name, &root).ok_or(wit::ProcessError::NotFound(name.clone()))?;
    let folder = resolve_folder(&root, &command.working_directory).map_err(failed)?;

    let mut prepared = Command::new(program);
    prepared
        .args(&command.argv[1..])
        .current_dir(folder)
        .env_clear()
        .envs(kept_variables(&state.permit().variables()))
        .stdin(if command.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (key, value) in &command.env {
        match value {
            wit::Value::Plain(value) if is_variable(key) && !value.contains('\0') => {
                prepared.env(key, value);
            }
            wit::Value::Plain(_) => {
                return Err(failed(format!(
                    "`{}` cannot be a variable",
                    key.escape_debug()
                )));
            }
            wit::Value::Secret(_) => {
                return Err(failed("secrets are not available to programs".into()));
            }
        }
    }
    let begun = Instant::now();
    let child = prepared.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wit::ProcessError::NotFound(name.clone()),
        _ => failed(format!("`{name}` could not be started: {error}")),
    })?;
    let running = Running {
        group: Group::of(&child),
        child,
        log: state.log_handle(),
        capture_limit: command.capture_limit_bytes as usize,
    };
    let timeout = command.timeout_ms.map(Duration::from_millis);
    let ended = running.run_out(command.stdin, timeout).await?;
    Ok(wit::Output {
        exit_code: exit_code(ended.status),
        stdout: ended.stdout.tail,
        stderr: ended.stderr.tail,
        truncated: ended.stdout.truncated || ended.stderr.truncated,
        duration_ms: begun.elapsed().as_millis() as u64,
    })
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

fn kept_variables(
    granted: &[String],
) -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| is_kept(name, granted)))
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

/// A process group; killed when dropped, so that a call that is given up leaves
/// nothing behind.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| Pid::from_raw(id as i32)))
    }

    fn kill(&mut self) {
        if let Some(pid) = self.0.take() {
            // Nobody left in the group is as good as killed.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Running {
    child: Child,
    group: Group,
    log: Arc<Mutex<LogGate>>,
    capture_limit: usize,
}

struct Ended {
    status: ExitStatus,
    stdout: Capture,
    stderr: Capture,
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
        self.group.kill();
        let Ok(status) = status else {
            return Err(wit::ProcessError::Timeout);
        };
        if !drained {
            let _ = tokio::time::timeout(DRAIN, &mut streams).await;
        }
        let status =
            status.map_err(|error| wit::ProcessError::Failed(format!("it was lost: {error}")))?;
        let take = |capture: &Mutex<Capture>| lock(capture).finish();
        Ok(Ended {
            status,
            stdout: take(&out),
            stderr: take(&err),
        })
    }
}

async fn pump(stream: Option<impl AsyncRead + Unpin>, capture: &Mutex<Capture>) {
    let Some(mut stream) = stream else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        lock(capture).take_in(&chunk[..read]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of one stream, and the line that is not complete yet.
struct Capture {
    tail: Vec<u8>,
    limit: usize,
    truncated: bool,
    line: Vec<u8>,
    stream: LogStream,
    log: Arc<Mutex<LogGate>>,
}

impl Capture {
    fn new(limit: usize, stream: LogStream, log: &Arc<Mutex<LogGate>>) -> Capture {
        Capture {
            tail: Vec::new(),
            limit,
            truncated: false,
            line: Vec::new(),
            stream,
            log: Arc::clone(log),
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        // Cut only when it has doubled, so that each byte is moved once at most.
        if self.tail.len() > self.limit.saturating_mul(2).max(64 * 1024) {
            self.cut();
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LONGEST_LINE {
                self.write_line();
            }
        }
    }

    fn cut(&mut self) {
        let surplus = self.tail.len().saturating_sub(self.limit);
        if surplus > 0 {
            self.truncated = true;
            self.tail.drain(..surplus);
        }
    }

    fn write_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        let text = text.trim_end_matches(['\n', '\r']).to_string();
        lock(&self.log).write(LogLevel::Info, text, Vec::new(), self.stream);
        self.line.clear();
    }

    fn finish(&mut self) -> Capture {
        if !self.line.is_empty() {
            self.write_line();
        }
        self.cut();
        Capture {
            tail: std::mem::take(&mut self.tail),
            line: Vec::new(),
            log: Arc::clone(&self.log),
            ..*self
        }
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

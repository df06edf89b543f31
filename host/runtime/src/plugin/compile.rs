//! From a component to native code, within a time. What is compiled was written
//! by strangers, and some components take hours: so a process of its own does
//! it, which can be killed and may take only so much memory. Without one a
//! thread does it; then the time limit ends the waiting and not the thread.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use wasmtime::Engine;

use super::classify::plain_text;
use super::error::LoadError;
use super::host::{Profile, build_engine};

/// A program that calls [`compile_stdin`] with the last two of its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// What comes before those two.
    pub arguments: Vec<OsString>,
}

/// The component cannot be compiled; the reason is on standard error.
const MALFORMED: u8 = 3;

/// Address space of the compiling process.
const ADDRESS_SPACE_BYTES: u64 = 6 << 30;

/// How an engine must be set up for its code to fit the host that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) pool: Option<u32>,
}

impl Setting {
    fn words(self) -> [String; 2] {
        let profile = match self.profile {
            Profile::Roomy => "roomy",
            Profile::Frugal => "frugal",
        };
        [profile.into(), self.pool.unwrap_or(0).to_string()]
    }

    fn parse(words: &[String]) -> Option<Setting> {
        let [profile, pool] = words else { return None };
        let profile = match profile.as_str() {
            "roomy" => Profile::Roomy,
            "frugal" => Profile::Frugal,
            _ => return None,
        };
        let pool = pool.parse().ok()?;
        let pool = Some(pool).filter(|places| *places > 0);
        Some(Setting { profile, pool })
    }
}

/// Compile in a thread of this process.
pub(super) async fn in_thread(
    engine: &Engine,
    bytes: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, LoadError> {
    let engine = engine.clone();
    let bytes = bytes.to_vec();
    let compiling = tokio::task::spawn_blocking(move || engine.precompile_component(&bytes));
    match tokio::time::timeout(limit, compiling).await {
        Ok(Ok(Ok(code))) => Ok(code),
        Ok(Ok(Err(error))) => Err(LoadError::Malformed {
            why: plain_text(&error),
        }),
        Ok(Err(error)) => Err(LoadError::HostBug {
            what: error.to_string(),
        }),
        Err(_) => Err(LoadError::CompileTimeout { limit }),
    }
}

/// Compile in a process of its own, which is gone when this returns.
pub(super) async fn in_process(
    compiler: &Compiler,
    setting: Setting,
    bytes: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, LoadError> {
    let bug = |what: String| LoadError::HostBug { what };
    let mut child = Command::new(&compiler.program)
        .args(&compiler.arguments)
        .args(setting.words())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| bug(format!("its compiler does not start: {error}")))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // One that has ended early says why by its exit code.
            let _ = stdin.write_all(bytes).await;
        }
    };
    let (mut code, mut said) = (Vec::new(), Vec::new());
    let take = async {
        if let Some(mut stdout) = stdout {
            let _ = stdout.read_to_end(&mut code).await;
        }
    };
    let listen = async {
        if let Some(stderr) = stderr {
            let _ = stderr.take(4096).read_to_end(&mut said).await;
        }
    };
    let work = async {
        tokio::join!(feed, take, listen);
        child.wait().await
    };
    let waited = tokio::time::timeout(limit, work).await;
    let status = match waited {
        Ok(status) => status.map_err(|error| bug(format!("its compiler was lost: {error}")))?,
        Err(_) => {
            // Waits for its end, too. One that is gone already is what is wanted.
            let _ = child.kill().await;
            return Err(LoadError::CompileTimeout { limit });
        }
    };
    let said = String::from_utf8_lossy(&said).trim().to_string();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(code),
        (Some(code), _) if code == i32::from(MALFORMED) => Err(LoadError::Malformed { why: said }),
        (_, Some(signal)) => Err(LoadError::CompilerLost {
            how: format!("by signal {signal}"),
        }),
        (code, None) => Err(LoadError::CompilerLost {
            how: format!("with code {}", code.unwrap_or(-1)),
        }),
    }
}

/// What the compiling process does: a component from standard input, its code to
/// standard output. It ends with whoever started it.
pub fn compile_stdin(words: &[String]) -> ExitCode {
    let fail = |code: u8, why: &str| {
        let _ = writeln!(std::io::stderr(), "{why}");
        ExitCode::from(code)
    };
    let Some(setting) = Setting::parse(words) else {
        return fail(2, "for baepo's own use");
    };
    if let Err(error) = confine() {
        return fail(1, &format!("cannot be confined: {error}"));
    }
    let mut bytes = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut bytes) {
        return fail(1, &error.to_string());
    }
    let engine = match build_engine(setting, None) {
        Ok(engine) => engine,
        Err(error) => return fail(1, &plain_text(&error)),
    };
    let code = match engine.precompile_component(&bytes) {
        Ok(code) => code,
        Err(error) => return fail(MALFORMED, &plain_text(&error)),
    };
    match std::io::stdout().write_all(&code) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

fn confine() -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let both = |limit| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::As, both(ADDRESS_SPACE_BYTES))
}

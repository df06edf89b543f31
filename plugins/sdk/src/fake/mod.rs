//! A host for unit tests: a whole call of a hook, natively and without the
//! sandbox. Not in components.
//!
//! A [`Host`] has files, answers, programs and secrets that are made up. What it
//! is given, it grants; all else is `denied`, as in real life. Afterwards it says
//! what was asked of it.
//!
//! ```
//! use baepo_plugin::build::{Build, BuildOutput, BuildRequest};
//! use baepo_plugin::fake::{Ended, Host};
//! use baepo_plugin::{HookError, process, workspace};
//! # use baepo_plugin::config::{Config, Fields};
//! # struct Nothing;
//! # impl Config for Nothing { fn read(_: &mut Fields) -> Nothing { Nothing } }
//!
//! struct Plugin;
//! impl Build for Plugin {
//! #   type Config = Nothing;
//!     fn build(_: Nothing, request: &BuildRequest) -> Result<BuildOutput, HookError> {
//!         baepo_plugin::info!("building"; revision = request.revision.commit);
//!         process::run(&process::command(&["make".into()]))?;
//!         let version = workspace::read("VERSION", 100)?;
//! #       let _ = version;
//!         // …
//! #       Ok(BuildOutput { files: Vec::new(), annotations: Vec::new() })
//!     }
//! }
//!
//! let host = Host::new()
//!     .file("VERSION", "1.2.3")
//!     .program(["make"], Ended::well("").writing("out/app", "machine code"));
//! assert!(host.build::<Plugin>("{}").is_ok());
//! assert_eq!(host.programs()[0].argv, ["make"]);
//! assert_eq!(host.lines()[0].message, "building");
//!
//! // Without the program it is not granted, either.
//! let denied = Host::new().build::<Plugin>("{}");
//! assert_eq!(denied, Err(HookError::Denied("run: make".into())));
//! ```
//!
//! - A call of any hook: [`Host::build`], [`Host::test`], [`Host::verify`],
//!   [`Host::observe`], [`Host::respond`]; for a target, or a piece of your
//!   plugin, [`Host::run`].
//! - Monitors: [`Looks`], a row of looks that hands memory from one to the next.
//! - Strategies ask for nothing: drive them with [`crate::rehearsal`].
//!
//! Time is virtual and moves only where something is said to take long. What it
//! does not do is to bound a call: there are no limits of time, memory, or the
//! number of requests, and a file may be as large as you like. `baepo plugin
//! check` and `baepo plugin run` call the component in the real host.

mod calls;
mod files;
pub(crate) mod imports;
mod looks;
mod pattern;
mod programs;
mod samples;
mod secrets;
mod socket;
mod store;
mod web;

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

pub use looks::Looks;
pub use programs::{Ended, Started};
pub use samples::{feedback_request, look_request, past_rollout, release, revision, telemetry};
pub use socket::Exchanged;
pub use web::{Answer, Sent};

use crate::bindings::imports::baepo::hooks as wit;
use crate::log::LogLevel;
use crate::units::Millis;

/// What stands for the value of a secret.
const VEIL: &str = "***";

/// A host that is made up. Copies of it are the same host.
#[derive(Clone)]
pub struct Host(Rc<RefCell<World>>);

/// All there is.
struct World {
    /// Milliseconds since 1970-01-01 UTC.
    now_ms: u64,
    elapsed: Millis,
    lines: Vec<Line>,
    denied: Vec<String>,
    /// Calls of capabilities beside the log.
    asked: u64,
    files: files::Files,
    web: web::Web,
    programs: programs::Programs,
    secrets: secrets::Secrets,
    sockets: socket::Sockets,
    store: store::Store,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How loud.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// What is shown behind it.
    pub fields: Vec<(String, String)>,
}

impl fmt::Display for Line {
    /// `warn: the text key=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        write!(f, "{level}: {}", self.message)?;
        self.fields
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host { .. }")
    }
}

thread_local! {
    /// The hosts of the calls that are running, the innermost last.
    static RUNNING: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

/// Takes a host off again, also where the call panics.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

impl Host {
    /// A host that has and grants nothing. It is 2027-01-15 08:00 UTC.
    pub fn new() -> Host {
        Host(Rc::new(RefCell::new(World {
            now_ms: 1_800_000_000_000,
            elapsed: Millis(0),
            lines: Vec::new(),
            denied: Vec::new(),
            asked: 0,
            files: files::Files::default(),
            web: web::Web::default(),
            programs: programs::Programs::default(),
            secrets: secrets::Secrets::default(),
            sockets: socket::Sockets::default(),
            store: store::Store::default(),
        })))
    }

    /// The time of the day, in milliseconds since 1970-01-01 UTC.
    pub fn now(self, now_ms: u64) -> Host {
        self.world().now_ms = now_ms;
        self
    }

    /// Makes one call: what the closure asks for, this host answers. On this
    /// thread alone; a call within a call has its own host.
    pub fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.world().files.begin();
        RUNNING.with_borrow_mut(|hosts| hosts.push(self.clone()));
        let _running = Running;
        call()
    }

    /// Lets time pass between two calls.
    pub fn wait(&self, time: Millis) {
        let mut world = self.world();
        world.now_ms += time.0;
        world.elapsed.0 += time.0;
    }

    /// How much time has passed since this host was made.
    pub fn elapsed(&self) -> Millis {
        self.world().elapsed
    }

    /// The time of the day, in milliseconds since 1970-01-01 UTC.
    pub fn now_ms(&self) -> u64 {
        self.world().now_ms
    }

    /// The lines of the log so far.
    pub fn lines(&self) -> Vec<Line> {
        self.world().lines.clone()
    }

    /// What was denied so far, as a [`crate::HookError::Denied`] of this crate
    /// says it, for example `run: make`.
    pub fn denied(&self) -> Vec<String> {
        self.world().denied.clone()
    }

    fn world(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    fn write_line(&self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        self.world().lines.push(Line {
            level,
            message: message.into(),
            fields: fields.to_vec(),
        });
    }

    /// Whether any capability was asked and not denied.
    fn has_told(&self) -> bool {
        let world = self.world();
        world.asked > world.denied.len() as u64
    }

    fn deny(&self, what: String) {
        self.world().denied.push(what);
    }

    fn of_files<T>(
        &self,
        action: impl FnOnce(&mut files::Files) -> Result<T, wit::workspace::WorkspaceError>,
    ) -> Result<T, wit::workspace::WorkspaceError> {
        let result = action(&mut self.world().files);
        if let Err(wit::workspace::WorkspaceError::Denied(what)) = &result {
            self.deny(what.clone());
        }
        result
    }
}

/// The host of the call that is running.
fn innermost() -> Option<Host> {
    RUNNING.with_borrow(|hosts| hosts.last().cloned())
}

/// The same, for what cannot do without one.
///
/// # Panics
/// Where there is none.
fn current(wish: &str) -> Host {
    let Some(host) = innermost() else {
        panic!(
            "the plugin wants to {wish}, and outside the sandbox there is no host to ask; \
             in a test, make the call within a fake one: \
             `baepo_plugin::fake::Host::new().run(|| …)`"
        );
    };
    host.world().asked += 1;
    host
}

/// The next of several answers; the last one stays.
fn next<T: Clone>(answers: &mut VecDeque<T>) -> Option<T> {
    match answers.len() {
        0 | 1 => answers.front().cloned(),
        _ => answers.pop_front(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_log_is_kept_and_goes_nowhere_without_a_host() {
        let host = Host::new();
        let attempt = 2;
        host.run(|| crate::warn!("trying again"; attempt = attempt, of = 3));
        crate::info!("nobody hears this");
        let lines: Vec<String> = host.lines().iter().map(Line::to_string).collect();
        assert_eq!(lines, ["warn: trying again attempt=2 of=3"]);
    }

    #[test]
    fn a_call_within_a_call_has_its_own_host() {
        let (outer, inner) = (Host::new().file("a", "1"), Host::new().file("a", "2"));
        outer.run(|| {
            assert_eq!(inner.run(|| workspace::read("a", 9)), Ok(b"2".to_vec()));
            assert_eq!(workspace::read("a", 9), Ok(b"1".to_vec()));
        });
    }

    #[test]
    fn a_call_that_panics_leaves_no_host_behind() {
        let host = Host::new();
        let call = std::panic::AssertUnwindSafe(|| host.run(|| panic!("as asked for")));
        assert!(std::panic::catch_unwind(call).is_err());
        assert!(innermost().is_none());
    }

    #[test]
    #[should_panic(expected = "make the call within a fake one")]
    fn without_a_host_the_author_is_told_what_to_do() {
        let _ = workspace::read("a", 9);
    }
}

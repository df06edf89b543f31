//! Programs that are made up.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::wit::process::{Command, Output, ProcessError, Value};
use super::{Host, VEIL};
use crate::units::Millis;

/// A program as it was started.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Names and values of the variables that the plugin added; `***` stands
    /// for a secret.
    pub env: Vec<(String, String)>,
    /// Names of the secrets in them, in order.
    pub secrets: Vec<String>,
    /// Relative to the checkout; empty for the checkout itself.
    pub working_directory: String,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub timeout_ms: Option<u64>,
}

impl Started {
    /// The value of a variable that the plugin added.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }
}

/// How a program ends, after how long, and what it leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    what: Result<Output, ProcessError>,
    after: Millis,
    files: Vec<(String, Vec<u8>)>,
}

impl Ended {
    /// With exit code 0 and this on standard output, at once.
    pub fn well(stdout: impl Into<Vec<u8>>) -> Ended {
        Ended::with(0, stdout.into(), Vec::new())
    }

    /// With this exit code and this on standard error, at once.
    pub fn badly(exit_code: i32, stderr: impl Into<Vec<u8>>) -> Ended {
        Ended::with(exit_code, Vec::new(), stderr.into())
    }

    fn with(exit_code: i32, stdout: Vec<u8>, stderr: Vec<u8>) -> Ended {
        Ended::from(Output {
            exit_code,
            stdout,
            stderr,
            truncated: false,
            duration_ms: 0,
        })
    }

    /// Having written a file: a path relative to the checkout, or one in the
    /// scratch folder of the call.
    pub fn writing(mut self, path: &str, content: impl Into<Vec<u8>>) -> Ended {
        self.files.push((path.into(), content.into()));
        self
    }

    /// After so long by the virtual clock. Longer than it may take, and it is
    /// stopped.
    pub fn after(mut self, after: Millis) -> Ended {
        self.after = after;
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            after: Millis(output.duration_ms),
            what: Ok(output),
            files: Vec::new(),
        }
    }
}

impl From<ProcessError> for Ended {
    fn from(error: ProcessError) -> Ended {
        Ended {
            what: Err(error),
            after: Millis(0),
            files: Vec::new(),
        }
    }
}

type Program = Rc<RefCell<dyn FnMut(&Started) -> Ended>>;

#[derive(Default)]
pub(super) struct Programs {
    granted: BTreeSet<String>,
    recorded: Vec<(Vec<String>, VecDeque<Ended>)>,
    made_up: Vec<(String, Program)>,
    started: Vec<Started>,
}

impl Host {
    /// How exactly this command line ends. Given several times, the ends come
    /// one after the other, and the last one again and again. Grants `run` for
    /// the program.
    ///
    /// # Panics
    /// Where the command line is empty.
    pub fn program<T: Into<String>>(
        self,
        argv: impl IntoIterator<Item = T>,
        ended: impl Into<Ended>,
    ) -> Host {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        assert!(!argv.is_empty(), "a command line begins with a program");
        let host = self.allow_run(&argv[0]);
        host.world().programs.record(argv, ended.into());
        host
    }

    /// A program that does this with all command lines for which there is no
    /// [`Host::program`]. Grants `run` for it.
    pub fn program_with(
        self,
        name: &str,
        program: impl FnMut(&Started) -> Ended + 'static,
    ) -> Host {
        let host = self.allow_run(name);
        let program: Program = Rc::new(RefCell::new(program));
        host.world().programs.made_up.push((name.into(), program));
        host
    }

    /// A program that may be run. By that alone it is not installed.
    pub fn allow_run(self, name: &str) -> Host {
        self.world().programs.granted.insert(name.into());
        self
    }

    /// The programs that were started so far, in order.
    pub fn programs(&self) -> Vec<Started> {
        self.world().programs.started.clone()
    }

    pub(super) fn start(&self, command: &Command<'_>) -> Result<Output, ProcessError> {
        let started = self.as_started(command)?;
        let Some(name) = command.argv.first().filter(|name| !name.is_empty()) else {
            let why = "there is no program to run: argv is empty";
            return Err(ProcessError::Failed(why.into()));
        };
        if !self.world().programs.granted.contains(name) {
            self.deny(format!("run: {name}"));
            return Err(ProcessError::Denied(name.clone()));
        }
        let folder = &command.working_directory;
        if folder.starts_with('/') || folder.split('/').any(|part| part == "..") {
            let why = format!("the working directory `{folder}` leads out of the checkout");
            return Err(ProcessError::Failed(why));
        }
        // Not while the world is borrowed: a program may look at its host.
        let found = self.world().programs.find(name, &started);
        let ended = match found {
            Found::Ended(ended) => ended,
            Found::MadeUp(program) => {
                self.world().programs.started.push(started.clone());
                return self.end(command, (program.borrow_mut())(&started));
            }
            Found::NotInstalled => return Err(ProcessError::NotFound(name.clone())),
            Found::Nothing => panic!(
                "the plugin runs {}, and this fake host does not know how that ends; \
                 say it with `.program(…)` or `.program_with(…)`",
                crate::process::line(&started.argv)
            ),
        };
        self.world().programs.started.push(started);
        self.end(command, ended)
    }

    fn end(&self, command: &Command<'_>, ended: Ended) -> Result<Output, ProcessError> {
        let Ended { what, after, files } = ended;
        let timeout = command.timeout_ms.map(Millis);
        if let Some(timeout) = timeout.filter(|timeout| after > *timeout) {
            self.wait(timeout);
            return Err(ProcessError::Timeout);
        }
        if what == Err(ProcessError::Timeout) {
            self.wait(timeout.unwrap_or(after));
        } else {
            self.wait(after);
        }
        for (path, content) in files {
            self.world().files.leave(&path, content);
        }
        let mut output = what?;
        for stream in [&mut output.stdout, &mut output.stderr] {
            let most = command.capture_limit_bytes as usize;
            let cut = stream.len().saturating_sub(most);
            output.truncated |= cut > 0;
            stream.drain(..cut);
        }
        output.duration_ms = output.duration_ms.max(after.0);
        Ok(output)
    }

    fn as_started(&self, command: &Command<'_>) -> Result<Started, ProcessError> {
        let mut secrets = Vec::new();
        let mut env = Vec::new();
        for (name, value) in &command.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                let why = format!("`{name}` cannot be a variable");
                return Err(ProcessError::Failed(why));
            }
            let value = match value {
                Value::Plain(value) => value.clone(),
                Value::Secret(secret) => {
                    secrets.push(self.secret_name(secret));
                    VEIL.into()
                }
            };
            env.push((name.clone(), value));
        }
        Ok(Started {
            argv: command.argv.clone(),
            env,
            secrets,
            working_directory: command.working_directory.clone(),
            stdin: command.stdin.clone(),
            timeout_ms: command.timeout_ms,
        })
    }
}

enum Found {
    Ended(Ended),
    MadeUp(Program),
    NotInstalled,
    /// It is, and nobody said what it does with these arguments.
    Nothing,
}

impl Programs {
    fn record(&mut self, argv: Vec<String>, ended: Ended) {
        match self.recorded.iter_mut().find(|(line, _)| *line == argv) {
            Some((_, ends)) => ends.push_back(ended),
            None => self.recorded.push((argv, [ended].into())),
        }
    }

    fn find(&mut self, name: &str, started: &Started) -> Found {
        let is_it = |(argv, _): &&mut (Vec<String>, VecDeque<Ended>)| *argv == started.argv;
        if let Some((_, ends)) = self.recorded.iter_mut().find(is_it) {
            return super::next(ends).map_or(Found::Nothing, Found::Ended);
        }
        if let Some((_, program)) = self.made_up.iter().find(|(of, _)| of == name) {
            return Found::MadeUp(program.clone());
        }
        match self.recorded.iter().any(|(argv, _)| argv[0] == name) {
            true => Found::Nothing,
            false => Found::NotInstalled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HookError;
    use crate::process::{Invocation, Variable, command, run};

    fn make(target: &str) -> Result<Output, HookError> {
        run(&command(&["make".into(), target.into()]))
    }

    #[test]
    fn command_lines_end_as_is_said_one_after_the_other() {
        let host = Host::new()
            .program(["make", "test"], Ended::badly(2, "no rule"))
            .program(["make", "test"], Ended::well("ok").after(Millis(1_500)));
        let ends = host.run(|| [0; 3].map(|_| make("test").unwrap().exit_code));
        assert_eq!((ends, host.elapsed()), ([2, 0, 0], Millis(3_000)));
        assert_eq!(host.programs()[0].argv, ["make", "test"]);
    }

    #[test]
    fn without_a_grant_it_is_denied_and_without_a_program_not_found() {
        let host = Host::new().allow_run("make");
        host.run(|| {
            let not_there = "`make` is not installed on this machine".into();
            assert_eq!(make("all"), Err(HookError::Failed(not_there)));
            let denied = HookError::Denied("run: rm".into());
            assert_eq!(run(&command(&["rm".into()])), Err(denied));
        });
        assert_eq!(host.denied(), ["run: rm"]);
        assert_eq!(host.programs(), []);
    }

    #[test]
    fn a_program_reads_its_input_and_leaves_files() {
        let host = Host::new().secret("KEY").program_with("tar", |started| {
            let list = started.stdin.clone();
            Ended::well(list.clone()).writing("out/a.tar", list)
        });
        let invocation = Invocation {
            argv: vec!["tar".into(), "-c".into()],
            env: vec![("TOKEN".into(), Variable::Secret("KEY".into()))],
            ..Invocation::default()
        };
        let output = host.run(|| {
            let mut tar = command(&invocation.argv);
            tar.stdin = b"a\nb\n".to_vec();
            tar.capture_limit_bytes = 2;
            invocation.run_other(tar, &[("LANG".into(), "C".into())])
        });
        let output = output.unwrap();
        assert_eq!((&output.stdout[..], output.truncated), (&b"b\n"[..], true));
        assert_eq!(host.content("out/a.tar").as_deref(), Some(&b"a\nb\n"[..]));
        let started = &host.programs()[0];
        assert_eq!(started.variable("TOKEN"), Some("***"));
        assert_eq!(started.variable("LANG"), Some("C"));
        assert_eq!(started.secrets, ["KEY"]);
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped() {
        let host = Host::new().program(["sleep"], Ended::well("").after(Millis(2_000)));
        let mut sleep = command(&["sleep".into()]);
        sleep.timeout_ms = Some(1_000);
        let stopped = host.run(|| run(&sleep));
        let why = "`sleep` was stopped after 1s".into();
        assert_eq!(stopped, Err(HookError::Failed(why)));
        assert_eq!(host.elapsed(), Millis(1_000));
    }

    #[test]
    #[should_panic(expected = "the plugin runs `make install`")]
    fn a_command_line_that_nobody_thought_of_is_told() {
        let host = Host::new().program(["make", "all"], Ended::well(""));
        let _ = host.run(|| make("install"));
    }
}

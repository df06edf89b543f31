//! The part of a `with:` block that says what to run.

use serde_json::Value as Json;

use super::{Command, Output, Value, command, line, run, tail};
use crate::HookError;
use crate::config::Fields;
use crate::secrets::{self, Secret};
use crate::units::Millis;

/// How many lines of a program's output an error message repeats.
const LINES_IN_ERRORS: usize = 20;

/// `run`, `env`, `working-directory` and `timeout` of a `with:` block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Invocation {
    /// Program and arguments; empty where none was asked for.
    pub argv: Vec<String>,
    /// Variables in addition to the host's, in the order of their names.
    pub env: Vec<(String, Variable)>,
    /// Relative to the checkout; empty for the checkout itself.
    pub working_directory: String,
    /// Stop it after so long.
    pub timeout: Option<Millis>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Variable {
    /// Said openly.
    Plain(String),
    /// The name of a secret.
    Secret(String),
}

impl Invocation {
    /// Reads the keys. `run` may be left out; a caller that needs it asks for
    /// [`Fields::has`] first, or looks at `argv`.
    pub fn read(fields: &mut Fields) -> Invocation {
        let has_run = fields.has("run");
        let argv: Vec<String> = fields.list("run").unwrap_or_default();
        if has_run
            && argv
                .first()
                .is_some_and(|program| program.trim().is_empty())
        {
            fields.problem("run.0", "the name of a program is empty");
        }
        Invocation {
            argv,
            ..Invocation::read_surroundings(fields)
        }
    }

    /// Reads all keys but `run`, for plugins whose programs stand under keys of
    /// their own; see [`Invocation::run_other`].
    pub fn read_surroundings(fields: &mut Fields) -> Invocation {
        let env = fields
            .map("env")
            .into_iter()
            .filter_map(|(name, value)| {
                let variable = read_variable(&value);
                if variable.is_none() {
                    let expected = "must be a text, a number, true, false or `{ secret: NAME }`";
                    fields.problem(&format!("env.{name}"), expected);
                }
                Some((name, variable?))
            })
            .collect();
        let working_directory: String = fields.or("working-directory", String::new());
        if working_directory.starts_with('/')
            || working_directory.split('/').any(|part| part == "..")
        {
            fields.problem(
                "working-directory",
                "must be relative to the checkout, without `..`",
            );
        }
        let timeout: Option<Millis> = fields.optional("timeout");
        if timeout == Some(Millis(0)) {
            fields.problem("timeout", "must be more than 0s");
        }
        Invocation {
            argv: Vec::new(),
            env,
            working_directory,
            timeout,
        }
    }

    /// Runs it to its end, whatever its exit code. `more` are variables of the
    /// plugin's own.
    ///
    /// # Errors
    /// As [`run`]; also where a secret is denied or has no value.
    pub fn run(&self, more: &[(String, String)]) -> Result<Output, HookError> {
        self.run_other(command(&self.argv), more)
    }

    /// Runs another program in the same surroundings: with these variables, in
    /// this folder, and for as long. For plugins that run several.
    ///
    /// # Errors
    /// As [`Invocation::run`].
    pub fn run_other(
        &self,
        other: Command<'static>,
        more: &[(String, String)],
    ) -> Result<Output, HookError> {
        // The handles must live as long as the command that borrows them.
        let mut secrets: Vec<Secret> = Vec::new();
        for (_, variable) in &self.env {
            if let Variable::Secret(name) = variable {
                secrets.push(secrets::open(name)?);
            }
        }
        let mut handles = secrets.iter();
        let mut env: Vec<(String, Value<'_>)> = Vec::new();
        for (name, variable) in &self.env {
            let value = match variable {
                Variable::Plain(text) => Some(Value::Plain(text.clone())),
                Variable::Secret(_) => handles.next().map(|secret| Value::Secret(secret)),
            };
            env.extend(value.map(|value| (name.clone(), value)));
        }
        env.extend(
            more.iter()
                .map(|(name, value)| (name.clone(), Value::Plain(value.clone()))),
        );
        run(&Command {
            env,
            working_directory: self.working_directory.clone(),
            timeout_ms: self.timeout.map(|timeout| timeout.0),
            ..other
        })
    }

    /// How a program that failed ended, with its last words: for people.
    pub fn describe_failure(&self, output: &Output) -> String {
        let how = match output.exit_code {
            code if code > 128 => format!("was ended by signal {}", code - 128),
            code => format!("ended with exit code {code}"),
        };
        let stderr = tail(&output.stderr, LINES_IN_ERRORS);
        let words = if stderr.is_empty() {
            tail(&output.stdout, LINES_IN_ERRORS)
        } else {
            stderr
        };
        let begin = format!(
            "{} {how} after {}",
            line(&self.argv),
            Millis(output.duration_ms)
        );
        if words.is_empty() {
            begin
        } else {
            format!("{begin}:\n{words}")
        }
    }
}

fn read_variable(value: &Json) -> Option<Variable> {
    match value {
        Json::String(text) => Some(Variable::Plain(text.clone())),
        Json::Number(number) => Some(Variable::Plain(number.to_string())),
        Json::Bool(truth) => Some(Variable::Plain(truth.to_string())),
        Json::Object(keys) if keys.len() == 1 => match keys.get("secret") {
            Some(Json::String(name)) if !name.is_empty() => Some(Variable::Secret(name.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};

    struct Only(Invocation);
    impl Config for Only {
        fn read(fields: &mut Fields) -> Only {
            Only(Invocation::read(fields))
        }
    }

    #[test]
    fn everything_that_a_program_needs_is_read() {
        let json = r#"{"run": ["make", "all"], "env": {"B": 1, "A": {"secret": "KEY"}, "C": true},
                       "working-directory": "src", "timeout": "5m"}"#;
        let Only(invocation) = parse(json).unwrap();
        assert_eq!(invocation.argv, ["make", "all"]);
        assert_eq!(
            invocation.env,
            [
                ("A".into(), Variable::Secret("KEY".into())),
                ("B".into(), Variable::Plain("1".into())),
                ("C".into(), Variable::Plain("true".into())),
            ]
        );
        assert_eq!(
            (invocation.working_directory.as_str(), invocation.timeout),
            ("src", Some(Millis::minutes(5)))
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let json = r#"{"run": ["", 3], "env": {"A": ["x"], "B": {"secrt": "K"}},
                       "working-directory": "../x", "timeout": "0s"}"#;
        let Err(HookError::InvalidConfig(problems)) = parse::<Only>(json) else {
            panic!()
        };
        let paths: Vec<&str> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "run.1",
                "run.0",
                "env.A",
                "env.B",
                "working-directory",
                "timeout"
            ]
        );
    }

    #[test]
    fn a_failure_repeats_the_last_words() {
        let invocation = Invocation {
            argv: vec!["make".into(), "all".into()],
            ..Invocation::default()
        };
        let mut output = Output {
            exit_code: 2,
            stdout: b"compiling\n".to_vec(),
            stderr: b"\x1b[31merror\x1b[0m: no rule\n\n".to_vec(),
            truncated: false,
            duration_ms: 1_200,
        };
        assert_eq!(
            invocation.describe_failure(&output),
            "`make all` ended with exit code 2 after 1.2s:\nerror: no rule"
        );
        (output.stderr, output.exit_code) = (Vec::new(), 137);
        assert_eq!(
            invocation.describe_failure(&output),
            "`make all` was ended by signal 9 after 1.2s:\ncompiling"
        );
    }
}

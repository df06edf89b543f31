//! `baepo doctor`: what a run needs, one line each, with the fix. Nothing is
//! changed.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::Serialize;

use crate::config::{self, Config, ConfigError, Findings, PluginUse, Variable};
use crate::output::Output;
use crate::plugins::Plugins;

mod agent;
mod port;

use port::check_listen;

/// Arguments of `baepo doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file, relative to the checkout.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it must be.
    Fine,
    /// Good to know; a run works all the same.
    Note,
    /// A run would fail.
    Wrong,
}

/// One line of the examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What was looked at.
    pub about: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to change; empty where nothing is wrong.
    pub fix: String,
}

impl Check {
    fn fine(about: impl Into<String>, found: impl Into<String>) -> Check {
        Check {
            about: about.into(),
            state: State::Fine,
            found: found.into(),
            fix: String::new(),
        }
    }

    fn wrong(about: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check {
            about: about.into(),
            state: State::Wrong,
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn note(about: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check {
            state: State::Note,
            ..Check::wrong(about, found, fix)
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Fine => "✓",
            State::Note => "·",
            State::Wrong => "✗",
        };
        write!(f, "{mark} {:<12} {}", self.about, self.found)?;
        match self.fix.as_str() {
            "" => Ok(()),
            fix => write!(f, "\n  {:<12} help: {fix}", ""),
        }
    }
}

/// What is known of the surroundings: given, so that it can be tested.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub variables: std::collections::BTreeMap<String, String>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Surroundings {
        // That they are there is all that is asked of those that were moved.
        let outside = crate::outside::outside();
        let moved = outside.secrets.names();
        let moved = moved.map(|name| {
            let is_set = outside.secrets.value(name).is_some();
            let shown = if is_set { "***" } else { "" };
            (name.to_owned(), shown.to_owned())
        });
        Surroundings {
            variables: std::env::vars().chain(moved).collect(),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn is_actions(&self) -> bool {
        self.variable("GITHUB_ACTIONS") == Some("true")
    }
}

/// Print all checks; exit code 0, or 2 where one is wrong.
///
/// # Errors
/// `out` cannot be written.
pub async fn run(
    args: &Args,
    root: &Path,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<ExitCode> {
    let surroundings = Surroundings::of_process();
    let (mut checks, mut mistakes) = examine(args, root, &surroundings);
    if let Ok(config) = config::load(root, args.config.as_deref()) {
        let agents = agent::check(&config).await;
        let (check, findings) = check_plugins(config, root).await;
        checks.push(check);
        checks.extend(agents);
        mistakes = mistakes.or(findings.map(ConfigError::Findings));
    }
    let is_wrong = |check: &&Check| check.state == State::Wrong;
    let wrong = checks.iter().filter(is_wrong).count();
    let exit = ExitCode::from(if wrong == 0 { 0 } else { 2 });
    if args.output.is_json() {
        let document = serde_json::json!({ "format": "baepo-doctor-1", "checks": checks });
        writeln!(out, "{document}")?;
        return Ok(exit);
    }
    for check in &checks {
        writeln!(out, "{check}")?;
    }
    if let Some(ConfigError::Findings(findings)) = &mistakes {
        writeln!(out, "\n{findings}")?;
    }
    match wrong {
        0 if checks.iter().any(|check| check.state == State::Note) => {
            writeln!(
                out,
                "\nnothing is wrong; what a run needs besides is marked with ·; next: baepo plan"
            )?;
        }
        0 => writeln!(out, "\nall is well; next: baepo plan")?,
        1 => writeln!(out, "\n1 thing to put right")?,
        n => writeln!(out, "\n{n} things to put right")?,
    }
    Ok(exit)
}

/// All checks, and the mistakes of the configuration where it has any.
pub fn examine(
    args: &Args,
    root: &Path,
    surroundings: &Surroundings,
) -> (Vec<Check>, Option<ConfigError>) {
    let mut checks = vec![check_git(root), check_state_folder(root), check_kernel()];
    let (config, error) = match config::load(root, args.config.as_deref()) {
        Ok(config) => (Some(config), None),
        Err(error) => (None, Some(error)),
    };
    checks.insert(0, check_config(config.as_ref(), error.as_ref()));
    if let Some(config) = &config {
        checks.extend(check_programs(config, root, surroundings));
        checks.extend(config.plugins().filter_map(check_grant));
        checks.extend(
            config
                .environments
                .iter()
                .filter_map(|environment| check_command(config, environment, root, surroundings)),
        );
        checks.extend(config.environments.iter().filter_map(check_listen));
        checks.extend(check_secrets(config, surroundings));
    }
    if surroundings.is_actions() {
        checks.extend(check_actions(surroundings));
    }
    (checks, error)
}

/// Whether all plugins are here, may be used, and know their settings as far as
/// they can say without being used.
async fn check_plugins(config: Config, root: &Path) -> (Check, Option<Findings>) {
    let sources: BTreeSet<String> = config.plugins().map(|p| p.plugin.to_string()).collect();
    match Plugins::load(config, root).await {
        Ok(_) => (
            Check::fine("plugins", format!("{} load", sources.len())),
            None,
        ),
        Err(findings) => {
            let found = format!("{} problem(s), shown below", findings.list.len());
            let check = Check::wrong("plugins", found, "put them right first");
            (check, Some(findings))
        }
    }
}

fn check_config(config: Option<&Config>, error: Option<&ConfigError>) -> Check {
    match (config, error) {
        (Some(config), _) => {
            let names: Vec<&str> = config
                .environments
                .iter()
                .map(|e| e.name.as_str())
                .collect();
            let plugins = config.plugins().count();
            let found = format!(
                "{}: app {}, environments {}, {plugins} plugins",
                config.path(),
                config.app,
                names.join(" → ")
            );
            Check::fine("config", found)
        }
        (None, Some(ConfigError::Findings(findings))) => {
            let count = findings.list.len();
            Check::wrong(
                "config",
                format!("{} has {count} problem(s), shown below", findings.path),
                "put them right first",
            )
        }
        (None, Some(error)) => Check::wrong("config", error.to_string(), error.help()),
        (None, None) => Check::wrong("config", "not looked at", ""),
    }
}

fn check_git(root: &Path) -> Check {
    let output = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(root)
        .output();
    match output {
        Ok(output) if output.status.success() => Check::fine(
            "git",
            format!("at {}", String::from_utf8_lossy(&output.stdout).trim()),
        ),
        Ok(_) => Check::wrong(
            "git",
            "this is no checkout with a commit",
            "a revision is a commit: git init && git add -A && git commit, or check out the repository",
        ),
        Err(_) => Check::wrong("git", "the program `git` was not found", "install git"),
    }
}

fn check_state_folder(root: &Path) -> Check {
    let folder = root.join(".baepo");
    let nearest = if folder.exists() { &folder } else { root };
    match tempfile::NamedTempFile::new_in(nearest) {
        Ok(_) => Check::fine("state", format!("{} can be written", folder.display())),
        Err(error) => Check::wrong(
            "state",
            format!("cannot write in {}: {error}", nearest.display()),
            "let this user write there, or free some space",
        ),
    }
}

/// Linux 5.4 is the oldest kernel that is tried.
fn check_kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let mut numbers = release
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match version >= (5, 4) {
        true => Check::fine("kernel", format!("Linux {release}")),
        false if release.is_empty() => Check::wrong(
            "kernel",
            "/proc is not there",
            "the local target needs Linux with /proc",
        ),
        false => Check::wrong(
            "kernel",
            format!("Linux {release}"),
            "the local target needs Linux 5.4 or newer",
        ),
    }
}

/// Every program that plugins may run.
fn check_programs(config: &Config, root: &Path, surroundings: &Surroundings) -> Vec<Check> {
    let mut seen = BTreeSet::new();
    let uses = config.plugins().flat_map(|plugin| {
        plugin
            .allow
            .run
            .iter()
            .map(move |program| (plugin, program))
    });
    uses.filter(|(_, program)| seen.insert(program.as_str()))
        .map(
            |(plugin, program)| match find_program(program, root, surroundings) {
                Some(path) => Check::fine("program", format!("{program} is {}", path.display())),
                None => Check::wrong(
                    "program",
                    format!(
                        "`{program}` was not found; the plugin `{}` runs it",
                        plugin.name
                    ),
                    format!("install {program}, or add its folder to PATH"),
                ),
            },
        )
        .collect()
}

/// The built-in plugins that run a command need a grant for its program.
fn check_grant(plugin: &PluginUse) -> Option<Check> {
    let program = plugin.with["run"].as_array()?.first()?.as_str()?;
    let is_granted = plugin.allow.run.iter().any(|granted| granted == program);
    let found = format!(
        "the plugin `{}` runs `{program}` and is not allowed to",
        plugin.name
    );
    (!is_granted).then(|| {
        Check::wrong(
            "grant",
            found,
            format!("add to the plugin: allow: {{ run: [{program}] }}"),
        )
    })
}

/// The file that a word of a command names: a path below the checkout, or a
/// program of `PATH`.
fn find_program(program: &str, root: &Path, surroundings: &Surroundings) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = |path: &PathBuf| {
        let metadata = path.metadata();
        metadata
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(root.join(program)).filter(is_program);
    }
    let folders = surroundings.variable("PATH").unwrap_or_default();
    folders
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(program))
        .find(is_program)
}

/// What an instance runs: a file of the release, or a program of `PATH`.
fn check_command(
    config: &Config,
    environment: &config::Environment,
    root: &Path,
    surroundings: &Surroundings,
) -> Option<Check> {
    let about = environment.name.as_str();
    let local = environment.target.local()?;
    let word = local.command.first().map_or("", String::as_str);
    let artifacts = built_files(&config.build);
    if artifacts.iter().any(|name| name == word) || config.files.iter().any(|file| file.to == word)
    {
        return Some(Check::fine(
            about,
            format!("`{word}` comes with the release"),
        ));
    }
    Some(match find_program(word, root, surroundings) {
        Some(path) => Check::fine(about, format!("`{word}` is {}", path.display())),
        None if config
            .build
            .iter()
            .any(|plugin| plugin.plugin.to_string() != "builtin:command") =>
        {
            Check::note(about, format!("`{word}` must come from a build plugin"), "")
        }
        None => Check::wrong(
            about,
            format!("`{word}` is no artifact of the build and no program of PATH"),
            match artifacts.is_empty() {
                true => "list what the build makes in `artifacts`".to_owned(),
                false => format!("the build makes: {}", artifacts.join(", ")),
            },
        ),
    })
}

/// Names of the files that the build says it makes.
fn built_files(build: &[PluginUse]) -> Vec<String> {
    let lists = build
        .iter()
        .filter_map(|plugin| plugin.with["artifacts"].as_array());
    let paths = lists.flatten().filter_map(|path| path.as_str());
    paths
        .map(|path| path.rsplit('/').next().unwrap_or(path).to_owned())
        .collect()
}

/// Every secret that an environment names, by the variable of this process
/// that holds it. Away from GitHub a missing one is only a note.
fn check_secrets(config: &Config, surroundings: &Surroundings) -> Vec<Check> {
    let mut named = BTreeSet::new();
    for environment in &config.environments {
        for variable in environment.env.values() {
            if let Variable::Secret(name) = variable {
                named.insert((name.as_str(), environment.name.as_str()));
            }
        }
    }
    named
        .into_iter()
        .map(
            |(name, environment)| match (surroundings.variable(name), surroundings.is_actions()) {
                (Some(_), _) => Check::fine("secret", format!("{name} is set")),
                (None, true) => Check::wrong(
                    "secret",
                    format!("{name} is not set; {environment} needs it"),
                    format!("add to the step: env: {{ {name}: \"${{{{ secrets.{name} }}}}\" }}"),
                ),
                (None, false) => Check::note(
                    "secret",
                    format!("{name} is not set; {environment} needs it"),
                    format!("export {name}=… before a run"),
                ),
            },
        )
        .collect()
}

fn check_actions(surroundings: &Surroundings) -> Vec<Check> {
    let needed = [
        "GITHUB_REPOSITORY",
        "GITHUB_SHA",
        "GITHUB_REF",
        "GITHUB_EVENT_NAME",
        "GITHUB_EVENT_PATH",
    ];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| surroundings.variable(name).is_none())
        .collect();
    let variables = match missing.is_empty() {
        true => Check::fine(
            "github",
            format!(
                "event {}",
                surroundings
                    .variable("GITHUB_EVENT_NAME")
                    .unwrap_or_default()
            ),
        ),
        false => Check::wrong(
            "github",
            format!("not set: {}", missing.join(", ")),
            "run baepo as a step of a job, not in a container of its own",
        ),
    };
    let event = surroundings.variable("GITHUB_EVENT_PATH").map(Path::new);
    let payload = match event.map(std::fs::File::open) {
        Some(Err(error)) => Some(Check::wrong(
            "github",
            format!("the event cannot be read: {error}"),
            "mount the folder of GITHUB_EVENT_PATH",
        )),
        Some(Ok(_)) | None => None,
    };
    std::iter::once(variables).chain(payload).collect()
}

#[cfg(test)]
mod tests;

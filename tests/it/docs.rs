//! What the documents promise: their configurations are right, and their commands exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

const README: &str = include_str!("../../README.md");
const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const COMMANDS: &str = include_str!("../../docs/commands.md");
const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");

/// The blocks of a page that are fenced as `language`.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let starts = page
        .match_indices(&fence)
        .map(|(at, _)| &page[at + fence.len()..]);
    starts.filter_map(|rest| rest.split("```").next()).collect()
}

/// The words that follow `program` in code, each once.
fn commands<'a>(page: &'a str, program: &str) -> BTreeSet<&'a str> {
    let prefix = format!("`{program} ");
    let starts = page
        .match_indices(&prefix)
        .map(|(at, _)| &page[at + prefix.len()..]);
    starts
        .filter_map(|rest| rest.split(['`', ' ']).next())
        .collect()
}

#[test]
fn every_configuration_that_is_shown_is_right() -> Result<()> {
    let mut seen = 0;
    for (page, text) in [
        ("README.md", README),
        ("docs/configuration.md", CONFIGURATION),
    ] {
        for block in blocks(text, "yaml")
            .into_iter()
            .filter(|block| block.contains("app: "))
        {
            seen += 1;
            if let Err(findings) = baepo::config::parse(page, block) {
                anyhow::bail!("{page}:\n{findings}\n{block}");
            }
        }
    }
    ensure!(seen == 2, "{seen} configurations are shown, not 2");
    Ok(())
}

/// A program that looks at workflows, or nothing where a person runs the tests
/// without it.
fn lint(program: &str, arguments: &[&str], folder: &Path) -> Result<Option<std::process::Output>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let program = root
        .context("the tests are in the repository")?
        .join("target/tools/bin")
        .join(program);
    if !program.is_file() {
        ensure!(
            std::env::var_os("CI").is_none(),
            "{} is missing: cargo xtask ci install",
            program.display()
        );
        return Ok(None);
    }
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()?;
    Ok(Some(output))
}

/// What the linters say of a workflow; nothing where all is well.
fn complaints(workflow: &str) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join(".github/workflows");
    std::fs::create_dir_all(&place)?;
    std::fs::write(place.join("shown.yml"), workflow)?;
    let file = ".github/workflows/shown.yml";
    let schema = ["--builtin-schema", "vendor.github-workflows", file];
    let mut complaints = Vec::new();
    for (program, arguments) in [
        ("actionlint", &[file][..]),
        ("check-jsonschema", &schema[..]),
        ("zizmor", &["--offline", "--no-progress", file][..]),
    ] {
        let Some(output) = lint(program, arguments, folder.path())? else {
            continue;
        };
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            complaints.push(format!("{program}: {}", String::from_utf8_lossy(&said)));
        }
    }
    Ok(complaints)
}

#[test]
fn every_workflow_that_is_shown_is_valid_and_safe() -> Result<()> {
    let mut seen = 0;
    for (page, text) in [("README.md", README), ("docs/commands.md", COMMANDS)] {
        let blocks = blocks(text, "yaml").into_iter();
        for block in blocks.filter(|block| block.contains("jobs:\n")) {
            seen += 1;
            let complaints = complaints(block)?;
            ensure!(complaints.is_empty(), "{page}: {complaints:#?}");
        }
    }
    ensure!(seen == 2, "{seen} workflows are shown, not 2");
    Ok(())
}

#[test]
fn the_workflow_of_every_new_plugin_is_valid_and_safe() -> Result<()> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/templates");
    let mut seen = 0;
    for language in std::fs::read_dir(templates)? {
        let path = language?.path().join("project/github-check.yml");
        let workflow =
            std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let complaints = complaints(&workflow)?;
        ensure!(complaints.is_empty(), "{}: {complaints:?}", path.display());
        seen += 1;
    }
    ensure!(seen == 6, "{seen} languages");
    Ok(())
}

#[test]
fn a_workflow_that_is_wrong_would_be_noticed() -> Result<()> {
    if lint("actionlint", &["-version"], Path::new("."))?.is_none() {
        return Ok(());
    }
    let right = blocks(README, "yaml")[0];
    for (from, to, who) in [
        ("runs-on:", "runs-onn:", "check-jsonschema"),
        ("github.event_name", "github.event_nam", "actionlint"),
        (
            "fetch-depth: 0, persist-credentials: false",
            "fetch-depth: 0",
            "zizmor",
        ),
    ] {
        ensure!(right.contains(from), "`{from}` is not shown");
        let complaints = complaints(&right.replace(from, to))?;
        let noticed = complaints.iter().any(|text| text.starts_with(who));
        ensure!(noticed, "{who} says nothing of `{to}`: {complaints:#?}");
    }
    Ok(())
}

#[test]
fn every_command_that_is_shown_exists() -> Result<()> {
    let program = baepo_binary()?;
    let names: BTreeSet<&str> = [README, CONFIGURATION, CONTRIBUTING]
        .into_iter()
        .flat_map(|page| commands(page, "baepo"))
        .filter(|name| !name.starts_with('-'))
        .collect();
    ensure!(names.contains("init") && names.contains("run"), "{names:?}");
    for name in names {
        let output = Command::new(&program).args([name, "--help"]).output()?;
        ensure!(
            output.status.success(),
            "`baepo {name} --help` does not succeed"
        );
    }
    Ok(())
}

#[test]
fn the_demonstration_is_started_as_the_readme_says() -> Result<()> {
    let shown: Vec<&str> = blocks(README, "sh").into_iter().map(str::trim).collect();
    ensure!(
        shown == ["cargo run --release -- demo", "cargo xtask ci"],
        "{shown:?}"
    );
    let output = Command::new(baepo_binary()?)
        .args(["demo", "--help"])
        .output()?;
    let help = String::from_utf8(output.stdout)?;
    for word in [
        "--strategy",
        "--output",
        "direct",
        "blue-green",
        "canary",
        "rolling",
    ] {
        ensure!(
            help.contains(word),
            "`baepo demo --help` does not know {word}:\n{help}"
        );
    }
    Ok(())
}

#[test]
fn the_table_of_inputs_is_that_of_the_action() -> Result<()> {
    let action = include_str!("../../action.yml");
    let (_, rest) = action.split_once("inputs:\n").context("inputs")?;
    let (inputs, rest) = rest.split_once("outputs:\n").context("outputs")?;
    let (outputs, _) = rest.split_once("runs:\n").context("runs")?;
    let names = |section: &str| -> Vec<String> {
        let keys = section
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
        keys.filter(|key| !key.starts_with(' '))
            .map(str::to_owned)
            .collect()
    };
    for name in names(inputs).iter().chain(&names(outputs)) {
        ensure!(
            README.contains(&format!("| `{name}` |")),
            "README.md does not say what `{name}` is"
        );
    }
    Ok(())
}

/// The binary that belongs to these tests.
fn baepo_binary() -> Result<std::path::PathBuf> {
    let tests = std::env::current_exe()?;
    let folder = tests
        .parent()
        .and_then(Path::parent)
        .context("the tests are in target/release/deps")?;
    let binary = folder.join("baepo");
    ensure!(
        binary.is_file(),
        "{} is missing: cargo build --release --workspace",
        binary.display()
    );
    Ok(binary)
}

#[test]
fn every_chore_that_is_shown_exists() -> Result<()> {
    let xtask = baepo_binary()?.with_file_name("xtask");
    let usage = String::from_utf8(Command::new(xtask).arg("help").output()?.stdout)?;
    let mut seen = BTreeSet::new();
    for (page, text) in pages()? {
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("cargo xtask ") {
            let is_part = |c: &char| c.is_ascii_lowercase() || *c == '-';
            let name: String = after.chars().take_while(is_part).collect();
            let mut lines = usage.lines().filter_map(|line| line.strip_prefix("  "));
            let exists = lines.any(|line| line.split(' ').next() == Some(&*name));
            ensure!(exists, "{page}: `cargo xtask {name}` is none of:\n{usage}");
            seen.insert(name.clone());
            rest = after;
        }
    }
    ensure!(seen.len() >= 8, "{seen:?}");
    Ok(())
}

/// All pages for people, the README files of new plugins included.
fn pages() -> Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("plugins/templates"), root.join("docs")];
    let mut pages = Vec::new();
    let mut read = |path: &Path| -> Result<()> {
        pages.push((path.display().to_string(), std::fs::read_to_string(path)?));
        Ok(())
    };
    for name in ["README.md", "CONTRIBUTING.md", "plugins/README.md"] {
        read(&root.join(name))?;
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "md") {
                read(&path)?;
            }
        }
    }
    Ok(pages)
}

/// The command lines of baepo on a page: in code, and on lines of shell blocks.
fn command_lines(page: &str) -> Vec<String> {
    let in_code = page.split('`').skip(1).step_by(2);
    let blocks = ["sh", "text"]
        .into_iter()
        .flat_map(|language| blocks(page, language));
    let in_blocks = blocks.flat_map(str::lines);
    let in_blocks = in_blocks.map(|line| line.trim_start_matches("$ "));
    let lines = in_code.chain(in_blocks).map(str::trim);
    let lines = lines.filter(|line| line.starts_with("baepo ") && !line.contains('\n'));
    // What is piped on, and remarks, are the shell's.
    let lines = lines.map(|line| line.split(['|', '#', '>']).next().unwrap_or(line));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn every_command_line_that_is_shown_is_understood() -> Result<()> {
    use clap::Parser as _;
    use clap::error::ErrorKind;
    let (mut seen, mut wrong) = (0, Vec::new());
    for (page, text) in pages()? {
        for line in command_lines(&text) {
            // A page says `baepo plugin run HOOK …`, and leaves something out.
            let is_output = line.starts_with("baepo 1.2.3");
            if line.contains('…') || is_output {
                continue;
            }
            seen += 1;
            let line = line.replace(" DIGEST", &format!(" sha256:{}", "0".repeat(64)));
            let line = line.trim_end_matches('\\');
            let words = shell_words::split(line).with_context(|| line.to_owned())?;
            // A command without its arguments is one that is spoken of.
            let spoken_of = ErrorKind::MissingRequiredArgument;
            if let Err(error) = baepo::Cli::try_parse_from(words)
                && error.use_stderr()
                && error.kind() != spoken_of
            {
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default().to_owned();
                wrong.push(format!("{page}: `{line}`: {why}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(seen > 90, "{seen} command lines are shown");
    Ok(())
}

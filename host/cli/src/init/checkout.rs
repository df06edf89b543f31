//! What can be told from a checkout by looking at it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::config::unit::check_name;

/// What was found, and what was assumed where nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Name of the application.
    pub app: String,
    /// One line that builds.
    pub build: String,
    /// Files that the build makes.
    pub artifacts: Vec<String>,
    /// One line that tests and the report it writes, where such a line is known.
    pub test: Option<(String, String)>,
    /// Words that run one instance.
    pub command: Vec<String>,
    /// Path that answers 2xx.
    pub health: String,
    /// Branch that deploys.
    pub branch: String,
    /// What was assumed, and why.
    pub guesses: Vec<Guess>,
    /// What a person has to look at.
    pub notes: Vec<String>,
}

/// One assumption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// About what.
    pub what: &'static str,
    /// What is assumed.
    pub value: String,
    /// Where it comes from.
    pub why: String,
}

/// How a project of one language is built, tested and run.
struct Project {
    name: Option<String>,
    file: &'static str,
    build: String,
    artifact: String,
    command: Vec<String>,
    test: Option<(String, String)>,
    test_note: Option<&'static str>,
}

impl Checkout {
    /// Look at a folder. Never fails: what cannot be read is not there.
    pub fn look(root: &Path) -> Checkout {
        let project = look_at_rust(root)
            .or_else(|| look_at_node(root))
            .or_else(|| look_at_go(root))
            .or_else(|| look_at_python(root))
            .unwrap_or_else(unknown_project);
        let mut guesses = Vec::new();
        let mut guess = |what, value: &str, why: String| {
            let value = value.to_owned();
            guesses.push(Guess { what, value, why });
        };
        let (app, why) = app_name(root, &project);
        guess("app", &app, why);
        let from = match project.file {
            "" => "nothing that is known was found".to_owned(),
            file => format!("found {file}"),
        };
        guess(
            "build",
            &format!("{} → {}", project.build, project.artifact),
            from.clone(),
        );
        if let Some((run, report)) = &project.test {
            guess("test", &format!("{run} → {report}"), from.clone());
        }
        guess("command", &project.command.join(" "), from);
        let (health, why) = health_path(root);
        guess("health", &health, why);
        let (branch, why) = default_branch(root);
        guess("branch", &branch, why);

        let mut notes = notes(root, &project);
        notes.extend(project.test_note.map(str::to_owned));
        Checkout {
            app,
            build: project.build,
            artifacts: vec![project.artifact],
            test: project.test,
            command: project.command,
            health,
            branch,
            guesses,
            notes,
        }
    }
}

fn notes(root: &Path, project: &Project) -> Vec<String> {
    let mut notes = vec![
        "the program must listen on the port in the variable PORT, on 127.0.0.1".to_owned(),
        format!(
            "the job must run on the machine that serves, and on another one for pull requests: see `runs-on:` in {}",
            super::WORKFLOW_PATH
        ),
        format!(
            "{} says `uses: OWNER/baepo@…`: put in where you keep baepo, and a commit",
            super::WORKFLOW_PATH
        ),
        ".baepo/ belongs into .gitignore".to_owned(),
    ];
    if project.file.is_empty() {
        notes.insert(
            0,
            "build, artifacts and command are placeholders: say how this is built and run"
                .to_owned(),
        );
    }
    if root.join("Dockerfile").exists() {
        notes.push(
            "a Dockerfile was found; images are not in this version, the program itself is run"
                .to_owned(),
        );
    }
    let workflows = fs::read_dir(root.join(".github/workflows"));
    let mut names: Vec<String> = workflows
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "deploy.yml" && (name.ends_with(".yml") || name.ends_with(".yaml")))
        .collect();
    names.sort();
    if !names.is_empty() {
        notes.push(format!(
            "these workflows stay as they are and may do the same work: {}",
            names.join(", ")
        ));
    }
    notes
}

fn read(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

/// `key = "value"` in a section of a TOML file that is written plainly.
fn toml_value(text: &str, section: &str, key: &str) -> Option<String> {
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line == section;
        } else if is_inside
            && let Some((found, value)) = line.split_once('=')
            && found.trim() == key
        {
            let value = value.trim().strip_prefix('"')?;
            return value.split_once('"').map(|(value, _)| value.to_owned());
        }
    }
    None
}

fn look_at_rust(root: &Path) -> Option<Project> {
    let manifest = read(root, "Cargo.toml")?;
    let own = |text: &str| {
        let bin = toml_value(text, "[[bin]]", "name");
        bin.or_else(|| toml_value(text, "[package]", "name"))
    };
    let name = own(&manifest).or_else(|| member_with_program(root));
    let program = name.clone().unwrap_or_else(|| "app".to_owned());
    let has_report =
        read(root, ".config/nextest.toml").is_some_and(|text| text.contains("[profile.ci.junit]"));
    let report = read(root, ".config/nextest.toml")
        .and_then(|text| toml_value(&text, "[profile.ci.junit]", "path"))
        .unwrap_or_else(|| "junit.xml".to_owned());
    Some(Project {
        name,
        file: "Cargo.toml",
        build: "cargo build --release --locked".to_owned(),
        artifact: format!("target/release/{program}"),
        command: vec![program],
        test: has_report.then(|| ("cargo nextest run --profile ci".to_owned(), format!("target/nextest/ci/{report}"))),
        test_note: (!has_report).then_some(
            "tests are left out: cargo-nextest writes the report that baepo reads, with `[profile.ci.junit]` and `path = \"junit.xml\"` in .config/nextest.toml",
        ),
    })
}

/// The first package below a workspace that has a program.
fn member_with_program(root: &Path) -> Option<String> {
    let folders = [
        root.to_owned(),
        root.join("crates"),
        root.join("apps"),
        root.join("host"),
    ];
    let mut members: Vec<_> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("src/main.rs").exists())
        .collect();
    members.sort();
    let manifest = fs::read_to_string(members.first()?.join("Cargo.toml")).ok()?;
    toml_value(&manifest, "[[bin]]", "name").or_else(|| toml_value(&manifest, "[package]", "name"))
}

fn look_at_node(root: &Path) -> Option<Project> {
    let package: Value = serde_json::from_str(&read(root, "package.json")?).ok()?;
    let uses = |name: &str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|kind| package[*kind][name].is_string())
    };
    let bundle = match package["scripts"]["build"].as_str() {
        Some(_) => package["main"].as_str().unwrap_or("dist/server.js"),
        None => package["main"].as_str().unwrap_or("server.js"),
    };
    let bundle = bundle.trim_start_matches("./");
    let file_name = bundle.rsplit('/').next().unwrap_or(bundle);
    let test = uses("vitest").then(|| {
        let run = "npx vitest run --reporter=junit --outputFile=junit.xml".to_owned();
        (run, "junit.xml".to_owned())
    });
    Some(Project {
        name: package["name"]
            .as_str()
            .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()),
        file: "package.json",
        build: match package["scripts"]["build"].as_str() {
            Some(_) => "npm run build".to_owned(),
            None => "npm ci".to_owned(),
        },
        artifact: bundle.to_owned(),
        command: vec!["node".to_owned(), file_name.to_owned()],
        test_note: match test {
            Some(_) => {
                Some("a release holds single files: the build must bundle what the program needs")
            }
            None => Some(
                "tests are left out: say which command writes a JUnit report; and the build must bundle what the program needs into its artifacts",
            ),
        },
        test,
    })
}

fn look_at_go(root: &Path) -> Option<Project> {
    let module = read(root, "go.mod")?;
    let path = module
        .lines()
        .find_map(|line| line.strip_prefix("module "))?
        .trim();
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    Some(Project {
        file: "go.mod",
        build: format!("go build -o build/{name} ."),
        artifact: format!("build/{name}"),
        command: vec![name.clone()],
        test: None,
        test_note: Some(
            "tests are left out: gotestsum writes the report that baepo reads: `gotestsum --junitfile junit.xml`",
        ),
        name: Some(name),
    })
}

fn look_at_python(root: &Path) -> Option<Project> {
    let project = read(root, "pyproject.toml");
    let requirements = read(root, "requirements.txt");
    if project.is_none() && requirements.is_none() {
        return None;
    }
    let text = project.clone().unwrap_or_default() + &requirements.unwrap_or_default();
    let program = ["app.py", "main.py", "server.py"]
        .into_iter()
        .find(|path| root.join(path).exists());
    let program = program.unwrap_or("app.py");
    let uses_pytest =
        text.contains("pytest") || root.join("pytest.ini").exists() || root.join("tests").exists();
    Some(Project {
        name: project
            .as_deref()
            .and_then(|text| toml_value(text, "[project]", "name")),
        file: if project.is_some() {
            "pyproject.toml"
        } else {
            "requirements.txt"
        },
        build: "python3 -m compileall -q .".to_owned(),
        artifact: program.to_owned(),
        command: vec!["python3".to_owned(), program.to_owned()],
        test: uses_pytest.then(|| {
            (
                "python3 -m pytest --junitxml=junit.xml".to_owned(),
                "junit.xml".to_owned(),
            )
        }),
        test_note: Some(
            "a release holds single files: list every file that the program needs in `artifacts`",
        ),
    })
}

fn unknown_project() -> Project {
    Project {
        name: None,
        file: "",
        build: "make".to_owned(),
        artifact: "build/app".to_owned(),
        command: vec!["app".to_owned()],
        test: None,
        test_note: Some("tests are left out: say which command writes a JUnit report"),
    }
}

/// The project's name, else the folder's, in letters that a name may have.
fn app_name(root: &Path, project: &Project) -> (String, String) {
    let folder = root.canonicalize().ok();
    let folder = folder
        .as_deref()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let candidates = [
        (project.name.clone(), format!("named in {}", project.file)),
        (folder, "the name of the folder".to_owned()),
    ];
    for (name, why) in candidates {
        let plain: String = name
            .unwrap_or_default()
            .to_lowercase()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let plain = plain
            .trim_matches(['-', '_'])
            .chars()
            .take(63)
            .collect::<String>();
        if check_name(&plain).is_ok() {
            return (plain, why);
        }
    }
    ("app".to_owned(), "no name was found".to_owned())
}

/// Paths that services commonly answer their health at.
const HEALTH_PATHS: [&str; 7] = [
    "/healthz", "/readyz", "/health", "/livez", "/ready", "/_health", "/ping",
];

/// The first common health path that the sources name in quotes.
fn health_path(root: &Path) -> (String, String) {
    let mut sources = Vec::new();
    collect_sources(root, 0, &mut sources);
    for path in HEALTH_PATHS {
        let quoted = [
            format!("\"{path}\""),
            format!("'{path}'"),
            format!("`{path}`"),
        ];
        let found = sources
            .iter()
            .find(|(_, text)| quoted.iter().any(|quoted| text.contains(quoted)));
        if let Some((file, _)) = found {
            return (path.to_owned(), format!("found in {file}"));
        }
    }
    let why = "assumed: it must answer 2xx when an instance can take requests";
    ("/healthz".to_owned(), why.to_owned())
}

/// Source files, at most 300 of at most 256 KiB and 5 folders deep.
fn collect_sources(folder: &Path, depth: usize, into: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_other = name.starts_with('.')
            || matches!(
                name.as_str(),
                "target" | "node_modules" | "vendor" | "dist" | "tests"
            );
        if into.len() >= 300 || is_other || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if depth < 5 {
                collect_sources(&path, depth + 1, into);
            }
            continue;
        }
        let is_source = [".rs", ".js", ".ts", ".mjs", ".py", ".go", ".java", ".rb"]
            .iter()
            .any(|end| name.ends_with(end));
        let is_small = path
            .metadata()
            .is_ok_and(|metadata| metadata.len() <= 256 * 1024);
        if is_source
            && is_small
            && let Ok(text) = fs::read_to_string(&path)
        {
            into.push((name, text));
        }
    }
}

fn default_branch(root: &Path) -> (String, String) {
    let git = |reference: &str| {
        let output = Command::new("git")
            .args(["symbolic-ref", "--quiet", "--short", reference])
            .current_dir(root)
            .output()
            .ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !name.is_empty()).then_some(name)
    };
    if let Some(name) = git("refs/remotes/origin/HEAD") {
        let branch = name.trim_start_matches("origin/").to_owned();
        return (branch, "the default branch of origin".to_owned());
    }
    match git("HEAD") {
        Some(branch) => (branch, "the branch that is checked out".to_owned()),
        None => ("main".to_owned(), "assumed".to_owned()),
    }
}

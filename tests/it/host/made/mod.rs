//! From `baepo plugin new` to a rollout that the plugin has decided, as an author
//! does it: with what the registries have, and nothing of this repository.
//!
//! An ordinary run makes a strategy in Rust; `cargo xtask guests` makes all that
//! there are templates for, in all languages, and rolls out with each language.

mod compiler;
mod control;
mod guide;
mod ordinary;
mod rollout;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::life::baepo;

/// A language, and what its author types.
struct Language {
    name: &'static str,
    hooks: &'static [&'static str],
    /// Once, and not counted.
    prepare: &'static [&'static str],
    build: &'static [&'static str],
    check: &'static [&'static str],
    /// What the output of its tests has in it when they ran and are well.
    tested: &'static str,
}

const ALL: &[&str] = &["build", "test", "strategy", "monitor", "target", "feedback"];

const LANGUAGES: [Language; 6] = [
    Language {
        name: "rust",
        hooks: ALL,
        prepare: &[],
        build: &["make"],
        check: &["make", "check"],
        tested: "test result: ok. ",
    },
    Language {
        name: "typescript",
        hooks: ALL,
        prepare: &["npm", "install", "--no-audit", "--no-fund"],
        build: &["npm", "run", "build"],
        check: &["npm", "run", "check"],
        tested: "# fail 0",
    },
    Language {
        name: "javascript",
        hooks: &["strategy", "monitor"],
        prepare: &["npm", "install", "--no-audit", "--no-fund"],
        build: &["npm", "run", "build"],
        check: &["npm", "run", "check"],
        tested: "# fail 0",
    },
    Language {
        name: "python",
        hooks: &["test", "strategy", "monitor", "feedback"],
        prepare: &["make", ".venv/ready"],
        build: &["make"],
        check: &["make", "check"],
        tested: "\nOK",
    },
    Language {
        name: "go",
        hooks: &["build", "strategy", "monitor"],
        prepare: &[],
        build: &["make"],
        check: &["make", "check"],
        tested: "ok  \t",
    },
    Language {
        name: "c",
        hooks: &["test", "strategy", "monitor"],
        prepare: &[],
        build: &["make"],
        check: &["make", "check"],
        tested: "claims hold",
    },
];

/// Somebody who has `baepo` and the tools of a language.
struct Author {
    folder: TempDir,
    compiler: compiler::Compiler,
}

/// A plugin that was made.
struct Made {
    language: &'static str,
    hook: &'static str,
    plugin: PathBuf,
    size_bytes: u64,
    took: Duration,
}

impl Author {
    fn new() -> Option<Author> {
        Some(Author {
            folder: tempfile::tempdir().unwrap(),
            compiler: compiler::Compiler::find()?,
        })
    }

    /// What it says on both streams.
    #[track_caller]
    fn succeeds(&self, arguments: &[&str], within: &Path) -> String {
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]).current_dir(within);
        let (text, wrong) = self.runs(command, &[]);
        text + &wrong
    }

    fn output_of(&self, command: &mut Command, variables: &[(&str, &str)]) -> Output {
        let beside = baepo().parent().unwrap().to_owned();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
        let before = std::env::var_os("PATH").unwrap();
        let path = [self.folder.path().join("bin"), beside, tools]
            .into_iter()
            .chain(std::env::split_paths(&before));
        let output = command
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("BAEPO_CACHE", self.folder.path().join("cache"))
            // What the projects of one language have in common is built once.
            .env("OUT", self.folder.path().join("out"))
            .env("CARGO_TARGET_DIR", self.folder.path().join("native"))
            .envs(variables.iter().copied())
            .env_remove("GITHUB_ACTIONS")
            .output();
        output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// What it prints on each of both streams.
    #[track_caller]
    fn runs(&self, mut command: Command, variables: &[(&str, &str)]) -> (String, String) {
        let output = self.output_of(&mut command, variables);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {text}{wrong}");
        (text, wrong)
    }

    /// A plugin of this hook, made, tested and checked.
    fn make(&self, language: &'static Language, hook: &'static str) -> Made {
        let name = format!("my-{}-{hook}", language.name);
        let new = ["plugin", "new", "--lang", language.name, "--hook", hook];
        let new = [&["baepo"], &new[..], &[&name]].concat();
        let said = self.succeeds(&new, self.folder.path());
        assert!(said.contains(&format!("next: cd {name} && ")), "{said}");

        let project = self.folder.path().join(&name);
        if !language.prepare.is_empty() {
            self.succeeds(language.prepare, &project);
        }
        let began = Instant::now();
        let mut build = Command::new(language.build[0]);
        build.args(&language.build[1..]).current_dir(&project);
        self.runs(build, self.compiler.variables());
        let took = began.elapsed();
        let checked = self.succeeds(language.check, &project);
        let is_well = checked.contains(language.tested)
            && !checked.contains("running 0 tests")
            && checked.contains('✓')
            && !checked.contains('✗')
            && !checked.contains('●');
        assert!(is_well, "{name}: {checked}");
        let plugin = project.join("plugin.wasm");
        Made {
            language: language.name,
            hook,
            size_bytes: std::fs::metadata(&plugin).unwrap().len(),
            plugin,
            took,
        }
    }
}

impl Made {
    fn line(&self) -> String {
        format!(
            "{:<11} {:<9} built in {:>5.1} s  {:>10} bytes",
            self.language,
            self.hook,
            self.took.as_secs_f64(),
            self.size_bytes
        )
    }
}

/// The part of the guide that leads to a plugin in this language.
fn beginning(language: &str) -> String {
    let title = match language {
        "typescript" => "TypeScript".into(),
        "javascript" => "JavaScript".into(),
        name => name[..1].to_uppercase() + &name[1..],
    };
    format!("Ten minutes, in {title}")
}

#[tokio::test]
async fn the_guide_leads_to_a_rollout_that_a_plugin_in_rust_has_decided() {
    let Some(author) = Author::new() else {
        return;
    };
    let here = guide::follow(
        &author,
        guide::GUIDE,
        &beginning("rust"),
        author.folder.path(),
    );
    rollout::decided_by(&here.join("plugin.wasm"), "share: 50%, watch: 1s").await;
}

/// What is shown that no language is needed for.
#[test]
fn what_the_guides_show_is_what_happens() {
    let Some(author) = Author::new() else {
        return;
    };
    let mut followed = Vec::new();
    for page in [guide::GUIDE, guide::HOOKS] {
        let folder = tempfile::tempdir().unwrap();
        guide::prepare(folder.path());
        for heading in guide::headings(page) {
            if !heading.starts_with("Ten minutes, in ") {
                guide::follow(&author, page, heading, folder.path());
                followed.push(heading);
            }
        }
    }
    assert!(followed.len() >= 8, "{followed:?}");
}

/// All plugins of a language, and a rollout that two of them decide. Also keeps
/// them for `cargo xtask bench guests`, which compares what they cost.
async fn makes_all_of(name: &str) {
    let Some(author) = wanted() else {
        return;
    };
    let language = LANGUAGES.iter().find(|language| language.name == name);
    let language = language.unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    std::fs::create_dir_all(&kept).unwrap();
    let began = tempfile::tempdir().unwrap();
    guide::follow(&author, guide::GUIDE, &beginning(name), began.path());
    let mut of_language = Vec::new();
    for hook in language.hooks {
        let made = author.make(language, hook);
        #[allow(clippy::print_stdout, reason = "a suite prints its figures")]
        {
            println!("{}", made.line());
        }
        std::fs::copy(&made.plugin, kept.join(format!("{name}-{hook}.wasm"))).unwrap();
        of_language.push(made);
    }
    let find = |hook: &str| {
        let made = of_language.iter().find(|made| made.hook == hook);
        made.unwrap().plugin.clone()
    };
    rollout::judged_by(name, &find("strategy"), &find("monitor")).await;
    // That of Rust is `programs`, which ordinary runs know.
    if name == "typescript" {
        rollout::driven_by(&find("target")).await;
    }
}

/// An author, where all languages are wanted.
fn wanted() -> Option<Author> {
    let is_wanted = std::env::var("BAEPO_GUESTS").is_ok_and(|wanted| wanted == "all");
    is_wanted.then(Author::new)?
}

#[tokio::test]
async fn plugins_in_rust_are_made_and_decide_rollouts() {
    makes_all_of("rust").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_in_typescript_are_made_and_decide_rollouts() {
    makes_all_of("typescript").await;
}

#[tokio::test]
async fn plugins_in_javascript_are_made_and_decide_rollouts() {
    makes_all_of("javascript").await;
}

#[tokio::test]
async fn plugins_in_python_are_made_and_decide_rollouts() {
    makes_all_of("python").await;
}

#[tokio::test]
async fn plugins_in_go_are_made_and_decide_rollouts() {
    makes_all_of("go").await;
}

#[tokio::test]
async fn plugins_in_c_are_made_and_decide_rollouts() {
    makes_all_of("c").await;
}

//! From `baepo plugin new` to a rollout that the plugin has decided, as an author
//! does it: with what the registry has, and nothing of this repository.
//!
//! An ordinary run makes a strategy; `cargo xtask guests` makes all of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use tempfile::TempDir;

use crate::life::{Checkout, baepo};

const HOOKS: [&str; 5] = ["strategy", "monitor", "build", "test", "feedback"];
const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler for the guest target, as variables and flags of `make`.
struct Compiler {
    variables: Vec<(&'static str, &'static str)>,
    flags: &'static str,
}

impl Compiler {
    /// The target of the installed toolchain, else Debian's compiler with its
    /// sources; `None` where a person has neither.
    fn find() -> Option<Compiler> {
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
        let sysroot = String::from_utf8(sysroot.unwrap().stdout).unwrap();
        let installed = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
        if installed.is_dir() {
            return Some(Compiler {
                variables: Vec::new(),
                flags: "",
            });
        }
        let has_sources = Path::new("/usr/lib/rustlib/src/rust/library/std").is_dir();
        assert!(
            has_sources || std::env::var_os("CI").is_none(),
            "there is no compiler for {TARGET}: cargo xtask ci install"
        );
        has_sources.then(|| Compiler {
            variables: vec![
                ("RUSTC", "/usr/bin/rustc"),
                ("RUSTC_BOOTSTRAP", "1"),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19"),
            ],
            flags: "-Z build-std=std,panic_abort",
        })
    }
}

struct Author {
    folder: TempDir,
    compiler: Compiler,
}

impl Author {
    fn plugin(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn succeeds(&self, command: &mut Command) -> String {
        let output: Output = command
            .env("BAEPO_CACHE", self.folder.path().join("cache"))
            .env_remove("GITHUB_ACTIONS")
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {text}{wrong}");
        text
    }

    /// A plugin of this hook, made, tested and checked; how long it took to
    /// build, and its size.
    fn make(&self, hook: &str) -> String {
        let name = format!("my-{hook}");
        let new = ["plugin", "new", "--lang", "rust", "--hook", hook, &name];
        let mut command = Command::new(baepo());
        let said = self.succeeds(command.args(new).current_dir(self.folder.path()));
        assert!(said.contains(&format!("next: cd {name} && make check")));

        let project = self.plugin(&name);
        // What they have in common is built once.
        let out = self.folder.path().join("out");
        let began = Instant::now();
        self.succeeds(
            Command::new("make")
                .current_dir(&project)
                .arg(format!("BAEPO={}", baepo().display()))
                .arg(format!("OUT={}", out.display()))
                .arg(format!("CARGO_FLAGS={}", self.compiler.flags))
                .envs(self.compiler.variables.iter().copied()),
        );
        let took = began.elapsed();
        let tested = self.succeeds(
            Command::new("cargo")
                .args(["test", "--quiet", "--target-dir"])
                .arg(self.folder.path().join("native"))
                .current_dir(&project),
        );
        assert!(tested.contains("test result: ok. "), "{tested}");
        assert!(!tested.contains("running 0 tests"), "{tested}");
        let mut command = Command::new(baepo());
        let checked = self.succeeds(command.args(["plugin", "check"]).current_dir(&project));
        assert!(
            !checked.contains('✗') && !checked.contains('●'),
            "{checked}"
        );
        let size = std::fs::metadata(project.join("plugin.wasm"))
            .unwrap()
            .len();
        format!(
            "rust {hook:<9} built in {:>5.1} s  {size:>7} bytes",
            took.as_secs_f64()
        )
    }
}

impl Author {
    /// The same in TypeScript; what npm fetches is far larger than the plugin.
    fn make_in_typescript(&self, hook: &str) -> String {
        let name = format!("my-typed-{hook}");
        let new = [
            "plugin",
            "new",
            "--lang",
            "typescript",
            "--hook",
            hook,
            &name,
        ];
        let mut command = Command::new(baepo());
        self.succeeds(command.args(new).current_dir(self.folder.path()));
        let project = self.plugin(&name);
        let beside = baepo().parent().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap();
        let npm = |arguments: &[&str]| {
            let mut command = Command::new("npm");
            command
                .args(arguments)
                .current_dir(&project)
                .env("PATH", format!("{}:{path}", beside.display()));
            self.succeeds(&mut command)
        };
        npm(&["install", "--no-audit", "--no-fund"]);
        let began = Instant::now();
        npm(&["run", "build"]);
        let took = began.elapsed();
        let checked = npm(&["run", "check"]);
        assert!(
            checked.contains("# fail 0") && !checked.contains('✗') && !checked.contains('●'),
            "{checked}"
        );
        let size = std::fs::metadata(project.join("plugin.wasm"))
            .unwrap()
            .len();
        format!(
            "typescript {hook:<9} built in {:>5.1} s  {size:>7} bytes",
            took.as_secs_f64()
        )
    }
}

#[test]
fn a_new_plugin_is_built_tested_checked_and_decides_a_rollout() {
    let Some(compiler) = Compiler::find() else {
        return;
    };
    let author = Author {
        folder: tempfile::tempdir().unwrap(),
        compiler,
    };
    let is_all = std::env::var("BAEPO_GUESTS").is_ok_and(|wanted| wanted == "all");
    let hooks = if is_all { &HOOKS[..] } else { &HOOKS[..1] };
    let mut lines = Vec::new();
    for hook in hooks {
        lines.push(author.make(hook));
    }
    #[allow(clippy::print_stdout, reason = "a suite prints its figures")]
    if is_all {
        lines.extend(["strategy", "monitor"].map(|hook| author.make_in_typescript(hook)));
        println!("{}", lines.join("\n"));
    }

    let mut checkout = Checkout::new();
    std::fs::copy(
        author.plugin("my-strategy").join("plugin.wasm"),
        checkout.path().join("mine.wasm"),
    )
    .unwrap();
    let settings = "    strategy: { plugin: ./mine.wasm, with: { share: 50%, watch: 1s } }\n";
    // Without requests only the health of instances can be judged.
    let config = |checkout: &Checkout, greeting: &str| {
        let config = checkout.config(greeting, settings);
        config.replace("    monitors: [traffic]\n", "")
    };
    checkout.commit("v1", &config(&checkout, "one"));
    checkout.start_agent();
    checkout.runs(&["run"], 0, &[]);
    checkout.commit("v2", &config(&checkout, "two"));
    checkout.runs(&["run"], 0, &["letting 50 % of users in", "live after"]);
}

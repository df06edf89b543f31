//! `baepo plugin pack` and `baepo plugin run`, as an author has them: from a
//! core module to an answer.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::life::baepo;

/// A feedback plugin of a toolchain that wants WASI: it answers only where WASI
/// keeps what is promised, and what it prints goes nowhere.
const WANTS_WASI: &str = r#"(module
(import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_open" (func $open
  (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(memory (export "memory") 1)
(global $top (mut i32) (i32.const 4096))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
  (global.set $top (i32.add (local.get $at) (local.get 3)))
  (local.get $at))
(func $is (param i32) (if (i32.eqz (local.get 0)) (then (unreachable))))
(data (i32.const 500) "slept well")
(func (export "baepo:hooks/feedback@0.1.0#respond") (param i32) (result i32)
  ;; The clock begins at nothing and goes on as far as is slept.
  (call $is (i32.eqz (call $time (i32.const 1) (i64.const 1) (i32.const 1000))))
  (call $is (i64.le_u (i64.load (i32.const 1000)) (i64.const 1000000)))
  (i32.store8 (i32.const 1108) (i32.const 0))
  (i64.store (i32.const 1124) (i64.const 5000000000))
  (call $is (i32.eqz (call $poll (i32.const 1100) (i32.const 1200) (i32.const 1) (i32.const 1300))))
  (call $is (i32.eq (i32.load (i32.const 1300)) (i32.const 1)))
  (call $is (i32.eqz (call $time (i32.const 1) (i64.const 1) (i32.const 1000))))
  (call $is (i64.gt_u (i64.load (i32.const 1000)) (i64.const 5000000000)))
  ;; Randomness is always the same, and there are no variables and no files.
  (call $is (i32.eqz (call $random (i32.const 1400) (i32.const 2))))
  (call $is (i32.eq (i32.load16_u (i32.const 1400)) (i32.const 0x5a5a)))
  (call $is (i32.eqz (call $environ (i32.const 1500) (i32.const 1504))))
  (call $is (i32.eqz (i32.load (i32.const 1500))))
  (call $is (i32.eq (i32.const 8) (call $open (i32.const 3) (i32.const 0) (i32.const 500)
    (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 1600))))
  ;; Both pieces are taken.
  (i32.store (i32.const 1700) (i32.const 500))
  (i32.store (i32.const 1704) (i32.const 5))
  (i32.store (i32.const 1708) (i32.const 505))
  (i32.store (i32.const 1712) (i32.const 5))
  (call $is (i32.eqz (call $write (i32.const 1) (i32.const 1700) (i32.const 2) (i32.const 1800))))
  (call $is (i32.eq (i32.load (i32.const 1800)) (i32.const 10)))
  (i32.store (i32.const 104) (i32.const 600))
  (i32.store (i32.const 108) (i32.const 1))
  (i32.store (i32.const 600) (i32.const 500))
  (i32.store (i32.const 604) (i32.const 10))
  (i32.store (i32.const 608) (i32.const 500))
  (i32.store (i32.const 612) (i32.const 10))
  (i32.const 96)))"#;

/// Somebody in a folder with `baepo` and nothing else.
pub(super) struct Author(TempDir);

impl Author {
    pub(super) fn new() -> Author {
        Author(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    pub(super) fn baepo(&self, arguments: &[&str]) -> Output {
        Command::new(baepo())
            .args(arguments)
            .current_dir(self.path())
            .env("BAEPO_CACHE", self.path().join("cache"))
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a feedback plugin is asked.
pub(super) fn question() -> String {
    let past = json!({
        "revision": {
            "commit": "c", "ref-name": "main", "summary": "s", "committed-at": 0
        },
        "environment": "production", "outcome": "succeeded", "reason": "r", "started": 0, "ended": 1
    });
    json!({ "config": "{}", "rollout": past, "signals": [], "history": [] }).to_string()
}

#[test]
fn a_module_that_wants_wasi_is_packed_and_answers() {
    let author = Author::new();
    author.write("core.wasm", wat::parse_str(WANTS_WASI).unwrap());
    author.write(
        "baepo-plugin.yml",
        "version: 1\nhook: feedback\nwishes:\n  - { capability: net, scope: \"*\", reason: it asks }\n",
    );
    let packed = author.baepo(&["plugin", "pack", "core.wasm"]);
    assert!(packed.status.success(), "{}", text(&packed.stderr));
    let said = text(&packed.stdout);
    assert!(said.starts_with("✓ plugin.wasm  feedback  "), "{said}");
    assert!(said.contains("imports nothing, 1 wish\n"), "{said}");
    assert!(said.contains("its WASI is an empty one"), "{said}");
    let seen = author.baepo(&["plugin", "inspect", "plugin.wasm", "--output", "json"]);
    let seen: Value = serde_json::from_slice(&seen.stdout).unwrap();
    let digest = seen["digest"].as_str().unwrap().replace("sha256:", "");
    assert!(said.contains(&format!("sha256 {digest}")), "{said} {seen}");
    assert_eq!(seen["wishes"][0]["reason"], "it asks");

    author.write("look.json", question());
    let asked = [
        "plugin",
        "run",
        "feedback",
        "-p",
        "plugin.wasm",
        "-i",
        "look.json",
    ];
    let answered = author.baepo(&asked);
    assert!(answered.status.success(), "{}", text(&answered.stderr));
    let answer: Value = serde_json::from_slice(&answered.stdout).unwrap();
    let section = json!([{ "title": "slept well", "body": "slept well" }]);
    assert_eq!(answer["answer"], section);
    let logged = text(&answered.stderr);
    assert!(logged.contains("plugin | slept well\n"), "{logged}");
}

#[test]
fn what_is_no_plugin_is_refused_with_the_next_step() {
    let author = Author::new();
    let refused = |arguments: &[&str]| {
        let output = author.baepo(&[&["plugin", "pack"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(!author.path().join("plugin.wasm").exists());
        text(&output.stderr)
    };
    author.write("core.wasm", wat::parse_str("(module)").unwrap());
    let said = refused(&["core.wasm"]);
    assert!(said.contains("error: core.wasm: it says nothing of its interface"));
    assert!(said.contains("help: say which hook it is: `--hook monitor`"));

    let said = refused(&["core.wasm", "--hook", "monitor"]);
    assert!(said.contains("it does not export `baepo:hooks/monitor@0.1.0#describe`"));
    assert!(said.contains("wit/monitor.wit"), "{said}");

    let said = refused(&["core.wasm", "--hook", "watcher"]);
    assert!(said.contains("`watcher` is no hook"), "{said}");
    assert!(
        said.contains("one of build, test, strategy, monitor"),
        "{said}"
    );

    let said = refused(&["nothing.wasm"]);
    assert!(said.contains("nothing.wasm"), "{said}");

    author.write("baepo-plugin.yml", "version: 1\nhok: feedback\n");
    let said = refused(&["core.wasm"]);
    assert!(said.contains("did you mean `hook`?"), "{said}");
}

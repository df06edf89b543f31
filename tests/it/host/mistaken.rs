//! What authors get wrong, one row for each: what they read names the function
//! or the file, what was expected, and what to do next.

use anyhow::Result;
use serde_json::Value;

use super::guest::{self, names};
use super::packed::Author;

impl Author {
    /// Both streams.
    fn reads(&self, arguments: &[&str]) -> String {
        let output = self.baepo(arguments);
        assert!(!output.status.success(), "{arguments:?} is a mistake");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap()
    }
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn a_call_that_comes_to_nothing_names_its_function_and_the_next_step() -> Result<()> {
    let author = Author::new();
    let view = serde_json::to_string(&guest::view())?;
    std::fs::write(author.path().join("view.json"), view)?;
    let mistakes: [(&str, &str, [&str; 3]); 8] = [
        (
            names::GIVES_UP,
            "trap",
            [
                "it crashed in `strategy.decide`",
                "in `inner_function`",
                "a build that keeps names says which function",
            ],
        ),
        (
            names::TRAPS_AT_START,
            "trap",
            [
                "it crashed in `start`",
                "it gave up by itself",
                "mistake in the plugin",
            ],
        ),
        (
            names::FALSE_TEXT,
            "bad-exchange",
            ["in `strategy.decide`", "utf-8", "text that is not UTF-8"],
        ),
        (
            names::FALSE_CASE,
            "bad-exchange",
            [
                "in `strategy.decide`",
                "discriminant",
                "a case or a variant that there is not",
            ],
        ),
        (
            names::FALSE_POINTER,
            "bad-exchange",
            [
                "in `strategy.decide`",
                "out of bounds",
                "a list outside of its memory",
            ],
        ),
        (
            names::NONSENSE,
            "invalid-answer",
            [
                "its answer to `strategy.decide` makes no sense",
                "it routes 20000 basis points of 10000",
                "see what wit/ says of that function",
            ],
        ),
        (
            names::EXITS,
            "exited",
            [
                "it exited with code 1",
                "instead of answering `strategy.decide`",
                "a hook answers, with an error where it must",
            ],
        ),
        (
            names::REFUSES_CONFIG,
            "invalid-config",
            [
                "its configuration is wrong",
                "`steps.1` must grow",
                "correct `with:` where the plugin is used",
            ],
        ),
    ];
    for (guest, class, words) in mistakes {
        std::fs::write(author.path().join("mine.wasm"), guest::component(guest)?)?;
        let asked = [
            "plugin",
            "run",
            "strategy",
            "-p",
            "mine.wasm",
            "-i",
            "view.json",
        ];
        let output = author.baepo(&asked);
        assert!(!output.status.success(), "{class}");
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let error = &told["error"];
        assert_eq!(error["class"], class, "{error}");
        has(&format!("{} {}", error["message"], error["help"]), &words);
    }
    Ok(())
}

#[test]
fn a_plugin_that_is_none_names_its_file_and_the_next_step() -> Result<()> {
    let author = Author::new();
    std::fs::write(author.path().join("look.json"), "{}")?;
    let core = wat::parse_str("(module)")?;
    let cut = guest::component(names::ANSWER)?[..400].to_vec();
    let mistakes: [(Vec<u8>, [&str; 2]); 7] = [
        (
            guest::component(names::ANSWER)?,
            [
                "it has no monitor hook; it has strategy",
                "use a plugin of the right kind",
            ],
        ),
        (
            guest::component(names::NO_HOOK)?,
            ["it exports no hook", "export one of build, test, strategy"],
        ),
        (
            guest::component(names::UNKNOWN_IMPORT)?,
            [
                "it imports `acme:tools/magic@1.0.0`",
                "use only what wit/ offers",
            ],
        ),
        (
            guest::component(names::OPENS_SOCKETS)?,
            ["it imports `wasi:sockets/", "build with `--stub-wasi`"],
        ),
        (core, ["a core WebAssembly module", "baepo plugin pack"]),
        (
            b"<!DOCTYPE html>".to_vec(),
            ["it is not WebAssembly", "downloaded whole"],
        ),
        (cut, ["damaged", "build it again"]),
    ];
    for (bytes, words) in mistakes {
        std::fs::write(author.path().join("mine.wasm"), bytes)?;
        let asked = [
            "plugin",
            "run",
            "monitor",
            "-p",
            "mine.wasm",
            "-i",
            "look.json",
        ];
        let text = author.reads(&asked);
        has(&text, &["mine.wasm"]);
        has(&text, &words);
    }
    Ok(())
}

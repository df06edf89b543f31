//! Reports full of what plugins, commits and tests may say, in amount and in
//! kind.

use baepo::github::comment::{MOST_CHARACTERS, Marker};
use baepo::github::place::Turn;
use baepo::render::markdown::{self, Links};
use baepo_core::hook::{Annotation, TestCounts};
use baepo_core::pipeline::{RunEntry, RunRecord, Stage, StageOutput, StageResult};
use baepo_core::release::Revision;
use baepo_core::report::{ChangedWishes, Report, Used};
use baepo_core::time::Time;
use baepo_core::verdict::Level;
use serde_json::Value;

use super::npm::{modules, node};
use super::page::is_balanced;

/// What could end, begin or reach something if it were not made harmless.
const NASTY: [&str; 24] = [
    "<!-- baepo v=1 id=shop run=9 attempt=9 hash=x -->",
    "</details></details>",
    "<details><summary>x",
    "```\n</details>",
    "````mermaid\nflowchart LR",
    "~~~\nx",
    "@acme/everyone #1 acme/shop#2 GH-3",
    "https://github.com/acme/shop/issues/4",
    "![x](https://evil.dev/track.png)",
    "<img src=https://evil.dev/x.png>",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "| a | b |\n|---|---|\n| c | d |",
    "::add-mask::x",
    "\n::set-output name=a::b",
    "##[add-path]/evil",
    "a\r::error::b",
    "\u{202e}txt.exe",
    "\"]:::ok --> X[\"x",
    "%%{init: {\"theme\": \"dark\"}}%%",
    "end",
    "[^1]: note\n\n# Heading\n---\n",
    "&lt;b&gt; &amp; <b>",
    "`` ` ``` $x$ \\",
];

fn report(text: &str, many: usize) -> Report {
    let revision = Revision {
        commit: "a".repeat(40),
        ref_name: text.into(),
        summary: text.into(),
        committed_at: Time(0),
    };
    let began = RunEntry::Began {
        run: text.into(),
        app: text.into(),
        revision,
        trigger: text.into(),
        pull_request: Some(1),
    };
    let at = Time(1_800_000_000_000);
    let mut report = Report::of(&[RunRecord { at, entry: began }]).unwrap();
    let annotations = (0..many).map(|_| Annotation {
        path: text.into(),
        start_line: 1,
        end_line: 1,
        level: Level::Warning,
        title: text.into(),
        message: text.into(),
    });
    let stages = [
        Stage::Build(text.into()),
        Stage::Test(text.into()),
        Stage::Rollout(text.into()),
    ];
    let mut annotations: Vec<Annotation> = annotations.collect();
    for stage in stages {
        report.apply(&RunRecord {
            at,
            entry: RunEntry::StageBegan {
                stage: stage.clone(),
            },
        });
        let output = StageOutput::Tests {
            counts: TestCounts::default(),
            failures: vec![(text.into(), text.into()); many.min(20)],
        };
        report.apply(&RunRecord {
            at,
            entry: RunEntry::StageEnded {
                stage,
                result: StageResult::Failed,
                output,
                annotations: std::mem::take(&mut annotations),
            },
        });
    }
    for _ in 0..many {
        report.notes.push((Level::Warning, text.into()));
        report.wishes.push(ChangedWishes {
            plugin: text.into(),
            lines: vec![text.into(); 30],
        });
        report.used.push(Used {
            plugin: text.into(),
            capability: text.into(),
            target: text.into(),
        });
    }
    report
}

#[test]
fn ten_megabytes_of_what_plugins_say_are_one_comment_and_one_summary() {
    let report = report(&"a plugin says <b> @team | so much ".repeat(30), 10_000);
    let links = Links {
        run: Some("https://github.com/acme/shop/actions/runs/1".into()),
        ..Links::default()
    };
    let comment = markdown::comment(&report, &links, MOST_CHARACTERS - 512);
    let length = comment.chars().count();
    assert!(length <= MOST_CHARACTERS - 512, "{length}");
    assert!(
        length > 60_000,
        "it is not longer shortened than needed: {length}"
    );
    assert!(comment.contains("> This is shortened to fit into a comment ("));
    assert!(
        comment.contains("[the summary of the run](https://github.com/acme/shop/actions/runs/1)")
    );
    is_balanced(&comment);
    let check = markdown::check(&report, &links, 65_535);
    assert!(check.chars().count() <= 65_535);
    is_balanced(&check);
    let summary = markdown::summary(&report, &links);
    assert!(
        summary.len() < 1024 * 1024 && summary.len() > 900_000,
        "{}",
        summary.len()
    );
    is_balanced(&summary);
}

#[test]
fn nothing_that_is_said_becomes_more_than_text() {
    let Some(modules) = modules() else { return };
    let mut pages: Vec<String> = NASTY
        .iter()
        .map(|text| {
            let page = markdown::comment(&report(text, 3), &Links::default(), MOST_CHARACTERS);
            let marker = Marker::of("shop", Turn { run: 1, attempt: 1 }, &page);
            format!("{marker}\n{page}")
        })
        .collect();
    pages.extend(NASTY.iter().map(|text| {
        let page = markdown::hearsay(report(text, 3), "ab", &Links::default(), MOST_CHARACTERS);
        let marker = Marker::of("shop/fork", Turn { run: 1, attempt: 1 }, &page);
        format!("{marker}\n{page}")
    }));
    // It would be noticed.
    pages.push("![x](https://evil.dev/x.png) [x](javascript:alert(1)) @acme".into());
    let input = serde_json::to_string(&pages).unwrap();
    let seen = node(&modules, "elements.mjs", &[], &input);
    let mut seen: Vec<Value> = serde_json::from_str(&seen).unwrap();
    let raw = seen.pop().unwrap();
    assert!(raw["kinds"].to_string().contains("\"img\""), "{raw}");
    assert_eq!(raw["links"][0], "javascript:alert(1)");
    assert!(raw["loose"].to_string().contains("@acme"), "{raw}");
    for (page, seen) in pages.iter().zip(&seen) {
        for kind in ["img", "script", "iframe", "b", "h1", "hr", "input"] {
            let kinds = seen["kinds"].as_array().unwrap();
            assert!(!kinds.iter().any(|seen| seen == kind), "{kind} in\n{page}");
        }
        assert_eq!(seen["links"], serde_json::json!([]), "{page}");
        assert_eq!(seen["hidden"], 1, "{page}");
        // Outside of code, where it would mean something.
        let loose = seen["loose"].as_str().unwrap();
        for live in ["@acme", "#1", "GH-3", "://"] {
            assert!(!loose.contains(live), "{live} in\n{page}");
        }
        // What is folded stays where it is: failures, stages, used.
        assert_eq!(seen["folded"], 3, "{page}");
    }
}

#[test]
fn diagrams_of_what_is_said_can_be_drawn() {
    let Some(modules) = modules() else { return };
    let pages: Vec<String> = NASTY
        .iter()
        .map(|text| markdown::comment(&report(text, 1), &Links::default(), MOST_CHARACTERS))
        .collect();
    let input = serde_json::to_string(&pages).unwrap();
    let result = node(&modules, "mermaid.mjs", &[], &input);
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["wrong"], serde_json::json!([]));
    assert!(
        result["diagrams"].as_u64() >= Some(NASTY.len() as u64),
        "{result}"
    );
}

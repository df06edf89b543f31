//! `baepo judge`: verdicts on numbers from anywhere, by the statistics that the
//! monitors judge with.
//!
//! One case a line goes in, one verdict a line comes out, in the same order. A
//! line that is no case is answered with what is wrong with it, and the others
//! are judged all the same.

pub mod case;
pub mod settings;

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use crate::exit::Exit;

/// How many cases are taken at once.
const BATCH: usize = 256;
/// The longest line, in bytes.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// Judge cases: one JSON document on each line in, one verdict on each line out.
///
/// A case is `{"id": …, "config": {…}, "windows": [{"stable": {"requests": …,
/// "failures": …}, "candidate": {…}}], "series": [{"name": …, "stable": […],
/// "candidate": […]}]}`; docs/judge.md has all of it.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// A file of cases, or `-` for standard input.
    file: PathBuf,
}

/// Judge.
///
/// # Errors
/// If the cases cannot be read or the verdicts cannot be written.
pub(crate) fn judge(args: &JudgeArgs) -> anyhow::Result<Exit> {
    let input: Box<dyn Read> = match args.file.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => {
            let name = args.file.display();
            Box::new(File::open(&args.file).with_context(|| format!("cannot read {name}"))?)
        }
    };
    let mut output = BufWriter::new(std::io::stdout().lock());
    let is_well = judge_all(BufReader::new(input), &mut output)?;
    output.flush().context("cannot write the verdicts")?;
    Ok(match is_well {
        true => Exit::Success,
        false => Exit::Usage,
    })
}

/// Judge each line; whether each was a case.
fn judge_all(mut input: impl BufRead, output: &mut impl Write) -> anyhow::Result<bool> {
    let mut is_well = true;
    let mut number = 0;
    loop {
        let mut lines = Vec::new();
        while lines.len() < BATCH {
            let mut line = String::new();
            let read = input.by_ref().take(LONGEST_LINE).read_line(&mut line);
            if read.context("cannot read the cases")? == 0 {
                break;
            }
            number += 1;
            if !line.trim().is_empty() {
                lines.push((number, line));
            }
        }
        if lines.is_empty() {
            return Ok(is_well);
        }
        for (line, is_case) in answers(&lines) {
            is_well &= is_case;
            writeln!(output, "{line}").context("cannot write the verdicts")?;
        }
    }
}

/// The answers to some lines, in their order, and whether each was a case.
fn answers(lines: &[(usize, String)]) -> Vec<(String, bool)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = lines.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = lines
            .chunks(size)
            .map(|part| scope.spawn(|| part.iter().map(answer).collect::<Vec<_>>()))
            .collect();
        let answers = parts.into_iter().map(|part| match part.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        answers.flatten().collect()
    })
}

fn answer((number, line): &(usize, String)) -> (String, bool) {
    let line = numbers_only(line);
    let judged = serde_json::from_str(&line)
        .map_err(|error| error.to_string())
        .and_then(|case: case::Case| case::judge(&case))
        .and_then(|judged| serde_json::to_string(&judged).map_err(|error| error.to_string()));
    match judged {
        Ok(text) => (text, true),
        Err(error) => {
            let known: Value = serde_json::from_str(&line).unwrap_or_default();
            let answer = json!({
                "id": known.get("id"),
                "verdict": "inconclusive",
                "decided-at": null,
                "gates": [],
                "error": format!("line {number}: {error}"),
            });
            (answer.to_string(), false)
        }
    }
}

/// The line with `null` in the place of `NaN`, `Infinity` and `-Infinity`, which
/// are no JSON and are written all the same.
fn numbers_only(line: &str) -> Cow<'_, str> {
    const NONE: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    if !NONE.iter().any(|none| line.contains(none)) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    let mut is_text = false;
    while let Some(next) = rest.chars().next() {
        let none = NONE.iter().find(|none| rest.starts_with(**none));
        match (is_text, none) {
            (false, Some(none)) => {
                text.push_str("null");
                rest = &rest[none.len()..];
                continue;
            }
            // What is escaped ends no text.
            (true, _) if next == '\\' => {
                let end = rest.chars().take(2).map(char::len_utf8).sum();
                text.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            _ => is_text ^= next == '"',
        }
        text.push(next);
        rest = &rest[next.len_utf8()..];
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> (Vec<String>, bool) {
        let mut output = Vec::new();
        let is_well = judge_all(input.as_bytes(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        (text.lines().map(str::to_owned).collect(), is_well)
    }

    #[test]
    fn each_line_is_answered_in_its_place() {
        let mut input = String::new();
        for id in 0..600 {
            input += &format!("{{\"id\": {id}}}\n\n");
        }
        let (lines, is_well) = lines(&input);
        assert!(is_well);
        assert_eq!(lines.len(), 600);
        for (id, line) in lines.iter().enumerate() {
            assert!(line.starts_with(&format!("{{\"id\":{id},")), "{line}");
        }
    }

    #[test]
    fn what_is_no_case_is_named_and_keeps_nobody_waiting() {
        let wrong = "{\"id\": \"x\", \"config\": {\"alpha\": 2}}";
        let (lines, is_well) = lines(&format!("{{\"id\": 1}}\nnonsense\n{{\"id\": 2}}\n{wrong}"));
        assert!(!is_well);
        assert!(lines[1].contains("\"error\":\"line 2: "), "{}", lines[1]);
        assert!(lines[2].contains("\"id\":2"), "{}", lines[2]);
        let told: Value = serde_json::from_str(&lines[3]).unwrap();
        assert_eq!(
            told,
            json!({
                "id": "x", "verdict": "inconclusive", "decided-at": null, "gates": [],
                "error": "line 4: alpha: 2 is not between 0 and 1",
            })
        );
    }

    #[test]
    fn what_is_no_number_is_missing_and_never_healthy() {
        let case = r#"{"id": "a \" NaN", "series": [{"name": "배포 Infinity\\",
            "stable": [NaN, 1.0, -Infinity], "candidate": [NaN,Infinity,1e999]}]}"#
            .replace('\n', " ");
        let text = numbers_only(&case);
        assert!(text.contains(r#""id": "a \" NaN""#), "{text}");
        assert!(text.contains(r#"Infinity\\","#), "{text}");
        assert!(text.contains("[null, 1.0, null]"), "{text}");
        let endless = "{\"windows\": [{\"stable\": {\"requests\": 1000, \"failures\": 0}, \"candidate\": \
                       {\"requests\": 1000, \"failures\": NaN}}]}";
        let (lines, is_well) = lines(endless);
        assert!(is_well);
        assert!(
            lines[0].contains("\"verdict\":\"inconclusive\""),
            "{}",
            lines[0]
        );
    }
}

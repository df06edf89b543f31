//! Runs named checks one after the other and writes what came of them as JUnit XML.
//!
//! Source: the JUnit format as <https://github.com/testmoapp/junitxml> describes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A name that is a sentence, and what must hold; a panic is a failure.
pub type Check = (&'static str, fn());

/// What came of one check.
struct Outcome {
    name: &'static str,
    duration: Duration,
    failure: Option<Failure>,
}

#[derive(Clone, Default)]
struct Failure {
    message: String,
    file: String,
    line: u32,
}

/// Where and why the last panic happened.
static LAST_PANIC: Mutex<Option<Failure>> = Mutex::new(None);

/// Runs the checks; the exit code is 1 when one failed or the report could not be written.
pub fn run(suite: &str, checks: &[Check]) -> ExitCode {
    remember_panics();
    let outcomes: Vec<Outcome> = checks.iter().map(|check| run_one(*check)).collect();
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    println!("{} passed, {failed} failed", outcomes.len() - failed);
    let path = report_path();
    match write(&path, &render(suite, &outcomes)) {
        Ok(()) => println!("report: {}", path.display()),
        Err(cause) => {
            eprintln!("error: cannot write {}: {cause}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

fn run_one((name, check): Check) -> Outcome {
    let started = Instant::now();
    let failure = catch_unwind(AssertUnwindSafe(check)).err().map(|_| {
        let last = LAST_PANIC.lock().ok().and_then(|mut last| last.take());
        last.unwrap_or_default()
    });
    let duration = started.elapsed();
    match &failure {
        None => println!("ok    {name} ({} ms)", duration.as_millis()),
        Some(f) => println!("FAIL  {name}\n      {}:{}: {}", f.file, f.line, f.message),
    }
    Outcome {
        name,
        duration,
        failure,
    }
}

fn remember_panics() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let at = info.location();
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = Some(Failure {
                message,
                file: at.map(|at| at.file().to_owned()).unwrap_or_default(),
                line: at.map(std::panic::Location::line).unwrap_or_default(),
            });
        }
    }));
}

/// `JUNIT_FILE`, or `target/junit.xml` beside the manifest.
fn report_path() -> PathBuf {
    std::env::var_os("JUNIT_FILE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/junit.xml"),
        PathBuf::from,
    )
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn render(suite: &str, outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    let seconds: f64 = outcomes.iter().map(|o| o.duration.as_secs_f64()).sum();
    let totals = format!(
        r#"name="{suite}" tests="{}" failures="{failed}" errors="0" skipped="0" time="{seconds:.3}""#,
        outcomes.len()
    );
    let cases: String = outcomes.iter().map(|o| render_case(suite, o)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {totals}>\n\
         <testsuite {totals}>\n{cases}</testsuite>\n</testsuites>\n"
    )
}

fn render_case(suite: &str, outcome: &Outcome) -> String {
    let (name, seconds) = (escape(outcome.name), outcome.duration.as_secs_f64());
    let case = format!(r#"<testcase name="{name}" classname="{suite}" time="{seconds:.3}""#);
    match &outcome.failure {
        None => format!("  {case}/>\n"),
        Some(failure) => format!(
            "  {case} file=\"{file}\" line=\"{line}\">\n    <failure message=\"{message}\">\
             {file}:{line}: {message}</failure>\n  </testcase>\n",
            file = escape(&failure.file),
            line = failure.line,
            message = escape(&failure.message),
        ),
    }
}

/// `text` for an XML attribute or element; what XML 1.0 cannot hold becomes a question mark.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
        escaped
    })
}

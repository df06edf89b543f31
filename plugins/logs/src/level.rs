//! How bad a line is, by its own words.

/// How bad a line is. What says nothing of itself is [`Level::Quiet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Information, debugging, or unknown.
    Quiet,
    /// A warning.
    Warning,
    /// An error or worse.
    Error,
}

/// Words at most so far into a line name its level; later ones are text.
const HEAD_WORDS: usize = 8;

/// What begins the report of a crash, wherever it stands in a line.
const CRASHES: [&str; 6] = [
    "panicked at",
    "Exception in thread",
    "Traceback (most recent call last)",
    "Unhandled exception",
    "Segmentation fault",
    "OutOfMemoryError",
];

/// The level that a word names.
pub(crate) fn named(word: &str) -> Option<Level> {
    let is = |known: &[&str]| known.iter().any(|name| word.eq_ignore_ascii_case(name));
    if is(&[
        "error",
        "err",
        "fatal",
        "crit",
        "critical",
        "severe",
        "panic",
        "dpanic",
        "alert",
        "emerg",
        "emergency",
    ]) {
        return Some(Level::Error);
    }
    if is(&["warn", "warning"]) {
        return Some(Level::Warning);
    }
    let quiet = [
        "info",
        "information",
        "informational",
        "notice",
        "debug",
        "trace",
        "log",
        "verbose",
        "fine",
    ];
    is(&quiet).then_some(Level::Quiet)
}

/// syslog's numbers: 0 emergency … 3 error, 4 warning.
/// Source: RFC 5424, section 6.2.1; GELF and journald use the same.
pub(crate) fn syslog(number: u64) -> Level {
    match number {
        0..=3 => Level::Error,
        4 => Level::Warning,
        _ => Level::Quiet,
    }
}

/// The numbers of bunyan and pino: 40 warn, 50 error, 60 fatal.
/// Source: bunyan's README, "Levels".
pub(crate) fn bunyan(number: u64) -> Level {
    match number {
        0..=39 => Level::Quiet,
        40..=49 => Level::Warning,
        _ => Level::Error,
    }
}

/// The level of a line of plain text.
///
/// A word counts if it is written as a level is: in capitals, in brackets,
/// behind `level=`, or with a colon. So `0 errors found` is no error.
pub(crate) fn of_line(line: &str) -> Level {
    if let Some(level) = of_prefix(line) {
        return level;
    }
    let named = line
        .split_ascii_whitespace()
        .take(HEAD_WORDS)
        .find_map(of_word);
    if let Some(level) = named {
        return level;
    }
    let is_crash = CRASHES.iter().any(|crash| line.contains(crash)) || is_exception(line);
    match is_crash {
        true => Level::Error,
        false => Level::Quiet,
    }
}

/// `<3>` of syslog and systemd, `E0102 15:04:05` of klog.
fn of_prefix(line: &str) -> Option<Level> {
    let bytes = line.as_bytes();
    if let [b'<', rest @ ..] = bytes {
        let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
        let number: u64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        return Some(syslog(number % 8));
    }
    let is_klog = bytes.len() > 6
        && bytes[1..5].iter().all(u8::is_ascii_digit)
        && bytes[5] == b' '
        && bytes[6].is_ascii_digit();
    match bytes.first() {
        Some(b'E' | b'F') if is_klog => Some(Level::Error),
        Some(b'W') if is_klog => Some(Level::Warning),
        Some(b'I') if is_klog => Some(Level::Quiet),
        _ => None,
    }
}

fn of_word(word: &str) -> Option<Level> {
    if let Some((key, value)) = word.split_once('=') {
        let is_key = ["level", "lvl", "severity", "loglevel"]
            .iter()
            .any(|known| key.eq_ignore_ascii_case(known));
        return named(value.trim_matches('"')).filter(|_| is_key);
    }
    // `ERROR:root:text` of Python, `[ERROR][main]` of many.
    let inner = word.trim_start_matches(['[', '(', '|']);
    let end = inner
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    let level = named(name)?;
    let is_capital = name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_bracketed = inner.len() < word.len() && rest.starts_with([']', ')', '|', ':']);
    let is_told = is_capital && !rest.starts_with(['=', '_', '-']);
    (is_told || is_bracketed || rest.starts_with(':')).then_some(level)
}

/// `java.lang.IllegalStateException: text`, `ValueError: text`.
fn is_exception(line: &str) -> bool {
    let Some((name, _)) = line.split_once(':') else {
        return false;
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'));
    let is_capital = last.starts_with(|c: char| c.is_ascii_uppercase());
    is_name && is_capital && (last.ends_with("Exception") || last.ends_with("Error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_counts_where_it_is_written_as_one() {
        for line in [
            "2026-01-02T03:04:05Z ERROR shop: no bread",
            "2026/01/02 03:04:05 [error] 7#7: *1 connect() failed",
            "ERROR:root:no bread",
            "time=now level=error msg=x",
            "level=\"fatal\" msg=x",
            "error: cannot listen",
            "[CRITICAL] disk",
            "<3>no bread",
            "<11>no bread",
            "E0102 15:04:05.000000 1 main.go:3] no bread",
            "2026-01-02 UTC [12] FATAL:  the database is starting up",
            "panic: runtime error: index out of range",
            "thread 'main' panicked at src/main.rs:1:2:",
            "Exception in thread \"main\" java.lang.IllegalStateException: x",
            "java.lang.IllegalStateException: x",
            "ValueError: x",
            "main | SEVERE: x",
        ] {
            assert_eq!(of_line(line), Level::Error, "{line}");
        }
        for line in ["WARN x", "[warn] x", "<4>x", "W0102 1:2 x", "warning: x"] {
            assert_eq!(of_line(line), Level::Warning, "{line}");
        }
        for line in [
            "",
            "0 errors found",
            "error rate is fine",
            "GET /error 200",
            "INFO an ERROR page was shown",
            "I0102 15:04:05.0 ERROR x",
            "no level here, but an ERR_CODE=5",
            "<6>fine",
            "<",
            "see http://a/Error: x",
        ] {
            assert_eq!(of_line(line), Level::Quiet, "{line}");
        }
    }
}

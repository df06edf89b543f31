//! Lines that are JSON objects, as most loggers can write them.

use serde_json::{Map, Value};

use crate::level::{self, Level};

/// A longer line is read as text.
const MOST_BYTES: usize = 256 * 1024;

const LEVELS: [&str; 10] = [
    "level",
    "severity",
    "lvl",
    "loglevel",
    "log_level",
    "levelname",
    "log.level",
    "@level",
    "@l",
    "PRIORITY",
];

const MESSAGES: [&str; 8] = [
    "msg",
    "message",
    "short_message",
    "MESSAGE",
    "@message",
    "@m",
    "@mt",
    "event",
];

const ERRORS: [&str; 9] = [
    "error",
    "err",
    "exception",
    "error.message",
    "exception.message",
    "exc_info",
    "stack",
    "stack_trace",
    "@x",
];

/// What a JSON line says.
pub(crate) struct Said {
    /// Its level; [`None`] where only the text can tell.
    pub(crate) level: Option<Level>,
    /// The text, several lines maybe.
    pub(crate) text: String,
}

/// Reads one line; [`None`] where it is no JSON object or says nothing.
pub(crate) fn read(line: &str) -> Option<Said> {
    if !line.starts_with('{') || line.len() > MOST_BYTES {
        return None;
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return None;
    };
    // Docker wraps a line into another.
    if let Some(Value::String(inner)) = fields.get("log")
        && fields.contains_key("stream")
    {
        let inner = inner.trim_end();
        return read(inner).or_else(|| {
            Some(Said {
                level: None,
                text: inner.to_owned(),
            })
        });
    }
    let message = MESSAGES
        .iter()
        .find_map(|key| fields.get(*key).and_then(text));
    let error = ERRORS
        .iter()
        .find_map(|key| fields.get(*key).and_then(fault));
    let level = level_of(&fields);
    let text = match (message, &error) {
        (Some(message), Some(error)) if !message.contains(error.as_str()) => {
            format!("{}: {error}", first_line(&message))
        }
        (Some(message), _) => message,
        (None, Some(error)) => error.clone(),
        (None, None) => return None,
    };
    // journald gives the same level to all that a service prints.
    let is_journal = fields.contains_key("__REALTIME_TIMESTAMP") || fields.contains_key("__CURSOR");
    let level = match (level, &error) {
        (Some(level), _) if is_journal => Some(level.max(level::of_line(&text))),
        (Some(level), _) => Some(level),
        (None, Some(_)) => Some(Level::Error),
        (None, None) => None,
    };
    Some(Said { level, text })
}

fn level_of(fields: &Map<String, Value>) -> Option<Level> {
    let nested = ["log", "event"]
        .iter()
        .find_map(|key| fields.get(*key)?.get("level"));
    let is_syslog = fields.contains_key("short_message");
    LEVELS
        .iter()
        .filter_map(|key| fields.get(*key).map(|value| (*key, value)))
        .chain(nested.map(|value| ("level", value)))
        .find_map(|(key, value)| {
            let number = match value {
                Value::String(word) => match word.trim().parse() {
                    Ok(number) => number,
                    Err(_) => return level::named(word.trim()),
                },
                Value::Number(number) => number.as_u64()?,
                _ => return None,
            };
            // Bunyan begins at 10, syslog ends at 7.
            Some(match is_syslog || key == "PRIORITY" || number < 10 {
                true => level::syslog(number),
                false => level::bunyan(number),
            })
        })
}

/// A text, or bytes as journald gives them where a message is no text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(bytes) => {
            let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
            let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
            (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

/// The one line of an error that says what it is.
fn fault(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(match text.starts_with("Traceback (") {
            // Python puts what it is at the end.
            true => text
                .trim_end()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned(),
            false => first_line(text).to_owned(),
        }),
        Value::Object(fields) => {
            let of = |keys: &[&str]| keys.iter().find_map(|key| text(fields.get(*key)?));
            let kind = of(&["type", "name", "class", "kind"]);
            let message = of(&["message", "msg", "reason", "stack", "stack_trace"]);
            match (kind, message.as_deref().map(first_line)) {
                (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
                (kind, message) => message.map(str::to_owned).or(kind),
            }
        }
        _ => None,
    }
}

fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loggers_of_many_makers_are_understood() {
        use Level::{Error, Quiet, Warning};
        for (line, level, text) in [
            (
                r#"{"level":"error","msg":"no bread"}"#,
                Some(Error),
                "no bread",
            ),
            (
                r#"{"severity":"WARNING","message":"low"}"#,
                Some(Warning),
                "low",
            ),
            (r#"{"level":30,"msg":"fine"}"#, Some(Quiet), "fine"),
            (
                r#"{"level":50,"err":{"type":"TypeError","message":"x is null\n at y"},"msg":"oops"}"#,
                Some(Error),
                "oops: TypeError: x is null",
            ),
            (
                r#"{"version":"1.1","short_message":"gelf","level":3}"#,
                Some(Error),
                "gelf",
            ),
            (
                r#"{"short_message":"gelf","level":10}"#,
                Some(Quiet),
                "gelf",
            ),
            (
                r#"{"log":{"level":"error"},"message":"ecs"}"#,
                Some(Error),
                "ecs",
            ),
            (
                r#"{"log.level":"warn","message":"ecs"}"#,
                Some(Warning),
                "ecs",
            ),
            (r#"{"msg":"x","error":"boom"}"#, Some(Error), "x: boom"),
            (r#"{"msg":"x","error":null}"#, None, "x"),
            (r#"{"level":"info","msg":"x","error":""}"#, Some(Quiet), "x"),
            (
                r#"{"log":"ERROR from docker\n","stream":"stderr"}"#,
                None,
                "ERROR from docker",
            ),
            (
                r#"{"__CURSOR":"s=1","PRIORITY":"6","MESSAGE":"ERROR no bread"}"#,
                Some(Error),
                "ERROR no bread",
            ),
            (
                r#"{"__CURSOR":"s=1","PRIORITY":"3","MESSAGE":[104,105,255]}"#,
                Some(Error),
                "hi\u{fffd}",
            ),
            (
                r#"{"levelname":"ERROR","exc_info":"Traceback (most recent call last):\n  x\nValueError: y"}"#,
                Some(Error),
                "ValueError: y",
            ),
        ] {
            let said = read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((said.level, said.text.as_str()), (level, text), "{line}");
        }
        for line in ["", "{", "{}", "[1]", r#"{"a":1}"#, "plain {\"a\":1}"] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}

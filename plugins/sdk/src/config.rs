//! Reading a `with:` block so that a user sees all mistakes at once, each at
//! its place and with what was expected.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{ConfigProblem, HookError};

/// What a plugin can be told in its `with:` block.
///
/// ```
/// use baepo_plugin::config::{self, Config, Fields};
/// use baepo_plugin::units::Millis;
///
/// struct Patience { wait: Millis }
///
/// impl Config for Patience {
///     fn read(fields: &mut Fields) -> Patience {
///         Patience { wait: fields.or("wait", Millis::seconds(30)) }
///     }
/// }
///
/// let config: Patience = config::parse(r#"{"wait": "1m"}"#).unwrap();
/// assert_eq!(config.wait, Millis::minutes(1));
/// assert!(config::parse::<Patience>(r#"{"wiat": "1m"}"#).is_err());
/// ```
pub trait Config: Sized {
    /// Takes what it knows out of `fields`; notes mistakes there and goes on
    /// with any value, so that the next mistake is found as well.
    fn read(fields: &mut Fields) -> Self;
}

/// Reads a whole `with:` block. Nothing and `null` are an empty one.
///
/// # Errors
/// [`HookError::InvalidConfig`] with every mistake that was found.
pub fn parse<C: Config>(json: &str) -> Result<C, HookError> {
    let text = if json.trim().is_empty() { "null" } else { json };
    let values = match serde_json::from_str(text) {
        Ok(Value::Object(values)) => values,
        Ok(Value::Null) => Map::new(),
        Ok(_) => return Err(invalid("", "must be a mapping of keys to values")),
        Err(error) => return Err(invalid("", &format!("is not JSON: {error}"))),
    };
    let mut fields = Fields {
        path: String::new(),
        values,
        known: Vec::new(),
        problems: Vec::new(),
    };
    let config = C::read(&mut fields);
    match fields.close() {
        problems if problems.is_empty() => Ok(config),
        problems => Err(HookError::InvalidConfig(problems)),
    }
}

/// One mistake as an error.
pub fn invalid(path: &str, message: &str) -> HookError {
    HookError::InvalidConfig(vec![ConfigProblem {
        path: path.into(),
        message: message.into(),
    }])
}

/// The keys of one mapping that were not read yet, and the mistakes so far.
pub struct Fields {
    path: String,
    values: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<ConfigProblem>,
}

impl Fields {
    /// The value of a key; `None` where it is absent, `null` or wrong.
    pub fn optional<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let value = self.take(key)?;
        self.read(key, value)
    }

    /// The value of a key, or `default`.
    pub fn or<T: DeserializeOwned>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The items of a list; wrong ones are noted by index and left out.
    pub fn list<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Vec<T>> {
        match self.take(key)? {
            Value::Array(items) => Some(
                items
                    .into_iter()
                    .enumerate()
                    .filter_map(|(i, item)| self.read(&format!("{key}.{i}"), item))
                    .collect(),
            ),
            other => {
                self.problem(key, format!("must be a list, not {}", describe(&other)));
                None
            }
        }
    }

    /// As [`Fields::list`], for keys that must be there and not be empty.
    pub fn required_list<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Vec<T> {
        if !self.has(key) {
            self.known.push(key);
            self.problem(key, format!("is missing, expected for example `{example}`"));
            return Vec::new();
        }
        let before = self.problems.len();
        let items = self.list(key).unwrap_or_default();
        if items.is_empty() && self.problems.len() == before {
            self.problem(key, format!("is empty, expected for example `{example}`"));
        }
        items
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let word: String = self.optional(key)?;
        let found = words.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            let names: Vec<String> = words.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.problem(
                key,
                format!("`{word}` is unknown, expected {}", names.join(" or ")),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A mapping inside this one, read by `read`.
    pub fn block<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields) -> T,
    ) -> Option<T> {
        match self.take(key)? {
            Value::Object(values) => {
                let path = self.place(key);
                let mut inner = Fields {
                    path,
                    values,
                    known: Vec::new(),
                    problems: Vec::new(),
                };
                let value = read(&mut inner);
                self.problems.extend(inner.close());
                Some(value)
            }
            other => {
                self.problem(key, format!("must be a mapping, not {}", describe(&other)));
                None
            }
        }
    }

    /// As [`Fields::block`], for a list of mappings; mistakes are noted by
    /// index.
    pub fn blocks<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Fields) -> T,
    ) -> Option<Vec<T>> {
        let items = match self.take(key)? {
            Value::Array(items) => items,
            other => {
                self.problem(key, format!("must be a list, not {}", describe(&other)));
                return None;
            }
        };
        let mut blocks = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let at = format!("{key}.{i}");
            let Value::Object(values) = item else {
                self.problem(&at, format!("must be a mapping, not {}", describe(&item)));
                continue;
            };
            let mut inner = Fields {
                path: self.place(&at),
                values,
                known: Vec::new(),
                problems: Vec::new(),
            };
            blocks.push(read(&mut inner));
            self.problems.extend(inner.close());
        }
        Some(blocks)
    }

    /// The keys and values of a mapping whose keys are the user's.
    pub fn map(&mut self, key: &'static str) -> Vec<(String, Value)> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Object(values)) => values.into_iter().collect(),
            Some(other) => {
                self.problem(key, format!("must be a mapping, not {}", describe(&other)));
                Vec::new()
            }
        }
    }

    /// The raw value of a key, for those that may have several shapes.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.values.remove(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there and was not read yet.
    pub fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// Whether a key is there, was not read yet, and holds a mapping.
    pub fn has_mapping(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(Value::is_object)
    }

    /// Whether nothing was noted under a key of this mapping, or below it.
    pub fn is_fine(&self, key: &str) -> bool {
        let place = self.place(key);
        let is_at = |path: &str| {
            path.strip_prefix(&*place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !self.problems.iter().any(|problem| is_at(&problem.path))
    }

    /// Reads one raw value; notes the mistake under `path`.
    pub fn read<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Option<T> {
        let what = describe(&value);
        match serde_json::from_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let error = error.to_string();
                let message = match error
                    .strip_prefix("invalid type: ")
                    .and_then(|e| e.split_once("expected "))
                {
                    Some((_, expected)) => format!("must be {expected}, not {what}"),
                    None => error,
                };
                self.problem(path, message);
                None
            }
        }
    }

    /// Notes a mistake; `path` is relative to this mapping.
    pub fn problem(&mut self, path: &str, message: impl Into<String>) {
        let path = self.place(path);
        self.problems.push(ConfigProblem {
            path,
            message: message.into(),
        });
    }

    fn place(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.into(),
            (path, "") => path.into(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// What is left are unknown keys.
    fn close(mut self) -> Vec<ConfigProblem> {
        let left: Vec<String> = self.values.keys().cloned().collect();
        for key in left {
            let message = match nearest(&key, &self.known) {
                Some(known) => format!("unknown key, did you mean `{known}`?"),
                None if self.known.is_empty() => "unknown key, there are none here".into(),
                None => format!("unknown key, expected one of `{}`", self.known.join("`, `")),
            };
            self.problem(&key, message);
        }
        self.problems
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
        other => format!("`{other}`"),
    }
}

/// The known key that is at most a third of its letters away.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|candidate| (distance(key, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance where swapping two neighbours counts as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Millis, Percent};

    #[derive(Debug, PartialEq)]
    struct Sample {
        steps: Vec<Percent>,
        wait: Millis,
        mode: u8,
        inner: Option<u32>,
    }

    impl Config for Sample {
        fn read(fields: &mut Fields) -> Sample {
            Sample {
                steps: fields.list("steps").unwrap_or_default(),
                wait: fields.or("wait", Millis(7)),
                mode: fields
                    .one_of("mode", &[("fast", 1), ("slow", 2)])
                    .unwrap_or(0),
                inner: fields.block("inner", |inner| inner.or("count", 3)),
            }
        }
    }

    fn problems(json: &str) -> Vec<String> {
        match parse::<Sample>(json) {
            Err(HookError::InvalidConfig(problems)) => problems
                .into_iter()
                .map(|p| format!("{}: {}", p.path, p.message))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_means_all_defaults() {
        let defaults = Sample {
            steps: vec![],
            wait: Millis(7),
            mode: 0,
            inner: None,
        };
        for json in ["", "null", "{}", r#"{"wait": null}"#] {
            assert_eq!(parse::<Sample>(json).unwrap(), defaults);
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once_each_at_its_place() {
        let json = r#"{"stpes": [], "steps": ["1%", 5, "x"], "wait": [1], "mode": "fats",
                       "inner": {"count": "many", "zzz": 1}}"#;
        assert_eq!(
            problems(json),
            [
                "steps.1: `5` is not a share, expected for example `25%` or `0.5%`",
                "steps.2: `x` is not a share, expected for example `25%` or `0.5%`",
                "wait: `[1]` is not a text",
                "mode: `fats` is unknown, expected `fast` or `slow`",
                "inner.count: must be u32, not `\"many\"`",
                "inner.zzz: unknown key, expected one of `count`",
                "stpes: unknown key, did you mean `steps`?",
            ]
        );
    }

    #[test]
    fn a_block_that_is_no_mapping_says_so() {
        assert_eq!(problems("[1]"), [": must be a mapping of keys to values"]);
        assert_eq!(
            problems(r#"{"inner": 3, "steps": "1%"}"#),
            [
                "steps: must be a list, not `\"1%\"`",
                "inner: must be a mapping, not `3`",
            ]
        );
    }
}

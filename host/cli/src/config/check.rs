//! The shape of the file against the schema: unknown and missing keys, wrong
//! types, unknown values. What is wrong is reported and then left out or, where
//! it cannot be, replaced by the schema's example, so that the rest can be
//! checked too. A file with findings is never used.

use serde_json::{Map, Value};

use super::finding::{Finding, Span, check_spelling};
use super::unit::check_format;
use super::yaml::{Entry, Kind, Node};

/// The value without what is wrong in it, and all that is wrong. `None` where
/// nothing usable is left.
pub(crate) fn check(root: &Node, schema: &Value) -> (Option<Value>, Vec<Finding>) {
    let mut checker = Checker {
        root: schema,
        findings: Vec::new(),
        path: Vec::new(),
    };
    let value = checker.check(root, root.span, schema);
    (value, checker.findings)
}

struct Checker<'a> {
    root: &'a Value,
    findings: Vec<Finding>,
    path: Vec<String>,
}

/// What one alternative of a schema accepts.
fn accepts(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(many) => many.iter().any(|one| one == kind),
        _ => false,
    }
}

fn words(schema: &Value) -> Vec<&str> {
    match (&schema["const"], &schema["enum"]) {
        (Value::String(one), _) => vec![one],
        (_, Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

impl<'a> Checker<'a> {
    fn check(&mut self, node: &Node, named_at: Span, schema: &'a Value) -> Option<Value> {
        let mut alternatives = Vec::new();
        self.collect_alternatives(schema, &mut alternatives);
        if alternatives
            .iter()
            .any(|s| s["type"].is_null() && words(s).is_empty())
        {
            return Some(node.to_json());
        }
        match &node.kind {
            Kind::Mapping(entries) => match alternatives.iter().find(|s| accepts(s, "object")) {
                Some(object) => self.check_mapping(named_at, entries, object),
                None => self.wrong_kind(node, schema, &alternatives),
            },
            Kind::Sequence(items) => match alternatives.iter().find(|s| accepts(s, "array")) {
                Some(array) => self.check_items(items, array),
                None => self.wrong_kind(node, schema, &alternatives),
            },
            Kind::Scalar { text, .. } => self.check_scalar(node, text, schema, &alternatives),
        }
    }

    /// References and choices opened until only plain schemas are left.
    fn collect_alternatives(&self, schema: &'a Value, into: &mut Vec<&'a Value>) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            return self.collect_alternatives(&self.root["$defs"][name], into);
        }
        let choices = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        match choices {
            Some(choices) => choices
                .iter()
                .for_each(|s| self.collect_alternatives(s, into)),
            None => into.push(schema),
        }
    }

    fn check_mapping(
        &mut self,
        named_at: Span,
        entries: &[Entry],
        schema: &'a Value,
    ) -> Option<Value> {
        let known = schema["properties"].as_object();
        let others = match &schema["additionalProperties"] {
            Value::Bool(false) => None,
            other => Some(other),
        };
        let mut value = Map::new();
        let mut broken = Vec::new();
        let mut misspelt = Vec::new();
        for entry in entries {
            // A place for values that are only used through aliases.
            if self.path.is_empty() && entry.key.starts_with("x-") {
                continue;
            }
            let Some(inner) = known.and_then(|known| known.get(&entry.key)).or(others) else {
                misspelt.extend(self.unknown_key(entry, entries, known));
                continue;
            };
            if inner.is_null() || *inner == Value::Bool(true) {
                value.insert(entry.key.clone(), entry.value.to_json());
                continue;
            }
            self.path.push(entry.key.clone());
            match self.check(&entry.value, entry.key_span, inner) {
                Some(inner) => {
                    value.insert(entry.key.clone(), inner);
                }
                None => broken.push(entry.key.as_str()),
            }
            self.path.pop();
        }
        let mut is_whole = true;
        for key in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if value.contains_key(key) {
                continue;
            }
            let property = known
                .and_then(|known| known.get(key))
                .unwrap_or(&Value::Null);
            if !broken.contains(&key) && !misspelt.contains(&key) {
                let message = format!("`{key}` is missing {}", self.place());
                self.findings
                    .push(Finding::new(named_at, message).help(self.advice(key, property)));
            }
            match property["examples"].get(0) {
                Some(example) => drop(value.insert(key.to_owned(), example.clone())),
                None => is_whole = false,
            }
        }
        is_whole.then_some(Value::Object(value))
    }

    /// Reports an unknown key; the known one that was probably meant.
    fn unknown_key(
        &mut self,
        entry: &Entry,
        entries: &[Entry],
        known: Option<&'a Map<String, Value>>,
    ) -> Option<&'a str> {
        let known: Vec<&str> = known
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        let is_free = |key: &&str| entries.iter().all(|entry| entry.key != *key);
        let meant = check_spelling(&entry.key, known.iter().copied().filter(is_free));
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        let message = format!("unknown key {}", self.place());
        self.findings
            .push(Finding::new(entry.key_span, message).help(help));
        meant
    }

    fn check_items(&mut self, items: &[Node], schema: &'a Value) -> Option<Value> {
        let mut value = Vec::new();
        for (i, item) in items.iter().enumerate() {
            self.path.push(i.to_string());
            value.push(self.check(item, item.span, &schema["items"]));
            self.path.pop();
        }
        // A list without its broken items would shift those behind them.
        value
            .into_iter()
            .collect::<Option<Vec<Value>>>()
            .map(Value::Array)
    }

    fn check_scalar(
        &mut self,
        node: &Node,
        text: &str,
        schema: &'a Value,
        alternatives: &[&'a Value],
    ) -> Option<Value> {
        let value = node.to_json();
        let kind = match &value {
            Value::Null if alternatives.iter().any(|s| accepts(s, "null")) => {
                return Some(Value::Null);
            }
            Value::Null => {
                let message = format!("{} has no value", self.name());
                self.report(node, message, schema, alternatives);
                return None;
            }
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            _ => "string",
        };
        let takes = |s: &&&Value| accepts(s, kind) || kind == "integer" && accepts(s, "number");
        let fitting: Vec<&Value> = alternatives.iter().filter(takes).copied().collect();
        let choices: Vec<&str> = fitting.iter().flat_map(|s| words(s)).collect();
        if choices.contains(&text) {
            return Some(value);
        }
        // A number where text with a unit belongs: what is missing is the unit.
        let with_unit = alternatives
            .iter()
            .find(|s| accepts(s, "string") && s["format"].is_string());
        let with_unit = with_unit
            .filter(|_| matches!(kind, "integer" | "number"))
            .copied();
        let open = fitting
            .iter()
            .find(|s| words(s).is_empty())
            .or(with_unit.as_ref());
        match open {
            None if !choices.is_empty() => {
                let help = match check_spelling(text, choices.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("one of: {}", choices.join(", ")),
                };
                let message = format!("{} cannot be `{text}`", self.name());
                self.findings
                    .push(Finding::new(node.span, message).help(help));
                None
            }
            None => self.wrong_kind(node, schema, alternatives),
            Some(open) if accepts(open, "string") => {
                match check_format(open["format"].as_str().unwrap_or_default(), text) {
                    Ok(()) => return Some(Value::String(text.to_owned())),
                    Err(expected) => self.report(
                        node,
                        format!("{} {expected}", self.name()),
                        &Value::Null,
                        &[],
                    ),
                }
                None
            }
            Some(open) => self.check_range(node, value, open),
        }
    }

    fn check_range(&mut self, node: &Node, value: Value, schema: &Value) -> Option<Value> {
        let number = value.as_f64().unwrap_or_default();
        let least = schema["minimum"].as_f64();
        let most = schema["maximum"].as_f64();
        if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
            return Some(value);
        }
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("from {least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            _ => format!("at most {}", most.unwrap_or_default()),
        };
        let message = format!("{} must be {range}", self.name());
        self.findings.push(Finding::new(node.span, message));
        None
    }

    fn wrong_kind(
        &mut self,
        node: &Node,
        schema: &Value,
        alternatives: &[&Value],
    ) -> Option<Value> {
        let mut expected: Vec<&str> = Vec::new();
        for (kind, name) in [
            ("string", "text"),
            ("integer", "a whole number"),
            ("number", "a number"),
            ("boolean", "`true` or `false`"),
            ("array", "a list"),
            ("object", "a block of keys"),
        ] {
            let choice = alternatives.iter().find(|s| accepts(s, kind));
            // Where text is taken, numbers are taken as the text that they are.
            let is_said = matches!(kind, "integer" | "number" | "boolean")
                && choice.is_some_and(|s| accepts(s, "string"));
            if is_said {
                continue;
            }
            match choice {
                Some(s) if kind == "string" && !words(s).is_empty() => expected.push("one word"),
                Some(_) => expected.push(name),
                None => {}
            }
        }
        let found = match (&node.kind, node.to_json()) {
            (Kind::Mapping(_), _) => "a block of keys",
            (Kind::Sequence(_), _) => "a list",
            (_, Value::Bool(_)) => "a yes-or-no value",
            (_, Value::Number(_)) => "a number",
            _ => "text",
        };
        let message = format!(
            "{} must be {}, not {found}",
            self.name(),
            expected.join(" or ")
        );
        self.report(node, message, schema, alternatives);
        None
    }

    /// A finding with the example of the schema, or quotes, as its help.
    fn report(&mut self, node: &Node, message: String, schema: &Value, alternatives: &[&Value]) {
        let takes_bool = alternatives.iter().any(|s| accepts(s, "boolean"));
        let help = match &node.kind {
            Kind::Scalar { text, .. } if takes_bool && matches!(text.as_str(), "yes" | "on") => {
                "did you mean `true`?".to_owned()
            }
            Kind::Scalar { text, .. } if takes_bool && matches!(text.as_str(), "no" | "off") => {
                "did you mean `false`?".to_owned()
            }
            Kind::Scalar { text, plain: true }
                if !text.is_empty() && alternatives.iter().any(|s| accepts(s, "string")) =>
            {
                format!("in quotes it is text: \"{text}\"")
            }
            _ => match (self.path.last(), example(schema)) {
                (Some(key), Some(example)) if key.parse::<usize>().is_err() => {
                    format!("for example `{key}: {example}`")
                }
                _ => String::new(),
            },
        };
        self.findings
            .push(Finding::new(node.span, message).help(help));
    }

    fn advice(&self, key: &str, schema: &Value) -> String {
        let purpose = schema["description"].as_str().unwrap_or_default();
        let purpose = purpose
            .split('\n')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ");
        match example(schema) {
            Some(example) => format!("add `{key}: {example}`\n{purpose}"),
            None => format!("add `{key}:`\n{purpose}"),
        }
    }

    /// The value that is looked at, for the begin of a message.
    fn name(&self) -> String {
        match self.path.as_slice() {
            [] => "the file".to_owned(),
            [.., list, item] if item.parse::<usize>().is_ok() => format!("an item of `{list}`"),
            [.., key] => format!("`{key}`"),
        }
    }

    /// Where the keys are that are looked at.
    fn place(&self) -> String {
        let parts: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [] => "at the top level".to_owned(),
            ["environments", name] => format!("in environment `{name}`"),
            ["environments", name, inner @ ..] => {
                format!("in `{}` of environment `{name}`", inner.join("."))
            }
            inner => format!("in `{}`", inner.join(".")),
        }
    }
}

/// The first example of a property, as flow YAML.
fn example(schema: &Value) -> Option<String> {
    schema["examples"].as_array()?.first().map(show)
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => match text.contains([':', '#', '{', '[', '*', '&']) {
            true => format!("\"{text}\""),
            false => text.clone(),
        },
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(show).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key}: {}", show(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

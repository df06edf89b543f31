//! The JSON Schema of the configuration file, made of its types.

use std::io::Write;
use std::process::ExitCode;
use std::sync::LazyLock;

use serde_json::Value;

use super::file::ConfigFile;

/// The schema, JSON Schema draft 2020-12.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = schemars::schema_for!(ConfigFile).to_value();
        join_lines(&mut schema);
        schema
    });
    &SCHEMA
}

/// Doc comments are wrapped for the source; editors wrap for themselves.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    value => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema as it is committed and printed, ending in a line feed.
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// Arguments of `baepo schema`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// `baepo schema`: prints the JSON Schema of the configuration file.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(_: &Args) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(schema_text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/baepo.schema.json");
        expect_test::expect_file![path].assert_eq(&schema_text());
    }

    #[test]
    fn every_property_says_what_it_is() {
        fn look(at: &str, value: &Value) {
            if let Some(properties) = value["properties"].as_object() {
                for (key, property) in properties {
                    let about = property["description"].as_str().unwrap_or_default();
                    assert!(about.ends_with('.'), "{at}/{key}: {about:?}");
                }
            }
            match value {
                Value::Object(fields) => fields
                    .iter()
                    .for_each(|(key, value)| look(&format!("{at}/{key}"), value)),
                Value::Array(items) => items.iter().for_each(|value| look(at, value)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        look("", schema());
    }
}

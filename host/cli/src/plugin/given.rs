//! What a command is given in the words of the configuration and of `wit/`: read
//! as strictly, so that a mistake is told with its key.

use std::sync::LazyLock;

use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::LimitSet;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::text_file;
use crate::config::{
    AllowFile, Finding, Findings, PluginLimitsFile, Span, resolve_allow, resolve_plugin_limits,
};

/// `--allow`: what stands under `allow:`.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn allow(text: &str) -> Result<Grants, Findings> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema::<AllowFile>);
    let shown = "--allow";
    let file: AllowFile = read(shown, text, &SCHEMA)?;
    let allow = serde_json::to_value(resolve_allow(file));
    let grants = allow.and_then(serde_json::from_value);
    grants.map_err(|error| {
        let finding = Finding::new(Span::FILE, error.to_string());
        Findings::new(shown, text, vec![finding])
    })
}

/// `--limits`: what stands under `limits:`.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn limits(text: &str) -> Result<LimitSet, Findings> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema::<PluginLimitsFile>);
    let file: PluginLimitsFile = read("--limits", text, &SCHEMA)?;
    Ok(resolve_plugin_limits(&file).0)
}

fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn read<T: DeserializeOwned>(shown: &str, text: &str, schema: &Value) -> Result<T, Findings> {
    let text = match text.trim() {
        "" => "{}",
        text => text,
    };
    let file = text_file::parse(shown, text.to_owned(), schema)?;
    Ok(file.value)
}

/// The question of a hook.
///
/// # Errors
/// The key that is wrong or that nobody knows, and why.
pub(super) fn question<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut unknown: Option<String> = None;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let strict = serde_ignored::Deserializer::new(&mut json, &mut note);
    let value: T = serde_path_to_error::deserialize(strict).map_err(|error| {
        let path = error.path().to_string();
        // The place is in a text that nobody has written.
        let why = error.inner().to_string();
        let why = why.split(" at line ").next().unwrap_or(&why);
        match path.as_str() {
            "." => why.to_owned(),
            path => format!("`{path}`: {why}"),
        }
    })?;
    match unknown {
        Some(key) => Err(format!("`{key}` is no key of it")),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use baepo_core::rollout::LookRequest;
    use baepo_runtime::plugin::LimitKey;
    use expect_test::expect;

    use super::*;

    #[test]
    fn grants_and_limits_are_read_as_in_the_configuration() {
        let grants = allow(r#"{"run": ["cargo"], "net": ["https://a.dev"]}"#).unwrap();
        assert_eq!(grants.run, ["cargo"]);
        assert_eq!(allow("").unwrap(), Grants::default());
        let limits = limits(r#"{"compile": "10m"}"#).unwrap();
        assert_eq!(limits[&LimitKey::Compile], 600_000);
    }

    #[test]
    fn a_mistake_is_told_with_its_key() {
        let told = |findings: Findings| findings.render(false);
        let rum = told(allow(r#"{"rum": ["cargo"]}"#).unwrap_err());
        assert!(rum.contains("did you mean `run`?"), "{rum}");
        let cpu = told(limits(r#"{"cpu": "fast"}"#).unwrap_err());
        assert!(cpu.contains("--limits:1:9"), "{cpu}");
    }

    #[test]
    fn a_question_names_the_key_that_is_wrong() {
        let asked = |text: &str| question::<LookRequest>(text).unwrap_err();
        expect!["`phase`: unknown variant `rampe`, expected one of `preview`, `ramp`, `bake`"]
            .assert_eq(&asked(
                r#"{"config": "{}", "memory": [], "phase": "rampe"}"#,
            ));
        expect!["missing field `config`"].assert_eq(&asked("{}"));
    }
}

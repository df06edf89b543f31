//! Config files from templates.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::ReleaseError;

/// What a template knows. Everything else is an error.
#[derive(Debug, Clone, Serialize)]
pub struct Context<'a> {
    /// `{{ app }}`
    pub app: &'a str,
    /// `{{ environment }}`
    pub environment: &'a str,
    /// `{{ revision }}`: the full commit id.
    pub revision: &'a str,
    /// `{{ env.NAME }}`: plain variables.
    pub env: &'a BTreeMap<String, String>,
    /// Variables that carry secrets: named in messages, never rendered.
    #[serde(skip)]
    pub secrets: Vec<&'a str>,
}

/// The text of a template with everything filled in. No escaping, the last
/// line feed is kept.
///
/// # Errors
/// Syntax that is none, and names that are not defined, with file and line.
pub fn render(path: &str, source: &str, context: &Context<'_>) -> Result<String, ReleaseError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut syntax = environment.syntax().to_builder();
    if let Ok(syntax) = syntax.keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_debug(true);
    environment
        .render_named_str(path, source, Value::from(Serde(context)))
        .map_err(|error| template_error(path, source, context, &error))
}

fn template_error(
    path: &str,
    source: &str,
    context: &Context<'_>,
    error: &minijinja::Error,
) -> ReleaseError {
    let line = error.line().unwrap_or(0);
    let expression = error
        .range()
        .and_then(|range| source.get(range))
        .unwrap_or_default();
    let text = source
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let is_undefined = error.kind() == minijinja::ErrorKind::UndefinedError;
    let message = match (is_undefined, error.detail()) {
        (true, _) if expression.is_empty() => "something here is not defined".to_owned(),
        (true, _) => format!("`{expression}` is not defined"),
        (false, Some(detail)) => detail.to_owned(),
        (false, None) => error.kind().to_string(),
    };
    let secret = context
        .secrets
        .iter()
        .find(|name| is_undefined && text.contains(**name));
    let help = match secret {
        Some(name) => format!(
            "`{name}` is a secret, and secrets never enter files: let the program read the variable"
        ),
        None if is_undefined => {
            let known: Vec<String> = context
                .env
                .keys()
                .map(|name| format!("env.{name}"))
                .collect();
            let known = known.join(", ");
            let separator = if known.is_empty() { "" } else { ", " };
            format!("known: app, environment, revision{separator}{known}")
        }
        None => String::new(),
    };
    ReleaseError::Template {
        path: path.to_owned(),
        line,
        message,
        help,
    }
}

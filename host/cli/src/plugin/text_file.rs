//! A small YAML file with a version, checked against the types that read it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::yaml::{self, Node};
use crate::config::{Finding, Findings, Span, check};

/// Bytes of the largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a file says, and where.
pub(super) struct TextFile<T> {
    /// What it says.
    pub(super) value: T,
    /// Its text, to show what is wrong with it.
    pub(super) source: String,
    /// Where each key is.
    pub(super) tree: Node,
}

/// The file at `path`, which findings call `shown`; `None` where there is none.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    shown: &str,
    schema: &Value,
) -> Result<Option<TextFile<T>>, Findings> {
    let whole = |message: String| {
        let finding = Finding::new(Span::FILE, message);
        Findings::new(shown, "", vec![finding])
    };
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(whole(format!("it cannot be read: {error}"))),
    };
    if size > MAX_BYTES {
        return Err(whole("it is larger than 1 MiB".into()));
    }
    let source = std::fs::read_to_string(path)
        .map_err(|error| whole(format!("it cannot be read: {error}")))?;
    parse(shown, source, schema).map(Some)
}

/// The same for a text.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn parse<T: DeserializeOwned>(
    shown: &str,
    source: String,
    schema: &Value,
) -> Result<TextFile<T>, Findings> {
    let fail = |source: &str, list| Err(Findings::new(shown, source, list));
    if source.trim().is_empty() {
        let finding = Finding::new(Span::FILE, "the file is empty");
        let help = "it begins with `version: 1`; remove it to begin anew";
        return fail(&source, vec![finding.help(help)]);
    }
    let tree = match yaml::parse(&source) {
        Ok(tree) => tree,
        Err(findings) => return fail(&source, findings),
    };
    // The version first: what a later one looks like is not known.
    if let Some(version) = tree.entry("version")
        && version.value.to_json() != 1
    {
        let finding = Finding::new(
            version.value.span,
            "this baepo knows version 1 of this file",
        );
        return fail(
            &source,
            vec![finding.help("use the baepo that wrote it, or a newer one")],
        );
    }
    let (value, mut findings) = check::check(&tree, schema);
    let value = value.map(serde_json::from_value::<T>);
    match value {
        Some(Ok(value)) if findings.is_empty() => Ok(TextFile {
            value,
            source,
            tree,
        }),
        Some(Err(error)) if findings.is_empty() => {
            findings.push(Finding::new(Span::FILE, format!("cannot be read: {error}")));
            fail(&source, findings)
        }
        _ => fail(&source, findings),
    }
}

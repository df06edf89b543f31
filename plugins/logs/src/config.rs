//! What users write under `with:`.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::monitor::Side;

use crate::level::Level;
use crate::records::Format;

/// Where the host shows what the instances of a rollout write.
const OUTPUT: &str = ".baepo/output/{role}/*.log";

/// Most patterns, and most texts to ignore.
const MOST_PATTERNS: usize = 20;

/// What follows from something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The candidate fails.
    Fail,
    /// It is told.
    Warn,
    /// Nothing.
    Off,
}

/// Files by their path, with `*`, `**`, `?`, `{a,b}` and the placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// The pattern for one role: `{role}` is `stable` or `candidate`,
    /// `{release}` the first 12 digits of its digest, `{commit}` its commit.
    pub(crate) fn path(&self, role: &str, side: &Side) -> String {
        let digest = side.release.digest.as_str();
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        let short = digest.get(..12).unwrap_or(digest);
        let text = self.0.replace("{role}", role).replace("{release}", short);
        text.replace("{commit}", &side.release.revision.commit)
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether such a file is of one release, so that all in it is of that.
    pub(crate) fn is_of_release(&self) -> bool {
        self.0 == OUTPUT || self.0.contains("{release}") || self.0.contains("{commit}")
    }
}

/// The settings.
pub(crate) struct Logs {
    pub(crate) files: Vec<Pattern>,
    pub(crate) format: Format,
    pub(crate) level: Level,
    pub(crate) on_new: Consequence,
    pub(crate) on_growth: Consequence,
    pub(crate) min_new: u32,
    pub(crate) min_requests: u64,
    pub(crate) ignore: Vec<String>,
}

impl Config for Logs {
    fn read(fields: &mut Fields) -> Logs {
        let files = match fields.has("files") {
            true => fields.required_list("files", "[\"logs/{release}/*.log\"]"),
            false => {
                fields.take("files");
                vec![OUTPUT.to_owned()]
            }
        };
        for (i, pattern) in files.iter().enumerate() {
            if let Some(message) = problem_of(pattern) {
                fields.problem(&format!("files.{i}"), message);
            }
        }
        let formats = [
            ("auto", Format::Auto),
            ("json", Format::Json),
            ("plain", Format::Plain),
            ("journald", Format::Journald),
        ];
        let format = fields.one_of("format", &formats).unwrap_or(Format::Auto);
        let levels = [("error", Level::Error), ("warning", Level::Warning)];
        let level = fields.one_of("level", &levels).unwrap_or(Level::Error);
        let (fail, warn) = (("fail", Consequence::Fail), ("warn", Consequence::Warn));
        let off = ("off", Consequence::Off);
        let on_new = fields.one_of("on-new", &[fail, warn]);
        let on_growth = fields.one_of("on-growth", &[fail, warn, off]);
        let min_new = fields.or("min-new", 3);
        if min_new == 0 {
            fields.problem(
                "min-new",
                "must be at least 1: what was not seen is not new",
            );
        }
        let ignore: Vec<String> = fields.list("ignore").unwrap_or_default();
        for (i, text) in ignore.iter().enumerate() {
            if text.trim().is_empty() {
                fields.problem(
                    &format!("ignore.{i}"),
                    "is empty and would ignore all lines",
                );
            }
        }
        for (key, length) in [("files", files.len()), ("ignore", ignore.len())] {
            if length > MOST_PATTERNS {
                fields.problem(
                    key,
                    format!("has {length} entries, at most {MOST_PATTERNS}"),
                );
            }
        }
        Logs {
            files: files.into_iter().map(Pattern).collect(),
            format,
            level,
            on_new: on_new.unwrap_or(Consequence::Warn),
            on_growth: on_growth.unwrap_or(Consequence::Fail),
            min_new,
            min_requests: fields.or("min-requests", 30),
            ignore,
        }
    }
}

fn problem_of(pattern: &str) -> Option<String> {
    if pattern.is_empty() || pattern.starts_with('/') || pattern.split('/').any(|part| part == "..")
    {
        return Some(format!(
            "`{pattern}` is not a path inside the checkout (no leading `/`, no `..`)"
        ));
    }
    let names_role = ["{role}", "{release}", "{commit}"]
        .iter()
        .any(|place| pattern.contains(place));
    (!names_role).then(|| {
        format!(
            "`{pattern}` is the same for both roles, so nothing can be compared; put `{{role}}`, `{{release}}` or \
             `{{commit}}` into it"
        )
    })
}

//! What a digest covers, and how it is written down for hashing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use baepo_core::digest::Digest;
use baepo_core::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::target::Workload;

/// Everything that decides how the instances of a release behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// Name of the application.
    pub app: String,
    /// Name of the environment.
    pub environment: String,
    /// Sorted by name.
    pub files: Vec<FileEntry>,
    /// Plain variables.
    pub env: BTreeMap<String, String>,
    /// Secrets by the variable that carries them.
    pub secrets: BTreeMap<String, SecretEntry>,
    /// How instances are run.
    #[serde(flatten)]
    pub how: How,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileEntry {
    /// Inside the release.
    pub name: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether it may be run.
    pub executable: bool,
    /// Media type.
    pub media_type: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A build plugin made it.
    Built,
    /// It was rendered from a template.
    Rendered,
}

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SecretEntry {
    /// The name of the secret.
    pub name: String,
    /// HMAC-SHA-256 of its value, of no use without the key.
    pub keyed_hash: Digest,
}

/// How instances are run: `run` or `target` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// As processes of a machine.
    Run(RunEntry),
    /// As a target plugin does it with these settings.
    Target(Value),
}

/// How an instance is run as a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunEntry {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Path that answers 2xx when an instance is healthy.
    pub health_path: String,
    /// How often health is asked.
    pub health_interval_ms: Millis,
    /// How long one answer may take.
    pub health_timeout_ms: Millis,
    /// How long requests may take to finish.
    pub drain_deadline_ms: Millis,
    /// Between SIGTERM and SIGKILL.
    pub stop_deadline_ms: Millis,
}

impl How {
    /// Program and arguments of a process; empty where a plugin runs it.
    pub fn command(&self) -> &[String] {
        match self {
            How::Run(run) => &run.command,
            How::Target(_) => &[],
        }
    }
}

impl From<&Workload> for How {
    fn from(workload: &Workload) -> How {
        How::Run(RunEntry::from(workload))
    }
}

impl From<&Workload> for RunEntry {
    fn from(workload: &Workload) -> RunEntry {
        let millis =
            |time: std::time::Duration| Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        RunEntry {
            command: workload.command.clone(),
            health_path: workload.health_path.clone(),
            health_interval_ms: millis(workload.health_interval),
            health_timeout_ms: millis(workload.health_timeout),
            drain_deadline_ms: millis(workload.drain_deadline),
            stop_deadline_ms: millis(workload.stop_deadline),
        }
    }
}

impl RunEntry {
    /// The same with these variables, plain and secret ones, as a target takes it.
    pub(crate) fn workload(&self, env: Variables, secret_env: Variables) -> Workload {
        let time = |millis: Millis| millis.to_duration();
        Workload {
            command: self.command.clone(),
            env,
            secret_env,
            health_path: self.health_path.clone(),
            health_interval: time(self.health_interval_ms),
            health_timeout: time(self.health_timeout_ms),
            drain_deadline: time(self.drain_deadline_ms),
            stop_deadline: time(self.stop_deadline_ms),
        }
    }
}

type Variables = Vec<(String, String)>;

impl Manifest {
    /// The text that is hashed: `{"format":"baepo-release/1",…}`, JSON without
    /// white space, keys of objects in the order of their bytes, numbers whole.
    /// A change of what it covers changes the number after the slash.
    pub fn canonical_text(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["format"] = json!("baepo-release/1");
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }

    /// SHA-256 of the canonical text: the name of the release.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(Sha256::digest(self.canonical_text()).into())
    }

    /// A file by name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                text.push(if i == 0 { '{' } else { ',' });
                write_canonical(&Value::String(key.clone()), text);
                text.push(':');
                write_canonical(value, text);
            }
            text.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                text.push(if i == 0 { '[' } else { ',' });
                write_canonical(item, text);
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        // Whole numbers, true, false, null and text have one form in serde_json.
        scalar => drop(write!(text, "{scalar}")),
    }
}

//! What the user's file allows a plugin: the `allow:` block.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::address::NetPattern;
use super::socket::Endpoint;
use super::{Capability, Denial};

/// The `allow:` block of one plugin. Empty allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Grants {
    /// Programs, by the name that the plugin uses: a name looked up in `PATH`,
    /// or a path with `/` relative to the checkout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Addresses for HTTP; `endpoints` for the instances that a call is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub net: Vec<NetPattern>,
    /// Files and folders of the checkout that may be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathPattern>,
    /// Files and folders of the checkout that may be written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<PathPattern>,
    /// Variables of the host that programs may see beside the scrubbed ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Secrets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Endpoints for one exchange: `unix:/path` or `tcp:host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub socket: Vec<String>,
}

impl Grants {
    /// Whether a path relative to the checkout may be read.
    pub fn allows_read(&self, path: &str) -> bool {
        self.read.iter().any(|pattern| pattern.covers(path))
    }

    /// Whether a path relative to the checkout may be written.
    pub fn allows_write(&self, path: &str) -> bool {
        self.write.iter().any(|pattern| pattern.covers(path))
    }

    /// Whether a program may be run.
    pub fn allows_run(&self, program: &str) -> bool {
        self.run.iter().any(|granted| granted == program)
    }

    /// Whether programs may see a variable of the host.
    pub fn allows_env(&self, name: &str) -> bool {
        self.env.iter().any(|granted| granted == name)
    }

    /// Whether a secret may be used.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|granted| granted == name)
    }

    /// Whether the instances that a call is about may be spoken to.
    pub fn allows_endpoints(&self) -> bool {
        self.net.iter().any(NetPattern::is_endpoints)
    }

    /// Whether bytes may be exchanged with an endpoint.
    pub fn allows_socket(&self, endpoint: &str) -> bool {
        let endpoint: Result<Endpoint, _> = endpoint.parse();
        let is_same = |granted: &String| granted.parse() == endpoint;
        endpoint.is_ok() && self.socket.iter().any(is_same)
    }

    /// Each key and its entries as they are written, in the order of the
    /// documentation.
    pub fn entries(&self) -> [(Capability, Vec<String>); 7] {
        let text = |list: &[NetPattern]| list.iter().map(ToString::to_string).collect();
        let paths = |list: &[PathPattern]| list.iter().map(ToString::to_string).collect();
        [
            (Capability::Run, self.run.clone()),
            (Capability::Net, text(&self.net)),
            (Capability::Read, paths(&self.read)),
            (Capability::Write, paths(&self.write)),
            (Capability::Env, self.env.clone()),
            (Capability::Secrets, self.secrets.clone()),
            (Capability::Socket, self.socket.clone()),
        ]
    }

    /// Add one entry as it is written under the key.
    ///
    /// # Errors
    /// What is wrong with it. For a capability that has no key, that.
    pub fn push(&mut self, capability: Capability, entry: &str) -> Result<(), String> {
        match capability {
            Capability::Run => self.run.push(entry.into()),
            Capability::Net => self.net.push(parsed(entry)?),
            Capability::Read => self.read.push(parsed(entry)?),
            Capability::Write => self.write.push(parsed(entry)?),
            Capability::Env => self.env.push(entry.into()),
            Capability::Secrets => self.secrets.push(entry.into()),
            Capability::Socket => self.socket.push(entry.into()),
            Capability::Store => return Err("`store` is not granted by name".into()),
        }
        Ok(())
    }

    /// These grants and what `denial` lacked. `None` where no grant helps: a
    /// target that is no pattern, or a capability that is not for sale.
    pub fn with(&self, denial: &Denial) -> Option<Grants> {
        let mut grants = self.clone();
        grants.push(denial.capability, &denial.target).ok()?;
        Some(grants)
    }
}

impl fmt::Display for Grants {
    /// In YAML's flow style: `run: [cargo], read: [Cargo.lock]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let entries = self.entries();
        for (key, words) in entries.iter().filter(|(_, words)| !words.is_empty()) {
            let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
            write!(f, "{separator}{key}: [{}]", words.join(", "))?;
            separator = ", ";
        }
        Ok(())
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(entry: &str) -> Result<T, String> {
    entry.parse().map_err(|error: T::Err| error.to_string())
}

/// Plain where YAML reads it as text inside a flow list, quoted otherwise.
fn quote(word: &str) -> String {
    let is_plain = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./+".contains(c))
        && word.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain {
        return word.to_string();
    }
    format!("{word:?}")
}

/// A path of the checkout with `*`, `**`, `?` and `{a,b}`; a folder stands for
/// all that is in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern {
    text: String,
    matcher: GlobMatcher,
}

/// The text is not a path of the checkout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePathPatternError {
    /// It leads out of the checkout.
    #[error("`{text}` leads out of the checkout; give a path relative to it, without `..`")]
    Outside {
        /// What was read.
        text: String,
    },
    /// The wildcards are not right.
    #[error("`{text}` is not a pattern: {why}")]
    Malformed {
        /// What was read.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl PathPattern {
    /// Whether it stands for this path: it matches the path or one of the
    /// folders that the path is in.
    pub fn covers(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end);
        ends.chain([path.len()])
            .any(|end| self.matcher.is_match(&path[..end]))
    }

    /// The one path that it is written as. `None` for a pattern that can stand
    /// for several: with wildcards, or the whole checkout.
    pub fn single(&self) -> Option<&str> {
        let path = self.matcher.glob().glob();
        (!path.contains(['*', '?', '[', '{', '\\'])).then_some(path)
    }

    /// Whether it stands for the whole checkout.
    pub fn is_everything(&self) -> bool {
        self.matcher.glob().glob() == "**"
    }
}

impl FromStr for PathPattern {
    type Err = ParsePathPatternError;

    fn from_str(text: &str) -> Result<PathPattern, ParsePathPatternError> {
        let trimmed = text.strip_prefix("./").unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        let leads_out = trimmed.starts_with('/') || trimmed.split('/').any(|part| part == "..");
        if leads_out || trimmed.is_empty() {
            return Err(ParsePathPatternError::Outside { text: text.into() });
        }
        let pattern = if trimmed == "." { "**" } else { trimmed };
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| ParsePathPatternError::Malformed {
                text: text.into(),
                why: error.kind().to_string(),
            })?;
        Ok(PathPattern {
            text: text.into(),
            matcher: glob.compile_matcher(),
        })
    }
}

impl TryFrom<String> for PathPattern {
    type Error = ParsePathPatternError;
    fn try_from(text: String) -> Result<PathPattern, ParsePathPatternError> {
        text.parse()
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.text
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &PathPattern) -> bool {
        self.matcher.glob().glob() == other.matcher.glob().glob()
    }
}

impl Eq for PathPattern {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::permit::LayerKind;

    #[test]
    fn a_folder_stands_for_all_that_is_in_it() {
        let pattern: PathPattern = "target/nextest".parse().unwrap();
        assert!(pattern.covers("target/nextest/ci/junit.xml"));
        assert!(pattern.covers("target/nextest"));
        assert!(!pattern.covers("target/nextest2"));
        assert!(!pattern.covers("target"));
    }

    #[test]
    fn a_star_stays_inside_one_folder() {
        let pattern: PathPattern = "src/*.rs".parse().unwrap();
        assert!(pattern.covers("src/main.rs"));
        assert!(!pattern.covers("src/deep/main.rs"));
        let all: PathPattern = "**/*.xml".parse().unwrap();
        assert!(all.covers("a.xml") && all.covers("a/b/c.xml"));
        let everything: PathPattern = ".".parse().unwrap();
        assert!(everything.covers("a") && everything.covers("a/b"));
    }

    #[test]
    fn paths_out_of_the_checkout_are_refused() {
        for text in ["/etc", "../x", "a/../../b", ""] {
            assert!(text.parse::<PathPattern>().is_err(), "{text}");
        }
        assert!("a[".parse::<PathPattern>().is_err());
    }

    #[test]
    fn the_line_to_add_keeps_what_is_allowed_already() {
        let grants: Grants =
            serde_json::from_str(r#"{"run":["cargo"],"read":["Cargo.lock"]}"#).unwrap();
        let denied = |capability, target: &str| Denial {
            capability,
            target: target.into(),
            lacked: vec![LayerKind::Allow],
        };
        let line = denied(Capability::Read, "Cargo.toml").allow_line(&grants);
        assert_eq!(
            line.as_deref(),
            Some("allow: { run: [cargo], read: [Cargo.lock, Cargo.toml] }")
        );
        let line = denied(Capability::Net, "https://a.dev:443").allow_line(&Grants::default());
        assert_eq!(
            line.as_deref(),
            Some(r#"allow: { net: ["https://a.dev:443"] }"#)
        );
        assert_eq!(denied(Capability::Store, "state").allow_line(&grants), None);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Grants>(r#"{"exec":["sh"]}"#).is_err());
    }
}

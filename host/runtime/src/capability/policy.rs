//! What the organisation allows at all, whatever a workflow says: where plugins
//! may come from, what any of them may be granted, how much any may use.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use super::Capability;
use super::address::ENDPOINTS;
use super::grants::Grants;
use super::permit::{Layer, LayerKind};
use crate::plugin::LimitSet;

/// A policy. [`Default`] bounds nothing; each key that is written denies all
/// that it does not list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Where plugins may come from; absent for anywhere.
    pub sources: Option<Vec<SourcePattern>>,
    /// What a plugin may be granted, as far as it is bounded.
    pub grants: Grants,
    /// The capabilities that `grants` bounds.
    pub bounded: BTreeSet<Capability>,
    /// The most that a plugin may use; not bounded where absent.
    pub limits: LimitSet,
}

impl Policy {
    /// Whether a plugin may come from there. `source` is the canonical text: for
    /// a registry without tag and digest.
    pub fn allows_source(&self, source: &str) -> bool {
        self.sources
            .as_ref()
            .is_none_or(|sources| sources.iter().any(|pattern| pattern.covers(source)))
    }

    /// What it means for the grants of any plugin.
    pub fn layer(&self) -> Layer {
        let open = Capability::ALL.into_iter();
        Layer {
            kind: LayerKind::Policy,
            covered: self.grants.clone(),
            open: open.filter(|one| !self.bounded.contains(one)).collect(),
        }
    }

    /// Entries of an `allow:` block that the policy denies whatever a plugin asks
    /// for: names, and patterns without wildcards. What a pattern with
    /// wildcards covers, and where the endpoints are, is judged request by
    /// request.
    pub fn denied_entries(&self, allow: &Grants) -> Vec<(Capability, String)> {
        let mut denied = Vec::new();
        let layer = self.layer();
        for (capability, entries) in allow.entries() {
            if layer.open.contains(&capability) {
                continue;
            }
            let is_bounded_to_nothing = self
                .grants
                .entries()
                .iter()
                .any(|(bounded, list)| *bounded == capability && list.is_empty());
            for entry in entries {
                let is_pattern = entry.contains(['*', '?', '[', '{'])
                    || plain(&entry) == "."
                    || (capability == Capability::Net
                        && (entry == ENDPOINTS || entry.matches('/').count() > 2));
                let is_denied = match is_pattern {
                    true => is_bounded_to_nothing,
                    false => !super::permit::covers(&self.grants, capability, plain(&entry)),
                };
                if is_denied {
                    denied.push((capability, entry));
                }
            }
        }
        denied
    }
}

/// A path as a plugin would ask for it.
fn plain(entry: &str) -> &str {
    let entry = entry.strip_prefix("./").unwrap_or(entry);
    match entry.contains("://") {
        true => entry,
        false => entry.strip_suffix('/').unwrap_or(entry),
    }
}

/// A place where plugins may come from: `builtin:*`, `./plugins/*`,
/// `https://plugins.acme.dev/**`, `oci://ghcr.io/acme/*`. A `*` stays between
/// two slashes, `**` does not.
#[derive(Debug, Clone)]
pub struct SourcePattern {
    text: String,
    matcher: GlobMatcher,
}

/// The text is no place where plugins come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a source: {why}")]
pub struct ParseSourcePatternError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl SourcePattern {
    /// Whether it stands for this canonical source.
    pub fn covers(&self, source: &str) -> bool {
        self.matcher.is_match(source)
    }
}

impl FromStr for SourcePattern {
    type Err = ParseSourcePatternError;

    fn from_str(text: &str) -> Result<SourcePattern, ParseSourcePatternError> {
        let error = |why: String| ParseSourcePatternError {
            text: text.into(),
            why,
        };
        let starts = ["builtin:", "./", "https://", "http://", "oci://"];
        if !starts.iter().any(|start| text.starts_with(start)) {
            let why = "it must begin with `builtin:`, `./`, `https://` or `oci://`";
            return Err(error(why.into()));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|wrong| error(wrong.kind().to_string()))?;
        Ok(SourcePattern {
            text: text.into(),
            matcher: glob.compile_matcher(),
        })
    }
}

impl fmt::Display for SourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for SourcePattern {
    fn eq(&self, other: &SourcePattern) -> bool {
        self.text == other.text
    }
}

impl Eq for SourcePattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(json: &str) -> Grants {
        serde_json::from_str(json).unwrap()
    }

    fn policy(json: &str, bounded: &[Capability]) -> Policy {
        Policy {
            grants: grants(json),
            bounded: bounded.iter().copied().collect(),
            ..Policy::default()
        }
    }

    #[test]
    fn sources_are_compared_as_a_whole() {
        let mut policy = Policy::default();
        assert!(policy.allows_source("oci://anywhere.dev/x"));
        let sources = ["builtin:*", "oci://ghcr.io/acme/*", "https://acme.dev/**"];
        policy.sources = Some(sources.iter().map(|text| text.parse().unwrap()).collect());
        for (source, is_allowed) in [
            ("builtin:canary", true),
            ("oci://ghcr.io/acme/sbom", true),
            ("oci://ghcr.io/acme/deep/sbom", false),
            ("oci://ghcr.io/acme2/sbom", false),
            ("oci://ghcr.io.evil.dev/acme/sbom", false),
            ("https://acme.dev/a/b.wasm", true),
            ("http://acme.dev/a/b.wasm", false),
            ("./plugins/x.wasm", false),
        ] {
            assert_eq!(policy.allows_source(source), is_allowed, "{source}");
        }
        policy.sources = Some(Vec::new());
        assert!(!policy.allows_source("builtin:canary"));
        assert!("ghcr.io/acme/*".parse::<SourcePattern>().is_err());
        assert!("oci://a[".parse::<SourcePattern>().is_err());
    }

    #[test]
    fn what_the_policy_does_not_list_is_not_bounded() {
        let policy = policy(r#"{"run":["cargo"]}"#, &[Capability::Run]);
        let allow = grants(r#"{"run":["cargo","npm"],"secrets":["TOKEN"]}"#);
        assert_eq!(
            policy.denied_entries(&allow),
            [(Capability::Run, "npm".to_owned())]
        );
    }

    #[test]
    fn only_what_is_denied_for_sure_is_denied_beforehand() {
        let all = [Capability::Read, Capability::Net, Capability::Write];
        let policy = policy(
            r#"{"read":["src"],"net":["https://*.acme.dev"],"write":[]}"#,
            &all,
        );
        let allow = grants(
            r#"{"read":["./src/a.rs","**/*.rs","docs/"],"write":["**"],
                "net":["https://a.acme.dev","https://*.a.acme.dev","https://evil.dev","http://10.0.0.0/8"]}"#,
        );
        assert_eq!(
            policy.denied_entries(&allow),
            [
                (Capability::Net, "https://evil.dev".to_owned()),
                (Capability::Read, "docs/".to_owned()),
                (Capability::Write, "**".to_owned()),
            ]
        );
    }
}

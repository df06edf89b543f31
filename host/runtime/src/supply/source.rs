//! Names of places outside of the checkout, as people write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use baepo_core::digest::Digest;

/// A plugin that is somewhere else: `https://…` or `oci://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A file on the web.
    Web(WebSource),
    /// An artifact in a registry.
    Registry(RegistrySource),
}

/// A file on the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSource {
    url: String,
    is_loopback: bool,
}

/// An artifact in a registry: `oci://registry/repository[:tag][@sha256:…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySource {
    /// Host and, where it is not 443, port.
    pub registry: String,
    /// The path in the registry.
    pub repository: String,
    /// The tag; where there is no digest either, `latest` is meant.
    pub tag: Option<String>,
    /// The digest of the manifest, which names the component by its own.
    pub manifest: Option<Digest>,
}

/// The text names no place where a plugin could come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no plugin: {why}")]
pub struct ParseRemoteError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Remote {
    /// Whether a text is meant to be one.
    pub fn is_meant_by(text: &str) -> bool {
        ["https://", "http://", "oci://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
    }

    /// What a policy compares: a registry without tag and digest, an address
    /// with its host in lower case.
    pub fn place(&self) -> String {
        match self {
            Remote::Web(web) => web.url.clone(),
            Remote::Registry(registry) => {
                format!("oci://{}/{}", registry.registry, registry.repository)
            }
        }
    }

    /// A name for people: the last part without tag and ending.
    pub fn name(&self) -> String {
        let path = match self {
            Remote::Web(web) => web.url.split('?').next().unwrap_or(&web.url),
            Remote::Registry(registry) => &registry.repository,
        };
        let last = path.rsplit('/').next().unwrap_or(path);
        let stem = last.strip_suffix(".wasm").unwrap_or(last);
        let plain = |c: char| match c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            true => c.to_ascii_lowercase(),
            false => '-',
        };
        let name: String = stem.chars().take(63).map(plain).collect();
        let name = name.trim_matches(['-', '_']);
        match name.is_empty() {
            true => "plugin".into(),
            false => name.into(),
        }
    }
}

impl FromStr for Remote {
    type Err = ParseRemoteError;

    fn from_str(text: &str) -> Result<Remote, ParseRemoteError> {
        let error = |why| ParseRemoteError {
            text: text.chars().take(200).collect(),
            why,
        };
        match text.strip_prefix("oci://") {
            Some(rest) => parse_registry(rest).map(Remote::Registry).map_err(error),
            None => parse_web(text).map(Remote::Web).map_err(error),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Web(web) => f.write_str(&web.url),
            Remote::Registry(registry) => registry.fmt(f),
        }
    }
}

impl WebSource {
    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is on this machine, where alone plain HTTP is accepted.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl RegistrySource {
    /// The same artifact by the digest of its manifest alone, whatever the tag
    /// means later.
    pub fn pinned(&self, manifest: Digest) -> RegistrySource {
        RegistrySource {
            tag: None,
            manifest: Some(manifest),
            ..self.clone()
        }
    }

    /// Whether the registry is on this machine, where plain HTTP is used.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.registry.split(':').next().unwrap_or_default();
        is_loopback(host)
    }
}

impl fmt::Display for RegistrySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.manifest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn parse_web(text: &str) -> Result<WebSource, &'static str> {
    if text.len() > 2000 || text.contains('#') {
        return Err("it is no address of a file");
    }
    let uri: http::Uri = text.parse().map_err(|_| "it is no address")?;
    let scheme = uri.scheme_str().ok_or("it is no address")?;
    let authority = uri.authority().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("a user name or password does not belong into a file");
    }
    let host = authority.host().to_ascii_lowercase();
    if host.is_empty() || authority.as_str().ends_with(':') {
        return Err("it has no host");
    }
    let is_loopback = is_loopback(&host);
    match scheme {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return Err("plain HTTP is accepted only from this machine; use `https://`"),
        _ => return Err("it must begin with `https://` or `oci://`"),
    }
    // What climbs would be another place for the server than for a policy.
    let path = uri.path().to_ascii_lowercase().replace("%2e", ".");
    let climbs = path.split('/').any(|part| part == "." || part == "..");
    if climbs || path.contains('\\') || path.contains("%2f") || path.contains("%5c") {
        return Err("its path must be plain, without `..`");
    }
    if path.len() < 2 {
        return Err("it has no path");
    }
    let port = authority
        .port_u16()
        .map_or_else(String::new, |port| format!(":{port}"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(WebSource {
        url: format!("{scheme}://{host}{port}{path}"),
        is_loopback,
    })
}

/// Source: the OCI distribution specification, section "Pull", for the
/// characters of names and tags.
fn parse_registry(rest: &str) -> Result<RegistrySource, &'static str> {
    let (rest, manifest) = match rest.split_once('@') {
        Some((rest, digest)) => {
            let is_sha256 = digest.starts_with("sha256:");
            let digest = digest.parse().ok().filter(|_| is_sha256);
            let why = "behind `@` belongs `sha256:` and 64 hexadecimal digits";
            (rest, Some(digest.ok_or(why)?))
        }
        None => (rest, None),
    };
    let (registry, path) = rest
        .split_once('/')
        .ok_or("expected `oci://registry/repository:tag`")?;
    let (repository, tag) = match path.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (path, None),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_named = host.contains('.') || host == "localhost" || port.is_some();
    if host.is_empty() || !host.chars().all(is_host) || !is_port || !is_named {
        return Err("the registry must be a host such as `ghcr.io` or `localhost:5000`");
    }
    let is_part = |part: &str| {
        let ends = [part.chars().next(), part.chars().next_back()];
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        part.chars().all(is_inner)
            && ends
                .into_iter()
                .all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
            && !part.contains("..")
    };
    if repository.len() > 255 || !repository.split('/').all(is_part) {
        return Err("the repository has lower-case letters, digits and `._-` between slashes");
    }
    let is_tag = |tag: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let begins = |c: char| c.is_ascii_alphanumeric() || c == '_';
        tag.starts_with(begins) && tag.len() <= 128 && tag.chars().all(is_inner)
    };
    if !tag.is_none_or(is_tag) {
        return Err("the tag has letters, digits and `_.-`");
    }
    Ok(RegistrySource {
        registry: registry.to_ascii_lowercase(),
        repository: repository.into(),
        tag: tag.map(str::to_owned),
        manifest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Remote {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_source_reads_what_it_writes() {
        let digest = format!("@sha256:{}", "a".repeat(64));
        for text in [
            "https://acme.dev/x.wasm",
            "https://acme.dev:8443/a/b.wasm?version=2",
            "http://127.0.0.1:8000/x.wasm",
            "http://[::1]:8000/x.wasm",
            "oci://ghcr.io/acme/sbom",
            "oci://localhost:5000/sbom:1.2",
            &format!("oci://ghcr.io/acme/tools/sbom:1.2{digest}"),
            &format!("oci://ghcr.io/acme/sbom{digest}"),
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(
            parse("https://ACME.dev/X.wasm").to_string(),
            "https://acme.dev/X.wasm"
        );
    }

    #[test]
    fn what_names_no_plugin_is_refused() {
        for text in [
            "http://acme.dev/x.wasm",
            "http://localhost.evil.dev/x.wasm",
            "ftp://acme.dev/x.wasm",
            "https://user:secret@acme.dev/x.wasm",
            "https://acme.dev",
            "https://acme.dev/",
            "https:///x.wasm",
            "https://acme.dev/a/../b.wasm",
            "https://acme.dev/a/%2E%2e/b.wasm",
            "https://acme.dev/a%2fb.wasm",
            "https://acme.dev/x.wasm#part",
            "oci://sbom",
            "oci://acme/sbom",
            "oci://ghcr.io/",
            "oci://ghcr.io/Acme/sbom",
            "oci://ghcr.io/acme/../sbom",
            "oci://ghcr.io/acme//sbom",
            "oci://ghcr.io/acme/sbom:",
            "oci://ghcr.io/acme/sbom:a b",
            "oci://ghcr.io/acme/sbom@sha256:3f1c",
            "oci://ghcr.io/acme/sbom@md5:3f1c",
            "oci://user@ghcr.io/acme/sbom",
            "oci://ghcr.io:x/acme/sbom",
        ] {
            assert!(text.parse::<Remote>().is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let is_loopback = |text: &str| match parse(text) {
            Remote::Web(web) => web.is_loopback(),
            Remote::Registry(registry) => registry.is_loopback(),
        };
        for text in [
            "oci://localhost:5000/x",
            "oci://127.0.0.1:5000/x",
            "http://127.1.2.3:1/x",
        ] {
            assert!(is_loopback(text), "{text}");
        }
        for text in [
            "oci://10.0.0.1:5000/x",
            "oci://localhost.acme.dev:5000/x",
            "oci://127.0.0.1.evil.dev/x",
            "https://acme.dev/x",
        ] {
            assert!(!is_loopback(text), "{text}");
        }
    }

    #[test]
    fn a_policy_sees_a_place_and_people_a_name() {
        let remote = parse("oci://GHCR.io/acme/sbom_tool:1.2");
        assert_eq!(remote.place(), "oci://ghcr.io/acme/sbom_tool");
        assert_eq!(remote.name(), "sbom_tool");
        assert_eq!(
            parse("https://acme.dev/a/Check.1.wasm?x=/y").name(),
            "check-1"
        );
        assert_eq!(parse("https://acme.dev/...wasm").name(), "plugin");
    }
}

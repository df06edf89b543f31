//! Who may be talked to: patterns for addresses, and which addresses are
//! dangerous wherever a name leads to them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As written in an address.
    pub const fn text(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port that is meant where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// The pattern that stands for the instances which a call is about.
pub const ENDPOINTS: &str = "endpoints";

/// Where a request goes, before any name is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// With or without TLS.
    pub scheme: Scheme,
    /// Name in lower case, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// The destination of an absolute address.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment for people.
    pub fn of(uri: &http::Uri) -> Result<Destination, String> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err("the address must begin with `http://` or `https://`".into()),
        };
        let authority = uri.authority().ok_or("the address has no host")?;
        if authority.as_str().contains('@') {
            return Err("an address with a user name in it is refused".into());
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err("the address has no host".into());
        }
        let port = authority.port_u16().unwrap_or(scheme.default_port());
        Ok(Destination { scheme, host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = (self.scheme.text(), &self.host, self.port);
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// `https://api.example.com`, `https://*.example.com:8443`,
/// `http://127.0.0.1:*`, `http://10.0.0.0/8:9090`: scheme, host and port. Only a
/// pattern with an address or a network in it, or with `localhost`, reaches
/// loopback, link-local and private ranges.
///
/// The word [`ENDPOINTS`] is a pattern as well. By itself it stands for no
/// address: which ones are meant is known only with the call, see
/// [`Permit::at`](super::permit::Permit::at).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetPattern {
    text: String,
    scheme: Scheme,
    host: HostPattern,
    /// `None` for any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Name(String),
    /// All names that end with this, which begins with a dot.
    Under(String),
    Network(IpAddr, u8),
    /// The instances that the call is about.
    Endpoints,
}

/// The text is not a pattern for addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address to allow: {why}")]
pub struct ParseNetPatternError {
    /// What was read.
    pub text: String,
    /// What is wrong with it and what is expected.
    pub why: &'static str,
}

impl NetPattern {
    /// Whether a request may go there as far as its address says. What the
    /// name resolves to is checked by [`NetPattern::allows_address`].
    pub fn allows(&self, destination: &Destination) -> bool {
        let is_host = match &self.host {
            HostPattern::Name(name) => *name == destination.host,
            HostPattern::Under(suffix) => {
                destination.host.ends_with(suffix) && destination.host.len() > suffix.len()
            }
            HostPattern::Network(..) => destination
                .host
                .parse()
                .is_ok_and(|address| self.covers(address)),
            HostPattern::Endpoints => false,
        };
        is_host && self.scheme == destination.scheme && self.allows_port(destination.port)
    }

    /// Whether a connection to this address may be made for a destination
    /// that is allowed: any public address, and others where the pattern names
    /// them.
    pub fn allows_address(&self, address: IpAddr, port: u16) -> bool {
        if !self.allows_port(port) {
            return false;
        }
        match &self.host {
            HostPattern::Network(..) => self.covers(address),
            HostPattern::Name(name) if name == "localhost" => {
                is_public(address) || is_loopback(address)
            }
            HostPattern::Name(_) | HostPattern::Under(_) => is_public(address),
            HostPattern::Endpoints => false,
        }
    }

    /// Whether it is the word that stands for the instances of the call.
    pub fn is_endpoints(&self) -> bool {
        matches!(self.host, HostPattern::Endpoints)
    }

    /// Whether it names an address or a network rather than a name.
    fn is_network(&self) -> bool {
        matches!(self.host, HostPattern::Network(..))
    }

    fn allows_port(&self, port: u16) -> bool {
        self.port.is_none_or(|allowed| allowed == port)
    }

    fn covers(&self, address: IpAddr) -> bool {
        let HostPattern::Network(network, bits) = self.host else {
            return false;
        };
        match (network, plain(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(bits))
                    .unwrap_or_default();
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(bits))
                    .unwrap_or_default();
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for NetPattern {
    type Err = ParseNetPatternError;

    fn from_str(text: &str) -> Result<NetPattern, ParseNetPatternError> {
        let error = |why| ParseNetPatternError {
            text: text.chars().take(200).collect(),
            why,
        };
        if text == ENDPOINTS {
            return Ok(NetPattern {
                text: text.into(),
                scheme: Scheme::Http,
                host: HostPattern::Endpoints,
                port: None,
            });
        }
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(error(
                "it must begin with `http://` or `https://`, or be the word `endpoints`",
            ));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['?', '#', '@']) {
            return Err(error("only scheme, host and port are compared"));
        }
        let (host, port) = split_port(rest).ok_or(error("expected `[address]:port`"))?;
        let port = match port {
            None => Some(scheme.default_port()),
            Some("*") => None,
            Some(port) => Some(port.parse().map_err(|_| error("the port is not one"))?),
        };
        let host = parse_host(host).map_err(error)?;
        Ok(NetPattern {
            text: text.into(),
            scheme,
            host,
            port,
        })
    }
}

/// Whether a request to `destination` may be made at all.
pub fn may_ask(patterns: &[NetPattern], destination: &Destination) -> bool {
    patterns.iter().any(|pattern| pattern.allows(destination))
}

/// Whether, for a request to `destination`, a connection to this address may be
/// made: by the pattern that allows the destination, or by one that names
/// the address itself. To be asked when connecting, so that a name cannot
/// change its meaning in between.
pub fn may_connect(patterns: &[NetPattern], destination: &Destination, address: IpAddr) -> bool {
    may_ask(patterns, destination)
        && patterns.iter().any(|pattern| {
            pattern.scheme == destination.scheme
                && (pattern.allows(destination) || pattern.is_network())
                && pattern.allows_address(address, destination.port)
        })
}

/// Host and port; the host may be in brackets and may have a network's length
/// behind it.
fn split_port(rest: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inside) = rest.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match rest.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((rest, None)),
    }
}

fn parse_host(host: &str) -> Result<HostPattern, &'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Some((network, bits)) = host.split_once('/') {
        let network: IpAddr = network
            .parse()
            .map_err(|_| "only scheme, host and port are compared, no path")?;
        let bits: u8 = bits
            .parse()
            .map_err(|_| "the network's length is not one")?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        if bits > most {
            return Err("the network's length is not one");
        }
        return Ok(HostPattern::Network(network, bits));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        return Ok(HostPattern::Network(address, bits));
    }
    let (name, is_under) = match host.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (host.as_str(), false),
    };
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    match (is_name, is_under) {
        (false, _) => Err("the host is not one; `*` stands only as the whole first label, `*.`"),
        (true, true) if !name.contains('.') => Err("`*.` needs a domain with a dot behind it"),
        (true, true) => Ok(HostPattern::Under(format!(".{name}"))),
        (true, false) => Ok(HostPattern::Name(name.into())),
    }
}

impl TryFrom<String> for NetPattern {
    type Error = ParseNetPatternError;
    fn try_from(text: String) -> Result<NetPattern, ParseNetPatternError> {
        text.parse()
    }
}

impl From<NetPattern> for String {
    fn from(pattern: NetPattern) -> String {
        pattern.text
    }
}

impl fmt::Display for NetPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address as it is used on the wire: IPv4 inside IPv6 is IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Whether an address is this machine's own.
pub fn is_loopback(address: IpAddr) -> bool {
    plain(address).is_loopback()
}

/// Whether an address is one of the whole internet: not loopback, private,
/// link-local (where clouds keep their metadata), shared, multicast or
/// reserved. Source: the IANA special-purpose address registries.
pub fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether an instance may be at an address: one of the internet, of this
/// machine or of a private network. Never where clouds keep their metadata,
/// whatever a target says: link-local, shared (100.64.0.0/10, which one cloud
/// uses for it) and the one unique local network of a cloud that has it there.
pub fn may_be_instance(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || is_public_v4(address)
        }
        IpAddr::V6(address) => {
            let is_metadata = address.segments()[..2] == [0xfd00, 0xec2];
            let is_private = address.is_unique_local() && !is_metadata;
            address.is_loopback() || is_private || is_public_v6(address)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Translations carry an IPv4 address in them, which decides.
    let inner = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = inner {
        return is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    // 2000::/3 is all that is global; inside it, 2001::/23 and 2001:db8::/32
    // are for protocols and documentation.
    let is_global = segments[0] & 0xe000 == 0x2000;
    let is_protocol = segments[0] == 0x2001 && (segments[1] < 0x200 || segments[1] == 0xdb8);
    is_global && !is_protocol
}

#[cfg(test)]
mod tests;

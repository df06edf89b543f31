//! The operator's proxies: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, small
//! letters first. Who may be asked is decided before one comes into play.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::capability::address::{Destination, Scheme};

/// Longest head of a proxy's answer to `CONNECT`.
const MOST_HEAD_BYTES: usize = 8 * 1024;

/// Which requests go through which proxy. The default is through none.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: Vec<Exception>,
}

/// One proxy, spoken to in plain HTTP.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authorization: Option<HeaderValue>,
}

impl fmt::Display for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A variable does not name a proxy that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} names no proxy that can be used; write `http://host:port`")]
pub struct ProxyError {
    /// The name of the variable. Its value may have a password in it.
    pub variable: String,
}

/// One word of `NO_PROXY`.
#[derive(Clone)]
enum Exception {
    Everything,
    /// A name and all below it, perhaps at one port alone.
    Name(String, Option<u16>),
    Network(IpAddr, u8),
}

impl Proxies {
    /// As the variables say.
    ///
    /// # Errors
    /// A proxy that needs more than plain HTTP to be spoken to.
    pub fn from_variables(find: &dyn Fn(&str) -> Option<String>) -> Result<Proxies, ProxyError> {
        let find = |name: &str| {
            let names = [name.to_ascii_lowercase(), name.to_owned()];
            names.into_iter().find_map(|name| {
                let value = find(&name).filter(|value| !value.is_empty())?;
                Some((name, value))
            })
        };
        let proxy = |name| match find(name) {
            Some((variable, value)) => match parse(&value) {
                Some(proxy) => Ok(Some(proxy)),
                None => Err(ProxyError { variable }),
            },
            None => Ok(None),
        };
        let except = find("NO_PROXY").map_or_else(String::new, |(_, value)| value);
        Ok(Proxies {
            http: proxy("HTTP_PROXY")?,
            https: proxy("HTTPS_PROXY")?,
            except: except.split([',', ' ']).filter_map(exception).collect(),
        })
    }

    /// The proxy for a destination. This machine itself is never asked through
    /// one.
    pub(super) fn of(&self, destination: &Destination) -> Option<&Proxy> {
        let proxy = match destination.scheme {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        }?;
        let address: Option<IpAddr> = destination.host.parse().ok();
        let is_here =
            destination.host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let is_excepted = self
            .except
            .iter()
            .any(|word| word.covers(destination, address));
        (!is_here && !is_excepted).then_some(proxy)
    }
}

fn parse(value: &str) -> Option<Proxy> {
    let value = match value.contains("://") {
        true => value.to_owned(),
        false => format!("http://{value}"),
    };
    let uri: Uri = value.parse().ok()?;
    let authority = uri
        .authority()
        .filter(|_| uri.scheme_str() == Some("http"))?;
    let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
    let authorization = match user {
        Some(user) => {
            let encoded = base64(&percent_decoded(user));
            let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        }
        None => None,
    };
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    (!host.is_empty()).then(|| Proxy {
        host,
        port: authority.port_u16().unwrap_or(80),
        authorization,
    })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            Some(_) | None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// Source: RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            let is_padding = at > three.len();
            out.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET[six as usize])
            });
        }
    }
    out
}

fn exception(word: &str) -> Option<Exception> {
    let word = word.trim().to_ascii_lowercase();
    if word == "*" {
        return Some(Exception::Everything);
    }
    if let Some((network, bits)) = word.split_once('/') {
        return Some(Exception::Network(
            network.parse().ok()?,
            bits.parse().ok()?,
        ));
    }
    let bare = word.trim_matches(['[', ']']);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(Exception::Network(
            address,
            if address.is_ipv4() { 32 } else { 128 },
        ));
    }
    let (name, port) = match word.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (word.as_str(), None),
    };
    let name = name.trim_start_matches('*').trim_start_matches('.');
    (!name.is_empty()).then(|| Exception::Name(name.to_owned(), port))
}

impl Exception {
    fn covers(&self, destination: &Destination, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Exception::Everything, _) => true,
            (Exception::Name(name, port), _) => {
                let above = destination.host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
                    && port.is_none_or(|port| port == destination.port)
            }
            (Exception::Network(IpAddr::V4(network), bits), Some(IpAddr::V4(address))) => {
                let shift = 32_u32.saturating_sub(u32::from(*bits));
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            (Exception::Network(IpAddr::V6(network), bits), Some(IpAddr::V6(address))) => {
                let shift = 128_u32.saturating_sub(u32::from(*bits));
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            (Exception::Network(..), _) => false,
        }
    }
}

/// Ask a proxy for a tunnel. Source: RFC 9110, section 9.3.6.
pub(super) async fn tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    destination: &Destination,
) -> Result<(), String> {
    let (host, port) = (&destination.host, destination.port);
    let authority = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(authorization.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let io = |error: std::io::Error| error.to_string();
    stream.write_all(&head).await.map_err(io)?;
    let mut answer = Vec::new();
    // Byte by byte: what comes behind the head is not the proxy's.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MOST_HEAD_BYTES {
            return Err("its answer does not end".into());
        }
        answer.push(stream.read_u8().await.map_err(io)?);
    }
    let line = answer.split(|byte| *byte == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    match status {
        Some(status) if status.starts_with('2') => Ok(()),
        _ => Err(format!("it answers `{}`", line.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_variables(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    fn way(proxies: &Proxies, url: &str) -> String {
        let destination = Destination::of(&url.parse().unwrap()).unwrap();
        proxies
            .of(&destination)
            .map_or("direct".into(), ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_small_letters_come_first() {
        let set = [
            ("HTTPS_PROXY", "http://a:1"),
            ("https_proxy", "b:2"),
            ("HTTP_PROXY", "http://c"),
        ];
        let set = proxies(&set).unwrap();
        assert_eq!(way(&set, "https://acme.dev/"), "b:2");
        assert_eq!(way(&set, "http://acme.dev/"), "c:80");
        assert_eq!(way(&set, "http://localhost:8080/"), "direct");
        assert_eq!(way(&set, "http://[::1]/"), "direct");
    }

    #[test]
    fn exceptions_are_names_with_all_below_networks_and_ports() {
        let except = ".acme.dev, corp.example:8443,10.0.0.0/8,*.local,fd00::/8";
        let set = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", except)];
        let set = proxies(&set).unwrap();
        for url in [
            "https://acme.dev",
            "https://api.acme.dev",
            "https://corp.example:8443",
            "https://10.1.2.3",
            "https://a.local",
            "https://[fd12::1]",
        ] {
            assert_eq!(way(&set, url), "direct", "{url}");
        }
        for url in [
            "https://badacme.dev",
            "https://corp.example",
            "https://11.1.2.3",
            "https://[fe12::1]",
        ] {
            assert_eq!(way(&set, url), "p:1", "{url}");
        }
        let set = [("HTTPS_PROXY", "http://p:1"), ("no_proxy", "*")];
        assert_eq!(way(&proxies(&set).unwrap(), "https://a.dev"), "direct");
    }

    #[test]
    fn a_password_is_sent_and_not_shown() {
        let set = proxies(&[("HTTPS_PROXY", "http://me:p%40ss@p:1")]).unwrap();
        let proxy = set.https.as_ref().unwrap();
        // Made with `printf 'me:p@ss' | base64`.
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(proxy.to_string(), "p:1");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_value() {
        for value in ["socks5://me:secret@p:1", "https://p:1", "http://"] {
            let error = proxies(&[("HTTPS_PROXY", value)]).err().unwrap();
            assert_eq!(error.variable, "HTTPS_PROXY");
            assert!(!error.to_string().contains("secret"));
        }
    }
}

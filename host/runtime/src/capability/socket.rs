//! `socket`: one bounded exchange with a listed endpoint.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use super::Capability;
use super::address::{is_loopback, is_public};
use super::connect::{DialError, Resolve, dial};
use crate::plugin::bindings::baepo::hooks::socket as wit;
use crate::plugin::state::CallState;
use wit::SocketError as Error;

/// `unix:/path` or `tcp:host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket in the file system; an absolute path without `..`.
    Unix(PathBuf),
    /// A name in lower case, or an address without brackets, and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
}

/// The text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no endpoint; write `unix:/path` or `tcp:host:port`")]
pub struct ParseEndpointError {
    /// What was read.
    pub text: String,
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Endpoint, ParseEndpointError> {
        let wrong = || ParseEndpointError {
            text: text.chars().take(200).collect(),
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path);
            let climbs = path.components().any(|part| part == Component::ParentDir);
            if !path.is_absolute() || climbs || text.contains('\0') {
                return Err(wrong());
            }
            // By its parts, so that `//` and `/./` make no other path of it.
            return Ok(Endpoint::Unix(path.components().collect()));
        }
        let rest = text.strip_prefix("tcp:").ok_or_else(wrong)?;
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(inside) if inside.parse::<std::net::Ipv6Addr>().is_ok() => inside,
            Some(_) => return Err(wrong()),
            None => host.trim_end_matches('.'),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_name = !host.is_empty() && host.chars().all(is_host);
        if bare.is_none() && !is_name {
            return Err(wrong());
        }
        Ok(Endpoint::Tcp {
            host: host.to_ascii_lowercase(),
            port: port.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// Whether an endpoint with this host may lead to this address: any public one;
/// one that the endpoint itself names; loopback for `localhost`.
fn may_lead(host: &str, address: IpAddr) -> bool {
    is_public(address)
        || host.parse() == Ok(address)
        || (host == "localhost" && is_loopback(address))
}

impl wit::Host for CallState {
    async fn exchange(
        &mut self,
        endpoint: String,
        bytes: Vec<u8>,
        limits: wit::Limits,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        self.enter("socket.exchange");
        let result = exchange(self, &endpoint, &bytes, &limits).await;
        self.leave();
        Ok(result)
    }
}

async fn exchange(
    state: &mut CallState,
    asked: &str,
    bytes: &[u8],
    limits: &wit::Limits,
) -> Result<Vec<u8>, Error> {
    let endpoint: Option<Endpoint> = asked.parse().ok();
    let is_granted = |_: &Endpoint| state.permit().allows_socket(asked);
    let Some(endpoint) = endpoint.filter(is_granted) else {
        return Err(deny(state, asked.into()));
    };
    let account = state.account();
    let left = account.spend_request(bytes.len() as u64);
    let left = left.map_err(|what| Error::Failed(format!("the limit of {what} is used up")))?;
    let limit = limits.limit_bytes.min(left);
    let timeout = Duration::from_millis(limits.timeout_ms).min(state.limits().http_timeout);
    let outside = state.outside();
    let talking = reach(&*outside.network.resolver, &endpoint, bytes, limit);
    match tokio::time::timeout(timeout, talking).await {
        Err(_) => Err(Error::Timeout),
        Ok(Err(Failure::Inside(endpoint))) => Err(deny(state, endpoint.to_string())),
        Ok(Err(Failure::Told(error))) => Err(error),
        Ok(Ok(answer)) => {
            account.used(Capability::Socket, asked);
            // Cannot be more than what was left.
            let _ = account.spend_bytes(answer.len() as u64);
            Ok(state.without_opened(&answer).into_owned())
        }
    }
}

fn deny(state: &mut CallState, what: String) -> Error {
    state.deny(Capability::Socket, what.clone());
    Error::Denied(what)
}

enum Failure {
    Inside(Endpoint),
    Told(Error),
}

async fn reach(
    resolver: &dyn Resolve,
    endpoint: &Endpoint,
    bytes: &[u8],
    limit: u64,
) -> Result<Vec<u8>, Failure> {
    let answer = match endpoint {
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path).await;
            let stream = stream
                .map_err(|error| Failure::Told(Error::Connect(format!("{endpoint}: {error}"))))?;
            talk(stream, bytes, limit).await
        }
        Endpoint::Tcp { host, port } => {
            let may = |address| may_lead(host, address);
            let stream = dial(resolver, host, *port, may).await;
            let stream = stream.map_err(|error| match error {
                DialError::Inside(address) => Failure::Inside(Endpoint::Tcp {
                    host: address.ip().to_string(),
                    port: *port,
                }),
                DialError::Unreachable(why) => {
                    Failure::Told(Error::Connect(format!("{endpoint}: {why}")))
                }
            })?;
            talk(stream, bytes, limit).await
        }
    };
    answer.map_err(Failure::Told)
}

/// Write all, close that side, and read to the end. Both at once: an answer
/// that begins early must not block on a question that is long.
async fn talk<S: AsyncRead + AsyncWrite>(
    stream: S,
    bytes: &[u8],
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| Error::Failed(error.to_string());
    let (reader, mut writer) = tokio::io::split(stream);
    let asking = async {
        writer.write_all(bytes).await?;
        writer.shutdown().await
    };
    let mut answer = Vec::new();
    let mut limited = reader.take(limit.saturating_add(1));
    let (asked, heard) = tokio::join!(asking, limited.read_to_end(&mut answer));
    if answer.len() as u64 > limit {
        return Err(Error::TooLarge(limit));
    }
    heard.map_err(failed)?;
    // Who answers before the end of the question has heard enough of it.
    match asked {
        Err(error) if answer.is_empty() => Err(failed(error)),
        Ok(()) | Err(_) => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_compared_by_what_they_mean() {
        let same = |a: &str, b: &str| a.parse::<Endpoint>().unwrap() == b.parse().unwrap();
        assert!(same(
            "unix:/run//haproxy/./admin.sock",
            "unix:/run/haproxy/admin.sock"
        ));
        assert!(same("tcp:DB.acme.dev.:5432", "tcp:db.acme.dev:5432"));
        assert!(!same("tcp:db.acme.dev:5432", "tcp:db.acme.dev:5433"));
        let six: Endpoint = "tcp:[::1]:80".parse().unwrap();
        assert_eq!(six.to_string(), "tcp:[::1]:80");
        for text in [
            "unix:run/x",
            "unix:/run/../x",
            "unix:",
            "tcp:",
            "tcp:a",
            "tcp::80",
            "tcp:a:99999",
            "tcp:a b:1",
            "tcp:::1:80",
            "http://a",
            "",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_leads_to_public_addresses_alone() {
        let may = |host, address: &str| may_lead(host, address.parse().unwrap());
        assert!(may("db.acme.dev", "8.8.8.8"));
        assert!(may("127.0.0.1", "127.0.0.1"));
        assert!(may("localhost", "::1"));
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "::ffff:10.0.0.1",
        ] {
            assert!(!may("db.acme.dev", address), "{address}");
        }
        assert!(!may("localhost", "10.0.0.1"));
        assert!(!may("10.0.0.1", "10.0.0.2"));
    }
}

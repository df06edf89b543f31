//! The last step to the network: a name becomes addresses once, each is
//! checked, and only what was checked is connected to. So a name that means
//! something else a moment later leads nowhere.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::net::TcpStream;

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 4;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a name.
    ///
    /// # Errors
    /// The name is not known, or nobody can be asked.
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// Asks as every program of this machine does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Why there is no connection.
pub(super) enum DialError {
    /// The name leads only to addresses that are not allowed; the first.
    Inside(SocketAddr),
    /// Nobody answers; for people.
    Unreachable(String),
}

/// A connection to one of the addresses that `may` allows.
pub(super) async fn dial(
    resolver: &dyn Resolve,
    host: &str,
    port: u16,
    may: impl Fn(IpAddr) -> bool,
) -> Result<TcpStream, DialError> {
    let unreachable = |error: std::io::Error| DialError::Unreachable(error.to_string());
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => resolver.resolve(host, port).await.map_err(unreachable)?,
    };
    let allowed = addresses.iter().filter(|address| may(address.ip()));
    let mut last = None;
    for address in allowed.take(MOST_ADDRESSES) {
        // The port is the one that was asked for, whatever the resolver says.
        match TcpStream::connect(SocketAddr::new(address.ip(), port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(match (last, addresses.first()) {
        (Some(error), _) => unreachable(error),
        (None, None) => DialError::Unreachable("the name has no address".into()),
        (None, Some(inside)) => DialError::Inside(*inside),
    })
}

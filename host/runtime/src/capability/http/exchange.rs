//! One exchange over one connection: whom to connect to, TLS, HTTP/1.1.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::proxy::{Proxy, tunnel};
use super::{MOST_HEADERS, header_bytes, too_many_headers};
use crate::capability::Network;
use crate::capability::address::{Destination, Scheme};
use crate::capability::connect::{DialError, dial};
use crate::capability::permit::Permit;
use crate::chain;
use crate::plugin::bindings::baepo::hooks::http as wit;
use wit::HttpError as Error;

/// The smallest buffer that the protocol's implementation works with, in bytes.
const SMALLEST_BUFFER: usize = 8192;

/// Where a request goes, and by which rules.
pub(super) struct Way<'a> {
    pub(super) permit: &'a Permit,
    pub(super) network: &'a Network,
    pub(super) destination: &'a Destination,
    /// Most bytes of the headers of the answer.
    pub(super) most_header_bytes: usize,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The address, as a pattern that would allow it.
    Denied(String),
    Told(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Told(error)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What must go on for a body to come.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer whose body is still to come, and what must go on until then.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) connection: Connection,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Send a request whose address is checked already. The address of the
/// connection is checked here.
pub(super) async fn send_over<B>(way: &Way<'_>, mut request: Request<B>) -> Result<Answer, Failure>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let proxy = way.network.proxies.of(way.destination);
    let stream = connect(way, proxy).await?;
    let stream: Box<dyn Stream> = match (way.destination.scheme, proxy) {
        (Scheme::Https, _) => Box::new(secure(stream, way.destination).await?),
        (Scheme::Http, None) => Box::new(stream),
        (Scheme::Http, Some(proxy)) => {
            name_receiver(&mut request, way.destination, proxy)?;
            Box::new(stream)
        }
    };
    Ok(talk(stream, request, way.most_header_bytes).await?)
}

/// A connection to an address that is allowed *now*, or to the operator's
/// proxy. Through a proxy, what a name resolves to is the proxy's to know; an
/// address in the request is checked all the same.
async fn connect(way: &Way<'_>, proxy: Option<&Proxy>) -> Result<TcpStream, Failure> {
    let (permit, destination) = (way.permit, way.destination);
    let told = |why: String| Failure::Told(Error::Connect(format!("{destination}: {why}")));
    let may = |address| permit.may_connect(destination, address);
    let inside = |address| Failure::Denied(format!("{}://{address}", destination.scheme.text()));
    let Some(proxy) = proxy else {
        let (host, port) = (destination.host.as_str(), destination.port);
        let dialed = dial(&*way.network.resolver, host, port, may).await;
        return dialed.map_err(|error| match error {
            DialError::Inside(address) => inside(address),
            DialError::Unreachable(why) => told(why),
        });
    };
    if let Ok(address) = destination.host.parse()
        && !may(address)
    {
        return Err(inside((address, destination.port).into()));
    }
    let through = |why: String| told(format!("through the proxy {proxy}: {why}"));
    let stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await;
    let mut stream = stream.map_err(|error| through(error.to_string()))?;
    if destination.scheme == Scheme::Https {
        tunnel(&mut stream, proxy, destination)
            .await
            .map_err(through)?;
    }
    Ok(stream)
}

/// A proxy is told the whole address.
fn name_receiver<B>(
    request: &mut Request<B>,
    destination: &Destination,
    proxy: &Proxy,
) -> Result<(), Error> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let absolute: Uri = format!("{destination}{path}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| Error::Invalid(error.to_string()))?;
    *request.uri_mut() = absolute;
    if let Some(authorization) = &proxy.authorization {
        let headers = request.headers_mut();
        headers.insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    Ok(())
}

async fn secure(
    stream: TcpStream,
    destination: &Destination,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Error> {
    let name = ServerName::try_from(destination.host.clone())
        .map_err(|error| Error::Invalid(error.to_string()))?;
    TlsConnector::from(tls())
        .connect(name, stream)
        .await
        .map_err(|error| Error::Connect(format!("TLS with {destination}: {error}")))
}

/// Certificate authorities of the web, read once.
fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    });
    Arc::clone(config)
}

async fn talk<B>(
    stream: Box<dyn Stream>,
    request: Request<B>,
    most_header_bytes: usize,
) -> Result<Answer, Error>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let failed = |error: hyper::Error| match error.is_parse_too_large() {
        true => too_many_headers(most_header_bytes),
        false => Error::Failed(chain(&error)),
    };
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(MOST_HEADERS)
        .max_buf_size(most_header_bytes.max(SMALLEST_BUFFER))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // How a connection ends is told by the answer, or by there being none.
    let mut connection: Connection = Box::pin(async move {
        let _ = connection.await;
    });
    let asking = sender.send_request(request);
    tokio::pin!(asking);
    let (response, is_over) = tokio::select! {
        biased;
        response = &mut asking => (response, false),
        // The connection may end first with the answer still in its buffers.
        () = &mut connection => (asking.await, true),
    };
    if is_over {
        connection = Box::pin(std::future::ready(()));
    }
    let response = response.map_err(failed)?;
    match header_bytes(response.headers()) > most_header_bytes {
        true => Err(too_many_headers(most_header_bytes)),
        false => Ok(Answer {
            response,
            connection,
        }),
    }
}

//! `http`: one request and its whole answer. The only way to the network: who
//! may be asked is decided here, before the name is resolved and again for
//! the address that is connected to.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Capability;
use super::address::{Destination, Scheme};
use super::permit::Permit;
use crate::plugin::bindings::baepo::hooks::http as wit;
use crate::plugin::state::CallState;
use wit::HttpError as Error;

/// Headers that belong to the host: they frame the message or name its
/// receiver.
const OURS: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 4;

impl wit::Host for CallState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, Error>> {
        self.enter("http.send");
        let result = send(self, request).await;
        self.leave();
        Ok(result)
    }
}

async fn send(state: &mut CallState, asked: wit::Request) -> Result<wit::Response, Error> {
    let limits = state.limits();
    let timeout = match asked.timeout_ms {
        Some(ms) => Duration::from_millis(ms).min(limits.http_timeout),
        None => limits.http_timeout,
    };
    let limit = asked.limit_bytes.unwrap_or(u64::MAX);
    let (destination, request) = check(asked)?;
    let permit = state.shared_permit();
    if !permit.may_ask(&destination) {
        return Err(deny(state, destination.to_string()));
    }
    let sent = request.body().size_hint_exact();
    let left = state.spend_http(sent).map_err(Error::Limit)?;
    let limit = limit.min(left);
    let begun = Instant::now();
    let answer =
        tokio::time::timeout(timeout, exchange(&permit, &destination, request, limit)).await;
    match answer {
        Err(_) => Err(Error::Timeout),
        Ok(Err(Failure::Denied(address))) => Err(deny(state, address)),
        Ok(Err(Failure::Told(error))) => Err(error),
        Ok(Ok(mut response)) => {
            response.duration_us = begun.elapsed().as_micros() as u64;
            state
                .spend_http_answer(response.body.len() as u64)
                .map_err(Error::Limit)?;
            Ok(response)
        }
    }
}

fn deny(state: &mut CallState, what: String) -> Error {
    state.deny(Capability::Net, what.clone());
    Error::Denied(what)
}

enum Failure {
    /// The address, as a pattern that would allow it.
    Denied(String),
    Told(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Told(error)
    }
}

trait SizeHint {
    fn size_hint_exact(&self) -> u64;
}

impl SizeHint for Full<Bytes> {
    fn size_hint_exact(&self) -> u64 {
        hyper::body::Body::size_hint(self).exact().unwrap_or(0)
    }
}

/// The request as it goes over the wire, and where to.
fn check(asked: wit::Request) -> Result<(Destination, Request<Full<Bytes>>), Error> {
    let invalid = |what: String| Error::Invalid(what);
    let method = Method::from_bytes(asked.method.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| invalid(format!("`{}` is not a method", asked.method.escape_debug())))?;
    let uri: Uri = asked
        .url
        .parse()
        .map_err(|error| invalid(format!("`{}`: {error}", asked.url.escape_debug())))?;
    let destination = Destination::of(&uri).map_err(invalid)?;
    let authority = uri
        .authority()
        .map_or_else(String::new, ToString::to_string);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(Bytes::from(asked.body)))
        .map_err(|error| invalid(error.to_string()))?;
    let headers = request.headers_mut();
    for (name, value) in asked.headers {
        let wit::HeaderValue::Plain(value) = value else {
            return Err(invalid("secrets are not available in headers".into()));
        };
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| invalid(format!("`{}` is not a header", name.escape_debug())))?;
        if OURS.contains(&name.as_str()) {
            return Err(invalid(format!("the header `{name}` is set by the host")));
        }
        let value = HeaderValue::try_from(value)
            .map_err(|_| invalid(format!("the value of `{name}` is not one")))?;
        headers.append(name, value);
    }
    let host = HeaderValue::try_from(authority).map_err(|error| invalid(error.to_string()))?;
    headers.insert(HOST, host);
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static("baepo"));
    Ok((destination, request))
}

async fn exchange(
    permit: &Permit,
    destination: &Destination,
    request: Request<Full<Bytes>>,
    limit: u64,
) -> Result<wit::Response, Failure> {
    let stream = connect(permit, destination).await?;
    match destination.scheme {
        Scheme::Http => Ok(talk(stream, request, limit).await?),
        Scheme::Https => {
            let name = ServerName::try_from(destination.host.clone())
                .map_err(|error| Error::Invalid(error.to_string()))?;
            let stream = TlsConnector::from(tls())
                .connect(name, stream)
                .await
                .map_err(|error| Error::Connect(format!("TLS with {destination}: {error}")))?;
            Ok(talk(stream, request, limit).await?)
        }
    }
}

/// A connection to an address that is allowed *now*: what a name resolves to
/// is looked up once, and only what was checked is connected to.
async fn connect(permit: &Permit, destination: &Destination) -> Result<TcpStream, Failure> {
    let told = |why: String| Error::Connect(format!("{destination}: {why}"));
    let found = tokio::net::lookup_host((destination.host.as_str(), destination.port))
        .await
        .map_err(|error| told(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let allowed = |address: &&SocketAddr| permit.may_connect(destination, address.ip());
    let mut last = None;
    for address in addresses.iter().filter(allowed).take(MOST_ADDRESSES) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match (last, addresses.first()) {
        (Some(error), _) => Err(told(error.to_string()).into()),
        (None, None) => Err(told("the name has no address".into()).into()),
        (None, Some(inside)) => {
            let scheme = destination.scheme.text();
            Err(Failure::Denied(format!("{scheme}://{inside}")))
        }
    }
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

async fn talk<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    limit: u64,
) -> Result<wit::Response, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: hyper::Error| Error::Failed(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(200)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = response.into_parts();
        let limit_length = usize::try_from(limit).unwrap_or(usize::MAX);
        let body = Limited::new(body, limit_length)
            .collect()
            .await
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Error::TooLarge(limit),
                None => Error::Failed(error.to_string()),
            })?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some((name.to_string(), value.to_string()))
        };
        Ok(wit::Response {
            status: head.status.as_u16(),
            headers: head.headers.iter().filter_map(text).collect(),
            body: body.to_bytes().to_vec(),
            duration_us: 0,
        })
    };
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The connection may end first with the answer still in its buffers.
        _ = connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, headers: &[(&str, &str)]) -> wit::Request {
        wit::Request {
            method: "GET".into(),
            url: url.into(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), wit::HeaderValue::Plain(value.to_string())))
                .collect(),
            body: Vec::new(),
            timeout_ms: None,
            limit_bytes: None,
        }
    }

    #[test]
    fn the_host_names_the_receiver_and_frames_the_message() {
        let (destination, request) =
            check(asked("https://a.dev:444/x?y=1", &[("x-a", "b")])).unwrap();
        assert_eq!(destination.to_string(), "https://a.dev:444");
        assert_eq!(request.uri(), "/x?y=1");
        assert_eq!(request.headers()[HOST], "a.dev:444");
        for name in ["Host", "transfer-encoding", "Content-Length", "a b", ""] {
            assert!(
                check(asked("http://a.dev/", &[(name, "1")])).is_err(),
                "{name}"
            );
        }
        assert!(check(asked("http://a.dev/", &[("x", "a\r\nb: c")])).is_err());
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in [
            "",
            "/x",
            "a.dev",
            "ftp://a.dev/",
            "http://",
            "http://u@a.dev/",
        ] {
            assert!(check(asked(url, &[])).is_err(), "{url}");
        }
    }
}

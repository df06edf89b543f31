//! `http`: one request and its whole answer. The only way to the network beside
//! `socket`: who may be asked is decided here, before the name is resolved and
//! again for the address that is connected to. `wasi:http` goes the same way.

mod exchange;
pub mod proxy;
pub(crate) mod wasi;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use wasmtime::component::ResourceTable;

use super::Capability;
use super::address::Destination;
use crate::plugin::bindings::baepo::hooks::http as wit;
use crate::plugin::state::CallState;
use exchange::{Failure, Way, send_over};
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

/// Most headers of a request and of an answer.
const MOST_HEADERS: usize = 200;

impl wit::Host for CallState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, Error>> {
        self.enter("http.send");
        let result = send(self, request).await;
        self.leave();
        result
    }
}

async fn send(
    state: &mut CallState,
    asked: wit::Request,
) -> wasmtime::Result<Result<wit::Response, Error>> {
    let limits = state.limits();
    let timeout = match asked.timeout_ms {
        Some(ms) => Duration::from_millis(ms).min(limits.http_timeout),
        None => limits.http_timeout,
    };
    let limit = asked.limit_bytes.unwrap_or(u64::MAX);
    let (uri, destination) = match check_address(&asked.url) {
        Ok(checked) => checked,
        Err(error) => return Ok(Err(error)),
    };
    if !state.permit().may_ask(&destination) {
        return Ok(Err(deny(state, destination.to_string())));
    }
    // Only now does a secret leave its handle.
    let request = match build(asked, &uri, state.table(), limits.http_header_bytes)? {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    let account = state.account();
    let left = match account.spend_request(request.body().size_hint_exact()) {
        Ok(left) => left,
        Err(what) => return Ok(Err(Error::Limit(what))),
    };
    account.used(Capability::Net, &account.permit.told(&destination));
    let outside = state.outside();
    let way = Way {
        permit: &account.permit,
        network: &outside.network,
        destination: &destination,
        most_header_bytes: limits.http_header_bytes,
    };
    let limit = limit.min(left);
    let begun = Instant::now();
    let talking = async {
        let answer = send_over(&way, request).await?;
        Ok::<_, Failure>(collect(answer, limit).await?)
    };
    Ok(match tokio::time::timeout(timeout, talking).await {
        Err(_) => Err(Error::Timeout),
        Ok(Err(Failure::Denied(address))) => Err(deny(state, address)),
        Ok(Err(Failure::Told(error))) => Err(error),
        Ok(Ok((head, body))) => match account.spend_bytes(body.len() as u64) {
            Err(what) => Err(Error::Limit(what)),
            Ok(_) => Ok(wit::Response {
                status: head.status.as_u16(),
                headers: readable(state, &head.headers),
                body: state.without_opened(&body).into_owned(),
                duration_us: begun.elapsed().as_micros() as u64,
            }),
        },
    })
}

fn deny(state: &mut CallState, what: String) -> Error {
    state.deny(Capability::Net, what.clone());
    Error::Denied(what)
}

/// The values that are text, without the secrets that the call has opened: a
/// server that answers with what it was sent gives none away.
fn readable(state: &CallState, headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = state.without_opened(value.as_bytes()).into_owned();
        Some((name.to_string(), String::from_utf8(value).ok()?))
    };
    headers.iter().filter_map(text).collect()
}

trait SizeHint {
    fn size_hint_exact(&self) -> u64;
}

impl SizeHint for Full<Bytes> {
    fn size_hint_exact(&self) -> u64 {
        hyper::body::Body::size_hint(self).exact().unwrap_or(0)
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::Invalid(what.into())
}

fn check_address(url: &str) -> Result<(Uri, Destination), Error> {
    let uri: Uri = url
        .parse()
        .map_err(|error| invalid(format!("`{}`: {error}", url.escape_debug())))?;
    let destination = Destination::of(&uri).map_err(invalid)?;
    Ok((uri, destination))
}

/// The request as it goes over the wire. The outer error is a handle that is
/// none.
fn build(
    asked: wit::Request,
    uri: &Uri,
    secrets: &ResourceTable,
    most_bytes: usize,
) -> wasmtime::Result<Result<Request<Full<Bytes>>, Error>> {
    let size: usize = asked.headers.iter().map(|(name, _)| name.len()).sum();
    if asked.headers.len() > MOST_HEADERS || size > most_bytes {
        return Ok(Err(too_many_headers(most_bytes)));
    }
    let mut headers = Vec::with_capacity(asked.headers.len());
    for (name, value) in asked.headers {
        let (value, is_secret) = match value {
            wit::HeaderValue::Plain(value) => (value, false),
            wit::HeaderValue::Secret((prefix, handle)) => {
                let secret = secrets.get(&handle)?.value().expose();
                (format!("{prefix}{secret}"), true)
            }
        };
        match header(&name, value, is_secret) {
            Ok(header) => headers.push(header),
            Err(error) => return Ok(Err(error)),
        }
    }
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > most_bytes {
        return Ok(Err(too_many_headers(most_bytes)));
    }
    Ok(assemble(&asked.method, uri, headers, asked.body))
}

/// Bytes of all names and values.
fn header_bytes(headers: &HeaderMap) -> usize {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    sizes.sum()
}

fn too_many_headers(most_bytes: usize) -> Error {
    Error::Limit(format!(
        "more than {MOST_HEADERS} headers, or more than {most_bytes} bytes of them"
    ))
}

fn header(name: &str, value: String, is_secret: bool) -> Result<(HeaderName, HeaderValue), Error> {
    let name = HeaderName::try_from(name)
        .map_err(|_| invalid(format!("`{}` is not a header", name.escape_debug())))?;
    if OURS.contains(&name.as_str()) {
        return Err(invalid(format!("the header `{name}` is set by the host")));
    }
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| invalid(format!("the value of `{name}` is not one")))?;
    value.set_sensitive(is_secret);
    Ok((name, value))
}

fn assemble(
    method: &str,
    uri: &Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, Error> {
    let method = Method::from_bytes(method.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| invalid(format!("`{}` is not a method", method.escape_debug())))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::try_from(authority).map_err(|error| invalid(error.to_string()))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| invalid(error.to_string()))?;
    let map = request.headers_mut();
    for (name, value) in headers {
        map.append(name, value);
    }
    map.insert(HOST, host);
    map.entry(USER_AGENT)
        .or_insert(HeaderValue::from_static("baepo"));
    Ok(request)
}

/// The whole answer, if it is small enough.
async fn collect(
    answer: exchange::Answer,
    limit: u64,
) -> Result<(http::response::Parts, Bytes), Error> {
    let (head, body) = answer.response.into_parts();
    let limit_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let collecting = Limited::new(body, limit_length).collect();
    let connection = answer.connection;
    tokio::pin!(collecting, connection);
    let collected = tokio::select! {
        biased;
        collected = &mut collecting => collected,
        // The connection may end first with the answer still in its buffers.
        _ = &mut connection => collecting.await,
    };
    let body = collected.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Error::TooLarge(limit),
        None => Error::Failed(error.to_string()),
    })?;
    Ok((head, body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 * 1024;

    fn built(url: &str, headers: &[(&str, &str)]) -> Result<Request<Full<Bytes>>, Error> {
        let asked = wit::Request {
            method: "GET".into(),
            url: url.into(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), wit::HeaderValue::Plain(value.to_string())))
                .collect(),
            body: Vec::new(),
            timeout_ms: None,
            limit_bytes: None,
        };
        let (uri, _) = check_address(url)?;
        build(asked, &uri, &ResourceTable::new(), LIMIT).unwrap()
    }

    #[test]
    fn the_host_names_the_receiver_and_frames_the_message() {
        let request = built("https://a.dev:444/x?y=1", &[("x-a", "b")]).unwrap();
        assert_eq!(request.uri(), "/x?y=1");
        assert_eq!(request.headers()[HOST], "a.dev:444");
        for name in ["Host", "transfer-encoding", "Content-Length", "a b", ""] {
            assert!(built("http://a.dev/", &[(name, "1")]).is_err(), "{name}");
        }
        assert!(built("http://a.dev/", &[("x", "a\r\nb: c")]).is_err());
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
            assert!(check_address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn headers_are_bounded_in_number_and_size() {
        let many = vec![("x", "y"); MOST_HEADERS + 1];
        assert!(built("http://a.dev/", &many[1..]).is_ok());
        assert!(built("http://a.dev/", &many).is_err());
        let long = "y".repeat(LIMIT);
        assert!(built("http://a.dev/", &[("x", &long)]).is_err());
        assert!(built("http://a.dev/", &[("x", &long[1..])]).is_ok());
    }
}

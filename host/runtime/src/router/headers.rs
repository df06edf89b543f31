//! What the router changes in the heads of requests and answers, and which
//! requests it refuses. Source: RFC 9110 section 7.6.1 (hop-by-hop fields),
//! RFC 9112 section 6.3 (framing), RFC 7239 (`Forwarded`).

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, StatusCode, Uri, Version};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields that concern one connection only, beside `connection` itself and
/// what it lists. `proxy` is no field at all, but programs that copy fields
/// into their environment would take it for `HTTP_PROXY`.
const HOP_BY_HOP: [HeaderName; 6] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Why a request is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) reason: &'static str,
}

/// Whether a request can be passed on without two readers of it seeing two
/// different requests.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let refuse = |status, reason| Err(Refusal { status, reason });
    let headers = request.headers();
    if request.method() == Method::CONNECT {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "this is no forward proxy");
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => {}
        (None, None) if request.version() == Version::HTTP_10 => {}
        _ => return refuse(StatusCode::BAD_REQUEST, "exactly one Host is needed"),
    }
    let encodings = headers.get_all(TRANSFER_ENCODING).iter().count();
    if encodings > 0 && headers.contains_key(CONTENT_LENGTH) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "both Content-Length and Transfer-Encoding",
        );
    }
    let is_plain_chunked = || {
        headers
            .get(TRANSFER_ENCODING)
            .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"chunked"))
    };
    if encodings > 1 || (encodings == 1 && !is_plain_chunked()) {
        return refuse(
            StatusCode::NOT_IMPLEMENTED,
            "a Transfer-Encoding other than chunked",
        );
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return refuse(StatusCode::BAD_REQUEST, "more than one Content-Length");
    }
    Ok(())
}

/// The protocol that both ends want to change to, where the message asks.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    if asks {
        headers.get(UPGRADE).cloned()
    } else {
        None
    }
}

/// Take away what concerns one connection only; `upgrade` stays where given.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap, upgrade: Option<HeaderValue>) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|token| token.trim().parse().ok())
            .collect();
        headers.remove(CONNECTION);
        for name in listed {
            // A client may not talk the router out of the fields that it sets
            // or that frame the message.
            if name != HOST && name != CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    let takes_trailers = headers
        .get(TE)
        .is_some_and(|te| te.as_bytes() == b"trailers");
    if !takes_trailers {
        headers.remove(TE);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// What the instance is told about the client of one connection.
#[derive(Debug)]
pub(super) struct Client {
    /// `for=` of `Forwarded`.
    node: String,
    address: Option<HeaderValue>,
    trusts_forwarded: bool,
}

impl Client {
    /// `address` is `None` for a unix socket. With `trusts_forwarded` what the
    /// client says of those before it is kept and added to; without, replaced.
    pub(super) fn new(address: Option<IpAddr>, trusts_forwarded: bool) -> Client {
        let node = match address {
            Some(IpAddr::V4(v4)) => v4.to_string(),
            Some(IpAddr::V6(v6)) => format!("\"[{v6}]\""),
            None => "unknown".to_owned(),
        };
        let address = address.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok());
        Client {
            node,
            address,
            trusts_forwarded,
        }
    }

    /// Set `Forwarded` and `X-Forwarded-*`.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        let host = headers.get(HOST).cloned();
        let mut node = String::with_capacity(64);
        let _ = write!(node, "for={};proto=http", self.node);
        // A quoted string may hold any Host that has no quote or backslash.
        if let Some(host) = host.as_ref().and_then(|host| host.to_str().ok())
            && !host.contains(['"', '\\'])
        {
            let _ = write!(node, ";host=\"{host}\"");
        }
        self.put(headers, FORWARDED, HeaderValue::from_str(&node).ok());
        self.put(headers, X_FORWARDED_FOR, self.address.clone());
        if !(self.trusts_forwarded && headers.contains_key(X_FORWARDED_PROTO)) {
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        }
        if !(self.trusts_forwarded && headers.contains_key(X_FORWARDED_HOST)) {
            match host {
                Some(host) => headers.insert(X_FORWARDED_HOST, host),
                None => headers.remove(X_FORWARDED_HOST),
            };
        }
    }

    fn put(&self, headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
        match value {
            Some(value) if self.trusts_forwarded => {
                headers.append(name, value);
            }
            Some(value) => {
                headers.insert(name, value);
            }
            None if self.trusts_forwarded => {}
            None => {
                headers.remove(name);
            }
        }
    }
}

/// Make the head of a request that of the same request to an instance.
pub(super) fn prepare<B>(request: &mut Request<B>, client: &Client, upgrade: Option<HeaderValue>) {
    strip_hop_by_hop(request.headers_mut(), upgrade);
    // The router itself answers 100 by reading the body.
    request.headers_mut().remove(EXPECT);
    client.announce(request.headers_mut());
    if request.uri().scheme().is_some() || request.uri().authority().is_some() {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    }
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST) {
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("localhost"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn request(lines: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in lines {
            request.headers_mut().append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        request
    }

    fn show(request: &Request<()>, expected: Expect) {
        let mut lines: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
            .collect();
        lines.sort();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn fields_of_one_connection_stay_behind_and_the_client_is_announced() {
        let mut one = request(&[
            ("host", "shop.example"),
            ("connection", "keep-alive, x-private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip"),
            ("x-forwarded-for", "6.6.6.6"),
            ("cookie", "a=b"),
        ]);
        prepare(
            &mut one,
            &Client::new(Some([127, 0, 0, 1].into()), false),
            None,
        );
        show(
            &one,
            expect![[r#"
                cookie: a=b
                forwarded: for=127.0.0.1;proto=http;host="shop.example"
                host: shop.example
                x-forwarded-for: 127.0.0.1
                x-forwarded-host: shop.example
                x-forwarded-proto: http
            "#]],
        );
    }

    #[test]
    fn a_trusted_proxy_in_front_is_added_to() {
        let mut one = request(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-proto", "https"),
        ]);
        prepare(&mut one, &Client::new("::1".parse().ok(), true), None);
        show(
            &one,
            expect![[r#"
                forwarded: for="[::1]";proto=http;host="shop.example"
                host: shop.example
                x-forwarded-for: 6.6.6.6
                x-forwarded-for: ::1
                x-forwarded-host: shop.example
                x-forwarded-proto: https
            "#]],
        );
    }

    #[test]
    fn a_wish_to_change_protocol_passes() {
        let mut one = request(&[
            ("host", "a"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
        ]);
        let protocol = upgrade(one.headers());
        assert_eq!(protocol, Some(HeaderValue::from_static("websocket")));
        strip_hop_by_hop(one.headers_mut(), protocol);
        show(
            &one,
            expect![[r#"
                connection: upgrade
                host: a
                upgrade: websocket
            "#]],
        );
    }

    #[test]
    fn requests_that_two_readers_could_read_differently_are_refused() {
        let host = ("host", "a");
        for (lines, status) in [
            (vec![], 400),
            (vec![host, host], 400),
            (
                vec![
                    host,
                    ("transfer-encoding", "chunked"),
                    ("content-length", "3"),
                ],
                400,
            ),
            (vec![host, ("transfer-encoding", "gzip, chunked")], 501),
            (
                vec![host, ("content-length", "3"), ("content-length", "3")],
                400,
            ),
        ] {
            let refusal = check(&request(&lines)).expect_err(&format!("{lines:?}"));
            assert_eq!(refusal.status, status, "{lines:?}");
        }
        assert_eq!(
            check(&request(&[host, ("transfer-encoding", "chunked")])),
            Ok(())
        );
    }

    #[test]
    fn a_connection_field_cannot_take_away_the_host() {
        let mut one = request(&[
            ("host", "a"),
            ("connection", "host, content-length"),
            ("content-length", "3"),
        ]);
        strip_hop_by_hop(one.headers_mut(), None);
        assert!(one.headers().contains_key(HOST) && one.headers().contains_key(CONTENT_LENGTH));
    }
}

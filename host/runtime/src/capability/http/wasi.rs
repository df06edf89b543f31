//! `wasi:http` for components that ask by way of WASI: the same rules, the same
//! limits and the same connection as `http`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::exchange::{Failure, Way, send_over};
use super::{MOST_HEADERS, header_bytes};
use crate::capability::account::Account;
use crate::capability::address::Destination;
use crate::capability::{Capability, Outside};
use crate::plugin::bindings::baepo::hooks::http::HttpError;

/// Sends what a component hands to `wasi:http`.
pub(crate) struct Outgoing {
    pub(crate) account: Arc<Account>,
    pub(crate) outside: Arc<Outside>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn is_forbidden_header(&mut self, name: &http::HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
            || super::OURS.contains(&name.as_str()) && name != http::header::CONTENT_LENGTH
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _ended: Io,
    ) -> Sending {
        let (account, outside) = (Arc::clone(&self.account), Arc::clone(&self.outside));
        Box::new(async move {
            let limit = account.limits.http_timeout;
            let options = options.unwrap_or_default();
            let patience = |asked: Option<Duration>| asked.unwrap_or(limit).min(limit);
            let timeout = patience(options.connect_timeout)
                .saturating_add(patience(options.first_byte_timeout))
                .min(limit);
            let sending = send(&account, &outside, request);
            match tokio::time::timeout(timeout, sending).await {
                Ok(answered) => answered,
                Err(_) => Err(Error::ConnectionTimeout),
            }
        })
    }
}

async fn send(
    account: &Arc<Account>,
    outside: &Outside,
    mut request: Request<WasiBody>,
) -> Result<(Response<WasiBody>, Io), Error> {
    let destination = Destination::of(request.uri()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if !account.permit.may_ask(&destination) {
        account.deny(Capability::Net, destination.to_string());
        return Err(Error::HttpRequestDenied);
    }
    if *request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let headers = request.headers_mut();
    let size = header_bytes(headers);
    if headers.len() > MOST_HEADERS || size > account.limits.http_header_bytes {
        return Err(Error::HttpRequestHeaderSectionSize(Some(size as u32)));
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static("baepo"));
    account
        .spend_request(0)
        .map_err(|what| Error::InternalError(Some(format!("the limit is {what}"))))?;
    account.used(Capability::Net, &account.permit.told(&destination));
    // Who is asked was decided by the address; only the path goes over the wire.
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let path: Uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    *request.uri_mut() = path;
    let counted = |body, exceeded| Counted {
        body,
        account: Arc::clone(account),
        exceeded,
    };
    let request = request.map(|body| counted(body, Error::HttpRequestBodySize));
    let way = Way {
        permit: &account.permit,
        network: &outside.network,
        destination: &destination,
        most_header_bytes: account.limits.http_header_bytes,
    };
    let answer = send_over(&way, request)
        .await
        .map_err(|failure| match failure {
            Failure::Denied(address) => {
                account.deny(Capability::Net, address);
                Error::DestinationIpProhibited
            }
            Failure::Told(error) => told(error),
        })?;
    let connection = answer.connection;
    let response = answer.response.map(|body| {
        let body = body.map_err(Error::from).boxed_unsync();
        counted(body, Error::HttpResponseBodySize).boxed_unsync()
    });
    let io = async move {
        connection.await;
        Ok(())
    };
    Ok((response, Box::new(io)))
}

fn told(error: HttpError) -> Error {
    match error {
        HttpError::Denied(_) => Error::HttpRequestDenied,
        HttpError::Invalid(_) => Error::HttpRequestUriInvalid,
        HttpError::Connect(_) => Error::ConnectionRefused,
        HttpError::Timeout => Error::ConnectionTimeout,
        HttpError::TooLarge(bytes) => Error::HttpResponseBodySize(Some(bytes)),
        HttpError::Limit(what) | HttpError::Failed(what) => Error::InternalError(Some(what)),
    }
}

/// A body whose bytes are counted as they go by.
struct Counted {
    body: WasiBody,
    account: Arc<Account>,
    exceeded: fn(Option<u64>) -> Error,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && self.account.spend_bytes(data.len() as u64).is_err()
        {
            let most = self.account.limits.http_bytes;
            return Poll::Ready(Some(Err((self.exceeded)(Some(most)))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

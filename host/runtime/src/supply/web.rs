//! One file over HTTPS.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::error::{FetchError, chain};
use super::source::WebSource;

/// Redirects that are followed. Releases are often kept somewhere else than
/// where they are announced.
const MOST_REDIRECTS: usize = 5;

/// The bytes of a file of at most `limit_bytes`.
pub(super) async fn download(
    source: &WebSource,
    limit_bytes: usize,
) -> Result<Vec<u8>, FetchError> {
    let place = || source.url().to_owned();
    let client = client(source)?;
    let sent = client.get(source.url()).send().await;
    let mut response = sent.map_err(|error| unreachable(place(), &error))?;
    match response.status() {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(FetchError::NotFound { place: place() });
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(FetchError::Unauthorized { place: place() });
        }
        status => {
            let why = status.to_string();
            return Err(FetchError::Refused {
                place: place(),
                why,
            });
        }
    }
    let too_large = || FetchError::TooLarge {
        place: place(),
        limit_bytes,
    };
    if response
        .content_length()
        .is_some_and(|length| length > limit_bytes as u64)
    {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|error| truncated(place(), &error))? {
            Some(chunk) if bytes.len() + chunk.len() > limit_bytes => return Err(too_large()),
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => return Ok(bytes),
        }
    }
}

fn client(source: &WebSource) -> Result<Client, FetchError> {
    provide_tls();
    let is_loopback = source.is_loopback();
    let builder = Client::builder()
        .user_agent("baepo")
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .https_only(!is_loopback)
        .redirect(Policy::limited(MOST_REDIRECTS));
    let builder = match is_loopback {
        true => builder.no_proxy(),
        false => builder,
    };
    builder
        .build()
        .map_err(|error| FetchError::NoTls { why: chain(&error) })
}

/// The one implementation of cryptography of this process, for libraries that
/// look for it.
pub fn provide_tls() {
    // An error means that it is there already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
}

pub(super) fn unreachable(place: String, error: &reqwest::Error) -> FetchError {
    let why = chain(&error_without_address(error));
    FetchError::Unreachable { place, why }
}

pub(super) fn truncated(place: String, error: &reqwest::Error) -> FetchError {
    let why = chain(&error_without_address(error));
    FetchError::Truncated { place, why }
}

/// What happened, without the address that stands before it already.
fn error_without_address(error: &reqwest::Error) -> Told {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    Told(match inner.downcast_ref::<reqwest::Error>() {
        Some(_) if error.is_timeout() => "no answer in time".into(),
        Some(error) => error.to_string(),
        None => inner.to_string(),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

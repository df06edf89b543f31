//! The form in which things come and go.

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ApiError, CONNECT_TIME, REQUEST_TIME};

/// An answer that was as wanted.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

pub(super) fn http_client(url: &http::Uri) -> Result<reqwest::Client, ApiError> {
    baepo_runtime::supply::provide_tls();
    let host = url.host().unwrap_or_default();
    let is_loopback = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    let builder = reqwest::Client::builder()
        .user_agent(concat!("baepo/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .timeout(REQUEST_TIME)
        .https_only(!is_loopback);
    let builder = match is_loopback {
        true => builder.no_proxy(),
        false => builder,
    };
    builder
        .build()
        .map_err(|error| ApiError::Strange(chain(&error)))
}

/// The path and query of the page after this one, without the prefix.
pub(super) fn next_page(headers: &HeaderMap, prefix: &str) -> Option<String> {
    let links = headers.get("link")?.to_str().ok()?;
    let link = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let address = link.split_once('<')?.1.split_once('>')?.0;
    let address: http::Uri = address.parse().ok()?;
    let path = address.path_and_query()?.as_str();
    Some(path.strip_prefix(prefix).unwrap_or(path).to_owned())
}

pub(super) fn message_of(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut message = value["message"]
        .as_str()
        .unwrap_or("no reason given")
        .to_owned();
    let errors = value["errors"].as_array().into_iter().flatten();
    for error in errors.take(3) {
        let text = match error {
            Value::String(text) => text.clone(),
            error => match error["message"].as_str() {
                Some(text) => text.to_owned(),
                None => error.to_string(),
            },
        };
        message.push_str(&format!("; {text}"));
    }
    message.chars().take(300).collect()
}

pub(super) fn decode<T: DeserializeOwned>(answer: &Answer) -> Result<T, ApiError> {
    serde_json::from_slice(&answer.body).map_err(|error| ApiError::Strange(error.to_string()))
}

pub(super) fn json(body: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))
}

/// The innermost cause: octocrab's own errors print a backtrace.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_of_the_same_address() {
        let mut headers = HeaderMap::new();
        let link = "<https://ghe.dev/api/v3/repositories/1/issues/2/comments?page=1>; rel=\"prev\", \
                    <https://ghe.dev/api/v3/repositories/1/issues/2/comments?page=3>; rel=\"next\"";
        headers.insert("link", link.parse().unwrap());
        let path = next_page(&headers, "/api/v3");
        assert_eq!(
            path.as_deref(),
            Some("/repositories/1/issues/2/comments?page=3")
        );
        assert_eq!(next_page(&HeaderMap::new(), ""), None);
    }

    #[test]
    fn the_word_of_github_is_kept_with_its_details() {
        let body =
            br#"{"message":"Validation Failed","errors":[{"message":"body is too long"},"x"]}"#;
        assert_eq!(message_of(body), "Validation Failed; body is too long; x");
        assert_eq!(message_of(b"<html>"), "no reason given");
    }
}

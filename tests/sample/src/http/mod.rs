//! HTTP/1.1 on blocking sockets, one thread per connection.
//!
//! A router keeps a few dozen connections to an instance open, so threads are
//! cheap here and the code reads from top to bottom.
//!
//! Source: RFC 9110 (semantics) and RFC 9112 (HTTP/1.1).

mod date;
mod read;
mod serve;
mod write;

use std::time::Duration;

pub use serve::serve;

/// One request, its body already read and decoded.
pub struct Request {
    /// The method as sent, for example `GET`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without the question mark; empty without one.
    query: String,
    /// Names in lower case, values trimmed, in the order in which they came.
    headers: Vec<(String, String)>,
    /// The body after any transfer coding.
    pub body: Vec<u8>,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    minor_version: u8,
}

impl Request {
    /// The value of the first header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The whole number that the query gives for `name`.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.parse().ok())
    }

    /// Whether the list header `name` contains the token `wanted`.
    fn lists(&self, name: &str, wanted: &str) -> bool {
        self.headers
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(wanted))
    }

    /// Whether the connection stays open after the answer; HTTP/1.0 is always one request each.
    fn keeps_alive(&self) -> bool {
        self.minor_version == 1 && !self.lists("connection", "close")
    }
}

/// One answer.
pub struct Response {
    status: u16,
    media_type: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// The content of an answer.
pub enum Body {
    /// All at once, with its length.
    Full(Vec<u8>),
    /// Part by part, with a pause between two parts.
    Chunks {
        /// The parts, none of them empty.
        parts: Vec<Vec<u8>>,
        /// Time between two parts.
        pause: Duration,
    },
}

impl Response {
    /// An answer whose body is known as a whole.
    pub fn new(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self::with_body(status, media_type, Body::Full(body))
    }

    /// A short answer in plain text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::new(
            status,
            "text/plain; charset=utf-8",
            text.as_bytes().to_vec(),
        )
    }

    /// An answer with any body.
    pub fn with_body(status: u16, media_type: &str, body: Body) -> Self {
        Self {
            status,
            media_type: media_type.to_owned(),
            headers: Vec::new(),
            body,
        }
    }

    /// The same answer with one more header; the value must not hold line breaks.
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

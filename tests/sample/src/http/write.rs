//! Answers as they go onto the wire.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;

use super::{Body, Response, date};
use crate::checksum::fnv1a64;
use crate::front_page::REVISION;

/// How an answer leaves, as its request decides.
pub struct Manner<'a> {
    /// False for `HEAD`: the headers of the answer, and no body.
    pub with_body: bool,
    /// Whether the connection stays open.
    pub keep_alive: bool,
    /// False for HTTP/1.0, whose clients do not know chunks.
    pub chunks: bool,
    /// Sent back, so that a client can tell that the answer is its own.
    pub request_id: Option<&'a str>,
}

/// Writes the answer; one that is known as a whole leaves in one write.
///
/// # Errors
/// When the client is gone.
pub fn write(mut stream: &TcpStream, response: &Response, manner: &Manner<'_>) -> io::Result<()> {
    let mut bytes = head(response, manner).into_bytes();
    match &response.body {
        Body::Full(content) => {
            if manner.with_body {
                bytes.extend_from_slice(content);
            }
            stream.write_all(&bytes)
        }
        Body::Chunks { .. } if !manner.with_body => stream.write_all(&bytes),
        Body::Chunks { parts, pause } => {
            stream.write_all(&bytes)?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 && !pause.is_zero() {
                    thread::sleep(*pause);
                }
                stream.write_all(&frame(part, manner.chunks))?;
            }
            match manner.chunks {
                true => stream.write_all(b"0\r\n\r\n"),
                false => Ok(()),
            }
        }
    }
}

fn frame(part: &[u8], chunked: bool) -> Vec<u8> {
    if !chunked {
        return part.to_vec();
    }
    let mut framed = format!("{:x}\r\n", part.len()).into_bytes();
    framed.extend_from_slice(part);
    framed.extend_from_slice(b"\r\n");
    framed
}

fn head(response: &Response, manner: &Manner<'_>) -> String {
    let status = response.status;
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\ndate: {}\r\ncontent-type: {}\r\nx-revision: {REVISION}\r\n",
        reason(status),
        date::now(),
        response.media_type,
    );
    let mut add = |name: &str, value: &str| {
        head.extend([name, ": ", value, "\r\n"]);
    };
    match &response.body {
        Body::Full(content) => {
            add("content-length", &content.len().to_string());
            add("x-checksum", &fnv1a64(content));
        }
        Body::Chunks { parts, .. } => {
            if manner.chunks {
                add("transfer-encoding", "chunked");
            }
            add("x-checksum", &fnv1a64(&parts.concat()));
        }
    }
    for (name, value) in &response.headers {
        add(name, value);
    }
    if let Some(id) = manner.request_id {
        add("x-request-id", id);
    }
    if !manner.keep_alive {
        add("connection", "close");
    }
    head.push_str("\r\n");
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

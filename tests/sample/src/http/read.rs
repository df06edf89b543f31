//! Requests as they come off the wire.
//!
//! Strict on purpose: whatever two parties could frame differently is refused
//! with 400 and ends the connection (RFC 9112, section 11.2).

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::Request;

/// The longest request line and headers together, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The longest body, in bytes, after decoding.
const LONGEST_BODY: usize = 8 * 1024 * 1024;
/// The longest line that announces a chunk, in bytes.
const LONGEST_CHUNK_LINE: usize = 256;

/// Why no request could be read.
pub enum Refusal {
    /// The client is done, or gone; there is nobody to answer.
    Closed,
    /// The client gets this status and one line why, and the connection ends.
    Answer(u16, &'static str),
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

const fn bad(why: &'static str) -> Refusal {
    Refusal::Answer(400, why)
}

/// The reading half of a connection, with what was read ahead.
pub struct Reader<'a> {
    stream: &'a TcpStream,
    ahead: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of a connection.
    pub fn new(stream: &'a TcpStream) -> Self {
        Self {
            stream,
            ahead: Vec::with_capacity(1024),
        }
    }

    /// The next request of the connection.
    ///
    /// # Errors
    /// `Closed` at a clean end, an idle timeout or a broken connection; `Answer` when the
    /// request cannot be understood or is larger than this service takes.
    pub fn request(&mut self) -> Result<Request, Refusal> {
        let head = self.head()?;
        let mut request = parse_head(&head)?;
        request.body = match framing(&request)? {
            Framing::None => Vec::new(),
            framing => {
                if request.lists("expect", "100-continue") {
                    self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                match framing {
                    Framing::Length(length) => self.take(length)?,
                    _ => self.chunked()?,
                }
            }
        };
        Ok(request)
    }

    /// The bytes up to the empty line, which is left out.
    fn head(&mut self) -> Result<Vec<u8>, Refusal> {
        let mut searched = 0;
        loop {
            // One empty line before a request is forgiven (RFC 9112, section 2.2).
            if self.ahead.starts_with(b"\r\n") {
                self.ahead.drain(..2);
                searched = 0;
            }
            if self.ahead.first().is_some_and(|byte| !may_start(*byte)) {
                return Err(bad("this is not HTTP"));
            }
            let end = find(&self.ahead, b"\r\n\r\n", searched);
            if end.unwrap_or(self.ahead.len()) > LONGEST_HEAD {
                return Err(Refusal::Answer(431, "the headers are too long"));
            }
            if let Some(end) = end {
                let rest = self.ahead.split_off(end + 4);
                let mut head = std::mem::replace(&mut self.ahead, rest);
                head.truncate(end);
                return Ok(head);
            }
            searched = self.ahead.len().saturating_sub(3);
            self.more()?;
        }
    }

    /// Reads once more from the connection.
    fn more(&mut self) -> Result<(), Refusal> {
        let mut buffer = [0; 8 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(Refusal::Closed),
            count => {
                self.ahead.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Exactly `length` bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Refusal> {
        while self.ahead.len() < length {
            self.more()?;
        }
        let rest = self.ahead.split_off(length);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// One line without its CRLF.
    fn line(&mut self, longest: usize) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n", 0) {
                let mut line = self.take(end + 2)?;
                line.truncate(end);
                return Ok(line);
            }
            if self.ahead.len() > longest {
                return Err(bad("a line of the chunked body is too long"));
            }
            self.more()?;
        }
    }

    /// A chunked body, decoded; extensions and trailers are read and dropped.
    fn chunked(&mut self) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::new();
        loop {
            let line = self.line(LONGEST_CHUNK_LINE)?;
            let size = chunk_size(&line).ok_or(bad("a chunk has no valid size"))?;
            if size == 0 {
                break;
            }
            if size > LONGEST_BODY - body.len() {
                return Err(Refusal::Answer(413, "the body is too long"));
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(bad("a chunk is longer than it says"));
            }
        }
        let mut trailers = 0;
        loop {
            let line = self.line(LONGEST_HEAD)?;
            trailers += line.len();
            if line.is_empty() {
                return Ok(body);
            }
            if trailers > LONGEST_HEAD {
                return Err(Refusal::Answer(431, "the trailers are too long"));
            }
        }
    }
}

/// How the end of the body is known.
enum Framing {
    None,
    Length(usize),
    Chunked,
}

fn framing(request: &Request) -> Result<Framing, Refusal> {
    let all = |name: &'static str| request.headers.iter().filter(move |(key, _)| key == name);
    let (mut lengths, mut codings) = (all("content-length"), all("transfer-encoding"));
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(bad("both content-length and transfer-encoding")),
        (None, Some(_)) if request.minor_version == 0 => Err(bad("a transfer coding in HTTP/1.0")),
        (None, Some((_, coding))) => match coding.eq_ignore_ascii_case("chunked") {
            true if codings.next().is_none() => Ok(Framing::Chunked),
            _ => Err(Refusal::Answer(501, "only the chunked coding is known")),
        },
        (Some((_, first)), None) => {
            let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || lengths.any(|(_, other)| other != first) {
                return Err(bad("the content-length is not one number"));
            }
            match first.parse() {
                Ok(length) if length <= LONGEST_BODY => Ok(Framing::Length(length)),
                _ => Err(Refusal::Answer(413, "the body is too long")),
            }
        }
    }
}

fn parse_head(head: &[u8]) -> Result<Request, Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| bad("the headers are not text"))?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad(
            "the request line needs a method, a target and a version",
        ));
    };
    let minor_version = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        _ if version.starts_with("HTTP/") => {
            return Err(Refusal::Answer(505, "only HTTP/1.x is spoken here"));
        }
        _ => return Err(bad("the request line names no version")),
    };
    if !is_token(method)
        || !target.starts_with('/')
        || !target.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(bad("the method or the target is malformed"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.map(header).collect::<Result<Vec<_>, _>>()?;
    let hosts = headers.iter().filter(|(key, _)| key == "host").count();
    if hosts > 1 || (minor_version == 1 && hosts == 0) {
        return Err(bad("exactly one host header is needed"));
    }
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
        minor_version,
    })
}

/// A header line; folded lines and blanks before the colon are refused.
fn header(line: &str) -> Result<(String, String), Refusal> {
    match line.split_once(':') {
        Some((name, value)) if is_token(name) && !value.contains(['\r', '\n', '\0']) => {
            let value = value.trim_matches([' ', '\t']);
            Ok((name.to_ascii_lowercase(), value.to_owned()))
        }
        _ => Err(bad("a header line is malformed")),
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let size = line.split(|byte| *byte == b';').next()?;
    let size = std::str::from_utf8(size)
        .ok()?
        .trim_end_matches([' ', '\t']);
    let digits = (1..=8).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| usize::from_str_radix(size, 16).ok())?
}

/// Whether `byte` can begin a request; bare line breaks wait for their pair.
fn may_start(byte: u8) -> bool {
    byte == b'\r' || is_token_byte(byte)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where `needle` begins in `haystack`, looking from `from` on.
fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    haystack[from..]
        .windows(needle.len())
        .position(|window| window == needle)
        .map(|at| from + at)
}

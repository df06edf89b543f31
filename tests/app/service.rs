//! The service that the tests run: HTTP/1.1 on `std` alone, a thread per
//! connection, and every bad habit that a test needs.
//!
//! Environment: `PORT` (0 lets the system choose), `REVISION`,
//! `READY_AFTER_MS`, `HEALTH=never`, `FAIL_EVERY=n`, `DIE_AT_ONCE`.
//! Paths: `/`, `/healthz`, `/cart` (echo), `/slow?ms=`, `/chunks?n=`, `/head`
//! (the request as it came), `/cut` (an answer that breaks off), `/pid`,
//! `/env?NAME`, `/ws` (an echo of bytes after an upgrade), `/socket` (an echo
//! of WebSocket messages), `/closing` (closes).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static ANSWERED: AtomicU64 = AtomicU64::new(0);

struct Settings {
    revision: String,
    fail_every: u64,
    ready_at: Option<Instant>,
}

struct Request {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

fn main() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    if std::env::var_os("DIE_AT_ONCE").is_some() {
        let _ = writeln!(std::io::stderr(), "error: the oven is broken");
        std::process::exit(3);
    }
    let ready_after = Duration::from_millis(number("READY_AFTER_MS").unwrap_or(0));
    let never = std::env::var("HEALTH").is_ok_and(|health| health == "never");
    let settings: &'static Settings = Box::leak(Box::new(Settings {
        revision: std::env::var("REVISION").unwrap_or_else(|_| "v1".to_owned()),
        fail_every: number("FAIL_EVERY").unwrap_or(0),
        ready_at: (!never).then(|| Instant::now() + ready_after),
    }));
    let port = u16::try_from(number("PORT").unwrap_or(0)).expect("PORT is a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let mut out = std::io::stdout();
    let _ = writeln!(out, "listening on {address}");
    let _ = out.flush();
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || converse(&stream, settings));
    }
}

fn converse(stream: &TcpStream, settings: &Settings) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let closes = request
            .fields
            .iter()
            .any(|(name, value)| name == "connection" && value == "close");
        if answer(stream, &mut reader, &request, settings).is_none() || closes {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<&TcpStream>| {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next(reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut fields = Vec::new();
    loop {
        let line = next(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let field = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, v)| v.as_str())
    };
    let mut body = Vec::new();
    if field("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&next(reader)?, 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = field("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Request {
        method,
        target,
        fields,
        body,
    })
}

/// `None` where the connection is of no more use.
fn answer(
    mut stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    request: &Request,
    settings: &Settings,
) -> Option<()> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let number = || {
        query
            .split_once('=')
            .and_then(|(_, value)| value.parse::<u64>().ok())
            .unwrap_or(1)
    };
    let (mut status, body) = match path {
        "/healthz" if settings.ready_at.is_some_and(|at| Instant::now() >= at) => {
            (200, b"ok\n".to_vec())
        }
        "/healthz" => (503, b"warming the ovens\n".to_vec()),
        "/cart" => (200, request.body.clone()),
        "/pid" => (200, std::process::id().to_string().into_bytes()),
        "/env" => (200, std::env::var(query).unwrap_or_default().into_bytes()),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(number()));
            (200, b"at last\n".to_vec())
        }
        "/head" => (200, head_of(request).into_bytes()),
        "/closing" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end");
            return None;
        }
        "/cut" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
            return None;
        }
        "/drop" => return None,
        "/chunks" => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nx-revision: {}\r\ntransfer-encoding: chunked\r\n\r\n",
                settings.revision
            );
            stream.write_all(head.as_bytes()).ok()?;
            for n in 0..number() {
                let line = format!("loaf {n}\n");
                write!(stream, "{:x}\r\n{line}\r\n", line.len()).ok()?;
                std::thread::sleep(Duration::from_millis(5));
            }
            return stream.write_all(b"0\r\n\r\n").ok();
        }
        "/ws" => {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                .ok()?;
            let mut buffer = [0; 1024];
            loop {
                let read = reader.read(&mut buffer).ok().filter(|read| *read > 0)?;
                stream.write_all(&buffer[..read]).ok()?;
            }
        }
        "/socket" => {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                .ok()?;
            loop {
                let (first, payload) = frame(reader)?;
                let length = u8::try_from(payload.len())
                    .ok()
                    .filter(|length| *length < 126)?;
                let mut back = vec![first, length];
                back.extend(payload);
                stream.write_all(&back).ok()?;
                if first & 0x0f == 8 {
                    return None;
                }
            }
        }
        _ => (
            200,
            format!("bread by {}\n", settings.revision).into_bytes(),
        ),
    };
    let is_health = path == "/healthz";
    let nth = if is_health {
        0
    } else {
        ANSWERED.fetch_add(1, Ordering::Relaxed) + 1
    };
    if settings.fail_every > 0 && nth > 0 && nth % settings.fail_every == 0 {
        status = 500;
    }
    let mut head = format!(
        "HTTP/1.1 {status} X\r\nx-revision: {}\r\ncontent-length: {}\r\nx-checksum: {}\r\n",
        settings.revision,
        body.len(),
        fnv1a64(&body),
    );
    if let Some((_, id)) = request
        .fields
        .iter()
        .find(|(name, _)| name == "x-request-id")
    {
        head.push_str(&format!("x-request-id: {id}\r\n"));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    if request.method != "HEAD" {
        whole.extend_from_slice(&body);
    }
    stream.write_all(&whole).ok()
}

/// The next frame of a client: its first byte and its payload, shorter than
/// 126 bytes and masked, as RFC 6455 wants it.
fn frame(reader: &mut BufReader<&TcpStream>) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    reader.read_exact(&mut head).ok()?;
    let [first, length, mask @ ..] = head;
    let mut payload = vec![0; usize::from(length & 0x7f)];
    reader.read_exact(&mut payload).ok()?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some((first, payload))
}

fn head_of(request: &Request) -> String {
    let mut lines = format!("{} {}\n", request.method, request.target);
    for (name, value) in &request.fields {
        lines.push_str(&format!("{name}: {value}\n"));
    }
    lines
}

fn fnv1a64(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{sum:016x}")
}

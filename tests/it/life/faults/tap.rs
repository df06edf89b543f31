//! A tap on the control socket of an agent: it counts what a run changes, and
//! at one of these messages does something terrible, before the agent hears of
//! it or before the run hears that it was done.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// When it happens, for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The agent has not heard of it.
    Before,
    /// The agent has done it, and the run does not know.
    After,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Moment::Before => "before",
            Moment::After => "after",
        })
    }
}

type Blow = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Armed {
    counted: u32,
    at: Option<(u32, Moment, Blow)>,
    /// What the message was that it happened at.
    struck: Option<String>,
}

/// The tap; it ends when this is dropped.
pub(super) struct Tap {
    armed: Arc<Mutex<Armed>>,
    closed: Arc<AtomicBool>,
    path: PathBuf,
}

impl Tap {
    /// Listen at `path`, and hand on to the agent at `agent`.
    pub(super) fn new(path: &Path, agent: &Path) -> io::Result<Tap> {
        let listener = UnixListener::bind(path)?;
        let (armed, closed) = (Arc::<Mutex<Armed>>::default(), Arc::<AtomicBool>::default());
        let tap = Tap {
            armed: Arc::clone(&armed),
            closed: Arc::clone(&closed),
            path: path.to_owned(),
        };
        let agent = agent.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), armed, agent) = (stream, Arc::clone(&armed), agent.clone()) else {
                    continue;
                };
                // Whoever goes away in the middle is what this is for.
                std::thread::spawn(move || drop(hand_on(stream, &agent, &armed)));
            }
        });
        Ok(tap)
    }

    /// From now on count anew, and strike at message `number`, from 1.
    pub(super) fn arm(&self, number: u32, moment: Moment, blow: impl FnOnce() + Send + 'static) {
        *lock(&self.armed) = Armed {
            counted: 0,
            at: Some((number, moment, Box::new(blow))),
            struck: None,
        };
    }

    /// Strike no more; the message it happened at, if it came.
    pub(super) fn disarm(&self) -> Option<String> {
        let mut armed = lock(&self.armed);
        armed.at = None;
        armed.struck.take()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // So that the listener looks.
        drop(UnixStream::connect(&self.path));
    }
}

fn lock(armed: &Mutex<Armed>) -> std::sync::MutexGuard<'_, Armed> {
    armed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection: a request, its answer, and again.
fn hand_on(mut client: UnixStream, agent: &Path, armed: &Mutex<Armed>) -> io::Result<()> {
    let mut server = UnixStream::connect(agent)?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(Duration::from_secs(40)))?;
    }
    loop {
        let (head, body) = message(&mut client)?;
        let blow = is_change(&head, &body).and_then(|what| count(armed, what));
        let after = match blow {
            Some((Moment::Before, blow)) => {
                blow();
                None
            }
            Some((Moment::After, blow)) => Some(blow),
            None => None,
        };
        server.write_all(&head)?;
        server.write_all(&body)?;
        let (head, body) = message(&mut server)?;
        if let Some(blow) = after {
            blow();
        }
        client.write_all(&head)?;
        client.write_all(&body)?;
    }
}

/// Whether this message is the one, and what then happens.
fn count(armed: &Mutex<Armed>, what: String) -> Option<(Moment, Blow)> {
    let mut armed = lock(armed);
    armed.counted += 1;
    let is_it = matches!(&armed.at, Some((number, ..)) if *number == armed.counted);
    let (_, moment, blow) = armed.at.take_if(|_| is_it)?;
    armed.struck = Some(what);
    Some((moment, blow))
}

/// What a request changes, if it changes anything: a record, or a call of the
/// run. Renewals of the lease come with time, not with progress.
fn is_change(head: &[u8], body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    if method == "PUT" && path.starts_with("/v1/state") {
        return Some("record".into());
    }
    let call: serde_json::Value = serde_json::from_slice(body).ok()?;
    let call = call["call"].as_str()?;
    ["stage", "scale", "route", "discard", "release"]
        .contains(&call)
        .then(|| call.to_owned())
}

/// Head and body of the next message.
fn message(stream: &mut UnixStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok());
    if text.contains("transfer-encoding: chunked") {
        return Ok((head, chunks(stream)?));
    }
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

/// A chunked body as it is on the wire.
fn chunks(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        all.extend(&line);
        let text = String::from_utf8_lossy(&line);
        let length = usize::from_str_radix(text.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        all.extend(&chunk);
        if length == 0 {
            return Ok(all);
        }
    }
}

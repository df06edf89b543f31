//! What a program prints: line by line to the log, the end of it to the plugin,
//! and secrets to nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::capability::log::{LogGate, LogLevel, LogStream};
use crate::capability::redact::{Held, Redactor};

/// A line longer than this goes to the log in pieces.
const LONGEST_LINE: usize = 16 * 1024;

/// Read a stream to its end.
pub(super) async fn pump(stream: Option<impl AsyncRead + Unpin>, capture: &Mutex<Capture>) {
    let Some(mut stream) = stream else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        lock(capture).take_in(&chunk[..read]);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of one stream.
pub(super) struct Tail {
    pub(super) bytes: Vec<u8>,
    pub(super) is_cut: bool,
}

/// One stream as it comes in.
pub(super) struct Capture {
    tail: Vec<u8>,
    limit: usize,
    is_cut: bool,
    line: Vec<u8>,
    stream: LogStream,
    log: Arc<Mutex<LogGate>>,
    redactor: Arc<Redactor>,
    held: Held,
}

impl Capture {
    pub(super) fn new(limit: usize, stream: LogStream, log: &Arc<Mutex<LogGate>>) -> Capture {
        Capture {
            tail: Vec::new(),
            limit,
            is_cut: false,
            line: Vec::new(),
            stream,
            redactor: lock(log).redactor(),
            log: Arc::clone(log),
            held: Held::default(),
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let redactor = Arc::clone(&self.redactor);
        let mut held = std::mem::take(&mut self.held);
        self.take_clean(&held.pass(&redactor, bytes));
        self.held = held;
    }

    fn take_clean(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        // Cut only when it has doubled, so that each byte is moved once at most.
        if self.tail.len() > self.limit.saturating_mul(2).max(64 * 1024) {
            self.cut();
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LONGEST_LINE {
                self.write_line();
            }
        }
    }

    fn cut(&mut self) {
        let surplus = self.tail.len().saturating_sub(self.limit);
        if surplus > 0 {
            self.is_cut = true;
            self.tail.drain(..surplus);
        }
    }

    fn write_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        let text = text.trim_end_matches(['\n', '\r']).to_string();
        lock(&self.log).write(LogLevel::Info, text, Vec::new(), self.stream);
        self.line.clear();
    }

    /// What there is at the end of the stream.
    pub(super) fn finish(&mut self) -> Tail {
        let rest = self.held.rest(&self.redactor);
        self.take_clean(&rest);
        if !self.line.is_empty() {
            self.write_line();
        }
        self.cut();
        Tail {
            bytes: std::mem::take(&mut self.tail),
            is_cut: self.is_cut,
        }
    }
}

//! The loop of the listener and the loop of a connection.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::read::{Reader, Refusal};
use super::write::{Manner, write};
use super::{Request, Response};
use crate::routes::Shop;

/// The most connections at once; one more is answered with 503.
const MOST_CONNECTIONS: usize = 1_024;
/// How long a silent connection stays open.
const IDLE: Duration = Duration::from_secs(75);
/// How much of a refused request is read away, so that the client sees the answer and not a reset.
const LONGEST_REFUSED: usize = 1024 * 1024;
/// Stack of a connection's thread, in bytes.
const STACK: usize = 256 * 1024;

/// Serves until the process ends.
pub fn serve(listener: &TcpListener, shop: Shop) -> ! {
    let shop = Arc::new(shop);
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(cause) => {
                // Out of descriptors, most likely: a pause lets connections end.
                eprintln!("error: cannot accept a connection: {cause}");
                thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            // A client that cannot be told is told by the closed connection.
            let _ = say(&stream, 503, "too many connections");
            continue;
        }
        let (shop, slot) = (Arc::clone(&shop), Slot(Arc::clone(&open)));
        let started = thread::Builder::new().stack_size(STACK).spawn(move || {
            let _slot = slot;
            converse(&stream, &shop);
        });
        if let Err(cause) = started {
            eprintln!("error: cannot start a thread: {cause}");
        }
    }
}

/// One of the connections that may be open at once, given back when dropped.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers request after request until either side is done.
fn converse(stream: &TcpStream, shop: &Shop) {
    // Without these a connection still works, only slower or longer.
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(IDLE));
    let _ = stream.set_write_timeout(Some(IDLE));
    let mut reader = Reader::new(stream);
    loop {
        let request = match reader.request() {
            Ok(request) => request,
            Err(Refusal::Closed) => return,
            Err(Refusal::Answer(status, why)) => return refuse(stream, status, why),
        };
        let request_id = request.header("x-request-id").map(str::to_owned);
        let chunks = request.minor_version == 1;
        let with_body = request.method != "HEAD";
        let keep_alive = request.keeps_alive();
        let response = answer(shop, request);
        let manner = Manner {
            with_body,
            keep_alive,
            chunks,
            request_id: request_id.as_deref(),
        };
        if write(stream, &response, &manner).is_err() || !keep_alive {
            return;
        }
    }
}

/// The shop's answer, or 500 where a fault of ours ended the work on it.
fn answer(shop: &Shop, request: Request) -> Response {
    catch_unwind(AssertUnwindSafe(|| shop.answer(request)))
        .unwrap_or_else(|_| Response::text(500, "the oven is broken\n"))
}

/// Answers what cannot be served and closes.
fn refuse(mut stream: &TcpStream, status: u16, why: &str) {
    if say(stream, status, why).is_err() || stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    // Closing with unread bytes would reset the connection and could take the answer with it
    // (RFC 9112, section 9.6), so the rest of the request is read away for a moment.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let (mut buffer, mut read) = ([0; 4096], 0);
    while read < LONGEST_REFUSED {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => read += count,
        }
    }
}

/// One line of answer to something that was not a request.
fn say(stream: &TcpStream, status: u16, why: &str) -> io::Result<()> {
    let manner = Manner {
        with_body: true,
        keep_alive: false,
        chunks: true,
        request_id: None,
    };
    write(
        stream,
        &Response::text(status, &format!("{why}\n")),
        &manner,
    )
}

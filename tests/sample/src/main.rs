//! `shop`: a small bakery on HTTP/1.1, written on `std` alone.
//!
//! It is the service that baepo's demonstration and tests build, test, release
//! and roll out. It has what a rollout needs to be judged by: a health path, a
//! front page that names its revision, a checksum on every body, a slow path,
//! an echo for request bodies and a stream.
//!
//! `std` offers no signal handling, so `SIGTERM` ends the process at once.
//! That loses nothing behind a router that takes an instance out of rotation
//! and waits for its last answer before it stops it.

mod cart;
mod checksum;
mod front_page;
mod http;
mod routes;
mod settings;

use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;

fn main() -> ExitCode {
    report_panics_on_one_line();
    let settings = match settings::load() {
        Ok(settings) => settings,
        Err(reason) => return fail(&reason),
    };
    let address = (settings.host.as_str(), settings.port);
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(cause) => return fail(&format!("cannot listen on {address:?}: {cause}")),
    };
    if let Ok(address) = listener.local_addr() {
        announce(&format!("{} listening on {address}", front_page::REVISION));
    }
    http::serve(&listener, routes::Shop::new(settings))
}

/// Writes one line to stdout. A closed stdout must not end the service.
fn announce(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::from(2)
}

/// A panic becomes one line on stderr, so that one error is one log entry.
fn report_panics_on_one_line() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        match info.location() {
            Some(at) => eprintln!("error: panicked at {}:{}: {message}", at.file(), at.line()),
            None => eprintln!("error: panicked: {message}"),
        }
    }));
}

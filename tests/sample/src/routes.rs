//! Which path does what.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cart::Cart;
use crate::front_page;
use crate::http::{Body, Request, Response};
use crate::settings::Settings;

/// The longest pause that a request may ask for.
const LONGEST_PAUSE_MS: u64 = 60_000;
/// The most chunks that a request may ask for.
const MOST_CHUNKS: u64 = 1_000;

/// The state of the running service.
pub struct Shop {
    settings: Settings,
    started: Instant,
    visits: AtomicU64,
}

impl Shop {
    /// A shop that opens now.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            started: Instant::now(),
            visits: AtomicU64::new(0),
        }
    }

    /// The answer to one request.
    pub fn answer(&self, request: Request) -> Response {
        match (request.path.as_str(), request.method.as_str()) {
            ("/", "GET" | "HEAD") => self.front_page(),
            ("/healthz", "GET" | "HEAD") => self.health(),
            ("/slow", "GET" | "HEAD") => slow(&request),
            ("/chunks", "GET" | "HEAD") => chunks(&request),
            ("/cart", "POST") => cart(request),
            ("/" | "/healthz" | "/slow" | "/chunks", _) => not_allowed("GET, HEAD"),
            ("/cart", _) => not_allowed("POST"),
            _ => Response::text(404, "no such page\n"),
        }
    }

    fn front_page(&self) -> Response {
        let visit = self.visits.fetch_add(1, Ordering::Relaxed) + 1;
        let page = front_page::render(&self.settings.greeting, visit);
        Response::new(200, "application/json", page.into_bytes())
    }

    fn health(&self) -> Response {
        if self.started.elapsed() < self.settings.ready_after {
            return Response::text(503, "warming the ovens\n");
        }
        Response::text(200, "ok\n")
    }
}

/// Answers after `ms` milliseconds.
fn slow(request: &Request) -> Response {
    let pause = request.number("ms").unwrap_or(100).min(LONGEST_PAUSE_MS);
    thread::sleep(Duration::from_millis(pause));
    Response::text(200, &format!("after {pause} ms\n"))
}

/// Streams `n` numbered lines, one chunk each, `ms` milliseconds apart.
fn chunks(request: &Request) -> Response {
    let count = request.number("n").unwrap_or(10).min(MOST_CHUNKS);
    let pause = request.number("ms").unwrap_or(0).min(LONGEST_PAUSE_MS);
    let lines = (1..=count).map(|n| format!("loaf {n} of {count}\n").into_bytes());
    let body = Body::Chunks {
        parts: lines.collect(),
        pause: Duration::from_millis(pause),
    };
    Response::with_body(200, "text/plain; charset=utf-8", body)
}

/// Sends the cart back, with its length.
fn cart(request: Request) -> Response {
    let media_type = request.header("content-type").map(str::to_owned);
    let cart = Cart::new(request.body, media_type.as_deref());
    let length = cart.content.len().to_string();
    Response::new(200, &cart.media_type, cart.content).header("x-body-bytes", length)
}

fn not_allowed(methods: &str) -> Response {
    Response::text(405, "method not allowed here\n").header("allow", methods.to_owned())
}

/// `text` as the inside of a JSON string.
pub fn json_escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if u32::from(c) < 0x20 => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
        escaped
    })
}

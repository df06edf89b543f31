//! How the service speaks HTTP/1.1.

use std::time::{Duration, Instant};

use crate::report::Check;
use crate::service::Service;

pub const CHECKS: &[Check] = &[
    ("it is healthy once it is ready", healthy_once_ready),
    ("a connection carries many requests", keep_alive),
    ("requests may be sent ahead", pipelining),
    (
        "a body comes back whole with its checksum",
        cart_with_length,
    ),
    ("a chunked body comes back whole", cart_in_chunks),
    ("a client may ask before it sends", expect_continue),
    ("HEAD answers as GET without the body", head),
    ("a stream arrives in chunks", chunks),
    (
        "a stream for HTTP/1.0 ends with the connection",
        chunks_for_old_clients,
    ),
    ("a slow answer takes its time", slow),
    ("what is not HTTP is refused", garbage),
    (
        "what could be framed in two ways is refused",
        ambiguous_framing,
    ),
    ("unknown paths and methods are named", unknown),
    ("the answer carries the id of its request", request_id),
];

/// FNV-1a as published, so that the service is not checked against itself.
fn fnv1a64(text: &str) -> String {
    let mut sum: u64 = 14_695_981_039_346_656_037;
    for byte in text.bytes() {
        sum ^= u64::from(byte);
        sum = sum.wrapping_mul(1_099_511_628_211);
    }
    format!("{sum:016x}")
}

fn healthy_once_ready() {
    assert_eq!(Service::start(&[]).get("/healthz").status, 200);
    let slow_start = Service::start(&[("READY_AFTER_MS", "600000")]);
    assert_eq!(slow_start.get("/healthz").status, 503);
}

fn keep_alive() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    for _ in 0..20 {
        client.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    client.send("GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("close"));
    assert_eq!(client.rest(), "", "the service closes when asked to");
}

fn pipelining() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    let cart = "POST /cart HTTP/1.1\r\nhost: shop\r\ncontent-length: 3\r\n\r\nrye";
    client.send(&format!("{cart}{cart}"));
    assert_eq!(client.answer().body, "rye");
    assert_eq!(client.answer().body, "rye");
}

fn cart_with_length() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    let loaves = "sourdough ".repeat(20_000);
    let length = loaves.len();
    client.send(&format!(
        "POST /cart HTTP/1.1\r\nhost: shop\r\ncontent-type: text/bread\r\ncontent-length: {length}\r\n\r\n{loaves}"
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.body == loaves, "the same {length} bytes come back");
    assert_eq!(answer.header("content-type"), Some("text/bread"));
    assert_eq!(
        answer.header("x-body-bytes"),
        Some(length.to_string().as_str())
    );
    assert_eq!(answer.header("x-checksum"), Some(fnv1a64(&loaves).as_str()));
}

fn cart_in_chunks() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    client.send("POST /cart HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("4;note=x\r\nrye \r\n5\r\n");
    client.send("spelt\r\n0\r\nx-trailer: dropped\r\n\r\n");
    assert_eq!(client.answer().body, "rye spelt");
    client.send("GET /healthz HTTP/1.1\r\nhost: shop\r\n\r\n");
    assert_eq!(
        client.answer().status,
        200,
        "the next request begins where the body ended"
    );
}

fn expect_continue() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    client.send(
        "POST /cart HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
    );
    assert_eq!(client.head().status, 100);
    client.send("rye");
    assert_eq!(client.answer().body, "rye");
}

fn head() {
    let service = Service::start(&[]);
    let length = service.get("/healthz").body.len().to_string();
    let mut client = service.connect();
    client.send("HEAD /healthz HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    let answer = client.head();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    assert_eq!(client.rest(), "");
}

fn chunks() {
    let service = Service::start(&[]);
    let started = Instant::now();
    let answer = service.get("/chunks?n=3&ms=20");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body, "loaf 1 of 3\nloaf 2 of 3\nloaf 3 of 3\n");
    assert_eq!(
        answer.header("x-checksum"),
        Some(fnv1a64(&answer.body).as_str())
    );
    assert!(
        started.elapsed() >= Duration::from_millis(40),
        "two pauses lie between three parts"
    );
}

fn chunks_for_old_clients() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    client.send("GET /chunks?n=2 HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.body, "loaf 1 of 2\nloaf 2 of 2\n");
}

fn slow() {
    let service = Service::start(&[]);
    let started = Instant::now();
    assert_eq!(service.get("/slow?ms=80").body, "after 80 ms\n");
    assert!(started.elapsed() >= Duration::from_millis(80));
}

fn garbage() {
    let service = Service::start(&[]);
    assert_eq!(service.status_of("\u{16}\u{3}\u{1}\r\n\r\n"), 400);
    assert_eq!(service.status_of("GET /\r\n\r\n"), 400);
    assert_eq!(service.status_of("GET / HTTP/1.1\r\n\r\n"), 400, "no host");
    assert_eq!(
        service.status_of("GET / HTTP/1.1\r\nhost : shop\r\n\r\n"),
        400
    );
    assert_eq!(
        service.status_of("GET / HTTP/1.1\r\nhost: shop\r\n folded\r\n\r\n"),
        400
    );
    assert_eq!(
        service.status_of("GET / HTTP/2.0\r\nhost: shop\r\n\r\n"),
        505
    );
    let long = "a".repeat(20_000);
    assert_eq!(
        service.status_of(&format!("GET /{long} HTTP/1.1\r\nhost: shop\r\n\r\n")),
        431
    );
    assert_eq!(service.get("/healthz").status, 200, "it is still there");
}

fn ambiguous_framing() {
    let service = Service::start(&[]);
    let refused = |headers: &str| {
        service.status_of(&format!(
            "POST /cart HTTP/1.1\r\nhost: shop\r\n{headers}\r\n\r\n"
        ))
    };
    assert_eq!(
        refused("content-length: 3\r\ntransfer-encoding: chunked"),
        400
    );
    assert_eq!(refused("content-length: 3\r\ncontent-length: 4"), 400);
    assert_eq!(refused("content-length: +3"), 400);
    assert_eq!(refused("content-length: 99999999999"), 413);
    assert_eq!(refused("transfer-encoding: gzip, chunked"), 501);
    assert_eq!(refused("transfer-encoding: chunked\r\n\r\nfive"), 400);
}

fn unknown() {
    let service = Service::start(&[]);
    assert_eq!(service.get("/cake").status, 404);
    let cart = service.get("/cart");
    assert_eq!((cart.status, cart.header("allow")), (405, Some("POST")));
}

fn request_id() {
    let service = Service::start(&[]);
    let mut client = service.connect();
    client.send("GET / HTTP/1.1\r\nhost: shop\r\nx-request-id: 4711\r\n\r\n");
    assert_eq!(client.answer().header("x-request-id"), Some("4711"));
}

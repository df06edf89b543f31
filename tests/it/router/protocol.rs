//! HTTP details, over raw sockets where a client library would hide them.

use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions};
use baepo_runtime::router::{Limits, Table};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::service::{Front, Service, Side, split, until};

fn one_behind(limits: Limits) -> (Vec<Service>, Side, Front) {
    let services = vec![Service::start("v1", &[])];
    let side = Side::of(1, &services);
    let front = Front::start(limits);
    front.router.set_table(Table::new(vec![side.lane(10_000)]));
    (services, side, front)
}

/// Send these bytes on a connection of their own and read until it closes.
async fn raw(front: &Front, bytes: &str) -> String {
    let mut stream = TcpStream::connect(&front.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .expect("it closes");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_instance_sees_the_client_and_nothing_of_its_connection() {
    let (_services, _, front) = one_behind(Limits::default());
    let request = "GET /head HTTP/1.1\r\nHost: shop.example\r\nConnection: close, x-mine\r\n\
                   X-Mine: 1\r\nKeep-Alive: 5\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    let answer = raw(&front, request).await;
    assert!(answer.contains("x-forwarded-for: 127.0.0.1\n"), "{answer}");
    assert!(
        answer.contains("forwarded: for=127.0.0.1;proto=http;host=\"shop.example\"\n"),
        "{answer}"
    );
    assert!(
        !answer.contains("x-mine") && !answer.contains("6.6.6.6"),
        "{answer}"
    );
    assert!(!answer.contains("keep-alive: 5"), "{answer}");
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_do_not_pass() {
    let (_services, side, front) = one_behind(Limits::default());
    for (request, status) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            "POST /cart HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "400",
        ),
        (
            "POST /cart HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            "400",
        ),
        (
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n",
            "405",
        ),
    ] {
        let answer = raw(&front, request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request}: {answer}"
        );
    }
    assert_eq!(side.counters.telemetry().requests, 0);
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_counts_as_in_flight() {
    let (_services, side, front) = one_behind(Limits::default());
    let mut stream = TcpStream::connect(&front.address).await.unwrap();
    let request =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 1024];
    let read = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    assert!(
        head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"),
        "{head}"
    );
    for word in ["rye", "spelt"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        let mut back = vec![0; word.len()];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, word.as_bytes());
    }
    // Out of the table it lives on: draining waits for it.
    front.router.set_table(Table::default());
    assert_eq!(side.backends[0].in_flight(), 1);
    stream.write_all(b"more").await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"more");
    drop(stream);
    until("the tunnel is closed", || side.backends[0].in_flight() == 0).await;
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let (_services, side, front) = one_behind(Limits::default());
    let chunked = "POST /cart HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nrye\r\n6\r\n spelt\r\n0\r\n\r\n";
    assert!(raw(&front, chunked).await.ends_with("\r\n\r\nrye spelt"));
    let mut stream = TcpStream::connect(&front.address).await.unwrap();
    stream
        .write_all(b"GET /chunks?n=50 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("loaf 1\n") {
        let read = stream.read(&mut buffer).await.unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(
        !seen.contains("loaf 49"),
        "the answer was held back until it was whole"
    );
    assert_eq!(side.backends[0].in_flight(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_and_is_a_failure() {
    let (_services, side, front) = one_behind(Limits::default());
    let stats = Load::start(LoadOptions {
        connections: 1,
        mix: vec![Exchange::get("/cut")],
        max_requests: 3,
        ..LoadOptions::new(&front.address)
    })
    .finish()
    .await;
    assert_eq!(stats.lost.truncated, 3, "{:?}", stats.losses);
    assert_eq!(side.counters.telemetry().failures, 3);
}

#[tokio::test]
async fn an_answer_without_length_ends_with_its_connection() {
    let (_services, side, front) = one_behind(Limits::default());
    let answer = raw(
        &front,
        "GET /closing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.contains("until the end"), "{answer}");
    assert_eq!(
        (
            side.counters.telemetry().requests,
            side.counters.telemetry().failures
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_late_answer_is_a_504_and_a_failure() {
    let limits = Limits {
        answer: Duration::from_millis(100),
        ..Limits::default()
    };
    let (_services, side, front) = one_behind(limits);
    let answer = raw(
        &front,
        "GET /slow?ms=3000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("x-baepo-refusal: answer-late"), "{answer}");
    assert_eq!(side.counters.telemetry().failures, 1);
}

#[tokio::test]
async fn a_client_that_leaves_counts_for_nothing() {
    let (_services, side, front) = one_behind(Limits::default());
    let mut stream = TcpStream::connect(&front.address).await.unwrap();
    stream
        .write_all(b"GET /slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    until("the request is under way", || {
        side.backends[0].in_flight() == 1
    })
    .await;
    drop(stream);
    until("the request is dropped", || {
        side.backends[0].in_flight() == 0
    })
    .await;
    assert_eq!(side.counters.telemetry().requests, 0);
}

#[tokio::test]
async fn too_large_a_body_is_refused_announced_or_not() {
    let limits = Limits {
        max_body_bytes: 4,
        ..Limits::default()
    };
    let (_services, side, front) = one_behind(limits);
    let announced =
        "POST /cart HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nbread";
    let streamed = "POST /cart HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                    5\r\nbread\r\n0\r\n\r\n";
    for request in [announced, streamed] {
        let answer = raw(&front, request).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    assert_eq!(side.counters.telemetry().requests, 0);
}

#[tokio::test]
async fn a_candidate_that_refuses_connections_is_answered_by_stable_and_blamed() {
    let services = vec![Service::start("v1", &[])];
    let mut gone = vec![Service::start("v2", &[])];
    gone[0].kill();
    let (stable, candidate) = (Side::of(1, &services), Side::of(2, &gone));
    let front = Front::start(Limits::default());
    front.router.set_table(split(&stable, &candidate, 5_000));
    let load = |max_requests| LoadOptions {
        mix: vec![Exchange::echo("/cart", "rye")],
        max_requests,
        ..LoadOptions::new(&front.address)
    };
    let stats = Load::start(load(320)).finish().await;
    assert_eq!(
        (stats.lost.total(), stats.by_revision["v1"].requests),
        (0, 320),
        "{:?}",
        stats.losses
    );
    let telemetry = candidate.counters.telemetry();
    assert_eq!((telemetry.requests, telemetry.failures), (160, 160));
    assert_eq!(stable.counters.telemetry().failures, 0);

    // The other way round nobody helps: who was chosen answers for itself.
    front.router.set_table(split(&candidate, &stable, 5_000));
    let stats = Load::start(load(320)).finish().await;
    assert_eq!(stats.lost.refused, 160, "{:?}", stats.losses);
}

#[tokio::test]
async fn without_a_route_the_answer_is_503() {
    let front = Front::start(Limits::default());
    let answer = raw(
        &front,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("x-baepo-refusal: no-route"), "{answer}");
}

#[tokio::test]
async fn a_router_that_stops_finishes_what_is_under_way() {
    let (_services, side, front) = one_behind(Limits::default());
    let asked = raw(&front, "GET /slow?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n");
    let stopped = async {
        until("the request is under way", || {
            side.backends[0].in_flight() == 1
        })
        .await;
        front.stop.cancel();
    };
    let (answer, ()) = tokio::join!(asked, stopped);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("at last\n"),
        "{answer}"
    );
    let refused = async || TcpStream::connect(&front.address).await.is_err();
    assert!(refused().await, "it still listens");
}

//! One connection's worth of load: send, read, check, record.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::stats::{End, Loss};
use super::{Exchange, Expect, Shared};
use crate::chain;
use crate::router::REFUSAL_HEADER;

type Connection = http1::SendRequest<Full<Bytes>>;

/// Ask until told to stop.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut connection = None;
    loop {
        if let Some(slot) = shared.pace.slot() {
            let wait = tokio::time::sleep_until(slot.into());
            if slot > Instant::now() && stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
        if stop.is_cancelled() {
            return;
        }
        let number = shared.record.begin();
        if number >= shared.options.max_requests {
            stop.cancel();
            return;
        }
        let turn = usize::try_from(number).unwrap_or(0) % shared.options.mix.len();
        let end = exchange(&shared, &shared.options.mix[turn], number, &mut connection).await;
        if !shared.options.keeps_alive || matches!(end, End::Lost { .. }) {
            connection = None;
        }
        shared.record.end(number, end);
    }
}

async fn exchange(
    shared: &Shared,
    asked: &Exchange,
    number: u64,
    connection: &mut Option<Connection>,
) -> End {
    let begun = Instant::now();
    let answered = tokio::time::timeout(shared.options.timeout, async {
        let (head, body) = converse(shared, asked, number, connection).await?;
        check(asked, number, &head, &body)
    });
    let lost = match answered.await {
        Ok(Ok((revision, is_failure))) => {
            return End::Answered {
                revision,
                is_failure,
                took: begun.elapsed(),
            };
        }
        Ok(Err(lost)) => lost,
        Err(_) => (
            Loss::Timeout,
            format!("no answer in {} s", shared.options.timeout.as_secs()),
        ),
    };
    let text = format!("{} {}: {}", asked.method, asked.path, lost.1);
    End::Lost { kind: lost.0, text }
}

type Head = (StatusCode, HeaderMap);

async fn converse(
    shared: &Shared,
    asked: &Exchange,
    number: u64,
    connection: &mut Option<Connection>,
) -> Result<(Head, Bytes), (Loss, String)> {
    let mut request = request(shared, asked, number);
    loop {
        // A server may close a connection that waits; any client opens another.
        if let Some(waiting) = connection.as_mut()
            && waiting.ready().await.is_err()
        {
            *connection = None;
        }
        let is_reused = connection.is_some();
        let open = match connection.as_mut() {
            Some(open) => open,
            None => connection.insert(connect(&shared.options.authority).await?),
        };
        match open.try_send_request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let body = body
                    .collect()
                    .await
                    .map_err(|error| (Loss::Truncated, error.to_string()))?;
                return Ok(((head.status, head.headers), body.to_bytes()));
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) if is_reused => {
                    request = unsent;
                    *connection = None;
                }
                _ => return Err((Loss::Reset, chain(error.error()))),
            },
        }
    }
}

fn request(shared: &Shared, asked: &Exchange, number: u64) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(asked.body.clone()));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = asked.path.parse().unwrap_or_default();
    let fields = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(&shared.options.authority) {
        fields.insert(HOST, host);
    }
    fields.insert("x-request-id", number.into());
    if !shared.options.keeps_alive {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    request
}

async fn connect(authority: &str) -> Result<Connection, (Loss, String)> {
    let lost = |error: &dyn std::error::Error| (Loss::Connect, chain(error));
    let stream = TcpStream::connect(authority)
        .await
        .map_err(|error| lost(&error))?;
    stream.set_nodelay(true).map_err(|error| lost(&error))?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| lost(&error))?;
    tokio::spawn(async move {
        // What goes wrong is told to the request that is on it.
        let _ = driver.await;
    });
    Ok(sender)
}

/// The revision that answered and whether it failed.
fn check(
    asked: &Exchange,
    number: u64,
    (status, fields): &Head,
    body: &Bytes,
) -> Result<(Option<String>, bool), (Loss, String)> {
    let field = |name: &str| fields.get(name).and_then(|value| value.to_str().ok());
    let revision = field("x-revision").map(str::to_owned);
    let is_gateway_trouble = matches!(status.as_u16(), 502..=504);
    if is_gateway_trouble && (revision.is_none() || fields.contains_key(REFUSAL_HEADER)) {
        let why = field(REFUSAL_HEADER.as_str()).unwrap_or("no reason given");
        return Err((
            Loss::Refused,
            format!("{status}, made by the router: {why}"),
        ));
    }
    if field("x-request-id").is_some_and(|id| id != number.to_string()) {
        return Err((
            Loss::Wrong,
            "the answer belongs to another request".to_owned(),
        ));
    }
    if field("x-checksum").is_some_and(|sum| sum != fnv1a64(body)) {
        return Err((
            Loss::Wrong,
            "the body does not match its checksum".to_owned(),
        ));
    }
    if status.is_server_error() {
        return Ok((revision, true));
    }
    let is_expected = match &asked.expect {
        Expect::Anything => true,
        Expect::Exactly(bytes) => bytes == body,
        Expect::Contains(text) => String::from_utf8_lossy(body).contains(text),
        Expect::Echo => asked.body == body,
    };
    if !status.is_success() || !is_expected {
        return Err((
            Loss::Wrong,
            format!("{status} with {} bytes that were not expected", body.len()),
        ));
    }
    Ok((revision, false))
}

/// Source: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a64(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{sum:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(asked: &Exchange, status: u16, fields: &[(&'static str, &str)], body: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let head = (StatusCode::from_u16(status).unwrap(), map);
        match check(asked, 7, &head, &Bytes::copy_from_slice(body.as_bytes())) {
            Ok((revision, is_failure)) => format!("{revision:?} failed: {is_failure}"),
            Err((loss, _)) => format!("{loss:?}"),
        }
    }

    #[test]
    fn every_kind_of_wrong_answer_is_seen() {
        let (get, echo) = (Exchange::get("/"), Exchange::echo("/cart", "bread"));
        let v1 = ("x-revision", "v1");
        let sum = ("x-checksum", "cbf29ce484222325");
        for (asked, status, fields, body, expected) in [
            (&get, 200, vec![v1], "hello", r#"Some("v1") failed: false"#),
            (&get, 200, vec![], "hello", "None failed: false"),
            (&get, 500, vec![v1], "oh", r#"Some("v1") failed: true"#),
            (&get, 503, vec![v1], "busy", r#"Some("v1") failed: true"#),
            (&get, 503, vec![], "busy", "Refused"),
            (
                &get,
                502,
                vec![v1, ("x-baepo-refusal", "no-instance")],
                "",
                "Refused",
            ),
            (&get, 404, vec![v1], "", "Wrong"),
            (&get, 200, vec![v1, ("x-request-id", "8")], "", "Wrong"),
            (
                &get,
                200,
                vec![v1, ("x-request-id", "7")],
                "",
                r#"Some("v1") failed: false"#,
            ),
            (&get, 200, vec![v1, sum], "", r#"Some("v1") failed: false"#),
            (&get, 200, vec![v1, sum], "x", "Wrong"),
            (&echo, 200, vec![v1], "bread", r#"Some("v1") failed: false"#),
            (&echo, 200, vec![v1], "brea", "Wrong"),
        ] {
            assert_eq!(
                judge(asked, status, &fields, body),
                expected,
                "{status} {fields:?} {body}"
            );
        }
    }
}

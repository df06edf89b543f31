//! Secrets can be used and not read, and nothing that is said has one in it.

use anyhow::{Result, ensure};
use baepo_runtime::capability::{Capability, Outside};
use baepo_runtime::plugin::CallContext;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::capability::build;
use super::guest::{self, names};

const VALUE: &str = "hunter2-and-more";

fn secretive(context: CallContext) -> CallContext {
    let outside = Outside {
        secrets: guest::vault(VALUE),
        ..Outside::default()
    };
    guest::with_outside(context, outside)
}

/// A server that answers one request with all that it was sent.
async fn echo() -> Result<(String, tokio::task::JoinHandle<Result<String>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let length = head.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(&head).await?;
        Ok(String::from_utf8(head)?)
    });
    Ok((format!("http://{address}"), task))
}

#[tokio::test]
async fn a_secret_goes_into_a_header_and_does_not_come_back() -> Result<()> {
    let (address, server) = echo().await?;
    let grants = format!(r#"{{"net":["{address}"],"secrets":["TOKEN"]}}"#);
    let context = secretive(CallContext::bare());
    let outcome = build(names::SECRET_HEADER, &grants, &address, &context).await?;
    let sent = server.await??;
    ensure!(
        sent.contains(&format!("x-token: Bearer {VALUE}\r\n")),
        "{sent}"
    );
    let said = guest::said(&outcome);
    ensure!(said.contains("x-token: Bearer ***"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_secret_needs_its_grant_and_a_value() -> Result<()> {
    let context = secretive(CallContext::bare());
    let outcome = build(names::SECRET_HEADER, "{}", "http://127.0.0.1:1", &context).await?;
    assert_eq!(guest::said(&outcome), "denied: TOKEN");
    assert_eq!(outcome.denials[0].capability, Capability::Secrets);
    let grants = r#"{"secrets":["TOKEN"]}"#;
    let bare = CallContext::bare();
    let outcome = build(names::SECRET_HEADER, grants, "http://127.0.0.1:1", &bare).await?;
    assert_eq!(guest::said(&outcome), "failed: missing");
    Ok(())
}

#[tokio::test]
async fn a_secret_is_sent_nowhere_without_a_grant_for_the_address() -> Result<()> {
    let (address, server) = echo().await?;
    let context = secretive(CallContext::bare());
    let outcome = build(
        names::SECRET_HEADER,
        r#"{"secrets":["TOKEN"]}"#,
        &address,
        &context,
    )
    .await?;
    assert_eq!(guest::said(&outcome), format!("denied: {address}"));
    ensure!(!server.is_finished(), "somebody connected");
    server.abort();
    Ok(())
}

#[tokio::test]
async fn a_program_gets_a_secret_and_what_it_prints_of_it_is_hidden() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let (context, lines) = guest::logged_in(checkout.path());
    let context = secretive(context);
    let script = r#"
        test "$GIVEN" = hunter2-and-more && echo same
        echo "it is $GIVEN"; echo "on stderr $GIVEN" >&2
        printf %s "$GIVEN" | base64; printf %s "user:$GIVEN" | base64
        printf hunter2; sleep 0.05; echo -and-more in two pieces"#;
    let grants = r#"{"run":["sh"],"secrets":["TOKEN"]}"#;
    let outcome = build(names::SECRET_VARIABLE, grants, script, &context).await?;
    let said = guest::said(&outcome);
    ensure!(said.contains("same\nit is ***\n"), "{said}");
    ensure!(said.contains("\n*** in two pieces"), "{said}");
    let lines = lines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    let logged: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    let logged = logged.join("\n");
    ensure!(logged.contains("on stderr ***"), "{logged}");
    for text in [said.as_str(), &logged] {
        for form in [
            VALUE,
            "hunter2",
            "aHVudGVyMi1hbmQtbW9y",
            "odW50ZXIyLWFuZC1tb3J",
        ] {
            ensure!(!text.contains(form), "{form} in {text}");
        }
    }
    Ok(())
}

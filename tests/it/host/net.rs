//! The way to the network: what names lead to, proxies, sockets, and the same
//! rules by way of WASI.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use baepo_runtime::capability::connect::Resolve;
use baepo_runtime::capability::http::proxy::Proxies;
use baepo_runtime::capability::store::{DocumentStore, MemoryStore};
use baepo_runtime::capability::{Capability, Network, Outside};
use baepo_runtime::plugin::CallContext;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::capability::build;
use super::guest::{self, names};

/// Gives one answer after the other, whatever the name.
struct Answers {
    list: Vec<&'static str>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.list.get(turn).or(self.list.last());
        let address = answer.and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| std::io::Error::other("no answer"))?;
        Ok(vec![SocketAddr::new(address, port)])
    }
}

fn resolved(list: &[&'static str]) -> (CallContext, Arc<Answers>) {
    let answers = Arc::new(Answers {
        list: list.to_vec(),
        asked: AtomicUsize::new(0),
    });
    let network = Network {
        resolver: Arc::clone(&answers) as Arc<dyn Resolve>,
        proxies: Proxies::default(),
    };
    let outside = Outside {
        network,
        ..Outside::default()
    };
    (guest::with_outside(CallContext::bare(), outside), answers)
}

type Heads = Arc<Mutex<Vec<String>>>;

/// A server that notes the head of each request and answers all the same.
async fn serve(answer: &'static str) -> Result<(SocketAddr, Heads, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let heads = Heads::default();
    let noted = Arc::clone(&heads);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(head);
            // Who went away does not want it.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Ok((address, heads, task))
}

fn noted(heads: &Heads) -> Vec<String> {
    heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_name_that_changes_its_meaning_is_resolved_once_and_checked_each_time() -> Result<()> {
    let (address, heads, server) = serve(HELLO).await?;
    let port = address.port();
    let (context, answers) = resolved(&["127.0.0.1", "169.254.169.254", "127.0.0.1"]);
    // The name, and of what it may lead to one address alone.
    let grants = format!(r#"{{"net":["http://acme.test:{port}","http://127.0.0.1:{port}"]}}"#);
    let url = format!("http://acme.test:{port}/");
    let outcome = build("fetch", &grants, &url, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: hello");
    assert_eq!(answers.asked.load(Ordering::Relaxed), 1);
    let outcome = build("fetch", &grants, &url, &context).await?;
    let metadata = format!("denied: http://169.254.169.254:{port}");
    assert_eq!(guest::said(&outcome), metadata);
    assert_eq!(answers.asked.load(Ordering::Relaxed), 2);
    // Without a grant for the address, what was right a moment ago is not.
    let name = format!(r#"{{"net":["http://acme.test:{port}"]}}"#);
    let outcome = build("fetch", &name, &url, &context).await?;
    assert_eq!(guest::said(&outcome), format!("denied: http://{address}"));
    assert_eq!(noted(&heads).len(), 1);
    server.abort();
    Ok(())
}

#[tokio::test]
async fn the_grant_for_instances_is_nothing_where_a_call_is_about_none() -> Result<()> {
    let (address, heads, server) = serve(HELLO).await?;
    let url = format!("http://{address}/");
    let context = CallContext::bare();
    let outcome = build("fetch", r#"{"net":["endpoints"]}"#, &url, &context).await?;
    let denied = format!("denied: http://{address}");
    assert_eq!(guest::said(&outcome), denied);
    assert_eq!(noted(&heads).len(), 0);
    server.abort();
    Ok(())
}

#[tokio::test]
async fn no_name_leads_inside_however_the_address_is_written() -> Result<()> {
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::127.0.0.1",
        "fd00:ec2::254",
        "10.0.0.1",
        "0.0.0.0",
    ] {
        let (context, answers) = resolved(&[address]);
        let grants =
            r#"{"net":["https://acme.test","http://acme.test"],"socket":["tcp:acme.test:80"]}"#;
        let outcome = build("fetch", grants, "http://acme.test/", &context).await?;
        let said = guest::said(&outcome);
        ensure!(said.starts_with("denied: http://"), "{address}: {said}");
        let outcome = build(names::EXCHANGE, grants, "tcp:acme.test:80", &context).await?;
        let said = guest::said(&outcome);
        ensure!(said.starts_with("denied: tcp:"), "{address}: {said}");
        let outcome = build(names::WASI_FETCH, grants, "acme.test", &context).await?;
        // `destination-IP-prohibited`.
        assert_eq!(guest::said(&outcome), "failed: 004", "{address}");
        assert_eq!(answers.asked.load(Ordering::Relaxed), 3);
    }
    Ok(())
}

#[tokio::test]
async fn forty_thousand_headers_are_refused_before_anybody_is_asked() -> Result<()> {
    let (address, heads, server) = serve(HELLO).await?;
    let grants = format!(r#"{{"net":["http://{address}"]}}"#);
    let context = CallContext::bare();
    let outcome = build(
        names::MANY_HEADERS,
        &grants,
        &format!("http://{address}/"),
        &context,
    )
    .await?;
    let said = guest::said(&outcome);
    ensure!(said.starts_with("failed: more than 200 headers"), "{said}");
    assert_eq!(noted(&heads).len(), 0);
    server.abort();
    Ok(())
}

#[tokio::test]
async fn an_answer_with_too_many_or_too_long_headers_is_refused() -> Result<()> {
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n",
        "a: b\r\n".repeat(500)
    );
    let long = format!(
        "HTTP/1.1 200 OK\r\na: {}\r\nContent-Length: 0\r\n\r\n",
        "b".repeat(300_000)
    );
    for answer in [many, long] {
        let (address, _, server) = serve(Box::leak(answer.into_boxed_str())).await?;
        let grants = format!(r#"{{"net":["http://{address}"]}}"#);
        let url = format!("http://{address}/");
        let outcome = build("fetch", &grants, &url, &CallContext::bare()).await?;
        let said = guest::said(&outcome);
        ensure!(said.starts_with("failed: more than 200 headers"), "{said}");
        server.abort();
    }
    Ok(())
}

fn proxied(variables: &[(&str, String)]) -> Result<CallContext> {
    let find = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    let network = Network {
        proxies: Proxies::from_variables(&find)?,
        ..Network::default()
    };
    let outside = Outside {
        network,
        ..Outside::default()
    };
    Ok(guest::with_outside(CallContext::bare(), outside))
}

#[tokio::test]
async fn the_operators_proxy_is_used_for_what_is_granted_and_for_nothing_else() -> Result<()> {
    let (proxy, heads, server) = serve(HELLO).await?;
    let context = proxied(&[("http_proxy", format!("http://me:pw@{proxy}"))])?;
    let grants = r#"{"net":["http://acme.test"]}"#;
    let outcome = build("fetch", grants, "http://acme.test/x?y", &context).await?;
    assert_eq!(guest::said(&outcome), "failed: hello");
    let outcome = build(names::WASI_FETCH, grants, "acme.test", &context).await?;
    assert_eq!(guest::said(&outcome), "failed: 200");
    for url in ["http://other.test/", "http://169.254.169.254/"] {
        let outcome = build("fetch", grants, url, &context).await?;
        ensure!(guest::said(&outcome).starts_with("denied"), "{url}");
    }
    let heads = noted(&heads);
    assert_eq!(heads.len(), 2, "{heads:?}");
    ensure!(
        heads[0].starts_with("GET http://acme.test:80/x?y HTTP/1.1\r\n"),
        "{heads:?}"
    );
    for head in heads {
        ensure!(
            head.contains("proxy-authorization: Basic bWU6cHc="),
            "{head}"
        );
        ensure!(head.contains("host: acme.test\r\n"), "{head}");
    }
    server.abort();
    Ok(())
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_where_there_is_tls() -> Result<()> {
    let (proxy, heads, server) = serve("HTTP/1.1 403 No\r\n\r\n").await?;
    let context = proxied(&[("HTTPS_PROXY", format!("http://{proxy}"))])?;
    let grants = r#"{"net":["https://acme.test"]}"#;
    let outcome = build("fetch", grants, "https://acme.test/secret-path", &context).await?;
    let said = guest::said(&outcome);
    ensure!(said.contains("it answers `HTTP/1.1 403 No`"), "{said}");
    let heads = noted(&heads);
    ensure!(
        heads[0].starts_with("CONNECT acme.test:443 HTTP/1.1\r\n"),
        "{heads:?}"
    );
    ensure!(!heads[0].contains("secret-path"), "{heads:?}");
    server.abort();
    Ok(())
}

#[tokio::test]
async fn by_way_of_wasi_the_same_grants_hold() -> Result<()> {
    let (address, heads, server) = serve(HELLO).await?;
    let authority = address.to_string();
    let context = CallContext::bare();
    let outcome = build(names::WASI_FETCH, "{}", &authority, &context).await?;
    // `HTTP-request-denied`.
    assert_eq!(guest::said(&outcome), "failed: 015");
    assert_eq!(outcome.denials[0].capability, Capability::Net);
    assert_eq!(outcome.denials[0].target, format!("http://{authority}"));
    assert_eq!(noted(&heads).len(), 0);
    let grants = format!(r#"{{"net":["http://{authority}"]}}"#);
    let outcome = build(names::WASI_FETCH, &grants, &authority, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: 200");
    let heads = noted(&heads);
    ensure!(heads[0].starts_with("GET / HTTP/1.1\r\n"), "{heads:?}");
    ensure!(
        heads[0].contains(&format!("host: {authority}\r\n")),
        "{heads:?}"
    );
    server.abort();
    Ok(())
}

#[tokio::test]
async fn an_exchange_is_half_closed_and_read_to_the_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.sock");
    let listener = UnixListener::bind(&path)?;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut asked = Vec::new();
        // Ends only because the plugin's side is closed.
        stream.read_to_end(&mut asked).await?;
        stream.write_all(b"pong ").await?;
        stream.write_all(&asked).await
    });
    let endpoint = format!("unix:{}", path.display());
    let grants = format!(r#"{{"socket":["{endpoint}"]}}"#);
    let context = CallContext::bare();
    let outcome = build(names::EXCHANGE, &grants, &endpoint, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: pong ping");
    server.await??;
    let other = format!("unix:{}", folder.path().join("y.sock").display());
    for endpoint in [other.as_str(), "tcp:127.0.0.1:1", "nonsense"] {
        let outcome = build(names::EXCHANGE, &grants, endpoint, &context).await?;
        assert_eq!(guest::said(&outcome), format!("denied: {endpoint}"));
    }
    Ok(())
}

#[tokio::test]
async fn an_exchange_is_bounded_in_size_and_time() -> Result<()> {
    for (answer, said) in [
        ("x".repeat(101), "failed: too large"),
        (String::new(), "failed: timeout"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("tcp:{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(answer.as_bytes()).await?;
            // Stays open until the other side is gone.
            stream.read_to_end(&mut Vec::new()).await?;
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
            Ok::<(), std::io::Error>(())
        });
        let grants = format!(r#"{{"socket":["{endpoint}"]}}"#);
        let outcome = build(names::EXCHANGE, &grants, &endpoint, &CallContext::bare()).await?;
        assert_eq!(guest::said(&outcome), said);
        server.abort();
    }
    Ok(())
}

#[tokio::test]
async fn a_document_is_kept_only_where_the_call_has_a_store() -> Result<()> {
    let bare = CallContext::bare();
    let outcome = build(names::KEEPS, "{}", "one", &bare).await?;
    ensure!(guest::said(&outcome).starts_with("denied"), "it answered");
    let store: Arc<dyn DocumentStore> = Arc::new(MemoryStore::default());
    let context = CallContext {
        store: Some(Arc::clone(&store)),
        ..CallContext::bare()
    };
    for (config, said) in [
        ("one", "failed: "),
        ("two", "failed: one"),
        ("stale", "failed: conflict"),
        ("end", "failed: two"),
    ] {
        let outcome = build(names::KEEPS, "{}", config, &context).await?;
        assert_eq!(guest::said(&outcome), said);
    }
    let kept = store.load().context("it cannot be loaded")?;
    assert_eq!((kept.version, kept.bytes.as_slice()), (3, &b"end"[..]));
    Ok(())
}

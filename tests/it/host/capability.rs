//! What plugins may ask the host to do: denied without a grant, bounded with
//! one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use baepo_core::hook::BuildOutput;
use baepo_runtime::capability::Capability;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::log::{LogLevel, LogStream};
use baepo_runtime::plugin::{CallContext, CallError, CallLimits, CallOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::guest::{self, names};

pub(crate) async fn build(
    name: &str,
    grants: &str,
    config: &str,
    context: &CallContext,
) -> Result<CallOutcome<BuildOutput>> {
    let host = guest::host()?;
    let plugin = guest::load_with(&host, name, guest::grants(grants)?, None).await?;
    Ok(plugin.build(context, config, &guest::revision()).await)
}

#[tokio::test]
async fn without_a_grant_each_call_is_denied_with_the_line_to_add() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    for (name, config, capability, line) in [
        ("shell", "true", Capability::Run, "allow: { run: [sh] }"),
        (
            "read-file",
            "Cargo.toml",
            Capability::Read,
            "allow: { read: [Cargo.toml] }",
        ),
        (
            "fetch",
            "https://example.com/x",
            Capability::Net,
            r#"allow: { net: ["https://example.com:443"] }"#,
        ),
    ] {
        let (context, lines) = guest::logged_in(checkout.path());
        let outcome = build(name, "{}", config, &context).await?;
        ensure!(
            guest::said(&outcome).starts_with("denied"),
            "{}",
            guest::said(&outcome)
        );
        let [denial] = outcome.denials.as_slice() else {
            anyhow::bail!("{:?}", outcome.denials);
        };
        assert_eq!(denial.capability, capability);
        assert_eq!(denial.allow_line(&Grants::default()).as_deref(), Some(line));
        let lines = lines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        let told = lines
            .iter()
            .any(|record| record.level == LogLevel::Warn && record.message.contains(line));
        ensure!(told, "{lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_used_of_the_grants_is_known_afterwards() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    std::fs::create_dir(checkout.path().join("src"))?;
    std::fs::write(checkout.path().join("src/a.rs"), "text")?;
    let (context, _) = guest::logged_in(checkout.path());
    let grants = r#"{"run":["sh","cargo"],"read":["src","Cargo.toml"],"net":["https://a.dev"]}"#;
    build(names::SHELL, grants, "true", &context).await?;
    build(names::SHELL, grants, "true", &context).await?;
    build(names::READ_FILE, grants, "src/a.rs", &context).await?;
    build(names::READ_FILE, grants, "private", &context).await?;
    let used: Vec<(Capability, String)> = context
        .uses
        .take()
        .into_iter()
        .map(|one| (one.capability, one.target))
        .collect();
    let expected = [(Capability::Run, "sh"), (Capability::Read, "src")];
    assert_eq!(
        used,
        expected.map(|(capability, target)| (capability, target.to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn a_program_runs_in_the_checkout_and_its_output_is_logged_as_it_comes() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    std::fs::write(checkout.path().join("here"), "")?;
    let (context, lines) = guest::logged_in(checkout.path());
    let script = "ls; echo ::error::boo >&2; exit 3";
    let outcome = build(names::SHELL, r#"{"run":["sh"]}"#, script, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: here\n");
    let lines = lines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    let mut logged: Vec<_> = lines
        .iter()
        .map(|record| (record.stream, record.message.as_str()))
        .collect();
    logged.sort_by_key(|(_, text)| *text);
    let expected = [
        (LogStream::ProgramStderr, "::error::boo"),
        (LogStream::ProgramStdout, "here"),
    ];
    assert_eq!(logged, expected);
    Ok(())
}

#[tokio::test]
async fn a_program_does_not_see_what_the_runner_knows() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let context = guest::logged_in(checkout.path()).0;
    let outcome = build(names::SHELL, r#"{"run":["sh"]}"#, "env", &context).await?;
    let said = guest::said(&outcome);
    ensure!(
        said.contains("\nPATH=") || said.contains("failed: PATH="),
        "{said}"
    );
    // The test runner sets these for each test, so that they are there to be dropped.
    ensure!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some(),
        "no runner"
    );
    ensure!(!said.contains("CARGO_MANIFEST_DIR"), "{said}");
    let granted = r#"{"run":["sh"],"env":["CARGO_MANIFEST_DIR"]}"#;
    let outcome = build(names::SHELL, granted, "env", &context).await?;
    ensure!(guest::said(&outcome).contains("CARGO_MANIFEST_DIR="));
    Ok(())
}

/// Wait until no process has this text in its command line.
pub(crate) async fn is_gone(mark: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut alive = false;
        for entry in std::fs::read_dir("/proc")? {
            let path = entry?.path().join("cmdline");
            let line = std::fs::read(path).unwrap_or_default();
            alive |= String::from_utf8_lossy(&line).contains(mark);
        }
        if !alive {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "a process with `{mark}` is still there"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_stopped_with_its_children() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let host = guest::host()?;
    let limits = CallLimits {
        wall: Duration::from_millis(300),
        ..CallLimits::LONG
    };
    let grants = guest::grants(r#"{"run":["sh"]}"#)?;
    let plugin = guest::load_with(&host, names::SHELL, grants, Some(limits.clone())).await?;
    let context = guest::logged_in(checkout.path()).0;
    let script = "sleep 61.001 & sleep 61.001";
    let outcome = plugin.build(&context, script, &guest::revision()).await;
    let stopped = outcome.result.err().context("it answered")?;
    let (limit, in_host_call) = (limits.wall, Some("process.run"));
    assert_eq!(
        stopped,
        CallError::WallTimeout {
            limit,
            in_host_call
        }
    );
    ensure!(
        outcome.usage.cpu < Duration::from_millis(200),
        "{:?}",
        outcome.usage
    );
    is_gone("61.001").await
}

#[tokio::test]
async fn a_program_is_stopped_when_the_run_is_cancelled() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let (mut context, lines) = guest::logged_in(checkout.path());
    let cancel = CancellationToken::new();
    context.cancel = cancel.clone();
    let running = build(
        names::SHELL,
        r#"{"run":["sh"]}"#,
        "echo up; sleep 61.002",
        &context,
    );
    let cancelling = async {
        loop {
            if lines.lock().is_ok_and(|lines| !lines.is_empty()) {
                return cancel.cancel();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (outcome, ()) = tokio::join!(running, cancelling);
    assert_eq!(outcome?.result.err(), Some(CallError::Cancelled));
    is_gone("61.002").await
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_gone_after_it() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let context = guest::logged_in(checkout.path()).0;
    let script = "sleep 61.003 & echo done";
    let outcome = build(names::SHELL, r#"{"run":["sh"]}"#, script, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: done\n");
    is_gone("61.003").await
}

#[tokio::test]
async fn a_strategy_is_granted_nothing_whatever_its_component_is_granted() -> Result<()> {
    let host = guest::host()?;
    let grants = guest::grants(r#"{"run":["sh"]}"#)?;
    let plugin = guest::load_with(&host, names::PEEKS, grants, None).await?;
    let checkout = tempfile::tempdir()?;
    let context = guest::logged_in(checkout.path()).0;
    let outcome = plugin.decide(&context, &guest::view()).await;
    assert_eq!(outcome.denials.len(), 1);
    assert_eq!(outcome.result?.progress.step, 1);
    Ok(())
}

#[tokio::test]
async fn files_are_read_by_grant_and_git_is_not_there() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    std::fs::create_dir(checkout.path().join(".git"))?;
    std::fs::write(checkout.path().join(".git/config"), "token")?;
    std::fs::write(checkout.path().join("notes"), "text")?;
    let context = guest::logged_in(checkout.path()).0;
    for (path, answer) in [
        ("notes", "failed: text"),
        (".git/config", "failed: not found"),
        ("none", "failed: not found"),
    ] {
        let outcome = build(names::READ_FILE, r#"{"read":["."]}"#, path, &context).await?;
        assert_eq!(guest::said(&outcome), answer);
    }
    Ok(())
}

/// A server that answers each connection with the same bytes, or never.
async fn serve(answer: Option<&'static [u8]>) -> Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 2048];
            if stream.read(&mut head).await.is_err() {
                continue;
            }
            if let Some(answer) = answer
                && stream.write_all(answer).await.is_ok()
            {
                continue;
            }
            open.push(stream);
        }
    });
    Ok((address, task))
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const MOVED: &[u8] =
    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 5\r\n\r\nmoved";

#[tokio::test]
async fn requests_go_where_they_may_and_redirects_are_not_followed() -> Result<()> {
    for (answer, body) in [(HELLO, "failed: hello"), (MOVED, "failed: moved")] {
        let (address, server) = serve(Some(answer)).await?;
        let grants = r#"{"net":["http://127.0.0.1:*"]}"#;
        let url = format!("http://{address}/x");
        let outcome = build(names::FETCH, grants, &url, &CallContext::bare()).await?;
        assert_eq!(guest::said(&outcome), body);
        server.abort();
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied_when_connecting() -> Result<()> {
    let (address, server) = serve(Some(HELLO)).await?;
    let port = address.port();
    // No address to the eye, but every resolver makes 127.0.0.1 of it.
    let grants = format!(r#"{{"net":["http://127.1:{port}"]}}"#);
    let url = format!("http://127.1:{port}/");
    let outcome = build(names::FETCH, &grants, &url, &CallContext::bare()).await?;
    assert_eq!(guest::said(&outcome), format!("denied: http://{address}"));
    let grants = format!(r#"{{"net":["http://127.1:{port}", "http://{address}"]}}"#);
    let outcome = build(names::FETCH, &grants, &url, &CallContext::bare()).await?;
    assert_eq!(guest::said(&outcome), "failed: hello");
    server.abort();
    Ok(())
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() -> Result<()> {
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n".to_string() + &"x".repeat(2000);
    let large: &'static [u8] = Box::leak(large.into_bytes().into_boxed_slice());
    for (answer, said) in [
        (Some(large), "failed: too large"),
        (None, "failed: timeout"),
    ] {
        let (address, server) = serve(answer).await?;
        let grants = r#"{"net":["http://127.0.0.1:*"]}"#;
        let url = format!("http://{address}/");
        let outcome = build(names::FETCH, grants, &url, &CallContext::bare()).await?;
        assert_eq!(guest::said(&outcome), said);
        server.abort();
    }
    Ok(())
}

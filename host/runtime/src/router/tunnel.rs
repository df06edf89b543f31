//! Bytes to and fro after both ends have changed protocol, WebSocket for
//! example.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::backend::InFlight;

/// Join both ends until one closes or nothing came from either for `idle`. The
/// instance counts as in use until then, so that draining waits for tunnels.
pub(super) fn open(client: OnUpgrade, upstream: OnUpgrade, instance: InFlight, idle: Duration) {
    tokio::spawn(async move {
        let joined = async {
            let (client, upstream) = tokio::try_join!(client, upstream)?;
            let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
            let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
            // Each direction that ends closes its half; a tunnel whose one
            // direction stands still lives on while the other moves.
            let there = copy(from_client, to_upstream, idle);
            let back = copy(from_upstream, to_client, idle);
            let (there, back) = tokio::join!(there, back);
            tracing::debug!(?there, ?back, "tunnel closed");
            Ok::<(), hyper::Error>(())
        };
        if let Err(error) = joined.await {
            tracing::debug!(%error, "tunnel not opened");
        }
        drop(instance);
    });
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    idle: Duration,
) -> std::io::Result<u64> {
    let mut buffer = vec![0; 16 * 1024];
    let mut copied = 0;
    loop {
        let read = timeout(idle, from.read(&mut buffer))
            .await
            .unwrap_or(Ok(0))?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(copied);
        }
        to.write_all(&buffer[..read]).await?;
        copied += read as u64;
    }
}

//! Whether an instance is healthy: one GET, of which only the status counts.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much of an answer is read after its status, and for how long.
const REST_BYTES: usize = 64 << 10;
const REST_TIME: Duration = Duration::from_secs(1);

/// Ask once; what is wrong, for people.
pub(super) async fn probe(address: SocketAddr, path: &str, limit: Duration) -> Result<(), String> {
    match tokio::time::timeout(limit, status(address, path)).await {
        Ok(Ok(200..=299)) => Ok(()),
        Ok(Ok(status)) => Err(format!("health {path} answered {status}")),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(format!("nothing listens on port {} yet", address.port()))
        }
        Ok(Err(error)) => Err(format!("health {path}: {error}")),
        Err(_) => Err(format!(
            "health {path} gave no answer in {} ms",
            limit.as_millis()
        )),
    }
}

async fn status(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: baepo-health\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // `HTTP/1.1 200`
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    tokio::spawn(tokio::time::timeout(REST_TIME, read_rest(stream)));
    std::str::from_utf8(&head[9..])
        .ok()
        .filter(|_| head.starts_with(b"HTTP/1."))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}

/// An application may log it as an error when nobody reads its answer to the end.
async fn read_rest(mut stream: TcpStream) {
    let (mut piece, mut left) = ([0; 4096], REST_BYTES);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that writes its answer in two parts sees no connection cut.
    #[tokio::test]
    async fn an_answer_is_read_to_its_end_and_not_waited_for() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await? > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            stream.write_all(&[b'x'; 32 << 10]).await?;
            stream.shutdown().await?;
            // What was cut is told here: `Connection reset by peer`.
            stream.read(&mut request).await
        });
        let began = std::time::Instant::now();
        let asked = probe(address, "/healthz", Duration::from_millis(150)).await;
        assert_eq!(asked, Ok(()));
        assert!(began.elapsed() < Duration::from_millis(190));
        assert_eq!(server.await.unwrap().unwrap(), 0);
    }
}

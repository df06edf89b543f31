//! Users of a WebSocket: each says a word now and then and wants to hear it
//! back. One who is told to close connects anew, as libraries do; one whose
//! connection breaks off without a word has been cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Words that came back.
    pub(crate) words: AtomicU64,
    /// Times that a user was told to close.
    pub(crate) told: AtomicU64,
    /// Times that a connection broke off, was refused, or a word came back
    /// wrong or not at all.
    pub(crate) cut: AtomicU64,
}

/// Users who are there until stopped.
pub(crate) struct Users {
    pub(crate) counts: Arc<Counts>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Users {
    pub(crate) fn start(address: &str, users: usize) -> Users {
        let (counts, stop, tasks) = (
            Arc::new(Counts::default()),
            CancellationToken::new(),
            TaskTracker::new(),
        );
        for _ in 0..users {
            let (address, counts, stop) = (address.to_owned(), counts.clone(), stop.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    match talk(&address, &counts, &stop).await {
                        Ok(Talk::Stopped) => {}
                        Ok(Talk::Told) => {
                            counts.told.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            counts.cut.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        tasks.close();
        Users {
            counts,
            stop,
            tasks,
        }
    }

    pub(crate) async fn stop(self) -> Arc<Counts> {
        self.stop.cancel();
        self.tasks.wait().await;
        self.counts
    }
}

/// How a conversation ended without loss.
enum Talk {
    Stopped,
    Told,
}

async fn talk(address: &str, counts: &Counts, stop: &CancellationToken) -> std::io::Result<Talk> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(
            b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let wrong = |what: &str| Err(std::io::Error::other(what.to_owned()));
    if !head.starts_with(b"HTTP/1.1 101") {
        return wrong("not upgraded");
    }
    loop {
        let is_over = stop.is_cancelled();
        let (first, word): (u8, &[u8]) = match is_over {
            true => (0x88, &[0x03, 0xe8]),
            false => (0x81, b"rye and spelt"),
        };
        say(&mut stream, first, word).await?;
        let answer = tokio::time::timeout(Duration::from_secs(5), hear(&mut stream)).await??;
        match answer {
            (0x81, back) if back == word => {
                counts.words.fetch_add(1, Ordering::Relaxed);
            }
            (0x88, _) if is_over => return Ok(Talk::Stopped),
            // 1001 is "going away". The word under way may be lost with it:
            // whoever closes says that it hears no more.
            (0x88, status) if status == [0x03, 0xe9] => {
                say(&mut stream, 0x88, &status).await?;
                // The other side closes, without another word.
                return match stream.read_u8().await {
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        Ok(Talk::Told)
                    }
                    _ => wrong("it went on after its close frame"),
                };
            }
            _ => return wrong("another word came back"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Clients mask what they say; a mask of zeros is one too.
async fn say(stream: &mut TcpStream, first: u8, word: &[u8]) -> std::io::Result<()> {
    let length = u8::try_from(word.len()).expect("short words");
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend(word);
    stream.write_all(&frame).await
}

async fn hear(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let first = stream.read_u8().await?;
    let length = stream.read_u8().await?;
    let mut word = vec![0; usize::from(length)];
    stream.read_exact(&mut word).await?;
    Ok((first, word))
}

//! From one agent to the next without a closed door: the socket on which
//! clients connect goes over, and with it the state folder and the instances.
//!
//! ```text
//! old                                          new
//!  | <-- connects to `successor` -------------- |
//!  | stops supervising, closes its control      |
//!  | socket, lets go of the folder;             |
//!  | still accepts and answers                  |
//!  | --- the socket, and who speaks ----------> |
//!  |                                            | takes the folder, adopts the
//!  |                                            | instances, accepts and answers
//!  | <-- one byte: "I serve" ------------------ |
//!  | accepts no more, finishes what it has      |
//!  | --- end of file when it is gone ---------> | may stop what it could have used
//! ```
//!
//! A successor that fails before its byte leaves an end of file, and the old
//! agent takes everything up again.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use crate::blocking;
use crate::router::Listen;

/// Time for the old agent to stop supervising and to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest introduction.
const MAX_BYTES: usize = 4_096;

/// The byte by which a successor says that it serves.
const SERVING: u8 = b'1';

/// Where a running agent waits for its successor.
pub(super) fn door(state_dir: &Path) -> PathBuf {
    state_dir.join("successor")
}

/// What the old agent says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Introduction {
    pub(super) pid: u32,
    pub(super) version: String,
    pub(super) listen: Listen,
}

/// The agent whose place is taken, for as long as it is there.
#[derive(Debug)]
pub(super) struct Predecessor {
    pub(super) introduction: Introduction,
    pub(super) socket: OwnedFd,
    stream: UnixStream,
}

impl Predecessor {
    /// Ask the agent that runs on this folder for its place. `None` where none
    /// runs.
    ///
    /// # Errors
    /// Where there is one that does not answer as it should.
    pub(super) async fn find(state_dir: &Path) -> io::Result<Option<Predecessor>> {
        let Ok(stream) = UnixStream::connect(door(state_dir)).await else {
            return Ok(None);
        };
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (stream, received) = blocking(move || {
            let received = receive(&stream);
            (stream, received)
        })
        .await;
        let (introduction, socket) = received?;
        stream.set_nonblocking(true)?;
        Ok(Some(Predecessor {
            introduction,
            socket,
            stream: UnixStream::from_std(stream)?,
        }))
    }

    /// Say that this agent serves now. `gone` is cancelled once the old one is
    /// gone, with everything that it had under way.
    pub(super) async fn dismiss(mut self, gone: CancellationToken) {
        // One that is gone already needs no word.
        let _ = self.stream.write_all(&[SERVING]).await;
        drop(self.socket);
        tokio::spawn(async move {
            let _ = self.stream.read_u8().await;
            gone.cancel();
        });
    }
}

fn receive(stream: &StdStream) -> io::Result<(Introduction, OwnedFd)> {
    let (mut bytes, mut fds) = (vec![0; MAX_BYTES], Vec::new());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let socket = fds
        .pop()
        .ok_or_else(|| strange("it handed over no socket"))?;
    let introduction = serde_json::from_slice(&bytes[..received.bytes])
        .map_err(|_| strange("it said nothing that this version understands"))?;
    Ok((introduction, socket))
}

/// Hand the socket to a successor, and wait until it serves.
///
/// # Errors
/// Where it failed before it did.
pub(super) async fn offer(
    stream: UnixStream,
    socket: BorrowedFd<'_>,
    introduction: &Introduction,
) -> io::Result<Held> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    let bytes = serde_json::to_vec(introduction).map_err(io::Error::other)?;
    let socket = socket.try_clone_to_owned()?;
    let stream = blocking(move || send(&stream, &bytes, socket.as_fd()).map(|()| stream)).await?;
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    match stream.read_u8().await? {
        SERVING => Ok(Held { _stream: stream }),
        _ => Err(io::Error::other("it answered something else")),
    }
}

/// The successor waits at the other end until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _stream: UnixStream,
}

fn send(stream: &StdStream, bytes: &[u8], socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [socket];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    sendmsg(
        stream,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

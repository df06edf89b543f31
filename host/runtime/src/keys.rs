//! Keys that a person presses at the terminal of a run, each as it is pressed.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr,
};
use tokio::sync::mpsc;

/// How soon a listener notices that it is to end.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Keys as they are pressed. Until this is dropped, the terminal shows none of
/// them and waits for no end of a line; `^C` still ends the run.
#[derive(Debug)]
pub struct Keys {
    pressed: mpsc::UnboundedReceiver<u8>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// Listens, where somebody is there to press them.
    pub fn listen() -> Option<Keys> {
        let silent = Silent::begin()?;
        let (sender, pressed) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("keys".into());
        let thread = thread.spawn(move || {
            let _silent = silent;
            while !ended.load(Ordering::Relaxed) {
                match press() {
                    Ok(Some(key)) if sender.send(key).is_ok() => {}
                    Ok(None) => {}
                    Ok(Some(_)) | Err(_) => return,
                }
            }
        });
        Some(Keys {
            pressed,
            stop,
            thread: Some(thread.ok()?),
        })
    }

    /// The next key; `None` once nobody can press one any more.
    pub async fn next(&mut self) -> Option<u8> {
        self.pressed.recv().await
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The terminal must be as it was before the next thing is shown.
            let _ = thread.join();
        }
    }
}

/// One key, if one is pressed soon.
fn press() -> Result<Option<u8>, rustix::io::Errno> {
    let stdin = std::io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    let ready = match poll(&mut polled, Some(&LOOK)) {
        Err(rustix::io::Errno::INTR) => 0,
        ready => ready?,
    };
    // What is typed while it is in the background is for the shell; to read it
    // would stop the process.
    if ready == 0 || !is_in_front() {
        return Ok(None);
    }
    let mut key = [0];
    match rustix::io::read(&stdin, &mut key)? {
        0 => Err(rustix::io::Errno::PIPE),
        _ => Ok(Some(key[0])),
    }
}

/// Whether what is typed at the terminal is for this process.
fn is_in_front() -> bool {
    let front = tcgetpgrp(std::io::stdin().as_fd());
    front.is_ok_and(|front| front == rustix::process::getpgrp())
}

/// A terminal that shows no keys; as it was again when dropped.
struct Silent(Termios);

impl Silent {
    fn begin() -> Option<Silent> {
        let stdin = std::io::stdin();
        if !isatty(stdin.as_fd()) || !is_in_front() {
            return None;
        }
        let before = tcgetattr(stdin.as_fd()).ok()?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin.as_fd(), OptionalActions::Now, &silent).ok()?;
        Some(Silent(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if is_in_front() {
            // There is nobody left to tell.
            let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &self.0);
        }
    }
}

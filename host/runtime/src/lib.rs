//! What baepo does, and nothing that it decides.
//!
//! Decisions are made by `baepo-core`; this crate has the clock, the files,
//! the network, the processes and the sandbox. The nouns, in the order one
//! meets them:
//!
//! - [`plugin`]: the sandbox; loads components, calls hooks.
//! - [`capability`]: what a plugin may ask the host to do, one file per import.
//! - [`supply`]: where plugins come from when they are not in the checkout.
//! - [`target`]: where instances live; [`router`]: who gets which request.
//! - [`load`]: a client that checks every answer.
//! - [`release`]: from artifacts and config to one digest.
//! - [`journal`]: the durable record.
//! - [`driver`]: the only loop; runs a core state machine over all of these.
//! - [`watchdog`]: acts for an environment while no run is alive.
//! - [`clock`]: what time it is.
//! - [`keys`]: what a person presses at the terminal.

pub mod capability;
pub mod clock;
pub mod driver;
pub mod journal;
pub mod keys;
pub mod load;
pub mod plugin;
pub mod release;
pub mod router;
pub mod supply;
pub mod target;
pub mod watchdog;

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Does what blocks, off the threads that serve. Where the runtime ends before it
/// has begun nobody waits for it any more, and it does not come back.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

//! One bounded exchange with an endpoint; needs the grant `socket`.

pub use crate::bindings::imports::socket::{Limits, SocketError};

use crate::HookError;

/// Connects to `unix:/path` or `tcp:host:port`, writes all bytes, and reads to
/// the end.
///
/// # Errors
/// See [`explain`].
pub fn exchange(endpoint: &str, bytes: &[u8], limits: Limits) -> Result<Vec<u8>, HookError> {
    crate::bindings::imports::socket::exchange(endpoint, bytes, limits)
        .map_err(|error| explain(endpoint, error))
}

/// Why there is no answer, as an error of the hook, in words for people:
/// [`HookError::Denied`] for a missing grant, else [`HookError::Failed`].
pub fn explain(endpoint: &str, error: SocketError) -> HookError {
    HookError::Failed(match error {
        SocketError::Denied(what) => return HookError::Denied(format!("socket: {what}")),
        SocketError::Connect(why) => format!("nothing answers at `{endpoint}`: {why}"),
        SocketError::Timeout => format!("`{endpoint}` does not answer in time"),
        SocketError::TooLarge(most) => {
            format!("the answer of `{endpoint}` has more than {most} bytes")
        }
        SocketError::Failed(why) => format!("the connection to `{endpoint}` broke: {why}"),
    })
}

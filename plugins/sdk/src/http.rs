//! Asking something over HTTP; needs the grant `net`.

pub use crate::bindings::imports::http::{HeaderValue, HttpError, Request, Response, send};

use crate::HookError;

/// A question that needs no body.
pub fn get(url: String, timeout_ms: u64, limit_bytes: u64) -> Request<'static> {
    Request {
        method: "GET".into(),
        url,
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: Some(timeout_ms),
        limit_bytes: Some(limit_bytes),
    }
}

/// Why there is no answer, as a lower-case fragment for people;
/// [`HookError::Denied`] for a missing grant, which the host knows how to show.
///
/// # Errors
/// Only for a missing grant.
pub fn explain(error: HttpError) -> Result<String, HookError> {
    Ok(match error {
        HttpError::Denied(what) => return Err(HookError::Denied(format!("net: {what}"))),
        HttpError::Invalid(why) => format!("it cannot be asked: {why}"),
        HttpError::Connect(why) => format!("nothing answers there: {why}"),
        HttpError::Timeout => "it does not answer in time".into(),
        HttpError::TooLarge(most) => format!("its answer has more than {most} bytes"),
        HttpError::Limit(what) => format!("the limit of this call is used up: {what}"),
        HttpError::Failed(why) => format!("the connection broke: {why}"),
    })
}

//! Secrets by name; needs the grant `secrets`. A plugin can use what it cannot
//! read: a [`Secret`] goes into a header or a variable.
//!
//! ```
//! use baepo_plugin::http::{self, HeaderValue};
//! use baepo_plugin::{HookError, secrets};
//!
//! fn ask(url: &str) -> Result<(), HookError> {
//!     let token = secrets::open("METRICS_TOKEN")?;
//!     let mut request = http::get(url.into(), 2_000, 1 << 20);
//!     let bearer = HeaderValue::Secret(("Bearer ".into(), &token));
//!     request.headers.push(("authorization".into(), bearer));
//!     // http::send(&request) …
//! #   Ok(())
//! }
//! ```

pub use crate::bindings::imports::secrets::{Secret, SecretError};

use crate::HookError;

/// A handle to the secret of this name.
///
/// # Errors
/// See [`explain`].
pub fn open(name: &str) -> Result<Secret, HookError> {
    crate::bindings::imports::secrets::open(name).map_err(explain)
}

/// Why there is no handle, as an error of the hook: [`HookError::Denied`] for a
/// missing grant, [`HookError::Failed`] where this run was given no value.
pub fn explain(error: SecretError) -> HookError {
    match error {
        SecretError::Denied(name) => HookError::Denied(format!("secrets: {name}")),
        SecretError::Missing(name) => {
            HookError::Failed(format!("this run was given no value for secret `{name}`"))
        }
    }
}

//! Files of the checkout; needs the grants `read` and `write`.

pub use crate::bindings::imports::workspace::{
    Entry, Kind, Part, WorkspaceError, read_scratch, scratch, write_scratch,
};

use crate::HookError;

/// The content of one file of at most `limit_bytes`.
///
/// # Errors
/// See [`explain`].
pub fn read(path: &str, limit_bytes: u64) -> Result<Vec<u8>, HookError> {
    crate::bindings::imports::workspace::read(path, limit_bytes)
        .map_err(|error| explain(path, error))
}

/// A piece of one file, from `offset_bytes` on and at most `limit_bytes` long.
///
/// # Errors
/// See [`explain`].
pub fn read_part(path: &str, offset_bytes: u64, limit_bytes: u64) -> Result<Part, HookError> {
    crate::bindings::imports::workspace::read_part(path, offset_bytes, limit_bytes)
        .map_err(|error| explain(path, error))
}

/// Granted files that match a pattern, sorted by path; folders are left out.
///
/// # Errors
/// See [`explain`].
pub fn glob_files(pattern: &str) -> Result<Vec<Entry>, HookError> {
    let entries = crate::bindings::imports::workspace::glob(pattern)
        .map_err(|error| explain(pattern, error))?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.kind == Kind::File)
        .collect())
}

/// Writes a whole file; folders are made, the change is atomic.
///
/// # Errors
/// See [`explain`].
pub fn write(path: &str, content: &[u8]) -> Result<(), HookError> {
    crate::bindings::imports::workspace::write(path, content).map_err(|error| explain(path, error))
}

/// A file operation that failed as an error of the hook, in words for people:
/// [`HookError::Denied`] for a missing grant, else [`HookError::Failed`].
pub fn explain(path: &str, error: WorkspaceError) -> HookError {
    HookError::Failed(match error {
        WorkspaceError::Denied(what) => return HookError::Denied(what),
        WorkspaceError::NotFound => format!("there is no `{path}`"),
        WorkspaceError::InvalidPath => {
            format!("`{path}` is not a path inside the checkout (no leading `/`, no `..`)")
        }
        WorkspaceError::TooLarge(size) => format!("`{path}` is too large ({size} bytes)"),
        WorkspaceError::Failed(why) => format!("`{path}`: {why}"),
    })
}

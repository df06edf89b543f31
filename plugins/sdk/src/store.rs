//! The one document that the host keeps for a target, replaced by
//! compare-and-swap.

pub use crate::bindings::imports::store::{Document, StoreError};

use crate::HookError;
use crate::target::TargetError;

/// The newest document; version 0 and no bytes where nothing was saved.
///
/// # Errors
/// See [`explain`].
pub fn load() -> Result<Document, TargetError> {
    crate::bindings::imports::store::load().map_err(explain)
}

/// Replaces the document if its version is still `expected_version`; the new
/// version.
///
/// # Errors
/// [`TargetError::Conflict`] where somebody else has saved: load again. Else
/// see [`explain`].
pub fn save(expected_version: u64, bytes: &[u8]) -> Result<u64, TargetError> {
    crate::bindings::imports::store::save(expected_version, bytes).map_err(explain)
}

/// Why nothing was loaded or saved, as an error of a target.
pub fn explain(error: StoreError) -> TargetError {
    TargetError::Hook(match error {
        StoreError::Conflict => return TargetError::Conflict,
        StoreError::Denied(what) => HookError::Denied(format!("store: {what}")),
        StoreError::TooLarge(most) => {
            HookError::Failed(format!("the state has more than {most} bytes"))
        }
        StoreError::Failed(why) => HookError::Failed(format!("the state cannot be used: {why}")),
    })
}

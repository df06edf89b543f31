//! From a name to bytes: the cache first, then the network.

use std::fmt;
use std::time::Duration;

use baepo_core::digest::Digest;

use super::cache::{Cache, digest_of};
use super::error::FetchError;
use super::source::{RegistrySource, Remote};
use super::{registry, web};

/// How much one plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest component.
    pub bytes: usize,
    /// From the first connection to the last byte.
    pub time: Duration,
}

impl Default for FetchLimits {
    fn default() -> FetchLimits {
        FetchLimits {
            bytes: 64 << 20,
            time: Duration::from_secs(120),
        }
    }
}

/// A plugin that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The component.
    pub bytes: Vec<u8>,
    /// Its SHA-256.
    pub digest: Digest,
    /// By what name the very same bytes can be had again.
    pub resolved: Remote,
    /// Whether it came over the network just now.
    pub is_new: bool,
}

/// Fetches plugins.
#[derive(Debug, Clone)]
pub struct Fetcher {
    cache: Cache,
    limits: FetchLimits,
}

impl Fetcher {
    /// One that keeps what it fetches.
    pub fn new(cache: Cache, limits: FetchLimits) -> Fetcher {
        Fetcher { cache, limits }
    }

    /// What a name means now: always asks the network.
    ///
    /// # Errors
    /// [`FetchError`] says why there is nothing.
    pub async fn resolve(&self, source: &Remote) -> Result<Fetched, FetchError> {
        let resolving = async {
            match source {
                Remote::Web(web) => {
                    let bytes = web::download(web, self.limits.bytes).await?;
                    Ok((bytes, source.clone()))
                }
                Remote::Registry(from) => {
                    let client = registry::Client::new(from)?;
                    let manifest = client.manifest(from).await?;
                    self.cache.keep(&manifest.bytes)?;
                    let component = manifest.component(from, self.limits.bytes)?;
                    let pinned = Remote::Registry(from.pinned(manifest.digest));
                    match self.cache.read(component, self.limits.bytes)? {
                        Some(bytes) => Ok((bytes, pinned)),
                        None => Ok((
                            client.blob(from, component, self.limits.bytes).await?,
                            pinned,
                        )),
                    }
                }
            }
        };
        let (bytes, resolved) = self.in_time(source, resolving).await?;
        let digest = self.cache.keep(&bytes)?;
        Ok(Fetched {
            bytes,
            digest,
            resolved,
            is_new: true,
        })
    }

    /// The component with this digest: from the cache, else from where it came
    /// from. What has another digest is never kept.
    ///
    /// # Errors
    /// [`FetchError`] says why it cannot be had.
    pub async fn obtain(&self, source: &Remote, pinned: Digest) -> Result<Fetched, FetchError> {
        if let Some(bytes) = self.cache.read(pinned, self.limits.bytes)? {
            return Ok(Fetched {
                bytes,
                digest: pinned,
                resolved: source.clone(),
                is_new: false,
            });
        }
        let downloading = async {
            match source {
                Remote::Web(web) => web::download(web, self.limits.bytes).await,
                Remote::Registry(from) => {
                    let client = registry::Client::new(from)?;
                    client.blob(from, pinned, self.limits.bytes).await
                }
            }
        };
        let bytes = self.in_time(source, downloading).await?;
        let found = digest_of(&bytes);
        if found != pinned {
            return Err(FetchError::Mismatch {
                place: source.to_string(),
                expected: pinned,
                found,
            });
        }
        self.cache.keep(&bytes)?;
        Ok(Fetched {
            bytes,
            digest: pinned,
            resolved: source.clone(),
            is_new: true,
        })
    }

    /// What a name with the digest of its manifest means: from the cache where
    /// both are there, else from the network.
    ///
    /// # Errors
    /// [`FetchError`] says why it cannot be had.
    pub async fn obtain_by_manifest(
        &self,
        source: &RegistrySource,
        manifest: Digest,
    ) -> Result<Fetched, FetchError> {
        let pinned = source.pinned(manifest);
        if let Some(bytes) = self.cache.read(manifest, registry::MAX_MANIFEST_BYTES)? {
            let known = registry::Manifest {
                bytes,
                digest: manifest,
            };
            let component = known.component(&pinned, self.limits.bytes)?;
            return self.obtain(&Remote::Registry(pinned), component).await;
        }
        self.resolve(&Remote::Registry(pinned)).await
    }

    /// Publish a component, and by what name it can be had from now on.
    ///
    /// # Errors
    /// [`FetchError`] says why it was not taken.
    pub async fn push(
        &self,
        to: &RegistrySource,
        component: &super::super::plugin::Inspection,
        bytes: Vec<u8>,
    ) -> Result<RegistrySource, FetchError> {
        let pushing = async {
            let client = registry::Client::new(to)?;
            client.push(to, component, bytes).await
        };
        let manifest = self.in_time(to, pushing).await?;
        Ok(to.pinned(manifest))
    }

    async fn in_time<T>(
        &self,
        place: &impl fmt::Display,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        let limit = self.limits.time;
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(FetchError::Timeout {
                place: place.to_string(),
                limit,
            }),
        }
    }
}

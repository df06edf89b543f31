//! Where plugins come from when they are not in the checkout: the web and
//! registries.
//!
//! A [`Remote`] is what a person writes; [`Fetcher`] turns it into bytes, in one
//! explicit step before anything else happens. What was fetched is kept in a
//! [`Cache`] by its SHA-256 and is checked against it on each read, so that
//! nobody who writes there can change a plugin.
//!
//! **Invariant:** no hook call fetches anything, and bytes with another digest
//! than the pinned one are never parsed.

mod cache;
mod error;
mod fetch;
mod registry;
mod source;
mod web;

pub use cache::{Cache, CacheError};
pub use error::FetchError;
pub use fetch::{FetchLimits, Fetched, Fetcher};
pub use source::{ParseRemoteError, RegistrySource, Remote, WebSource};
pub use web::provide_tls;

//! Why a plugin could not be fetched.

use std::time::Duration;

use baepo_core::digest::Digest;

use super::CacheError;

/// Why a plugin could not be fetched, or pushed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answers, or the connection broke.
    #[error("{place} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        place: String,
        /// What the network says.
        why: String,
    },
    /// The answer ended too early.
    #[error("what {place} sent is not whole: {why}")]
    Truncated {
        /// Where.
        place: String,
        /// What the network says.
        why: String,
    },
    /// It took too long.
    #[error("{place} took longer than {} s", .limit.as_secs())]
    Timeout {
        /// Where.
        place: String,
        /// The limit.
        limit: Duration,
    },
    /// It is not there.
    #[error("there is no {place}")]
    NotFound {
        /// What.
        place: String,
    },
    /// Somebody else may have it.
    #[error("{place} asks for credentials, or refuses those that it got")]
    Unauthorized {
        /// Where.
        place: String,
    },
    /// The other side says something else.
    #[error("{place} answers: {why}")]
    Refused {
        /// Where.
        place: String,
        /// What it says.
        why: String,
    },
    /// It is larger than a plugin may be.
    #[error("{place} is larger than {limit_bytes} bytes, which is the most that a plugin may have")]
    TooLarge {
        /// What.
        place: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// It is an artifact, and no plugin.
    #[error("{place} is no component: {why}")]
    NoComponent {
        /// What.
        place: String,
        /// What it is instead.
        why: String,
    },
    /// It is not what was pinned.
    #[error("{place} has the digest {found}, but {expected} is pinned")]
    Mismatch {
        /// What.
        place: String,
        /// What was pinned.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// What came does not have the digest that it was asked for by.
    #[error("what {place} sent is not what it was asked for: {why}")]
    WrongContent {
        /// Where.
        place: String,
        /// In which way.
        why: String,
    },
    /// The cache cannot be used.
    #[error("the cache of plugins cannot be used")]
    Cache(#[from] CacheError),
    /// TLS could not be set up.
    #[error("no secure connection can be made: {why}")]
    NoTls {
        /// Why.
        why: String,
    },
}

impl FetchError {
    /// What to do next, in one sentence for people.
    pub fn help(&self) -> &'static str {
        match self {
            FetchError::Unreachable { .. } | FetchError::Timeout { .. } => {
                "check the address and the network, and try again; what was fetched before needs no network"
            }
            FetchError::Truncated { .. } => "try again",
            FetchError::NotFound { .. } => {
                "check the name and the tag; some registries also say so where credentials are missing"
            }
            FetchError::Unauthorized { .. } => {
                "log in with `docker login` or `skopeo login`, whose credentials are used here too"
            }
            FetchError::Refused { .. } => "try again later, or ask whoever runs it",
            FetchError::TooLarge { .. } => "build it for size, or without debug information",
            FetchError::NoComponent { .. } => {
                "publish it with `baepo plugin push` or `wkg oci push`"
            }
            FetchError::Mismatch { .. } => {
                "if you meant to change it: `baepo plugin update`, and look at what changes; if not, somebody replaced it"
            }
            FetchError::WrongContent { .. } => {
                "something between here and there changes what is sent; do not use it"
            }
            FetchError::Cache(_) => "set XDG_CACHE_HOME to a folder that can be written",
            FetchError::NoTls { .. } => {
                "install the certificate authorities of the system (`ca-certificates`)"
            }
        }
    }

    /// Whether the world outside is what failed, and the same command may
    /// succeed later.
    pub fn is_outside(&self) -> bool {
        match self {
            FetchError::Unreachable { .. }
            | FetchError::Truncated { .. }
            | FetchError::Timeout { .. }
            | FetchError::Refused { .. }
            | FetchError::Cache(_)
            | FetchError::NoTls { .. } => true,
            FetchError::NotFound { .. }
            | FetchError::Unauthorized { .. }
            | FetchError::TooLarge { .. }
            | FetchError::NoComponent { .. }
            | FetchError::Mismatch { .. }
            | FetchError::WrongContent { .. } => false,
        }
    }
}

/// An error and its causes on one line, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // It is shown to people and may come from the other side.
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(400)
        .collect()
}

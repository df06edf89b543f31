//! Why GitHub was not told, or did not tell.

use std::fmt;
use std::time::Duration;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The token may not do that: give the job the permission.
    #[error("the token may not do that{}: {message}", needs(.permissions))]
    Forbidden {
        /// GitHub's own word.
        message: String,
        /// What would be enough, where GitHub says so, for example
        /// `pull_requests=write`.
        permissions: Option<String>,
    },
    /// There is no such thing, or the token may not know of it.
    #[error("GitHub does not know it: {message}")]
    Missing {
        /// GitHub's own word.
        message: String,
    },
    /// GitHub does not accept what was sent.
    #[error("GitHub does not accept it ({status}): {message}")]
    Refused {
        /// 409, 422, …
        status: u16,
        /// GitHub's own word.
        message: String,
    },
    /// It was tried as long as the run may wait for GitHub.
    #[error("given up after {} of waiting: {why}", seconds(.waited))]
    GivenUp {
        /// What was in the way.
        why: Obstacle,
        /// How long was waited for this call.
        waited: Duration,
    },
    /// The job was cancelled, and the runner waits only for seconds.
    #[error("the job was cancelled before GitHub had answered")]
    Cancelled,
    /// The answer is not what GitHub's description promises.
    #[error("GitHub's answer makes no sense: {0}")]
    Strange(String),
}

/// What was in the way until there was no more time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Too many requests; it would have been right to wait this long.
    Limited(Duration),
    /// GitHub has trouble of its own: the status of its last answer.
    Server(u16),
    /// No answer came.
    Connection(String),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Limited(wait) => {
                write!(
                    f,
                    "too many requests, to be sent again in {}",
                    seconds(wait)
                )
            }
            Obstacle::Server(status) => write!(f, "GitHub answers {status}"),
            Obstacle::Connection(why) => write!(f, "no answer: {why}"),
        }
    }
}

fn needs(permissions: &Option<String>) -> String {
    match permissions {
        Some(permissions) => format!(", it would need {permissions}"),
        None => String::new(),
    }
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs())
}

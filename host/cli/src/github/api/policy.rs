//! What to do about an answer of GitHub that is not the wanted one: pure, so
//! that every case can be looked at without a network.
//!
//! Source: docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
//! (handle rate limit errors) and rate-limits-for-the-rest-api (secondary
//! limits arrive as 403 or 429).

use std::time::Duration;

use http::{HeaderMap, StatusCode};

/// How often one call is sent at most.
pub(super) const MOST_ATTEMPTS: u32 = 4;
/// The first wait after a server error; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long to wait where a limit was hit and GitHub does not say for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(60);

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As wanted.
    Fine,
    /// The token may not do that.
    Forbidden,
    /// There is no such thing, or the token may not know of it.
    Missing,
    /// GitHub does not accept what was sent.
    Refused,
    /// Nothing was done: too many requests; to be sent again after this time.
    Limited(Duration),
    /// Nobody knows whether it was done.
    Unknown,
}

/// Look at an answer. `message` is GitHub's own word in the body, `now` is in
/// seconds since 1970.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, message: &str, now: u64) -> Kind {
    match status.as_u16() {
        200..=399 => Kind::Fine,
        403 | 429 => match limit(headers, now) {
            Some(wait) => Kind::Limited(wait),
            None if status.as_u16() == 429 || is_about_limits(message) => {
                Kind::Limited(UNSAID_WAIT)
            }
            None => Kind::Forbidden,
        },
        401 => Kind::Forbidden,
        404 | 410 => Kind::Missing,
        408 | 500..=599 => Kind::Unknown,
        _ => Kind::Refused,
    }
}

fn limit(headers: &HeaderMap, now: u64) -> Option<Duration> {
    let number =
        |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining")? > 0 {
        return None;
    }
    let until = number("x-ratelimit-reset")?;
    // One second more, for clocks that differ a little.
    Some(Duration::from_secs(until.saturating_sub(now) + 1))
}

fn is_about_limits(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}

/// How long to wait before an attempt, counted from 1 for the first repetition,
/// when nobody knows what became of the one before. `random` is below 1 and
/// spreads runs that failed together.
pub(super) fn backoff(repetition: u32, random: f64) -> Duration {
    let longest = FIRST_WAIT * 2_u32.saturating_pow(repetition.saturating_sub(1));
    longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, headers: &[(&'static str, &str)], message: &str) -> Kind {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        classify(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            message,
            1_000,
        )
    }

    #[test]
    fn a_limit_is_told_from_a_missing_permission() {
        let secondary = "You have exceeded a secondary rate limit.";
        let seconds = |seconds| Kind::Limited(Duration::from_secs(seconds));
        assert_eq!(
            kind(403, &[], "Resource not accessible by integration"),
            Kind::Forbidden
        );
        assert_eq!(kind(403, &[("retry-after", "7")], ""), seconds(7));
        assert_eq!(kind(403, &[], secondary), seconds(60));
        assert_eq!(kind(429, &[], ""), seconds(60));
        let primary = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1030"),
        ];
        assert_eq!(kind(403, &primary, ""), seconds(31));
        let left = [
            ("x-ratelimit-remaining", "12"),
            ("x-ratelimit-reset", "1030"),
        ];
        assert_eq!(kind(403, &left, ""), Kind::Forbidden);
    }

    #[test]
    fn only_what_may_have_happened_is_unknown() {
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(kind(status, &[], ""), Kind::Unknown);
        }
        for status in [400, 409, 415, 422] {
            assert_eq!(kind(status, &[], ""), Kind::Refused);
        }
        assert_eq!(kind(401, &[], ""), Kind::Forbidden);
        assert_eq!(
            (kind(404, &[], ""), kind(410, &[], "")),
            (Kind::Missing, Kind::Missing)
        );
        assert_eq!(kind(201, &[], ""), Kind::Fine);
    }

    #[test]
    fn waits_grow_and_are_spread() {
        let seconds = |repetition, random| backoff(repetition, random).as_secs_f64();
        assert_eq!(
            [seconds(1, 0.0), seconds(2, 0.0), seconds(3, 0.0)],
            [0.5, 1.0, 2.0]
        );
        assert_eq!(
            [seconds(1, 1.0), seconds(2, 1.0), seconds(3, 1.0)],
            [1.0, 2.0, 4.0]
        );
    }
}

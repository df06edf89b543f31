//! Users who stay on one version: a cookie holds a user's seat, a number below
//! 10000, and the candidate has the first seats, as many as its share. So a
//! share that grows moves users to the candidate and never one back.
//!
//! Seats are given out one after the other so that any 1,000 users who come
//! one after the other have them evenly, whatever the share is. Which seats
//! are the first ones differs with the release: nobody is always the first to
//! meet what is new.

use baepo_core::digest::Digest;
use baepo_core::weight::BasisPoints;
use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// Seats, one for each basis point.
const SEATS: u64 = 10_000;

/// From one seat to the next that is given out. Of all numbers coprime to
/// 10000 this is among those for which 1,000 users in a row are off by the
/// least: 1.8 users below a share of 2 %, and 2.8 at most.
const STRIDE: u64 = 2_913;

/// How long a browser keeps the cookie, in seconds: 30 days.
const MAX_AGE: u32 = 30 * 24 * 3600;

/// The cookie of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    name: String,
}

/// The text cannot be the name of a cookie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be the name of a cookie: letters, digits, `-`, `_` and `.`, at most 64")]
pub struct CookieNameError(String);

impl Sticky {
    /// Users are told apart by a cookie of this name.
    ///
    /// # Errors
    /// Where it cannot be one.
    pub fn by_cookie(name: &str) -> Result<Sticky, CookieNameError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match (1..=64).contains(&name.len()) && name.bytes().all(is_plain) {
            true => Ok(Sticky {
                name: name.to_owned(),
            }),
            false => Err(CookieNameError(name.chars().take(100).collect())),
        }
    }

    /// The name of the cookie.
    pub fn cookie(&self) -> &str {
        &self.name
    }

    /// The seat in a request. Whoever writes one into it by hand chooses a
    /// version for himself, and for nobody else.
    pub(super) fn seat(&self, headers: &HeaderMap) -> Option<Seat> {
        let cookies = headers.get_all(COOKIE).into_iter();
        let pairs = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'));
        let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
        let (_, seat) = named.find(|(name, _)| *name == self.name)?;
        let seat: u64 = seat.parse().ok()?;
        (seat < SEATS).then_some(Seat(seat))
    }

    /// Tell a client its seat.
    pub(super) fn tell(&self, seat: Seat, headers: &mut HeaderMap) {
        let name = &self.name;
        let cookie = format!(
            "{name}={}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax",
            seat.0
        );
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// Where a user sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat(u64);

impl Seat {
    /// The seat of the user who comes as number `turn`.
    pub(super) fn of(turn: u64) -> Seat {
        Seat((turn % SEATS) * STRIDE % SEATS)
    }

    /// Whether this is one of the candidate's seats.
    pub(super) fn is_candidate(self, candidate: Digest, weight: BasisPoints) -> bool {
        let [first, second, ..] = *candidate.as_bytes();
        let shift = u64::from(u16::from_be_bytes([first, second]));
        (self.0 + shift) % SEATS < u64::from(weight.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 1_000;

    #[test]
    fn any_thousand_new_users_have_the_share_at_every_weight() {
        let mut comes_at = vec![0_usize; SEATS as usize];
        for turn in 0..SEATS {
            comes_at[Seat::of(turn).0 as usize] = turn as usize;
        }
        // Whichever seats are the first ones: another shift is another start.
        let mut inside = vec![0_i64; SEATS as usize];
        for weight in 1..=SEATS as i64 {
            let comes = comes_at[weight as usize - 1] + SEATS as usize;
            for back in 0..WINDOW {
                inside[(comes - back) % SEATS as usize] += 1;
            }
            let allowed = if weight < 200 { 2 } else { 10 };
            let (least, most) = (inside.iter().min().unwrap(), inside.iter().max().unwrap());
            let asked = WINDOW as i64 * weight;
            let off = (most * 10_000 - asked).max(asked - least * 10_000);
            assert!(off <= allowed * 10_000, "{weight}: {least} to {most}");
        }
    }

    #[test]
    fn a_share_that_grows_takes_nobody_back() {
        for release in [[0; 32], [0x5a; 32], [0xff; 32]] {
            let release = Digest::from_bytes(release);
            for turn in 0..SEATS {
                let mut had = false;
                for weight in (0..=10_000).step_by(50) {
                    let has = Seat::of(turn).is_candidate(release, BasisPoints::saturating(weight));
                    assert!(has || !had, "turn {turn}, weight {weight}");
                    had = has;
                }
                assert!(had, "all have it in the end");
            }
        }
    }

    fn seat_in(cookies: &[&'static str]) -> Option<u64> {
        let sticky = Sticky::by_cookie("seat").unwrap();
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        sticky.seat(&headers).map(|seat| seat.0)
    }

    #[test]
    fn a_seat_is_read_from_among_other_cookies_and_nonsense_is_none() {
        assert_eq!(seat_in(&["a=1; seat=42; b=2"]), Some(42));
        assert_eq!(seat_in(&["a=1", "seat=9999"]), Some(9_999));
        for nonsense in [
            "seat=10000",
            "seat=-1",
            "seat=",
            "seat",
            "xseat=3",
            "seat=1e3",
        ] {
            assert_eq!(seat_in(&[nonsense]), None, "{nonsense}");
        }
        assert_eq!(seat_in(&[]), None);
    }

    #[test]
    fn a_name_that_would_break_the_header_is_refused() {
        for name in ["", "a b", "a;b", "a=b", "ü", "a\r\n", &"x".repeat(65)] {
            assert!(Sticky::by_cookie(name).is_err(), "{name:?}");
        }
        let mut headers = HeaderMap::new();
        let sticky = Sticky::by_cookie("__Host.seat-1").unwrap();
        sticky.tell(Seat(7), &mut headers);
        let cookie = headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host.seat-1=7; Path=/; Max-Age=2592000; HttpOnly"));
    }
}

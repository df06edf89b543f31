//! Who may change a target: one holder at a time, and no token but the newest.
//!
//! Every target keeps the newest token that it gave out, and the lease that goes
//! with it. What follows from the two is decided here for all kinds of targets;
//! when a lease is over depends on whose clock there is, and is theirs to say.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Time};

/// The number of a lease. Each new holder gets a larger one; a target refuses
/// changing calls that carry a smaller one than it has seen.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Token(pub u64);

/// Who may act on an environment, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// The number to act with.
    pub token: Token,
    /// Who holds it, for people, for example `run 812 on runner-3`.
    pub holder: String,
    /// It is free after this, unless renewed.
    pub expires: Time,
}

/// Why somebody may not act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A newer token was given out in between.
    #[error("another run has taken over this environment")]
    Fenced,
    /// The lease of somebody else is in force.
    #[error("locked by {} until {}", .0.holder, .0.expires.clock())]
    Held(Lease),
    /// There was no such token yet.
    #[error("token {} was never given out", .0.0)]
    Unknown(Token),
}

impl Token {
    /// That a call with this token may change something where `newest` is the
    /// newest that was given out; 0 for none.
    ///
    /// # Errors
    /// [`Refusal::Fenced`] for an older one, [`Refusal::Unknown`] for any other.
    pub fn guard(self, newest: Token) -> Result<(), Refusal> {
        match self.cmp(&newest) {
            core::cmp::Ordering::Less => Err(Refusal::Fenced),
            core::cmp::Ordering::Equal if self.0 > 0 => Ok(()),
            _ => Err(Refusal::Unknown(self)),
        }
    }
}

/// Somebody who wants the lease.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who that is, for people.
    pub holder: &'a str,
    /// The token by which they have it already.
    pub held: Option<Token>,
    /// For how long they want it.
    pub ttl: Millis,
}

impl Claim<'_> {
    /// The lease that they get at `now`, where `newest` is the newest token that
    /// was given out, and `in_force` the lease that is not over.
    ///
    /// # Errors
    /// [`Refusal::Held`] while it is somebody else's, [`Refusal::Fenced`] when it
    /// was in between: work may not go on then as if nothing had happened.
    pub fn decide(
        &self,
        newest: Token,
        in_force: Option<&Lease>,
        now: Time,
    ) -> Result<Lease, Refusal> {
        let token = match (in_force, self.held) {
            (_, Some(held)) if held == newest && held.0 > 0 => newest,
            (Some(lease), _) => return Err(Refusal::Held(lease.clone())),
            (None, Some(_)) => return Err(Refusal::Fenced),
            (None, None) => Token(newest.0 + 1),
        };
        Ok(Lease {
            token,
            holder: self.holder.into(),
            expires: now + self.ttl,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(100_000);

    fn lease(token: u64) -> Lease {
        Lease {
            token: Token(token),
            holder: "one".into(),
            expires: Time(110_000),
        }
    }

    #[test]
    fn only_the_newest_token_acts() {
        for (token, newest, expected) in [
            (1, 1, Ok(())),
            (1, 2, Err(Refusal::Fenced)),
            (3, 2, Err(Refusal::Unknown(Token(3)))),
            // Nobody was ever given one.
            (0, 0, Err(Refusal::Unknown(Token(0)))),
            (0, 1, Err(Refusal::Fenced)),
        ] {
            assert_eq!(Token(token).guard(Token(newest)), expected, "{token}");
        }
        let text = alloc::format!("{}", Refusal::Unknown(Token(9)));
        assert_eq!(text, "token 9 was never given out");
    }

    #[test]
    fn a_lease_is_given_to_one_at_a_time() {
        let taken = lease(2);
        let held = || Err(Refusal::Held(taken.clone()));
        // By which token they have it, whether it is in force, and which they get.
        let cases = [
            (None, None, Ok(3)),
            (None, Some(&taken), held()),
            // Renewed, also when it was over and nobody came.
            (Some(2), Some(&taken), Ok(2)),
            (Some(2), None, Ok(2)),
            // Overtaken.
            (Some(1), Some(&taken), held()),
            (Some(1), None, Err(Refusal::Fenced)),
            (Some(3), None, Err(Refusal::Fenced)),
        ];
        for (token, in_force, expected) in cases {
            let claim = Claim {
                holder: "two",
                held: token.map(Token),
                ttl: Millis(5_000),
            };
            let got = claim.decide(Token(2), in_force, NOW);
            let expected = expected.map(|token| Lease {
                token: Token(token),
                holder: "two".into(),
                expires: Time(105_000),
            });
            assert_eq!(got, expected, "{token:?} {in_force:?}");
        }
    }

    #[test]
    fn nobody_renews_what_was_never_given() {
        let claim = Claim {
            holder: "one",
            held: Some(Token(0)),
            ttl: Millis(5_000),
        };
        assert_eq!(claim.decide(Token(0), None, NOW), Err(Refusal::Fenced));
    }
}

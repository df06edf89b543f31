//! What a plugin keeps for the host: one document, replaced by compare-and-swap.
//! In it are the lease, the newest token that was given out, the key for secrets,
//! and the state of the rollouts.
//!
//! The state has a version of its own: a lease is renewed every few seconds, and
//! must not look as if somebody had changed the state. No clock is asked here.

use std::time::Duration;

use baepo_core::lease::{Claim, Lease, Token};
use baepo_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};

use crate::release::SecretKey;
use crate::target::{Document, STATE_MAX_BYTES, TargetError};

/// The version of the document's form.
const FORMAT: u32 = 1;
/// How far the clocks of two machines may be apart. A lease that is over by more
/// is over, whoever wrote it.
const DRIFT: Millis = Millis(60_000);

/// The document, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Envelope {
    newest_token: Token,
    version: u64,
    term: Option<Term>,
    key: Option<SecretKey>,
    state: Vec<u8>,
}

/// A lease, and for how long it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Term {
    /// The lease.
    pub(super) lease: Lease,
    ttl_ms: u64,
}

impl Term {
    /// Whether it is over for who has watched it for so long without seeing it
    /// renewed.
    ///
    /// Its end is in the time of whoever wrote it, on another machine perhaps.
    /// So it is not believed alone: who has seen it stand still for as long as it
    /// was given has waited long enough by any clock.
    fn is_over(&self, now: Time, unchanged: Duration) -> bool {
        now > self.lease.expires + DRIFT || unchanged >= Duration::from_millis(self.ttl_ms)
    }
}

/// The first line; what follows it is the state.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    format: u32,
    newest_token: Token,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    term: Option<Term>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_key: Option<[u8; 32]>,
}

/// The bytes were not written by this or an older baepo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document that it keeps was not written by this version of baepo; nothing was changed")]
pub(super) struct Unreadable;

impl Envelope {
    /// The envelope in these bytes; an empty one where there are none.
    pub(super) fn read(bytes: &[u8]) -> Result<Envelope, Unreadable> {
        if bytes.is_empty() {
            return Ok(Envelope::default());
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, rest) = bytes.split_at(end.ok_or(Unreadable)?);
        let head: Head = serde_json::from_slice(head).map_err(|_| Unreadable)?;
        if head.format != FORMAT {
            return Err(Unreadable);
        }
        Ok(Envelope {
            newest_token: head.newest_token,
            version: head.version,
            term: head.term,
            key: head.secret_key.map(SecretKey::from_bytes),
            state: rest[1..].to_vec(),
        })
    }

    /// The bytes to keep.
    ///
    /// # Errors
    /// Never for a mistake of whoever calls: numbers and texts have JSON.
    pub(super) fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(&Head {
            format: FORMAT,
            newest_token: self.newest_token,
            version: self.version,
            term: self.term.clone(),
            secret_key: self.key.as_ref().map(SecretKey::expose),
        })?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.state);
        Ok(bytes)
    }

    /// The state and its version.
    pub(super) fn state(self) -> Document {
        Document {
            version: self.version,
            bytes: self.state,
        }
    }

    /// The lease that was not given back, if there is one.
    pub(super) fn term(&self) -> Option<&Term> {
        self.term.as_ref()
    }

    /// The key for secrets of releases; this one where there was none and one is
    /// given. Whoever comes first decides it: no token is needed.
    pub(super) fn secret_key(&mut self, new: Option<&SecretKey>) -> Option<SecretKey> {
        if self.key.is_none() {
            self.key = new.cloned();
        }
        self.key.clone()
    }

    /// Whether a call with this token may change anything.
    pub(super) fn guard(&self, token: Token) -> Result<(), TargetError> {
        Ok(token.guard(self.newest_token)?)
    }

    /// Replace the state if its version is still `expected`; the new version.
    pub(super) fn replace(
        &mut self,
        token: Option<Token>,
        expected: u64,
        state: &[u8],
    ) -> Result<u64, TargetError> {
        if let Some(token) = token {
            self.guard(token)?;
        }
        if self.version != expected {
            return Err(TargetError::Conflict);
        }
        if state.len() > STATE_MAX_BYTES {
            let size = state.len();
            let text = format!("the state is {size} bytes, more than {STATE_MAX_BYTES}");
            return Err(TargetError::Refused(text));
        }
        self.version += 1;
        self.state = state.to_vec();
        Ok(self.version)
    }

    /// Give the lease to this holder, if it is free, over or `held` by them.
    /// `unchanged` is for how long the one that is there was seen as it is.
    pub(super) fn acquire(
        &mut self,
        holder: &str,
        held: Option<Token>,
        ttl: Duration,
        now: Time,
        unchanged: Duration,
    ) -> Result<Lease, TargetError> {
        let term = self.term.as_ref().filter(|t| !t.is_over(now, unchanged));
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let claim = Claim {
            holder,
            held,
            ttl: Millis(ttl_ms),
        };
        let lease = claim.decide(self.newest_token, term.map(|term| &term.lease), now)?;
        self.newest_token = lease.token;
        self.term = Some(Term {
            lease: lease.clone(),
            ttl_ms,
        });
        Ok(lease)
    }

    /// Give the lease back.
    pub(super) fn release(&mut self, token: Token) -> Result<(), TargetError> {
        self.guard(token)?;
        self.term = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Duration = Duration::from_secs(10);
    const NONE: Duration = Duration::ZERO;

    fn held_by_one(now: Time) -> Envelope {
        let mut envelope = Envelope::default();
        let lease = envelope.acquire("one", None, SECONDS, now, NONE).unwrap();
        assert_eq!((lease.token, lease.expires), (Token(1), Time(110_000)));
        envelope
    }

    #[test]
    fn what_was_written_is_read() {
        let mut envelope = held_by_one(Time(100_000));
        let state = b"{\"a\": 1}\nand a line";
        assert_eq!(envelope.replace(Some(Token(1)), 0, state).unwrap(), 1);
        let key = SecretKey::from_bytes([7; 32]);
        assert_eq!(envelope.secret_key(None), None);
        assert_eq!(envelope.secret_key(Some(&key)), Some(key));
        let mut again = Envelope::read(&envelope.write().unwrap()).unwrap();
        assert_eq!(again, envelope);
        // The first one stays.
        let late = SecretKey::from_bytes([8; 32]);
        assert_eq!(again.secret_key(Some(&late)), envelope.secret_key(None));
        let (version, bytes) = (1, state.to_vec());
        assert_eq!(again.state(), Document { version, bytes });
        assert_eq!(Envelope::read(b""), Ok(Envelope::default()));
    }

    #[test]
    fn what_somebody_else_wrote_is_not_read() {
        let newer = r#"{"format":2,"newest-token":1,"version":1}"#;
        for bytes in ["x", "\n", "{}\n", newer, &format!("{newer}\nstate")] {
            assert_eq!(Envelope::read(bytes.as_bytes()), Err(Unreadable), "{bytes}");
        }
    }

    #[test]
    fn a_lease_is_over_when_it_stood_still_or_long_ago() {
        // How far the clock is behind its end, how long it stood still, and
        // whether another one gets it.
        let cases = [
            (0, 0, false),
            (9_999, 9_999, false),
            // Only the clock says so, and it may be ahead.
            (50_000, 5_000, false),
            (70_001, 0, true),
            // Whatever the clock says.
            (0, 10_000, true),
        ];
        for (later, unchanged_ms, is_over) in cases {
            let mut envelope = held_by_one(Time(100_000));
            let (now, unchanged) = (Time(100_000 + later), Duration::from_millis(unchanged_ms));
            let got = envelope.acquire("two", None, SECONDS, now, unchanged);
            match got {
                Ok(lease) => assert_eq!((is_over, lease.token), (true, Token(2)), "{later}"),
                Err(TargetError::Held(lease)) => {
                    assert_eq!((is_over, &*lease.holder), (false, "one"), "{later}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn who_was_overtaken_changes_nothing() {
        let mut envelope = held_by_one(Time(100_000));
        let now = Time(200_000);
        envelope.acquire("two", None, SECONDS, now, NONE).unwrap();
        let state = envelope.clone();
        for refused in [
            envelope.replace(Some(Token(1)), 0, b"x").map(drop),
            envelope.release(Token(1)),
            envelope.guard(Token(1)),
        ] {
            assert!(matches!(refused, Err(TargetError::Fenced)), "{refused:?}");
        }
        let late = envelope.acquire("one", Some(Token(1)), SECONDS, now, NONE);
        assert!(matches!(late, Err(TargetError::Held(_))), "{late:?}");
        let after = envelope.acquire("one", Some(Token(1)), SECONDS, now, SECONDS);
        assert!(matches!(after, Err(TargetError::Fenced)), "{after:?}");
        assert_eq!(envelope, state);
        let invented = envelope.guard(Token(9)).unwrap_err().to_string();
        assert_eq!(invented, "token 9 was never given out");
        assert!(Envelope::default().guard(Token(0)).is_err());
    }

    #[test]
    fn a_renewal_keeps_the_token_and_the_version_of_the_state() {
        let mut envelope = held_by_one(Time(100_000));
        envelope.replace(Some(Token(1)), 0, b"x").unwrap();
        let renewed = envelope.acquire("one", Some(Token(1)), SECONDS, Time(103_000), NONE);
        assert_eq!(renewed.unwrap().token, Token(1));
        // A person's word needs no lease.
        assert_eq!(envelope.replace(None, 1, b"y").unwrap(), 2);
        envelope.release(Token(1)).unwrap();
        let next = envelope.acquire("two", None, SECONDS, Time(103_001), NONE);
        assert_eq!(next.unwrap().token, Token(2));
        let large = vec![b'x'; STATE_MAX_BYTES + 1];
        assert!(matches!(
            envelope.replace(None, 2, &large),
            Err(TargetError::Refused(_))
        ));
    }
}

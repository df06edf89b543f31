//! Endpoints for one exchange.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::Host;
use super::wit::socket::{Limits, SocketError as Error};
use crate::units::Millis;

/// Bytes that were sent to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// `unix:/path` or `tcp:host:port`.
    pub endpoint: String,
    /// All that was written.
    pub bytes: Vec<u8>,
}

type Listener = Rc<RefCell<dyn FnMut(&[u8]) -> Result<Vec<u8>, Error>>>;

#[derive(Default)]
pub(super) struct Sockets {
    /// Granted endpoints, and who listens there.
    endpoints: BTreeMap<String, Option<Listener>>,
    exchanged: Vec<Exchanged>,
}

impl Host {
    /// An endpoint that answers these, one exchange after the other, and the
    /// last one again and again. Grants `socket` for it.
    pub fn endpoint<T: Into<Vec<u8>>>(
        self,
        endpoint: &str,
        answers: impl IntoIterator<Item = T>,
    ) -> Host {
        let mut answers: VecDeque<Vec<u8>> = answers.into_iter().map(Into::into).collect();
        self.endpoint_with(endpoint, move |_| {
            Ok(super::next(&mut answers).unwrap_or_default())
        })
    }

    /// An endpoint that answers what it likes; [`Error::Timeout`] moves the
    /// virtual clock. Grants `socket` for it.
    pub fn endpoint_with(
        self,
        endpoint: &str,
        listener: impl FnMut(&[u8]) -> Result<Vec<u8>, Error> + 'static,
    ) -> Host {
        let listener: Listener = Rc::new(RefCell::new(listener));
        let endpoints = &mut self.world().sockets.endpoints;
        endpoints.insert(endpoint.into(), Some(listener));
        self.clone()
    }

    /// An endpoint that may be spoken to. Nobody listens there by that alone.
    pub fn allow_socket(self, endpoint: &str) -> Host {
        self.world().sockets.endpoints.insert(endpoint.into(), None);
        self
    }

    /// The exchanges so far, in order, without those that were denied.
    pub fn exchanges(&self) -> Vec<Exchanged> {
        self.world().sockets.exchanged.clone()
    }

    pub(super) fn exchange(
        &self,
        endpoint: &str,
        bytes: &[u8],
        limits: Limits,
    ) -> Result<Vec<u8>, Error> {
        let listener = self.world().sockets.endpoints.get(endpoint).cloned();
        let Some(listener) = listener else {
            self.deny(format!("socket: {endpoint}"));
            return Err(Error::Denied(endpoint.into()));
        };
        self.world().sockets.exchanged.push(Exchanged {
            endpoint: endpoint.into(),
            bytes: bytes.to_vec(),
        });
        let Some(listener) = listener else {
            return Err(Error::Connect(format!("{endpoint}: nobody listens")));
        };
        let answer = (listener.borrow_mut())(bytes);
        match answer {
            Ok(answer) if answer.len() as u64 > limits.limit_bytes => {
                Err(Error::TooLarge(limits.limit_bytes))
            }
            Err(Error::Timeout) => {
                self.wait(Millis(limits.timeout_ms));
                Err(Error::Timeout)
            }
            answer => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HookError;
    use crate::socket::exchange;

    const HAPROXY: &str = "unix:/run/haproxy.sock";

    fn ask(endpoint: &str) -> Result<Vec<u8>, HookError> {
        let limits = Limits {
            timeout_ms: 250,
            limit_bytes: 3,
        };
        exchange(endpoint, b"show stat\n", limits)
    }

    #[test]
    fn an_endpoint_answers_within_the_limits() {
        let host = Host::new()
            .endpoint(HAPROXY, ["one", "four"])
            .endpoint_with("tcp:db:5432", |_| Err(Error::Timeout))
            .allow_socket("tcp:nobody:1");
        host.run(|| {
            assert_eq!(ask(HAPROXY), Ok(b"one".to_vec()));
            let failed = |why: &str| Err(HookError::Failed(why.into()));
            let large = "the answer of `unix:/run/haproxy.sock` has more than 3 bytes";
            assert_eq!(ask(HAPROXY), failed(large));
            let late = "`tcp:db:5432` does not answer in time";
            assert_eq!(ask("tcp:db:5432"), failed(late));
            assert!(ask("tcp:nobody:1").is_err());
            let denied = HookError::Denied("socket: tcp:a:1".into());
            assert_eq!(ask("tcp:a:1"), Err(denied));
        });
        assert_eq!(host.exchanges().len(), 4);
        assert_eq!(host.exchanges()[0].bytes, b"show stat\n");
        assert_eq!(host.elapsed(), Millis(250));
    }
}

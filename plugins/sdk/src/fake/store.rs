//! The document of a target.

use std::collections::VecDeque;

use super::Host;
use super::wit::store::{Document, StoreError};

#[derive(Default)]
pub(super) struct Store {
    document: Option<Document>,
    /// What others save before our saves.
    others: VecDeque<Vec<u8>>,
}

impl Host {
    /// Keeps a document, as it does for targets; nothing was saved yet.
    pub fn store(self) -> Host {
        self.stored(0, "")
    }

    /// Keeps a document that was saved before.
    pub fn stored(self, version: u64, bytes: impl Into<Vec<u8>>) -> Host {
        let bytes = bytes.into();
        self.world().store.document = Some(Document { version, bytes });
        self
    }

    /// Somebody else saves this between the next load and the next save, which
    /// is a conflict then. Several times: once before each of the next saves.
    pub fn saved_in_between(self, bytes: impl Into<Vec<u8>>) -> Host {
        self.world().store.others.push_back(bytes.into());
        self
    }

    /// The document as it is now; `None` where this host keeps none.
    pub fn document(&self) -> Option<Document> {
        self.world().store.document.clone()
    }

    pub(super) fn load(&self) -> Result<Document, StoreError> {
        self.document().ok_or_else(|| self.no_store())
    }

    pub(super) fn save(&self, expected: u64, bytes: &[u8]) -> Result<u64, StoreError> {
        let saved = self.world().store.save(expected, bytes);
        saved.unwrap_or_else(|| Err(self.no_store()))
    }

    fn no_store(&self) -> StoreError {
        self.deny("store".into());
        StoreError::Denied("the state of a target".into())
    }
}

impl Store {
    fn save(&mut self, expected: u64, bytes: &[u8]) -> Option<Result<u64, StoreError>> {
        let document = self.document.as_mut()?;
        if let Some(bytes) = self.others.pop_front() {
            let version = document.version + 1;
            *document = Document { version, bytes };
        }
        if document.version != expected {
            return Some(Err(StoreError::Conflict));
        }
        *document = Document {
            version: expected + 1,
            bytes: bytes.to_vec(),
        };
        Some(Ok(document.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HookError;
    use crate::store::{load, save};
    use crate::target::TargetError;

    #[test]
    fn a_document_is_replaced_only_from_the_version_that_was_seen() {
        let host = Host::new().store();
        host.run(|| {
            assert_eq!(load().unwrap().version, 0);
            assert_eq!(save(0, b"one").unwrap(), 1);
            assert!(matches!(save(0, b"late"), Err(TargetError::Conflict)));
            assert_eq!(load().unwrap().bytes, b"one");
        });
        assert_eq!(host.document().unwrap().version, 1);
    }

    #[test]
    fn somebody_else_may_be_first() {
        let host = Host::new().stored(4, "ours").saved_in_between("theirs");
        host.run(|| {
            assert!(matches!(save(4, b"new"), Err(TargetError::Conflict)));
            assert_eq!(load().unwrap().bytes, b"theirs");
            assert_eq!(save(5, b"new").unwrap(), 6);
        });
    }

    #[test]
    fn only_targets_have_one() {
        let denied = Host::new().run(load).unwrap_err();
        let TargetError::Hook(HookError::Denied(what)) = denied else {
            panic!("{denied:?}")
        };
        assert_eq!(what, "store: the state of a target");
    }
}

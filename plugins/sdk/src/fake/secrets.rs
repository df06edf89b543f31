//! Secrets: handles without a value.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::wit::secrets::{Secret as Handle, SecretError};
use super::{Host, VEIL};

/// A handle to one secret. It stands where [`crate::http::HeaderValue`] and
/// [`crate::process::Value`] want a reference to one.
///
/// Natively this is a number of the fake host, so nothing is given back when
/// it is dropped.
pub struct Secret {
    handle: ManuallyDrop<Handle>,
    name: String,
}

impl Secret {
    /// The name in the user's file.
    pub fn name(&self) -> String {
        self.name.clone()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} {VEIL})", self.name)
    }
}

impl Deref for Secret {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

#[derive(Default)]
pub(super) struct Secrets {
    /// Whether this run was given a value.
    granted: BTreeMap<String, bool>,
    /// Handles count them, from 1 on.
    opened: Vec<String>,
}

impl Host {
    /// A secret that may be used. It needs no value, for nobody can read it.
    pub fn secret(self, name: &str) -> Host {
        self.world().secrets.granted.insert(name.into(), true);
        self
    }

    /// A secret that may be used, for which this run was given no value.
    pub fn allow_secret(self, name: &str) -> Host {
        self.world().secrets.granted.insert(name.into(), false);
        self
    }

    pub(super) fn open(&self, name: &str) -> Result<Secret, SecretError> {
        let granted = self.world().secrets.granted.get(name).copied();
        match granted {
            None => {
                self.deny(format!("secrets: {name}"));
                Err(SecretError::Denied(name.into()))
            }
            Some(false) => Err(SecretError::Missing(name.into())),
            Some(true) => {
                let opened = &mut self.world().secrets.opened;
                opened.push(name.into());
                let number = opened.len() as u32;
                // Only its drop would call the sandbox, and that never runs.
                #[allow(unsafe_code, reason = "the number is never taken for a real handle")]
                let handle = unsafe { Handle::from_handle(number) };
                Ok(Secret {
                    handle: ManuallyDrop::new(handle),
                    name: name.into(),
                })
            }
        }
    }

    /// # Panics
    /// Where the handle is not of this host.
    pub(super) fn secret_name(&self, handle: &Handle) -> String {
        let opened = &self.world().secrets.opened;
        let name = opened.get(handle.handle() as usize - 1).cloned();
        name.expect("a secret belongs to the fake host in which it was opened")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HookError, secrets};

    #[test]
    fn a_secret_is_granted_by_name_and_may_lack_a_value() {
        let host = Host::new().secret("A").allow_secret("B");
        host.run(|| {
            assert_eq!(secrets::open("A").unwrap().name(), "A");
            let missing = "this run was given no value for secret `B`".into();
            assert_eq!(secrets::open("B").err(), Some(HookError::Failed(missing)));
            let denied = HookError::Denied("secrets: C".into());
            assert_eq!(secrets::open("C").err(), Some(denied));
        });
        assert_eq!(host.denied(), ["secrets: C"]);
    }
}

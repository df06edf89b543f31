//! `secrets`: handles to values that a plugin can use and cannot read. Not
//! given out yet: every request is denied.

use wasmtime::component::Resource;

use super::Capability;
use crate::plugin::bindings::baepo::hooks::secrets as wit;
use crate::plugin::state::CallState;

/// A handle to one secret. There is no value of this type while `open` denies.
pub enum Secret {}

impl wit::Host for CallState {
    fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Secret>, wit::SecretError>> {
        self.deny(Capability::Secrets, name.clone());
        Ok(Err(wit::SecretError::Denied(name)))
    }
}

impl wit::HostSecret for CallState {
    fn name(&mut self, handle: Resource<Secret>) -> wasmtime::Result<String> {
        match *self.table().get(&handle)? {}
    }

    fn drop(&mut self, handle: Resource<Secret>) -> wasmtime::Result<()> {
        match self.table().delete(handle)? {}
    }
}

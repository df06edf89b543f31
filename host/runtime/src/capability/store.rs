//! `store`: the document of a target plugin. Only for target plugins, which
//! are not called yet: every request is denied.

use super::Capability;
use crate::plugin::bindings::baepo::hooks::store as wit;
use crate::plugin::state::CallState;

const WHAT: &str = "the state of a target";

impl wit::Host for CallState {
    fn load(&mut self) -> wasmtime::Result<Result<wit::Document, wit::StoreError>> {
        self.deny(Capability::Store, WHAT.into());
        Ok(Err(wit::StoreError::Denied(WHAT.into())))
    }

    fn save(
        &mut self,
        _expected_version: u64,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::StoreError>> {
        self.deny(Capability::Store, WHAT.into());
        Ok(Err(wit::StoreError::Denied(WHAT.into())))
    }
}

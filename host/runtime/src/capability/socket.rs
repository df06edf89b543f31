//! `socket`: one bounded exchange with a listed endpoint. Not open yet: every
//! request is denied.

use super::Capability;
use crate::plugin::bindings::baepo::hooks::socket as wit;
use crate::plugin::state::CallState;

impl wit::Host for CallState {
    async fn exchange(
        &mut self,
        endpoint: String,
        _bytes: Vec<u8>,
        _limits: wit::Limits,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::SocketError>> {
        self.deny(Capability::Socket, endpoint.clone());
        Ok(Err(wit::SocketError::Denied(endpoint)))
    }
}

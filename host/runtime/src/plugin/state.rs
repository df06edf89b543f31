//! What belongs to one call: the data of its store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::ResourceTable;

use super::call::CallContext;
use super::limits::{CallLimits, Meter};
use super::wasi::EmptyWasi;
use crate::capability::log::{LogGate, LogLevel};
use crate::capability::permit::Permit;
use crate::capability::{Capability, Denial};

/// Most denials that an outcome lists; a plugin may ask a million times.
const MOST_DENIALS: usize = 100;

pub(crate) struct CallState {
    limits: Arc<CallLimits>,
    permit: Arc<Permit>,
    checkout: Option<Arc<Path>>,
    scratch: Option<tempfile::TempDir>,
    log: Arc<Mutex<LogGate>>,
    denials: Vec<Denial>,
    doing: Option<&'static str>,
    http_requests: u32,
    http_bytes: u64,
    table: ResourceTable,
    pub(super) meter: Meter,
    pub(super) wasi: Option<EmptyWasi>,
}

impl CallState {
    pub(super) fn new(
        name: Arc<str>,
        limits: Arc<CallLimits>,
        permit: Arc<Permit>,
        context: &CallContext,
    ) -> CallState {
        let log = Arc::clone(&context.log);
        let gate = LogGate::new(name, log, limits.log_lines, limits.log_bytes);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        CallState {
            meter: Meter::new(&limits),
            limits,
            permit,
            checkout: context.checkout.clone(),
            scratch: None,
            log: Arc::new(Mutex::new(gate)),
            denials: Vec::new(),
            doing: None,
            http_requests: 0,
            http_bytes: 0,
            table,
            wasi: None,
        }
    }

    pub(crate) fn limits(&self) -> Arc<CallLimits> {
        Arc::clone(&self.limits)
    }

    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    pub(crate) fn shared_permit(&self) -> Arc<Permit> {
        Arc::clone(&self.permit)
    }

    pub(crate) fn checkout(&self) -> Option<Arc<Path>> {
        self.checkout.clone()
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, LogGate> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log_handle(&self) -> Arc<Mutex<LogGate>> {
        Arc::clone(&self.log)
    }

    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    pub(super) fn wasi_and_table(&mut self) -> (Option<&mut EmptyWasi>, &mut ResourceTable) {
        (self.wasi.as_mut(), &mut self.table)
    }

    /// The folder of this call alone, removed after it.
    pub(crate) fn scratch(&mut self) -> std::io::Result<PathBuf> {
        if let Some(scratch) = &self.scratch {
            return Ok(scratch.path().to_path_buf());
        }
        let made = tempfile::Builder::new().prefix("baepo-call-").tempdir()?;
        let path = made.path().canonicalize()?;
        self.scratch = Some(made);
        Ok(path)
    }

    /// A host call that may wait begins. The name is told if the time runs out.
    pub(crate) fn enter(&mut self, name: &'static str) {
        self.doing = Some(name);
    }

    pub(crate) fn leave(&mut self) {
        self.doing = None;
    }

    pub(super) fn doing(&self) -> Option<&'static str> {
        self.doing
    }

    /// Note that a call is answered `denied`, once for each thing asked for.
    pub(crate) fn deny(&mut self, capability: Capability, target: String) {
        let denial = self.permit.deny(capability, target);
        if self.denials.len() >= MOST_DENIALS || self.denials.contains(&denial) {
            return;
        }
        let help = denial.advice(&self.permit);
        self.gate()
            .note(LogLevel::Warn, format!("denied: {denial}{help}"));
        self.denials.push(denial);
    }

    pub(super) fn take_denials(&mut self) -> Vec<Denial> {
        std::mem::take(&mut self.denials)
    }

    /// Count a request with so many bytes; how many bytes are left for its
    /// answer, or what is used up.
    pub(crate) fn spend_http(&mut self, bytes: u64) -> Result<u64, String> {
        if self.http_requests >= self.limits.http_requests {
            return Err(format!("{} requests a call", self.limits.http_requests));
        }
        self.http_requests += 1;
        self.spend_http_answer(bytes)?;
        Ok(self.limits.http_bytes - self.http_bytes)
    }

    pub(crate) fn spend_http_answer(&mut self, bytes: u64) -> Result<(), String> {
        self.http_bytes = self.http_bytes.saturating_add(bytes);
        if self.http_bytes > self.limits.http_bytes {
            self.http_bytes = self.limits.http_bytes;
            return Err(format!("{} bytes a call", self.limits.http_bytes));
        }
        Ok(())
    }
}

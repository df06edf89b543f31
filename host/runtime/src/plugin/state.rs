//! What belongs to one call: the data of its store.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::ResourceTable;

use super::call::CallContext;
use super::limits::{CallLimits, Meter};
use super::wasi::EmptyWasi;
use crate::capability::account::Account;
use crate::capability::log::LogGate;
use crate::capability::output::RolloutOutput;
use crate::capability::permit::Permit;
use crate::capability::redact::Redactor;
use crate::capability::secrets::SecretValue;
use crate::capability::store::DocumentStore;
use crate::capability::{Capability, Denial, Outside};

pub(crate) struct CallState {
    account: Arc<Account>,
    outside: Arc<Outside>,
    store: Option<Arc<dyn DocumentStore>>,
    output: Option<Arc<RolloutOutput>>,
    checkout: Option<Arc<Path>>,
    scratch: Option<tempfile::TempDir>,
    doing: Option<&'static str>,
    told_split: bool,
    /// Secrets that the call has opened: by name, and what finds them.
    opened: Vec<(String, SecretValue)>,
    finds_opened: Redactor,
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
        let outside = Arc::clone(&context.outside);
        let gate = LogGate::new(
            Arc::clone(&name),
            Arc::clone(&context.log),
            outside.secrets.redactor(),
            (limits.log_lines, limits.log_bytes),
        );
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        CallState {
            meter: Meter::new(&limits),
            account: Arc::new(Account::new(
                permit,
                limits,
                Arc::new(Mutex::new(gate)),
                name,
                context.uses.clone(),
            )),
            outside,
            store: context.store.clone(),
            output: context.output.clone(),
            checkout: context.checkout.clone(),
            scratch: None,
            doing: None,
            told_split: false,
            opened: Vec::new(),
            finds_opened: Redactor::default(),
            table,
            wasi: None,
        }
    }

    pub(crate) fn limits(&self) -> Arc<CallLimits> {
        Arc::clone(&self.account.limits)
    }

    pub(crate) fn permit(&self) -> &Permit {
        &self.account.permit
    }

    pub(crate) fn shared_permit(&self) -> Arc<Permit> {
        Arc::clone(&self.account.permit)
    }

    pub(crate) fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }

    pub(crate) fn outside(&self) -> Arc<Outside> {
        Arc::clone(&self.outside)
    }

    /// The document of a target; only calls of targets have one.
    pub(crate) fn store(&self) -> Option<Arc<dyn DocumentStore>> {
        self.store.clone()
    }

    /// What instances write; only calls of monitors have it.
    pub(crate) fn output(&self) -> Option<Arc<RolloutOutput>> {
        self.output.clone()
    }

    pub(crate) fn checkout(&self) -> Option<Arc<Path>> {
        self.checkout.clone()
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, LogGate> {
        let log = &self.account.log;
        log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log_handle(&self) -> Arc<Mutex<LogGate>> {
        Arc::clone(&self.account.log)
    }

    /// Note that the call can use a secret from now on.
    pub(crate) fn remember_opened(&mut self, name: &str, value: &SecretValue) {
        if self.opened.iter().any(|(known, _)| known == name) {
            return;
        }
        self.opened.push((name.to_owned(), value.clone()));
        let values = self.opened.iter().map(|(_, value)| value.expose());
        self.finds_opened = Redactor::of(values);
    }

    /// What comes from outside, without the secrets that the call has opened:
    /// whoever they are sent to may send them back.
    pub(crate) fn without_opened<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.finds_opened.bytes(bytes)
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

    /// Whether a note about folders with something hidden in them is still to
    /// be written.
    pub(crate) fn is_first_split(&mut self) -> bool {
        !std::mem::replace(&mut self.told_split, true)
    }

    pub(super) fn doing(&self) -> Option<&'static str> {
        self.doing
    }

    /// Note that a call is answered `denied`, once for each thing asked for.
    pub(crate) fn deny(&mut self, capability: Capability, target: String) {
        self.account.deny(capability, target);
    }

    pub(super) fn take_denials(&mut self) -> Vec<Denial> {
        self.account.take_denials()
    }
}

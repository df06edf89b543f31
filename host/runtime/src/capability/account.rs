//! What one call has been denied and what it has used up of the network: shared
//! by all ways in which it can ask.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::log::{LogGate, LogLevel};
use super::permit::Permit;
use super::uses::UseLog;
use super::{Capability, Denial};
use crate::plugin::CallLimits;

/// Most denials that an outcome lists; a plugin may ask a million times.
const MOST_DENIALS: usize = 100;

/// The account of one call.
pub(crate) struct Account {
    pub(crate) permit: Arc<Permit>,
    pub(crate) limits: Arc<CallLimits>,
    pub(crate) log: Arc<Mutex<LogGate>>,
    plugin: Arc<str>,
    uses: UseLog,
    denials: Mutex<Vec<Denial>>,
    requests: AtomicU32,
    bytes: AtomicU64,
}

impl Account {
    pub(crate) fn new(
        permit: Arc<Permit>,
        limits: Arc<CallLimits>,
        log: Arc<Mutex<LogGate>>,
        plugin: Arc<str>,
        uses: UseLog,
    ) -> Account {
        Account {
            permit,
            limits,
            log,
            plugin,
            uses,
            denials: Mutex::default(),
            requests: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Note that something granted is used.
    pub(crate) fn used(&self, capability: Capability, target: &str) {
        self.uses.note(&self.plugin, capability, target);
    }

    /// Note that files of the checkout are used, by the entries that cover them.
    pub(crate) fn used_paths<'a>(
        &self,
        capability: Capability,
        paths: impl IntoIterator<Item = &'a str>,
    ) {
        let allow = self.permit.allow();
        let entries = match capability {
            Capability::Write => &allow.write,
            _ => &allow.read,
        };
        for path in paths {
            if let Some(entry) = entries.iter().find(|entry| entry.covers(path)) {
                self.used(capability, &entry.to_string());
            }
        }
    }

    /// Note that a call is answered `denied`, once for each thing asked for.
    pub(crate) fn deny(&self, capability: Capability, target: String) {
        let denial = self.permit.deny(capability, target);
        let mut denials = lock(&self.denials);
        if denials.len() >= MOST_DENIALS || denials.contains(&denial) {
            return;
        }
        let help = denial.advice(&self.permit);
        lock(&self.log).note(LogLevel::Warn, format!("denied: {denial}{help}"));
        denials.push(denial);
    }

    pub(crate) fn take_denials(&self) -> Vec<Denial> {
        std::mem::take(&mut *lock(&self.denials))
    }

    /// Count a request with so many bytes; how many bytes are left for its
    /// answer, or what is used up.
    pub(crate) fn spend_request(&self, bytes: u64) -> Result<u64, String> {
        let most = self.limits.http_requests;
        if self.requests.fetch_add(1, Ordering::Relaxed) >= most {
            self.requests.store(most, Ordering::Relaxed);
            return Err(format!("{most} requests a call"));
        }
        self.spend_bytes(bytes)
    }

    /// Count bytes that went or came; how many are left, or what is used up.
    pub(crate) fn spend_bytes(&self, bytes: u64) -> Result<u64, String> {
        let most = self.limits.http_bytes;
        let spent = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        match most.checked_sub(spent.saturating_add(bytes)) {
            Some(left) => Ok(left),
            None => {
                self.bytes.store(most, Ordering::Relaxed);
                Err(format!("{most} bytes a call"))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

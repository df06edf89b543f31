//! `secrets`: handles to values that a plugin can use and cannot read.
//!
//! Values come from whoever makes the [`SecretVault`], go into headers and the
//! environment of programs, and are taken out of everything that comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmtime::component::Resource;
use zeroize::Zeroizing;

use super::Capability;
use super::redact::{Redactor, SHORTEST};
use crate::plugin::bindings::baepo::hooks::secrets as wit;
use crate::plugin::state::CallState;

/// The value of a secret. It can be neither printed nor compared, and its
/// memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// A value.
    pub fn new(value: String) -> SecretValue {
        SecretValue(Zeroizing::new(value))
    }

    /// The value: for where it is used, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The lines that are to be hidden where lines are hidden one by one, as
    /// in the log of a GitHub job. Short ones are left out.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.0.lines().map(str::trim);
        lines.filter(|line| line.len() >= SHORTEST)
    }
}

/// Values by name. Those that are secrets are hidden in all that plugins and
/// their programs say; the others are only kept out of sight.
#[derive(Default)]
pub struct SecretVault {
    values: BTreeMap<String, SecretValue>,
    /// Names of those that are hidden.
    secret: BTreeSet<String>,
    redactor: Arc<Redactor>,
}

impl SecretVault {
    /// A vault with these values, of which some are secrets.
    pub fn new(
        values: BTreeMap<String, SecretValue>,
        is_secret: impl Fn(&str) -> bool,
    ) -> SecretVault {
        let names = values.keys().filter(|name| is_secret(name));
        let secret: BTreeSet<String> = names.cloned().collect();
        let secrets = values.iter().filter(|(name, _)| secret.contains(*name));
        let redactor = Redactor::of(secrets.map(|(_, value)| value.expose()));
        SecretVault {
            values,
            secret,
            redactor: Arc::new(redactor),
        }
    }

    /// The value of this name. GitHub hands a secret that is not set over as
    /// an empty variable, which is none.
    pub fn value(&self, name: &str) -> Option<&SecretValue> {
        self.values
            .get(name)
            .filter(|value| !value.expose().is_empty())
    }

    /// The values of all secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretValue> {
        let is_secret = |name: &&String| self.secret.contains(*name);
        let names = self.values.keys().filter(is_secret);
        names.filter_map(|name| self.value(name))
    }

    /// The names of all values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Takes the secrets out of what is shown.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }
}

/// A handle to one secret.
pub struct Secret {
    name: String,
    value: SecretValue,
}

impl Secret {
    pub(crate) fn value(&self) -> &SecretValue {
        &self.value
    }
}

impl wit::Host for CallState {
    fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Secret>, wit::SecretError>> {
        if !self.permit().allows_secret(&name) {
            self.deny(Capability::Secrets, name.clone());
            return Ok(Err(wit::SecretError::Denied(name)));
        }
        let Some(value) = self.outside().secrets.value(&name).cloned() else {
            return Ok(Err(wit::SecretError::Missing(name)));
        };
        self.account().used(Capability::Secrets, &name);
        self.remember_opened(&name, &value);
        Ok(Ok(self.table().push(Secret { name, value })?))
    }
}

impl wit::HostSecret for CallState {
    fn name(&mut self, handle: Resource<Secret>) -> wasmtime::Result<String> {
        Ok(self.table().get(&handle)?.name.clone())
    }

    fn drop(&mut self, handle: Resource<Secret>) -> wasmtime::Result<()> {
        self.table().delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_no_secret() {
        let values = [("A", "value"), ("B", "")];
        let values = values.map(|(name, value)| (name.into(), SecretValue::new(value.into())));
        let vault = SecretVault::new(values.into(), |_| true);
        assert_eq!(vault.value("A").map(SecretValue::expose), Some("value"));
        assert!(vault.value("B").is_none() && vault.value("C").is_none());
    }

    #[test]
    fn only_secrets_are_hidden() {
        let values = [("TOKEN", "hunter2"), ("TOKEN_AGE", "3600")];
        let values = values.map(|(name, value)| (name.into(), SecretValue::new(value.into())));
        let vault = SecretVault::new(values.into(), |name| name == "TOKEN");
        let shown = vault.redactor().text("hunter2 lives 3600 s".into());
        assert_eq!(shown, "*** lives 3600 s");
    }
}

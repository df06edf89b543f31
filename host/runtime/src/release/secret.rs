//! Secrets that take part in a digest without being part of anything.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::Path;

use baepo_core::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::manifest::SecretEntry;
use super::{ReleaseError, io_error};

/// A secret's name and value. The value is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: String,
    value: String,
}

impl Secret {
    /// A secret.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Secret {
        Secret {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value: for the target alone.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, …)", self.name)
    }
}

/// 32 random bytes that stay with the target. Without them the
/// hash of a short secret in a release would be as good as the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// A key of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> SecretKey {
        SecretKey(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// The machine has no random numbers to read.
    pub fn random() -> Result<SecretKey, ReleaseError> {
        let mut bytes = [0; 32];
        let source = Path::new("/dev/urandom");
        let mut random = std::fs::File::open(source).map_err(io_error("open", source))?;
        random
            .read_exact(&mut bytes)
            .map_err(io_error("read", source))?;
        Ok(SecretKey(bytes))
    }

    /// Its bytes: for whoever keeps it.
    pub(crate) fn expose(&self) -> [u8; 32] {
        self.0
    }

    /// The key in this file, which is made with mode 0600 where it is missing.
    /// With another key every release that has secrets gets another digest,
    /// which costs one rollout and nothing else.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds something else.
    pub fn load(path: &Path) -> Result<SecretKey, ReleaseError> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let wrong = |_| std::io::Error::other("it does not hold a key of 32 bytes");
                let bytes = bytes
                    .try_into()
                    .map_err(wrong)
                    .map_err(io_error("read", path))?;
                return Ok(SecretKey(bytes));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("read", path)(error)),
        }
        let key = SecretKey::random()?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(io_error("make", folder))?;
        // Linked into place whole: of two runs at once, both use the key of the first.
        let mut draft =
            tempfile::NamedTempFile::new_in(folder).map_err(io_error("write in", folder))?;
        let written = draft
            .write_all(&key.0)
            .and_then(|()| draft.as_file().sync_all());
        written.map_err(io_error("write", path))?;
        match draft.persist_noclobber(path) {
            Ok(_) => Ok(key),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                SecretKey::load(path)
            }
            Err(error) => Err(io_error("write", path)(error.error)),
        }
    }

    /// HMAC-SHA-256 of `message`. Source: RFC 2104.
    pub(crate) fn hmac(&self, message: &[&[u8]]) -> [u8; 32] {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(self.0).for_each(|(b, key)| *b ^= key);
            block
        };
        let inner = message
            .iter()
            .fold(Sha256::new_with_prefix(pad(0x36)), |hash, part| {
                hash.chain_update(part)
            });
        Sha256::new_with_prefix(pad(0x5c))
            .chain_update(inner.finalize())
            .finalize()
            .into()
    }

    /// Names and keyed hashes, by variable.
    pub(crate) fn hash_all(
        &self,
        app: &str,
        secrets: &BTreeMap<String, Secret>,
    ) -> BTreeMap<String, SecretEntry> {
        let hash = |secret: &Secret| {
            // Lengths first, so that no two lists of parts are the same bytes.
            let length = |text: &str| (text.len() as u64).to_be_bytes();
            let parts: [&[u8]; 5] = [
                &length(app),
                app.as_bytes(),
                &length(&secret.name),
                secret.name.as_bytes(),
                secret.value.as_bytes(),
            ];
            SecretEntry {
                name: secret.name.clone(),
                keyed_hash: Digest::from_bytes(self.hmac(&parts)),
            }
        };
        secrets
            .iter()
            .map(|(variable, secret)| (variable.clone(), hash(secret)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_keyed_hash_is_hmac_sha_256() {
        // Made with an independent implementation: Python's `hmac.new(bytes(range(32)), b"what do ya want", "sha256")`.
        let key = SecretKey::from_bytes(std::array::from_fn(|i| i as u8));
        let hash = Digest::from_bytes(key.hmac(&[b"what do ", b"ya want"]));
        assert_eq!(
            hash.hex(),
            "6f21a7e969d25d6c8cec88e50cd5c6cd96e1ec8126ee3f43d6339895f7c25055"
        );
    }

    #[test]
    fn a_key_is_made_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secret.key");
        let key = SecretKey::load(&path).unwrap();
        assert!(SecretKey::load(&path).unwrap() == key);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::write(&path, "short").unwrap();
        assert!(SecretKey::load(&path).is_err());
    }

    #[test]
    fn a_secret_does_not_print_its_value() {
        assert_eq!(
            format!("{:?}", Secret::new("TOKEN", "hunter2")),
            "Secret(TOKEN, …)"
        );
    }
}

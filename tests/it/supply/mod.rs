//! Where plugins come from: a real registry, the web, a lockfile, a policy. All
//! with the real binary, and what is refused is refused before it is parsed.

mod bounds;
mod pins;
mod registry;
pub(crate) mod server;
mod web;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::life::{Checkout, said};

/// A checkout of the shop, and a cache of its own.
pub(crate) struct Shop {
    pub(crate) checkout: Checkout,
    home: TempDir,
}

impl Shop {
    /// A shop whose strategy is this plugin; `more` are further lines of the use.
    pub(crate) fn with_strategy(plugin: &str, more: &str) -> Shop {
        let shop = Shop {
            checkout: Checkout::new(),
            home: tempfile::tempdir().unwrap(),
        };
        shop.use_strategy(plugin, more);
        shop.checkout.git(&["add", "--all"]);
        shop.checkout
            .git(&["commit", "--quiet", "--message", "Begin"]);
        shop
    }

    pub(crate) fn use_strategy(&self, plugin: &str, more: &str) {
        self.checkout.write(
            "baepo.yml",
            &self.checkout.config("hello", &settings(plugin, more)),
        );
    }

    /// A command of baepo here, with this shop's cache and no other settings.
    pub(crate) fn baepo(&self, args: &[&str]) -> Command {
        let mut command = self.checkout.baepo(args);
        command
            .env("XDG_CACHE_HOME", self.home.path())
            .env("HOME", self.home.path())
            .env_remove("DOCKER_CONFIG")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("BAEPO_POLICY");
        command
    }

    /// Run it, and check its exit code and words of what it says.
    pub(crate) fn check(&self, args: &[&str], code: i32, words: &[&str]) -> String {
        check(&self.baepo(args).output().unwrap(), code, words)
    }

    /// The same under a policy.
    pub(crate) fn check_under(&self, policy: &str, args: &[&str], code: i32, words: &[&str]) {
        let path = self.home.path().join("policy.yml");
        std::fs::write(&path, policy).unwrap();
        let output = self.baepo(args).env("BAEPO_POLICY", path).output().unwrap();
        check(&output, code, words);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.checkout.path().join(path)).unwrap()
    }

    /// Where a component is kept after it was fetched.
    pub(crate) fn cached(&self, bytes: &[u8]) -> PathBuf {
        let folder = self.home.path().join("baepo/plugins/sha256");
        folder.join(crate::host::guest::digest(bytes).hex())
    }
}

/// The lines of an environment whose strategy is this plugin.
pub(crate) fn settings(plugin: &str, more: &str) -> String {
    format!(
        "    strategy:\n      plugin: \"{plugin}\"\n      name: decider\n      with: {{ bake: 1s, max-observe: 2s }}\n{more}    on-no-evidence: continue-on-health\n    progress-deadline: 5s\n"
    )
}

/// Check how a command ended and what it said; all of what it said.
pub(crate) fn check(output: &Output, code: i32, words: &[&str]) -> String {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// A first-party component.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
    std::fs::read(dist.join(format!("{name}.wasm"))).unwrap()
}

/// Bytes that begin like a component and are none: parsing them is an error of
/// its own, so that another error shows that they were not parsed.
pub(crate) fn nonsense() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend([0xff; 64]);
    bytes
}

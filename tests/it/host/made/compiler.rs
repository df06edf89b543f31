//! What compiles Rust for the sandbox.

use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler for the guest target, as variables of the environment.
pub(super) struct Compiler {
    is_debian: bool,
}

impl Compiler {
    /// The target of the installed toolchain, else Debian's compiler with its
    /// sources; `None` where a person has neither.
    pub(super) fn find() -> Option<Compiler> {
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
        let sysroot = String::from_utf8(sysroot.unwrap().stdout).unwrap();
        let installed = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
        if installed.is_dir() {
            return Some(Compiler { is_debian: false });
        }
        let has_sources = Path::new("/usr/lib/rustlib/src/rust/library/std").is_dir();
        assert!(
            has_sources || std::env::var_os("CI").is_none(),
            "there is no compiler for {TARGET}: cargo xtask ci install"
        );
        has_sources.then_some(Compiler { is_debian: true })
    }

    /// For the project's own Makefile, where it builds and where it does not test.
    pub(super) fn variables(&self) -> &'static [(&'static str, &'static str)] {
        match self.is_debian {
            false => &[],
            true => &[
                ("RUSTC", "/usr/bin/rustc"),
                ("RUSTC_BOOTSTRAP", "1"),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19"),
                ("CARGO_FLAGS", "-Z build-std=std,panic_abort"),
            ],
        }
    }
}

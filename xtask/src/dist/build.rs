//! The binary, built so that its bytes do not say where.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{output, run};

/// Beginnings of variables by which a machine changes what a compiler makes.
const CHANGES_BYTES: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "RUSTFLAGS",
];

/// Builds `baepo` of the checkout at `root`, in a target folder of its own; where it is.
pub(super) fn binary(root: &Path) -> Result<PathBuf> {
    let target = root.join("target/dist-build");
    let sysroot = PathBuf::from(output(root, "rustc", &["--print", "sysroot"])?);
    let rustflags = crate::remap::flags(root, &[(sysroot, "/rust")])?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .current_dir(root)
        .args(["build", "--release", "--locked", "--package", "baepo"])
        .arg("--target-dir")
        .arg(&target);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if CHANGES_BYTES.iter().any(|start| text.starts_with(start)) {
            cargo.env_remove(name);
        }
    }
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags)
        .env("CARGO_INCREMENTAL", "0")
        // Several units share functions under names that end in a number which
        // is not the same in every folder. One unit is smaller and faster, too.
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        // C compilers write it where they are asked for the time.
        .env("SOURCE_DATE_EPOCH", "0");
    run(&mut cargo)?;
    Ok(target.join("release/baepo"))
}

//! Who may depend on whom: the tree of ARCHITECTURE.md against the manifests.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
    path: Option<String>,
    uses_default_features: bool,
    features: Vec<String>,
}

fn workspace() -> Result<Vec<Package>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .context("cargo describes the workspace")?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata.packages)
}

fn package<'a>(packages: &'a [Package], name: &str) -> Result<&'a Package> {
    let found = packages.iter().find(|package| package.name == name);
    found.with_context(|| format!("the workspace has no package `{name}`"))
}

/// The dependencies that are part of what is shipped.
fn shipped(package: &Package) -> impl Iterator<Item = &Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
}

/// The packages of this repository that `package` is built from.
fn inner(package: &Package) -> BTreeSet<&str> {
    shipped(package)
        .filter(|dependency| dependency.path.is_some())
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn the_crates_point_in_one_direction() -> Result<()> {
    let packages = workspace()?;
    for (name, allowed) in [
        ("baepo-core", [].as_slice()),
        ("baepo-bindgen", &[]),
        ("baepo-runtime", &["baepo-core"]),
        (
            "baepo",
            &[
                "baepo-bindgen",
                "baepo-core",
                "baepo-judge",
                "baepo-measures",
                "baepo-runtime",
            ],
        ),
        ("xtask", &[]),
    ] {
        let inner = inner(package(&packages, name)?);
        let allowed = allowed.iter().copied().collect();
        ensure!(
            inner.is_subset(&allowed),
            "{name} is built from {inner:?}, allowed: {allowed:?}"
        );
    }
    Ok(())
}

#[test]
fn the_core_is_built_without_the_standard_library() -> Result<()> {
    let packages = workspace()?;
    for dependency in shipped(package(&packages, "baepo-core")?) {
        let with_std = dependency.uses_default_features
            || dependency.features.iter().any(|feature| feature == "std");
        ensure!(
            !with_std,
            "the core takes `{}` with its standard library features",
            dependency.name
        );
    }
    let source = include_str!("../../host/core/src/lib.rs");
    ensure!(
        source.contains("#![no_std]") || source.contains("#![cfg_attr(not(test), no_std)]"),
        "the core is no_std"
    );
    Ok(())
}

#[test]
fn each_outside_world_is_known_to_one_crate_alone() -> Result<()> {
    let packages = workspace()?;
    let owners = [
        (
            "baepo-runtime",
            [
                "wasmtime",
                "wasmtime-wasi",
                "wasmtime-wasi-http",
                "landlock",
                "hyper",
                "hyper-util",
                "rustix",
                "cap-std",
                "minijinja",
            ]
            .as_slice(),
        ),
        (
            "baepo",
            &[
                "clap",
                "indicatif",
                "octocrab",
                "granit-parser",
                "schemars",
                "tracing-subscriber",
            ],
        ),
    ];
    for (owner, dependencies) in owners {
        for other in ["baepo-core", "baepo-runtime", "baepo"]
            .iter()
            .filter(|name| **name != owner)
        {
            for dependency in shipped(package(&packages, other)?) {
                let owned = dependencies.contains(&dependency.name.as_str());
                ensure!(
                    !owned,
                    "`{}` belongs to {owner}, and {other} uses it",
                    dependency.name
                );
            }
        }
    }
    Ok(())
}

#[test]
fn only_the_runtime_may_allow_unsafe_code() -> Result<()> {
    for crate_root in [
        include_str!("../../host/core/src/lib.rs"),
        include_str!("../../host/cli/src/lib.rs"),
        include_str!("../../host/cli/src/main.rs"),
    ] {
        ensure!(
            crate_root.contains("#![forbid(unsafe_code)]"),
            "a crate root does not forbid unsafe code"
        );
    }
    Ok(())
}

#[test]
fn every_dependency_earns_its_place_in_a_line() -> Result<()> {
    let page = include_str!("../../ARCHITECTURE.md");
    for name in ["baepo-core", "baepo-runtime", "baepo", "xtask"] {
        for dependency in
            shipped(package(&workspace()?, name)?).filter(|dependency| dependency.path.is_none())
        {
            let named = page.contains(&format!("`{}`", dependency.name));
            ensure!(
                named,
                "ARCHITECTURE.md does not say what `{}` is for",
                dependency.name
            );
        }
    }
    Ok(())
}

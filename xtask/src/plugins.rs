//! Builds the first-party plugins: core modules by cargo, wrapped into
//! components, into `plugins/dist` with checksums and the names of the tools.
//!
//! The bytes depend on the tools alone, not on where they ran: paths are
//! remapped, everything is locked, one code generation unit. So the committed
//! components can be checked by building them again.

#![allow(
    clippy::print_stdout,
    reason = "this is how a chore speaks with people"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use wit_component::{ComponentEncoder, DecodedWasm};

/// What becomes a component: the name of the file in `dist`, by which users know
/// the plugin, and its crate in `plugins/`. One that is a whole program already
/// is also what authors begin with.
const PLUGINS: [(&str, &str); 12] = [
    ("blue-green", "blue-green"),
    ("canary", "canary"),
    ("command", "command"),
    ("digest", "digest"),
    ("direct", "direct"),
    ("http", "http"),
    ("junit", "junit"),
    ("logs", "logs"),
    ("programs", "template-rust-target"),
    ("prometheus", "prometheus"),
    ("rolling", "rolling"),
    ("traffic", "traffic"),
];

const TARGET: &str = "wasm32-unknown-unknown";

/// Imports of a component may only be of this package.
const PACKAGE: &str = "baepo:hooks/";

/// Builds all plugins into `plugins/dist`.
pub(crate) fn build() -> Result<()> {
    let root = root();
    let tools = Tools::find()?;
    let components = tools.build(&root, &root.join("plugins/target/components"))?;
    let dist = root.join("plugins/dist");
    write_dist(&dist, &components, &tools)?;
    for component in &components {
        let Component {
            name,
            bytes,
            imports,
        } = component;
        let imports = if imports.is_empty() {
            "nothing".into()
        } else {
            imports.join(", ")
        };
        println!(
            "{name:<12} {:>7} bytes  {}  imports {imports}",
            bytes.len(),
            &checksum(bytes)[..12]
        );
    }
    println!("{} components in {}", components.len(), dist.display());
    Ok(())
}

/// What a check came to.
#[allow(
    dead_code,
    reason = "the list of checks runs its tests on the fresh components"
)]
pub(crate) enum Checked {
    /// The committed components are what the sources make, byte for byte.
    Same,
    /// Other tools than those of the committed components are installed; what
    /// they made of the sources is in this folder, to run the tests on.
    OtherTools(PathBuf),
}

/// Builds all plugins from a copy of the sources and compares them with
/// `plugins/dist`.
pub(crate) fn check() -> Result<Checked> {
    let root = root();
    let tools = Tools::find()?;
    let dist = root.join("plugins/dist");
    let recorded = fs::read_to_string(dist.join("TOOLCHAIN")).context(
        "plugins/dist/TOOLCHAIN is missing; build the plugins with `cargo xtask plugins`",
    )?;

    let copy = std::env::temp_dir().join(format!("baepo-plugins-check-{}", std::process::id()));
    copy_sources(&root, &copy)?;
    let built = tools.build(&copy, &copy.join("target"));
    fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    let built = built?;

    if recorded != tools.record {
        let fresh = root.join("plugins/target/fresh-dist");
        write_dist(&fresh, &built, &tools)?;
        println!(
            "warning: plugins/dist was built with other tools, so bytes cannot be compared\n\
             recorded:\n{recorded}installed:\n{}fresh components are in {}",
            tools.record,
            fresh.display(),
        );
        return Ok(Checked::OtherTools(fresh));
    }
    let stale: Vec<&str> = built
        .iter()
        .filter(|component| {
            !fs::read(component.path_in(&dist)).is_ok_and(|committed| committed == component.bytes)
        })
        .map(|component| component.name)
        .collect();
    ensure!(
        stale.is_empty(),
        "plugins/dist is not what the sources make: {}; run `cargo xtask plugins` and commit the result",
        stale.join(", "),
    );
    ensure!(
        fs::read_to_string(dist.join("SHA256SUMS")).is_ok_and(|sums| sums == checksums(&built)),
        "plugins/dist/SHA256SUMS is not of these components; run `cargo xtask plugins`",
    );
    println!(
        "{} components are byte for byte what the sources make",
        built.len()
    );
    Ok(Checked::Same)
}

/// One built plugin.
struct Component {
    name: &'static str,
    bytes: Vec<u8>,
    imports: Vec<String>,
}

impl Component {
    fn path_in(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.wasm", self.name))
    }
}

/// A way to build for the guest target.
struct Tools {
    /// Where `rustc` is, if not where cargo would look.
    rustc: Option<&'static str>,
    /// Where the compiler's own sources are, for remapping.
    rust_sources: Option<&'static str>,
    linker: Option<&'static str>,
    /// Versions of all that the bytes depend on, one per line.
    record: String,
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust";
const DEBIAN_LINKERS: [&str; 2] = ["wasm-ld-19", "/usr/lib/llvm-19/bin/wasm-ld"];

impl Tools {
    /// The target of the installed toolchain, else Debian's compiler with its
    /// sources: both give components that work, only the bytes differ.
    fn find() -> Result<Tools> {
        if let Some(sysroot) = output("rustc", &["--print", "sysroot"])
            && Path::new(sysroot.trim())
                .join("lib/rustlib")
                .join(TARGET)
                .is_dir()
        {
            let record = record("rustc", None)?;
            return Ok(Tools {
                rustc: None,
                rust_sources: None,
                linker: None,
                record,
            });
        }
        let linker = DEBIAN_LINKERS
            .into_iter()
            .find(|linker| output(linker, &["--version"]).is_some());
        let has_sources = Path::new(DEBIAN_SOURCES)
            .join("library/std/Cargo.toml")
            .is_file();
        let (Some(linker), true, true) = (linker, has_sources, Path::new(DEBIAN_RUSTC).is_file())
        else {
            bail!(
                "no compiler for {TARGET}; install one of\n  \
                 rustup target add {TARGET}\n  \
                 apt-get install rustc-web rust-web-src lld-19   (Debian)"
            );
        };
        Ok(Tools {
            rustc: Some(DEBIAN_RUSTC),
            rust_sources: Some(DEBIAN_SOURCES),
            linker: Some(linker),
            record: record(DEBIAN_RUSTC, Some(linker))?,
        })
    }

    /// Builds the plugins of the checkout at `root` and wraps them.
    fn build(&self, root: &Path, target_dir: &Path) -> Result<Vec<Component>> {
        let further: Vec<(PathBuf, &str)> = self
            .rust_sources
            .iter()
            .map(|sources| (PathBuf::from(sources), "/rustc"))
            .collect();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .current_dir(root.join("plugins"))
            .args([
                "build",
                "--release",
                "--locked",
                "--target",
                TARGET,
                "--target-dir",
            ])
            .arg(target_dir)
            .args(PLUGINS.iter().flat_map(|(_, name)| ["--package", name]))
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                crate::remap::flags(root, &further)?,
            )
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_INCREMENTAL");
        if let Some(rustc) = self.rustc {
            // Debian's compiler has no library for this target, so it is built
            // from its sources, which only an unstable flag can ask for.
            cargo
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC", rustc)
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTUP_TOOLCHAIN");
        }
        if let Some(linker) = self.linker {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        let status = cargo.status().context("cannot start cargo")?;
        ensure!(status.success(), "the plugins do not build, see above");

        let modules = target_dir.join(TARGET).join("release");
        PLUGINS
            .into_iter()
            .map(|(name, of)| {
                let path = modules.join(format!("{}.wasm", of.replace('-', "_")));
                let module =
                    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                wrap(name, &module).with_context(|| format!("plugin `{name}`"))
            })
            .collect()
    }
}

/// Makes a component of a core module and looks at what it would import.
fn wrap(name: &'static str, module: &[u8]) -> Result<Component> {
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()?;
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes)? else {
        bail!("is a WIT package, not a component");
    };
    let world = &resolve.worlds[world];
    let imports: Vec<String> = world
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    for import in &imports {
        ensure!(
            import.starts_with(PACKAGE),
            "imports `{import}`; only `{PACKAGE}…` is allowed"
        );
    }
    ensure!(
        world
            .exports
            .keys()
            .any(|key| resolve.name_world_key(key).starts_with(PACKAGE)),
        "exports no hook",
    );
    // An interface of types alone is not something to link.
    let short = |import: &String| {
        import[PACKAGE.len()..]
            .split('@')
            .next()
            .unwrap_or_default()
            .to_string()
    };
    let imports = imports
        .iter()
        .map(short)
        .filter(|import| import != "types")
        .collect();
    Ok(Component {
        name,
        bytes,
        imports,
    })
}

fn write_dist(dist: &Path, components: &[Component], tools: &Tools) -> Result<()> {
    fs::create_dir_all(dist).with_context(|| format!("cannot make {}", dist.display()))?;
    for component in components {
        write(&component.path_in(dist), &component.bytes)?;
    }
    write(&dist.join("SHA256SUMS"), checksums(components).as_bytes())?;
    write(&dist.join("TOOLCHAIN"), tools.record.as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// As `sha256sum --check` reads it.
fn checksums(components: &[Component]) -> String {
    components
        .iter()
        .fold(String::new(), |mut lines, component| {
            let _ = writeln!(
                lines,
                "{}  {}.wasm",
                checksum(&component.bytes),
                component.name
            );
            lines
        })
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The versions of everything that the bytes depend on.
fn record(rustc: &str, linker: Option<&str>) -> Result<String> {
    let version = |program: &str| {
        let text =
            output(program, &["--version"]).with_context(|| format!("cannot run {program}"))?;
        Ok::<String, anyhow::Error>(text.lines().next().unwrap_or_default().trim().to_string())
    };
    let mut record = version(rustc)? + "\n";
    if let Some(linker) = linker {
        record += &format!("{}\n", version(linker)?);
    }
    record += &format!("{}\n", version("cargo")?);
    let root = root();
    for (name, lock) in [
        ("wit-bindgen", "plugins/Cargo.lock"),
        ("wit-component", "Cargo.lock"),
    ] {
        record += &format!("{name} {}\n", locked_version(&root.join(lock), name)?);
    }
    Ok(record)
}

/// The newest version of a crate in a lock file: where a second one is there,
/// it is an older one of some dependency.
fn locked_version(lock: &Path, name: &str) -> Result<String> {
    let text =
        fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let line = format!("name = \"{name}\"");
    let versions = text
        .lines()
        .zip(text.lines().skip(1))
        .filter(|(first, _)| *first == line);
    let parse = |version: &str| {
        version
            .split('.')
            .map(|n| n.parse().unwrap_or(0))
            .collect::<Vec<u32>>()
    };
    versions
        .filter_map(|(_, second)| second.strip_prefix("version = \"")?.strip_suffix('"'))
        .max_by_key(|version| parse(version))
        .map(str::to_string)
        .with_context(|| format!("`{name}` is not in {}", lock.display()))
}

fn copy_sources(root: &Path, to: &Path) -> Result<()> {
    copy_folder(&root.join("wit"), &to.join("wit"))?;
    copy_folder(&root.join("plugins"), &to.join("plugins"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (source, name) = (entry.path(), entry.file_name());
        match entry.file_type()?.is_dir() {
            // A template may be called `target`, too, and is a crate then.
            true if name == "dist" => {}
            true if name == "target" && !source.join("Cargo.toml").is_file() => {}
            true => copy_folder(&source, &to.join(&name))?,
            false => {
                fs::copy(&source, to.join(&name))
                    .with_context(|| format!("cannot copy {}", source.display()))?;
            }
        }
    }
    Ok(())
}

/// What a program prints, where it can be run and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

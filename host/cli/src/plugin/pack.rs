//! `baepo plugin pack`: from what a compiler makes to a plugin.

use std::path::{Path, PathBuf};

use baepo_runtime::plugin::{Hook, Packed, pack};

use super::about::{self, About};
use crate::config::is_stderr_coloured;
use crate::exit::Exit;
use crate::render::size;

/// Make a plugin of a core module or a component.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the compiler made.
    file: PathBuf,
    /// build, test, strategy, monitor, target or feedback; needed where neither
    /// the module nor baepo-plugin.yml says it.
    #[arg(long)]
    hook: Option<String>,
    /// Where the plugin goes.
    #[arg(long, short, default_value = "plugin.wasm")]
    output: PathBuf,
    /// What its author says of it; it need not be there.
    #[arg(long, default_value = about::FILE_NAME, value_name = "FILE")]
    about: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let about = match about::read(&args.about) {
        Ok(about) => about,
        Err(findings) => {
            crate::complain(&findings.render(is_stderr_coloured()));
            return Ok(Exit::Usage);
        }
    };
    let hook = match hook(args, &about) {
        Ok(hook) => hook,
        Err(what) => {
            super::complain(
                &what,
                &about::hooks(args.hook.as_deref().unwrap_or_default()),
            );
            return Ok(Exit::Usage);
        }
    };
    let bytes = match super::inspect::read_file(&args.file) {
        Ok(bytes) => bytes,
        Err(exit) => return Ok(exit),
    };
    let name = args.file.display();
    let packed = match pack(
        &bytes,
        hook,
        about.wishes.as_ref(),
        super::MAX_COMPONENT_BYTES,
    ) {
        Ok(packed) => packed,
        Err(error) => {
            super::complain(&format!("{name}: {error}"), &error.help());
            return Ok(Exit::Usage);
        }
    };
    if let Err(error) = write(&args.output, &packed.component) {
        let output = args.output.display();
        super::complain(&format!("{output} cannot be written: {error}"), "");
        return Ok(Exit::Failed);
    }
    crate::print(&said(&args.output, &packed));
    Ok(Exit::Success)
}

/// What is said on the command line, else in the file.
fn hook(args: &Args, about: &About) -> Result<Option<Hook>, String> {
    match &args.hook {
        None => Ok(about.hook),
        Some(name) => match about::parse_hook(name) {
            Some(hook) => Ok(Some(hook)),
            None => Err(format!("`{name}` is no hook")),
        },
    }
}

/// Whoever reads it meets the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    let all_may_read = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(all_may_read)?;
    file.persist(path)?;
    Ok(())
}

fn said(output: &Path, packed: &Packed) -> String {
    let hooks: Vec<&str> = packed.seen.hooks.iter().map(Hook::name).collect();
    let imports = packed.seen.imports.iter().map(String::as_str);
    let (wasi, imports): (Vec<&str>, Vec<&str>) = imports
        .map(|name| name.split('@').next().unwrap_or(name))
        .map(|name| name.strip_prefix("baepo:hooks/").unwrap_or(name))
        // Types are nothing that is linked.
        .filter(|name| *name != "types")
        .partition(|name| name.starts_with("wasi:"));
    let imports = match imports.as_slice() {
        [] => "imports nothing".into(),
        imports => format!("imports {}", imports.join(", ")),
    };
    let wishes = match &packed.seen.wishes {
        Some(wishes) if wishes.list().is_empty() => "wants nothing".into(),
        Some(wishes) if wishes.list().len() == 1 => "1 wish".into(),
        Some(wishes) => format!("{} wishes", wishes.list().len()),
        None => "states no wishes".into(),
    };
    let wasi = match packed.has_null_wasi || !wasi.is_empty() {
        true => "\n  its WASI is an empty one: no files, no variables; output goes to the log",
        false => "",
    };
    format!(
        "✓ {}  {}  {}  {imports}, {wishes}{wasi}\n  sha256 {}",
        output.display(),
        hooks.join(", "),
        size(packed.seen.size_bytes as u64),
        packed.seen.digest.hex(),
    )
}

//! Compiled code that this binary carries behind its end, for the components
//! that come with it: they start without a compiler, on a machine that has never
//! seen them. The binary is as trustworthy as itself, so this needs no key.
//!
//! Behind the program: the code of each component, an index as JSON, the length
//! of the index (8 bytes, little-endian) and [`MARK`]. The code is for the plain
//! processor of its architecture, whatever machine made it. Where it does not
//! fit (other settings, other engine, damaged) the component is compiled.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use baepo_core::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::classify::plain_text;
use super::compile::Setting;
use super::host::{Profile, build_engine};
use super::native::{self, Native};

const MARK: &[u8; 16] = b"\nbaepo-sealed-1\n";

/// Mark and length of the index.
const FOOT: u64 = 24;

/// An index is never larger.
const LONGEST_INDEX: u64 = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Of the component.
    component: Digest,
    /// Of the code.
    code: Digest,
    at: u64,
    len: u64,
}

/// What [`seal`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// Names of the components and the sizes of their code.
    pub sealed: Vec<(String, usize)>,
}

/// Why no binary was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file cannot be read or written.
    #[error("{path} cannot be sealed")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A component cannot be compiled.
    #[error("`{name}` cannot be compiled: {why}")]
    Compile {
        /// Which.
        name: String,
        /// What the engine says.
        why: String,
    },
}

/// Compile components and put a binary that carries them into the place of
/// `binary`. What it carried before is dropped.
///
/// # Errors
/// Nothing was changed.
pub fn seal(binary: &Path, components: &[(&str, &[u8])]) -> Result<Sealing, SealError> {
    let failed = |source| SealError::File {
        path: binary.display().to_string(),
        source,
    };
    let mut program = std::fs::read(binary).map_err(failed)?;
    let file = File::open(binary).map_err(failed)?;
    if let Some((index_at, entries)) = read_index(&file) {
        let begin = entries.iter().map(|entry| entry.at).min();
        program.truncate(begin.unwrap_or(index_at) as usize);
    }
    let setting = Setting {
        profile: Profile::Roomy,
        pool: None,
    };
    let plain = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let refused = |name: &str, error: &wasmtime::Error| SealError::Compile {
        name: name.into(),
        why: plain_text(error),
    };
    let engine = build_engine(setting, Some(&plain)).map_err(|e| refused("the engine", &e))?;
    let (mut entries, mut sealed) = (Vec::new(), Vec::new());
    for (name, bytes) in components {
        let code = engine
            .precompile_component(bytes)
            .map_err(|error| refused(name, &error))?;
        entries.push(Entry {
            component: Digest::from_bytes(Sha256::digest(bytes).into()),
            code: Digest::from_bytes(Sha256::digest(&code).into()),
            at: program.len() as u64,
            len: code.len() as u64,
        });
        sealed.push((name.to_string(), code.len()));
        program.extend_from_slice(&code);
    }
    let index = serde_json::to_vec(&entries).map_err(|error| failed(error.into()))?;
    program.extend_from_slice(&index);
    program.extend_from_slice(&(index.len() as u64).to_le_bytes());
    program.extend_from_slice(MARK);
    replace(binary, &program).map_err(failed)?;
    Ok(Sealing { sealed })
}

fn replace(binary: &Path, program: &[u8]) -> std::io::Result<()> {
    let folder = binary.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(program)?;
    draft
        .as_file()
        .set_permissions(binary.metadata()?.permissions())?;
    draft.as_file().sync_all()?;
    draft.persist(binary).map_err(|error| error.error)?;
    Ok(())
}

/// Where the index is, and the index.
fn read_index(file: &File) -> Option<(u64, Vec<Entry>)> {
    let size = file.metadata().ok()?.len();
    let mut foot = [0; FOOT as usize];
    file.read_exact_at(&mut foot, size.checked_sub(FOOT)?)
        .ok()?;
    let length = u64::from_le_bytes(*foot.strip_suffix(MARK)?.first_chunk()?);
    if length > LONGEST_INDEX {
        return None;
    }
    let at = size.checked_sub(FOOT)?.checked_sub(length)?;
    let mut index = vec![0; length as usize];
    file.read_exact_at(&mut index, at).ok()?;
    Some((at, serde_json::from_slice(&index).ok()?))
}

/// What the running binary carries.
struct Carried {
    file: File,
    entries: Vec<Entry>,
}

/// The component of this digest from the running binary.
pub(super) fn load(engine: &Engine, component: Digest) -> Option<Component> {
    static CARRIED: OnceLock<Option<Carried>> = OnceLock::new();
    let carried = CARRIED.get_or_init(|| {
        let file = File::open("/proc/self/exe").ok()?;
        let (_, entries) = read_index(&file)?;
        Some(Carried { file, entries })
    });
    let carried = carried.as_ref()?;
    let found = |entry: &&Entry| entry.component == component;
    let entry = carried.entries.iter().find(found)?;
    let mut code = Vec::with_capacity(entry.len as usize);
    let mut part = PartOf(&carried.file, entry.at).take(entry.len);
    part.read_to_end(&mut code).ok()?;
    if Digest::from_bytes(Sha256::digest(&code).into()) != entry.code {
        return None;
    }
    native::open(engine, &Native::Bytes(&code)).ok()
}

/// A file from some place on, without moving its common position.
struct PartOf<'a>(&'a File, u64);

impl std::io::Read for PartOf<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read_at(buffer, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

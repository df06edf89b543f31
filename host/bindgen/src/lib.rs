//! Bindings of WIT for plugin authors whose language has no generator at hand.
//!
//! An author has `baepo` and a compiler, and is to install nothing else. So
//! `baepo` writes what stands between the compiler and the canonical ABI:
//!
//! - [`c`] – by the library `wit-bindgen-c`
//! - [`go`] – by a generator of our own, because the official one makes code
//!   that depends on a module of its own
//!
//! Pure: texts of WIT in, files out.

mod c;
mod go;

pub use c::c;
pub use go::go;

use wit_parser::{Resolve, SourceMap, WorldId};

/// One file of the bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingFile {
    /// Its name, without folders.
    pub name: String,
    /// Its content; text, but for object files.
    pub content: Vec<u8>,
}

/// Why there are no bindings.
#[derive(Debug, thiserror::Error)]
pub enum BindgenError {
    /// The WIT is not one package that can be read.
    #[error("the WIT cannot be read: {why}")]
    Unreadable {
        /// What the parser says.
        why: String,
    },
    /// The package has no such world.
    #[error("there is no world `{world}`: {why}")]
    NoWorld {
        /// The world that was asked for.
        world: String,
        /// What the parser says.
        why: String,
    },
    /// Something that this generator does not know.
    #[error("{what} has no form in {language}")]
    Unsupported {
        /// The type or function.
        what: String,
        /// For which language.
        language: &'static str,
    },
}

/// The world of this name in a package whose files are `wit`, names and texts.
fn load(wit: &[(&str, &str)], world: &str) -> Result<(Resolve, WorldId), BindgenError> {
    let unreadable = |why: String| BindgenError::Unreadable { why };
    let mut sources = SourceMap::default();
    for (name, text) in wit {
        sources.push_str(name, *text);
    }
    let group = sources
        .parse()
        .map_err(|(_, error)| unreadable(format!("{error:#}")))?;
    let mut resolve = Resolve::default();
    let package = resolve
        .push_group(group)
        .map_err(|error| unreadable(format!("{error:#}")))?;
    let id = resolve
        .select_world(&[package], Some(world))
        .map_err(|error| BindgenError::NoWorld {
            world: world.into(),
            why: format!("{error:#}"),
        })?;
    Ok((resolve, id))
}

//! `baepo seal`: a last step of building. The built-in plugins are compiled into
//! the binary, so that no job has to compile them again.

use std::path::PathBuf;

use anyhow::Context;

use crate::plugins::BUILTINS;
use crate::{Exit, print};

/// Put compiled code of the built-in plugins into a binary.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary; this one unless another is named
    binary: Option<PathBuf>,
}

pub(crate) fn seal(args: &Args) -> anyhow::Result<Exit> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe().context("cannot find this binary")?,
    };
    let sealing = baepo_runtime::plugin::seal(&binary, &BUILTINS)?;
    for (name, size) in &sealing.sealed {
        print(&format!("{name:<12} {:>8.1} KiB", *size as f64 / 1024.0));
    }
    Ok(Exit::Success)
}

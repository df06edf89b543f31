//! `baepo plugin push`: publish a component to a registry, as `wkg` would.

use std::path::PathBuf;

use baepo_runtime::plugin::{LoadError, inspect};
use baepo_runtime::supply::{RegistrySource, Remote};

use crate::exit::Exit;

/// Publish a component to a registry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The component.
    file: PathBuf,
    /// Where to: oci://registry/repository:tag
    #[arg(value_name = "REF")]
    to: String,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let to = match parse(&args.to) {
        Ok(to) => to,
        Err(what) => {
            super::complain(&what, "such as `oci://ghcr.io/acme/check:1.2`");
            return Ok(Exit::Usage);
        }
    };
    let bytes = match super::inspect::read_file(&args.file) {
        Ok(bytes) => bytes,
        Err(exit) => return Ok(exit),
    };
    let name = args.file.display().to_string();
    let seen = match inspect(&bytes, super::MAX_COMPONENT_BYTES) {
        Ok(seen) if seen.hooks.is_empty() => {
            let found = seen.exports;
            return Ok(super::refuse_component(&name, &LoadError::NoHook { found }));
        }
        Ok(seen) => seen,
        Err(error) => return Ok(super::refuse_component(&name, &error)),
    };
    let pushed = match super::supply::fetcher() {
        Ok(fetcher) => fetcher.push(&to, &seen, bytes).await,
        Err(error) => Err(error),
    };
    match pushed {
        Ok(pushed) => {
            crate::print(&pushed.to_string());
            Ok(Exit::Success)
        }
        Err(error) => Ok(super::refuse_fetch(&error)),
    }
}

fn parse(text: &str) -> Result<RegistrySource, String> {
    match text.parse::<Remote>() {
        Ok(Remote::Registry(registry)) if registry.manifest.is_some() => {
            Err("a digest is what comes out, and cannot be pushed to".into())
        }
        Ok(Remote::Registry(registry)) if registry.tag.is_none() => {
            Err(format!("`{text}` needs a tag"))
        }
        Ok(Remote::Registry(registry)) => Ok(registry),
        Ok(Remote::Web(_)) => Err("plugins are pushed to registries alone".into()),
        Err(error) => Err(error.to_string()),
    }
}

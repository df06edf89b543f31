//! `baepo plugin fetch`: the step of a run that needs the network, on its own.

use std::path::PathBuf;

use super::supply::Supply;
use crate::exit::Exit;

/// Fetch every plugin of the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration.
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let root = crate::root()?;
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let supply = match Supply::open(&config, &root) {
        Ok(supply) => supply,
        Err(findings) => return Ok(crate::refuse(&findings)),
    };
    let mut findings = Vec::new();
    let gathered = supply.gather(supply.wanted(&config), &mut findings).await;
    for (source, component) in &gathered {
        let how = match component.is_new {
            true => "fetched",
            false => "here",
        };
        crate::print(&format!("{how:<8} {}  {source}", component.digest));
    }
    match findings.is_empty() {
        true => Ok(Exit::Success),
        false => Ok(crate::refuse(&config.findings(findings))),
    }
}

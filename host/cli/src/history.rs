//! `baepo history`: what happened in earlier runs, from their journals.

mod dora;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use baepo_core::report::Report;
use baepo_runtime::journal;
use clap::Args;

use crate::exit::Exit;
use crate::output::Output;
use crate::render::{headline, json, terminal};
use crate::show::Show;

/// List the runs of this checkout, or tell one of them.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The run to tell, by its name or how that begins; all are listed where
    /// absent.
    run: Option<String>,
    /// The measures of delivery instead: deployment frequency, lead time, change
    /// failure rate and time to restore, of each environment.
    #[arg(long, conflicts_with = "run")]
    dora: bool,
    /// How many days the measures are of.
    #[arg(long, value_name = "DAYS", default_value_t = 90, requires = "dora",
          value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// The folder of journals.
    #[arg(long, default_value = ".baepo/journal")]
    journal: PathBuf,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Show history.
///
/// # Errors
/// If a journal cannot be read.
pub(crate) async fn history(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let paint = Show::new(false).paint();
    if let Some(run) = &args.run {
        let path = path_of(&args.journal, run)?;
        let records = journal::read(&path)?;
        let report =
            Report::of(&records).with_context(|| format!("{} has no beginning", path.display()))?;
        if args.output.is_json() {
            crate::print(&json::line(&report)?);
            return Ok(Exit::Success);
        }
        for stage in &report.stages {
            crate::print(&terminal::stage_line(stage, paint));
        }
        for rollout in report.beside.iter().chain(&report.rollouts) {
            crate::print("");
            for record in &rollout.story {
                crate::print(&format!("  {}  {}", record.at.clock(), record.in_words()));
            }
            crate::print(&terminal::rollout_story(rollout, paint));
        }
        return Ok(Exit::Success);
    }
    let journals = journal::list(&args.journal)?;
    if args.dora {
        return dora::dora(&journals, args.days, args.output).await;
    }
    if journals.is_empty() {
        crate::print(&format!(
            "no run has left a journal in {}",
            args.journal.display()
        ));
    }
    for path in journals {
        let report = match journal::read(&path).map(|records| Report::of(&records)) {
            Ok(Some(report)) => report,
            Ok(None) => continue,
            Err(error) => {
                crate::print(&format!(
                    "{}: {}",
                    path.display(),
                    crate::error::one_line(&error)
                ));
                continue;
            }
        };
        if args.output.is_json() {
            crate::print(&json::line(&report)?);
        } else {
            crate::print(&format!(
                "{}  {:<24} {}  {}",
                report.started.rfc3339(),
                report.run,
                report.revision.short(),
                headline(&report)
            ));
        }
    }
    Ok(Exit::Success)
}

/// The journal of a run whose name begins like this.
fn path_of(folder: &Path, run: &str) -> anyhow::Result<PathBuf> {
    let whole = folder.join(format!("{run}.jsonl"));
    if whole.is_file() {
        return Ok(whole);
    }
    let name = |path: &Path| {
        path.file_stem()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let mut found = journal::list(folder)?;
    found.retain(|path| name(path).is_some_and(|name| name.starts_with(run)));
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "no run in {} is called `{run}`; `baepo history` lists them",
            folder.display()
        ),
        several => {
            let names: Vec<String> = several.iter().filter_map(|path| name(path)).collect();
            bail!("`{run}` may be one of {}", names.join(", "))
        }
    }
}
